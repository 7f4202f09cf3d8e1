"""What settling goes by: the changes of the screen, the work of the desk's programs, the docks, the window with the focus, the time.

`Signs` says what can be seen; `DisplaySigns` sees it, by the server's reports of damage and in `/proc`. What it means is `settle`'s. So the
rule can also be given signs that were recorded, with a clock of their own.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable, Set
from contextlib import suppress
from typing import NamedTuple, Protocol

import anyio

from hotdesk.desks.x11.display import Display, RequestFailedError

_TICKS = os.sysconf("SC_CLK_TCK")
_DELTA_RECTANGLES = 1
_MORE = 0x80


class Rectangle(NamedTuple):
    x: int
    y: int
    width: int
    height: int

    def holds(self, other: Rectangle) -> bool:
        across = self.x <= other.x and other.x + other.width <= self.x + self.width
        return across and self.y <= other.y and other.y + other.height <= self.y + self.height

    def meets(self, other: Rectangle) -> bool:
        across = self.x < other.x + other.width and other.x < self.x + self.width
        return across and self.y < other.y + other.height and other.y < self.y + self.height

    def has(self, x: int, y: int) -> bool:
        return self.x <= x < self.x + self.width and self.y <= y < self.y + self.height


class Change(NamedTuple):
    at: float
    where: Rectangle


class Work(NamedTuple):
    at: float
    seconds: float
    """CPU time used, and time spent waiting for a CPU."""
    running: bool


class Signs(Protocol):
    """What can be seen of one desk. `heard` is told of every change of the screen as it is met."""

    width: int
    height: int
    heard: Callable[[Change], None]

    def now(self) -> float:
        """Seconds, of a clock that only goes forward."""

    def listen(self) -> None:
        """Tell of every change that has come in until now."""

    async def change(self, seconds: float) -> None:
        """Return when the screen changes, or when so many seconds have passed."""

    def work(self) -> Work:
        """What the desk's programs have computed until now, ended children included, and whether one of them is at it."""

    def docks(self) -> list[Rectangle]:
        """The windows that keep a part of the screen for themselves."""

    def active_window(self) -> int:
        """0 if there is none."""


class DisplaySigns(Signs):
    """The damage of one display, and the CPU time of its desk's programs."""

    def __init__(self, display: Display, proc: str, apart: Set[int]) -> None:
        """`proc` is the desk's own `/proc`; `apart` are pids in it that do not count: the screen itself, our helper."""
        self.width, self.height = display.width, display.height
        self.heard = _unheard
        self._display = display
        self._proc = proc
        self._apart = apart
        self._woken = anyio.Event()
        self._request, event = display.extension("DAMAGE")
        display.ask(struct.pack("<BBHII", self._request, 0, 0, 1, 1))
        self._damage = display.new_id()
        display.send(struct.pack("<BBHIIBxxx", self._request, 1, 0, self._damage, display.root, _DELTA_RECTANGLES))
        display.handlers[event] = self._note
        display.sync()

    def _note(self, event: bytes) -> None:
        if not event[1] & _MORE:
            self._display.send(struct.pack("<BBHIII", self._request, 3, 0, self._damage, 0, 0))
        self.heard(Change(time.monotonic(), Rectangle(*struct.unpack_from("<hhHH", event, 16))))
        self._woken.set()

    def now(self) -> float:
        return time.monotonic()

    def listen(self) -> None:
        self._display.pump()

    async def change(self, seconds: float) -> None:
        self._woken = anyio.Event()
        with anyio.move_on_after(seconds):
            await self._woken.wait()

    def active_window(self) -> int:
        return next(iter(self._display.windows_of("_NET_ACTIVE_WINDOW")), 0)

    def docks(self) -> list[Rectangle]:
        found = []
        for window in self._display.windows_of("_NET_CLIENT_LIST") + self._children():
            with suppress(RequestFailedError):
                if self._display.property(window, "_NET_WM_STRUT")[1]:
                    shape = self._display.ask(struct.pack("<BxHI", 14, 2, window))
                    place = self._display.ask(struct.pack("<BxHIIhh", 40, 4, window, self._display.root, 0, 0))  # it may be in a frame
                    found.append(Rectangle(*struct.unpack_from("<hh", place, 12), *struct.unpack_from("<HH", shape, 16)))
        return found

    def _children(self) -> list[int]:
        reply = self._display.ask(struct.pack("<BxHI", 15, 2, self._display.root))
        (count,) = struct.unpack_from("<H", reply, 16)
        return list(struct.unpack_from(f"<{count}I", reply, 32))

    def work(self) -> Work:
        seconds, running = 0.0, False
        try:
            proc = os.open(self._proc, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return Work(time.monotonic(), 0.0, False)
        try:
            for name in os.listdir(proc):  # noqa: PTH208 (an open folder)
                if name.isdigit() and int(name) not in self._apart:
                    with suppress(OSError, IndexError, ValueError):
                        fields = _read(f"{name}/stat", proc).rpartition(b")")[2].split()
                        seconds += sum(map(int, fields[11:15])) / _TICKS
                        running |= fields[0] in b"RD"
                        seconds += int(_read(f"{name}/schedstat", proc).split()[1]) / 1e9  # last: not every kernel has it
        finally:
            os.close(proc)
        return Work(time.monotonic(), seconds, running)


def _read(path: str, folder: int) -> bytes:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
    try:
        return os.read(file, 1024)
    finally:
        os.close(file)


def _unheard(_: Change) -> None:
    """Nobody listens yet."""
