"""A log in memory, for one process: the stand-in that tests and the `inprocess` engine use. It keeps nothing when the process ends.

It obeys the whole contract except survival of the process; the session's folder is real, since frames and artifacts are files.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import anyio

from hotdesk.errors import LogError, NotFound, SessionBusy
from hotdesk.events import Event
from hotdesk.logs.base import Log, Logs


class _Record:
    def __init__(self) -> None:
        self.events: list[Event] = []
        self.grown = anyio.Event()
        self.conducted = False


class MemoryLog(Log):
    def __init__(self, session: str, folder: Path, record: _Record) -> None:
        self.session = session
        self.folder = folder
        self._record = record

    async def append(self, *events: Event) -> list[Event]:
        await anyio.lowlevel.checkpoint()
        record, now = self._record, time.time()
        start = len(record.events) + 1
        stored = [
            event.model_copy(update={"seq": seq, "at": event.at or now, "session": self.session}) for seq, event in enumerate(events, start)
        ]
        record.events.extend(stored)
        record.grown.set()
        record.grown = anyio.Event()
        return stored

    async def read(self, after: int = 0, limit: int | None = None) -> list[Event]:
        await anyio.lowlevel.checkpoint()
        return self._record.events[after : None if limit is None else after + limit]

    async def last(self) -> int:
        return len(self._record.events)

    @asynccontextmanager
    async def follow(self, after: int = 0) -> AsyncGenerator[AsyncIterator[Event]]:
        yield self._events(after)

    async def _events(self, after: int) -> AsyncGenerator[Event]:
        while True:
            grown = self._record.grown
            for event in self._record.events[after:]:
                after = event.seq
                yield event
            if len(self._record.events) <= after:
                await grown.wait()

    @contextmanager
    def conduct(self) -> Iterator[None]:
        if self._record.conducted:
            raise SessionBusy(f"Session {self.session} is already being conducted.")
        self._record.conducted = True
        try:
            yield
        finally:
            self._record.conducted = False

    async def aclose(self) -> None:
        await anyio.lowlevel.checkpoint()


class MemoryLogs(Logs):
    def __init__(self, data: Path) -> None:
        self.data = data
        self._records: dict[str, _Record] = {}

    async def create(self, session: str) -> Log:
        if session in self._records:
            raise LogError(f"There is already a session {session}.")
        self._records[session] = _Record()
        return await self.open(session)

    async def open(self, session: str) -> Log:
        if session not in self._records:
            raise NotFound(f"There is no session {session}.")
        folder = self.data / "sessions" / session
        await anyio.Path(folder).mkdir(parents=True, exist_ok=True)
        return MemoryLog(session, folder, self._records[session])

    async def sessions(self) -> list[str]:
        await anyio.lowlevel.checkpoint()
        return sorted(self._records, reverse=True)
