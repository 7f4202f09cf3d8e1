"""Many Socket.IO clients that watch one session: `python -m bench.equipment.watchers PORT SESSION CLIENTS LAST`.

A client here is what the protocol needs and nothing more, so that a thousand of them on this machine take as little as they can from the
server that they measure. When all have joined the process says «ready»; when each has the event LAST it tells how many events were lost or
out of order, and how long each took from the moment that its text begins with.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

__all__ = ["Watchers", "raise_limit", "watchers"]

_HANDSHAKE = (
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def raise_limit() -> None:
    """As many open files as this user may have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class _Client(asyncio.Protocol):
    def __init__(self, port: int, session: str, last: int, took: list[float]) -> None:
        self._port, self._session, self._last = port, session, last
        self._took = took
        self._came = bytearray()
        self._open = False
        self._seen = 0
        self.wrong = 0
        loop = asyncio.get_running_loop()
        self.joined: asyncio.Future[None] = loop.create_future()
        self.complete: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(_HANDSHAKE.format(port=self._port).encode())

    def connection_lost(self, _: Exception | None) -> None:
        for future in (self.joined, self.complete):
            if not future.done():
                future.set_exception(ConnectionError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self._came += data
        if not self._open:
            head, end, rest = bytes(self._came).partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head:
                raise ConnectionError(head.decode())
            self._open, self._came = True, bytearray(rest)
        while (text := self._frame()) is not None:
            self._heard(text, now)

    def _frame(self) -> bytes | None:
        came = self._came
        if len(came) < 2:
            return None
        length, start = came[1], 2
        if length > 125:
            start = 4 if length == 126 else 10
            if len(came) < start:
                return None
            (length,) = struct.unpack_from(">H" if start == 4 else ">Q", came, 2)
        if len(came) < start + length:
            return None
        payload = bytes(came[start : start + length])
        del came[: start + length]
        return payload

    def _say(self, text: bytes) -> None:
        mask = os.urandom(4)
        size = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + struct.pack(">H", len(text))
        self._transport.write(b"\x81" + size + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(text)))

    def _heard(self, text: bytes, now: float) -> None:
        match text[:2]:
            case b"2":
                self._say(b"3")
            case b"42":
                event = json.loads(text[2:])[1]
                self._event(event, now)
            case b"43":
                self._seen = json.loads(text[text.index(b"[") :])[0]["last"]
                self.joined.set_result(None)
            case b"40":
                self._say(b'420["session:join",' + json.dumps({"session": self._session}).encode() + b"]")
            case _ if text[:1] == b"0":
                self._say(b"40")

    def _event(self, event: dict[str, object], now: float) -> None:
        self.wrong += event["seq"] != self._seen + 1
        self._seen = int(str(event["seq"]))
        if "text" in event:
            self._took.append(now - float(str(event["text"]).split(" ", 1)[0]))
        if self._seen >= self._last and not self.complete.done():
            self.complete.set_result(None)


async def _watch(port: int, session: str, number: int, last: int) -> None:
    raise_limit()
    loop, took = asyncio.get_running_loop(), list[float]()
    clients = []
    for _ in range(number):
        _, client = await loop.create_connection(lambda: _Client(port, session, last, took), "127.0.0.1", port)
        await client.joined
        clients.append(client)
    print("ready", flush=True)
    await asyncio.gather(*(client.complete for client in clients))
    print(json.dumps({"wrong": sum(client.wrong for client in clients), "took": took}), flush=True)


class Watchers:
    def __init__(self, said: list[BufferedByteReceiveStream]) -> None:
        self._said = said

    async def complete(self) -> tuple[int, list[float]]:
        """Events lost or out of order, and what each took, in seconds, for all clients."""
        wrong, took = 0, list[float]()
        for said in self._said:
            found = json.loads(await said.receive_until(b"\n", 1 << 28))
            wrong += found["wrong"]
            took += found["took"]
        return wrong, took


@asynccontextmanager
async def watchers(port: int, session: str, number: int, processes: int, last: int) -> AsyncIterator[Watchers]:
    """So many clients, spread over processes, who have joined."""
    async with AsyncExitStack() as stack:
        said = []
        for _ in range(processes):
            arguments = [str(port), session, str(number // processes), str(last)]
            command = [sys.executable, "-m", "bench.equipment.watchers", *arguments]
            process = await stack.enter_async_context(await anyio.open_process(command, stdin=subprocess.DEVNULL, stderr=None))
            stack.callback(_kill, process)
            if process.stdout:
                said.append(BufferedByteReceiveStream(process.stdout))
        for each in said:
            await each.receive_until(b"\n", 100)
        yield Watchers(said)


def _kill(process: Process) -> None:
    if process.returncode is None:
        process.kill()


if __name__ == "__main__":
    asyncio.run(_watch(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
