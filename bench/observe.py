"""A desktop with text and a picture becomes bytes for the model: ours beside scrot in a shell, the demo's two seconds, and PIL's ImageGrab.

All look at one and the same local desk, in turns; the peers' programs run on the host, at the desk's display. Ours encodes what is new
since the picture before, so it is measured after what a step does to a screen, much and little: a page of text, a letter, nothing. The
peers encode everything each time.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Awaitable, Callable
from statistics import median
from unittest.mock import patch

import anyio.to_thread
from PIL import ImageGrab, features

from bench.equipment.desks import OFFLINE, Peers, at_display, desks_here, filled, place_of, short_folder
from bench.equipment.report import Row
from bench.equipment.sdk import Demo, Sdk
from bench.equipment.timing import alternately
from hotdesk.desks.base import Action, LeftClick, Press, Write

TITLE = "A screenshot of a 1280x800 desktop with text and a picture, as bytes for the model"

NOTHING, LETTER, PAGE = "nothing is new", "a letter was typed", "a page of text was turned"
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

            def ours(*before: Action) -> Callable[[int], Awaitable[float]]:
                async def do(index: int) -> float:
                    if before:
                        await desk.act([before[index % len(before)]])
                        await desk.settle()
                    began = time.perf_counter()
                    sizes[OURS] = len((await desk.screenshot()).data)
                    return (time.perf_counter() - began) * 1000

                return do

            await desk.act([LeftClick(x=1000, y=400)])  # into the text, which the picture does not cover there
            few, many = (4, 4) if quick else (60, 300)
            ways: dict[str, tuple[Callable[[int], Awaitable[object]], int]] = {
                NOTHING: (ours(), many),
                LETTER: (ours(Write(text="a")), few),
                PAGE: (ours(Press(key="Page_Down"), Press(key="Page_Up")), few),
            }
            if peers.have("scrot"):
                ways[SDK] = shot(SDK, sdk.screenshot), 40
            if peers.have("scrot", "convert"):
                ways[DEMO] = shot(DEMO, demo.screenshot), 8
            if not quick and features.check("xcb"):
                ways[GRAB] = shot(GRAB, lambda: anyio.to_thread.run_sync(_grab, environment)), 15
            took = await alternately(ways)
    rows = [Row(f"a screenshot; {case}", median(took[case]), "ms", at_most=GOAL) for case in (PAGE, LETTER, NOTHING)]
    for peer, times in ((SDK, 30), (DEMO, 150), (GRAB, None)):
        if peer in took:
            rows += [
                Row(f"beside it; {case}", median(took[case]), "ms", median(took[peer]), peer, share=1 / times if times else None)
                for case in (PAGE, LETTER)
            ]
    return [*rows, Row("its size", sizes[OURS] / 1024, "KiB", sizes.get(SDK, 0) / 1024 or None, SDK if SDK in sizes else None)]


def _grab(environment: dict[str, str]) -> bytes:
    with patch.dict(os.environ, {"XAUTHORITY": environment["XAUTHORITY"]}):
        picture = ImageGrab.grab(xdisplay=environment["DISPLAY"])
    data = io.BytesIO()
    picture.save(data, "PNG", optimize=True)
    return data.getvalue()
