"""The desktop that E2B's template starts, Xvfb with XFCE, x11vnc and noVNC, as its SDK starts it, in a sandbox of its own.

Inside runs `python -m bench.equipment.xfce`, which plays the SDK: it starts each
program by a shell, polls every half second as the SDK does, tells when each thing was there, and ends with its standard input. The sandbox
(bubblewrap) gives each a network, processes and a /tmp of its own, and ends them all with the benchmark.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread

from bench.equipment.processes import tree
from bench.equipment.report import CannotMeasure
from hotdesk.desks.x11.display import Display

__all__ = ["PROGRAMS", "Xfce", "xfce"]

PROGRAMS = ("Xvfb", "startxfce4", "xfce4-session", "xfwm4", "xfdesktop", "x11vnc", "websockify", "xdpyinfo", "netstat", "bwrap")
ROOT = Path(__file__).parents[2]
POLL = 0.5
"""Seconds between two looks of the SDK."""
BOUND = 60.0
SIZE = (1280, 800)
_NOVNC = "/usr/share/novnc"


@dataclass(frozen=True, slots=True)
class Xfce:
    """One open desktop. The times are seconds from the start of the sandbox."""

    pid: int
    opened: float
    """The SDK has started everything and hands the desktop over."""
    drawn: float
    """The window manager is up and the background is drawn too."""

    def processes(self) -> list[int]:
        """The desktop's, without the sandbox's own and the one that plays the SDK."""
        return [pid for pid in tree(self.pid) if not _is_ours(pid)]


def _is_ours(pid: int) -> bool:
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return True
    return b"bench.equipment.xfce" in line or line.startswith(b"bwrap")


@asynccontextmanager
async def xfce() -> AsyncIterator[Xfce]:
    """Open one. Raises `CannotMeasure` if it does not come up."""
    command = [
        *("bwrap", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--die-with-parent", "--new-session"),
        *("--dev-bind", "/", "/", "--proc", "/proc", "--tmpfs", "/tmp", "--tmpfs", "/run/user", "--dir", "/run/user/0"),
        *("--dir", "/tmp/home", "--dir", "/tmp/.X11-unix", "--clearenv", "--setenv", "PATH", "/usr/bin:/bin:/usr/sbin"),
        *("--setenv", "HOME", "/tmp/home", "--setenv", "LANG", "C.UTF-8", "--setenv", "XDG_RUNTIME_DIR", "/run/user/0"),
        *("--setenv", "PYTHONPATH", str(ROOT)),
        *("--", sys.executable, "-m", "bench.equipment.xfce"),
    ]
    process = await anyio.open_process(command, stderr=subprocess.DEVNULL)
    try:
        if process.stdout is None:
            raise RuntimeError("it has a standard output")
        said = b""
        with anyio.move_on_after(BOUND):
            while not said.endswith(b"\n"):
                said += await process.stdout.receive()
        try:
            times = json.loads(said)
        except ValueError:
            raise CannotMeasure(f"XFCE did not come up: {said.decode(errors='replace')}") from None
        yield Xfce(process.pid, **times)
    except anyio.EndOfStream:
        raise CannotMeasure("XFCE did not come up.") from None
    finally:
        with anyio.CancelScope(shield=True):
            _end(process.pid)
            await process.aclose()


def _end(pid: int) -> None:
    """Kill the sandbox and what it has begun inside, which does not always die with it when it has just begun."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        for each in reversed(tree(pid)):
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)


# Inside -------------------------------------------------------------------------------------------------------------------------------


def _shell(command: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "DISPLAY": ":0"}
    return subprocess.Popen(
        ["/bin/bash", "-l", "-c", command], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _polled(command: str) -> None:
    while _shell(command).wait():
        time.sleep(POLL)


def _until(holds: Callable[[], bool]) -> None:
    """For what the SDK does not wait for: looked for often, to be fair."""
    while not holds():
        time.sleep(0.02)


def _play() -> None:
    width, height = SIZE
    began = time.perf_counter()
    _shell(f"Xvfb :0 -ac -screen 0 {width}x{height}x24 -retro -dpi 96 -nolisten tcp -nolisten unix")
    _polled("xdpyinfo -display :0")
    display = _display()
    bare = _pixels(display)
    _shell("startxfce4" if shutil.which("dbus-launch") else "dbus-run-session -- startxfce4")
    _shell("x11vnc -display :0 -forever -wait 50 -shared -rfbport 5900 -nopw")
    _polled('netstat -tuln | grep ":5900 "')
    _shell(f"cd {_NOVNC}/utils && ./novnc_proxy --vnc localhost:5900 --listen 6080 --web {_NOVNC}")
    _polled('netstat -tuln | grep ":6080 "')
    _until(_rfb_answers)
    opened = time.perf_counter() - began
    _until(lambda: bool(display.property(display.root, "_NET_SUPPORTING_WM_CHECK")[1]))
    _until(lambda: _differs(bare, _pixels(display)))
    drawn = time.perf_counter() - began
    print(json.dumps({"opened": opened, "drawn": drawn}), flush=True)
    sys.stdin.read()


def _display() -> Display:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect("\0/tmp/.X11-unix/X0")
    return Display(connection, b"")


def _pixels(display: Display) -> bytes:
    """All of the screen (GetImage)."""
    return display.ask(struct.pack("<BBHIhhHHI", 73, 2, 0, display.root, 0, 0, *SIZE, 0xFFFFFFFF))[32:]


def _rfb_answers() -> bool:
    try:
        with socket.create_connection(("127.0.0.1", 5900), 5) as connection:
            return connection.recv(12).startswith(b"RFB ")
    except OSError:
        return False


def _differs(bare: bytes, now: bytes) -> bool:
    """Whether at least half of some pixels all over the screen are other than they were."""
    places = range(0, len(bare) - 4, len(bare) // 997 // 4 * 4)
    return sum(struct.unpack_from("<I", bare, at) != struct.unpack_from("<I", now, at) for at in places) > len(places) / 2


if __name__ == "__main__":
    _play()
