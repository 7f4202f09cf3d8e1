"""When has the screen come to rest? Every recorded situation is replayed through the real rule, with a clock of its own.

The answer is right if it comes not before the picture was what it stayed, not much later, and with the right reason. A replay waits for
nothing and is the same each time and on each machine. As a machine may be late to wake whoever waits, each is replayed with some lateness,
too. What the situations are and how they were recorded: `tests/equipment/situations.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import anyio.lowlevel
import pytest

from hotdesk.desks.local.desk import LocalDesk
from hotdesk.desks.x11.settle import Rest
from hotdesk.desks.x11.signs import Change, Rectangle, Signs, Work
from tests.desks.local.conftest import eventually
from tests.equipment.situations import FOLDER, SITUATIONS, Recording, Situation

LATENESS = (0.0, 0.004, 0.012)
"""Seconds."""


class Replay(Signs):
    """The signs of a recording. Time passes only while somebody waits."""

    def __init__(self, recording: Recording, late: float) -> None:
        self.width, self.height = recording.size
        self.heard: Callable[[Change], None] = lambda _: None
        self.time: float = min(recording.work[0][0], recording.docks[0][0]) / 1000
        self._recording = recording
        self._late = late
        self._coming = [Change(at / 1000, Rectangle(*where)) for at, *where in reversed(recording.changes)]

    def now(self) -> float:
        return self.time

    def listen(self) -> None:
        while self._coming and self._coming[-1].at <= self.time:
            self.heard(self._coming.pop())

    def pass_to(self, moment: float) -> None:
        self.time = max(self.time, moment)
        self.listen()

    async def change(self, seconds: float) -> None:
        await anyio.lowlevel.checkpoint()
        due = self.time + max(seconds, 0.0)
        if self._coming and self._coming[-1].at <= due:
            self.pass_to(self._coming[-1].at)
        else:
            self.pass_to(due + self._late)

    def work(self) -> Work:
        _, spent, running = _latest(self._recording.work, self.time)
        return Work(self.time, spent / 1000, bool(running))

    def docks(self) -> list[Rectangle]:
        return [Rectangle(*dock) for dock in _latest(self._recording.docks, self.time)[1]]

    def active_window(self) -> int:
        return int(_latest(self._recording.active, self.time)[1])


def _latest(samples: Sequence[list[Any]], moment: float) -> list[Any]:
    return next((sample for sample in reversed(samples) if sample[0] <= moment * 1000), samples[0])


async def answer(recording: Recording, cap: float, late: float = 0.0) -> tuple[str, float]:
    """What settling says, and when: seconds from the moment of acting."""
    signs = Replay(recording, late)
    rest = Rest(signs)
    for at, call, *told in recording.calls:
        signs.pass_to(at / 1000)
        if call == "wait":
            why, _ = await rest.wait(cap)
            return why, signs.now()
        getattr(rest, call)(*told)
    raise AssertionError("nobody waited")


def _marks(situation: Situation) -> list[pytest.MarkDecorator]:
    return [pytest.mark.xfail(reason=situation.wrong, strict=True, raises=AssertionError)] if situation.wrong else []


@pytest.mark.parametrize(("name", "situation"), [pytest.param(n, s, marks=_marks(s), id=n) for n, s in SITUATIONS.items()])
async def test_settling_answers_when_the_screen_has_come_to_rest(name: str, situation: Situation) -> None:
    recording = Recording.load(name)
    began, truth = recording.calls[-1][0] / 1000, recording.truth / 1000
    for late in LATENESS:
        why, at = await answer(recording, situation.cap, late)
        earliest = began + situation.cap if situation.endless else truth
        latest = (earliest if situation.endless else max(truth, began)) + situation.slack + late
        assert why in situation.why, f"at {at:.3f}, {late} late"
        assert earliest <= at <= latest, f"{why}, {late} late"


def test_every_recording_is_replayed() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(SITUATIONS)


async def test_the_panel_is_looked_for_where_it_is_seen(desk: LocalDesk) -> None:
    """The window manager puts it into a frame, in which it is at (0, 0)."""

    async def docks() -> list[Rectangle]:
        return desk._settling._signs.docks()

    width, height = desk.size
    assert await eventually(docks) == [Rectangle(0, height - 44, width, 44)]
