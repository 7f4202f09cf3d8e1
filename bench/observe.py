"""A desktop with text and a picture becomes bytes for the model: ours beside scrot in a shell, the demo's two seconds, and PIL's ImageGrab.

All look at one and the same local desk, in turns; the peers' programs run on the host, at the desk's display.
"""

from __future__ import annotations

import io
import os
from collections.abc import Awaitable, Callable
from statistics import median
from unittest.mock import patch

import anyio.to_thread
from PIL import ImageGrab, features

from bench.equipment.desks import OFFLINE, Peers, at_display, desks_here, filled, place_of, short_folder
from bench.equipment.report import Row
from bench.equipment.sdk import Demo, Sdk
from bench.equipment.timing import alternately

TITLE = "A screenshot of a 1280x800 desktop with text and a picture, as bytes for the model"

OURS, SDK, DEMO, GRAB = "ours", "E2B SDK: scrot by a shell, read, remove", "demo: wait 2 s, scrot, convert", "PIL ImageGrab, optimized PNG"
GOAL = 3.0
"""Milliseconds, at the median."""


async def run(quick: bool) -> list[Row]:
    peers = Peers(quick)
    async with desks_here() as (desks, run_dir), desks.open("observe", OFFLINE) as desk:
        await filled(desk)
        with at_display(place_of(run_dir, "observe")) as environment, short_folder() as folder:
            sdk, demo = Sdk(environment, folder), Demo(environment, folder)
            sizes: dict[str, int] = {}

            def shot(name: str, take: Callable[[], Awaitable[bytes]]) -> Callable[[int], Awaitable[None]]:
                async def do(_: int) -> None:
                    sizes[name] = len(await take())

                return do

            async def ours() -> bytes:
                return (await desk.screenshot()).data

            ways = {OURS: (shot(OURS, ours), 10 if quick else 300)}
            if peers.have("scrot"):
                ways[SDK] = shot(SDK, sdk.screenshot), 40
            if peers.have("scrot", "convert"):
                ways[DEMO] = shot(DEMO, demo.screenshot), 8
            if not quick and features.check("xcb"):
                ways[GRAB] = shot(GRAB, lambda: anyio.to_thread.run_sync(_grab, environment)), 15
            took = await alternately(ways)
    ours_ms = median(took[OURS])
    rows = [Row("a screenshot, pointer drawn in", ours_ms, "ms", at_most=GOAL)]
    for peer, times in ((SDK, 30), (DEMO, 150), (GRAB, None)):
        if peer in took:
            rows.append(Row("beside it", ours_ms, "ms", median(took[peer]), peer, share=1 / times if times else None))
    return [*rows, Row("its size", sizes[OURS] / 1024, "KiB", sizes.get(SDK, 0) / 1024 or None, SDK if SDK in sizes else None)]


def _grab(environment: dict[str, str]) -> bytes:
    with patch.dict(os.environ, {"XAUTHORITY": environment["XAUTHORITY"]}):
        picture = ImageGrab.grab(xdisplay=environment["DISPLAY"])
    data = io.BytesIO()
    picture.save(data, "PNG", optimize=True)
    return data.getvalue()
