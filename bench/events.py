"""From a worker's append to the handler of a Socket.IO client, while four agents are busy; and a thousand clients at one session.

The time is from before the append (in the agent's process) to the handler's first line. A peer's server looks at a file every 500 ms, or
reads what its workers print; both with our Socket.IO server around them, and the same client.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from statistics import median
from typing import Any

import anyio
import socketio  # type: ignore[import-untyped]

from bench.equipment.appender import appenders, event
from bench.equipment.desks import short_folder
from bench.equipment.processes import cpu, pss
from bench.equipment.report import Row
from bench.equipment.timing import percentile
from bench.equipment.watchers import raise_limit, watchers
from bench.equipment.web import Serving, begun, web
from hotdesk.logs.sqlite import SqliteLogs

TITLE = "From an append in a worker to a Socket.IO client"

UVLOOP = True
AGENTS = 4
PERIOD = 0.02
"""Seconds between two events of an agent: a model that streams says more, and it is gathered."""
CLIENTS, CLIENT_PROCESSES = 1000, 4
CALM = 1.0
"""Seconds between two events of an agent before a thousand clients: what they get is a thousand times as much."""
POLLED, PIPED = "the log's file, looked at every 500 ms", "a pipe from the worker to the server"


async def run(quick: bool) -> list[Row]:
    raise_limit()
    count, clients, each = (20, 20, 2) if quick else (500, CLIENTS, 10)
    ours, polled, piped = list[float](), list[float](), list[float]()
    for _ in range(1 if quick else 2):
        ours += await _busy("hotdesk", count)
        if not quick:
            polled += await _busy("poll", count // 4)
            piped += await _piped(count)
    what = f"one client, {AGENTS} agents with {1 / PERIOD:.0f} events/s each"
    rows = []
    for found, peer, goals in ((polled, POLLED, (10.0, 40.0)), (piped, PIPED, (None, None))):
        middle, worst, whose = (median(found), percentile(found, 99), peer) if found else (None, None, None)
        rows.append(Row(f"{what}: median", median(ours), "ms", middle, whose, at_most=goals[0]))
        rows.append(Row(f"{what}: 99th percentile", percentile(ours, 99), "ms", worst, whose, at_most=goals[1]))
    return rows + await _crowd(clients, each, 0.1 if quick else CALM)


async def _busy(kind: str, count: int) -> list[float]:
    """Milliseconds of each event, with four agents in processes of their own."""
    with short_folder() as folder:
        async with await SqliteLogs(folder).create("s1") as log:
            await log.append(*begun())
            async with web(kind, folder) as served, appenders(log.folder, AGENTS, count, PERIOD) as agents:
                return await _heard(served, AGENTS * count, agents.go)


async def _piped(count: int) -> list[float]:
    """This process is the worker, and says as much as four."""
    with short_folder() as folder:
        async with web("pipe", folder) as served:

            async def feed() -> None:
                began = time.perf_counter()
                for number in range(AGENTS * count):
                    if (left := began + number * PERIOD / AGENTS - time.perf_counter()) > 0:
                        await anyio.sleep(left)
                    if served.process.stdin:
                        await served.process.stdin.send(event("a1", number).model_dump_json().encode() + b"\n")

            return await _heard(served, AGENTS * count, feed)


async def _heard(served: Serving, count: int, begin: Callable[[], Awaitable[None]]) -> list[float]:
    """Join, let it begin, and hear so many events."""
    took, complete = list[float](), anyio.Event()

    async def hear(said: Mapping[str, Any]) -> None:
        if "text" not in said:
            return
        now = time.perf_counter()
        took.append((now - float(said["text"].split(" ", 1)[0])) * 1000)
        if len(took) == count:
            complete.set()

    client = socketio.AsyncClient(reconnection=False)
    client.on("agent:reasoning", hear)
    await client.connect(served.url, transports=["websocket"])
    try:
        await client.call("session:join", {"session": "s1"})
        await begin()
        with anyio.fail_after(120):
            await complete.wait()
    finally:
        await client.disconnect()
    return took


async def _crowd(clients: int, each: int, period: float) -> list[Row]:
    """All at one session, the events spread over the agents' time."""
    with short_folder() as folder:
        async with await SqliteLogs(folder).create("s1") as log:
            await log.append(*begun())
            last = len(begun()) + AGENTS * each
            async with (
                web("hotdesk", folder) as served,
                appenders(log.folder, AGENTS, each, period, "spread") as agents,
                watchers(served.port, "s1", clients, min(CLIENT_PROCESSES, clients // 10), last) as crowd,
            ):
                used = cpu([served.process.pid])
                await agents.go()
                wrong, took = await crowd.complete()
                used = cpu([served.process.pid]) - used
                memory = pss([served.process.pid])
    milliseconds = [seconds * 1000 for seconds in took]
    lost = wrong + clients * AGENTS * each - len(took)
    rate = f"{clients:,} clients, {AGENTS / period:g} events/s"
    return [
        Row(f"{rate}: lost or out of order", lost, "events", at_most=0),
        Row(f"{rate}: median", median(milliseconds), "ms"),
        Row(f"{rate}: 99th percentile", percentile(milliseconds, 99), "ms", at_most=250),
        Row(f"{rate}: the server's time on the processor, each event to each client", used / len(took) * 1e6, "µs"),
        Row(f"{rate}: the server's memory", memory, "MiB"),
    ]
