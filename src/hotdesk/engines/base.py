"""The contract of an engine: place one worker for one agent of one session, tell how it ended, end it within a bound.

A `Worker` is owned by whoever placed it. `ended` returns once the worker is gone, and says how. `end` gives it `grace` seconds to finish
what the log tells it to finish, then kills it; it returns when it is gone. Leaving `place` ends it too.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from typing import ClassVar, Self

from hotdesk.logs.base import Log

GRACE = 8.0
"""Seconds a worker has to put its work down, collect its files and close its desk before it is killed."""


class Worker(ABC):
    """One placed worker."""

    desk: str | None = None
    """Id of the desk that it had before it was placed, if it had one."""

    @abstractmethod
    async def ended(self) -> str:
        """Wait for its end; returns how it ended, for a person («exit code 1»)."""

    @abstractmethod
    async def end(self, grace: float = GRACE) -> None:
        """End it: politely, then by force. Idempotent."""


class Engine(ABC):
    """Places workers, while it is entered."""

    name: ClassVar[str]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> bool | None:
        return None

    @abstractmethod
    def place(self, log: Log, agent: str) -> AbstractAsyncContextManager[Worker]:
        """Start a worker that attaches to the session of `log` as `agent`. Raises `EngineError`."""
