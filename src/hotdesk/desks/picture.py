"""Pictures of the screen for a model and a browser: the pixels, the pointer drawn in, as a JPEG. Equal screens give equal bytes.

Between two pictures most of a screen stays as it was, so only what changed is encoded. A JPEG may begin anew after every row of its blocks
(restart markers, ITU-T T.81 F.1.1.5): each strip of 16 lines is then encoded by itself, and the strips of two pictures can be put together
into one.
"""

from __future__ import annotations

import io
import re
from itertools import groupby
from typing import cast

from PIL import Image as Picture

from hotdesk.desks.base import Image, Size
from hotdesk.desks.x11.screen import Pointer

QUALITY = 80
STRIP = 16
"""Lines of a strip: a row of blocks where colours have half the resolution (4:2:0)."""

_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_END = b"\xff\xd9"


class Camera:
    """Takes the pictures of one screen, and remembers the last one."""

    def __init__(self, size: Size) -> None:
        self._size = size
        count = -(-size.height // STRIP)
        self._seen = bytearray(size.width * size.height * 4)
        """The pixels, without the pointer."""
        self._pointer = Pointer(0, 0, 0, 0, b"")
        self._stale = set(range(count))
        """The strips that have changed since they were encoded."""
        self._whole = Picture.new("RGB", size)
        """What a picture that is all new is decoded into: fresh memory for it would take longer than the rest."""
        self._encoded = [b""] * count
        self._head = b""
        """What a JPEG of this size begins with, up to the first strip."""
        self._last = Image(b"", "image/jpeg", size)

    def picture(self, pixels: object, pointer: Pointer) -> Image:
        """`pixels` is a buffer of blue, green, red and an idle byte for each pixel, row by row; it is not changed."""
        buffer = cast("bytes", pixels)
        self._look(buffer)
        if pointer != self._pointer:
            self._stale |= self._under(self._pointer) | self._under(pointer)
            self._pointer = pointer
        if self._stale:
            for first, end in _runs(self._stale):
                self._encode(buffer, first, end)
            self._last = Image(self._joined(), "image/jpeg", self._size)
            self._stale.clear()
        return self._last

    def _look(self, pixels: bytes) -> None:
        seen, length = self._seen, self._size.width * 4 * STRIP
        for strip in range(len(self._encoded)):
            where = slice(strip * length, (strip + 1) * length)
            now = pixels[where]
            if now != seen[where]:
                seen[where] = now
                self._stale.add(strip)

    def _under(self, pointer: Pointer) -> set[int]:
        lines = range(max(pointer.y, 0), min(pointer.y + pointer.height, self._size.height))
        return {line // STRIP for line in lines}

    def _encode(self, pixels: bytes, first: int, end: int) -> None:
        top, line = first * STRIP, self._size.width * 4
        with memoryview(pixels)[top * line : end * STRIP * line] as part:
            whole = end - first == len(self._encoded)
            image = self._whole if whole else Picture.new("RGB", (self._size.width, len(part) // line), None)
            image.frombytes(cast("bytes", part), "raw", "BGRX", 0, 1)
        pointer = self._pointer
        if any(pointer.pixels) and not self._under(pointer).isdisjoint(range(first, end)):
            drawn = Picture.frombuffer("RGBa", (pointer.width, pointer.height), pointer.pixels, "raw", "BGRa", 0, 1).convert("RGBA")
            image.paste(drawn, (pointer.x, pointer.y - top), drawn)
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=QUALITY, subsampling="4:2:0", restart_marker_rows=1)
        data = buffer.getvalue()
        if not self._head:  # the first time it is all strips
            scan = data.index(b"\xff\xda") + 2
            self._head = data[: scan + int.from_bytes(data[scan : scan + 2])]
        self._encoded[first:end] = _RESTART.split(data[len(self._head) : -len(_END)])

    def _joined(self) -> bytes:
        parts = [self._head]
        for number, strip in enumerate(self._encoded):
            parts += (strip, bytes((0xFF, 0xD0 + number % 8)))
        parts[-1] = _END
        return b"".join(parts)


def _runs(strips: set[int]) -> list[tuple[int, int]]:
    """Neighbouring strips together: the first of each run, and the one after its last."""
    runs = []
    for _, together in groupby(enumerate(sorted(strips)), lambda at: at[1] - at[0]):
        numbers = [number for _, number in together]
        runs.append((numbers[0], numbers[-1] + 1))
    return runs
