"""The door: the one place through which everything done to a desk passes, whoever asks for it.

For every deed, in this order: gate (wait while paused or taken over; what was decided before a takeover is not done after it), do, let
the screen come to rest (by what changes on it, with a cap), take a frame (kept once by content), and append `agent:thinking`. One deed at
a time. A deed that the desk refuses is logged too, with its error, and the error goes on to who asked.
"""

from __future__ import annotations

import time
from typing import Literal

import anyio

from hotdesk import events as ev
from hotdesk.blobs import Blobs
from hotdesk.desks.base import Desk, Image, Settled
from hotdesk.errors import Conflict, HotdeskError
from hotdesk.logs.base import Log
from hotdesk.tools.door import Closed, Deed, Interrupted, Passed
from hotdesk.worker.inbox import Inbox

__all__ = ["ClientDoor", "Door"]


class Door:
    def __init__(self, desk: Desk, log: Log, agent: str, inbox: Inbox, settle_cap: float) -> None:
        """`settle_cap`: seconds the screen may take at most to come to rest."""
        self._desk = desk
        self._log = log
        self._agent = agent
        self._inbox = inbox
        self._cap = settle_cap
        self._frames = Blobs(log.folder / "frames")
        self._one_at_a_time = anyio.Lock()
        self.seen = ""
        """Content hash of the newest frame."""
        self._shown = {"brain": "", "client": ""}
        """Content hash of the frame that each was shown last."""
        self._takeovers = 0
        self.held_up = 0.0
        """Seconds that deeds have waited because a person paused the agent or had its desk."""
        self.step = 0
        """Number of the step under way; the loop counts it up."""
        self.think_ms = 0.0
        """How long the brain thought before the first deed of this step."""

    def observed(self) -> None:
        """The brain has seen the screen as it is now: what it decides from here on may be done."""
        self._takeovers = self._inbox.takeovers

    async def through(self, deed: Deed, by: Literal["brain", "client"] = "brain") -> Passed:
        """Let a deed pass. Raises `Interrupted`, `Closed`, `DeskError`, `LogError`."""
        async with self._one_at_a_time:
            if by == "client" and self._inbox.me.taken_by:
                raise Conflict("A person has taken this desk over. Try again when it is handed back.")
            arrived = time.monotonic()
            await self._inbox.gate()
            self.held_up += time.monotonic() - arrived
            if by == "brain" and self._inbox.takeovers != self._takeovers:
                raise Interrupted("Not done: a person has worked at this desk meanwhile. Look at the screen and decide again.")
            return await self._pass(deed, by)

    async def _pass(self, deed: Deed, by: Literal["brain", "client"]) -> Passed:
        clock = _Clock()
        text, error = "", None
        try:
            text = await deed.do(self._desk)
        except (Closed, Interrupted):
            raise
        except HotdeskError as refused:
            error = refused
        acted = clock.lap()
        if deed.settles and error is None:
            settled = await self._desk.settle(self._cap)
        else:
            settled = Settled("nothing", 0.0)
        rested = clock.lap()
        try:
            image, digest = await self._frame()
        except HotdeskError as gone:
            raise error or gone from gone
        self.seen = digest
        think, self.think_ms = (self.think_ms, 0.0) if by == "brain" else (0.0, self.think_ms)
        await self._log.append(
            ev.AgentThinking(
                agent=self._agent,
                task=self._inbox.me.task,
                step=self.step,
                says=deed.says,
                tool=deed.tool,
                actions=tuple(dict(action) for action in deed.actions),
                frame=digest,
                settled=settled.why if deed.settles else None,
                error=str(error) if error else None,
                by=by,
                timings=ev.Timings(think=think, act=acted, settle=rested, frame=clock.lap()),
            )
        )
        if error is not None:
            raise error
        changed = digest != self._shown[by]
        if deed.shows:
            self._shown[by] = digest
        return Passed(text, image, digest, changed)

    async def look(self) -> tuple[Image, str]:
        """The screen as it is, for the brain to begin with or to go on from; no deed, so not logged."""
        async with self._one_at_a_time:
            image, self.seen = await self._frame()
            self._shown["brain"] = self.seen
            return image, self.seen

    async def _frame(self) -> tuple[Image, str]:
        image = await self._desk.screenshot()
        return image, self._frames.put(image.data)


class ClientDoor:
    """The same door for an MCP client from outside: not told what the agent has seen, turned away while a person is at the desk."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def through(self, deed: Deed) -> Passed:
        return await self._door.through(deed, by="client")


class _Clock:
    def __init__(self) -> None:
        self._last = time.perf_counter()

    def lap(self) -> float:
        """Milliseconds since the last lap."""
        now = time.perf_counter()
        lap, self._last = (now - self._last) * 1000, now
        return round(lap, 3)
