"""The screen gateway: a desk's RFB stream over a WebSocket of our own origin.

Promises: what the desk says passes untouched; what the viewer says passes message by message, and keys, pointer and clipboard only while
the viewer's control over the desk holds *at that moment*. When control ends, what is held down on the desk is let go of. A viewer
without control may stay and watch. The browser never learns where the desk is.

How it ends: the desk hung up 1001, no such session or agent 4404, the desk is not open 4409, the viewer speaks no RFB 4400, the server
failed 1011; each with a sentence as the reason. A viewer that leaves ends the connection to the desk within `CLOSING` seconds.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
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
        send, receive = self._websocket.send_bytes, self._stream.receive
        try:
            while True:
                await send(await receive(READ))
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, WebSocketDisconnect):
            return

    async def _up(self, relay: anyio.CancelScope) -> None:
        """From the viewer to the desk."""
        parser = ViewerParser()
        try:
            while True:
                messages = parser.feed(await self._receive())
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
