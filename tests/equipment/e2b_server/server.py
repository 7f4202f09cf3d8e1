"""The server: E2B's two doors, the control plane and the edge in front of the sandboxes, at one address on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.equipment.e2b_server import envd, wire
from tests.equipment.e2b_server.control import Control, Refused
from tests.equipment.e2b_server.faults import Fault, Faults
from tests.equipment.e2b_server.requests import Request
from tests.equipment.e2b_server.sandboxes import Fleet, Gone, PortClosed, Sandbox

KEY = "e2b_test"
CLOSE_BOUND = 5.0
"""Seconds for open connections to notice that the server closes."""

Latency = float | Callable[[Request], float]


@dataclass
class E2BServer:
    """A running server."""

    fleet: Fleet
    control: Control
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    """What was asked so far."""
    faults: Faults = field(default_factory=Faults)
    latency: Latency = 0.0
    """Seconds before each request is looked at, as if a network lay between; or a function of the request."""
    _listening: asyncio.Server | None = None
    _connections: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def environment(self) -> dict[str, str]:
        """What makes the SDK, in any process, ask this server."""
        return environment(self.url, self.control.key)

    @property
    def sandboxes(self) -> dict[str, Sandbox]:
        """Every sandbox there has been, by id; `running` tells which are there."""
        return self.fleet.all

    async def kill_sandbox(self, sandbox_id: str) -> None:
        """As if it had died by itself."""
        await self.fleet.end(self.fleet.all[sandbox_id], "vanished")

    async def expire_sandbox(self, sandbox_id: str) -> None:
        """Its time is over now."""
        await self.fleet.end(self.fleet.all[sandbox_id], "expired")

    # The connection -------------------------------------------------------------------------------------------------------------------

    async def listen(self, port: int = 0) -> None:
        self._listening = await asyncio.start_server(self._connected, "127.0.0.1", port, limit=wire.LIMIT, backlog=512)
        self.url = f"http://127.0.0.1:{self._listening.sockets[0].getsockname()[1]}"

    @asynccontextmanager
    async def refusing(self) -> AsyncGenerator[None]:
        """Nobody can connect meanwhile, and who is connected is cut off."""
        await self._stop()
        try:
            yield
        finally:
            await self.listen(int(self.url.rpartition(":")[2]))

    async def _stop(self) -> None:
        if self._listening:
            self._listening.close()
        own = asyncio.current_task()
        others = [task for task in self._connections if task is not own]
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others, timeout=CLOSE_BOUND)

    async def close(self) -> None:
        await self._stop()
        await self.fleet.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._connections.add(task)
        try:
            await self._handle(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()  # the server closes; the task is nobody else's
        finally:
            self._connections.discard(task)
            writer.close()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await wire.read_head(reader)
        if head.path.startswith("/_/"):
            writer.write(await self._answer_tests(head, await wire.read_body(reader, head)))
            await writer.drain()
            return
        request = Request.of(head)
        body = await _read(request, head, reader)
        self.requests.append(request)
        if seconds := self.latency(request) if callable(self.latency) else self.latency:
            await asyncio.sleep(seconds)
        fault = self.faults.take(request)
        if fault and await self._misbehave(fault, request, reader, writer):
            return
        if request.port is None:
            status, answer, headers = await self.control.answer(request, head.get("x-api-key"))
            writer.write(wire.answer(status, answer, headers))
            await writer.drain()
        else:
            await self._relay(request, head, body, reader, writer, fault)

    async def _misbehave(self, fault: Fault, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether that was all of it."""
        if fault.status:
            _, body, _ = Refused(fault.status, fault.message or "trouble on demand").reply
            headers = {} if fault.retry_after is None else {"retry-after": str(fault.retry_after)}
            writer.write(wire.answer(fault.status, body, headers))
            await writer.drain()
        elif fault.kind == "hang":
            await reader.read()
        elif fault.kind == "reset":
            _reset(writer)
        elif fault.kind in ("vanish", "expire"):
            if sandbox := self.fleet.find(request.sandbox or ""):
                await self.fleet.end(sandbox, "vanished" if fault.kind == "vanish" else "expired")
            return False
        else:
            await asyncio.sleep(fault.seconds)
            return False
        return True

    # The edge -------------------------------------------------------------------------------------------------------------------------

    async def _relay(
        self,
        request: Request,
        head: wire.Head,
        body: bytes | None,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        fault: Fault | None,
    ) -> None:
        """Carry a request to a port of a sandbox, and everything that comes after it both ways."""
        sandbox = self.fleet.find(request.sandbox or "")
        if sandbox and request.port == envd.PORT and request.name != "health" and head.get("x-access-token") != sandbox.token:
            message = "unauthorized access, please provide a valid access token or method signing if supported"
            writer.write(wire.answer(401, {"code": 401, "message": message}))
            return
        try:
            inner_reader, inner_writer = await self._inside(request)
        except Gone:
            writer.write(wire.answer(502, {"sandboxId": request.sandbox, "message": "The sandbox was not found", "code": 502}))
            return
        except PortClosed:
            about = {"message": "The sandbox is running but port is not open", "port": request.port, "code": 502}
            writer.write(wire.answer(502, {"sandboxId": request.sandbox, **about}))
            return
        kept = {} if head.upgrades else {"connection": "close"}
        if body is not None:
            inner_writer.write(head.encode(**kept, content_length=str(len(body))) + body)
        else:
            inner_writer.write(head.encode(**kept))
        out = asyncio.ensure_future(_carry(reader, inner_writer))
        try:
            await _carry_back(inner_reader, writer, fault if fault and fault.kind in ("cut", "end") else None)
        finally:
            out.cancel()
            await asyncio.wait([out])
            inner_writer.close()

    async def _inside(self, request: Request) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        sandbox = self.fleet.find(request.sandbox or "")
        if sandbox is None or request.port is None:
            raise Gone
        return await sandbox.connect(request.port)

    # For tests in another process -----------------------------------------------------------------------------------------------------

    async def _answer_tests(self, head: wire.Head, body: bytes) -> bytes:
        given: Any = json.loads(body or b"null")
        match head.method, head.path.split("/")[2:]:
            case "GET", ["requests"]:
                return wire.answer(200, [request.told for request in self.requests])
            case "DELETE", ["requests"]:
                self.requests.clear()
            case "GET", ["sandboxes"]:
                return wire.answer(200, [sandbox.told for sandbox in self.sandboxes.values()])
            case "DELETE", ["sandboxes", sandbox_id]:
                await self.kill_sandbox(sandbox_id)
            case "POST", ["sandboxes", sandbox_id, "expire"]:
                await self.expire_sandbox(sandbox_id)
            case "POST", ["faults"]:
                self.faults.add(**given)
            case "DELETE", ["faults"]:
                self.faults.clear()
            case "PUT", ["latency"]:
                self.latency = float(given)
            case "POST", ["refuse"]:
                asyncio.get_running_loop().call_soon(self._refuse, float(given))
            case _:
                return wire.answer(404, None)
        return wire.answer(204)

    def _refuse(self, seconds: float) -> None:
        async def refuse() -> None:
            async with self.refusing():
                await asyncio.sleep(seconds)

        self._refusing = asyncio.ensure_future(refuse())


async def _read(request: Request, head: wire.Head, reader: asyncio.StreamReader) -> bytes | None:
    """The body, where it is a message; what is carried through unread is None."""
    streams = request.port not in (None, envd.PORT) or request.name in ("files/write", "files/read", "Process/StreamInput")
    if streams:
        return None
    body = await wire.read_body(reader, head)
    with contextlib.suppress(ValueError, struct.error):
        request.body = wire.open_envelope(body) if "connect+json" in head.get("content-type") else json.loads(body or b"null")
    return body


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(wire.PIECE):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


async def _carry_back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fault: Fault | None) -> None:
    pieces = 0
    while data := await reader.read(wire.PIECE):
        if fault and pieces == fault.pieces:
            break
        writer.write(data)
        await writer.drain()
        pieces += 1
    if fault and fault.kind == "end":
        writer.write(b"0\r\n\r\n")
    elif fault:
        await asyncio.sleep(0.02)  # so that what was sent before the cut has arrived
        _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def environment(url: str, key: str = KEY) -> dict[str, str]:
    """What makes the SDK ask the server at `url`."""
    return {"E2B_API_KEY": key, "E2B_API_URL": url, "E2B_SANDBOX_URL": url}


@asynccontextmanager
async def e2b_server(
    port: int = 0,
    *,
    most: int = 20,
    key: str = KEY,
    templates: tuple[str, ...] = ("desktop", "base"),
    latency: Latency = 0.0,
) -> AsyncGenerator[E2BServer]:
    """Serve on loopback until left; then every process of every sandbox has ended. `most`: so many sandboxes at once.

    To be entered on the thread that outlives the sandboxes: they die with it.
    """
    fleet = Fleet(most)
    server = E2BServer(fleet, Control(fleet, key, templates), latency=latency)
    await server.listen(port)
    try:
        yield server
    finally:
        await asyncio.shield(asyncio.ensure_future(server.close()))
