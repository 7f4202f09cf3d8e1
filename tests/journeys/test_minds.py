"""With keys: Claude plans, agents think through Dedalus, on real desks; the vendors' own SDKs over real HTTP to the model server (test
equipment). What goes wrong at the vendors is seen through to what a person is told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from tests.equipment import model_server as models
from tests.hotdesk_process import environment, short_folder

WAIT = 120.0

OK = {"when": "Say OK", "turns": [{"text": "OK"}]}


def final(**result: Any) -> dict[str, Any]:
    """An answer of the planner: it calls its output tool."""
    return {"calls": [{"name": "final_result", "arguments": result}]}


PLANNER = [
    {
        "when": "Break the request into tasks",
        "turns": [
            final(
                says="Notes first, then a page of them.",
                tasks=[
                    {"title": "Take notes", "instructions": "Write notes.txt about tea.", "needs": []},
                    {"title": "Lay out a leaflet", "instructions": "Make leaflet.txt from the notes.", "needs": [1]},
                ],
            )
        ],
    },
    {"when": "Say whether its result calls for further tasks", "turns": [final(tasks=[])] * 9},
    {
        "when": "Write what it came to",
        "turns": [final(claims=[{"says": "There is a leaflet about tea.", "rests_on": ["t2", "leaflet.txt"]}])],
    },
]

NOTES = {
    "when": "Write notes.txt about tea.",
    "turns": [
        {"text": "I open the editor.", "calls": [{"name": "launch", "arguments": {"application": "editor"}}]},
        {
            "text": "Now the notes, in one go.",
            "calls": [
                {
                    "name": "act",
                    "arguments": {"actions": [{"do": "write", "text": "Tea: 茶, thé, чай.\n"}, {"do": "press", "key": "ctrl+s"}]},
                }
            ],
        },
        {"text": "The dialog wants a name.", "calls": [{"name": "write", "arguments": {"text": "notes.txt"}}]},
        {"text": "Save.", "calls": [{"name": "press", "arguments": {"key": "Return"}}]},
        {"calls": [{"name": "run", "arguments": {"command": "cat notes.txt"}}]},
        {"text": "It is there.", "calls": [{"name": "finish_task", "arguments": {"result": "Wrote notes.txt."}}]},
    ],
}
LEAFLET = {
    "when": "Make leaflet.txt from the notes.",
    "turns": [
        {
            "before": [{"status": 429, "error": "slow down", "retry_after": 0.2}],
            "text": "I look.",
            "calls": [{"name": "list_files", "arguments": '{"path": '}],
        },
        {"text": "Put together.", "calls": [{"name": "run", "arguments": {"command": "cat Inputs/*/notes.txt > leaflet.txt"}}]},
        {"calls": [{"name": "finish_task", "arguments": {"result": "Made leaflet.txt."}}]},
    ],
}


async def hotdesk_run(data: Path, desks: str, server: models.ModelServer, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    def run() -> subprocess.CompletedProcess[str]:
        with short_folder() as short:
            return subprocess.run(
                [sys.executable, "-m", "hotdesk", "run", "Make a leaflet about tea", "--agents", "2", "--json", *arguments],
                env=environment(data, short / "r", desks) | models.environment(server.url) | more,
                cwd=short,
                capture_output=True,
                text=True,
                timeout=WAIT,
                check=False,
            )

    return await anyio.to_thread.run_sync(run)


def log_of(data: Path) -> list[dict[str, Any]]:
    import sqlite3

    (file,) = (data / "sessions").glob("*/log.sqlite")
    with sqlite3.connect(file) as db:
        return [json.loads(body) for (body,) in db.execute("SELECT body FROM events ORDER BY seq")]


@pytest.mark.parametrize("desks", ["local"])
async def test_claude_plans_dedalus_works_real_desks_and_the_summary_rests_on_what_is_there(tmp_path: Path, desks: str) -> None:
    async with models.model_server({"scripts": [OK, *PLANNER, LEAFLET, NOTES]}) as server:
        ran = await hotdesk_run(tmp_path, desks, server, "--out", str(tmp_path / "out"))
        assert ran.returncode == 0, ran.stderr
        result = json.loads(ran.stdout)
        assert [(task["title"], task["status"]) for task in result["tasks"]] == [
            ("Take notes", "completed"),
            ("Lay out a leaflet", "completed"),
        ]
        assert (tmp_path / "out" / "leaflet.txt").read_text() == "Tea: 茶, thé, чай.\n"
        events = log_of(tmp_path)
        created, complete = events[0], events[-1]
        assert created["planner"].startswith("anthropic:")
        assert created["brain"].startswith("dedalus:")
        assert not created["rehearsal"]
        assert "There is a leaflet about tea. (t2: Lay out a leaflet, leaflet.txt)" in complete["summary"]["text"]
        assert any("Waiting for Dedalus" in e["says"] for e in events if e["type"] == "agent:thinking")
        spent = [e["spending"] for e in events if e["type"] in ("agent:spent", "session:spent")]
        assert len(spent) >= 10
        assert all(s["input"] > 0 and s["output"] > 0 for s in spent)
        assert result["spent"]["calls"] == len(spent)
        assert result["spent"]["input"] == sum(s["input"] for s in spent)
        assert result["spent"]["dollars"] > 0
        assert "The models took" in complete["summary"]["text"]
        reasoning = "".join(e["text"] for e in events if e["type"] == "agent:reasoning")
        assert "Now the notes, in one go." in reasoning
        asked = {request.protocol for request in server.requests}
        assert asked == {"anthropic", "openai"}
        assert any(request.images for request in server.requests if request.protocol == "openai")


@pytest.mark.parametrize("wrong", [{"status": 401, "error": "invalid x-api-key", "kind": "authentication_error"}])
async def test_a_wrong_key_is_said_in_a_sentence_before_anything_begins(tmp_path: Path, wrong: dict[str, Any]) -> None:
    async with models.model_server([wrong] * 20) as server:
        ran = await hotdesk_run(tmp_path, "pretend", server)
        assert ran.returncode == 3
        assert "key" in ran.stderr
        assert "Traceback" not in ran.stderr
        assert not (tmp_path / "sessions").exists()


async def test_a_session_stops_when_its_money_is_used_up_and_keeps_what_it_has(tmp_path: Path) -> None:
    async with models.model_server({"scripts": [OK, *PLANNER, LEAFLET, NOTES]}) as server:
        ran = await hotdesk_run(tmp_path, "pretend", server, HOTDESK_MAX_TOKENS="4000")
        assert ran.returncode == 130
        result = json.loads(ran.stdout)
        assert result["outcome"] == "stopped"
        assert "tokens are used up" in log_of(tmp_path)[-1]["summary"]["text"]


async def test_a_planner_that_answers_nonsense_leaves_one_task(tmp_path: Path) -> None:
    nonsense = [{"when": "Break the request into tasks", "turns": [{"text": "What a lovely request!"}] * 9}]
    whole = {"when": "Make a leaflet about tea", "turns": [{"calls": [{"name": "finish_task", "arguments": {"result": "Nothing to do."}}]}]}
    async with models.model_server({"scripts": [OK, *nonsense, *PLANNER[1:], whole]}) as server:
        ran = await hotdesk_run(tmp_path, "pretend", server)
        assert ran.returncode == 0, ran.stderr
        assert len(json.loads(ran.stdout)["tasks"]) == 1
