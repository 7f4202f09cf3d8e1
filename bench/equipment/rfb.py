"""A synthetic RFB source, and viewers of it and of real desks, in processes of their own.

`python -m bench.equipment.rfb source PATH`: speaks RFB at a unix socket. To a FramebufferUpdateRequest it answers with as many MiB as the
request's width says, to a PointerEvent with 32 bytes at once.

`python -m bench.equipment.rfb viewers WHAT AMOUNT TARGET…`: a viewer of each target (`ws://127.0.0.1:PORT/PATH` or the path of a socket).
When all are connected it says «ready» and waits for a line; then each takes AMOUNT MiB (WHAT is `bytes`), makes AMOUNT round trips of a
pointer event (`pointer`), or watches for AMOUNT seconds as noVNC does (`frames`); and it says what came of it.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import anyio
import uvloop
from anyio.streams.buffered import BufferedByteReceiveStream

__all__ = ["Viewers", "source", "viewers"]

MIB = 1 << 20
ANSWER = bytes(32)


# The source ---------------------------------------------------------------------------------------------------------------------------


def _source(path: str) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    Path(path).chmod(0o666)
    listener.listen(128)
    print("ready", flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_speak, args=(connection,), daemon=True).start()


def _speak(connection: socket.socket) -> None:
    block = os.urandom(MIB)
    with connection, suppress(OSError, EOFError):
        connection.sendall(b"RFB 003.008\n")
        _take(connection, 12)
        connection.sendall(b"\x01\x01")
        _take(connection, 1)
        connection.sendall(bytes(4))
        _take(connection, 1)
        connection.sendall(struct.pack(">HH16sI4s", 1280, 800, _FORMAT, 4, b"desk"))
        while True:
            match _take(connection, 1)[0]:
                case 3:
                    (width,) = struct.unpack(">xxxxxHxx", _take(connection, 9))
                    for _ in range(width):
                        connection.sendall(block)
                case 5:
                    _take(connection, 5)
                    connection.sendall(ANSWER)


def _take(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = connection.recv(length - len(data))
        if not more:
            raise EOFError
        data += more
    return data


_FORMAT = struct.pack(">BBBBHHHBBBxxx", 32, 24, 0, 1, 255, 255, 255, 16, 8, 0)
_ENCODINGS = (7, -26, -254, -224)
"""Tight with JPEG of quality 6, compression 2, LastRect: as noVNC has them."""


# Viewers ------------------------------------------------------------------------------------------------------------------------------


class _Viewer(asyncio.BufferedProtocol):
    """Reads into one buffer, takes WebSocket frames off where there are any, and counts what is left; keeps it where it is wanted."""

    def __init__(self, upgrade: bytes) -> None:
        self._upgrade = upgrade
        self._buffer = bytearray(MIB)
        self._view = memoryview(self._buffer)
        self._frame = 0
        self._head = bytearray()
        self._response = bytearray()
        self._opened = not upgrade
        self.kept: bytearray | None = bytearray()
        self.count = 0
        self._more: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if self._upgrade:
            self._transport.write(self._upgrade)

    def connection_lost(self, error: Exception | None) -> None:
        if self._more and not self._more.done():
            self._more.set_exception(error or ConnectionError("the viewer was hung up on"))

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._view

    def buffer_updated(self, length: int) -> None:
        data = self._view[:length]
        if not self._opened:
            self._response += data
            head, end, rest = bytes(self._response).partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head:
                raise ConnectionError(head.decode(errors="replace"))
            self._opened, data = True, memoryview(rest)
        self._payload(data) if self._upgrade else self._got(data)
        if self._more and not self._more.done():
            self._more.set_result(None)

    def _payload(self, data: memoryview) -> None:
        at = 0
        while at < len(data):
            if not self._frame:
                self._head += data[at : at + 1]
                at += 1
                size = {126: 4, 127: 10}.get(self._head[1] & 0x7F, 2) if len(self._head) > 1 else 2
                if len(self._head) == size:
                    short = self._head[1] & 0x7F
                    self._frame = short if size == 2 else int.from_bytes(self._head[2:size], "big")
                    if self._head[0] & 0xF not in (0, 1, 2):
                        raise ConnectionError("the server closed the WebSocket")
                    self._head.clear()
                continue
            part = data[at : at + self._frame]
            self._got(part)
            self._frame -= len(part)
            at += len(part)

    def _got(self, part: memoryview) -> None:
        self.count += len(part)
        if self.kept is not None:
            self.kept += part

    def send(self, data: bytes) -> None:
        if not self._upgrade:
            self._transport.write(data)
            return
        head = bytes([0x82, 0x80 | len(data)])
        self._transport.write(head + bytes(4) + data)  # masked with zeros

    async def more(self) -> None:
        self._more = asyncio.get_running_loop().create_future()
        await self._more

    async def until(self, count: int) -> None:
        while self.count < count:
            await self.more()

    async def take(self, length: int) -> bytes:
        assert self.kept is not None
        while len(self.kept) < length:
            await self.more()
        taken = bytes(self.kept[:length])
        del self.kept[:length]
        return taken


async def _connected(target: str) -> _Viewer:
    loop = asyncio.get_running_loop()
    if not target.startswith("ws:"):
        _, viewer = await loop.create_unix_connection(lambda: _Viewer(b""), target)
    else:
        where = urlsplit(target)
        path = where.path + (f"?{where.query}" if where.query else "")
        request = (
            f"GET {path} HTTP/1.1\r\nHost: {where.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Protocol: binary\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        _, viewer = await loop.create_connection(lambda: _Viewer(request.encode()), "127.0.0.1", where.port or 80)
    await viewer.take(12)
    viewer.send(b"RFB 003.008\n")
    await viewer.take((await viewer.take(1))[0])
    viewer.send(b"\x01")
    await viewer.take(4)
    viewer.send(b"\x01")
    await viewer.take(struct.unpack(">20xI", await viewer.take(24))[0])
    return viewer


async def _bytes(viewer: _Viewer, amount: int) -> float:
    viewer.kept = None
    viewer.count = 0
    viewer.send(struct.pack(">BBHHHH", 3, 0, 0, 0, amount, 1))
    await viewer.until(amount * MIB)
    return time.perf_counter()


async def _pointer(viewer: _Viewer, amount: int) -> list[float]:
    took = []
    viewer.kept = None
    for number in range(amount):
        began = time.perf_counter()
        viewer.count = 0
        viewer.send(struct.pack(">BBHH", 5, 0, number % 1000, 100))
        await viewer.until(len(ANSWER))
        took.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(0.001)
    return took


async def _frames(viewer: _Viewer, amount: float) -> tuple[int, int]:
    viewer.send(b"\0\0\0\0" + _FORMAT)
    viewer.send(struct.pack(f">BxH{len(_ENCODINGS)}i", 2, len(_ENCODINGS), *_ENCODINGS))
    end, frames, begun = time.perf_counter() + amount, 0, viewer.count
    incremental = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(amount):
            while time.perf_counter() < end:
                viewer.send(struct.pack(">BBHHHH", 3, incremental, 0, 0, 1280, 800))
                incremental = 1
                frames += await _update(viewer) >= 1280 * 400
    return frames, viewer.count - begun


async def _update(viewer: _Viewer) -> int:
    """Read one update; how many pixels it had."""
    pixels = 0
    while (await viewer.take(1))[0] != 0:
        raise ConnectionError("this server says what a viewer of this kind does not expect")
    (count,) = struct.unpack(">xH", await viewer.take(3))
    for _ in range(count):
        _, _, width, height, encoding = struct.unpack(">HHHHi", await viewer.take(12))
        if encoding == -224:
            break
        if encoding != 7:
            raise ConnectionError(f"encoding {encoding} was not asked for")
        pixels += width * height
        await _tight(viewer, width, height)
    return pixels


async def _tight(viewer: _Viewer, width: int, height: int) -> None:
    control = (await viewer.take(1))[0]
    kind, size = control >> 4, width * height * 3
    if kind == 8:
        await viewer.take(3)
        return
    if kind < 8 and kind & 4 and (await viewer.take(1))[0] == 1:
        colours = (await viewer.take(1))[0] + 1
        await viewer.take(colours * 3)
        size = (width + 7) // 8 * height if colours == 2 else width * height
    if kind < 8 and size < 12:
        await viewer.take(size)
        return
    length = 0
    for shift in (0, 7, 14):
        byte = (await viewer.take(1))[0]
        length |= (byte & (0x7F if shift < 14 else 0xFF)) << shift
        if shift < 14 and not byte & 0x80:
            break
    await viewer.take(length)


async def _view(what: str, amount: float, targets: Sequence[str]) -> None:
    everyone = [await _connected(target) for target in targets]
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    began = time.perf_counter()
    found: Any
    match what:
        case "bytes":
            found = max(await asyncio.gather(*(_bytes(viewer, int(amount)) for viewer in everyone))) - began
        case "pointer":
            found = [await _pointer(viewer, int(amount)) for viewer in everyone]
        case _:
            found = await asyncio.gather(*(_frames(viewer, amount) for viewer in everyone))
    print(json.dumps(found), flush=True)
    sys.stdin.read()


# From the measuring process -----------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _process(*arguments: str) -> AsyncIterator[tuple[anyio.abc.Process, BufferedByteReceiveStream]]:
    process = await anyio.open_process([sys.executable, "-m", "bench.equipment.rfb", *arguments], stdin=subprocess.PIPE, stderr=None)
    try:
        assert process.stdout is not None
        said = BufferedByteReceiveStream(process.stdout)
        with anyio.fail_after(20):
            await said.receive_until(b"\n", 100)
        yield process, said
    finally:
        with anyio.CancelScope(shield=True):
            if process.returncode is None:
                process.kill()
            await process.aclose()


@asynccontextmanager
async def source(path: Path) -> AsyncIterator[int]:
    """The synthetic source at this path; its pid."""
    async with _process("source", str(path)) as (process, _):
        yield process.pid


class Viewers:
    """Viewers that are connected."""

    def __init__(self, process: anyio.abc.Process, said: BufferedByteReceiveStream) -> None:
        self._process, self._said = process, said

    async def go(self) -> Any:
        """Let them begin; what came of it. They stay connected until the block ends."""
        assert self._process.stdin is not None
        await self._process.stdin.send(b"go\n")
        with anyio.fail_after(300):
            return json.loads(await self._said.receive_until(b"\n", 1 << 26))


@asynccontextmanager
async def viewers(what: str, amount: float, targets: Sequence[str]) -> AsyncIterator[Viewers]:
    async with _process("viewers", what, str(amount), *targets) as (process, said):
        yield Viewers(process, said)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["source", path]:
            with suppress(KeyboardInterrupt):
                _source(path)
        case ["viewers", what, amount, *targets]:
            uvloop.run(_view(what, float(amount), targets))
