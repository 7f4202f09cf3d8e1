"""Whose a sandbox is: the process that opened it, written into its metadata, so that what a process left behind can be told by anybody on
the same machine.

A machine is its name and its boot: after a restart no process of before lives. A desk that another process has taken over says so in a file
of the run folder, since a sandbox's metadata cannot be changed.
"""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from hotdesk.desks.processes import Process


class Owner(NamedTuple):
    host: str
    boot: str
    pid: int
    started: int

    @classmethod
    def us(cls) -> Owner:
        return cls(socket.gethostname(), _boot(), *Process.of(os.getpid()))

    @classmethod
    def parse(cls, text: str) -> Owner | None:
        """None if it is none."""
        try:
            host, boot, pid, started = json.loads(text)
            return cls(str(host), str(boot), int(pid), int(started))
        except (ValueError, TypeError):
            return None

    def text(self) -> str:
        return json.dumps(list(self), separators=(",", ":"))

    @property
    def ours(self) -> bool:
        """Whether it ran on this very machine, so that we can tell whether it lives."""
        return self.host == socket.gethostname()

    @property
    def gone(self) -> bool:
        """Whether it is known to be gone: on this machine, before a restart or by its end."""
        return self.ours and (self.boot != _boot() or not Process(self.pid, self.started).alive)


def _boot() -> str:
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


class Adopted:
    """The sandboxes that were taken over, each a file with its new owner."""

    def __init__(self, run_dir: Path | None) -> None:
        self._folder = (run_dir or Path(f"/var/tmp/hotdesk-{os.geteuid()}")) / ".e2b"  # noqa: S108 (only says who owns what)

    def note(self, sandbox_id: str) -> None:
        with suppress(OSError):
            self._folder.mkdir(0o700, parents=True, exist_ok=True)
            (self._folder / sandbox_id).write_text(Owner.us().text())

    def owner(self, sandbox_id: str, first: str) -> Owner | None:
        """Who owns it now; `first` is the owner of its metadata."""
        with suppress(OSError, ValueError):
            if found := Owner.parse((self._folder / sandbox_id).read_text()):
                return found
        return Owner.parse(first)

    def forget(self, sandbox_id: str) -> None:
        with suppress(OSError):
            (self._folder / sandbox_id).unlink()
