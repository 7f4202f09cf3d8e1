"""Typing: keys by XTEST, and any text of any script, exactly.

What the keyboard's layout has is typed as it is. A few other characters (as many as the layout has free keys, two on each) are bound to
free keys first. Whatever does not fit, and whatever is made of several characters that belong together, is pasted. A newline is always
the key Return and a tab the key Tab, so that text with lines works in a terminal and in a form as it does in an editor.
"""

from __future__ import annotations

import re
import struct
import time
import unicodedata
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress

import anyio

from hotdesk.desks.x11.clipboard import Clipboard
from hotdesk.desks.x11.display import KEY_PRESS, KEY_RELEASE, Display, RequestFailedError
from hotdesk.desks.x11.keysyms import ACTIVATING, CAPS_LOCK, INSERT, SHIFT, symbol_of
from hotdesk.errors import DeskRefused

CHUNK = 200
"""Characters sent at once: between chunks the server is waited for and other tasks of the worker run."""
RECYCLE = 0.5
"""Seconds after its last use before a free key may be bound anew: by then every program has read what it meant."""
PASTE_BOUND, PASTE_CAP, IDLE = 0.7, 10.0, 0.1
"""Seconds for the program with the focus to fetch what is pasted: one that takes no text never does; one that is busy gets up to the cap,
and is no longer busy when it is idle for so long."""
AT_REST = 0.02
"""Seconds without a request, at the end of the wait for a program's answer, after which it has all that it wants of a paste."""
COMPLETION = 0.3
"""Seconds after a character that a dialog takes to complete it: GTK's file dialogs lose a Return that comes in less than 0.2."""

_LOCK = 2
_TOGETHER = ("Mn", "Mc", "Me", "Cf", "Co", "Cn")
"""Categories of characters that belong to their neighbours (accents, joiners, selectors) or have no key anywhere."""
_TERMINALS = re.compile(rb"xterm|terminal|urxvt|rxvt|kitty|alacritty|konsole|\bst\b|terminator|tilix", re.IGNORECASE)


class Keyboard:
    """The keyboard of one display."""

    def __init__(self, display: Display, clipboard: Clipboard, answered: Callable[[], Awaitable[None]]) -> None:
        """`answered` waits until what was typed has been dealt with."""
        self._display = display
        self._clipboard = clipboard
        self._answered = answered
        self._xtest = display.extension("XTEST")[0]
        self._bound: dict[int, tuple[tuple[int, ...], float]] = {}
        """Free key → the symbols we bound to it, and when they were last used."""
        self._typed_at = 0.0
        self._load()

    def _load(self) -> None:
        """Read the layout: which key, with Shift or without, types which symbol, and which keys are free."""
        display = self._display
        count = display.last_keycode - display.first_keycode + 1
        reply = display.ask(struct.pack("<BxHBBxx", 101, 0, display.first_keycode, count))
        width = reply[1]
        symbols = struct.unpack_from(f"<{count * width}I", reply, 32)
        self._keys: dict[int, tuple[int, bool]] = {}
        self._free: list[int] = []
        for index in range(count):
            keycode, row = display.first_keycode + index, symbols[index * width : (index + 1) * width]
            if keycode in self._bound and tuple(row[:2]) != self._bound[keycode][0]:
                del self._bound[keycode]  # somebody else took it
            if not any(row):
                self._free.append(keycode)
            for level, symbol in enumerate(row[:2]):
                if symbol:
                    self._keys.setdefault(symbol, (keycode, bool(level)))
            if 0x61 <= row[0] <= 0x7A and (width < 2 or not row[1]):
                self._keys.setdefault(row[0] - 0x20, (keycode, True))

    # Keys ------------------------------------------------------------------------------------------------------------------------

    def fake(self, kind: int, detail: int = 0, x: int = 0, y: int = 0) -> bytes:
        """The request for one made-up event of the keyboard or the pointer."""
        root = self._display.root if x or y or kind == 6 else 0
        return struct.pack("<BBHBBxxII8xhh8x", self._xtest, 2, 0, kind, detail, 0, root, x, y)

    async def press(self, symbols: Sequence[int]) -> None:
        """Press the keys in order and release them in reverse. Raises `DeskRefused` if there is no key for one."""
        if symbols[-1] in ACTIVATING:
            await self._completed()
        if len(symbols) > 1:
            await self._clipboard.given_back()  # it may be the one that pastes
        self._strike(symbols)

    async def _completed(self) -> None:
        """Wait until a dialog that was just typed into will take a Return."""
        left = self._typed_at + COMPLETION - time.monotonic()
        if left > 0 and self.in_dialog():
            await anyio.sleep(left)

    def _strike(self, symbols: Sequence[int]) -> None:
        if any(symbol not in self._keys for symbol in symbols):
            self._bind([symbol for symbol in dict.fromkeys(symbols) if symbol not in self._keys])
        keycodes: list[int] = []
        for symbol in symbols:
            if symbol not in self._keys:
                raise DeskRefused(f"This keyboard has no free key for the symbol {symbol:#x}.")
            keycode, shifted = self._keys[symbol]
            if shifted and self._keys[SHIFT][0] not in keycodes:
                keycodes.append(self._keys[SHIFT][0])
            keycodes.append(keycode)
        down = [self.fake(KEY_PRESS, keycode) for keycode in keycodes]
        up = [self.fake(KEY_RELEASE, keycode) for keycode in reversed(keycodes)]
        self._display.send_all([*down, *up])
        self._display.sync()

    # Text ------------------------------------------------------------------------------------------------------------------------

    async def write(self, text: str) -> None:
        """Type the text into whatever has the focus."""
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        with_lock = self._caps_lock()
        if with_lock:
            self._strike([CAPS_LOCK])
        try:
            typeable = self._typeable(text)
            for part in re.split(r"(\n)", text) if self.in_dialog() else [text]:
                if part == "\n":
                    await self._completed()
                for piece, as_keys in _parts(part, typeable):
                    await (self._type(piece) if as_keys else self._paste(piece))
                    self._typed_at = time.monotonic()
        finally:
            if with_lock:
                self._strike([CAPS_LOCK])

    def _typeable(self, text: str) -> set[str]:
        """The characters of the text that can be typed; those not in the layout are bound to free keys if they all fit."""
        single = {character for character in text if character in "\n\t" or unicodedata.category(character) not in _TOGETHER}
        if len(single) < len(set(text)):
            single = {character for character in single if character.isascii()}
        wanted = {character: symbol_of(character) for character in sorted(single)}
        missing = [symbol for symbol in wanted.values() if symbol not in self._keys or self._keys[symbol][0] in self._bound]
        if missing:
            self._load()
            now = time.monotonic()
            for keycode, (symbols, _) in self._bound.items():
                if not set(symbols).isdisjoint(missing):
                    self._bound[keycode] = symbols, now
            self._bind([symbol for symbol in missing if symbol not in self._keys])
        return {character for character, symbol in wanted.items() if symbol in self._keys}

    def _bind(self, symbols: Sequence[int]) -> None:
        """Put symbols on free keys, two on each, if there is room for all of them."""
        now = time.monotonic()
        old = [keycode for keycode, (_, used) in self._bound.items() if now - used > RECYCLE]
        if not symbols or len(symbols) > 2 * (len(self._free) + len(old)):
            return
        requests = []
        for index in range(0, len(symbols), 2):
            if self._free:
                keycode = self._free.pop(0)
            else:
                keycode = old.pop(0)
                for symbol in self._bound.pop(keycode)[0]:
                    self._keys.pop(symbol, None)
            pair = (symbols[index], symbols[index + 1] if index + 1 < len(symbols) else symbols[index])
            requests.append(struct.pack("<BBHBBxxII", 100, 1, 0, keycode, 2, *pair))
            self._bound[keycode] = pair, now
            for level in (1, 0):
                self._keys[pair[level]] = keycode, bool(level)
        self._display.send_all(requests)
        self._display.sync()

    async def _type(self, text: str) -> None:
        shift = self._keys[SHIFT][0]
        shift_down, shift_up = self.fake(KEY_PRESS, shift), self.fake(KEY_RELEASE, shift)
        for start in range(0, len(text), CHUNK):
            requests = []
            for character in text[start : start + CHUNK]:
                keycode, shifted = self._keys[symbol_of(character)]
                keys = [self.fake(KEY_PRESS, keycode), self.fake(KEY_RELEASE, keycode)]
                requests += [shift_down, *keys, shift_up] if shifted else keys
            self._display.send_all(requests)
            self._display.sync()
            await anyio.lowlevel.checkpoint()

    async def _paste(self, text: str) -> None:
        """By the one key that pastes everywhere; terminals paste the primary selection with it."""
        async with self._clipboard.lent(text, also_primary=self._in_terminal()) as lent:
            self._strike([SHIFT, INSERT])
            with anyio.move_on_after(PASTE_CAP):
                while not await _happens(lent.fetched, PASTE_BOUND):
                    asked = time.monotonic()
                    await self._answered()
                    if time.monotonic() - asked < IDLE:
                        return
                while not lent.used:
                    await self._answered()
                    self._display.pump()
                    lent.used = time.monotonic() - lent.last > AT_REST

    def _caps_lock(self) -> bool:
        reply = self._display.ask(struct.pack("<BxHI", 38, 0, self._display.root))
        return bool(struct.unpack_from("<H", reply, 24)[0] & _LOCK)

    def _of_active_window(self, name: str) -> bytes:
        with suppress(RequestFailedError):
            for window in filter(None, self._display.windows_of("_NET_ACTIVE_WINDOW")):
                return self._display.property(window, name)[1]
        return b""

    def _in_terminal(self) -> bool:
        return bool(_TERMINALS.search(self._of_active_window("WM_CLASS")))

    def in_dialog(self) -> bool:
        """Whether the window with the focus belongs to another."""
        return any(self._of_active_window("WM_TRANSIENT_FOR"))


async def _happens(event: anyio.Event, bound: float) -> bool:
    with anyio.move_on_after(bound):
        await event.wait()
    return event.is_set()


def check(text: str) -> None:
    """Raises `DeskRefused` for text that no keyboard types."""
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t\r":
            raise DeskRefused(
                f"The text has a control character (code {ord(character):#x}) in it. Press keys such as Escape or ctrl+c instead."
            )


def _parts(text: str, typeable: set[str]) -> Iterator[tuple[str, bool]]:
    """The text in parts to be typed (True) or pasted (False). A line with anything to paste is pasted whole: it is one insertion then."""
    typed = ""
    for piece in re.split(r"([\n\t])", text):
        if piece and not typeable.issuperset(piece):
            if typed:
                yield typed, True
            yield piece, False
            typed = ""
        else:
            typed += piece
    if typed:
        yield typed, True
