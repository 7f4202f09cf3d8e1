"""Names of keys: what `press` understands, as X11 key symbols, and the symbol of any character."""

from __future__ import annotations

import difflib
import unicodedata

from hotdesk.errors import DeskRefused

SHIFT, CONTROL, ALT, SUPER = 0xFFE1, 0xFFE3, 0xFFE9, 0xFFEB
RETURN, TAB, INSERT, CAPS_LOCK = 0xFF0D, 0xFF09, 0xFF63, 0xFFE5
_UNICODE = 0x01000000

_NAMES = {
    "return": RETURN,
    "tab": TAB,
    "iso_left_tab": 0xFE20,
    "escape": 0xFF1B,
    "backspace": 0xFF08,
    "delete": 0xFFFF,
    "insert": INSERT,
    "home": 0xFF50,
    "left": 0xFF51,
    "up": 0xFF52,
    "right": 0xFF53,
    "down": 0xFF54,
    "page_up": 0xFF55,
    "page_down": 0xFF56,
    "end": 0xFF57,
    "pause": 0xFF13,
    "scroll_lock": 0xFF14,
    "print": 0xFF61,
    "menu": 0xFF67,
    "num_lock": 0xFF7F,
    "caps_lock": CAPS_LOCK,
    "shift_l": SHIFT,
    "shift_r": 0xFFE2,
    "control_l": CONTROL,
    "control_r": 0xFFE4,
    "alt_l": ALT,
    "alt_r": 0xFFEA,
    "super_l": SUPER,
    "super_r": 0xFFEC,
    "space": 0x20,
    "kp_enter": 0xFF8D,
    "kp_add": 0xFFAB,
    "kp_subtract": 0xFFAD,
    "kp_multiply": 0xFFAA,
    "kp_divide": 0xFFAF,
    "kp_decimal": 0xFFAE,
    **{f"kp_{digit}": 0xFFB0 + digit for digit in range(10)},
    **{f"f{number}": 0xFFBD + number for number in range(1, 25)},
}
_NAMES |= {
    name: ord(character)
    for name, character in {
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
        "dot": ".",
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
    }.items()
}
_NAMES |= {
    alias: _NAMES[name]
    for name, aliases in {
        "return": ("enter", "linefeed"),
        "escape": ("esc",),
        "backspace": ("back", "bksp"),
        "delete": ("del", "kp_delete"),
        "insert": ("ins", "kp_insert"),
        "page_up": ("pgup", "pageup", "prior"),
        "page_down": ("pgdn", "pgdown", "pagedown", "next"),
        "tab": ("kp_tab",),
        "space": ("spacebar", "kp_space"),
        "left": ("arrowleft", "leftarrow"),
        "right": ("arrowright", "rightarrow"),
        "up": ("arrowup", "uparrow"),
        "down": ("arrowdown", "downarrow"),
        "control_l": ("ctrl", "control", "ctrl_l"),
        "control_r": ("ctrl_r",),
        "shift_l": ("shift",),
        "alt_l": ("alt", "option", "opt"),
        "alt_r": ("altgr", "iso_level3_shift"),
        "super_l": ("super", "cmd", "command", "win", "windows", "meta", "meta_l", "hyper"),
        "super_r": ("meta_r",),
        "caps_lock": ("capslock", "caps"),
        "num_lock": ("numlock",),
        "scroll_lock": ("scrolllock",),
        "print": ("printscreen", "prtsc", "prtscn", "sys_req"),
        "menu": ("apps", "contextmenu"),
    }.items()
    for alias in aliases
}

ACTIVATING = frozenset({RETURN, 0xFF8D, 0x20})
"""Keys that press the button with the focus."""
MODIFIERS = frozenset({SHIFT, 0xFFE2, CONTROL, 0xFFE4, ALT, 0xFFEA, SUPER, 0xFFEC})


def symbol_of(character: str) -> int:
    """The symbol that types this character."""
    code = ord(character)
    if character in "\n\t":
        return RETURN if character == "\n" else TAB
    return code if 0x20 <= code <= 0x7E or 0xA0 <= code <= 0xFF else _UNICODE | code


def symbols_of(combination: str) -> list[int]:
    """`ctrl+shift+t` → its symbols in order. Raises `DeskRefused`."""
    text = combination.strip() or combination
    plus = text.endswith("+")
    names = [name for name in (text[:-1] if plus else text).split("+") if name]
    if plus:
        names.append("+")
    symbols = [_symbol(name.strip() or name, combination) for name in names]
    if any(symbol not in MODIFIERS for symbol in symbols[:-1]):
        raise DeskRefused(f"«{combination}» is no key combination: one key, with ctrl, shift, alt or super before it, and «+» between.")
    if len(symbols) > 1 and 0x41 <= symbols[-1] <= 0x5A:
        symbols[-1] += 0x20  # ctrl+S is the key S with ctrl; Shift has a name of its own
    return symbols


def _symbol(name: str, combination: str) -> int:
    if len(name) == 1 and unicodedata.category(name)[0] != "C":
        return symbol_of(name)
    found = _NAMES.get(name.lower().replace(" ", "_")) or _NAMES.get(name.lower().replace("_", ""))
    if found is None:
        near = difflib.get_close_matches(name.lower(), _NAMES, 1)
        hint = f" Did you mean «{near[0]}»?" if near else ""
        raise DeskRefused(
            f"There is no key «{name}» (in «{combination}»).{hint} Keys are single characters or names such as Return, Escape, Tab,"
            " BackSpace, Delete, Up, Page_Down, Home, F5, with ctrl+, shift+, alt+, super+ before them."
        )
    return found
