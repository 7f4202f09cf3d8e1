"""Runs an ASGI app on a socket that is bound already, and leaves signals to its caller. Imports the web server: import it late.

A WebSocket finds in `scope["extensions"]["hotdesk.binary"]` a shorter way out for what is large (`tell`, `full`, `ready`).
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, cast

import uvicorn
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request
from websockets.protocol import State

__all__ = ["WebServer"]

CLOSING = 3
"""Seconds open requests and streams have when the server stops (uvicorn wants a whole number)."""

WS_BYTES = (4 << 20) + 1024
"""Largest WebSocket message taken: a viewer's clipboard of 4 MiB, with what stands around it."""


class _WebSocket(WebSocketsSansIOProtocol):
    """uvicorn's, with a way out that copies nothing. What is sent the usual way is copied three times, each time into fresh memory; with
    twenty screens that takes more time than all else."""

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101 and self.transport.get_extra_info("sslcontext") is None:
            cast("dict[str, Any]", self.scope["extensions"])["hotdesk.binary"] = self

    def tell(self, data: memoryview) -> None:
        """Send one binary message, now; `data` may be used again afterwards. What the system does not take waits in the transport: wait for
        `ready` if it is `full` then. Raises `OSError` if the viewer is gone."""
        if self.disconnected or self.close_sent or self.transport.is_closing() or self.conn.state is not State.OPEN:
            raise ClientDisconnected
        head, sent = _binary_head(len(data)), 0
        if not self.transport.get_write_buffer_size():  # nothing waits that must go before it
            with suppress(OSError):  # full; what else is wrong the transport finds out
                sent = os.writev(self.transport.get_extra_info("socket").fileno(), (head, data))
        if sent < len(head):
            self.transport.write(head[sent:])
        if left := bytes(data[max(0, sent - len(head)) :]):
            self.transport.write(left)

    @property
    def full(self) -> bool:
        """Does more than a little of what was told wait in the transport?"""
        return not self.writable.is_set()

    async def ready(self) -> None:
        """Wait until it is not `full`."""
        await self.writable.wait()


def _binary_head(length: int) -> bytes:
    """What stands before a whole, unmasked binary message."""
    if length < 126:
        return bytes((0x82, length))
    return struct.pack(">BBH", 0x82, 126, length) if length < 1 << 16 else struct.pack(">BBQ", 0x82, 127, length)


class WebServer(uvicorn.Server):
    """Serves until `stop`, or until it is cancelled."""

    def __init__(self, app: Any, listener: socket.socket, *, websockets: bool = True, closing: int = CLOSING) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                ws=_WebSocket if websockets else "none",
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
