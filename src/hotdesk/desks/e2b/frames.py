"""Frames over a slow line: only the rows of the screen that changed are sent, packed.

`Sent` is at the desk's end: it keeps the frame that was sent last. `Received` is at ours: it keeps the framebuffer they add up to. Each
frame has a number, and whoever asks says which it has: where the two do not agree (an answer was lost), the whole screen is sent.
Standard library only: one half goes along into the sandbox.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

LEVEL = 1
"""Of zlib: higher ones take longer than the bytes they save."""
JOIN = 4
"""Unchanged rows between two changed ones that are sent along, as one band costs less than two."""


class Difference(NamedTuple):
    """What makes frame `number` of the one before; of nothing, if `whole`."""

    number: int
    whole: bool
    bands: list[tuple[int, int]]
    """First row and number of rows."""
    packed: bytes
    """The rows of the bands one after the other."""


class Sent:
    def __init__(self, width: int, height: int) -> None:
        self._row, self._height = width * 4, height
        self._last = b""
        self._number = 0

    def difference(self, pixels: bytes, seen: int) -> Difference:
        """`seen` is the number of the frame that the other end has, 0 for none."""
        whole = seen != self._number or not self._last
        if not whole and pixels == self._last:
            return Difference(self._number, False, [], b"")
        bands = [(0, self._height)] if whole else self._bands(pixels)
        rows = b"".join(pixels[top * self._row : (top + count) * self._row] for top, count in bands)
        self._last = pixels
        self._number += 1
        return Difference(self._number, whole, bands, zlib.compress(rows, LEVEL))

    def _bands(self, pixels: bytes) -> list[tuple[int, int]]:
        bands: list[tuple[int, int]] = []
        row, last = self._row, self._last
        for y in range(self._height):
            if pixels[y * row : (y + 1) * row] != last[y * row : (y + 1) * row]:
                if bands and y - sum(bands[-1]) <= JOIN:
                    bands[-1] = (bands[-1][0], y + 1 - bands[-1][0])
                else:
                    bands.append((y, 1))
        return bands


class Received:
    def __init__(self, width: int, height: int) -> None:
        self.pixels = bytearray(width * height * 4)
        self.number = 0
        self._row = width * 4

    def apply(self, difference: Difference) -> None:
        """Raises `ValueError` if it does not fit."""
        expected = sum(count for _, count in difference.bands) * self._row
        if any(top < 0 or count < 1 for top, count in difference.bands):
            raise ValueError("a frame has rows that cannot be")
        unpacker = zlib.decompressobj()
        rows = unpacker.decompress(difference.packed, expected + 1) if difference.packed else b""
        if len(rows) != expected:
            raise ValueError("a frame has not the length it says")
        place = 0
        for top, count in difference.bands:
            start, length = top * self._row, count * self._row
            if start + length > len(self.pixels):
                raise ValueError("a frame has rows below the screen")
            self.pixels[start : start + length] = rows[place : place + length]
            place += length
        self.number = difference.number
