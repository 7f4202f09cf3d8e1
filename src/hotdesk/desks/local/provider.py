"""Local desks: opening, finding and ending them.

`open` starts the sandbox and, while its X server comes up, prepares what it will be given; it returns when the window manager manages the
screen. Everything of a desk lives inside the `async with`: its processes, the tasks that serve it, its folder. `view`, `destroy`, `list`
and `sweep` work on desks of any process of this user, by what their folders say.
"""

from __future__ import annotations

import builtins
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import ClassVar

import anyio
from anyio.abc import SocketStream, TaskGroup

from hotdesk.desks.base import Created, Desk, DeskOptions, Desks, Finding, ScreenStream
from hotdesk.desks.local import network
from hotdesk.desks.local.applications import BINARIES, ENVIRONMENT, etc_files
from hotdesk.desks.local.desk import LocalDesk
from hotdesk.desks.local.limits import resident, watch_memory
from hotdesk.desks.local.network import Resolve, serve_allow_list
from hotdesk.desks.local.place import RunDir
from hotdesk.desks.local.sandbox import DISPLAY_SOCKET, RFB_SOCKET, Sandbox, connect_inside, cookie, listen, sandbox
from hotdesk.desks.local.wallpaper import wallpaper
from hotdesk.desks.tasks import serving_tasks
from hotdesk.desks.x11.clipboard import Clipboard
from hotdesk.desks.x11.display import PROPERTY_CHANGES, PROPERTY_NOTIFY, Display
from hotdesk.desks.x11.hands import Hands
from hotdesk.desks.x11.keyboard import Keyboard
from hotdesk.desks.x11.screen import Screen
from hotdesk.desks.x11.settle import Settling
from hotdesk.errors import DeskGone, DeskUnavailable, MissingRequirement

READY_BOUND = 20.0
"""Seconds for the X server and the window manager to come up: they take 0.1."""

_PROGRAMS = {
    "bwrap": "bubblewrap",
    "Xvnc": "tigervnc-standalone-server",
    "openbox": "openbox",
    "tint2": "tint2",
    "dbus-daemon": "dbus",
    "setpriv": "util-linux",
    "/usr/bin/python3": "python3-minimal",
}
_ATOMS = (
    "_NET_SUPPORTING_WM_CHECK",
    "_NET_CLIENT_LIST",
    "_NET_WM_STRUT",
    "_NET_ACTIVE_WINDOW",
    "WM_CLASS",
    "WM_TRANSIENT_FOR",
    "_XROOTPMAP_ID",
    "ESETROOT_PMAP_ID",
)


class LocalDesks(Desks):
    """Sandboxed desktops on this machine. See the package's docstring."""

    name: ClassVar[str] = "local"

    def __init__(self, run_dir: Path | None = None, resolve: Resolve | None = None) -> None:
        """`resolve` looks up the names of an allow-list, for tests."""
        self._run_dir = RunDir(run_dir)
        self._resolve = resolve

    def open(self, desk_id: str, options: DeskOptions, created: Created | None = None) -> AbstractAsyncContextManager[Desk]:
        return self._open(desk_id, options, created)

    @asynccontextmanager
    async def _open(self, desk_id: str, options: DeskOptions, created: Created | None) -> AsyncIterator[Desk]:
        try:
            place = self._run_dir.claim(desk_id)
        except MissingRequirement as missing:
            raise DeskUnavailable(str(missing)) from missing
        try:
            if created:
                await created(str(place.folder))
            environment = dict(ENVIRONMENT)
            proxy: socket.socket | None = None
            if options.internet == "allow":
                proxy = listen(place.host, "net.sock")
                environment |= network.proxy_environment()
            async with sandbox(place, options, etc_files(), environment) as running, serving_tasks() as tasks:
                if proxy:
                    tasks.start_soon(serve_allow_list, proxy, options.allow, self._resolve)
                desk = await _furnish(desk_id, running, options, tasks)
                try:
                    yield desk
                finally:
                    desk.close()
        finally:
            shutil.rmtree(place.folder, ignore_errors=True)

    @asynccontextmanager
    async def _view(self, desk_id: str) -> AsyncIterator[ScreenStream]:
        place = self._run_dir.find(desk_id)
        if place is None or "helper" not in place.processes:
            raise DeskGone(f"There is no desk «{desk_id}».")
        connection = connect_inside(place.processes["helper"], RFB_SOCKET)
        connection.setblocking(False)
        stream = await SocketStream.from_socket(connection)
        async with stream:
            yield stream

    def view(self, desk_id: str) -> AbstractAsyncContextManager[ScreenStream]:
        return self._view(desk_id)

    async def destroy(self, desk_id: str) -> bool:
        await anyio.lowlevel.checkpoint()
        return self._run_dir.end(desk_id)

    async def list(self) -> list[str]:
        await anyio.lowlevel.checkpoint()
        return self._run_dir.ids()

    async def sweep(self) -> builtins.list[str]:
        self._run_dir.discard_unfinished()
        ended = []
        for desk_id in self._run_dir.ids():
            place = self._run_dir.find(desk_id)
            if (place is None or not place.owner.alive) and await self.destroy(desk_id):
                ended.append(desk_id)
        return ended

    async def check(self) -> builtins.list[Finding]:
        return await anyio.to_thread.run_sync(requirements, self._run_dir)


async def _furnish(desk_id: str, running: Sandbox, options: DeskOptions, tasks: TaskGroup) -> LocalDesk:
    """Wait for the screen to come up, put our things on it, and wait for the window manager."""
    background = wallpaper(options.size)
    try:
        with anyio.fail_after(READY_BOUND):
            bus = await _display_up(running)
            tasks.start_soon(_wake_for, bus, running)
            display = Display(running.connect(DISPLAY_SOCKET), cookie(running.place))
            managed = anyio.Event()
            display.handlers[PROPERTY_NOTIFY] = lambda _: managed.set()
            display.select_events(display.root, PROPERTY_CHANGES)
            display.intern(_ATOMS)
            tasks.start_soon(_pump, display, running)
            screen = Screen(display)
            screen.paint_background(background)
            clipboard = Clipboard(display)
            while True:
                managed = anyio.Event()  # before looking, so that nothing is missed
                if display.property(display.root, "_NET_SUPPORTING_WM_CHECK")[1]:
                    break
                await managed.wait()
    except (TimeoutError, DeskGone) as error:
        raise DeskUnavailable(f"The desk's screen did not come up. {running.last_words()}".strip()) from error
    apart = frozenset(resident(running.proc))
    tasks.start_soon(watch_memory, running, options.memory_mib, apart)
    tasks.start_soon(clipboard.run)
    settling = Settling(display, running.proc, apart)
    hands = Hands(display, Keyboard(display, clipboard, settling.pause), settling)
    settling.begin()  # the panel is still being drawn
    return LocalDesk(desk_id, running, display, screen, hands, settling)


async def _display_up(running: Sandbox) -> socket.socket:
    """Wait until the helper has said that the X server answers; the socket of the session bus, which it has sent along."""
    said, given = b"", list[int]()
    try:
        while b"display" not in said:
            await anyio.wait_readable(running.hello)
            more, fds, *_ = socket.recv_fds(running.hello, 64, 1)
            given += fds
            if not more:
                raise DeskGone("The desk ended while it was coming up.")
            said += more
        return socket.socket(fileno=given.pop(0))
    finally:
        for fd in given:
            os.close(fd)


async def _wake_for(bus: socket.socket, running: Sandbox) -> None:
    """Wake the helper when a program first connects to the session bus: it starts the daemon."""
    with bus:
        await anyio.wait_readable(bus)
        running.wake()


async def _pump(display: Display, running: Sandbox) -> None:
    """Handle the X server's events as they come, until it is gone."""
    try:
        while True:
            await anyio.wait_readable(display)
            display.pump()
    except (DeskGone, OSError, ValueError):
        running.ended.set()


def requirements(run_dir: RunDir) -> list[Finding]:
    """What local desks need and what of it is there."""
    found = []
    for program, package in _PROGRAMS.items():
        path = shutil.which(program)
        found.append(Finding(program, path is not None, path or "not found", f"apt install {package}"))
    for program in BINARIES:
        path = shutil.which(program)
        found.append(Finding(program, path is not None, path or "not found", f"apt install {program}", required=False))
    found.append(_user_namespaces())
    problem = network.tun_problem() if shutil.which("pasta") else "pasta is not installed"
    remedy = "apt install passt, make /dev/net/tun usable, or set HOTDESK_INTERNET=none"
    found.append(Finding("full internet for desks", not problem, problem or "pasta", remedy, required=False))
    try:
        if run_dir.path.exists():
            run_dir.prepare()
        found.append(Finding("folder for desks", True, str(run_dir.path)))
    except MissingRequirement as missing:
        found.append(Finding("folder for desks", False, missing.message, missing.remedy))
    return found


def _user_namespaces() -> Finding:
    remedy = (
        "Allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0)"
    )
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    command = [*user, "bwrap", "--unshare-user", "--unshare-pid", "--unshare-net", "--ro-bind", "/", "/", "--proc", "/proc", "true"]
    try:
        tried = subprocess.run(command, capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("user namespaces", False, str(error), remedy)
    said = tried.stderr.decode(errors="replace").strip()[-200:]
    return Finding("user namespaces", tried.returncode == 0, "allowed" if tried.returncode == 0 else said, remedy)
