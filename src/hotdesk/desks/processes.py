"""Processes of this machine by an identity that a recycled number cannot fake: the pid together with its start time.

Everything that another process must be able to find or end later (a desk's owner, the desk itself) is written down as a `Process`.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")


class Process(NamedTuple):
    pid: int
    started: int
    """Clock ticks after boot, as field 22 of `/proc/PID/stat` has it."""

    @classmethod
    def of(cls, pid: int) -> Process:
        """Raises `ProcessLookupError` if there is none."""
        fields = _stat(pid)
        return cls(pid, int(fields[19]))

    @property
    def alive(self) -> bool:
        """Whether it still runs; a process that ended and is not yet reaped does not."""
        try:
            fields = _stat(self.pid)
        except ProcessLookupError:
            return False
        return int(fields[19]) == self.started and fields[0] not in "ZX"

    def kill(self) -> None:
        """Send SIGKILL to this very process; nothing if it is gone."""
        with contextlib.suppress(ProcessLookupError):
            handle = os.pidfd_open(self.pid)
            try:
                if self.alive:
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
            finally:
                os.close(handle)


def _stat(pid: int) -> list[str]:
    """The fields of `/proc/PID/stat` after the name."""
    try:
        return (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        raise ProcessLookupError(pid) from None


def parent(pid: int) -> int:
    return int(_stat(pid)[1])


def pids(proc: str | int = "/proc") -> list[int]:
    """The processes that a `/proc` (a path, or an open folder) shows."""
    return [int(name) for name in os.listdir(proc) if name.isdigit()]  # noqa: PTH208 (the folder may be open)


def processes_with_mount(mark: str) -> Iterator[Process]:
    """Every process in whose mount table `mark` occurs: what a desk consists of, without knowing any of its pids."""
    for pid in pids():
        with contextlib.suppress(OSError):
            process = Process.of(pid)
            if mark in (_PROC / str(pid) / "mountinfo").read_text(errors="replace"):
                yield process


def wait_for_end(processes: Iterable[Process], bound: float) -> bool:
    """Wait until all have ended; False if some have not within `bound` seconds. Blocks: for the few milliseconds that a kill takes."""
    deadline = time.monotonic() + bound
    for process in processes:
        try:
            handle = os.pidfd_open(process.pid)
        except ProcessLookupError:
            continue
        try:
            ended = select.poll()
            ended.register(handle, select.POLLIN)
            while process.alive:
                left = deadline - time.monotonic()
                if left <= 0 or not ended.poll(left * 1000):
                    return False
        finally:
            os.close(handle)
    return True


def processes_holding(folder: Path) -> Iterator[Process]:
    """Processes with a file below `folder` open: a sandbox that was cut off before it had mounted anything is known by nothing else."""
    below = f"{folder}/"
    for pid in pids():
        with contextlib.suppress(OSError):
            if any(str(link.readlink()).startswith(below) for link in (_PROC / str(pid) / "fd").iterdir()):
                yield Process.of(pid)
