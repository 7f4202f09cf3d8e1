"""A model server in a process of its own that notes when requests begin and replies end: `python -m bench.equipment.server SCRIPT`.

What it says is the scripted answers of the tests' model server, streamed in their pieces with a pause between, as models do, over
connections that stay open, as vendors' do. `GET /times` tells of each request when its first byte came and when the last byte of its reply
was sent, by the clock of `time.perf_counter`, which is one for all processes of the machine.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import anyio.to_thread
import httpx

from tests.equipment.model_server import PIECES, Request, wrong_conversation

__all__ = ["Serving", "Times", "timed_server"]

PAUSE = 0.002
"""Seconds between two pieces of a reply, so that each is read before the next comes."""

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


class Times(NamedTuple):
    """Of one request: when its first byte came, and when the last of its reply went."""

    asked: float
    answered: float


class _Server(asyncio.Protocol):
    script: Sequence[Mapping[str, Any]] = ()
    times: list[Times] = []  # noqa: RUF012 - of all connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a server's transports can be read and written")
        self._transport = transport
        self._came = bytearray()
        self._first = 0.0
        self._busy: asyncio.Task[None] | None = None

    def data_received(self, data: bytes) -> None:
        if not self._came:
            self._first = time.perf_counter()
        self._came += data
        head, end, rest = bytes(self._came).partition(b"\r\n\r\n") if len(self._came) < 1 << 14 else self._again()
        if not end:
            return
        self._length = _length(head)
        if len(rest) < self._length:
            return
        self._came.clear()
        method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
        if method == "GET":
            self._plain(json.dumps(self.times).encode())
        else:
            self._busy = asyncio.ensure_future(self._answer(Request(path, {}, json.loads(rest)), self._first))

    def _again(self) -> tuple[bytes, bytes, bytes]:
        """The same for a large request: taken apart only when it is all there."""
        place = self._came.index(b"\r\n\r\n") + 4
        if len(self._came) - place < _length(bytes(self._came[: place - 4])):
            return b"", b"", b""
        return bytes(self._came[: place - 4]), b"\r\n\r\n", bytes(self._came[place:])

    def _plain(self, data: bytes, status: str = "200 OK") -> None:
        head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
        self._transport.write(head.encode() + data)

    async def _answer(self, request: Request, asked: float) -> None:
        if (wrong := wrong_conversation(request)) or len(self.times) >= len(self.script):
            self._plain(json.dumps({"error": {"message": wrong or "The script has ended."}}).encode(), "400 Bad Request")
            return
        self._transport.write(_HEAD)
        *pieces, last = (_chunk(piece) for piece in PIECES[request.protocol](request, self.script[len(self.times)]))
        for piece in pieces:
            await asyncio.sleep(PAUSE)
            self._transport.write(piece)
        await asyncio.sleep(PAUSE)
        self.times.append(Times(asked, time.perf_counter()))
        self._transport.write(last + b"0\r\n\r\n")


def _chunk(piece: str) -> bytes:
    data = piece.encode()
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def _length(head: bytes) -> int:
    lines = head.decode().lower().split("\r\n")
    return next((int(line.partition(":")[2]) for line in lines if line.startswith("content-length:")), 0)


async def _serve(script: Path) -> None:
    _Server.script = json.loads(await anyio.Path(script).read_text())
    server = await asyncio.get_running_loop().create_server(_Server, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


# From the measuring process -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Serving:
    url: str

    async def times(self) -> list[Times]:
        async with httpx.AsyncClient(trust_env=False) as client:
            return [Times(*pair) for pair in (await client.get(f"{self.url}/times")).json()]


@asynccontextmanager
async def timed_server(script: Sequence[Mapping[str, Any]], folder: Path) -> AsyncIterator[Serving]:
    """Serve `script` from another process until left; `folder` is for the script's file."""
    path = folder / "script.json"
    await anyio.Path(path).write_text(json.dumps(script))
    command = [sys.executable, "-m", "bench.equipment.server", str(path)]
    async with await anyio.open_process(command, stderr=None, stdin=subprocess.DEVNULL) as process:
        try:
            if process.stdout is None:
                raise RuntimeError("the server has a standard output")
            port = int(await process.stdout.receive())
            yield Serving(f"http://127.0.0.1:{port}")
        finally:
            process.kill()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
