"""A small RFB 3.8 server (the protocol of VNC): shows a picture to one viewer and takes its keys and pointer.

No security: the unix socket it is served on is closed to other users. Updates are raw pixels of the smallest rectangle that differs from
what this viewer has; a request for changes is answered once there is one. Any true-colour pixel format of 8, 16 or 32 bits is honoured.
It ends when the viewer hangs up, or breaks the protocol.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import anyio
import anyio.abc
from anyio.abc import SocketAttribute
from anyio.streams.buffered import BufferedByteReceiveStream
from PIL import Image, ImageChops

from hotdesk.desks.base import Point, Size

__all__ = ["Screen", "serve", "steady"]

VERSION = b"RFB 003.008\n"
NO_SECURITY = 1
MOST_CUT = 1 << 20
"""Bytes of a viewer's clipboard that are taken."""
MOST_ENCODINGS = 1024

Area = tuple[int, int, int, int]


class Screen(Protocol):
    """What is served: a picture that changes, and who takes the keys and the pointer."""

    size: Size
    watchers: set[Callable[[], None]]
    """To be called whenever the picture may have changed."""

    def picture(self) -> Image.Image:
        """The same object for as long as nothing has changed."""
        ...

    def key(self, keysym: int, down: bool) -> None: ...

    def point(self, at: Point, buttons: int) -> None: ...

    def cut(self, text: str) -> None: ...


class _Broken(Exception):
    """The viewer does not speak RFB as we do."""


@dataclass(frozen=True, slots=True)
class PixelFormat:
    bits: int = 32
    big_endian: bool = False
    most: tuple[int, int, int] = (255, 255, 255)
    shifts: tuple[int, int, int] = (16, 8, 0)

    @classmethod
    def unpack(cls, data: bytes) -> PixelFormat:
        bits, _, big, true, *rest = struct.unpack(">BBBBHHHBBB3x", data)
        if bits not in {8, 16, 32} or not true:
            raise _Broken("only true colour of 8, 16 or 32 bits is served")
        return cls(bits, bool(big), (rest[0], rest[1], rest[2]), (rest[3], rest[4], rest[5]))

    def pack(self) -> bytes:
        return struct.pack(">BBBBHHHBBB3x", self.bits, 24, self.big_endian, 1, *self.most, *self.shifts)

    def pixels(self, picture: Image.Image) -> bytes:
        """Each byte of a pixel is drawn as a picture of its own: the sum of what each colour adds to it."""
        if self == PixelFormat():
            return picture.tobytes("raw", "BGRX")
        bytes_ = [self._byte(picture, 8 * n) for n in range(self.bits // 8)]
        if self.big_endian:
            bytes_.reverse()
        return Image.merge({1: "L", 2: "LA", 4: "RGBA"}[len(bytes_)], bytes_).tobytes()

    def _byte(self, picture: Image.Image, position: int) -> Image.Image:
        whole = Image.new("L", picture.size)
        for band, most, shift in zip(picture.split(), self.most, self.shifts, strict=True):
            table = [((value * most + 127) // 255 << shift >> position) & 0xFF for value in range(256)]
            if any(table):
                whole = ImageChops.add(whole, band.point(table))
        return whole


@dataclass(slots=True)
class _Asked:
    """A viewer's standing request for the picture."""

    area: Area
    whole: bool


class _Viewer:
    def __init__(self, stream: anyio.abc.ByteStream, screen: Screen) -> None:
        self._stream = stream
        self._from = BufferedByteReceiveStream(stream)
        self._screen = screen
        self._format = PixelFormat()
        self._has = Image.new("RGB", screen.size)
        """What the viewer's screen shows."""
        self._asked: _Asked | None = None
        self._woken = anyio.Event()

    async def serve(self) -> None:
        await self._greet()
        self._screen.watchers.add(self._wake)
        failure: Exception | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._answer)
            try:
                while True:
                    await self._message()
            except Exception as error:  # a task group would wrap it
                failure = error
            finally:
                self._screen.watchers.discard(self._wake)
                tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure

    def _wake(self) -> None:
        self._woken.set()

    async def _read(self, count: int) -> bytes:
        return await self._from.receive_exactly(count) if count else b""

    async def _greet(self) -> None:
        await self._stream.send(VERSION)
        if not (await self._read(12)).startswith(b"RFB 003.00"):
            raise _Broken("no RFB 3")
        await self._stream.send(bytes([1, NO_SECURITY]))
        if await self._read(1) != bytes([NO_SECURITY]):
            raise _Broken("another security type than was offered")
        await self._stream.send(struct.pack(">I", 0))
        await self._read(1)  # shared or not: viewers always share
        name = b"Hotdesk (pretend)"
        await self._stream.send(struct.pack(">HH", *self._screen.size) + self._format.pack() + struct.pack(">I", len(name)) + name)

    async def _message(self) -> None:
        match (await self._read(1))[0]:
            case 0:
                self._format = PixelFormat.unpack((await self._read(19))[3:])
                self._has = Image.new("RGB", self._screen.size)
            case 2:
                count = struct.unpack(">xH", await self._read(3))[0]
                if count > MOST_ENCODINGS:
                    raise _Broken("too many encodings")
                await self._read(4 * count)  # every viewer knows raw
            case 3:
                incremental, x, y, width, height = struct.unpack(">BHHHH", await self._read(9))
                self._ask((x, y, x + width, y + height), whole=not incremental)
            case 4:
                down, keysym = struct.unpack(">B2xI", await self._read(7))
                self._screen.key(keysym, bool(down))
            case 5:
                buttons, x, y = struct.unpack(">BHH", await self._read(5))
                self._screen.point(Point(x, y), buttons)
            case 6:
                length = abs(struct.unpack(">3xi", await self._read(7))[0])
                if length > MOST_CUT:
                    raise _Broken("too long a clipboard")
                self._screen.cut((await self._read(length)).decode("latin-1"))
            case kind:
                raise _Broken(f"message {kind} was never offered")

    def _ask(self, area: Area, whole: bool) -> None:
        """Several requests before an answer are one; the widest area and the stronger wish hold."""
        size, before = self._screen.size, self._asked
        area = (min(area[0], size.width), min(area[1], size.height), min(area[2], size.width), min(area[3], size.height))
        if before is not None:
            area = (*map(min, area[:2], before.area[:2]), *map(max, area[2:], before.area[2:]))  # type: ignore[assignment]
        self._asked = _Asked(area, whole or (before is not None and before.whole))
        self._wake()

    async def _answer(self) -> None:
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):  # the reader notices too
            while True:
                await self._woken.wait()
                self._woken = anyio.Event()
                if self._asked is None:
                    continue
                asked, picture = self._asked, self._screen.picture()
                area = asked.area if asked.whole else self._differs(picture, asked.area)
                if area is not None:
                    self._asked = None
                    await self._send(picture, area)

    def _differs(self, picture: Image.Image, area: Area) -> Area | None:
        box = ImageChops.difference(picture.crop(area), self._has.crop(area)).getbbox()
        return None if box is None else (box[0] + area[0], box[1] + area[1], box[2] + area[0], box[3] + area[1])

    async def _send(self, picture: Image.Image, area: Area) -> None:
        part = picture.crop(area)
        self._has.paste(part, area[:2])
        pixels = self._format.pixels(part) if part.width and part.height else b""
        await self._stream.send(struct.pack(">BxHHHHHi", 0, 1, area[0], area[1], part.width, part.height, 0) + pixels)


async def steady(stream: anyio.abc.SocketStream) -> anyio.abc.SocketStream:
    """The same connection, over the event loop's transport. The given stream is closed. Raises `OSError` if the peer is gone.

    anyio's own streams of unix sockets let an `InvalidStateError` loose in the event loop if they are cancelled just as the peer speaks.
    """
    async with stream:
        duplicate = stream.extra(SocketAttribute.raw_socket).dup()  # noqa: S610 - no Django here
    try:
        return await anyio.abc.SocketStream.from_socket(duplicate)
    except BaseException as error:
        duplicate.close()
        if isinstance(error, ValueError):
            raise ConnectionResetError(str(error)) from error
        raise


async def serve(stream: anyio.abc.ByteStream, screen: Screen) -> None:
    """Serve one viewer until it hangs up. The stream is closed."""
    async with stream:
        with suppress(_Broken, anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError, anyio.ClosedResourceError):
            await _Viewer(stream, screen).serve()
