"""What Hotdesk adds to a turn: from the last byte of a model's reply to the first byte of the next request, waiting for the screen apart.

The worker's loop, its log, its door and tools, the brains and the vendors' SDKs are the real ones; the model is a server on loopback, in a
process of its own, that notes the two moments. The time that the door waited for the screen to settle is in its log, and is taken off.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from multiprocessing import get_context
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from unittest.mock import patch

import anyio

from bench.equipment.report import Row
from bench.equipment.server import Times, timed_server
from bench.equipment.worker import CLAUDE, DEDALUS, Wrapped, brain_at, do_task
from hotdesk import events as ev
from hotdesk.brains import thinking
from hotdesk.brains.base import Decision, Entry, Piece, Tool
from hotdesk.brains.context import Message, conversation
from hotdesk.brains.prompt import FINISH
from hotdesk.desks.base import Desks
from hotdesk.desks.local import LocalDesks
from hotdesk.desks.pretend import PretendDesks
from hotdesk.logs.sqlite import SqliteLog

TITLE = "From the last byte of a reply to the first byte of the next request, without settling"

GOAL = 15.0
"""Milliseconds, at the median."""
TURNS, WARM_UP = 70, 10
QUICK_TURNS, QUICK_WARM_UP = 6, 2

PARTS = {
    "decode": "the reply's end becomes a decision (SDK, brain, price)",
    "act": "the desk does it",
    "frame": "the desk's screen as an image, kept by content",
    "log": "events appended: spending, reasoning, the step",
    "history": "the history becomes a conversation",
    "encode": "the conversation becomes the SDK's request, up to its first byte",
    "tools and loop": "the rest: MCP in memory, door, loop, threads",
}


def script(turns: int) -> list[dict[str, Any]]:
    """Clicks, keys, typing and batches in turn, each of which changes the screen; first an editor to do it in."""
    said: list[dict[str, Any]] = [_said("I open the editor.", "launch", application="editor")]
    for turn in range(turns - 1):
        match turn % 4:
            case 0:
                click = {"do": "left_click", "x": 200 + 7 * turn % 400, "y": 160 + 11 * turn % 300}
                said.append(_said("I click into the text to go on there.", "act", actions=[click]))
            case 1:
                said.append(_said("The caret is where I want it. I type the next sentence.", "write", text=f"Sentence {turn}. "))
            case 2:
                said.append(_said("The sentence stands there; a new paragraph follows.", "press", key="Return"))
            case _:
                actions = [{"do": "move", "x": 300 + turn, "y": 300}, {"do": "write", "text": f"Item {turn}"}]
                said.append(_said("I point at the list and add an item to it.", "act", actions=actions))
    return [*said, _said("All is written.", FINISH, result="Wrote the text.")]


def _said(says: str, tool: str, **arguments: Any) -> dict[str, Any]:
    return {"text": says, "calls": [{"name": tool, "arguments": arguments}]}


@dataclass(slots=True)
class _Turn:
    """Moments of one turn, by `time.perf_counter`, and what was measured between them."""

    begun: float = 0.0
    """The brain was asked."""
    decided: float = 0.0
    told: float = 0.0
    """The conversation was made."""
    history: float = 0.0
    log: float = 0.0


@dataclass(slots=True)
class _Moments:
    """What is noted while a worker works: one entry for each turn of the brain."""

    turns: list[_Turn] = field(default_factory=list)


class _Noted(Wrapped):
    """A brain, with the moments at which it was asked and decided."""

    def __init__(self, inner: Wrapped, moments: _Moments) -> None:
        super().__init__(inner.brain)
        self._moments = moments

    async def think(self, history: Sequence[Entry], tools: Sequence[Tool]) -> AsyncIterator[Piece]:
        turn = _Turn(begun=time.perf_counter())
        self._moments.turns.append(turn)
        async for piece in self.brain.think(history, tools):
            if isinstance(piece, Decision):
                turn.decided = time.perf_counter()
            yield piece


@contextmanager
def _noting(moments: _Moments) -> Iterator[None]:
    """Note how long the log and the history take, in the turn under way."""

    def told(*given: Any, **more: Any) -> list[Message]:
        began = time.perf_counter()
        made = conversation(*given, **more)
        turn = moments.turns[-1]
        turn.told = time.perf_counter()
        turn.history = turn.told - began
        return made

    with patch.object(thinking, "conversation", told), patch.object(SqliteLog, "append", _timed_append(SqliteLog.append, moments)):
        yield


def _timed_append(append: Callable[..., Any], moments: _Moments) -> Callable[..., Any]:
    @wraps(append)
    async def timed(log: SqliteLog, *events: ev.Event) -> Any:
        began = time.perf_counter()
        try:
            return await append(log, *events)
        finally:
            # Only what is appended between a decision and the next question; reasoning that streams in costs nothing.
            if moments.turns and moments.turns[-1].decided:
                moments.turns[-1].log += time.perf_counter() - began

    return timed


async def measured(name: str, desks: Callable[[Path], Desks], turns: int, warm_up: int) -> list[dict[str, float]]:
    """Have a worker with the brain `name` do a task, and tell of each turn after the warm-up what it took, in milliseconds."""
    moments = _Moments()
    with tempfile.TemporaryDirectory(prefix="hd-bench-", dir="/var/tmp") as made:
        folder = Path(made)
        await anyio.Path(folder).chmod(0o711)  # a desk's own user passes through it
        async with timed_server(script(turns), folder) as serving:
            brain = _Noted(Wrapped(brain_at(serving.url, name)), moments)
            with _noting(moments):
                events = await do_task(folder / "data", desks(folder / "run"), brain, settle_cap=0.0)
            times = await serving.times()
    steps = [event.timings for event in events if isinstance(event, ev.AgentThinking)]
    if not len(times) == len(moments.turns) == turns + 1 or len(steps) != turns:
        raise RuntimeError(f"The script was not gone through as written: {len(times)} requests, {len(steps)} steps.")
    return list(_parts(times, moments.turns, steps))[warm_up:]


def _parts(times: Sequence[Times], turns: Sequence[_Turn], steps: Sequence[ev.Timings]) -> Iterator[dict[str, float]]:
    for place, step in enumerate(steps):
        answered, asked = times[place].answered, times[place + 1].asked
        turn, after = turns[place], turns[place + 1]
        parts = {
            "decode": (turn.decided - answered) * 1000,
            "act": step.act,
            "frame": step.frame,
            "log": turn.log * 1000,
            "history": after.history * 1000,
            "encode": (asked - after.told) * 1000,
        }
        whole = (asked - answered) * 1000 - step.settle
        yield {"whole": whole, **parts, "tools and loop": whole - sum(parts.values())}


async def _opens(desks: Callable[[Path], Desks]) -> bool:
    """Whether this machine has what these desks need."""
    with tempfile.TemporaryDirectory(prefix="hd-bench-") as folder:
        return all(finding.ok for finding in await desks(Path(folder)).check() if finding.required)


async def _apart(name: str, desks: Callable[[Path], Desks], turns: int, warm_up: int) -> list[dict[str, float]]:
    """`measured` in a process of its own, as each worker is: what another left to Python's garbage collector would slow it down."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return await asyncio.get_running_loop().run_in_executor(process, _alone, name, desks, turns, warm_up)


def _alone(name: str, desks: Callable[[Path], Desks], turns: int, warm_up: int) -> list[dict[str, float]]:
    gc.collect()
    gc.freeze()  # as the nursery that workers are forked from does
    return anyio.run(measured, name, desks, turns, warm_up)


async def run(quick: bool) -> list[Row]:
    turns, warm_up = (QUICK_TURNS, QUICK_WARM_UP) if quick else (TURNS, WARM_UP)
    kinds: dict[str, Callable[[Path], Desks]] = {"pretend desk": PretendDesks}
    if await _opens(LocalDesks):
        kinds["local desk"] = LocalDesks
    rows: list[Row] = []
    for where, desks in kinds.items():
        for who, name in (("dedalus-labs", DEDALUS), ("anthropic", CLAUDE)):
            goal = GOAL if desks is LocalDesks or LocalDesks not in kinds.values() else None  # a pretend desk draws its own screen first
            rows += _rows(f"{who}, {where}", await (measured if quick else _apart)(name, desks, turns, warm_up), goal)
    return rows


def _rows(which: str, turns: Sequence[dict[str, float]], goal: float | None) -> list[Row]:
    whole = [turn["whole"] for turn in turns]
    made = [Row(f"{which}: median of {len(turns)} turns", median(whole), "ms", at_most=goal)]
    made.append(Row(f"{which}: 95th percentile", quantiles(whole, n=20)[-1], "ms"))
    return made + [Row(f"{which} · {part}: {meaning}", median(turn[part] for turn in turns), "ms") for part, meaning in PARTS.items()]
