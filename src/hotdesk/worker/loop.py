"""A worker's life: attach, open a desk, do task after task, leave.

`work` returns when the agent's work is over, and then its desk is destroyed and `agent:terminated` is in the log. For each task it runs the
loop (observe, think, act) until the brain says that it is done or cannot be, the steps are used up, or the session stops; then it collects
the files and says how the attempt ended. The loop is the same for every brain and every desk.
"""

from __future__ import annotations

import base64
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio
import anyio.to_thread

from hotdesk import events as ev
from hotdesk.blobs import digest
from hotdesk.brains.base import (
    Brain,
    Decision,
    Entry,
    Given,
    Note,
    Picture,
    Reasoning,
    Result,
    Tool,
    ToolCall,
    Turn,
    Unavailable,
    Usage,
    Waiting,
)
from hotdesk.desks.base import Desk, DeskOptions, Desks
from hotdesk.errors import BrainError, DeskError, DeskGone, alone
from hotdesk.logs.base import Log
from hotdesk.settings import McpServer
from hotdesk.tools.door import Closed
from hotdesk.tools.further import Further, connections
from hotdesk.whiteboard import TaskState
from hotdesk.worker.artifacts import Collector, lay_inputs
from hotdesk.worker.budget import Budget
from hotdesk.worker.door import ClientDoor, Door
from hotdesk.worker.inbox import Inbox
from hotdesk.worker.progress import NUDGING, Progress, Verdict
from hotdesk.worker.reasoning import reasoning

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import CallToolResult
    from mcp.types import Tool as Described

__all__ = ["Equipment", "Warm", "prepare", "work"]

COLLECTING = 5.0
"""Seconds that collecting the files of an attempt may take once its session is over."""
LAST_WORDS = 2.0
"""Seconds the last events may take when the worker is being cancelled."""


class Warm(NamedTuple):
    """A desk that was opened ahead, and is somebody else's to close, and the provider's name of the machine it is on."""

    desk: Desk
    machine: str


@dataclass(frozen=True, slots=True)
class Equipment:
    """What a worker works with."""

    desks: Desks
    options: DeskOptions
    brain: Brain
    settle_cap: float
    pid: int
    serves_mcp: bool = True
    """Whether other MCP clients can drive the desk at the agent's own address."""
    further: Mapping[str, McpServer] = field(default_factory=dict)
    """MCP servers whose tools the agent gets beside its desk's, by name."""
    warm: Warm | None = None

    @asynccontextmanager
    async def desk(self, desk_id: str, created: Callable[[str, str], Awaitable[None]]) -> AsyncGenerator[Desk]:
        """The agent's desk: the warm one, or a new one under `desk_id`. `created(desk_id, machine)` is awaited once there is one."""
        if self.warm is not None:
            await created(self.warm.desk.id, self.warm.machine)
            yield self.warm.desk
            return
        async with self.desks.open(desk_id, self.options, partial(created, desk_id)) as desk:
            yield desk


async def work(log: Log, agent: str, equipment: Equipment, lifeline: Callable[[Inbox], Coroutine[Any, Any, None]] | None = None) -> None:
    """Live as `agent` of the session of `log`. `lifeline(inbox)` runs beside and hangs the inbox up when nobody conducts any more."""
    began = time.perf_counter()
    inbox = Inbox(log, agent)
    reason = "The worker was ended."
    with alone():
        async with anyio.create_task_group() as tasks:
            await tasks.start(inbox.run)
            if lifeline is not None:
                tasks.start_soon(lifeline, inbox)
            try:
                reason = await _at_a_desk(log, agent, equipment, inbox, began)
            except DeskError as error:
                reason = str(error)
            except Exception as error:
                reason = f"The worker failed: {type(error).__name__}: {error}"
                raise
            finally:
                with anyio.CancelScope(shield=True), anyio.move_on_after(LAST_WORDS):
                    await _say_goodbye(log, inbox, agent, reason)
                tasks.cancel_scope.cancel()


async def _say_goodbye(log: Log, inbox: Inbox, agent: str, reason: str) -> None:
    said: list[ev.Event] = []
    held = inbox.me.task
    if held is not None:
        said.append(ev.TaskFailed(agent=agent, task=held, attempt=inbox.board.tasks[held].attempt, reason=reason))
    await log.append(*said, ev.AgentTerminated(agent=agent, reason=reason, steps=inbox.me.step))


async def _at_a_desk(log: Log, agent: str, equipment: Equipment, inbox: Inbox, began: float) -> str:
    """Everything between opening the desk and its destruction; returns why the work is over."""

    async def created(desk_id: str, machine: str) -> None:
        await log.append(ev.DeskCreated(agent=agent, desk=desk_id, provider=equipment.desks.name, machine=machine))

    with alone():
        async with (
            _importing(equipment.brain),
            connections(equipment.further) as further,
            equipment.desk(f"{log.session}-{agent}", created) as desk,
        ):
            await log.append(
                ev.AgentReady(
                    agent=agent,
                    pid=equipment.pid,
                    desk=desk.id,
                    provider=desk.provider,
                    width=desk.size.width,
                    height=desk.size.height,
                    seconds=round(time.perf_counter() - began, 4),
                )
            )
            door = Door(desk, log, agent, inbox, equipment.settle_cap)
            async with _tools(door, log, agent, serves=equipment.serves_mcp) as client:
                seat = _Seat(log, agent, desk, door, inbox, equipment.brain, client, await _tool_list(client), further)
                while (task := await inbox.assignment()) is not None:
                    await seat.attempt(task)
            further.leave()
    return inbox.over


@asynccontextmanager
async def _importing(brain: Brain) -> AsyncGenerator[None]:
    """Import what takes longer than opening a desk while the desk opens."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(anyio.to_thread.run_sync, _import_tools)
        tasks.start_soon(anyio.to_thread.run_sync, brain.prepare)
        yield


def _import_tools() -> None:
    """The MCP package is by far the slowest import of a worker."""
    import mcp  # noqa: PLC0415
    import mcp.server  # noqa: F401, PLC0415

    import hotdesk.tools.desk  # noqa: PLC0415
    import hotdesk.worker.address  # noqa: F401, PLC0415


def prepare(brain: Brain) -> None:
    """Import all that a worker with this brain will need. Takes a second or more, the first time in a process."""
    _import_tools()
    brain.prepare()


@asynccontextmanager
async def _tools(door: Door, log: Log, agent: str, serves: bool) -> AsyncGenerator[Client]:
    """The desk's tools, through an MCP client in memory, and at the agent's own address."""
    await anyio.to_thread.run_sync(_import_tools)
    from mcp import Client  # noqa: PLC0415

    from hotdesk.tools.desk import desk_server  # noqa: PLC0415
    from hotdesk.worker.address import serve_at  # noqa: PLC0415

    async with anyio.create_task_group() as tasks, Client(desk_server(door)) as client:
        if serves:
            await tasks.start(serve_at, log.folder / "agents", f"{agent}.sock", lambda: desk_server(ClientDoor(door)))
        try:
            yield client
        finally:
            tasks.cancel_scope.cancel()


async def _tool_list(client: Client) -> list[Tool]:
    return _tools_of((await client.list_tools()).tools)


def _tools_of(tools: Sequence[Described]) -> list[Tool]:
    return [Tool(tool.name, tool.description or "", tool.input_schema) for tool in tools]


class _Seat:
    """An agent at its desk: does one attempt at one task at a time."""

    def __init__(
        self, log: Log, agent: str, desk: Desk, door: Door, inbox: Inbox, brain: Brain, client: Client, tools: list[Tool], further: Further
    ) -> None:
        self._log = log
        self._agent = agent
        self._desk = desk
        self._door = door
        self._inbox = inbox
        self._brain = brain
        self._client = client
        self._tools = tools
        self._further = further
        self._met = False

    async def attempt(self, task: TaskState) -> None:
        """One attempt from its assignment to `task:completed` or `task:failed`."""
        collector = Collector(self._desk, self._log, self._agent)
        await collector.begin()
        decision = Decision(failed="")
        try:
            decision = await self._while_it_is_mine(task)
        except DeskGone as gone:
            where = {"agent": self._agent, "task": task.id, "attempt": task.attempt}
            await self._log.append(ev.TaskFailed.model_validate({**where, "reason": str(gone)}))
            raise
        except Unavailable as error:
            if spent := self._spent(task, error.usage):
                await self._log.append(*spent)
            decision = Decision(failed=str(error))
        except (BrainError, DeskError) as error:
            decision = Decision(failed=str(error))
        if decision.failed == "" and not self._inbox.over:
            return  # the task was taken from this agent
        with anyio.move_on_after(COLLECTING if self._inbox.over else None, shield=True):
            made = await collector.collect(task.id, task.attempt)
            result = decision.done or ""
            if made.left_out:
                result += f" Left on the desk, too many or too large: {', '.join(made.left_out[:5])}."
        where = {"agent": self._agent, "task": task.id, "attempt": task.attempt}
        if decision.done is not None:
            await self._log.append(ev.TaskCompleted.model_validate({**where, "result": result, "artifacts": made.artifacts}))
        else:
            await self._log.append(ev.TaskFailed.model_validate({**where, "reason": decision.failed or self._inbox.over}))
        await self._inbox.until(lambda: not self._inbox.has(task) or self._inbox.over)

    async def _while_it_is_mine(self, task: TaskState) -> Decision:
        """Run the loop, but no longer than the session goes on and the task is this agent's. An empty failure says that it ended so."""

        async def watch() -> None:
            await self._inbox.until(lambda: self._inbox.over or not self._inbox.has(task))
            tasks.cancel_scope.cancel()

        decision = Decision(failed="")
        with alone():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(watch)
                with suppress(Closed):
                    decision = await self._loop(task)
                tasks.cancel_scope.cancel()
        return decision

    async def _loop(self, task: TaskState) -> Decision:
        """Observe, think, act, until the brain has had enough. Raises `BrainError`, `DeskError`, `Closed`."""
        await self._meet(task)
        history: list[Entry] = [await self._given(task)]
        budget, progress = Budget(self._inbox.board.limits), Progress()
        while not (used_up := budget.used_up()):
            await self._inbox.gate()
            began = time.monotonic()
            self._door.step += 1
            await self._hear(history)
            decision = await self._think(task, history)
            budget.steps += 1
            budget.spend(decision.usage)
            if not decision.calls:
                return decision
            held_up = self._door.held_up
            results = [await self._call(call) for call in decision.calls]
            history += [result for result, _ in results]
            history += [note for _, notes in results for note in notes]
            budget.seconds += time.monotonic() - began - (self._door.held_up - held_up)
            match progress.step(decision.calls, self._door.seen + self._came(decision.calls, [result for result, _ in results])):
                case Verdict.GIVE_UP:
                    return Decision(failed=f"It did the same {progress.rounds} times over and nothing came of it.")
                case Verdict.NUDGE:
                    history.append(Note(NUDGING.format(rounds=progress.rounds)))
                case Verdict.FINE:
                    pass
        return Decision(failed=used_up)

    async def _meet(self, task: TaskState) -> None:
        """Wait for the further servers, before the first task; what cannot be had is said and left out."""
        if self._met:
            return
        for name, wrong in (await self._further.ready()).items():
            where = {"agent": self._agent, "task": task.id, "step": self._door.step + 1}
            await self._log.append(ev.AgentThinking.model_validate({**where, "says": f"Connecting to {name}", "error": wrong}))
        self._tools += _tools_of(self._further.tools)
        self._met = True

    def _came(self, calls: Sequence[ToolCall], results: Sequence[Result]) -> str:
        """What the further tools answered, which no frame shows."""
        texts = [result.text for call, result in zip(calls, results, strict=True) if call.name in self._further]
        return digest("\n".join(texts).encode()) if texts else ""

    async def _given(self, task: TaskState) -> Given:
        """The task with all that belongs to it, and the first look at the desk."""
        board = self._inbox.board
        laid = await lay_inputs(self._desk, self._log, board, task)
        return Given(
            task=task.id,
            title=task.title,
            instructions=task.instructions,
            prompt=board.prompt,
            attempt=task.attempt,
            inputs=tuple(laid),
            results={board.tasks[need].title: board.tasks[need].result for need in task.needs},
            picture=await self._picture(),
        )

    async def _picture(self) -> Picture:
        self._door.observed()
        image, digest = await self._door.look()
        return Picture(image.data, image.media_type, image.size.width, image.size.height, digest)

    async def _hear(self, history: list[Entry]) -> None:
        """What people said and did since the last step; after a takeover the screen is looked at anew."""
        said = self._inbox.notes()
        if said:
            history.append(Note("\n".join(said), await self._picture()))

    async def _think(self, task: TaskState, history: list[Entry]) -> Decision:
        """One turn of the brain, its reasoning into the log as it comes."""
        began, decision = time.perf_counter(), None
        async with reasoning(self._log, self._agent, task.id, self._door.step) as stream:
            async for piece in self._brain.think(history, self._tools):
                match piece:
                    case Decision():
                        decision = piece
                        stream.then(*self._spent(task, piece.usage))
                    case Reasoning(text=text):
                        stream.add(text)
                    case Waiting(says=says):
                        await self._say(task, says)
        if decision is None:
            raise BrainError("The brain stopped without a decision.")
        self._door.think_ms = round((time.perf_counter() - began) * 1000, 3)
        history.append(Turn(stream.text, decision.calls))
        return decision

    def _spent(self, task: TaskState, usages: Sequence[Usage]) -> list[ev.Event]:
        """What model calls took, for the log."""
        where = {"agent": self._agent, "task": task.id, "step": self._door.step}
        return [
            ev.AgentSpent.model_validate(
                {
                    **where,
                    "spending": ev.Spending(
                        model=used.model, input=used.input, cached=used.cached, output=used.output, dollars=used.dollars
                    ),
                }
            )
            for used in usages
        ]

    async def _say(self, task: TaskState, says: str) -> None:
        """A line in the action log that is no deed."""
        await self._log.append(ev.AgentThinking(agent=self._agent, task=task.id, step=self._door.step, says=says))

    async def _call(self, call: ToolCall) -> tuple[Result, list[Note]]:
        """Make one call through MCP. A result has room for one picture; further ones are notes."""
        if call.name in self._further:
            answer = await self._further.call(self._door, call.name, call.arguments)
        else:
            answer = await self._client.call_tool(call.name, dict(call.arguments))
        if self._inbox.over:
            raise Closed(self._inbox.over)
        about = (answer.meta or {}).get("hotdesk", {})
        text = "\n".join(block.text for block in answer.content if block.type == "text")
        if about.get("gone"):
            raise DeskGone(text)
        pictures = _pictures(answer, self._desk)
        first = pictures[0] if pictures else None
        result = Result(call.id, text, error=bool(answer.is_error), interrupted=bool(about.get("interrupted")), picture=first)
        return result, [Note(f"Picture {number} of what {call.name} gave.", more) for number, more in enumerate(pictures[1:], 2)]


def _pictures(answer: CallToolResult, desk: Desk) -> list[Picture]:
    """The pictures in an answer: the screen, unless they say what else they are."""
    screen = {"width": desk.size.width, "height": desk.size.height, "frame": (answer.meta or {}).get("hotdesk", {}).get("frame", "")}
    found = []
    for block in answer.content:
        if block.type == "image":
            about = {**screen, **(block.meta or {}).get("hotdesk", {})}
            found.append(Picture(base64.b64decode(block.data), block.mime_type, about["width"], about["height"], about["frame"]))
    return found
