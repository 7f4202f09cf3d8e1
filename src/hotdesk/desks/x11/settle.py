"""When has the screen come to rest? By the server's reports of damage, never by comparing pictures and never by a fixed sleep.

The screen is quiet when nothing has changed for `QUIET`. Three rules make that right:
1. Some changes do not count: carets (small rectangles where one changed before; in a new place it is text that is written, unless a window
   is waited for), docks (clocks) unless they were clicked, and what kept changing while nothing was done.
2. While the desk's programs compute more than a quarter of a core above what they did before, it is not over: a page is being laid out, a
   program starts.
3. If only a small part of the screen keeps changing, it is an animation, and waiting for its end makes no sense.

A fourth is for dialogs: a GTK button that Return or the space bar presses looks pressed for a quarter of a second and only then acts.

`pause` is the same in small, between two actions of one `act`: long enough for a click to move the focus before something is typed.

This is the rule; what it goes by is seen by `signs`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence, Set
from typing import Literal

from hotdesk.desks.x11.display import Display
from hotdesk.desks.x11.signs import Change, DisplaySigns, Rectangle, Signs, Work

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
USUAL_FROM = 1.0
"""Seconds in which nothing was done, at least, to learn by them that more is usual: right after an act programs tidy up."""
LAUNCHED_FOR = 3.0
"""Seconds in which all work may be that of what was launched, whatever is usual: on a desk that has just come up much is, for a while."""
AMBIENT_FOR = 2.0
"""Seconds that a rectangle, once seen to change by itself, is remembered without being seen again."""
CARET_SIDE, CARET_AREA = 48, 1600
CARETS = 256
"""The places of small changes that are remembered."""

Why = Literal["quiet", "nothing", "animating", "cap"]


class Rest:
    """The rule: by these signs, when has what was done come to rest?"""

    def __init__(self, signs: Signs) -> None:
        self._signs = signs
        signs.heard = self._note
        self._changes: deque[Change] = deque(maxlen=4096)
        self._ambient: dict[Rectangle, tuple[int, float]] = {}
        self._carets: deque[Rectangle] = deque(maxlen=CARETS)
        self._began = self._ended = signs.now()
        self._acting = False
        self._touched: list[tuple[int, int]] = []
        self._launching = False
        self._pressing = 0
        self._worked = Work(self._began, 0.0, False)
        """As it was at the last `begin` or end of `wait`."""
        self._usual = 0.0
        """Cores in use while nothing was done."""

    def _note(self, change: Change) -> None:
        if self._acting:
            self._changes.append(change)
        else:
            seen, last = self._ambient.get(change.where, (0, 0.0))
            self._ambient[change.where] = (seen + 1 if change.at - last < AMBIENT_FOR else 1, change.at)

    def begin(self, launching: bool = False) -> None:
        """Something is about to be done: what changes from now on is its effect. Whatever was begun before is
        taken to have had its effect, or to have more of it."""
        self._signs.listen()
        now = self._signs.now()
        if not self._acting:
            self._ambient = {where: seen for where, seen in self._ambient.items() if now - seen[1] < AMBIENT_FOR}
            self._carets = deque(filter(_like_caret, self._ambient), CARETS)
            worked = self._signs.work()
            if now - self._ended > QUIET:
                usual = max(0.0, worked.seconds - self._worked.seconds) / (now - self._ended)
                self._usual = usual if now - self._ended > USUAL_FROM else min(usual, self._usual)
            self._worked = worked
            self._touched.clear()
            self._acting, self._launching = True, False
        self._changes.clear()
        self._began = now
        self._launching |= launching
        self._pressing = 0

    def pressed_button(self) -> None:
        """The last thing done was a key that presses a button of the dialog with the focus."""
        self._pressing = self._signs.active_window()

    def touch(self, x: int, y: int) -> None:
        self._touched.append((x, y))

    async def pause(self) -> None:
        """Wait until what was just done has been answered, or nothing answers it."""
        started = self._signs.now()
        looked = self._signs.work()
        while (now := self._signs.now()) < started + STEP_CAP:
            last = max(started, self._changes[-1].at) if self._changes else started
            if now >= max(last, looked.at) + STEP:
                before, looked = looked, self._signs.work()
                if not self._busy(before, looked, BUSY, STEP_BUSY):
                    return
            await self._signs.change(max(last, looked.at) + STEP - now + 0.001)

    async def wait(self, cap: float) -> tuple[Why, float]:
        """Wait until what was begun has come to rest: why the wait ended, and how long it was."""
        started = self._signs.now()
        first = FIRST_WINDOW if self._launching else BUTTON_PRESSED if self._pressing else FIRST
        if not self._acting:
            self.begin()
            first = QUIET
        try:
            why = await self._rest(started, cap, first)
        finally:
            self._acting = False
            self._worked = self._signs.work()
            self._ended = self._worked.at
        return why, self._signs.now() - started

    async def _rest(self, started: float, cap: float, first: float) -> Why:
        last: float | None = None
        recent: deque[Change] = deque()
        extended, looked = self._began, self._worked
        while True:
            docks = self._signs.docks() if self._changes else []
            while self._changes:
                change = self._changes.popleft()
                if not self._ignored(change.where, docks):
                    last = change.at
                    recent.append(change)
            now = self._signs.now()
            while recent and now - recent[0].at > ANIMATING:
                recent.popleft()
            if now - started >= cap:
                return "cap"
            if self._pressing and self._signs.active_window() != self._pressing:
                self._pressing = 0
            quiet = QUIET_WINDOW if self._launching else BUTTON_PRESSED if self._pressing else QUIET
            due = max(extended + quiet, self._began + first if last is None else last + quiet)
            if now >= due:
                before, looked = looked, self._signs.work()
                if not self._busy(before, looked, BUSY):
                    return "nothing" if last is None else "quiet"
                extended = now
                continue
            if not self._launching and now - max(started, self._began) > ANIMATING and self._small(recent):
                return "animating"
            await self._signs.change(min(due, started + cap) - now + 0.001)
            if looked.at < now - 2 * quiet:  # a busy start must not count against a quiet end
                looked = self._signs.work()

    def _small(self, recent: Sequence[Change]) -> bool:
        if not recent:
            return False
        left, top = min(change.where.x for change in recent), min(change.where.y for change in recent)
        right = max(change.where.x + change.where.width for change in recent)
        bottom = max(change.where.y + change.where.height for change in recent)
        return bool((right - left) * (bottom - top) < self._signs.width * self._signs.height * ANIMATION_PART)

    def _ignored(self, where: Rectangle, docks: list[Rectangle]) -> bool:
        if _like_caret(where):
            if self._launching or any(caret.meets(where) for caret in self._carets):
                return True
            self._carets.append(where)
        if any(dock.holds(where) and not any(dock.has(*point) for point in self._touched) for dock in docks):
            return True
        return any(seen >= 2 and ambient.holds(where) for ambient, (seen, _) in self._ambient.items())

    def _busy(self, before: Work, now: Work, share: float, least: float = 0.0) -> bool:
        """Whether, between two looks, more than this share of a core was wanted beyond what is usual. On a machine with too much to do a
        program may want it and not get it: then it is seen running."""
        passed = max(now.at - before.at, 0.01)
        usual = 0.0 if self._launching and now.at - self._began < LAUNCHED_FOR else self._usual
        worked = now.seconds - before.seconds - usual * passed
        return worked > max(share * passed, least) or (now.running and usual < CALM)


def _like_caret(where: Rectangle) -> bool:
    return where.width <= CARET_SIDE and where.height <= CARET_SIDE and where.width * where.height <= CARET_AREA


class Settling(Rest):
    """The rule at a real display."""

    def __init__(self, display: Display, proc: str, apart: Set[int]) -> None:
        """`proc` is the desk's own `/proc`; `apart` are pids in it that do not count: the screen itself, our helper."""
        super().__init__(DisplaySigns(display, proc, apart))
