"""The desk's clipboard, held for the moment of a paste and given back.

`lent(text)` makes us the owner of the clipboard with `text`; after it what was there before is put back: its text, links, HTML and
image, which we serve from then on, or nothing if nothing was there. The primary selection is taken only where it is what a paste pastes,
because editors deselect their text when they lose it.

A program that has got the text may ask for it again for a while (Chromium does, and drops the paste if the clipboard changed), so it is
given back only once that program has left it alone, by `run` in the background; to every other program it is as it was at once. Whoever
needs the clipboard earlier gets it as soon as the program has dealt with the paste (`Lent.used`).
"""

from __future__ import annotations

import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import anyio

from hotdesk.desks.x11.display import ATOM, SELECTION_CLEAR, SELECTION_NOTIFY, SELECTION_REQUEST, Display
from hotdesk.errors import DeskGone

READ_BOUND = 0.3
"""Seconds for the clipboard's owner to tell what it has; a program that hangs loses its clipboard."""
HELD = 0.1
"""Seconds without a request before the clipboard changes again: Chromium asks several times, and drops a paste if it changes meanwhile."""
LONGEST_KEPT = 16 << 20

_TEXT = ("UTF8_STRING", "text/plain;charset=utf-8", "text/plain", "STRING", "TEXT")
_KEPT = ("UTF8_STRING", "text/html", "text/uri-list", "x-special/gnome-copied-files", "image/png")
_ATOMS = ("CLIPBOARD", "PRIMARY", "TARGETS", "TIMESTAMP", "INCR", "_HOTDESK", *_TEXT, *_KEPT)


@dataclass(slots=True)
class Lent:
    fetched: anyio.Event = field(default_factory=anyio.Event)
    """Set once somebody got the text."""
    last: float = 0.0
    """When somebody last asked for anything."""
    client: int = 0
    """Who got it."""
    used: bool = False
    """Whether it has dealt with it: it was seen at rest after it last asked."""
    before: dict[int, bytes] = field(default_factory=dict)
    """What the clipboard holds otherwise."""
    selections: tuple[int, ...] = ()

    async def left_alone(self) -> None:
        """Wait until nobody has asked for a while."""
        while (left := self.last + HELD - time.monotonic()) > 0:  # noqa: ASYNC110 (each request puts the end off)
            await anyio.sleep(left)


class Clipboard:
    """Owner and reader of selections. Only one `lent` at a time."""

    def __init__(self, display: Display, onlookers: Callable[[], set[int]] = set) -> None:
        """`onlookers` tells which clients (`Display.client_of` a process) only look whenever the clipboard changes, and paste nothing;
        client 0, the server itself, is always one."""
        self._display = display
        self._find_onlookers = onlookers
        self._onlookers = {0}
        self._window = display.hidden_window()
        display.intern(_ATOMS)
        self._atom = {name: display.atom(name) for name in _ATOMS}
        self._offered: dict[int, dict[int, bytes]] = {}
        """Selection → what we give for each target, while we own it."""
        self._lent: Lent | None = None
        self._returning: Lent | None = None
        """What was lent and is about to be given back."""
        self._due = anyio.Event()
        self._arrived: anyio.Event | None = None
        self._property: int = 0
        display.handlers[SELECTION_REQUEST] = self._give
        display.handlers[SELECTION_CLEAR] = self._lose
        display.handlers[SELECTION_NOTIFY] = self._take

    @asynccontextmanager
    async def lent(self, text: str, also_primary: bool) -> AsyncIterator[Lent]:
        await self.given_back()
        clipboard, primary = self._atom["CLIPBOARD"], self._atom["PRIMARY"]
        self._onlookers = {0} | self._find_onlookers()
        lent = Lent(before=await self._contents(), selections=(clipboard, primary) if also_primary else (clipboard,))
        offer = dict.fromkeys((self._atom[name] for name in _TEXT), text.encode())
        self._lent = lent
        try:
            for selection in lent.selections:
                self._own(selection, offer)
            self._display.sync()
            yield lent
        except BaseException:
            self._give_back(lent)
            raise
        self._lent, self._returning = None, lent
        if lent.fetched.is_set():
            self._due.set()
        else:
            self._give_back(lent)

    async def run(self) -> None:
        """Give back what was lent, until the display is gone."""
        with suppress(DeskGone, OSError, ValueError):
            while True:
                await self._due.wait()
                if lent := self._returning:
                    await self._after(lent)

    async def given_back(self) -> None:
        """Wait until the clipboard is everybody's again."""
        while lent := self._returning:
            if lent.used:
                self._give_back(lent)
            else:
                await self._after(lent)

    async def _after(self, lent: Lent) -> None:
        """Give back what has been left alone, unless somebody else did."""
        await lent.left_alone()
        if self._returning is lent:
            self._give_back(lent)

    def _give_back(self, lent: Lent) -> None:
        self._lent = self._returning = None
        self._due = anyio.Event()
        clipboard = self._atom["CLIPBOARD"]
        for selection in lent.selections:
            if selection in self._offered:
                self._own(selection, lent.before if selection == clipboard else {})
        self._display.sync()

    async def _contents(self) -> dict[int, bytes]:
        """What the clipboard holds, in the forms worth keeping."""
        clipboard = self._atom["CLIPBOARD"]
        if clipboard in self._offered:
            return self._offered[clipboard]
        reply = self._display.ask(struct.pack("<BxHI", 23, 0, clipboard))
        if not struct.unpack_from("<I", reply, 8)[0]:
            return {}
        targets = await self._convert(self._atom["TARGETS"])
        offered = struct.unpack(f"<{len(targets) // 4}I", targets[: len(targets) // 4 * 4])
        kept: dict[int, bytes] = {}
        for name in _KEPT:
            if self._atom[name] in offered and (value := await self._convert(self._atom[name])):
                kept[self._atom[name]] = value
        if text := kept.get(self._atom["UTF8_STRING"]):
            kept |= dict.fromkeys((self._atom[name] for name in _TEXT), text)
        return kept

    async def _convert(self, target: int) -> bytes:
        """Ask the clipboard's owner for one form of what it has; empty if it does not give it, or only bit by bit."""
        self._arrived, self._property = anyio.Event(), 0
        where = self._atom["_HOTDESK"]
        self._display.send(struct.pack("<BxHIIIII", 24, 0, self._window, self._atom["CLIPBOARD"], target, where, 0))
        with anyio.move_on_after(READ_BOUND):
            await self._arrived.wait()
        if not self._property:
            return b""
        kind, value = self._display.property(self._window, "_HOTDESK", delete=True, longest=LONGEST_KEPT)
        return b"" if kind == self._atom["INCR"] else value

    def _own(self, selection: int, offer: dict[int, bytes]) -> None:
        """Own a selection with this content, or nobody if there is none."""
        if offer:
            self._offered[selection] = offer
        else:
            self._offered.pop(selection, None)
        self._display.send(struct.pack("<BxHIII", 22, 0, self._window if offer else 0, selection, 0))

    # Handlers of events: they may send, not ask -------------------------------------------------------------------------------------

    def _give(self, event: bytes) -> None:
        when, _, requestor, selection, target, where = struct.unpack_from("<IIIIII", event, 4)
        where = where or target
        offer = self._offered.get(selection, {})
        client = requestor // self._display.first_client_id
        if self._returning and selection in self._returning.selections and client != self._returning.client:
            offer = self._returning.before if selection == self._atom["CLIPBOARD"] else {}
        if target == self._atom["TARGETS"]:
            value = struct.pack(f"<{len(offer) + 1}I", target, *offer)
            self._display.set_property(requestor, where, ATOM, 32, value)
        elif target in offer:
            kind = self._atom["UTF8_STRING"] if target == self._atom["TEXT"] else target
            self._display.set_property(requestor, where, kind, 8, offer[target])
        else:
            where = 0
        notice = struct.pack("<BxHIIIII8x", SELECTION_NOTIFY, 0, when, requestor, selection, target, where)
        self._display.send(struct.pack("<BBHII", 25, 0, 0, requestor, 0) + notice)
        lent = self._lent or self._returning
        if lent is None or client in self._onlookers:  # they ask for a viewer's clipboard, whenever the owner changes
            return
        lent.last = time.monotonic()
        if self._lent and where and target != self._atom["TARGETS"]:
            lent.client = client
            lent.fetched.set()

    def _lose(self, event: bytes) -> None:
        (selection,) = struct.unpack_from("<I", event, 12)
        self._offered.pop(selection, None)

    def _take(self, event: bytes) -> None:
        (self._property,) = struct.unpack_from("<I", event, 20)
        if self._arrived:
            self._arrived.set()
