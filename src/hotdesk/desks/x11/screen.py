"""Seeing: the pixels of the screen, by shared memory where the server takes it, and the pointer, which is no part of them.

The server writes the pixels into memory that it got from us over the socket (MIT-SHM, AttachFd), so a screenshot copies nothing through the
connection and touches no file. Where that fails the pixels come over the connection (GetImage). What is made of them is
`hotdesk.desks.picture`'s.
"""

from __future__ import annotations

import mmap
import os
import struct
from contextlib import suppress
from typing import NamedTuple

from hotdesk.desks.x11.display import PIXMAP, Display, RequestFailedError

_ALL_PLANES = 0xFFFFFFFF
_Z_PIXMAP = 2


class Pointer(NamedTuple):
    """The pointer's picture: where its top left corner is on the screen, and its pixels (blue, green, red, alpha; multiplied by alpha)."""

    x: int
    y: int
    width: int
    height: int
    pixels: bytes


class Screen:
    """The root window of a display."""

    def __init__(self, display: Display, shared: bool = True) -> None:
        self._display = display
        self.width, self.height = display.width, display.height
        self._cursors = display.extension("XFIXES")[0]
        display.ask(struct.pack("<BBHII", self._cursors, 0, 0, 5, 0))
        self._memory: mmap.mmap | None = None
        self._shm = self._segment = 0
        if shared:
            with suppress(RequestFailedError, OSError):
                self._attach()

    @property
    def shared(self) -> bool:
        return self._memory is not None

    def _attach(self) -> None:
        """Share memory with the server by descriptor, which also crosses its IPC namespace."""
        self._shm = self._display.extension("MIT-SHM")[0]
        self._display.ask(struct.pack("<BBH", self._shm, 0, 0))
        length = self.width * self.height * 4
        descriptor = os.memfd_create("screen")
        try:
            os.ftruncate(descriptor, length)
            memory = mmap.mmap(descriptor, length)
            self._segment = self._display.new_id()
            self._display.send(struct.pack("<BBHIBxxx", self._shm, 6, 0, self._segment, 0), [descriptor])
        finally:
            os.close(descriptor)
        self._memory = memory
        try:
            self.pixels()  # fails if the server did not take the segment
        except RequestFailedError:
            self._memory = None
            raise

    def close(self) -> None:
        """Give the shared memory back."""
        if self._memory is not None:
            self._memory.close()
            self._memory = None

    def position(self) -> tuple[int, int]:
        """Where the pointer is."""
        reply = self._display.ask(struct.pack("<BxHI", 38, 0, self._display.root))
        x, y = struct.unpack_from("<hh", reply, 16)
        return int(x), int(y)

    def pointer(self) -> Pointer:
        """XFixes GetCursorImage."""
        reply = self._display.ask(struct.pack("<BBH", self._cursors, 4, 0))
        x, y, width, height, hot_x, hot_y = struct.unpack_from("<hhHHHH", reply, 8)
        return Pointer(x - hot_x, y - hot_y, width, height, reply[32 : 32 + width * height * 4])

    def paint_background(self, pixels: bytes) -> None:
        """Make `pixels` the root window's background, and say so to programs that show it through."""
        display, width, height = self._display, self.width, self.height
        pixmap, context = display.new_id(), display.new_id()
        display.send(struct.pack("<BBHIIHH", 53, display.depth, 0, pixmap, display.root, width, height))
        display.send(struct.pack("<BxHIII", 55, 0, context, pixmap, 0))
        if self._memory is not None:
            self._memory[:] = pixels
            shape = struct.pack("<HHHHHHhhBBBxII", width, height, 0, 0, width, height, 0, 0, display.depth, _Z_PIXMAP, 0, self._segment, 0)
            display.send(struct.pack("<BBHII", self._shm, 3, 0, pixmap, context) + shape)
        else:
            rows = (1 << 18) // (width * 4) or 1
            for top in range(0, height, rows):
                part = pixels[top * width * 4 : (top + rows) * width * 4]
                head = struct.pack(
                    "<BBHIIHHhhBBxx", 72, _Z_PIXMAP, 0, pixmap, context, width, len(part) // (width * 4), 0, top, 0, display.depth
                )
                display.send(head + part)
        display.send(struct.pack("<BxHIII", 2, 0, display.root, 1, pixmap))
        display.send(struct.pack("<BBHIhhHH", 61, 0, 0, display.root, 0, 0, 0, 0))
        for name in ("_XROOTPMAP_ID", "ESETROOT_PMAP_ID"):
            display.set_property(display.root, display.atom(name), PIXMAP, 32, struct.pack("<I", pixmap))
        display.sync()
        if self._memory is not None:
            with suppress(OSError):
                self._memory.madvise(mmap.MADV_REMOVE)  # a desk that is kept ready takes no memory for pictures until the first of them

    def pixels(self) -> mmap.mmap | bytes:
        """Blue, green, red and an idle byte for each pixel, row by row; the same memory each time where it is shared."""
        display, width, height = self._display, self.width, self.height
        if self._memory is not None:
            where = struct.pack("<IhhHHI", display.root, 0, 0, width, height, _ALL_PLANES)
            display.ask(struct.pack("<BBH", self._shm, 4, 0) + where + struct.pack("<BxxxII", _Z_PIXMAP, self._segment, 0))
            return self._memory
        return display.ask(struct.pack("<BBHIhhHHI", 73, _Z_PIXMAP, 0, display.root, 0, 0, width, height, _ALL_PLANES))[32:]
