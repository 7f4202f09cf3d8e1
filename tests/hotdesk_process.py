"""Hotdesk as a person starts it: a real `hotdesk serve` in a process of its own, with its own data, run folder and port."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

START = 30.0
"""Seconds a server may take to listen."""
STOP = 30.0
"""Seconds a server may take to end."""


@dataclass
class Served:
    process: subprocess.Popen[str]
    address: str
    data: Path
    run_dir: Path
    output: list[str]

    @property
    def http(self) -> httpx.Client:
        return httpx.Client(base_url=self.address, timeout=20)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP)


def environment(data: Path, run_dir: Path, desks: str, **more: str) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("HOTDESK_") and not name.endswith("_API_KEY")}
    return plain | {
        "HOTDESK_DATA_DIR": str(data),
        "HOTDESK_RUN_DIR": str(run_dir),
        "HOTDESK_DESKS": desks,
        "HOTDESK_INTERNET": "none",
        "HOTDESK_WARM": "0",
        "HOTDESK_REHEARSAL_PACE": "0",
        "NO_COLOR": "1",
        **more,
    }


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder with a short path: the desks' sockets live in it. Searchable, since desks of root have user ids of their own."""
    with tempfile.TemporaryDirectory(prefix="hd-", dir="/var/tmp") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@contextmanager
def served(data: Path, desks: str = "pretend", **more: str) -> Iterator[Served]:
    with short_folder() as short:
        run_dir = short / "r"
        process = subprocess.Popen(
            [sys.executable, "-m", "hotdesk", "serve", "--port", "0"],
            env=environment(data, run_dir, desks, **more),
            cwd=short,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            output: list[str] = []
            started = threading.Event()

            def read() -> None:
                assert process.stdout is not None
                for line in process.stdout:
                    output.append(line)
                    if "Hotdesk is at" in line:
                        started.set()
                started.set()

            threading.Thread(target=read, daemon=True).start()
            assert started.wait(START) and process.poll() is None, "".join(output)
            found = re.search(r"http://\S+?:\d+", "".join(output))
            assert found is not None, "".join(output)
            yield Served(process, found[0], data, run_dir, output)
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(STOP)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def processes_with(text: str) -> dict[int, str]:
    """Processes that have `text` on their command line or in their environment, or that hold it open: pid → command line."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        if pid == os.getpid():
            continue
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            surroundings = (folder / "environ").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if text in line or text in surroundings:
            found[pid] = line
    return found


def gone(pids: list[int]) -> bool:
    return not any(Path(f"/proc/{pid}").exists() and "Z" not in state(pid) for pid in pids)


def state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "Z"


def descendants(pid: int) -> list[int]:
    """All processes below `pid`."""
    below: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, ValueError):
            continue
        below.setdefault(parent, []).append(int(folder.name))
    found, todo = [], [pid]
    while todo:
        children = below.get(todo.pop(), [])
        found += children
        todo += children
    return found


def wait_until(holds: object, bound: float = 30.0) -> None:
    """Wait for a condition of the outside world that nothing announces."""
    assert callable(holds)
    deadline = time.monotonic() + bound
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)
