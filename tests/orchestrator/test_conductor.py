"""A session from its prompt to its end, with workers that do what each test wants of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from hotdesk import events as ev
from hotdesk.engines.inprocess import InprocessEngine, Work
from hotdesk.errors import BadInput, BrainError, Conflict, NotFound
from hotdesk.logs.base import Log, Logs
from hotdesk.logs.memory import MemoryLogs
from hotdesk.logs.sqlite import SqliteLogs
from hotdesk.orchestrator import Orchestrator
from hotdesk.orchestrator.planner import Plan, PlannedTask, Planner, Review, Rewording
from hotdesk.orchestrator.sessions import Cast
from hotdesk.settings import SessionSettings
from hotdesk.whiteboard import Whiteboard, fold, fold_all

WAIT = 20.0


class Planned(Planner):
    name = "test"

    def __init__(self, *tasks: PlannedTask, then: Callable[[Whiteboard, str], Review] = lambda *_: Review()) -> None:
        super().__init__()
        self._tasks = tasks
        self._then = then

    async def plan(self, prompt: str, agents: int) -> Plan:
        return Plan("A plan.", self._tasks)

    async def review(self, board: Whiteboard, task: str) -> Review:
        return self._then(board, task)


def todo(title: str, *needs: int | str) -> PlannedTask:
    return PlannedTask(title, f"Do {title}.", needs)


Deed = Callable[[Log, str, ev.TaskAssigned], Awaitable[None]]


async def succeed(log: Log, agent: str, given: ev.TaskAssigned) -> None:
    await log.append(ev.TaskCompleted(agent=agent, task=given.task, attempt=given.attempt, result=f"{given.task} by {agent}"))


async def fail(log: Log, agent: str, given: ev.TaskAssigned) -> None:
    await log.append(ev.TaskFailed(agent=agent, task=given.task, attempt=given.attempt, reason="It did not work."))


def worker(deed: Deed = succeed) -> Work:
    """A worker without desk or brain: does `deed` for each task it is given, ends when told."""

    async def work(log: Log, agent: str) -> None:
        await log.append(ev.AgentReady(agent=agent, pid=1, desk=agent, provider="test", width=1, height=1, seconds=0.0))
        async with log.follow() as events:
            async for event in events:
                if isinstance(event, ev.TaskAssigned) and event.agent == agent:
                    await deed(log, agent, event)
                elif isinstance(event, ev.SessionStopping) or (isinstance(event, ev.AgentDismissed) and event.agent == agent):
                    await log.append(ev.AgentTerminated(agent=agent, reason="Told so."))
                    return

    return work


@asynccontextmanager
async def orchestrator(logs: Logs, planner: Planner, work: Work, **settings: Any):  # type: ignore[no-untyped-def]
    cleared: list[str] = []

    async def clear(desk: str, _: str) -> None:
        cleared.append(desk)

    async def casting(*_: str | None) -> Cast:
        return Cast(planner, "test", "test", "test", rehearsal=False)

    async with Orchestrator(logs, InprocessEngine(work), casting, SessionSettings(**settings), clear) as running:
        running.cleared = cleared  # type: ignore[attr-defined]
        yield running


async def board_of(logs: Logs, session: str) -> Whiteboard:
    async with await logs.open(session) as log:
        return fold_all(await log.read())


async def run(logs: Logs, planner: Planner, work: Work, agents: int = 3, **settings: Any) -> Whiteboard:
    with anyio.fail_after(WAIT):
        async with orchestrator(logs, planner, work, **settings) as running:
            session = await running.submit("Do it.", agents)
            await running.over(session)
    board = await board_of(logs, session)
    assert board.status == "complete"
    assert not any(agent.alive for agent in board.agents.values())
    return board


@pytest.fixture(params=[MemoryLogs, SqliteLogs], ids=["memory", "sqlite"])
def logs(request: pytest.FixtureRequest, tmp_path: Path) -> Logs:
    made: Logs = request.param(tmp_path)
    return made


async def test_every_task_is_done_and_the_session_completes(logs: Logs) -> None:
    board = await run(logs, Planned(todo("one"), todo("two"), todo("three", 0, 1)), worker())
    assert board.outcome == "completed"
    assert [task.status for task in board.tasks.values()] == ["completed"] * 3
    assert board.summary is not None
    assert board.summary.text.startswith("All 3 tasks are done.")


async def test_a_task_begins_only_after_all_it_needs(logs: Logs) -> None:
    begun: list[str] = []

    async def note(log: Log, agent: str, given: ev.TaskAssigned) -> None:
        begun.append(given.task)
        board = fold_all(await log.read())
        assert all(board.tasks[need].status == "completed" for need in board.tasks[given.task].needs)
        await succeed(log, agent, given)

    await run(logs, Planned(todo("a"), todo("b", 0), todo("c", 1), todo("d", 0, 2)), worker(note))
    assert begun == ["t1", "t2", "t3", "t4"]


async def test_tasks_run_side_by_side_on_as_many_agents_as_asked_for(tmp_path: Path) -> None:
    logs, at_work, together = MemoryLogs(tmp_path), 0, anyio.Event()

    async def meet(log: Log, agent: str, given: ev.TaskAssigned) -> None:
        nonlocal at_work
        at_work += 1
        if at_work == 3:
            together.set()
        await together.wait()
        await succeed(log, agent, given)

    board = await run(logs, Planned(*(todo(f"{n}") for n in range(3))), worker(meet), agents=3)
    assert len(board.agents) == 3


async def test_no_more_agents_are_hired_than_there_are_tasks(tmp_path: Path) -> None:
    board = await run(MemoryLogs(tmp_path), Planned(todo("only")), worker(), agents=4)
    assert len(board.agents) == 1


async def test_a_failed_task_is_tried_again_by_another_agent(tmp_path: Path) -> None:
    async def only_a1_fails(log: Log, agent: str, given: ev.TaskAssigned) -> None:
        await (fail if agent == "a1" else succeed)(log, agent, given)

    board = await run(MemoryLogs(tmp_path), Planned(todo("hard")), worker(only_a1_fails), agents=2)
    assert board.outcome == "completed"
    assert board.tasks["t1"].tried_by == ("a1", "a2")


async def test_attempts_are_bounded_and_the_summary_says_what_failed_and_what_waited_for_it(logs: Logs) -> None:
    async def t1_fails(log: Log, agent: str, given: ev.TaskAssigned) -> None:
        await (fail if given.task == "t1" else succeed)(log, agent, given)

    board = await run(logs, Planned(todo("hard"), todo("easy"), todo("after", 0)), worker(t1_fails))
    assert board.outcome == "failed"
    assert board.tasks["t1"].attempt == 2
    assert [task.status for task in board.tasks.values()] == ["failed", "completed", "failed"]
    assert board.summary is not None
    assert "1 of 3 tasks is done" in board.summary.text
    assert "«hard» was not done: It did not work." in board.summary.text
    assert "«after» was not done: It needs «hard»" in board.summary.text


async def test_a_worker_that_crashes_is_lost_its_desk_is_cleared_and_another_takes_its_task(logs: Logs) -> None:
    async def a1_crashes(log: Log, agent: str, given: ev.TaskAssigned) -> None:
        if agent == "a1":
            raise RuntimeError("boom")
        await succeed(log, agent, given)

    with anyio.fail_after(WAIT):
        async with orchestrator(logs, Planned(todo("one")), worker(a1_crashes)) as running:
            session = await running.submit("Do it.", 2)
            await running.over(session)
            assert f"{session}-a1" in running.cleared
    board = await board_of(logs, session)
    assert board.outcome == "completed"
    assert board.agents["a1"].status == "lost"
    assert "boom" in board.agents["a1"].reason
    assert board.tasks["t1"].agent == "a2"


async def test_workers_that_never_get_ready_end_the_session_with_their_reason(logs: Logs) -> None:
    async def no_desk(log: Log, agent: str) -> None:
        await log.append(ev.AgentTerminated(agent=agent, reason="There is no desk to be had."))

    board = await run(logs, Planned(todo("one"), todo("two")), no_desk)
    assert board.outcome == "failed"
    assert board.summary is not None
    assert "There is no desk to be had." in board.summary.text
    assert len(board.agents) <= 6


async def test_tasks_can_be_added_when_one_completes_within_the_bound(tmp_path: Path) -> None:
    endless = Planned(todo("first"), then=lambda board, task: Review(add=[todo(f"after {task}", task)]))
    board = await run(MemoryLogs(tmp_path), endless, worker(), max_tasks=5)
    assert [task.id for task in board.tasks.values()] == ["t1", "t2", "t3", "t4", "t5"]
    assert board.tasks["t3"].needs == ("t2",)
    assert board.outcome == "completed"


async def test_tasks_that_nobody_has_begun_can_be_dropped_and_worded_anew(logs: Logs) -> None:
    def then(board: Whiteboard, task: str) -> Review:
        if task != "t1":
            return Review()
        return Review(drop={"t2": "Not needed.", "t1": "too late"}, reword=[Rewording("t3", "New title", "New words.")])

    board = await run(logs, Planned(todo("one"), todo("two", 0), todo("three", 1), then=then), worker(), agents=1)
    assert board.outcome == "completed"
    assert [task.status for task in board.tasks.values()] == ["completed", "dropped", "completed"]
    assert (board.tasks["t3"].title, board.tasks["t3"].instructions) == ("New title", "New words.")
    assert board.summary is not None
    assert "All 2 tasks are done." in board.summary.text
    assert "«two» turned out not to be needed: Not needed." in board.summary.text


async def test_a_planner_that_fails_leaves_the_prompt_as_one_task(tmp_path: Path) -> None:
    class Broken(Planned):
        async def plan(self, prompt: str, agents: int) -> Plan:
            raise BrainError("No model answered.")

    board = await run(MemoryLogs(tmp_path), Broken(), worker())
    assert [task.instructions for task in board.tasks.values()] == ["Do it."]
    assert "No model answered." in board.plan


async def test_stopping_ends_everything_and_says_who_stopped_it(logs: Logs) -> None:
    begun = anyio.Event()

    async def never(log: Log, agent: str, given: ev.TaskAssigned) -> None:
        begun.set()
        await log.append(ev.AgentThinking(agent=agent, task=given.task, step=1, says="At it"))

    with anyio.fail_after(WAIT):
        async with orchestrator(logs, Planned(todo("one"), todo("two", 0)), worker(never)) as running:
            session = await running.submit("Do it.", 2)
            await begun.wait()
            await running.stop(session)
            with pytest.raises(Conflict):
                await running.stop(session)
            await running.over(session)
            with pytest.raises(Conflict):
                await running.stop(session)
    board = await board_of(logs, session)
    assert board.outcome == "stopped"
    assert board.summary is not None
    assert "A person stopped the session." in board.summary.text


async def test_leaving_the_orchestrator_interrupts_its_sessions_in_order(logs: Logs) -> None:
    begun = anyio.Event()

    async def never(log: Log, agent: str, given: ev.TaskAssigned) -> None:
        begun.set()

    with anyio.fail_after(WAIT):
        async with orchestrator(logs, Planned(todo("one")), worker(never)) as running:
            session = await running.submit("Do it.", 1)
            await begun.wait()
    board = await board_of(logs, session)
    assert (board.status, board.outcome) == ("complete", "interrupted")
    assert board.agents["a1"].status == "terminated"


async def test_a_session_that_a_dead_server_left_open_is_brought_to_an_end(tmp_path: Path) -> None:
    logs = SqliteLogs(tmp_path)
    async with await logs.create("s1") as log:
        await log.append(
            ev.SessionCreated(prompt="p", agents=1, planner="t", brain="t", desks="t", rehearsal=False),
            ev.SessionPlanned(says="One.", tasks=1),
            ev.TaskCreated(task="t1", title="One", instructions="One."),
            ev.AgentHired(agent="a1", name="Ada", engine="test"),
        )
    async with orchestrator(logs, Planned(), worker()) as running:
        assert await running.recover() == ["s1"]
        assert running.cleared == ["s1-a1"]
        assert await running.recover() == []
    board = await board_of(logs, "s1")
    assert (board.outcome, board.tasks["t1"].status, board.agents["a1"].status) == ("interrupted", "failed", "lost")


async def test_a_session_that_another_process_conducts_is_left_alone(tmp_path: Path) -> None:
    logs = SqliteLogs(tmp_path)
    async with await logs.create("s1") as log:
        await log.append(ev.SessionCreated(prompt="p", agents=1, planner="t", brain="t", desks="t", rehearsal=False))
        async with orchestrator(logs, Planned(), worker()) as running:
            with log.conduct():
                assert await running.recover() == []


@pytest.mark.parametrize(
    ("prompt", "agents", "says"),
    [
        ("  \n ", 1, "empty"),
        ("x" * 20_001, 1, "20,001 characters"),
        ("a\0b", 1, "null"),
        ("fine", 0, "1 to 4 agents"),
        ("fine", 5, "1 to 4 agents"),
    ],
)
async def test_a_prompt_that_cannot_be_taken_is_refused_with_a_sentence(tmp_path: Path, prompt: str, agents: int, says: str) -> None:
    async with orchestrator(MemoryLogs(tmp_path), Planned(), worker()) as running:
        with pytest.raises(BadInput, match=says):
            await running.submit(prompt, agents)


async def test_stopping_a_session_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    async with orchestrator(MemoryLogs(tmp_path), Planned(), worker()) as running:
        with pytest.raises(NotFound):
            await running.stop("nothing")


async def test_the_log_of_a_session_never_shows_an_agent_with_two_tasks(tmp_path: Path) -> None:
    logs = MemoryLogs(tmp_path)
    board = await run(logs, Planned(*(todo(str(n)) for n in range(12))), worker(), agents=4)
    async with await logs.open(board.session) as log:
        state = Whiteboard()
        for event in await log.read():
            if isinstance(event, ev.TaskAssigned):
                assert state.agents[event.agent].task is None
            state = fold(state, event)


def spending(tokens: int, dollars: float | None) -> ev.Spending:
    return ev.Spending(model="m", input=tokens, output=0, dollars=dollars)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"max_tokens": 1000}, "The session's 1,000 tokens are used up."),
        ({"max_dollars": 2.5}, "The session's $2.50 are used up."),
        ({"max_minutes": 0.002}, "The session's 0.002 minutes are used up."),
    ],
)
async def test_a_session_whose_budget_is_used_up_stops_and_says_so(tmp_path: Path, limits: dict[str, Any], reason: str) -> None:
    async def costly(log: Log, agent: str, given: ev.TaskAssigned) -> None:
        await log.append(ev.AgentSpent(agent=agent, task=given.task, step=1, spending=spending(600, 1.5)))
        if given.task == "t1":
            await succeed(log, agent, given)
        elif "max_minutes" not in limits:
            await log.append(ev.AgentSpent(agent=agent, task=given.task, step=2, spending=spending(600, 1.5)))

    board = await run(MemoryLogs(tmp_path), Planned(todo("one"), todo("two", 0)), worker(costly), agents=1, **limits)
    assert board.outcome == "stopped"
    assert board.tasks["t2"].reason == reason
    assert board.summary is not None
    assert reason in board.summary.text


async def test_money_is_added_up_and_unknown_prices_are_counted_apart(tmp_path: Path) -> None:
    async def costly(log: Log, agent: str, given: ev.TaskAssigned) -> None:
        await log.append(ev.AgentSpent(agent=agent, task=given.task, step=1, spending=spending(600, 1.5)))
        await log.append(ev.AgentSpent(agent=agent, task=given.task, step=2, spending=spending(10, None)))
        await succeed(log, agent, given)

    board = await run(MemoryLogs(tmp_path), Planned(todo("one"), todo("two", 0)), worker(costly), agents=1)
    assert (board.spent.calls, board.spent.input, board.spent.dollars, board.spent.unpriced) == (4, 1220, 3.0, 2)
    assert board.agents["a1"].spent == board.spent
