"""The event log: appends from eight processes, the fold of a long log, and joining a long session.

Peers keep a list in a JSON file that is read, added to and written anew as a whole under a lock; and send what a client missed one event
after another. Here that is done with our events, our Socket.IO server and the same client.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median

import anyio
import anyio.to_thread
import socketio  # type: ignore[import-untyped]

from bench.equipment.appender import appenders
from bench.equipment.browser import LAST_LINE, browser_here
from bench.equipment.desks import short_folder
from bench.equipment.report import Row
from bench.equipment.web import Serving, begun, web
from hotdesk import events as ev
from hotdesk.logs.sqlite import SqliteLogs
from hotdesk.serve import pages
from hotdesk.whiteboard import fold_all

TITLE = "Appending to, folding, and joining the event log"

UVLOOP = True
WRITERS = 8
TODO = "a JSON file rewritten whole under a lock"
EACH = "one emit for each event"
VISITS = 7
SEEN = """
window.seen = new Promise((seen) => {
  const look = () => {
    const shown = document.querySelector("main")?.textContent.includes(%s);
    requestAnimationFrame(shown ? () => setTimeout(seen) : look);
  };
  look();
});
"""
"""Runs in the page before anything of it: `seen` is when the frame with the last line was painted. To ask from outside costs up to half a
second, since a locator that did not find what it waits for pauses longer each time."""


async def run(quick: bool) -> list[Row]:
    count, todo, folded, missed = (50, 10, 2_000, 500) if quick else (2_000, 150, 100_000, 10_000)
    return [*await _appends(quick, 2 if quick else WRITERS, count, todo), *await _folds(folded), *await _joins(quick, missed)]


async def _appends(quick: bool, writers: int, count: int, todo: int) -> list[Row]:
    ours, theirs = list[float](), list[float]()
    for _ in range(1 if quick else 3):
        ours.append(await _rate("log", writers, count))
        theirs.append(await _rate("todo", writers, todo))
    what = f"appends, {writers} processes, one event each time"
    return [Row(what, median(ours), "/s", median(theirs), f"{TODO}, {writers * todo} entries", at_least=5000)]


async def _rate(way: str, number: int, count: int) -> float:
    with short_folder() as folder:
        async with await SqliteLogs(folder).create("s1") as log:
            await log.append(*begun())
            async with appenders(log.folder, number, count, 0.0, way) as writers:
                await writers.go()
                seconds = await writers.ended()
            if way == "log" and await log.last() != len(begun()) + number * count:
                raise RuntimeError("events were lost")
    return number * count / seconds


def long_session(number: int) -> list[ev.Event]:
    """A session of so many events, as sessions are: mostly reasoning, then steps and what they cost."""
    events = begun()
    spending = ev.Spending(model="anthropic:claude-sonnet-5-5", input=9000, cached=8000, output=120, dollars=0.01)
    for index in range(number - len(events) - 1):
        step, where = index // 10, {"agent": "a1", "task": "t1", "step": index // 10}
        if index % 10 == 8:
            click = {"do": "left_click", "x": 200 + step % 800, "y": 300}
            says, timings = f"Clicking at {200 + step % 800}, 300", ev.Timings(think=900.0, act=0.4, settle=120.0, frame=4.0)
            actions, frame = (click,), f"{step:064x}"
            events.append(
                ev.AgentThinking.model_validate(
                    {**where, "says": says, "tool": "act", "actions": actions, "frame": frame, "timings": timings}
                )
            )
        elif index % 10 == 9:
            events.append(ev.AgentSpent.model_validate({**where, "spending": spending}))
        else:
            events.append(ev.AgentReasoning.model_validate({**where, "text": "The table is there; the next row goes below the last one. "}))
    return [*events, ev.AgentThinking(agent="a1", task="t1", step=number, says=LAST_LINE)]


@asynccontextmanager
async def _kept(number: int, sessions: int = 1) -> AsyncIterator[Path]:
    """So many sessions, each of so many events: s1, s2, …"""
    events = long_session(number)
    with short_folder() as folder:
        for name in range(1, sessions + 1):
            async with await SqliteLogs(folder).create(f"s{name}") as log:
                for start in range(0, number, 1000):
                    await log.append(*events[start : start + 1000])
        yield folder


async def _folds(number: int) -> list[Row]:
    async with _kept(number) as folder, await SqliteLogs(folder).open("s1") as log:
        began = time.perf_counter()
        events = await log.read()
        read = time.perf_counter() - began
        took = []
        for _ in range(3):
            began = time.perf_counter()
            board = fold_all(events)
            took.append(time.perf_counter() - began)
    if board.last != number:
        raise RuntimeError("not all was folded")
    return [
        Row(f"fold of {number:,} events", median(took), "s", at_most=1.0),
        Row(f"reading {number:,} events from the log, and the fold", median(took) + read, "s"),
    ]


async def _joins(quick: bool, number: int) -> list[Row]:
    cold, warm, each = list[float](), list[float](), list[float]()
    rows = []
    browser = not quick and pages() is not None and browser_here()
    async with _kept(number, 1 + 2 * VISITS if browser else 1) as folder, web("hotdesk", folder) as ours, web("each", folder) as peer:
        for _ in range(1 if quick else 7):
            cold.append(await _join(ours, number))
            async with _client(ours) as holding:
                await holding.call("session:join", {"session": "s1"}, timeout=60)
                warm.append(await _join(ours, number))
            each.append(await _join(peer, number))
        what = f"join of a session with {number:,} events: all are there"
        rows.append(Row(f"{what}, the first to look", median(cold) * 1000, "ms", median(each) * 1000, EACH))
        rows.append(Row(f"{what}, while somebody looks", median(warm) * 1000, "ms", median(each) * 1000, EACH))
        if browser:
            overview, log = await anyio.to_thread.run_sync(_visits, ours.url)
            rows.append(Row("in the browser: from navigation to the log's last line", median(overview), "s", at_most=0.5))
            rows.append(Row("in the browser: from navigation to the log's last line, in the agent's log", median(log), "s", at_most=0.5))
    return rows


def _visits(url: str) -> tuple[list[float], list[float]]:
    """Seconds from navigation until the last line is painted, in the overview and in the agent's log. The browser runs already, nothing of
    the page is in its cache, and nobody has looked at the session since the server began. Blocks."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    overview, log = list[float](), list[float]()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        for visit in range(VISITS):
            for took, name, view in ((overview, 2 + 2 * visit, ""), (log, 3 + 2 * visit, "?agent=a1")):
                page = browser.new_page(viewport={"width": 1400, "height": 900})
                page.add_init_script(SEEN % json.dumps(LAST_LINE))
                began = time.perf_counter()
                page.goto(f"{url}/session/s{name}/{view}", wait_until="commit")
                page.evaluate("() => seen")
                took.append(time.perf_counter() - began)
                page.close()
        browser.close()
    return overview, log


@asynccontextmanager
async def _client(served: Serving) -> AsyncIterator[socketio.AsyncClient]:
    client = socketio.AsyncClient(reconnection=False)
    await client.connect(served.url, transports=["websocket"])
    try:
        yield client
    finally:
        await client.disconnect()


async def _join(served: Serving, number: int) -> float:
    """Seconds from the client's word to its last event."""
    complete = anyio.Event()
    got = 0

    async def count(_: str, *__: object) -> None:
        nonlocal got
        got += 1
        if got == number:
            complete.set()

    async with _client(served) as client:
        client.on("*", count)
        began = time.perf_counter()
        answer = await client.call("session:join", {"session": "s1"}, timeout=60)
        if len(answer["events"]) == number:
            return time.perf_counter() - began
        with anyio.fail_after(60):
            await complete.wait()
        return time.perf_counter() - began
