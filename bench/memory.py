"""Memory of an idle desk, of 50 at once, and of workers; pages that several processes share are counted once (PSS)."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median

import anyio

from bench.equipment.desks import OFFLINE, Peers, desks_here, place_of, short_folder
from bench.equipment.processes import named, pss, tree
from bench.equipment.report import Row
from bench.equipment.xfce import PROGRAMS, xfce
from hotdesk.desks.base import DeskOptions
from hotdesk.desks.local.place import RunDir
from hotdesk.engines.local import LocalEngine

TITLE = "Memory of idle desks and of workers (PSS)"

ONE, MANY, WORKER = 45.0, 25.0, 60.0
REST = 3.0
"""Seconds after opening before memory is looked at: what was started has come to rest."""
XFCE = "Xvfb + x11vnc + XFCE + noVNC"


async def run(quick: bool) -> list[Row]:
    peers, rest = Peers(quick), 0.3 if quick else REST
    many, workers = (2, 1) if quick else (50, 4)
    peer = await _of_xfce(1 if quick else 3, rest) if peers.have(*PROGRAMS) else None
    peer_is = XFCE if peer else None
    rows: list[Row] = []
    async with desks_here() as (desks, run_dir):
        full = next((finding.ok for finding in await desks.check() if "full internet" in finding.what), False)
        for what, options in (("no internet", OFFLINE), ("full internet, the default", DeskOptions())):
            if options.internet == "full" and not full:
                continue
            async with desks.open("one", options):
                await anyio.sleep(rest)
                rows.append(Row(f"one desk, {what}", pss(desk_processes(run_dir, "one")), "MiB", peer, peer_is, at_most=ONE))
            async with AsyncExitStack() as stack:
                for number in range(many):
                    await stack.enter_async_context(desks.open(f"m{number}", options))
                await anyio.sleep(rest)
                all_of_them = [pid for number in range(many) for pid in desk_processes(run_dir, f"m{number}")]
                rows.append(Row(f"{many} desks, each, {what}", pss(all_of_them) / many, "MiB", peer, peer_is, at_most=MANY))
    return [*rows, *await _of_workers(workers, rest)]


def desk_processes(run_dir: RunDir, desk_id: str) -> list[int]:
    """All processes of a desk: the sandbox, its network, and everything inside."""
    return tree(place_of(run_dir, desk_id).processes["start"].pid)


async def _of_xfce(count: int, rest: float) -> float:
    async with AsyncExitStack() as stack:
        desktops = [await stack.enter_async_context(xfce()) for _ in range(count)]
        await anyio.sleep(rest)
        return pss(pid for desktop in desktops for pid in desktop.processes()) / count


@asynccontextmanager
async def _warm_engine(folder: Path, workers: int) -> AsyncIterator[LocalEngine]:
    """Workers at pretend desks, ready for a session, with the rehearsal's brain; settings and keys of nobody."""
    settings = {
        "HOTDESK_DESKS": "pretend",
        "HOTDESK_BRAIN": "rehearsal",
        "HOTDESK_RUN_DIR": str(folder / "r"),
        "HOTDESK_DATA_DIR": str(folder / "d"),
    }
    async with LocalEngine(settings, workers, "pretend") as engine:
        with anyio.fail_after(60):
            while engine.warm < workers:  # noqa: ASYNC110 (nothing announces it)
                await anyio.sleep(0.05)
        yield engine


async def _of_workers(count: int, rest: float) -> list[Row]:
    """Workers ready for an assignment, their desks in no process of their own: pretend ones."""
    with short_folder() as folder:
        async with _warm_engine(folder, count):
            await anyio.sleep(rest)
            ours = [pid for pid in tree(os.getpid()) if "hotdesk.worker" in _command(pid)]
            nursery = [pid for pid in ours if "nursery" in _command(pid)]
            workers = [pid for pid in ours if pid not in nursery]
            if len(workers) != count:
                raise RuntimeError(f"{len(workers)} workers, not {count}: {[named(pid) for pid in ours]}")
            whole = pss(ours)
            each = median(pss([pid]) for pid in workers)
    return [
        Row(f"a worker of {count}, with its part of what they were forked from", whole / count, "MiB", at_most=WORKER),
        Row("a worker by itself (shared pages in proportion)", each, "MiB"),
    ]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""
