"""A step's reasoning on its way into the log: as it arrives, but at most ten events a second.

The first piece is appended at once; what comes within `INTERVAL` after an append is gathered into the next. Leaving appends the rest, and
with it what is to be said at its end.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio

from hotdesk import events as ev
from hotdesk.errors import alone
from hotdesk.logs.base import Log

INTERVAL = 0.1
"""Seconds between two `agent:reasoning` events of one step."""


class Reasoning:
    """`text` is all of it so far."""

    def __init__(self, log: Log, agent: str, task: str, step: int) -> None:
        self._log = log
        self._where = {"agent": agent, "task": task, "step": step}
        self._waiting: list[str] = []
        self._some = anyio.Event()
        self._then: tuple[ev.Event, ...] = ()
        self.text = ""

    def add(self, piece: str) -> None:
        if piece:
            self.text += piece
            self._waiting.append(piece)
            self._some.set()

    def then(self, *events: ev.Event) -> None:
        """Events that follow the reasoning's end, in one append with it."""
        self._then += events

    async def _run(self) -> None:
        while True:
            await self._some.wait()
            await self._flush()
            await anyio.sleep(INTERVAL)

    async def _flush(self, *then: ev.Event) -> None:
        text, self._waiting, self._some = "".join(self._waiting), [], anyio.Event()
        said = [ev.AgentReasoning.model_validate({**self._where, "text": text})] if text else []
        if said or then:
            with anyio.CancelScope(shield=True):
                await self._log.append(*said, *then)


@asynccontextmanager
async def reasoning(log: Log, agent: str, task: str, step: int) -> AsyncGenerator[Reasoning]:
    """A step's reasoning, appended while the block runs; nothing is lost if the block is cancelled."""
    stream = Reasoning(log, agent, task, step)
    with alone():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stream._run)
            try:
                yield stream
            finally:
                tasks.cancel_scope.cancel()
                await stream._flush(*stream._then)
