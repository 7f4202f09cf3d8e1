"""One worker process, however it was started: told what to do, waited for, and ended.

Its standard input is the lifeline: it stays open as long as this process lives, and closes however this process ends, SIGKILL included; a
worker that reads its end puts its work down and exits.
"""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Callable
from contextlib import suppress

import anyio

from hotdesk.engines.base import GRACE, Worker
from hotdesk.errors import EngineError
from hotdesk.logs.base import Log

__all__ = ["LIFELINE", "WorkerProcess"]

LIFELINE = 3.0
"""Seconds between the end of the lifeline and SIGKILL."""


class WorkerProcess(Worker):
    def __init__(self, line: socket.socket, kill: Callable[[], None], desk: str | None) -> None:
        """`line` is our end of its lifeline, `kill` sends SIGKILL, `desk` is the id of the desk that it opens ahead."""
        self.desk = desk
        self._line = line
        self._line.setblocking(False)
        self._kill = kill
        self._status: int | None = None
        self._over = anyio.Event()

    def over(self, status: int | None) -> None:
        """It has ended: with an exit code, negative for a signal, or None if that cannot be known any more."""
        self._status = status
        self._over.set()

    async def ready(self) -> bool:
        """Wait until the desk that it opens ahead is open; False if it ended instead."""
        said = b""
        while not said.endswith(b"\n"):
            await anyio.wait_readable(self._line)
            try:
                more = self._line.recv(4096)
            except BlockingIOError:
                continue
            except OSError:
                more = b""
            if not more:
                return False
            said += more
        return True

    def assign(self, log: Log, agent: str) -> None:
        """Give it its agent, once. Raises `EngineError` if it is gone."""
        try:
            self._line.send(json.dumps({"folder": str(log.folder), "agent": agent}).encode() + b"\n")
        except OSError as error:
            raise EngineError("The worker process ended before it was given an agent.") from error

    async def ended(self) -> str:
        await self._over.wait()
        if self._status is None:
            return "nobody saw how."
        if self._status >= 0:
            return f"exit code {self._status}."
        with suppress(ValueError):
            return f"killed by {signal.Signals(-self._status).name}."
        return f"killed by signal {-self._status}."

    async def end(self, grace: float = GRACE) -> None:
        with anyio.CancelScope(shield=True):
            with anyio.move_on_after(grace):
                await self._over.wait()
            self._line.close()
            with anyio.move_on_after(LIFELINE):
                await self._over.wait()
            if not self._over.is_set():
                self._kill()
                await self._over.wait()
