"""What the page says about who thinks and what it costs, with a model (test equipment) behind it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.test_page import submit
from tests.equipment import model_server as models
from tests.hotdesk_process import Served, served

pytestmark = pytest.mark.xdist_group("browser")  # one Chromium at a time

TURNS = [
    {
        "text": "I look.",
        "calls": [{"name": "list_files", "arguments": {"path": "."}}],
        "usage": {"input": 2400, "cached": 2000, "output": 100},
    },
    {"text": "It is done.", "calls": [{"name": "finish_task", "arguments": {"result": "There was nothing to do."}}]},
]


@pytest.fixture(params=[None, "ollama:some-model"], ids=["priced", "unpriced"])
def hotdesk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    """Plans by rules, thinks with the model server: a model whose price is known, or one whose price nobody knows."""
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"scripts": [{"when": "Say OK", "turns": [{"text": "OK"}]}, {"when": "", "turns": TURNS}]}))
    command = [sys.executable, "-m", "tests.equipment.model_server", "--script", str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as server:
        try:
            assert server.stdout is not None
            settings = models.environment(server.stdout.readline().strip()) | {"HOTDESK_PLANNER": "rehearsal"}
            if request.param:
                settings["HOTDESK_BRAIN"] = request.param
            with served(tmp_path / "data", "pretend", **settings) as running:
                yield running
        finally:
            server.terminate()


def test_who_was_chosen_why_and_what_each_step_cost_can_be_read(page: Page, hotdesk: Served) -> None:
    with hotdesk.http as http:
        about = http.get("/api/about").json()
    page.goto(hotdesk.address)
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for part in ("planner", "brain"):
            expect(page.get_by_test_id("in-use")).to_contain_text(about[part]["label"])
            why = page.get_by_test_id(f"why-{part}")
            expect(why).to_have_text(about[part]["why"])
            expect(why).to_be_visible()
    page.set_viewport_size({"width": 1440, "height": 900})

    session = submit(page, hotdesk, "Write a poem about tea", agents=1)
    expect(page.get_by_test_id("tab-summary")).to_be_visible(timeout=60_000)
    page.get_by_test_id("agent-tab-a1").click()
    first = page.get_by_test_id("thinking-row").first
    cost = first.get_by_test_id("step-cost")
    with hotdesk.http as http:
        board = http.get(f"/api/sessions/{session}").json()
        events = http.get(f"/api/sessions/{session}/events").json()["events"]
    spent = next(event["spending"] for event in events if event["type"] == "agent:spent")
    priced = spent["dollars"] is not None
    assert priced is ("ollama" not in about["brain"]["name"])
    expect(cost).to_contain_text("2.5k")
    expect(cost).to_contain_text(f"${spent['dollars']:.4f}" if priced else "unknown")
    first.get_by_role("button").first.click()
    expect(first).to_contain_text(f"{spent['model']}: 2.4k tokens in (2.0k of them cached), 100 out")
    if priced:
        whole = board["agents"]["a1"]["spent"]["dollars"]
        expect(page.get_by_role("button", name="Thinking")).to_contain_text(f"${whole:.2f}")
