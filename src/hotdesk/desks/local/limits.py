"""The memory limit of a desk, where there is no control group to set it: a watchdog in the worker.

It looks at the desk's processes every `EVERY` seconds and, while they use more than allowed, kills the largest of them that is not the
desk's own (the screen, the window manager, the helper). If those alone are too large, the desk is ended. It counts shared pages in
proportion (PSS), but looks that up only when the quick upper bound (RSS) is above the limit.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import anyio

from hotdesk.desks.local.sandbox import Sandbox
from hotdesk.desks.processes import Process, pids, processes_with_mount

EVERY = 2.0
_PAGE = os.sysconf("SC_PAGE_SIZE")


async def watch_memory(running: Sandbox, limit_mib: int, apart: frozenset[int]) -> None:
    """Run until cancelled. `apart` are the pids, seen from inside, that are not killed."""
    limit = limit_mib << 20
    while True:
        await anyio.sleep(EVERY)
        if sum(resident(running.proc).values()) > limit:
            await anyio.to_thread.run_sync(_enforce, running, limit, apart)


def resident(proc: str) -> dict[int, int]:
    """Pid → resident bytes, shared ones included, for the processes of one `/proc`."""
    found = {}
    with suppress(OSError):
        for pid in pids(proc):
            with suppress(OSError, IndexError):
                found[pid] = int(Path(proc, str(pid), "statm").read_text().split()[1]) * _PAGE
    return found


def proportional(proc: str) -> dict[int, int]:
    """Pid → bytes, shared ones in proportion."""
    found = {}
    for pid in resident(proc):
        with suppress(OSError):
            for line in Path(proc, str(pid), "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    found[pid] = int(line.split()[1]) << 10
    return found


def _enforce(running: Sandbox, limit: int, apart: frozenset[int]) -> None:
    used = proportional(running.proc)
    excess = sum(used.values()) - limit
    for pid in sorted(used, key=lambda pid: used[pid], reverse=True):
        if excess <= 0:
            return
        if pid not in apart and (process := _on_host(running, pid)):
            process.kill()
            excess -= used[pid]
    if excess > 0:
        running.place.processes["init"].kill()


def _on_host(running: Sandbox, pid: int) -> Process | None:
    """The process that the desk knows as `pid`."""
    for process in processes_with_mount(running.place.mark):
        with suppress(OSError):
            status = Path(f"/proc/{process.pid}/status").read_text()
            numbers = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[1:]
            if int(numbers[-1]) == pid:
                return process
    return None
