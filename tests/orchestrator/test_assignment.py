"""Assignment is a pure function of the whiteboard: who gets what, whom to hire, whom to dismiss."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings

from hotdesk import events as ev
from hotdesk.orchestrator.assignment import abandoned, assign, is_over, superfluous, wanted
from hotdesk.whiteboard import AgentState, TaskState, Whiteboard, fold_all
from tests.strategies import session


def agent(name: str, **state: Any) -> AgentState:
    return AgentState(**{"id": name, "name": name, "engine": "e", "status": "idle", "ready_at": 1.0, **state})


def task(name: str, **state: Any) -> TaskState:
    return TaskState(**{"id": name, "title": name, "instructions": name, **state})


def board(tasks: list[TaskState], agents: list[AgentState], **state: Any) -> Whiteboard:
    return Whiteboard(
        **{
            "status": "running",
            "agents_wanted": 4,
            "tasks": {t.id: t for t in tasks},
            "agents": {a.id: a for a in agents},
            **state,
        }
    )


def test_the_oldest_task_goes_to_the_first_idle_agent() -> None:
    assert assign(board([task("t1"), task("t2")], [agent("a1")])) == [("t1", "a1", 1)]


def test_each_idle_agent_gets_a_task_of_its_own() -> None:
    pushed = assign(board([task("t1"), task("t2"), task("t3")], [agent("a1"), agent("a2")]))
    assert pushed == [("t1", "a1", 1), ("t2", "a2", 1)]


def test_a_task_waits_for_what_it_needs() -> None:
    waiting = [task("t1", status="running", agent="a1", attempt=1), task("t2", needs=("t1",))]
    assert assign(board(waiting, [agent("a2")])) == []
    done = [task("t1", status="completed"), task("t2", needs=("t1",))]
    assert assign(board(done, [agent("a2")])) == [("t2", "a2", 1)]


def test_paused_taken_working_and_dismissed_agents_get_nothing() -> None:
    others = [agent("a1", status="paused"), agent("a2", status="taken"), agent("a3", status="working"), agent("a4", dismissed=True)]
    assert assign(board([task("t1")], others)) == []


def test_a_failed_task_goes_to_another_agent() -> None:
    failed = task("t1", attempt=1, tried_by=("a1",))
    assert assign(board([failed], [agent("a1"), agent("a2")])) == [("t1", "a2", 2)]


def test_a_failed_task_waits_for_a_new_agent_if_one_may_be_hired() -> None:
    lonely = board([task("t1", attempt=1, tried_by=("a1",))], [agent("a1")])
    assert assign(lonely) == []
    assert wanted(lonely) == 1


def test_a_failed_task_goes_back_to_the_only_agent_there_can_be() -> None:
    assert assign(board([task("t1", attempt=1, tried_by=("a1",))], [agent("a1")], agents_wanted=1)) == [("t1", "a1", 2)]


def test_no_more_agents_are_hired_than_asked_for_or_than_there_is_work() -> None:
    assert wanted(board([task("t1"), task("t2")], [])) == 2
    assert wanted(board([task(f"t{n}") for n in range(9)], [])) == 4
    assert wanted(board([task(f"t{n}") for n in range(9)], [], agents_wanted=2)) == 2
    assert wanted(board([task("t1")], [agent("a1", status="starting", ready_at=None)])) == 0


def test_tasks_that_wait_for_others_hire_nobody() -> None:
    assert wanted(board([task("t1"), task("t2", needs=("t1",))], [])) == 1


def test_a_stopping_session_hires_and_assigns_nobody() -> None:
    stopping = board([task("t1")], [agent("a1")], status="stopping", stop_reason="Enough.")
    assert (wanted(stopping), assign(stopping)) == (0, [])
    assert abandoned(stopping) == [("t1", "Enough.")]
    assert superfluous(stopping) == ["a1"]


def test_used_up_attempts_abandon_a_task_with_the_last_reason() -> None:
    assert abandoned(board([task("t1", attempt=2, reason="The disk is full.")], [])) == [("t1", "The disk is full.")]


def test_a_task_whose_need_failed_is_abandoned_and_says_which() -> None:
    found = abandoned(board([task("t1", title="First", status="failed"), task("t2", needs=("t1",))], []))
    assert found == [("t2", "It needs «First», which was not done.")]


def test_agents_that_never_get_ready_end_the_hiring_and_then_the_session() -> None:
    dead = [agent(f"a{n}", status="terminated", ready_at=None, ended_at=2.0, reason="No desk: quota.") for n in range(3)]
    hopeless = board([task("t1")], dead)
    assert wanted(hopeless) == 0
    assert abandoned(hopeless) == [("t1", "No desk: quota.")]
    still_one = board([task("t1")], [*dead, agent("a9")])
    assert (wanted(still_one), abandoned(still_one)) == (0, [])


def test_idle_agents_are_dismissed_only_when_nothing_waits() -> None:
    assert superfluous(board([task("t1", status="running"), task("t2", needs=("t1",))], [agent("a2")])) == []
    assert superfluous(board([task("t1", status="running")], [agent("a1", status="working", task="t1"), agent("a2")])) == ["a2"]


def test_a_session_is_over_when_nothing_is_left_and_nobody_is_left() -> None:
    assert not is_over(board([task("t1", status="completed")], [agent("a1")]))
    assert is_over(board([task("t1", status="completed")], [agent("a1", status="terminated", ended_at=2.0)]))


@settings(max_examples=300, deadline=None)
@given(session)
def test_in_any_session_a_decision_names_each_task_and_agent_once_and_only_free_ones(events: list[ev.Event]) -> None:
    state = fold_all(events)
    pushed = assign(state)
    assert len({p.task for p in pushed}) == len({p.agent for p in pushed}) == len(pushed)
    for p in pushed:
        assert state.agents[p.agent].status == "idle"
        assert state.tasks[p.task].status == "waiting"
        assert all(state.tasks[need].status in ("completed", "dropped") for need in state.tasks[p.task].needs)
    living = sum(a.alive and not a.dismissed for a in state.agents.values())
    assert living + wanted(state) <= max(living, min(state.agents_wanted, state.limits.agents))
    assert not {p.agent for p in pushed} & set(superfluous(state))
