"""Runs an ASGI app on a socket that is bound already, and leaves signals to its caller. Imports the web server: import it late."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

__all__ = ["WebServer"]

CLOSING = 3
"""Seconds open requests and streams have when the server stops (uvicorn wants a whole number)."""

WS_BYTES = (4 << 20) + 1024
"""Largest WebSocket message taken: a viewer's clipboard of 4 MiB, with what stands around it."""


class WebServer(uvicorn.Server):
    """Serves until `stop`, or until it is cancelled."""

    def __init__(self, app: Any, listener: socket.socket, *, websockets: bool = True, closing: int = CLOSING) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                ws="websockets-sansio" if websockets else "none",
                ws_per_message_deflate=False,
                ws_max_size=WS_BYTES,
                timeout_graceful_shutdown=closing,
                server_header=False,
            )
        )
        self._listener = listener
        self._on_start: Callable[[], None] = lambda: None

    async def run_until_stopped(self, on_start: Callable[[], None] = lambda: None) -> None:
        """`on_start()` is called once requests are taken."""
        self._on_start = on_start
        await self.serve(sockets=[self._listener])

    def stop(self) -> None:
        """Stop in order; the second time, without waiting for open connections."""
        self.force_exit = self.should_exit
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_start()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the caller's."""
        yield
