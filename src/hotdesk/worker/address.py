"""An agent's own address: its desk's tools for any MCP client, streamable HTTP at `/mcp` on a unix socket in the session's folder.

The socket listens from the start; the web server behind it is imported and started when the first client knocks, since most agents never
have one. The socket is reached through `/proc/self/fd`, so a long data folder does not run into the kernel's limit of 107 bytes.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
from anyio.abc import TaskStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mcp.server import Server

    from hotdesk.asgi import WebServer

CLOSING = 1
"""Seconds open requests have at the end (uvicorn wants a whole number)."""


async def serve_at(
    folder: Path, name: str, server: Callable[[], Server[Any]], *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    """Listen on `folder/name` until cancelled. Only this user can connect."""
    with _listening(folder, name) as listener:
        task_status.started()
        await anyio.wait_readable(listener)
        await _serve(listener, server)


@contextmanager
def _listening(folder: Path, name: str) -> Iterator[socket.socket]:
    folder.mkdir(mode=0o700, exist_ok=True)
    here = os.open(folder, os.O_PATH | os.O_CLOEXEC)
    try:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=here)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.setblocking(False)
            listener.bind(f"/proc/self/fd/{here}/{name}")
            os.chmod(name, 0o600, dir_fd=here)
            listener.listen()
            yield listener
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=here)
        os.close(here)


async def _serve(listener: socket.socket, server: Callable[[], Server[Any]]) -> None:
    web_server, no_rebinding = await anyio.to_thread.run_sync(_import)
    app = server().streamable_http_app(transport_security=no_rebinding)
    running = web_server(app, listener, websockets=False, closing=CLOSING)
    await running.run_until_stopped()


def _import() -> tuple[type[WebServer], Any]:
    from mcp.server.transport_security import TransportSecuritySettings  # noqa: PLC0415

    from hotdesk.asgi import WebServer  # noqa: PLC0415

    # No browser reaches a unix socket; the server's guard has checked Host and Origin of what it passes on.
    return WebServer, TransportSecuritySettings(enable_dns_rebinding_protection=False)
