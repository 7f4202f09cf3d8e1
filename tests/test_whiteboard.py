"""The fold: pure, total, and honest about who may say what."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings

from hotdesk import events as ev
from hotdesk.whiteboard import Whiteboard, fold, fold_all
from tests.strategies import numbered, session

FIXTURE = Path(__file__).parents[1] / "web" / "lib" / "fixtures" / "sessions.json"

CREATED = ev.SessionCreated(prompt="p", agents=2, planner="r", brain="r", desks="local", rehearsal=True)
READY = ev.AgentReady(agent="a1", pid=1, desk="d", provider="local", width=1280, height=800, seconds=0.1)
WORKING = [
    CREATED,
    ev.SessionPlanned(says="One task.", tasks=1),
    ev.TaskCreated(task="t1", title="One", instructions="Do one."),
    ev.AgentHired(agent="a1", name="Ada", engine="local"),
    READY,
    ev.TaskAssigned(agent="a1", task="t1", attempt=1),
]


def saved(attempt: int) -> ev.ArtifactSaved:
    return ev.ArtifactSaved(
        agent="a1", task="t1", attempt=attempt, artifact="f1", name="f", path="f", bytes=1, media_type="text/plain", blob="0" * 40
    )


def board_of(*events: ev.Event) -> Whiteboard:
    return fold_all(numbered(list(events)))


@settings(max_examples=200, deadline=None)
@given(session)
def test_no_log_at_all_makes_the_fold_raise_and_it_counts_every_event(events: list[ev.Event]) -> None:
    assert fold_all(events).last == len(events)


@settings(max_examples=100, deadline=None)
@given(session)
def test_folding_in_two_parts_is_folding_in_one(events: list[ev.Event]) -> None:
    half = len(events) // 2
    assert fold_all(events[half:], fold_all(events[:half])) == fold_all(events)


@settings(max_examples=100, deadline=None)
@given(session)
def test_the_fold_changes_nothing_it_is_given(events: list[ev.Event]) -> None:
    board = Whiteboard()
    for event in events:
        before = board.model_dump_json()
        after = fold(board, event)
        assert board.model_dump_json() == before
        board = after


@settings(max_examples=200, deadline=None)
@given(session)
def test_a_task_and_its_agent_always_agree(events: list[ev.Event]) -> None:
    board = Whiteboard()
    for event in events:
        board = fold(board, event)
        for task in board.tasks.values():
            if task.status == "running":
                assert task.agent is not None
                assert board.agents[task.agent].task == task.id
                assert board.agents[task.agent].alive
        for agent in board.agents.values():
            if agent.task is not None:
                assert board.tasks[agent.task].agent == agent.id
                assert board.tasks[agent.task].status == "running"


@settings(max_examples=100, deadline=None)
@given(session)
def test_an_event_survives_its_json(events: list[ev.Event]) -> None:
    assert [ev.event_from_json(event.model_dump_json()) for event in events] == events


def test_a_task_goes_from_waiting_to_running_to_completed() -> None:
    board = board_of(*WORKING)
    assert (board.tasks["t1"].status, board.agents["a1"].status) == ("running", "working")
    board = board_of(*WORKING, saved(1), ev.TaskCompleted(agent="a1", task="t1", attempt=1, result="done", artifacts=("f1",)))
    assert (board.tasks["t1"].status, board.tasks["t1"].artifacts, board.agents["a1"].status) == ("completed", ("f1",), "idle")


def test_what_a_lost_agent_still_says_is_ignored() -> None:
    late = ev.TaskCompleted(agent="a1", task="t1", attempt=1, result="late")
    board = board_of(*WORKING, ev.AgentLost(agent="a1", reason="killed"), saved(1), late)
    assert board.tasks["t1"].status == "waiting"
    assert board.artifacts == {}
    assert board.agents["a1"].status == "lost"


def test_what_an_earlier_attempt_says_is_ignored() -> None:
    again = [ev.TaskFailed(agent="a1", task="t1", attempt=1, reason="no"), ev.TaskAssigned(agent="a1", task="t1", attempt=2)]
    board = board_of(*WORKING, *again, ev.TaskCompleted(agent="a1", task="t1", attempt=1, result="late"))
    assert (board.tasks["t1"].status, board.tasks["t1"].attempt) == ("running", 2)


def test_an_agent_taken_over_while_paused_is_still_paused_when_handed_back() -> None:
    events = [*WORKING, ev.AgentPaused(agent="a1"), ev.AgentTaken(agent="a1", by="tab")]
    assert board_of(*events).agents["a1"].status == "taken"
    assert board_of(*events, ev.AgentReleased(agent="a1", by="tab")).agents["a1"].status == "paused"


def test_abandoning_a_running_task_frees_its_agent() -> None:
    board = board_of(*WORKING, ev.TaskAbandoned(task="t1", reason="stopped"))
    assert (board.tasks["t1"].status, board.agents["a1"].status) == ("failed", "idle")


@pytest.mark.skipif(not FIXTURE.exists(), reason="the page's sources are not here")
def test_the_page_s_fixture_is_what_the_fold_makes() -> None:
    """The page folds the same events; its own test holds it to the same whiteboards."""
    for case in json.loads(FIXTURE.read_text()):
        events = [ev.event_from_object(event) for event in case["events"]]
        assert fold_all(events).model_dump(mode="json") == case["whiteboard"], case["name"]
