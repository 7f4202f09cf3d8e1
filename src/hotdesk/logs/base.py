"""The contract of the event log.

A `Log` is one session's append-only, totally ordered record. What is promised
- `append` is atomic: the events given in one call stand next to each other in the log, or none of them is there. When it has returned
  they survive the death of any process. It fills in `seq` (gapless, from 1), `at` (unless already set) and `session`.
- `read` and `follow` give whole events in the order of `seq`, each exactly once; `follow` gives what is there and then what comes, from
  any process, and wakes at once.
- Several processes may append and follow at the same time; each process has `Log` objects of its own.

What is not promised: that `at` grows with `seq` (clocks differ), or that an append survives a power cut in the last moments.

`conduct` is the conductor's lock: held by at most one process, released by the kernel however the holder ends.

Errors: `NotFound` for a session that is not there, `LogError` when the store cannot be read or written (a full disk, say) and then
nothing was appended, `SessionBusy` from `conduct`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from pathlib import Path
from typing import Self

from hotdesk.events import Event


class Log(ABC):
    """One session's log. Close it with `async with` or `aclose`."""

    session: str
    folder: Path
    """The session's folder: the log's file, `frames/`, `artifacts/` and the agents' sockets live in it."""

    @abstractmethod
    async def append(self, *events: Event) -> list[Event]:
        """Append the events together; returns them as they now stand in the log."""

    @abstractmethod
    async def read(self, after: int = 0, limit: int | None = None) -> list[Event]:
        """Events with `seq > after`, at most `limit`."""

    @abstractmethod
    async def last(self) -> int:
        """The highest `seq`, 0 for an empty log."""

    @abstractmethod
    def follow(self, after: int = 0) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Events with `seq > after`, those that are there and then those to come, without end."""

    @abstractmethod
    def conduct(self) -> AbstractContextManager[None]:
        """Hold the conductor's lock. Raises `SessionBusy` if another holds it."""

    @abstractmethod
    async def aclose(self) -> None:
        """Let go of files. Idempotent."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()


class Logs(ABC):
    """All sessions' logs, below one data folder."""

    data: Path

    @abstractmethod
    async def create(self, session: str) -> Log:
        """A new, empty log. Raises `LogError` if there is one already or the folder cannot be made."""

    @abstractmethod
    async def open(self, session: str) -> Log:
        """The log of a session that exists. Raises `NotFound`."""

    @abstractmethod
    async def sessions(self) -> list[str]:
        """Ids of all sessions, newest first."""
