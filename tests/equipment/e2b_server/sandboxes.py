"""The sandboxes: one bubblewrapped tree of processes each, with namespaces, a home and a network of its own.

`Fleet` makes them, ends them when their time is over, and on closing ends all of them. A sandbox is ended by killing the first process of
its pid namespace, which takes every other with it, and waiting for that. If this process is killed instead, they die too: bubblewrap dies
with the thread that started it, `envd` inside ends everything when its socket is hung up, and a `Minder` ends what was only just starting.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import string
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from tests.equipment.e2b_server import envd, wire

READY_BOUND = 20.0
"""Seconds for a sandbox to come up: it takes 0.1, or many times that on a busy machine."""
END_BOUND = 10.0
"""Seconds for the kernel to end every process of a sandbox: it takes milliseconds."""
DIAL_BOUND = 5.0
"""Seconds for a port inside to accept."""
UID = 58_731
"""The user that sandboxes run as when we are root: nobody else's, and not Hotdesk's desks'."""

_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/games"


class Gone(Exception):
    """The sandbox is not there any more."""


class PortClosed(Exception):
    """Nothing listens on that port of the sandbox."""


class QuotaReached(Exception):
    """As many sandboxes run as may."""


@dataclass(eq=False)
class Sandbox:
    """One sandbox, running or ended."""

    id: str
    template: str
    metadata: dict[str, str]
    envs: dict[str, str]
    token: str
    started: datetime
    ends: datetime
    ended: str | None = None
    """Why it has: `killed`, `expired`, `vanished`, `closed`."""
    pid: int = 0
    """Its first process, seen from here."""
    _tree: _Tree | None = field(default=None, repr=False)
    _alarm: asyncio.TimerHandle | None = field(default=None, repr=False)

    @property
    def running(self) -> bool:
        return self.ended is None and self._tree is not None

    @property
    def told(self) -> dict[str, Any]:
        """For the assertions of another process."""
        about: dict[str, Any] = {key: getattr(self, key) for key in ("id", "template", "metadata", "envs", "ended", "pid", "running")}
        return {**about, "started": self.started.isoformat(), "ends": self.ends.isoformat()}

    async def connect(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to a port inside. Raises `Gone` or `PortClosed`."""
        if not self.running or self._tree is None:
            raise Gone
        return await self._tree.connect(port)


class Minder:
    """A shell that outlives us for a second: if we are killed, it ends the sandboxes that were just starting, by a mark on their processes.

    They would not always end by themselves: killed in its first milliseconds, bubblewrap leaves a child that waits for it for ever.
    """

    def __init__(self) -> None:
        self.mark = f"mark-{secrets.token_hex(8)}"
        script = 'read -r nothing; for _ in 1 2 3 4 5; do pkill -KILL -f -- "$MARK"; sleep 0.2; done'
        environment = {"PATH": _PATH, "MARK": self.mark}
        self._shell = subprocess.Popen(["/bin/sh", "-c", script], env=environment, stdin=subprocess.PIPE, start_new_session=True)

    def close(self) -> None:
        assert self._shell.stdin
        self._shell.kill()
        self._shell.stdin.close()
        self._shell.wait()


@dataclass
class _Tree:
    """The processes of one sandbox."""

    process: subprocess.Popen[bytes]
    pid: int
    handle: int
    control: socket.socket

    async def connect(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        near, far = socket.socketpair()
        near.setblocking(False)
        with far:
            try:
                socket.send_fds(self.control, [str(port).encode()], [far.fileno()])
            except OSError:
                near.close()
                raise Gone from None
        if port != envd.PORT:
            with near:
                near = await _dialled(near)
        return await asyncio.open_connection(sock=near, limit=wire.LIMIT)

    async def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.handle, signal.SIGKILL)
        async with asyncio.timeout(END_BOUND):
            await _readable(self.handle)
            os.close(self.handle)
            self.control.close()
            await _reap(self.process)  # it ends with its child, which it has to bury itself


async def _dialled(near: socket.socket) -> socket.socket:
    try:
        async with asyncio.timeout(DIAL_BOUND):
            await _readable(near.fileno())
    except TimeoutError:
        raise PortClosed from None
    data, given, _, _ = socket.recv_fds(near, 1, 1)
    if not data:
        raise Gone
    if data != b"+":
        raise PortClosed
    connection = socket.socket(fileno=given[0])
    connection.setblocking(False)
    return connection


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)


async def _reap(process: subprocess.Popen[bytes]) -> None:
    handle = os.pidfd_open(process.pid)
    try:
        await _readable(handle)
    finally:
        os.close(handle)
    process.wait()


class Fleet:
    """All sandboxes of one server."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.all: dict[str, Sandbox] = {}
        self._minder = Minder()
        self._starting = 0
        self._work: set[asyncio.Task[Any]] = set()

    @property
    def running(self) -> list[Sandbox]:
        return [sandbox for sandbox in self.all.values() if sandbox.running]

    def find(self, sandbox_id: str) -> Sandbox | None:
        sandbox = self.all.get(sandbox_id)
        return sandbox if sandbox and sandbox.running else None

    async def create(self, template: str, metadata: dict[str, str], envs: dict[str, str], timeout: float) -> Sandbox:
        """Raises `QuotaReached`. Comes up also if whoever asked has left, as E2B's do."""
        if len(self.running) + self._starting >= self.most:
            raise QuotaReached
        name = "i" + "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(19))
        now = datetime.now(UTC)
        sandbox = Sandbox(name, template, metadata, envs, secrets.token_hex(16), now, now)
        self._starting += 1
        work = asyncio.ensure_future(self._start(sandbox, timeout))
        self._keep(work)
        await asyncio.shield(work)
        return sandbox

    async def _start(self, sandbox: Sandbox, timeout: float) -> None:
        try:
            sandbox._tree = await _start(sandbox.envs, self._minder.mark)
        finally:
            self._starting -= 1
        sandbox.pid = sandbox._tree.pid
        self.all[sandbox.id] = sandbox
        self.set_timeout(sandbox, timeout)

    def set_timeout(self, sandbox: Sandbox, seconds: float) -> None:
        if sandbox._alarm:
            sandbox._alarm.cancel()
        sandbox.ends = datetime.now(UTC) + timedelta(seconds=seconds)
        sandbox._alarm = asyncio.get_running_loop().call_later(
            seconds, lambda: self._keep(asyncio.ensure_future(self.end(sandbox, "expired")))
        )

    async def end(self, sandbox: Sandbox, why: str) -> None:
        """End its processes; from now on it is not known any more."""
        if sandbox.ended is not None or sandbox._tree is None:
            return
        sandbox.ended = why
        if sandbox._alarm:
            sandbox._alarm.cancel()
        await asyncio.shield(self._keep(asyncio.ensure_future(sandbox._tree.end())))

    def _keep(self, work: asyncio.Task[Any] | asyncio.Future[Any]) -> asyncio.Task[Any]:
        assert isinstance(work, asyncio.Task)
        self._work.add(work)
        work.add_done_callback(self._work.discard)
        return work

    async def close(self) -> None:
        """End them all, also those that are just coming up."""
        try:
            await asyncio.gather(*self._work, return_exceptions=True)
            await asyncio.gather(*(self.end(sandbox, "closed") for sandbox in self.all.values()))
            await asyncio.gather(*self._work)
        finally:
            self._minder.close()


# Starting one -------------------------------------------------------------------------------------------------------------------------


async def _start(envs: Mapping[str, str], mark: str) -> _Tree:
    """Start the processes of a sandbox and wait until its envd answers. Not to be cancelled: it would lose them. Raises `RuntimeError`."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    with tempfile.TemporaryFile() as log:
        try:
            with theirs:
                process, status = _launch(envs, mark, theirs, log)
            return await _answering(process, status, ours)
        except OSError as error:  # TimeoutError and ProcessLookupError are
            ours.close()
            log.seek(0)
            raise RuntimeError(f"The sandbox did not come up. {log.read().decode(errors='replace')[-800:]}") from error


async def _answering(process: subprocess.Popen[bytes], status: int, control: socket.socket) -> _Tree:
    """The tree, once its envd answers."""
    try:
        pid, handle = await _first_process(status)
    except (TimeoutError, ProcessLookupError):
        process.kill()
        await _reap(process)
        raise
    tree = _Tree(process, pid, handle, control)
    try:
        async with asyncio.timeout(READY_BOUND):
            if await asyncio.get_running_loop().sock_recv(control, 64) != b"ready":
                raise ConnectionResetError
    except (TimeoutError, ConnectionError):
        await tree.end()
        raise
    return tree


def _launch(envs: Mapping[str, str], mark: str, control: socket.socket, log: IO[bytes]) -> tuple[subprocess.Popen[bytes], int]:
    """Start bubblewrap, from this very thread, with which it dies; the descriptor tells what it has started."""
    status, told = os.pipe()
    with contextlib.ExitStack() as failed, contextlib.ExitStack() as passed:
        failed.callback(os.close, status)
        passed.callback(os.close, told)
        given = {path: _memory(data, passed) for path, data in _files().items()}
        arguments = ["--json-status-fd", str(told), *_arguments(given, {**_environment(), **envs})]
        # By a descriptor, so that the list of processes inside is not full of them.
        arguments_given = _memory("".join(f"{argument}\0" for argument in arguments).encode(), passed)
        command = ["bwrap", "--args", str(arguments_given), "--", "/usr/bin/python3", "-I", "-S", "/opt/envd", str(control.fileno()), mark]
        as_user = ["setpriv", "--pdeathsig", "KILL"]
        if os.geteuid() == 0:
            as_user += [f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]
        process = subprocess.Popen(
            [*as_user, "--", *command],
            env={"PATH": f"{_PATH}:/usr/sbin:/sbin"},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[control.fileno(), told, arguments_given, *given.values()],
            start_new_session=True,
        )
        failed.pop_all()
    return process, status


async def _first_process(status: int) -> tuple[int, int]:
    """The first process of the sandbox's pid namespace. Killing bubblewrap without killing that could leave it running."""
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(status, "rb"))
    try:
        async with asyncio.timeout(READY_BOUND):
            while line := await reader.readline():
                if pid := json.loads(line).get("child-pid"):
                    return pid, os.pidfd_open(pid)
        raise ProcessLookupError
    finally:
        transport.close()


def _memory(data: bytes, until: contextlib.ExitStack) -> int:
    """A descriptor to read these bytes from."""
    handle = os.memfd_create("given")
    until.callback(os.close, handle)
    os.write(handle, data)
    os.lseek(handle, 0, os.SEEK_SET)
    return handle


def _files() -> dict[str, bytes]:
    here = Path(__file__).parent
    return {
        "/etc/passwd": f"root:x:0:0:root:/root:/bin/bash\nuser:x:1000:1000::{envd.HOME}:/bin/bash\n".encode(),
        "/etc/group": b"root:x:0:\nuser:x:1000:\n",
        "/etc/hosts": b"127.0.0.1 localhost\n127.0.1.1 e2b\n",
        "/var/lib/dbus/machine-id": secrets.token_hex(16).encode() + b"\n",
        "/opt/envd/__main__.py": (here / "envd.py").read_bytes(),
        "/opt/envd/tests/equipment/e2b_server/wire.py": (here / "wire.py").read_bytes(),
    }


def _environment() -> dict[str, str]:
    return {
        "HOME": envd.HOME,
        "USER": envd.USER,
        "LOGNAME": envd.USER,
        "SHELL": "/bin/bash",
        "PATH": _PATH,
        "LANG": "C.UTF-8",
        "XDG_RUNTIME_DIR": "/run/user/1000",
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path={envd.BUS}",
        "NO_AT_BRIDGE": "1",
        "E2B_SANDBOX": "true",
    }


def _arguments(given: Mapping[str, int], environment: Mapping[str, str]) -> list[str]:
    arguments = [
        *("--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
        *("--uid", "1000", "--gid", "1000", "--hostname", "e2b", "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"),
        *("--ro-bind", "/usr", "/usr", "--ro-bind", "/etc", "/etc"),
        *("--symlink", "usr/bin", "/bin", "--symlink", "usr/sbin", "/sbin"),
        *("--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64"),
        *("--ro-bind-try", "/var/cache/fontconfig", "/var/cache/fontconfig", "--dir", "/var/lib/xkb", "--dir", "/var/tmp"),
        *("--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--tmpfs", "/tmp", "--perms", "0700", "--tmpfs", "/run/user/1000"),
        *("--perms", "0755", "--tmpfs", envd.HOME, "--chdir", envd.HOME, "--symlink", "/usr/share/novnc", "/opt/noVNC"),
    ]
    # A screen that goes dark after some minutes is the machine's, not E2B's.
    dark = "/etc/xdg/autostart/xscreensaver.desktop"
    if Path(dark).exists():
        arguments += ["--ro-bind", "/dev/null", dark]
    for path, handle in given.items():
        arguments += ["--perms", "0644", "--ro-bind-data", str(handle), path]
    for name, value in environment.items():
        arguments += ["--setenv", name, value]
    return arguments
