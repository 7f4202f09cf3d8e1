"""Drawing: rectangles, colours and lettering, the same pixels for the same calls.

Text is set in the typeface that comes with Pillow, so that it looks the same on every machine; a character it lacks is taken from a
typeface of this machine if there is one, and is otherwise shown as a small box with the character's number, so that different texts never
look the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from hotdesk.desks.base import Point, Size

__all__ = ["LINE", "TEXT", "Canvas", "Rect", "index_at", "wide", "wrap"]

TEXT = 15
"""Size of letters, in pixels."""
LINE = 20
"""Height of a line of them."""
TAB = 28
BOXED = 20
"""Width of the box for a character that no typeface has."""

_OTHERS = ("DejaVuSans.ttf", "NotoSansCJK-Regular.ttc")

Font = ImageFont.FreeTypeFont


class Rect(NamedTuple):
    x: int
    y: int
    width: int
    height: int

    def holds(self, at: Point) -> bool:
        return self.x <= at.x < self.x + self.width and self.y <= at.y < self.y + self.height

    def inset(self, by: int) -> Rect:
        return Rect(self.x + by, self.y + by, self.width - 2 * by, self.height - 2 * by)


@lru_cache(maxsize=16)
def _fonts(size: int) -> tuple[Font, ...]:
    own = ImageFont.load_default(size)
    assert isinstance(own, Font)  # noqa: S101 - a Pillow with FreeType, as its wheels are
    found = [own.font_variant(layout_engine=ImageFont.Layout.BASIC)]
    for name in _OTHERS:
        try:
            found.append(ImageFont.truetype(name, size, layout_engine=ImageFont.Layout.BASIC))
        except OSError:
            continue
    return tuple(found)


@lru_cache(maxsize=20_000)
def _font(char: str, size: int) -> Font | None:
    """The first typeface that has the character: one that does not draws it as it draws a character that cannot exist."""
    if char.isprintable():
        for font in _fonts(size):
            if char == " " or bytes(font.getmask(char)) != bytes(font.getmask("\uffff")):
                return font
    return None


def _runs(text: str, size: int) -> Iterator[tuple[Font | None, str]]:
    for font, chars in groupby(text, key=lambda char: _font(char, size)):
        run = "".join(chars)
        yield from [(font, run)] if font else [(None, char) for char in run]


def _width(font: Font | None, run: str) -> int:
    if font is None:
        return TAB if run == "\t" else BOXED
    return round(font.getlength(run))


@lru_cache(maxsize=50_000)
def _advance(char: str, size: int) -> int:
    return _width(_font(char, size), char)


def wide(text: str, size: int = TEXT) -> int:
    """How many pixels wide a line of text is."""
    return sum(_width(font, run) for font, run in _runs(text, size))


def index_at(text: str, x: int, size: int = TEXT) -> int:
    """Between which characters of a line a click at `x` falls."""
    left = 0
    for index, char in enumerate(text):
        middle = left + _advance(char, size) // 2
        if x < middle:
            return index
        left += _advance(char, size)
    return len(text)


@lru_cache(maxsize=64)
def wrap(text: str, width: int) -> tuple[tuple[int, int], ...]:
    """Where each row of a text starts and ends when it is set `width` pixels wide; newlines belong to no row."""
    rows, start, space, filled = list[tuple[int, int]](), 0, -1, 0
    for index, char in enumerate(text):
        if char == "\n":
            rows.append((start, index))
            start, space, filled = index + 1, -1, 0
            continue
        filled += _advance(char, TEXT)
        if filled > width and index > start:
            cut = space + 1 if space >= start else index
            rows.append((start, cut))
            start, space, filled = cut, -1, sum(_advance(c, TEXT) for c in text[cut : index + 1])
        if char == " ":
            space = index
    return (*rows, (start, len(text)))


class Canvas:
    """A picture to draw on; what lies outside it is not drawn."""

    def __init__(self, size: Size, fill: str) -> None:
        self.size = size
        self.picture = Image.new("RGB", size, fill)
        self._draw = ImageDraw.Draw(self.picture)

    def box(self, rect: Rect, fill: str | None = None, outline: str | None = None) -> None:
        if rect.width > 0 and rect.height > 0:
            corner = (rect.x + rect.width - 1, rect.y + rect.height - 1)
            self._draw.rectangle(((rect.x, rect.y), corner), fill=fill, outline=outline)

    def shape(self, corners: list[tuple[int, int]], fill: str, outline: str) -> None:
        self._draw.polygon(corners, fill=fill, outline=outline)

    def text(self, x: int, y: int, text: str, fill: str = "#202428", size: int = TEXT) -> None:
        """One line, its top left at (x, y)."""
        for font, run in _runs(text, size):
            if font is not None:
                self._draw.text((x, y), run, font=font, fill=fill)
            elif run != "\t":
                self._boxed(x, y, run, fill)
            x += _width(font, run)
            if x > self.size.width:
                break

    def _boxed(self, x: int, y: int, char: str, fill: str) -> None:
        number = f"{ord(char):06X}"
        self.box(Rect(x + 1, y, BOXED - 2, LINE - 3), outline=fill)
        for row, part in enumerate((number[:3], number[3:])):
            self._draw.text((x + 2, y + row * 8), part, font=_fonts(8)[0], fill=fill)

    def paste(self, other: Image.Image, x: int, y: int) -> None:
        self.picture.paste(other, (x, y))
