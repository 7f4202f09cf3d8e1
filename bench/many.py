"""Fifty, a hundred and two hundred local desks, open and idle on this machine. The peer is a few desktops of E2B's kind, multiplied."""

from __future__ import annotations

import os
import time
from contextlib import AsyncExitStack

import anyio

from bench.equipment.desks import OFFLINE, Peers, desks_here
from bench.equipment.processes import cpu, pss
from bench.equipment.report import Row
from bench.equipment.xfce import PROGRAMS, xfce
from bench.memory import desk_processes

TITLE = "Many desks, open and idle"

COUNTS = (50, 100, 200)
XFCE = 3
"""Desktops of E2B's kind that are measured."""
IDLE = 10.0


async def run(quick: bool) -> list[Row]:
    counts, idle = ((2, 4), 0.5) if quick else (COUNTS, IDLE)
    peer = await _of_xfce(idle) if Peers(quick).have(*PROGRAMS) else None
    rows: list[Row] = []
    async with desks_here() as (desks, run_dir), AsyncExitStack() as stack:
        opened, spent = 0, 0.0
        for count in counts:
            began = time.perf_counter()
            while opened < count:
                await stack.enter_async_context(desks.open(f"many-{opened}", OFFLINE))
                opened += 1
            spent += time.perf_counter() - began
            await anyio.sleep(2.0 if not quick else 0.2)
            live = [name for name in await desks.list() if (place := run_dir.find(name)) and place.processes["helper"].alive]
            everyone = [pid for number in range(count) for pid in desk_processes(run_dir, f"many-{number}")]
            used = cpu([*everyone, os.getpid()])
            await anyio.sleep(idle)
            used = (cpu([*everyone, os.getpid()]) - used) / idle * 100
            memory = pss(everyone)
            whose = f"{XFCE} desktops of E2B's kind, multiplied" if peer else None
            seconds, processor, mib = (each * count for each in peer) if peer else (None, None, None)
            rows += [
                Row(f"{count} desks: failed", count - len(live), "desks", at_most=0),
                Row(f"{count} desks: opened one after another", spent, "s", seconds, whose),
                Row(f"{count} desks: idle, with the process that holds them", used, "% of a core", processor, whose, at_most=10),
                Row(f"{count} desks: memory (PSS)", memory, "MiB", mib, whose),
            ]
    return rows


async def _of_xfce(idle: float) -> tuple[float, float, float]:
    """Of one desktop: seconds to open it, percent of a core when idle, MiB."""
    async with AsyncExitStack() as stack:
        desktops = [await stack.enter_async_context(xfce()) for _ in range(XFCE)]
        await anyio.sleep(5.0)
        everyone = [pid for desktop in desktops for pid in desktop.processes()]
        used = cpu(everyone)
        await anyio.sleep(idle)
        used = (cpu(everyone) - used) / idle * 100
        return sum(desktop.drawn for desktop in desktops) / XFCE, used / XFCE, pss(everyone) / XFCE
