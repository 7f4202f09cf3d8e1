"""A session with ten thousand lines: it opens, follows its end, and can be read by keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anyio
import pytest
from playwright.sync_api import Page, expect

from hotdesk.events import AgentReasoning, AgentThinking, Event
from hotdesk.logs.sqlite import SqliteLogs
from tests.e2e.conftest import pause
from tests.e2e.test_page import submit
from tests.hotdesk_process import Served, served, wait_until

pytestmark = pytest.mark.xdist_group("browser")  # one Chromium at a time

LINES = 10_000
ON_SCREEN = 80
"""More rows than any window shows."""


@pytest.fixture
def hotdesk(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path / "data", "pretend", HOTDESK_REHEARSAL_PACE="10") as running:
        yield running


def append(hotdesk: Served, session: str, events: Sequence[Event]) -> None:
    """Into the log, as a worker does. In a thread of its own: playwright has a running event loop in this one."""

    async def write() -> None:
        async with await SqliteLogs(hotdesk.data).open(session) as log:
            await log.append(*events)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(anyio.run, write).result()


def line(step: int, says: str) -> list[Event]:
    return [
        AgentReasoning(agent="a1", step=step, text=f"What I see in step {step}."),
        AgentThinking(agent="a1", step=step, says=says, tool="act", actions=({"do": "write", "text": says},)),
    ]


def test_ten_thousand_lines_open_follow_and_can_be_read_by_keyboard(page: Page, hotdesk: Served) -> None:
    session = submit(page, hotdesk, "Write a poem about tea", agents=1)
    pause(hotdesk, session, "a1")
    page.get_by_test_id("agent-tab-a1").click()
    expect(page.get_by_text(re.compile("^Desk open after"))).to_be_visible()
    append(hotdesk, session, [event for step in range(LINES) for event in line(1000 + step, f"Wrote line {step}")])
    page.goto(f"{hotdesk.address}/session/{session}/?agent=a1")

    log = page.get_by_role("region", name=re.compile("'s log$"))
    newest = log.get_by_text(f"Wrote line {LINES - 1}", exact=True)
    expect(newest).to_be_in_viewport()
    rows = page.get_by_test_id("thinking-row")
    assert rows.count() < ON_SCREEN
    entry = log.get_by_role("listitem").filter(has_text=f"Wrote line {LINES - 1}")
    wait_until(lambda: entry.get_attribute("aria-setsize") != "-1")  # its end is shown first; what was before comes after it
    size, place = entry.get_attribute("aria-setsize"), entry.get_attribute("aria-posinset")
    assert size == place
    assert int(size or 0) > LINES

    append(hotdesk, session, line(90_000, "One more"))
    expect(log.get_by_text("One more", exact=True)).to_be_in_viewport()

    log.focus()
    page.keyboard.press("Home")
    expect(log.get_by_text("Joined the session")).to_be_in_viewport()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    step = rows.first.get_by_role("button").first
    expect(step).to_have_attribute("aria-expanded", "true")
    append(hotdesk, session, line(90_001, "And another"))
    wait_until(lambda: log.get_by_role("listitem").first.get_attribute("aria-setsize") not in (size, str(int(size or 0) + 1)))
    expect(step).to_be_in_viewport()
    page.keyboard.press("End")
    expect(log.get_by_text("And another", exact=True)).to_be_in_viewport()
    expect(step).to_be_focused()  # it stays drawn, or the keyboard would begin anew
    append(hotdesk, session, line(90_002, "The last"))
    expect(log.get_by_text("The last", exact=True)).to_be_in_viewport()
