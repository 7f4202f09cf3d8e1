"""Asking for an errand (`hotdesk.desks.errands`): one connection for each request, `(what, bytes) → (answer, parts)`.

A request whose asker is cancelled is hung up on, and what it started is killed before the cancellation goes on. Who serves errands runs
among the desk's own processes, so nothing it says is taken for more than data, and its length is bounded.
"""

from __future__ import annotations

import json
import socket
import struct
from contextlib import suppress
from typing import Any

import anyio
from anyio.abc import SocketStream

from hotdesk.errors import DeskGone, DeskRefused

LONGEST_ANSWER = 1 << 20
HANG_UP_BOUND = 2.0
"""Seconds for the helper to kill what a cancelled request started."""


async def ask(
    connection: socket.socket, request: dict[str, Any], data: bytes = b"", most: int = 64 << 20
) -> tuple[dict[str, Any], list[bytes]]:
    """Raises `DeskRefused` with the server's sentence, `DeskGone` if there is no answer. The connection is used up."""
    connection.setblocking(False)
    stream: SocketStream = await anyio.abc.UNIXSocketStream.from_socket(connection)
    async with stream:
        try:
            head = json.dumps({**request, "bytes": len(data)}).encode()
            with suppress(anyio.BrokenResourceError):  # it may refuse before it has read all: its answer says why
                await stream.send(struct.pack(">I", len(head)) + head + data)
            answer = json.loads(await _receive(stream, struct.unpack(">I", await _receive(stream, 4, 4))[0], LONGEST_ANSWER))
            parts = [await _receive(stream, size, most) for size in answer["sizes"]]
        except (anyio.EndOfStream, anyio.BrokenResourceError, ValueError, KeyError, TypeError) as error:
            raise DeskGone("This desk is closed, or its helper does not answer.") from error
        except anyio.get_cancelled_exc_class():
            with anyio.move_on_after(HANG_UP_BOUND, shield=True):
                await _hang_up(stream)
            raise
    if "refused" in answer:
        raise DeskRefused(str(answer["refused"]))
    return answer, parts


async def _hang_up(stream: SocketStream) -> None:
    """End our side, and wait until the helper has killed what it ran and ended its own."""
    try:
        await stream.send_eof()
        while True:
            await stream.receive()
    except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
        return


async def _receive(stream: SocketStream, size: int, most: int) -> bytes:
    if not 0 <= size <= most:
        raise ValueError(size)
    chunks, left = [], size
    while left:
        chunks.append(await stream.receive(min(left, 1 << 20)))
        left -= len(chunks[-1])
    return b"".join(chunks)
