"""Workers on this machine, some of them warm: started ahead of time, each with its desk open, so that an agent is at work at once.

A warm worker is given to one agent and never again; those that are used or have died are replaced in the background, one after another,
once no more have been asked for during `LULL`. Leaving the engine ends every warm worker and desk.
"""

from __future__ import annotations

import logging
import os
import secrets
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Self

import anyio
from anyio.abc import TaskGroup

from hotdesk.engines.base import Engine, Worker
from hotdesk.engines.local.nursery import Nursery
from hotdesk.engines.local.process import WorkerProcess
from hotdesk.errors import EngineError
from hotdesk.events import SessionCreated
from hotdesk.logs.base import Log

__all__ = ["LocalEngine"]

LULL = 1.0
"""Seconds after a warm worker was taken before the next is started: until then the machine is wanted for what took it."""
WARMING = 60.0
"""Seconds a warm worker may take to open its desk."""
RETRY, RETRY_CAP = 2.0, 60.0
"""Seconds before it is tried again after one could not, doubled each time up to the cap."""

_PASSED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER", "LOGNAME", "XDG_RUNTIME_DIR", "SSL_CERT_FILE", "VIRTUAL_ENV")

logger = logging.getLogger(__name__)


class LocalEngine(Engine):
    name = "local"

    def __init__(
        self,
        environment: Mapping[str, str],
        warm: int = 0,
        desks: str = "",
        clear: Callable[[str], Awaitable[object]] | None = None,
        forks: bool = True,
    ) -> None:
        """`environment`: the settings and keys that workers get; of this process's own environment they get only the plain basics. `warm`
        workers are kept ready for sessions at `desks`; `clear(desk_id)` destroys what one that died has left. `forks`: see `nursery`."""
        passed = {name: value for name, value in os.environ.items() if name in _PASSED}
        self._nursery = Nursery(passed | dict(environment), forks)
        self._size = warm
        self._desks = desks
        self._clear = clear
        self._warm: deque[WorkerProcess] = deque()
        self._short = anyio.Event()
        self._taken_at = -LULL
        self._tasks: TaskGroup = anyio.create_task_group()

    @property
    def warm(self) -> int:
        """How many warm workers are ready now."""
        return len(self._warm)

    async def __aenter__(self) -> Self:
        await self._nursery.__aenter__()
        await self._tasks.__aenter__()
        if self._size:
            self._tasks.start_soon(self._keep_warm)
        return self

    async def __aexit__(self, *exc: object) -> bool | None:
        self._tasks.cancel_scope.cancel()
        try:
            await self._tasks.__aexit__(None, None, None)
        finally:
            try:
                with anyio.CancelScope(shield=True):
                    async with anyio.create_task_group() as ending:
                        for worker in self._warm:
                            ending.start_soon(self._discard, worker)
                    self._warm.clear()
            finally:
                await self._nursery.__aexit__(None, None, None)
        return None

    @asynccontextmanager
    async def place(self, log: Log, agent: str) -> AsyncGenerator[Worker]:
        try:
            (log.folder / "agents").mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise EngineError(f"The session's folder cannot be written to: {error.strerror or error}.") from error
        suits = bool(self._warm) and await self._suits(log)
        worker = (self._take(log, agent) if suits else None) or await self._new(log, agent)
        try:
            yield worker
        finally:
            await worker.end(grace=0)

    async def _suits(self, log: Log) -> bool:
        """Whether the session's desks are such as warm workers have."""
        first = next(iter(await log.read(limit=1)), None)
        return isinstance(first, SessionCreated) and first.desks == self._desks

    def _take(self, log: Log, agent: str) -> WorkerProcess | None:
        """The oldest warm worker that is still there, assigned."""
        while self._warm:
            worker = self._warm.popleft()
            self._taken_at = anyio.current_time()
            self._short.set()
            try:
                worker.assign(log, agent)
            except EngineError:
                self._tasks.start_soon(self._discard, worker)
            else:
                return worker
        return None

    async def _new(self, log: Log, agent: str) -> WorkerProcess:
        worker = await self._nursery.worker()
        try:
            worker.assign(log, agent)
        except EngineError:
            await worker.end(grace=0)
            raise
        return worker

    # Keeping warm -----------------------------------------------------------------------------------------------------------------

    async def _keep_warm(self) -> None:
        pause = RETRY
        while True:
            while len(self._warm) >= self._size:
                self._short = anyio.Event()
                await self._short.wait()
            while (now := anyio.current_time()) < (due := self._taken_at + LULL):  # noqa: ASYNC110 (it is time that is waited for)
                await anyio.sleep(due - now)
            if await self._warm_one():
                pause = RETRY
            else:
                await anyio.sleep(pause)
                pause = min(2 * pause, RETRY_CAP)

    async def _warm_one(self) -> bool:
        """Have one more warm worker; False if it could not be."""
        try:
            worker = await self._nursery.worker(f"warm-{secrets.token_hex(6)}")
        except EngineError as error:
            logger.warning("No worker could be kept warm: %s", error)
            return False
        ready = False
        try:
            with anyio.move_on_after(WARMING):
                ready = await worker.ready()
        finally:
            if not ready:
                await self._discard(worker)
        if not ready:
            logger.warning("A worker that was to be kept warm could not open its desk; its reason stands above.")
            return False
        self._warm.append(worker)
        self._tasks.start_soon(self._watch, worker)
        return True

    async def _watch(self, worker: WorkerProcess) -> None:
        """Replace a warm worker that ends before it is taken."""
        await worker.ended()
        if worker in self._warm:
            self._warm.remove(worker)
            self._short.set()
            await self._discard(worker)

    async def _discard(self, worker: WorkerProcess) -> None:
        with anyio.CancelScope(shield=True):
            await worker.end(grace=0)
            if self._clear is not None and worker.desk is not None:
                await self._clear(worker.desk)
