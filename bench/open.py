"""A local desk from nothing to usable: the X server and the RFB server answer, the window manager is up, the background is drawn.

The peer is what E2B's template starts, as its SDK starts it (`equipment/xfce.py`), up to the same point; without the virtual machine around
it and the SDK's calls over the network, which cost it more.
"""

from __future__ import annotations

import io
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import median

from PIL import Image

from bench.equipment.desks import OFFLINE, Peers, desks_here
from bench.equipment.report import Row
from bench.equipment.xfce import PROGRAMS, xfce
from hotdesk.desks.base import Desk, DeskOptions, Desks

TITLE = "Opening a desk, from nothing to usable"

GOAL, TIMES = 0.12, 15
PEER = "Xvfb + XFCE + x11vnc + noVNC, as E2B's SDK starts them"


async def run(quick: bool) -> list[Row]:
    peers = Peers(quick)
    rounds, peers_rounds = (2, 0) if quick else (30, 5 if peers.have(*PROGRAMS) else 0)
    ours, online, closed, theirs = list[float](), list[float](), list[float](), list[float]()
    async with desks_here() as (desks, _):
        full = next((finding.ok for finding in await desks.check() if "full internet" in finding.what), False)
        for index in range(rounds):
            took, ended = await _opened(desks, f"open-{index}", OFFLINE)
            ours.append(took)
            closed.append(ended)
            if full:
                online.append((await _opened(desks, f"full-{index}", DeskOptions()))[0])
            if (index + 1) * peers_rounds // rounds > index * peers_rounds // rounds:
                async with xfce() as desktop:
                    theirs.append(desktop.drawn)
    peer, peer_is = (median(theirs), PEER) if theirs else (None, None)
    rows = [
        Row("no internet: usable, median", median(ours), "s", peer, peer_is, at_most=GOAL, share=1 / TIMES),
        Row("no internet: usable, best", min(ours), "s", min(theirs, default=None), peer_is),
    ]
    if online:
        rows.append(Row("full internet (the default): usable, median", median(online), "s", peer, peer_is, at_most=GOAL, share=1 / TIMES))
    return [*rows, Row("closing it, to the last process", median(closed), "s")]


async def _opened(desks: Desks, desk_id: str, options: DeskOptions) -> tuple[float, float]:
    """Seconds to open one, and to close it."""
    began = time.perf_counter()
    async with _usable(desks, desk_id, options):
        usable = time.perf_counter()
    return usable - began, time.perf_counter() - usable


@asynccontextmanager
async def _usable(desks: Desks, desk_id: str, options: DeskOptions) -> AsyncIterator[Desk]:
    async with desks.open(desk_id, options) as desk:
        async with desks.view(desk_id) as stream:
            if not (await stream.receive(12)).startswith(b"RFB "):
                raise RuntimeError("the desk's RFB server speaks no RFB")
        shown = (await desk.screenshot()).data
        yield desk
    colours = Image.open(io.BytesIO(shown)).resize((16, 16)).getcolors()
    if colours is None or len(colours) < 2:
        raise RuntimeError("the background was not drawn")
