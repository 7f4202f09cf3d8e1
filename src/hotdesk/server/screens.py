"""The screen gateway: a desk's RFB stream over a WebSocket of our own origin.

Promises: what the desk says passes untouched; what the viewer says passes message by message, and keys, pointer and clipboard only while
the viewer's control over the desk holds *at that moment*. When control ends, what is held down on the desk is let go of. A viewer
without control may stay and watch. The browser never learns where the desk is.

A desk with a socket of its own is read straight into one buffer that all viewers share, and sent from there: a quarter of a MiB for each
of twenty viewers is more than a processor keeps near. Whatever the way, no more is read from a desk than its viewer has taken.

How it ends: the desk hung up 1001, no such session or agent 4404, the desk is not open 4409, the viewer speaks no RFB 4400, the server
failed 1011; each with a sentence as the reason. A viewer that leaves ends the connection to the desk within `CLOSING` seconds.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Protocol

import anyio
from anyio.abc import SocketAttribute, SocketStream
from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from hotdesk.desks.base import Desks, ScreenStream
from hotdesk.errors import DeskError, HotdeskError, NotFound
from hotdesk.server.controls import Controls
from hotdesk.server.parts import Parts, Use
from hotdesk.server.problems import NotOpen
from hotdesk.server.rfb import Held, Kind, RfbError, ViewerParser

__all__ = ["BAD_RFB", "DESK_HUNG_UP", "FAILED", "NOT_OPEN", "UNKNOWN", "router"]

DESK_HUNG_UP = 1001
FAILED = 1011
BAD_RFB = 4400
UNKNOWN = 4404
NOT_OPEN = 4409

READ = 256 << 10
"""Bytes read from a desk at once: with 64 KiB the relay costs nearly twice as much."""
GREETING = 12
"""Bytes a desk says before it is told anything: the version it speaks."""
QUIET = 0.001
"""Seconds after which a desk that has greeted is taken to have said nothing more (it may not)."""
SILENT = 10.0
"""Seconds in which a desk must have greeted."""
CLOSING = 2.0
"""Seconds for letting go of what is held and hanging up on the desk."""
REASON_BYTES = 123
"""Longest reason a WebSocket can be closed with."""

logger = logging.getLogger(__name__)
router = APIRouter()


@router.websocket("/api/sessions/{session}/agents/{agent}/screen")
async def screen(parts: Use, websocket: WebSocket, session: str, agent: str, control: str | None = None) -> None:
    """One viewer of one desk."""
    asked = websocket.scope.get("subprotocols", ())
    await websocket.accept("binary" if "binary" in asked else None)
    try:
        desks, desk = await _desk(parts, session, agent)
        async with desks.view(desk) as stream:
            viewer = _Viewer(websocket, stream, parts.controls, (session, agent), control)
            code, reason = await viewer.relay()
    except WebSocketDisconnect:
        return
    except NotFound as error:
        code, reason = UNKNOWN, str(error)
    except (NotOpen, DeskError) as error:
        code, reason = NOT_OPEN, str(error)
    except HotdeskError as error:
        code, reason = FAILED, str(error)
    except Exception:
        logger.exception("The screen of %s in session %s failed.", agent, session)
        code, reason = FAILED, "The screen failed inside the server; its log says why."
    await _close(websocket, code, reason)


async def _desk(parts: Parts, session: str, agent: str) -> tuple[Desks, str]:
    """Where the agent's desk is. Raises `NotFound`, `NotOpen`."""
    state = await parts.boards.agent(session, agent)
    if not state.alive:
        raise NotOpen(f"{state.name}'s work has ended and its desk is gone.")
    if state.ready_at is None or state.desk is None or state.provider is None:
        raise NotOpen(f"{state.name}'s desk is still being opened.")
    if state.provider not in parts.desks:
        raise NotOpen(f"This server has no access to desks of {state.provider}.")
    return parts.desks[state.provider], state.desk


class Outlet(Protocol):
    """A WebSocket's way out for what is large, where the web server has one (`hotdesk.asgi`)."""

    def tell(self, data: memoryview) -> None: ...

    @property
    def full(self) -> bool: ...

    async def ready(self) -> None: ...


class _Shared(threading.local):
    """One buffer for all screens of an event loop: it is filled and emptied without a pause."""

    def __init__(self) -> None:
        self.buffer = memoryview(bytearray(READ))


_shared = _Shared()


class _Relay:
    """From a desk's socket to a viewer, whenever there is something to read and until the viewer is full."""

    def __init__(self, desk: socket.socket, viewer: Outlet) -> None:
        self._desk = desk
        self._viewer = viewer
        self._buffer = _shared.buffer
        self.over = False
        self.stopped = anyio.Event()
        """Set when the viewer is full, or when it is over."""

    def read(self) -> None:
        if not self._viewer.full:
            try:
                if length := self._desk.recv_into(self._buffer):
                    self._viewer.tell(self._buffer[:length])
                self.over = not length
            except BlockingIOError:
                return
            except (OSError, RuntimeError):  # one of the two is gone
                self.over = True
        if self.over or self._viewer.full:
            self.stopped.set()


class _Viewer:
    def __init__(self, websocket: WebSocket, stream: ScreenStream, controls: Controls, desk: tuple[str, str], secret: str | None) -> None:
        self._websocket = websocket
        self._stream = stream
        self._controls = controls
        self._desk = desk
        self._secret = secret
        self._held = Held()
        self._sending = anyio.Lock()
        self._whole = True
        self._greeted = anyio.Event()
        self._end = (DESK_HUNG_UP, "The desk was closed.")

    async def relay(self) -> tuple[int, str]:
        """Pass both ways until one side is done; how to close the WebSocket."""
        async with self._ending(), anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch_control)
            tasks.start_soon(self._up, tasks.cancel_scope)
            await self._down()
            tasks.cancel_scope.cancel()
        return self._end

    @asynccontextmanager
    async def _ending(self) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            with anyio.move_on_after(CLOSING, shield=True):
                await self._let_go()
                await self._stream.aclose()

    async def _down(self) -> None:
        """From the desk to the viewer."""
        direct: Outlet | None = self._websocket.scope.get("extensions", {}).get("hotdesk.binary")
        try:
            if direct is None or not isinstance(self._stream, SocketStream):
                self._greeted.set()
                await self._copied(self._stream)
            elif await self._greet(self._stream):
                await self._directly(self._stream, direct)
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, WebSocketDisconnect):
            return

    async def _copied(self, stream: ScreenStream) -> None:
        while True:
            await self._websocket.send_bytes(await stream.receive(READ))

    async def _directly(self, stream: SocketStream, viewer: Outlet) -> None:
        """One read for each turn of the event loop in which there is something, and no task woken for it."""
        loop, raw = asyncio.get_running_loop(), stream.extra(SocketAttribute.raw_socket)  # noqa: S610 - not Django's
        with socket.socket(fileno=os.dup(raw.fileno())) as desk:
            desk.setblocking(False)
            relay = _Relay(desk, viewer)
            while not relay.over:
                await viewer.ready()
                relay.stopped = anyio.Event()
                loop.add_reader(desk, relay.read)
                try:
                    await relay.stopped.wait()
                finally:
                    loop.remove_reader(desk)

    async def _greet(self, stream: SocketStream) -> bool:
        """Pass on the desk's greeting; False if none came. Afterwards the stream holds nothing back, and reads nothing by itself: the desk
        waits for what the viewer says, and that is let through only then."""
        greeted = 0
        while True:
            with anyio.move_on_after(QUIET if greeted >= GREETING else SILENT):
                said = await stream.receive(READ)
                await self._websocket.send_bytes(said)
                greeted += len(said)
                continue
            break
        if greeted < GREETING:
            self._end = (FAILED, "The desk does not answer.")
            return False
        self._greeted.set()
        return True

    async def _up(self, relay: anyio.CancelScope) -> None:
        """From the viewer to the desk."""
        parser = ViewerParser()
        try:
            while True:
                messages = parser.feed(await self._receive())
                await self._greeted.wait()
                async with self._sending:
                    if said := b"".join(message.data for message in messages if self._passes(message.kind, message.data)):
                        await self._send(said)
        except RfbError as error:
            self._end = (BAD_RFB, str(error))
        except (WebSocketDisconnect, anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass
        relay.cancel()

    async def _receive(self) -> bytes:
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        data: bytes | None = message.get("bytes")
        if data is None:
            raise RfbError("This viewer sent text; RFB is spoken in binary frames.")
        return data

    def _passes(self, kind: Kind, data: bytes) -> bool:
        if kind is Kind.INPUT and self._controls.by_secret(*self._desk, self._secret):
            self._held.note(data)
            return True
        return kind is Kind.PROTOCOL

    async def _watch_control(self) -> None:
        """When control ends, let go of what it holds down. A secret is never valid a second time."""
        if control := self._controls.by_secret(*self._desk, self._secret):
            await control.lost.wait()
            await self._let_go()

    async def _send(self, said: bytes) -> None:
        """Send whole messages. If that is cut short, nothing more can be said on this connection."""
        self._whole = False
        await self._stream.send(said)
        self._whole = True

    async def _let_go(self) -> None:
        async with self._sending:
            if (said := self._held.let_go()) and self._whole:
                try:
                    await self._send(said)
                except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                    logger.debug("The desk hung up before what was held could be let go of.")


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    if websocket.application_state is WebSocketState.CONNECTED and websocket.client_state is WebSocketState.CONNECTED:
        try:
            await websocket.close(code, reason.encode()[:REASON_BYTES].decode(errors="ignore"))
        except (WebSocketDisconnect, RuntimeError):
            logger.debug("The viewer left before it was told why.")
