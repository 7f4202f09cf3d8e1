"""E2B desks: Hotdesk's way beside the SDK's own methods, at two sandboxes of one emulated E2B, in turns.

The server is the tests' (a local one that speaks E2B's protocol; each sandbox a process tree of its own with Xvfb and XFCE), in another
process. So what is compared is what each way asks of a sandbox; a real network adds its round trip to every remote call, of which the SDK
makes more. With `--quick` the SDK does only what it does in less than a second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from statistics import median
from typing import Any

from bench.equipment.desks import have, short_folder
from bench.equipment.report import CannotMeasure, Row
from bench.equipment.timing import alternately
from hotdesk.desks.base import Desk, DeskOptions, LeftClick, Press, Write
from hotdesk.desks.choose import choose_desks
from hotdesk.settings import DeskSettings, read
from tests.equipment.e2b_server import E2BProcess, e2b_process

TITLE = "E2B desks, on one emulated E2B: Hotdesk beside the SDK's own methods"

SDK = "E2B SDK"
TEXT = "The quick brown fox jumps over the lazy dog, and 0123456789 numbers; the rest of these hundred are .."
ROUNDS, SLOW_ROUNDS, QUICK_ROUNDS = 40, 5, 3
LATENCY = 0.05
"""Seconds that are added to every request in the second part: a cloud is some way off."""
SPOT = 400, 300


async def run(quick: bool) -> list[Row]:
    with short_folder() as folder, _server() as server:
        settings = read(
            DeskSettings,
            desks="e2b",
            run_dir=folder,
            e2b_key=server.environment["E2B_API_KEY"],
            e2b_url=server.url,
            e2b_sandbox_url=server.url,
        )
        began = time.perf_counter()
        async with choose_desks(settings).open("bench", DeskOptions()) as desk:
            opened = time.perf_counter() - began
            with ThreadPoolExecutor(1) as thread:
                sdk = None if not have("startxfce4", "xdotool", "scrot") else _Sdk(thread, server)
                if sdk is not None:
                    began = time.perf_counter()
                    await sdk.open()
                    rows = [Row("open a desk, until it can be seen and used", opened, "s", time.perf_counter() - began, SDK)]
                else:
                    rows = [Row("open a desk, until it can be seen and used", opened, "s")]
                try:
                    rows += await _compared(desk, sdk, server, 0.0, quick)
                    if not quick:
                        rows += await _compared(desk, sdk, server, LATENCY, quick)
                finally:
                    if sdk is not None:
                        await sdk.close()
        return rows


def _server() -> Any:
    try:
        return e2b_process()
    except OSError as error:
        raise CannotMeasure(f"The emulated E2B could not be started: {error}.") from error


class _Sdk:
    """The SDK's desktop sandbox, which blocks, in a thread of its own."""

    def __init__(self, thread: ThreadPoolExecutor, server: E2BProcess) -> None:
        self._thread = thread
        self._server = server
        self._sandbox: Any = None

    async def call(self, do: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, do)

    async def open(self) -> None:
        from e2b_desktop import Sandbox  # noqa: PLC0415

        def make() -> Any:
            sandbox = Sandbox.create(
                resolution=(1280, 800),
                api_key=self._server.environment["E2B_API_KEY"],
                api_url=self._server.url,
                sandbox_url=self._server.url,
                timeout=900,
            )
            sandbox.stream.start(require_auth=True)
            return sandbox

        self._sandbox = await self.call(make)

    async def close(self) -> None:
        if self._sandbox is not None:
            await self.call(self._sandbox.kill)

    async def screenshot(self, _: int) -> None:
        await self.call(self._sandbox.screenshot)

    async def click(self, index: int) -> None:
        await self.call(partial(self._sandbox.left_click, *_spot(index)))

    async def press(self, _: int) -> None:
        await self.call(partial(self._sandbox.press, "shift"))

    async def write(self, _: int) -> None:
        await self.call(partial(self._sandbox.write, TEXT))

    async def all_of_it(self, index: int) -> None:
        await self.click(index)
        await self.write(index)
        await self.call(partial(self._sandbox.press, "enter"))
        await self.screenshot(index)


def _spot(index: int) -> tuple[int, int]:
    """Another one each time: on one spot the SDK's second click would wait 15 s."""
    return SPOT[0] + index % 200, SPOT[1] + index % 150


async def _compared(desk: Desk, sdk: _Sdk | None, server: E2BProcess, latency: float, quick: bool) -> list[Row]:
    async def screenshot(_: int) -> None:
        await desk.screenshot()

    async def click(index: int) -> None:
        x, y = _spot(index)
        await desk.act([LeftClick(x=x, y=y)])

    async def press(_: int) -> None:
        await desk.act([Press(key="shift")])

    async def write(_: int) -> None:
        await desk.act([Write(text=TEXT)])

    async def all_of_it(index: int) -> None:
        x, y = _spot(index)
        await desk.act([LeftClick(x=x, y=y), Write(text=TEXT), Press(key="Return")])
        await desk.screenshot()

    far = f", {latency * 1000:.0f} ms away" if latency else ""
    server.set_latency(latency)
    rows = []
    for what, ours, theirs, times in (
        ("screenshot", screenshot, "screenshot", 2),
        ("click at a point", click, "click", 4),
        ("press a key", press, "press", None),
        ("write 100 characters", write, "write", 15),
        ("click, write, Return, screenshot", all_of_it, "all_of_it", 8),
    ):
        slow = theirs in ("write", "all_of_it")
        rounds = QUICK_ROUNDS if quick else SLOW_ROUNDS if slow else ROUNDS
        ways: dict[str, tuple[Callable[[int], Awaitable[object]], int]] = {
            "ours": (ours, max(rounds, 20) if slow and not quick else rounds)
        }
        beside = sdk is not None and not (quick and slow)
        if beside:
            ways["sdk"] = getattr(sdk, theirs), rounds
        took = await alternately(ways)
        peer = median(took["sdk"]) if beside else None
        share = 1 / times if times and not latency else None
        rows.append(Row(what + far, median(took["ours"]), "ms", peer, SDK if peer else None, share=share))
    server.set_latency(0.0)
    return rows
