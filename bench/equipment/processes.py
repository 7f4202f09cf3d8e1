"""What processes use, by what the kernel says of them: memory with shared pages in proportion (PSS), and time on the processors."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

__all__ = ["MIB", "cpu", "named", "pss", "tree"]

MIB = 1 << 20
_TICKS = os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on: state, parent, …"""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def tree(*roots: int) -> list[int]:
    """These processes and all below them."""
    below: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError):
            below.setdefault(int(_stat(int(folder.name))[1]), []).append(int(folder.name))
    found = [pid for pid in roots if Path(f"/proc/{pid}").exists()]
    for pid in found:
        found += below.get(pid, [])
    return found


def pss(pids: Iterable[int]) -> float:
    """MiB of all together, pages shared with others counted in proportion."""
    kib = 0
    for pid in pids:
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            kib += next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
    return kib / 1024


def cpu(pids: Iterable[int], waited_for: bool = False) -> float:
    """Seconds on the processors so far; with `waited_for` those of children that have ended too."""
    ticks = 0
    for pid in pids:
        with suppress(OSError, IndexError):
            fields = _stat(pid)
            ticks += sum(map(int, fields[11 : 15 if waited_for else 13]))
    return ticks / _TICKS


def named(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""
