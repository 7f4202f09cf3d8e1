"""The screen's stream of a desk in E2B's cloud, as the contract has it: RFB before the handshake, for a viewer who knows no password.

The sandbox's port is open to the internet, so its VNC server wants a password. It is derived from the account's key and the desk's id
(`password_of`): whoever holds the key can compute it, nobody has to keep it, and it goes no further than here. `Stream` answers the server
with it and offers the viewer the handshake of a server that wants none; after that every byte passes as it is.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import anyio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from hotdesk.desks.e2b import des
from hotdesk.desks.e2b.service import Account, address_of
from hotdesk.desks.e2b.stage import WEB_PORT
from hotdesk.errors import DeskGone

CONNECT_BOUND = 10.0
"""Seconds for the sandbox's port to take a WebSocket, and its server to answer."""
CLOSE_BOUND = 2.0
PAUSE = 0.25
"""Seconds between two attempts while the server in the sandbox is being started again."""
LONGEST_REASON = 1 << 16

_VERSION = b"RFB 003.008\n"
_NONE, _VNC = 1, 2
_OK = bytes(4)


def password_of(account: Account, desk_id: str) -> str:
    """Eight characters: VNC reads no more."""
    digest = hmac.new(account.key.encode(), f"hotdesk screen {desk_id}".encode(), hashlib.sha256).digest()
    return base64.b32encode(digest).decode().lower()[:8]


class _ServerError(Exception):
    """The server did not do the handshake; the text says how."""


class Stream:
    """A `ScreenStream` over a connection whose own handshake is done up to its end."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._from_server = bytearray()
        self._to_viewer = bytearray(_VERSION)
        self._from_viewer = bytearray()
        self._state = "version"
        """What the viewer is to say next: `version`, `security` or, after the handshake, nothing of ours (`open`)."""
        self._said = anyio.Event()

    async def receive(self, max_bytes: int = 65536) -> bytes:
        while True:
            for waiting in (self._to_viewer, self._from_server if self._state == "open" else bytearray()):
                if waiting:
                    taken = bytes(waiting[:max_bytes])
                    del waiting[:max_bytes]
                    return taken
            if self._state == "open":
                self._from_server += await self._message()
            else:
                await self._viewers_turn()

    async def _viewers_turn(self) -> None:
        """Wait until the viewer has said something. Raises `anyio.EndOfStream` if the desk hangs up meanwhile."""
        async with anyio.create_task_group() as tasks:

            async def heard() -> None:
                await self._said.wait()
                self._said = anyio.Event()
                tasks.cancel_scope.cancel()

            tasks.start_soon(heard)
            await self._socket.wait_closed()
            tasks.cancel_scope.cancel()
        if self._socket.close_code is not None:
            raise anyio.EndOfStream

    async def _message(self) -> bytes:
        try:
            message = await self._socket.recv()
        except (ConnectionClosed, OSError) as error:
            raise anyio.EndOfStream from error
        return message.encode("latin-1", "replace") if isinstance(message, str) else message

    async def send(self, item: bytes) -> None:
        if self._state == "open":
            await self._pass_on(item)
            return
        self._from_viewer += item
        if self._state == "version" and len(self._from_viewer) >= 12:
            old = bytes(self._from_viewer[:12]) < b"RFB 003.007\n"
            del self._from_viewer[:12]
            self._to_viewer += _NONE.to_bytes(4, "big") if old else bytes([1, _NONE])
            self._state = "open" if old else "security"
        if self._state == "security" and self._from_viewer:
            del self._from_viewer[:1]
            self._to_viewer += _OK
            self._state = "open"
        self._said.set()
        if self._state == "open" and self._from_viewer:
            await self._pass_on(bytes(self._from_viewer))
            self._from_viewer.clear()

    async def _pass_on(self, data: bytes) -> None:
        try:
            await self._socket.send(data)
        except (ConnectionClosed, OSError) as error:
            raise anyio.BrokenResourceError from error

    async def aclose(self) -> None:
        with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_BOUND), suppress(OSError, ConnectionClosed):
            await self._socket.close()
        self._socket.transport.abort()

    # The server's own handshake ------------------------------------------------------------------------------------------------------

    async def authenticate(self, password: str) -> None:
        """Do the server's handshake, up to where the viewer's begins to matter. Raises `_ServerError`, `anyio.EndOfStream`."""
        version = await self._take(12)
        if not version.startswith(b"RFB "):
            raise _ServerError("what answers there is no screen")
        await self._pass_on(_VERSION)
        kinds = await self._take((await self._take(1))[0])
        if not kinds:
            raise _ServerError(f"the screen's server refused: {await self._reason()}")
        if _VNC in kinds:
            await self._pass_on(bytes([_VNC]))
            await self._pass_on(des.answer(password, await self._take(16)))
        elif _NONE in kinds:
            await self._pass_on(bytes([_NONE]))
        else:
            raise _ServerError("the screen's server wants a kind of authentication that we have not")
        if await self._take(4) != _OK:
            raise _ServerError(f"the screen's server does not accept the password of this desk: {await self._reason()}")

    async def _reason(self) -> str:
        length = int.from_bytes(await self._take(4), "big")
        return (await self._take(min(length, LONGEST_REASON))).decode(errors="replace")

    async def _take(self, count: int) -> bytes:
        while len(self._from_server) < count:
            self._from_server += await self._message()
        taken = bytes(self._from_server[:count])
        del self._from_server[:count]
        return taken


@asynccontextmanager
async def viewing(account: Account, sandbox_id: str, domain: str, desk_id: str, bound: float) -> AsyncIterator[Stream]:
    """Connect, trying again within `bound` seconds: the server may just be being started. Raises `DeskGone`."""
    stream: Stream | None = None
    why: Exception | None = None
    with anyio.move_on_after(bound):
        while stream is None:
            try:
                with anyio.fail_after(CONNECT_BOUND):
                    stream = await _connected(account, sandbox_id, domain, desk_id)
            except (_ServerError, OSError, TimeoutError, anyio.EndOfStream, anyio.BrokenResourceError) as error:
                why = error
            except (InvalidHandshake, InvalidURI, ConnectionClosed) as error:
                why = error
            if stream is None:
                await anyio.sleep(PAUSE)
    if stream is None:
        said = f"{why or type(why).__name__}".rstrip(".")
        raise DeskGone(f"The screen of «{desk_id}» at E2B cannot be watched ({said}).") from why
    try:
        yield stream
    finally:
        await stream.aclose()


async def _connected(account: Account, sandbox_id: str, domain: str, desk_id: str) -> Stream:
    address, headers = address_of(account, sandbox_id, domain, WEB_PORT, "/websockify")
    socket = await connect(
        address,
        additional_headers=headers,
        subprotocols=["binary"],  # type: ignore[list-item]
        compression=None,
        max_size=None,
        open_timeout=CONNECT_BOUND,
        close_timeout=CLOSE_BOUND,
    )
    stream = Stream(socket)
    try:
        await stream.authenticate(password_of(account, desk_id))
    except BaseException:
        await stream.aclose()
        raise
    return stream
