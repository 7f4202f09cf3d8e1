"""When has the screen come to rest? By the server's reports of damage, never by comparing pictures and never by a fixed sleep.

The screen is quiet when nothing has changed for `QUIET`. Three rules make that right:
1. Some changes do not count: carets (small rectangles), docks (clocks) unless they were clicked, and what kept changing while nothing was
   done.
2. While the desk's programs compute more than a quarter of a core above what they did before, it is not over: a page is being laid out, a
   program starts.
3. If only a small part of the screen keeps changing, it is an animation, and waiting for its end makes no sense.

A fourth is for dialogs: a GTK button that Return or the space bar presses looks pressed for a quarter of a second and only then acts.

`pause` is the same in small, between two actions of one `act`: long enough for a click to move the focus before something is typed.
"""

from __future__ import annotations

import os
import struct
import time
from collections import deque
from collections.abc import Sequence, Set
from contextlib import suppress
from typing import Literal, NamedTuple

import anyio

from hotdesk.desks.x11.display import Display, RequestFailedError

QUIET = 0.08
"""Seconds without a change that count as rest."""
FIRST = 0.25
"""Seconds to wait for a first change after an action; by then programs have begun to answer, or there is nothing to come."""
FIRST_WINDOW = 1.5
"""The same after something was launched."""
QUIET_WINDOW = 0.15
"""Rest after something was launched: between a window's appearing and its first drawing there are pauses."""
BUTTON_PRESSED = 0.3
"""Rest after a key that presses a dialog's button, until the dialog is gone."""
STEP, STEP_CAP = 0.03, 1.5
"""Rest between two actions of one `act`, and the longest wait for it."""
STEP_BUSY = 0.015
"""CPU seconds within `STEP` that mean a program is at work on what was done: more than one tick, which may be rounding."""
ANIMATING = 0.5
"""Seconds after which changes that stay within `ANIMATION_PART` of the screen are an animation."""
ANIMATION_PART = 0.01
BUSY = 0.25
"""Cores."""
CALM = 0.05
"""Cores: a desk that usually uses less is one in which a program that is seen running is at work."""
AMBIENT_FOR = 2.0
"""Seconds that a rectangle, once seen to change by itself, is remembered without being seen again."""
CARET_SIDE, CARET_AREA = 48, 1600

_TICKS = os.sysconf("SC_CLK_TCK")
Why = Literal["quiet", "nothing", "animating", "cap"]
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


class Settling:
    """The damage of one display, and the CPU time of its desk's programs."""

    def __init__(self, display: Display, proc: str, apart: Set[int]) -> None:
        """`proc` is the desk's own `/proc`; `apart` are pids in it that do not count: the screen itself, our helper."""
        self._display = display
        self._proc = proc
        self._apart = apart
        self._changes: deque[Change] = deque(maxlen=4096)
        self._woken = anyio.Event()
        self._ambient: dict[Rectangle, tuple[int, float]] = {}
        self._began = self._ended = time.monotonic()
        self._acting = False
        self._touched: list[tuple[int, int]] = []
        self._launching = False
        self._pressing = 0
        self._worked = Work(self._began, 0.0, False)
        """As it was at the last `begin` or end of `wait`."""
        self._usual = 0.0
        """Cores in use while nothing was done."""
        self._request, event = display.extension("DAMAGE")
        display.ask(struct.pack("<BBHII", self._request, 0, 0, 1, 1))
        self._damage = display.new_id()
        display.send(struct.pack("<BBHIIBxxx", self._request, 1, 0, self._damage, display.root, _DELTA_RECTANGLES))
        display.handlers[event] = self._note
        display.sync()

    def _note(self, event: bytes) -> None:
        if not event[1] & _MORE:
            self._display.send(struct.pack("<BBHIII", self._request, 3, 0, self._damage, 0, 0))
        now, where = time.monotonic(), Rectangle(*struct.unpack_from("<hhHH", event, 16))
        if self._acting:
            self._changes.append(Change(now, where))
            self._woken.set()
        else:
            seen, last = self._ambient.get(where, (0, 0.0))
            self._ambient[where] = (seen + 1 if now - last < AMBIENT_FOR else 1, now)

    def begin(self, launching: bool = False) -> None:
        """Something is about to be done: what changes from now on is its effect. Whatever was begun before is
        taken to have had its effect, or to have more of it."""
        self._display.pump()
        now = time.monotonic()
        if not self._acting:
            self._ambient = {where: seen for where, seen in self._ambient.items() if now - seen[1] < AMBIENT_FOR}
            worked = self._work()
            if now - self._ended > QUIET:
                self._usual = max(0.0, worked.seconds - self._worked.seconds) / (now - self._ended)
            self._worked = worked
            self._touched.clear()
            self._acting, self._launching = True, False
        self._changes.clear()
        self._began = now
        self._launching |= launching
        self._pressing = 0

    def pressed_button(self) -> None:
        """The last thing done was a key that presses a button of the dialog with the focus."""
        self._pressing = self._active_window()

    def touch(self, x: int, y: int) -> None:
        self._touched.append((x, y))

    async def pause(self) -> None:
        """Wait until what was just done has been answered, or nothing answers it."""
        started = time.monotonic()
        looked = self._work()
        while (now := time.monotonic()) < started + STEP_CAP:
            last = max(started, self._changes[-1].at) if self._changes else started
            if now >= max(last, looked.at) + STEP:
                before, looked = looked, self._work()
                if not self._busy(before, looked, BUSY, STEP_BUSY):
                    return
            self._woken = anyio.Event()
            with anyio.move_on_after(max(last, looked.at) + STEP - now + 0.001):
                await self._woken.wait()

    async def wait(self, cap: float) -> tuple[Why, float]:
        """Wait until what was begun has come to rest: why the wait ended, and how long it was."""
        started = time.monotonic()
        first = FIRST_WINDOW if self._launching else BUTTON_PRESSED if self._pressing else FIRST
        if not self._acting:
            self.begin()
            first = QUIET
        try:
            why = await self._rest(started, cap, first)
        finally:
            self._acting = False
            self._worked = self._work()
            self._ended = self._worked.at
        return why, time.monotonic() - started

    async def _rest(self, started: float, cap: float, first: float) -> Why:
        last: float | None = None
        recent: deque[Change] = deque()
        extended, looked = self._began, self._worked
        while True:
            docks = self._docks() if self._changes else []
            while self._changes:
                change = self._changes.popleft()
                if not self._ignored(change.where, docks):
                    last = change.at
                    recent.append(change)
            now = time.monotonic()
            while recent and now - recent[0].at > ANIMATING:
                recent.popleft()
            if now - started >= cap:
                return "cap"
            if self._pressing and self._active_window() != self._pressing:
                self._pressing = 0
            quiet = QUIET_WINDOW if self._launching else BUTTON_PRESSED if self._pressing else QUIET
            due = max(extended + quiet, self._began + first if last is None else last + quiet)
            if now >= due:
                before, looked = looked, self._work()
                if not self._busy(before, looked, BUSY):
                    return "nothing" if last is None else "quiet"
                extended = now
                continue
            if not self._launching and now - max(started, self._began) > ANIMATING and self._small(recent):
                return "animating"
            self._woken = anyio.Event()
            with anyio.move_on_after(min(due, started + cap) - now + 0.001):
                await self._woken.wait()
            if looked.at < now - 2 * quiet:  # a busy start must not count against a quiet end
                looked = self._work()

    def _small(self, recent: Sequence[Change]) -> bool:
        if not recent:
            return False
        left, top = min(change.where.x for change in recent), min(change.where.y for change in recent)
        right = max(change.where.x + change.where.width for change in recent)
        bottom = max(change.where.y + change.where.height for change in recent)
        return bool((right - left) * (bottom - top) < self._display.width * self._display.height * ANIMATION_PART)

    def _ignored(self, where: Rectangle, docks: list[Rectangle]) -> bool:
        if where.width <= CARET_SIDE and where.height <= CARET_SIDE and where.width * where.height <= CARET_AREA:
            return True
        if any(dock.holds(where) and not any(dock.has(*point) for point in self._touched) for dock in docks):
            return True
        return any(seen >= 2 and ambient.holds(where) for ambient, (seen, _) in self._ambient.items())

    def _active_window(self) -> int:
        return next(iter(self._display.windows_of("_NET_ACTIVE_WINDOW")), 0)

    def _docks(self) -> list[Rectangle]:
        """The windows that keep a part of the screen for themselves."""
        found = []
        for window in self._display.windows_of("_NET_CLIENT_LIST") + self._children():
            with suppress(RequestFailedError):
                if self._display.property(window, "_NET_WM_STRUT")[1]:
                    reply = self._display.ask(struct.pack("<BxHI", 14, 2, window))
                    found.append(Rectangle(*struct.unpack_from("<hhHH", reply, 12)))
        return found

    def _children(self) -> list[int]:
        reply = self._display.ask(struct.pack("<BxHI", 15, 2, self._display.root))
        (count,) = struct.unpack_from("<H", reply, 16)
        return list(struct.unpack_from(f"<{count}I", reply, 32))

    def _work(self) -> Work:
        """What the desk's programs have computed, ended children included, and whether one of them is at it."""
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

    def _busy(self, before: Work, now: Work, share: float, least: float = 0.0) -> bool:
        """Whether, between two looks, more than this share of a core was wanted beyond what is usual. On a machine with too much to do a
        program may want it and not get it: then it is seen running."""
        passed = max(now.at - before.at, 0.01)
        worked = now.seconds - before.seconds - self._usual * passed
        return worked > max(share * passed, least) or (now.running and self._usual < CALM)


def _read(path: str, folder: int) -> bytes:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
    try:
        return os.read(file, 1024)
    finally:
        os.close(file)
