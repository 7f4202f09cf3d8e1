"""A worker at a pretend desk, with a brain that says what each test wants."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest

from hotdesk import events as ev
from hotdesk.blobs import Blobs
from hotdesk.brains.base import Brain, Decision, Entry, Given, Note, Reasoning, Result, Tool, ToolCall, Turn, Usage
from hotdesk.desks.base import DeskOptions
from hotdesk.desks.pretend import PretendDesks
from hotdesk.errors import BrainError
from hotdesk.logs.base import Log
from hotdesk.logs.memory import MemoryLogs
from hotdesk.settings import McpServer
from hotdesk.whiteboard import Whiteboard, fold_all
from hotdesk.worker.loop import Equipment, work

WAIT = 30.0

Say = Callable[[Sequence[Entry]], Awaitable[Decision]]


class Scripted(Brain):
    """Says what the test tells it to, and remembers what it was shown."""

    name = "scripted"

    def __init__(self, *turns: Decision | Say) -> None:
        self._turns = list(turns)
        self.shown: list[list[Entry]] = []
        self.tools: Sequence[Tool] = ()

    async def think(self, history: Sequence[Entry], tools: Sequence[Tool]) -> AsyncGenerator[Reasoning | Decision]:
        self.shown.append(list(history))
        self.tools = tools
        turn = self._turns.pop(0)
        yield Reasoning("Let me ")
        yield Reasoning("think.")
        yield turn if isinstance(turn, Decision) else await turn(history)


def calls(*named: tuple[str, dict[str, Any]]) -> Decision:
    return Decision(tuple(ToolCall(f"c{os.urandom(4).hex()}", name, arguments) for name, arguments in named))


DONE = Decision(done="It is done.")


@dataclass
class Stage:
    log: Log
    data: Path
    events: list[ev.Event] = field(default_factory=list)

    async def until(self, holds: Callable[[Whiteboard], object]) -> Whiteboard:
        with anyio.fail_after(WAIT):
            async with self.log.follow() as events:
                board, seen = Whiteboard(), []
                async for event in events:
                    seen.append(event)
                    board = fold_all([event], board)
                    if "a1" in board.agents and holds(board):
                        self.events = seen
                        return board
        raise AssertionError

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def assign(self, task: str = "t1", attempt: int = 1) -> None:
        await self.log.append(ev.TaskAssigned(agent="a1", task=task, attempt=attempt))

    async def dismiss(self) -> None:
        await self.log.append(ev.AgentDismissed(agent="a1", reason="No work remains."))


@asynccontextmanager
async def stage(
    tmp_path: Path, brain: Brain, limits: ev.Limits | None = None, tasks: int = 1, further: Mapping[str, McpServer] | None = None
) -> AsyncGenerator[Stage]:
    log = await MemoryLogs(tmp_path).create("s1")
    await log.append(
        ev.SessionCreated(
            prompt="Do it.", agents=1, planner="t", brain="t", desks="pretend", rehearsal=False, limits=limits or ev.Limits()
        ),
        ev.SessionPlanned(says="A plan.", tasks=tasks),
        *(
            ev.TaskCreated(task=f"t{n}", title=f"Task {n}", instructions=f"Do {n}.", needs=(f"t{n - 1}",) if n > 1 else ())
            for n in range(1, tasks + 1)
        ),
        ev.AgentHired(agent="a1", name="Ada", engine="inprocess"),
    )
    equipment = Equipment(
        PretendDesks(tmp_path / "run"), DeskOptions(), brain, settle_cap=1.0, pid=os.getpid(), serves_mcp=False, further=further or {}
    )
    with anyio.fail_after(WAIT):
        async with anyio.create_task_group() as group:
            group.start_soon(work, log, "a1", equipment)
            try:
                yield Stage(log, tmp_path)
            finally:
                group.cancel_scope.cancel()


async def test_a_task_is_done_step_by_step_and_its_files_are_kept(tmp_path: Path) -> None:
    brain = Scripted(
        calls(("write_file", {"path": "notes/result.txt", "text": "naïve 漢字"})),
        calls(("open", {"target": "notes/result.txt"}), ("press", {"key": "ctrl+End"})),
        DONE,
    )
    async with stage(tmp_path, brain) as s:
        await s.assign()
        board = await s.until(lambda b: b.tasks["t1"].status == "completed")
        assert board.tasks["t1"].result == "It is done."
        (artifact,) = board.artifacts.values()
        assert (artifact.name, artifact.path, artifact.media_type) == ("result.txt", "notes/result.txt", "text/plain")
        assert Blobs(s.log.folder / "artifacts").get(artifact.blob).decode() == "naïve 漢字"
        assert [(e.step, e.says) for e in s.of(ev.AgentThinking)] == [
            (1, "Writing notes/result.txt"),
            (2, "Opening notes/result.txt"),
            (2, "Pressing ctrl+End"),
        ]
        assert "".join(e.text for e in s.of(ev.AgentReasoning) if e.step == 1) == "Let me think."
        await s.dismiss()
        board = await s.until(lambda b: not b.agents["a1"].alive)
        assert (board.agents["a1"].status, board.agents["a1"].reason) == ("terminated", "No work remains.")
    assert not list((tmp_path / "run").iterdir())


async def test_every_step_carries_a_frame_and_timings_and_an_unchanged_frame_is_kept_once(tmp_path: Path) -> None:
    brain = Scripted(calls(("screenshot", {}), ("screenshot", {}), ("launch", {"application": "editor"})), DONE)
    async with stage(tmp_path, brain) as s:
        await s.assign()
        await s.until(lambda b: b.tasks["t1"].status == "completed")
        first, second, third = s.of(ev.AgentThinking)
        assert first.frame == second.frame != third.frame
        assert third.timings.act > 0
        assert first.timings.think > 0
        assert second.timings.think == 0
        frames = Blobs(s.log.folder / "frames")
        assert frames.get(first.frame)[:2] in (b"\xff\xd8", b"\x89P")


async def test_the_brain_is_shown_the_task_the_screen_and_what_came_of_its_calls(tmp_path: Path) -> None:
    brain = Scripted(calls(("left_click", {"x": 5000, "y": 1}), ("no_such_tool", {}), ("run", {"command": "echo hi; exit 3"})), DONE)
    async with stage(tmp_path, brain) as s:
        await s.assign()
        await s.until(lambda b: b.tasks["t1"].status == "completed")
        given = brain.shown[0][0]
        assert isinstance(given, Given)
        assert (given.title, given.instructions, given.prompt) == ("Task 1", "Do 1.", "Do it.")
        assert given.picture is not None
        assert (given.picture.width, given.picture.height) == (1280, 800)
        turn, *results = brain.shown[1][1:]
        assert isinstance(turn, Turn)
        assert turn.reasoning == "Let me think."
        outside, unknown, ran = (r for r in results if isinstance(r, Result))
        assert (outside.error, unknown.error, ran.error) == (True, True, False)
        assert "no_such_tool" in unknown.text
        assert "hi" in ran.text and "3" in ran.text
        assert {"screenshot", "act", "write", "launch"} <= {tool.name for tool in brain.tools}
        assert s.of(ev.AgentThinking)[0].error is not None


async def test_steps_are_limited(tmp_path: Path) -> None:
    brain = Scripted(*(calls(("screenshot", {})) for _ in range(5)))
    async with stage(tmp_path, brain, ev.Limits(steps=3)) as s:
        await s.assign()
        board = await s.until(lambda b: b.tasks["t1"].reason)
        assert board.tasks["t1"].reason == "Its 3 steps are used up."
        assert board.agents["a1"].step == 3


async def test_a_brain_that_fails_fails_the_attempt_and_the_agent_lives_on(tmp_path: Path) -> None:
    async def broken(_: Sequence[Entry]) -> Decision:
        raise BrainError("The model refused.")

    async with stage(tmp_path, Scripted(broken, DONE)) as s:
        await s.assign()
        board = await s.until(lambda b: b.tasks["t1"].reason)
        assert board.tasks["t1"].reason == "The model refused."
        await s.assign(attempt=2)
        await s.until(lambda b: b.tasks["t1"].status == "completed")


async def test_a_task_that_is_given_again_at_once_is_begun_again(tmp_path: Path) -> None:
    """The worker may learn of its failure and of the next attempt in one."""

    async def broken(_: Sequence[Entry]) -> Decision:
        append = s.log.append

        async def with_the_next(*events: ev.Event) -> Any:
            again = [ev.TaskAssigned(agent="a1", task="t1", attempt=2)] if any(isinstance(e, ev.TaskFailed) for e in events) else []
            return await append(*events, *again)

        patch.setattr(s.log, "append", with_the_next)
        raise BrainError("The model refused.")

    with pytest.MonkeyPatch.context() as patch:
        async with stage(tmp_path, Scripted(broken, DONE)) as s:
            await s.assign()
            board = await s.until(lambda b: b.tasks["t1"].status == "completed")
            assert board.tasks["t1"].attempt == 2


async def test_a_task_taken_and_given_back_at_once_is_begun_anew(tmp_path: Path) -> None:
    deciding = anyio.Event()

    async def slow(_: Sequence[Entry]) -> Decision:
        deciding.set()
        await anyio.sleep_forever()
        raise AssertionError

    async with stage(tmp_path, Scripted(slow, DONE)) as s:
        await s.assign()
        await deciding.wait()
        await s.log.append(
            ev.TaskFailed(agent="a1", task="t1", attempt=1, reason="It took too long."), ev.TaskAssigned(agent="a1", task="t1", attempt=2)
        )
        board = await s.until(lambda b: b.tasks["t1"].status == "completed")
        assert board.tasks["t1"].attempt == 2


async def test_a_paused_agent_does_nothing_until_it_is_resumed(tmp_path: Path) -> None:
    deciding, go_on = anyio.Event(), anyio.Event()

    async def slow(_: Sequence[Entry]) -> Decision:
        deciding.set()
        await go_on.wait()
        return calls(("screenshot", {}))

    async with stage(tmp_path, Scripted(slow, DONE)) as s:
        await s.assign()
        await deciding.wait()
        await s.log.append(ev.AgentPaused(agent="a1"))
        go_on.set()
        board = await s.until(lambda b: b.agents["a1"].status == "paused")
        await anyio.wait_all_tasks_blocked()
        assert not any(isinstance(e, ev.AgentThinking) for e in await s.log.read())
        await s.log.append(ev.AgentResumed(agent="a1"))
        board = await s.until(lambda b: b.tasks["t1"].status == "completed")
        assert board.agents["a1"].step >= 1
        assert len(s.of(ev.AgentThinking)) == 1


async def test_what_was_decided_before_a_takeover_is_not_done_after_it_and_the_brain_is_told(tmp_path: Path) -> None:
    deciding, go_on = anyio.Event(), anyio.Event()

    async def slow(_: Sequence[Entry]) -> Decision:
        deciding.set()
        await go_on.wait()
        return calls(("write_file", {"path": "stale.txt", "text": "stale"}))

    brain = Scripted(slow, DONE)
    async with stage(tmp_path, brain) as s:
        await s.assign()
        await deciding.wait()
        await s.log.append(ev.AgentTaken(agent="a1", by="tab"))
        go_on.set()
        await s.until(lambda b: b.agents["a1"].status == "taken")
        await s.log.append(ev.AgentReleased(agent="a1", by="tab"))
        board = await s.until(lambda b: b.tasks["t1"].status == "completed")
        assert board.artifacts == {}
        *_, result, note = brain.shown[1]
        assert isinstance(result, Result) and result.interrupted and result.error
        assert isinstance(note, Note) and "handed it back" in note.text and note.picture is not None


async def test_what_a_person_says_reaches_the_brain_before_its_next_step(tmp_path: Path) -> None:
    steered = anyio.Event()

    async def first(_: Sequence[Entry]) -> Decision:
        await steered.wait()
        return calls(("screenshot", {}))

    brain = Scripted(first, DONE)
    async with stage(tmp_path, brain) as s:
        await s.assign()
        await s.log.append(ev.AgentSteered(agent="a1", text="Use blue <b>ink</b>."))
        steered.set()
        await s.until(lambda b: b.tasks["t1"].status == "completed")
        assert any(isinstance(e, Note) and "Use blue <b>ink</b>." in e.text for e in brain.shown[1])


async def test_stopping_cuts_a_long_command_short_keeps_the_files_and_ends_the_agent(tmp_path: Path) -> None:
    brain = Scripted(calls(("write_file", {"path": "half.txt", "text": "half"}), ("run", {"command": "sleep 600", "timeout": 600})), DONE)
    async with stage(tmp_path, brain) as s:
        await s.assign()
        await s.until(lambda b: b.agents["a1"].says == "Writing half.txt")
        await s.log.append(ev.SessionStopping(reason="A person stopped the session."))
        board = await s.until(lambda b: not b.agents["a1"].alive)
        assert board.agents["a1"].status == "terminated"
        assert board.tasks["t1"].reason == "A person stopped the session."
        assert [a.name for a in board.artifacts.values()] == ["half.txt"]


async def test_the_files_of_needed_tasks_lie_in_inputs_and_are_no_artifacts_of_the_next(tmp_path: Path) -> None:
    brain = Scripted(
        calls(("write_file", {"path": "a.txt", "text": "A"})), DONE, calls(("list_files", {"path": "Inputs", "depth": 3})), DONE
    )
    async with stage(tmp_path, brain, tasks=2) as s:
        await s.assign("t1")
        await s.until(lambda b: b.tasks["t1"].status == "completed")
        await s.assign("t2")
        board = await s.until(lambda b: b.tasks["t2"].status == "completed")
        given = brain.shown[2][0]
        assert isinstance(given, Given)
        assert given.inputs == ("Inputs/t1-task-1/a.txt",)
        assert given.results == {"Task 1": "It is done."}
        assert board.tasks["t2"].artifacts == ()


async def test_a_desk_that_cannot_be_opened_ends_the_agent_with_the_reason(tmp_path: Path) -> None:
    desks = PretendDesks(tmp_path / "run")
    async with desks.open("s1-a1", DeskOptions()), stage(tmp_path, Scripted()) as s:
        board = await s.until(lambda b: not b.agents["a1"].alive)
        assert board.agents["a1"].ready_at is None
        assert board.agents["a1"].reason


@pytest.mark.parametrize("says", ["", "x" * 5000])
async def test_reasoning_is_kept_whole_however_it_comes(tmp_path: Path, says: str) -> None:
    class Chatty(Brain):
        name = "chatty"

        async def think(self, history: Sequence[Entry], tools: Sequence[Tool]) -> AsyncGenerator[Reasoning | Decision]:
            for letter in says:
                yield Reasoning(letter)
            yield DONE

    async with stage(tmp_path, Chatty()) as s:
        await s.assign()
        await s.until(lambda b: b.tasks["t1"].status == "completed")
        pieces = s.of(ev.AgentReasoning)
        assert "".join(e.text for e in pieces) == says
        assert len(pieces) <= 3


async def test_a_desk_that_is_gone_fails_the_attempt_and_ends_the_agent(tmp_path: Path) -> None:
    async def destroyed(_: Sequence[Entry]) -> Decision:
        await PretendDesks(tmp_path / "run").destroy("s1-a1")
        return calls(("screenshot", {}))

    async with stage(tmp_path, Scripted(destroyed)) as s:
        await s.assign()
        board = await s.until(lambda b: not b.agents["a1"].alive)
        assert board.agents["a1"].status == "terminated"
        assert board.tasks["t1"].status == "waiting"
        assert "s1-a1" in board.tasks["t1"].reason


async def test_a_fault_of_the_desk_is_told_to_the_brain_and_the_agent_lives_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hotdesk.desks.pretend.desk import PretendDesk

    async def broken(*_: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(PretendDesk, "launch", broken)
    brain = Scripted(calls(("launch", {"application": "editor"})), DONE)
    async with stage(tmp_path, brain) as s:
        await s.assign()
        await s.until(lambda b: b.tasks["t1"].status == "completed")
        result = brain.shown[1][-1]
        assert isinstance(result, Result) and result.error and "oops" in result.text


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ({"task_tokens": 1000}, "Its 1,000 tokens are used up."),
        ({"task_dollars": 0.5}, "Its $0.50 are used up."),
        ({"task_minutes": 1e-9}, "minutes"),
    ],
)
async def test_an_attempt_that_uses_up_what_it_may_take_fails_with_a_sentence(tmp_path: Path, limits: dict[str, Any], says: str) -> None:
    usage = Usage("m", input=500, cached=100, output=100, dollars=0.3)
    turns = [Decision(calls(("screenshot", {})).calls, usage=(usage,)) for _ in range(5)]
    async with stage(tmp_path, Scripted(*turns), ev.Limits(**limits)) as s:
        await s.assign()
        board = await s.until(lambda b: b.tasks["t1"].reason)
        assert says in board.tasks["t1"].reason
        assert board.spent.calls == len(s.of(ev.AgentSpent)) <= 2
        assert board.agents["a1"].spent == board.spent
