"""Keys: what the names that `press` accepts and a viewer's key numbers (both X11 key symbols in the end) mean here.

A key is either one character («a», «é», « ») or the X11 name of a key that types none («Return», «F4»). Modifiers are `shift`, `ctrl`,
`alt` and `super`.
"""

from __future__ import annotations

from typing import NamedTuple

from hotdesk.desks.x11.keysyms import symbols_of
from hotdesk.errors import DeskRefused

__all__ = ["MODIFIERS", "Chord", "chord", "from_keysym"]

MODIFIERS = frozenset({"shift", "ctrl", "alt", "super"})

_KEYSYMS = {
    0xFF08: "BackSpace",
    0xFF09: "Tab",
    0xFE20: "Tab",
    0xFF0D: "Return",
    0xFF8D: "Return",
    0xFF13: "Pause",
    0xFF14: "Scroll_Lock",
    0xFF1B: "Escape",
    0xFF50: "Home",
    0xFF51: "Left",
    0xFF52: "Up",
    0xFF53: "Right",
    0xFF54: "Down",
    0xFF55: "Page_Up",
    0xFF56: "Page_Down",
    0xFF57: "End",
    0xFF61: "Print",
    0xFF63: "Insert",
    0xFF67: "Menu",
    0xFF7F: "Num_Lock",
    0xFFE5: "Caps_Lock",
    0xFFFF: "Delete",
    **{0xFFBE + n: f"F{n + 1}" for n in range(24)},
    **{0xFF95 + n: name for n, name in enumerate(("Home", "Left", "Up", "Right", "Down", "Page_Up", "Page_Down", "End"))},
    0xFF9E: "Insert",
    0xFF9F: "Delete",
    **dict.fromkeys((0xFFE1, 0xFFE2), "shift"),
    **dict.fromkeys((0xFFE3, 0xFFE4), "ctrl"),
    **dict.fromkeys((0xFFE7, 0xFFE8, 0xFFE9, 0xFFEA), "alt"),
    **dict.fromkeys((0xFFEB, 0xFFEC), "super"),
    **{0xFFB0 + n: str(n) for n in range(10)},
    **{0xFFAA + n: sign for n, sign in enumerate("*+,-./")},
    0xFFBD: "=",
    0xFF80: " ",
    0x20AC: "€",
    0x07D2: "Σ",
    0x07D4: "Τ",
}

_ALPHABETS = {1: "iso8859-2", 2: "iso8859-3", 3: "iso8859-4", 5: "iso8859-6", 6: "koi8-r", 7: "iso8859-7", 12: "iso8859-8", 13: "tis-620"}
"""The old keysyms of other scripts: their upper byte names an 8-bit alphabet, the lower byte is the character in it."""


class Chord(NamedTuple):
    """Keys to press one after another while the modifiers are held; no keys if the modifiers were all there was."""

    held: frozenset[str]
    keys: tuple[str, ...]


def chord(name: str) -> Chord:
    """What `press` is asked for. Raises `DeskRefused` for a name no key has."""
    names = [from_keysym(symbol) for symbol in symbols_of(name)]
    if None in names:
        raise DeskRefused(f"There is no key for a character in «{name}».")
    keys = [key for key in names if key is not None]
    return Chord(frozenset(keys) & MODIFIERS, tuple(key for key in keys if key not in MODIFIERS))


def from_keysym(number: int) -> str | None:
    """The key a viewer pressed; None for one that means nothing here."""
    if number in _KEYSYMS:
        return _KEYSYMS[number]
    if 0x20 <= number <= 0x7E or 0xA0 <= number <= 0xFF:
        return chr(number)
    if 0x01000100 <= number <= 0x0110FFFF:
        char = chr(number - 0x01000000)
        return char if char.isprintable() else None
    alphabet = _ALPHABETS.get(number >> 8)
    if alphabet is None:
        return None
    return bytes([number & 0xFF]).decode(alphabet, errors="ignore") or None
