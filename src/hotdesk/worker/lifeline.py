"""The line between a worker and the engine that placed it: the worker's standard input, a stream socket, a JSON object a line.

The worker says `{"warm": DESK}` when it has opened a desk ahead of its assignment. The engine says once `{"folder": …, "agent": …}`: whose
worker it is. The line stays open as long as the engine's process lives and closes however that ends, SIGKILL included; a worker that reads
its end puts its work down and exits.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import NamedTuple

import anyio

__all__ = ["Lifeline", "Order"]


class Order(NamedTuple):
    """Whose worker it is: the session's folder and the agent's id."""

    folder: Path
    agent: str


class Lifeline:
    def __init__(self, descriptor: int = 0) -> None:
        self._line = socket.socket(fileno=descriptor)
        self._line.setblocking(False)

    def say(self, **words: str) -> None:
        """A line to the engine; if it is gone, nobody is told."""
        try:
            self._line.send(json.dumps(words).encode() + b"\n")
        except OSError:
            return

    async def order(self) -> Order | None:
        """Wait for the assignment; None if the line ended before it came."""
        said = b""
        while not said.endswith(b"\n"):
            more = await self._receive()
            if not more:
                return None
            said += more
        order = json.loads(said)
        return Order(Path(order["folder"]), order["agent"])

    async def end(self) -> None:
        """Wait until the engine is gone."""
        while await self._receive():
            pass

    async def _receive(self) -> bytes:
        while True:
            await anyio.wait_readable(self._line)
            try:
                return self._line.recv(4096)
            except BlockingIOError:
                continue
            except OSError:
                return b""
