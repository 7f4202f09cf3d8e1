"""A step without the model: the brain has decided on a click; it is done, the screen comes to rest, a frame is taken, all is logged, and
the history is a conversation again.

The worker's loop, log, door and tools are the real ones, at a local desk with text and a picture on it; the brain decides at once. The wait
for the screen to come to rest is in the log's timings and is shown apart. The peer is Anthropic's demo at the same desk: xdotool, two
seconds instead of looking whether the screen rests, scrot, convert.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from statistics import median
from typing import Any

from bench.equipment.desks import OFFLINE, Peers, at_display, desks_here, filled, place_of, short_folder
from bench.equipment.report import CannotMeasure, Row
from bench.equipment.sdk import Demo
from bench.equipment.timing import percentile
from bench.equipment.worker import do_task
from hotdesk import events as ev
from hotdesk.brains.base import Brain, Decision, Entry, Piece, Reasoning, Tool, ToolCall
from hotdesk.brains.context import conversation
from hotdesk.desks.base import Desk
from hotdesk.desks.local import LocalDesks

TITLE = "A step without the model: click, frame, log, history"

GOAL = 15.0
PEER = "demo: xdotool, 2 s, scrot, convert"


class _Clicking(Brain):
    """Opens something to click at, clicks, and notes when it was asked and when it had decided."""

    name = "clicking"

    def __init__(self, clicks: int) -> None:
        self._clicks = clicks
        self._said = 0
        self.moments: list[tuple[float, float]] = []
        """Of each turn: the history had become a conversation; the decision went."""

    async def think(self, history: Sequence[Entry], tools: Sequence[Tool]) -> AsyncIterator[Piece]:
        conversation(history)
        asked = time.perf_counter()
        yield Reasoning("I click into the text to go on there.")
        self._said += 1
        place = {"x": 200 + 7 * self._said % 300, "y": 200 + 11 * self._said % 300}
        match self._said:
            case 1:
                call = ToolCall("c1", "open", {"target": "text.txt"})
            case said if said > self._clicks + 1:
                yield Decision(done="Clicked.")
                return
            case said:
                call = ToolCall(f"c{said}", "act", {"actions": [{"do": "left_click", **place}]})
        self.moments.append((asked, time.perf_counter()))
        yield Decision(calls=(call,))


class _Filled(LocalDesks):
    """Local desks that have a text to be opened and a picture."""

    def open(self, *given: Any, **more: Any) -> AbstractAsyncContextManager[Desk]:
        return self._filled(super().open(*given, **more))

    @asynccontextmanager
    async def _filled(self, opening: AbstractAsyncContextManager[Desk]) -> AsyncIterator[Desk]:
        async with opening as desk:
            await filled(desk)
            yield desk


async def run(quick: bool) -> list[Row]:
    clicks, warm_up = (4, 1) if quick else (60, 10)
    async with desks_here():
        pass
    brain = _Clicking(clicks)
    with short_folder() as folder:
        events = await do_task(folder / "data", _Filled(folder / "run"), brain, settle_cap=3.0)
    steps = [event.timings for event in events if isinstance(event, ev.AgentThinking)]
    if len(steps) != clicks + 1 or len(brain.moments) != clicks + 1:
        raise CannotMeasure(f"{len(steps)} steps were taken, not {clicks + 1}.")
    whole, settled, frame = list[float](), list[float](), list[float]()
    for (_, decided), (asked, _), step in list(zip(brain.moments, brain.moments[1:], steps, strict=False))[warm_up:]:
        whole.append((asked - decided) * 1000)
        settled.append(step.settle)
        frame.append(step.frame)
    added = [all_of_it - rest for all_of_it, rest in zip(whole, settled, strict=True)]
    theirs = await _of_demo(quick)
    peer, peer_is = (median(theirs), PEER) if theirs else (None, None)
    return [
        Row("without the wait for the screen to rest: median", median(added), "ms", at_most=GOAL),
        Row("without the wait for the screen to rest: 95th percentile", percentile(added, 95), "ms"),
        Row("the wait for the screen to rest: median", median(settled), "ms"),
        Row("of it the frame: median", median(frame), "ms"),
        Row("all of it: median", median(whole), "ms", peer, peer_is),
    ]


async def _of_demo(quick: bool) -> list[float]:
    if not Peers(quick).have("xdotool", "scrot", "convert"):
        return []
    took = []
    async with desks_here() as (desks, run_dir), desks.open("step", OFFLINE) as desk:
        await filled(desk)
        with at_display(place_of(run_dir, "step")) as environment, short_folder() as folder:
            demo = Demo(environment, folder)
            for number in range(8):
                began = time.perf_counter()
                await demo.left_click(200 + 7 * number, 200 + 11 * number)
                took.append((time.perf_counter() - began) * 1000)
    return took
