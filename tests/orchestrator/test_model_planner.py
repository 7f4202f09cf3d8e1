"""A planner with a model: real SDKs over real HTTP, against a server that follows a script."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hotdesk import events as ev
from hotdesk.errors import BrainError
from hotdesk.orchestrator.choose import PLANNER_LABELS, choose_planner
from hotdesk.orchestrator.model_planner import ADDED_IN_ALL, ModelPlanner
from hotdesk.orchestrator.planner import PlannedTask, Review
from hotdesk.settings import MindSettings, read
from hotdesk.whiteboard import ArtifactState, TaskState, Whiteboard
from tests.equipment.model_server import ModelServer, environment, model_server

pytestmark = pytest.mark.anyio

CLAUDE = "anthropic:claude-opus-5-5"
PLANNERS = [
    CLAUDE,
    "dedalus:anthropic/claude-sonnet-5-5",
    "dedalus:openai/gpt-5.6-terra|anthropic/claude-sonnet-5-5",
    "openai:gpt-5.6-terra",
    "google:gemini-3.8-flash",
]


def answer(**arguments: Any) -> dict[str, Any]:
    return {"calls": [{"name": "final_result", "arguments": arguments}]}


def task(title: str, *needs: Any) -> dict[str, Any]:
    return {"title": title, "instructions": f"{title}, and well.", "needs": list(needs)}


PLAN = answer(says="Two parts, then one.", tasks=[task("Collect"), task("Draw"), task("Assemble", 1, 2)])


@asynccontextmanager
async def planning(patch: pytest.MonkeyPatch, name: str, *script: dict[str, Any]) -> AsyncGenerator[tuple[ModelPlanner, ModelServer]]:
    async with model_server(script) as server:
        for variable, value in environment(server.url).items():
            patch.setenv(variable, value)
        planner = choose_planner(read(MindSettings, planner=name))
        assert isinstance(planner, ModelPlanner)

        async def sleep(_: float) -> None:
            pass

        planner._sleep = sleep
        yield planner, server
        assert server.problems == []


def board(limit: int = 10, **more: Any) -> Whiteboard:
    tasks = {
        "t1": TaskState(id="t1", title="Collect", instructions="Collect it.", status="completed", result="Found 3.", artifacts=("x1",)),
        "t2": TaskState(id="t2", title="Draw", instructions="Draw it."),
    }
    file = ArtifactState(id="x1", name="a.csv", path="a.csv", bytes=3, media_type="text/csv", blob="b", task="t1", agent="a1", at=0.0)
    state = {"prompt": "A report.", "status": "running", "tasks": tasks, "artifacts": {"x1": file}, "limits": ev.Limits(tasks=limit)}
    return Whiteboard(**{**state, **more})


NOTHING_LEFT = board(limit=1, tasks={"t1": board().tasks["t1"]})
"""No room for another task, and none left that could be changed."""


@pytest.mark.parametrize("name", PLANNERS)
async def test_a_plan_has_tasks_that_need_each_other_by_position(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    async with planning(monkeypatch, name, PLAN) as (planner, server):
        plan = await planner.plan("Make a report.", 3)
        assert plan.says == "Two parts, then one."
        assert [(t.title, t.needs) for t in plan.tasks] == [("Collect", ()), ("Draw", ()), ("Assemble", (0, 1))]
        assert plan.tasks[0].instructions == "Collect, and well."
        assert "Make a report." in server.requests[0].text
        assert [(spent.model, spent.input) for spent in planner.usage] == [(name, 1000)]
        assert planner.usage[0].dollars is not None


@pytest.mark.parametrize("name", PLANNERS)
async def test_a_plan_that_does_not_fit_is_asked_for_again(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    async with planning(monkeypatch, name, answer(says="x", tasks=[]), {"text": "Here is my plan."}, PLAN) as (planner, server):
        assert len((await planner.plan("Make a report.", 3)).tasks) == 3
        assert len(server.requests) == 3
        assert len(planner.usage) == 3


@pytest.mark.parametrize("name", PLANNERS[:2])
async def test_a_plan_that_never_fits_ends_in_a_sentence(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    async with planning(monkeypatch, name, *[{"text": "No."}] * 9) as (planner, server):
        with pytest.raises(BrainError, match="no answer that fits"):
            await planner.plan("Make a report.", 3)
        assert len(server.requests) == 3
        assert len(planner.usage) == 3


async def test_trouble_is_waited_out_and_then_the_next_model_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    async with planning(monkeypatch, f"{CLAUDE},openai:gpt-5.6-terra", {"status": 529}, {"status": 401}, PLAN) as (planner, server):
        assert len((await planner.plan("Make a report.", 3)).tasks) == 3
        assert [request.protocol for request in server.requests] == ["anthropic", "anthropic", "openai"]


async def test_nobody_to_plan_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    async with planning(monkeypatch, CLAUDE, {"status": 401}) as (planner, _):
        with pytest.raises(BrainError, match="Check ANTHROPIC_API_KEY"):
            await planner.plan("Make a report.", 3)


async def test_a_review_usually_adds_nothing_and_sees_results_and_files(monkeypatch: pytest.MonkeyPatch) -> None:
    async with planning(monkeypatch, CLAUDE, answer(tasks=[])) as (planner, server):
        assert await planner.review(board(), "t1") == Review([], {}, [])
        assert "Found 3." in server.requests[0].text
        assert "a.csv" in server.requests[0].text


async def test_a_review_adds_what_is_called_for_and_nothing_that_needs_the_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    async with planning(monkeypatch, CLAUDE, answer(tasks=[task("Ask the other side", "t1", "t99")])) as (planner, _):
        review = await planner.review(board(), "t1")
        assert review.add == [PlannedTask("Ask the other side", "Ask the other side, and well.", ("t1",))]


@pytest.mark.parametrize("full", [NOTHING_LEFT, board(status="stopping")])
async def test_a_review_without_room_makes_no_call(monkeypatch: pytest.MonkeyPatch, full: Whiteboard) -> None:
    async with planning(monkeypatch, CLAUDE) as (planner, server):
        assert await planner.review(full, "t1") == Review()
        assert server.requests == []


async def test_reviews_cannot_go_on_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    more = answer(tasks=[task("More"), task("And more")])
    async with planning(monkeypatch, CLAUDE, *[more] * 20) as (planner, _):
        added = [len((await planner.review(board(limit=500), "t1")).add) for _ in range(10)]
        assert sum(added) == ADDED_IN_ALL


async def test_a_summary_ties_each_claim_to_a_task_or_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = answer(claims=[{"says": "All is well.", "rests_on": ["t7"]}])
    right = answer(claims=[{"says": "There are three.", "rests_on": ["t1", "a.csv"]}])
    async with planning(monkeypatch, CLAUDE, wrong, right) as (planner, server):
        assert await planner.summary(board()) == "- There are three. (t1: Collect, a.csv)"
        assert "There is no task or file t7" in server.requests[1].text


async def test_a_session_without_results_needs_no_words(monkeypatch: pytest.MonkeyPatch) -> None:
    async with planning(monkeypatch, CLAUDE) as (planner, server):
        assert await planner.summary(board(tasks={})) is None
        assert server.requests == []


def test_every_planner_has_a_label() -> None:
    assert PLANNER_LABELS["one"] == "None: the prompt is one task"
    assert PLANNER_LABELS[CLAUDE] == "Claude (claude-opus-5-5)"
