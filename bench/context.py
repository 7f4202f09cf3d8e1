"""Tokens billed for a scripted task of 30 turns, for Hotdesk's history and for the peers'.

Hotdesk's requests are real: a worker does the task at a desk with the real brains and SDKs, whose model is the scripted server of the
tests. The peers' requests are made of the same run (`equipment/peers.py`). All are billed by one model (`equipment/bill.py`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.equipment import peers, script
from bench.equipment.bill import Bill, Block, bill, blocks, least, without_cache
from bench.equipment.film import FilmedDesks
from bench.equipment.report import Row
from bench.equipment.worker import CLAUDE, DEDALUS, Wrapped, brain_at, do_task
from hotdesk.brains.base import Entry
from hotdesk.brains.prompt import FINISH
from tests.equipment.model_server import model_server

TITLE = "Input tokens billed for a task of 30 turns (cache read 0.1, cache write 1.25)"

GOAL = 1 / 3
QUICK = 6
"""Turns of the script that a quick run takes."""
UNIT = "tokens"

EVERYTHING = "resends all, no cache"
DEMO = "demo, cached: keeps all"
UNCACHED = "demo, no cache: 3 newest"

WAYS: dict[peers.Way, str] = {
    "batched": "a batch is one call with one picture, for all",
    "chained": "peers make a batch's actions as calls of one turn, a picture each",
    "single": "peers make a batch's actions as turns of their own",
}


@dataclass(frozen=True, slots=True)
class Run:
    """The requests of one run of Hotdesk, and what the peers' are made of."""

    requests: Sequence[Sequence[Block]]
    first: dict[str, Any]
    history: Sequence[Entry]
    film: Sequence[Sequence[bytes]]


async def captured(name: str, taken: Sequence[script.ScriptedTurn]) -> Run:
    """Do the task with the brain `name`, and keep what its SDK sent."""
    said: list[dict[str, Any]] = [
        {"text": turn.says, "calls": [{"name": tool, "arguments": arguments} for tool, arguments in turn.calls]} for turn in taken
    ]
    said.append({"text": "Everything is in place.", "calls": [{"name": FINISH, "arguments": {"result": "Compared the three offers."}}]})
    with tempfile.TemporaryDirectory(prefix="hd-bench-") as folder:
        async with model_server(said) as server:
            desks, brain = FilmedDesks(Path(folder) / "run", script.FILES), Wrapped(brain_at(server.url, name))
            where = Path(folder) / "data"
            await do_task(where, desks, brain, prompt=script.PROMPT, title=script.TITLE, instructions=script.INSTRUCTIONS)
            if server.problems or len(server.requests) != len(said):
                raise RuntimeError(f"The script was not gone through as written: {len(server.requests)} requests, {server.problems}")
            bodies = [request.body for request in server.requests]
    return Run([blocks(body) for body in bodies], bodies[0], brain.history, desks.film)


def _billed(history: peers.History, run: Run, way: peers.Way) -> Bill:
    return bill([blocks(body) for body in history(peers.shared_by(run.first), peers.turns(run.history, run.film, way))])


async def run(quick: bool) -> list[Row]:
    taken = script.TURNS[:QUICK] if quick else script.TURNS
    direct, dedalus = await captured(CLAUDE, taken), await captured(DEDALUS, taken)
    return [row for way, meaning in WAYS.items() for row in _rows(way, meaning, direct, dedalus)]


def _rows(way: peers.Way, meaning: str, direct: Run, dedalus: Run) -> list[Row]:
    ours, through, uncached = bill(direct.requests), bill(dedalus.requests), without_cache(direct.requests)
    cached, three, all_ = (_billed(history, direct, way) for history in (peers.demo, peers.demo_uncached, peers.everything))
    cheapest, whose = min((cached.billed, DEMO), (three.billed, UNCACHED), (all_.billed, EVERYTHING))
    plain, plainest = min((three.billed, UNCACHED), (all_.billed, EVERYTHING))
    return [
        Row(f"{way}: requests ({meaning})", ours.requests, "requests", cached.requests, "any of the peers"),
        Row(f"{way}: Claude, cached, beside the cheapest", ours.billed, UNIT, cheapest, whose, share=GOAL),
        Row(f"{way}: Claude through Dedalus, cached, beside the cheapest", through.billed, UNIT, cheapest, whose, share=GOAL),
        Row(f"{way}: Claude, cached", ours.billed, UNIT, three.billed, UNCACHED),
        Row(f"{way}: Claude, cached", ours.billed, UNIT, all_.billed, EVERYTHING),
        Row(f"{way}: no cache on either side", uncached.billed, UNIT, plain, plainest),
        Row(f"{way}: the least that any history could be billed", least(direct.requests), UNIT, cheapest, whose),
    ]
