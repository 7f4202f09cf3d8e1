"""The screen gateway beside websockify, at the same synthetic source; the way of a pointer event; and real desks that paint all the time.

Throughput, processor time and memory are of the gateway's or websockify's processes alone. Twenty viewers here are one process, and so is
the source: on a machine of few cores they take their part of it, with both alike.
"""

from __future__ import annotations

import io
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import anyio
import httpx
from PIL import Image

from bench.equipment.desks import OFFLINE, Peers, content, desks_here, place_of, short_folder
from bench.equipment.processes import cpu, named, pss, tree
from bench.equipment.report import CannotMeasure, Row
from bench.equipment.rfb import source, viewers
from bench.equipment.web import begun, web
from hotdesk.desks.local.place import Place
from hotdesk.desks.local.sandbox import DISPLAY_SOCKET, connect_inside, cookie
from hotdesk.desks.x11.display import Display
from hotdesk.logs.sqlite import SqliteLogs

TITLE = "Screens: the gateway beside websockify, and what viewers get of real desks"

PEER = "websockify"
DIRECT = "direct, without a relay"
FPS = 15.0
PAINTED = 30.0
"""Full-screen changes a second."""
SCREEN = "/api/sessions/s1/agents/a1/screen"


@dataclass(frozen=True, slots=True)
class _Relay:
    name: str
    address: str
    pid: int


async def run(quick: bool) -> list[Row]:
    rows = await _relayed(quick)
    try:
        rows += await _real(quick)
    except CannotMeasure as missing:
        print(missing, file=sys.stderr)
    return rows


# The relay ----------------------------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _session(folder: Path, screen: Path | None, desks: Sequence[str] = ("desk",)) -> AsyncIterator[tuple[str, int]]:
    """A server with a session in which each agent has one of the desks: its address without scheme, and its pid."""
    logs = SqliteLogs(folder)
    for number, desk in enumerate(desks, 1):
        async with await logs.create(f"s{number}") as log:
            await log.append(*begun(desk=desk))
    async with web("hotdesk", folder, screen) as served:
        yield f"127.0.0.1:{served.port}", served.process.pid


@asynccontextmanager
async def _websockify(screen: Path) -> AsyncIterator[_Relay]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["websockify", f"--unix-target={screen}", f"127.0.0.1:{port}"]
    process = await anyio.open_process(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with anyio.fail_after(20):
            while True:
                try:
                    await (await anyio.connect_tcp("127.0.0.1", port)).aclose()
                    break
                except OSError:
                    await anyio.sleep(0.05)
        yield _Relay(PEER, f"ws://127.0.0.1:{port}/websockify", process.pid)
    finally:
        with anyio.CancelScope(shield=True):
            for pid in reversed(tree(process.pid)[1:]):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if process.returncode is None:
                process.kill()
            await process.aclose()


async def _relayed(quick: bool) -> list[Row]:
    peers = Peers(quick)
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(short_folder())
        path = folder / "rfb.sock"
        await stack.enter_async_context(source(path))
        host, pid = await stack.enter_async_context(_session(folder, path))
        relays = [_Relay("ours", f"ws://{host}{SCREEN}", pid)]
        if peers.have("websockify"):
            relays.append(await stack.enter_async_context(_websockify(path)))
        rows: list[Row] = []
        for number, amount, over in ((2, 4, 1.0),) if quick else ((1, 1500, 1.0), (20, 100, 1.25)):
            rows += await _throughput(relays, number, amount, over, 1 if quick else 5)
        return [*rows, *await _pointer(path, host, relays, 30 if quick else 1000)]


async def _throughput(relays: Sequence[_Relay], number: int, amount: int, over: float, rounds: int) -> list[Row]:
    speed: dict[str, list[float]] = {relay.name: [] for relay in relays}
    work: dict[str, list[float]] = {relay.name: [] for relay in relays}
    memory: dict[str, list[float]] = {relay.name: [] for relay in relays}
    for _ in range(rounds):
        for relay in relays:
            async with viewers("bytes", amount, [relay.address] * number) as watching:
                used = cpu(tree(relay.pid))
                seconds = await watching.go()
                used = cpu(tree(relay.pid)) - used
                memory[relay.name].append(pss(tree(relay.pid)))
            speed[relay.name].append(amount * number / seconds)
            work[relay.name].append(used * 1000 / (amount * number))
    people = f"{number} viewer{'s' if number > 1 else ''}"
    theirs = PEER in speed

    def row(what: str, unit: str, found: dict[str, list[float]], share: float | None = None, over: float | None = None) -> Row:
        peer = median(found[PEER]) if theirs else None
        return Row(f"{people}: {what}", median(found["ours"]), unit, peer, PEER if theirs else None, share=share, over=over)

    rows = [row("throughput", "MiB/s", speed, over=over), row("processor time per MiB", "ms", work)]
    return [*rows, row("memory", "MiB", memory, share=0.1 if number > 1 else None)]


async def _pointer(path: Path, host: str, relays: Sequence[_Relay], amount: int) -> list[Row]:
    """A pointer event to the source and its answer back, in control of the desk."""
    async with httpx.AsyncClient(base_url=f"http://{host}", trust_env=False) as client:
        taken = await client.post("/api/sessions/s1/agents/a1/take", json={"by": "bench"})
        taken.raise_for_status()
        secret = taken.json()["control"]
    took: dict[str, list[float]] = {}
    for name, target in (
        (DIRECT, str(path)),
        *((relay.name, relay.address + (f"?control={secret}" if relay.name == "ours" else "")) for relay in relays),
    ):
        async with viewers("pointer", amount, [target]) as one:
            took[name] = (await one.go())[0]
    added = median(took["ours"]) - median(took[DIRECT])
    peer = median(took[PEER]) - median(took[DIRECT]) if PEER in took else None
    rows = [Row("a pointer event to its answer: added by the relay, median", added, "ms", peer, PEER if peer else None, at_most=0.5)]
    return [*rows, Row("a pointer event to its answer, median", median(took["ours"]), "ms", median(took[DIRECT]), DIRECT)]


# Real desks ---------------------------------------------------------------------------------------------------------------------------


async def _real(quick: bool) -> list[Row]:
    rows: list[Row] = []
    seconds = 1.0 if quick else 8.0
    cases = ((1, 2),) if quick else ((1, 1), (1, 20), (20, 20))
    async with desks_here() as (desks, run_dir):
        for count, watching in cases:
            async with AsyncExitStack() as stack:
                names = [f"v{count}-{number}" for number in range(count)]
                for name in names:
                    await stack.enter_async_context(desks.open(name, OFFLINE))
                folder = stack.enter_context(short_folder())
                (folder / "r").symlink_to(run_dir.path)
                rows += await _watched([place_of(run_dir, name) for name in names], names, watching, folder, seconds)
    return rows


async def _watched(places: Sequence[Place], names: Sequence[str], watching: int, folder: Path, seconds: float) -> list[Row]:
    async with _session(folder, None, names) as (host, server), anyio.create_task_group() as tasks:
        for place in places:
            tasks.start_soon(_paint, place)
        targets = [f"ws://{host}/api/sessions/s{number % len(places) + 1}/agents/a1/screen" for number in range(watching)]
        async with viewers("frames", seconds, targets) as everyone:
            screens = [pid for place in places for pid in tree(place.processes["start"].pid) if named(pid) == "Xvnc"]
            used = cpu(screens), cpu([server])
            found = await everyone.go()
            used = cpu(screens) - used[0], cpu([server]) - used[1]
        tasks.cancel_scope.cancel()
    fps = [frames / seconds for frames, _ in found]
    what = f"{watching} viewer{'s' if watching > 1 else ''} of {len(places)} desk{'s' if len(places) > 1 else ''}"
    return [
        Row(f"{what}, {PAINTED:g} full-screen changes/s: frames each viewer gets, median", median(fps), "fps", at_least=FPS),
        Row(f"{what}: Xvnc, all together", used[0] / seconds * 100, "% of a core"),
        Row(f"{what}: our server", used[1] / seconds * 100, "% of a core"),
        Row(f"{what}: size of a frame", median(size / max(1, frames) for frames, size in found) / 1024, "KiB"),
    ]


async def _paint(place: Place) -> None:
    """Change the whole screen again and again: a photograph that moves."""
    display = Display(connect_inside(place.processes["helper"], DISPLAY_SOCKET), cookie(place))
    try:
        width, height = display.width, display.height
        pixmap, context = display.new_id(), display.new_id()
        display.send(struct.pack("<BBHIIHH", 53, display.depth, 0, pixmap, display.root, width, 2 * height))
        display.send(struct.pack("<BxHIIII", 55, 0, context, display.root, 1 << 15, 1))  # over the windows too
        pixels = _photograph(width, 2 * height)
        rows = (1 << 18) // (width * 4)
        for top in range(0, 2 * height, rows):
            part = pixels[top * width * 4 : (top + rows) * width * 4]
            shape = struct.pack("<IIHHhhBBxx", pixmap, context, width, len(part) // (width * 4), 0, top, 0, display.depth)
            display.send(struct.pack("<BBH", 72, 2, 0) + shape + part)
        number = 0
        while True:
            number += 1
            shift = number * 37 % height
            display.send(struct.pack("<BxHIIIhhhhHH", 62, 0, pixmap, display.root, context, 0, shift, 0, 0, width, height))
            await anyio.sleep(1 / PAINTED)
    finally:
        display.close()


def _photograph(width: int, height: int) -> bytes:
    return Image.open(io.BytesIO(content(width, height))).convert("RGBX").tobytes("raw", "RGBX")
