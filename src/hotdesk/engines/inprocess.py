"""Workers as tasks of this process: for tests, where a process each would only cost time. A crash is caught and told like a process's."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio

from hotdesk.engines.base import GRACE, Engine, Worker
from hotdesk.logs.base import Log

Work = Callable[[Log, str], Awaitable[None]]
"""A worker's whole life, given its session's log and its agent's id."""


class _Task(Worker):
    def __init__(self) -> None:
        self.scope = anyio.CancelScope()
        self.over = anyio.Event()
        self.how = "it returned."

    async def ended(self) -> str:
        await self.over.wait()
        return self.how

    async def end(self, grace: float = GRACE) -> None:
        with anyio.CancelScope(shield=True):
            with anyio.move_on_after(grace):
                await self.over.wait()
            self.scope.cancel()
            await self.over.wait()


class InprocessEngine(Engine):
    name = "inprocess"

    def __init__(self, work: Work) -> None:
        self._work = work

    @asynccontextmanager
    async def place(self, log: Log, agent: str) -> AsyncGenerator[Worker]:
        worker = _Task()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._run, worker, log, agent)
            try:
                yield worker
            finally:
                await worker.end(grace=0)

    async def _run(self, worker: _Task, log: Log, agent: str) -> None:
        try:
            with worker.scope:
                await self._work(log, agent)
            if worker.scope.cancelled_caught:
                worker.how = "it was cancelled."
        except Exception as error:
            worker.how = f"{type(error).__name__}: {error}"
        finally:
            worker.over.set()
