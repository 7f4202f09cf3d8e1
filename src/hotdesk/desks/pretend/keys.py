"""Names of keys: what `press` accepts, and what a viewer's key numbers (X11 keysyms) mean.

A key is either one character («a», «é», « ») or the X11 name of a key that types none («Return», «F4»). Modifiers are `shift`, `ctrl`,
`alt` and `super`.
"""

from __future__ import annotations

from typing import NamedTuple

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

_SIGNS = {
    "space": " ",
    "exclam": "!",
    "quotedbl": '"',
    "numbersign": "#",
    "dollar": "$",
    "percent": "%",
    "ampersand": "&",
    "apostrophe": "'",
    "parenleft": "(",
    "parenright": ")",
    "asterisk": "*",
    "plus": "+",
    "comma": ",",
    "minus": "-",
    "period": ".",
    "slash": "/",
    "colon": ":",
    "semicolon": ";",
    "less": "<",
    "equal": "=",
    "greater": ">",
    "question": "?",
    "at": "@",
    "bracketleft": "[",
    "backslash": "\\",
    "bracketright": "]",
    "asciicircum": "^",
    "underscore": "_",
    "grave": "`",
    "braceleft": "{",
    "bar": "|",
    "braceright": "}",
    "asciitilde": "~",
    "eurosign": "€",
    "sterling": "£",
    "section": "§",
    "degree": "°",
}

_NAMED = {
    **{name.lower(): name for name in _KEYSYMS.values() if len(name) > 1},
    **_SIGNS,
    **{f"kp_{n}": str(n) for n in range(10)},
    **dict.fromkeys(("enter", "kp_enter", "linefeed"), "Return"),
    **dict.fromkeys(("esc",), "Escape"),
    **dict.fromkeys(("bksp", "back"), "BackSpace"),
    **dict.fromkeys(("del", "kp_delete"), "Delete"),
    **dict.fromkeys(("ins", "kp_insert"), "Insert"),
    **dict.fromkeys(("pgup", "pageup", "prior"), "Page_Up"),
    **dict.fromkeys(("pgdn", "pgdown", "pagedown", "next"), "Page_Down"),
    **{f"arrow{way.lower()}": way for way in ("Up", "Down", "Left", "Right")},
    **{f"{way.lower()}arrow": way for way in ("Up", "Down", "Left", "Right")},
    **dict.fromkeys(("spacebar", "kp_space"), " "),
    **dict.fromkeys(("printscreen", "prtsc", "prtscn", "sys_req"), "Print"),
    **dict.fromkeys(("caps", "capslock"), "Caps_Lock"),
    "numlock": "Num_Lock",
    "scrolllock": "Scroll_Lock",
    "apps": "Menu",
    **{f"kp_{n}": sign for n, sign in (("add", "+"), ("subtract", "-"), ("multiply", "*"), ("divide", "/"), ("decimal", "."))},
    **dict.fromkeys(("iso_left_tab", "kp_tab"), "Tab"),
    **dict.fromkeys(("shift_l", "shift_r"), "shift"),
    **dict.fromkeys(("control", "control_l", "control_r"), "ctrl"),
    **dict.fromkeys(("alt_l", "alt_r", "option", "opt", "altgr", "iso_level3_shift"), "alt"),
    **dict.fromkeys(("super_l", "super_r", "cmd", "command", "win", "windows", "meta", "meta_l", "meta_r", "hyper"), "super"),
}


class Chord(NamedTuple):
    """Keys to press one after another while the modifiers are held; no keys if the modifiers were all there was."""

    held: frozenset[str]
    keys: tuple[str, ...]


def chord(name: str) -> Chord:
    """What `press` is asked for. Raises `DeskRefused` for a name no key has."""
    names = [_key_of(part, name) for part in _parts(name)]
    return Chord(frozenset(names) & MODIFIERS, tuple(key for key in names if key not in MODIFIERS))


def _parts(name: str) -> list[str]:
    """Split at `+`, where a `+` at the end is the key itself: `ctrl++`."""
    if name == "+" or name.endswith("++"):
        return [*(part for part in name[:-1].split("+") if part), "+"]
    return name.split("+")


def _key_of(part: str, whole: str) -> str:
    if len(part) == 1 and part.isprintable():
        return part
    found = _NAMED.get(part.strip().lower())
    if found is None:
        raise DeskRefused(f"There is no key «{part}» in «{whole}»; names are X11's, such as Return, Escape, Page_Down, F4 or ctrl+s.")
    return found


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
