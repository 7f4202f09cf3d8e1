"""A step's reasoning on its way into the log: as it arrives, but at most ten events a second.

The first piece is appended at once; what comes within `INTERVAL` after an append is gathered into the next. Leaving appends the rest.
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
        self.text = ""

    def add(self, piece: str) -> None:
        if piece:
            self.text += piece
            self._waiting.append(piece)
            self._some.set()

    async def _run(self) -> None:
        while True:
            await self._some.wait()
            await self._flush()
            await anyio.sleep(INTERVAL)

    async def _flush(self) -> None:
        text, self._waiting, self._some = "".join(self._waiting), [], anyio.Event()
        if text:
            with anyio.CancelScope(shield=True):
                await self._log.append(ev.AgentReasoning.model_validate({**self._where, "text": text}))


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
                await stream._flush()
