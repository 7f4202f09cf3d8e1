"""What the log tells one agent: its assignments, whether it may go on, and what people say to it.

An `Inbox` follows the log (`run`, for as long as the worker lives) and keeps the whiteboard. Everything else here waits for the
whiteboard to say something, so an agent that attaches late, or again, reads the same orders.
"""

from __future__ import annotations

from collections.abc import Callable

import anyio
from anyio.abc import TaskStatus

from hotdesk import events as ev
from hotdesk.logs.base import Log
from hotdesk.tools.door import Closed
from hotdesk.whiteboard import AgentState, TaskState, Whiteboard, fold

__all__ = ["Inbox"]


class Inbox:
    def __init__(self, log: Log, agent: str) -> None:
        self._log = log
        self._agent = agent
        self._changed = anyio.Event()
        self._notes: list[str] = []
        self._hung_up = ""
        self.board = Whiteboard()
        self.takeovers = 0
        """How often a person has taken this desk over; each may have changed the screen."""

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Follow the log for ever; started once what stood in it at the beginning is folded."""
        start = await self._log.last()
        async with self._log.follow() as events:
            async for event in events:
                self.board = fold(self.board, event)
                if getattr(event, "agent", None) == self._agent:
                    self._heed(event)
                self._wake()
                if event.seq == start:
                    task_status.started()

    def _heed(self, event: ev.Event) -> None:
        match event:
            case ev.AgentTaken():
                self.takeovers += 1
            case ev.AgentReleased():
                self._notes.append("A person took this desk over and has handed it back. Look at the screen before you go on.")
            case ev.AgentSteered(text=text):
                self._notes.append(f"The person says: {text}")
            case _:
                pass

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    def hang_up(self, reason: str) -> None:
        """Nobody conducts this session any more: the work is over, whatever the log says."""
        self._hung_up = self._hung_up or reason
        self._wake()

    @property
    def me(self) -> AgentState:
        return self.board.agents[self._agent]

    @property
    def over(self) -> str:
        """Why the agent's work is over, empty while it is not."""
        if self._hung_up:
            return self._hung_up
        if self.board.status in ("stopping", "complete"):
            return self.board.stop_reason or "The session is over."
        return "No work remains." if self.me.dismissed or not self.me.alive else ""

    def notes(self) -> list[str]:
        """What people said since the last call, in order."""
        said, self._notes = self._notes, []
        return said

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until the whiteboard is such that `holds()`."""
        while not holds():
            await self._changed.wait()

    async def assignment(self) -> TaskState | None:
        """The next task this agent is given; None when its work is over."""
        await self.until(lambda: self.over or self.me.task)
        return None if self.over or self.me.task is None else self.board.tasks[self.me.task]

    def has(self, task: TaskState) -> bool:
        """Whether this very attempt at `task` is the agent's. It may be given the same task again before it has heard that it lost it."""
        return self.me.task == task.id and self.board.tasks[task.id].attempt == task.attempt

    async def gate(self) -> None:
        """Wait while the agent is paused or its desk taken over. Raises `Closed` when its work is over."""
        await self.until(lambda: self.over or not (self.me.paused or self.me.taken_by))
        if self.over:
            raise Closed(self.over)
