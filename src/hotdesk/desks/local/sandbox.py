"""The sandbox of one desk: bubblewrap's arguments, its start, and its end.

`sandbox()` starts the desk's processes and yields once the helper inside has reported; leaving kills every one of them. They are started
from the event loop's own thread with an empty environment, and die with it: bubblewrap and pasta are told to die with their parent, and the
helper ends the desk when its connection to us is hung up.

What a process of the desk sees: Debian's `/usr` (without `/usr/local`), the few files of `/etc` that programs need, a home, `/tmp` and
`/dev/shm` in memory with a bound each, and nothing else of the host; no capability, no path of the host it could write to.
"""

from __future__ import annotations

import functools
import marshal
import os
import socket
import stat
import struct
import subprocess
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path

import anyio

from hotdesk.desks.base import HOME, DeskOptions
from hotdesk.desks.local import network, seccomp
from hotdesk.desks.local.place import END_BOUND, Place, end_processes
from hotdesk.desks.processes import Process, parent
from hotdesk.desks.tasks import serving_tasks
from hotdesk.errors import DeskGone, DeskUnavailable

HELLO_BOUND = 20.0
"""Seconds for the helper inside to report: it takes 0.05, or 5 on a machine that swaps."""
CONNECT_BOUND = 5.0
"""Seconds for a socket inside to accept."""
USER = 1000
"""The desk's user, seen from inside."""
DISPLAY_SOCKET = "/tmp/.X11-unix/X0"  # noqa: S108 (a path inside the desk)
RFB_SOCKET = "/run/desk/rfb.sock"
REQUEST_SOCKET = "/run/desk/inside.sock"

_MIB = 1 << 20
_HELPER = "etc/hotdesk/inside"
_PATH = "/usr/bin:/bin:/usr/sbin:/sbin"
_HOST_ETC = (
    *("alternatives", "ca-certificates.conf", "debian_version", "fonts", "gai.conf", "gtk-2.0", "host.conf", "inputrc", "ld.so.cache"),
    *("ld.so.conf", "ld.so.conf.d", "locale.alias", "localtime", "magic", "mailcap", "mime.types", "os-release", "pango"),
    *("protocols", "python3", "python3.11", "python3.12", "python3.13", "services", "ssl/certs", "ssl/openssl.cnf", "terminfo", "timezone"),
    *("X11/app-defaults", "dbus-1", "pki"),
)
# GnuTLS would make itself ready in a megabyte that nobody uses: RFB goes through a socket of the desk's own.
_XVNC = (
    "GNUTLS_NO_IMPLICIT_INIT=1 "
    "Xvnc :0 -geometry {width}x{height} -depth 24 -dpi 96 -desktop desk -auth /run/host/xauth -nolisten tcp -nolisten local"
    " -extension GLX -noreset -br -s 0 -dpms -rfbport -1 -rfbunixpath {rfb} -rfbunixmode 0600 -SecurityTypes None -AlwaysShared"
    " -AcceptSetDesktopSize=0 -UseBlacklist=0 -MaxCutText 16777216 -displayfd 1"
)


@dataclass(slots=True)
class Sandbox:
    """A running sandbox."""

    place: Place
    hello: socket.socket
    """The helper's connection; its end is the desk's."""
    ended: anyio.Event = field(default_factory=anyio.Event)
    log: deque[bytes] = field(default_factory=lambda: deque(maxlen=64))

    @property
    def helper(self) -> Process:
        return self.place.processes["helper"]

    @property
    def proc(self) -> str:
        """The desk's own `/proc`, which shows its processes and no others."""
        return f"/proc/{self.helper.pid}/root/proc"

    def connect(self, path: str) -> socket.socket:
        if path == REQUEST_SOCKET:
            self.wake()
        return connect_inside(self.helper, path)

    def wake(self) -> None:
        """See to it that the helper inside does not sleep, or soon no more."""
        with suppress(OSError):
            self.hello.send(b"wake\n")

    def last_words(self) -> str:
        """The end of what the desk's processes printed, for an error."""
        lines = b"".join(self.log).decode(errors="replace").strip().splitlines()
        return " ".join(line for line in lines if "to syslog" not in line)[-400:]


def connect_inside(helper: Process, path: str) -> socket.socket:
    """Connect to a unix socket in a desk, from any process. Raises `DeskGone`.

    A link at that path is not followed: the desk could point it at a socket of the host.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        handle = os.open(f"/proc/{helper.pid}/root{path}", os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if not helper.alive or not stat.S_ISSOCK(os.fstat(handle).st_mode):
                raise DeskGone("This desk is closed.")
            connection.settimeout(CONNECT_BOUND)
            connection.connect(f"/proc/self/fd/{handle}")
        finally:
            os.close(handle)
    except OSError as error:
        connection.close()
        raise DeskGone("This desk is closed.") from error
    except DeskGone:
        connection.close()
        raise
    return connection


@asynccontextmanager
async def sandbox(place: Place, options: DeskOptions, files: Mapping[str, bytes], environment: Mapping[str, str]) -> AsyncIterator[Sandbox]:
    """Run a desk. `files` are put below its `/etc`. Raises `DeskUnavailable` if it does not come up."""
    files = {**files, **_identity()}
    if options.internet == "full":
        files["resolv.conf"] = network.name_servers().encode()
    for path, data in files.items():
        target = place.etc / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    cookie_file = place.host / "xauth"
    cookie_file.write_bytes(_authority(os.urandom(16)))
    cookie_file.chmod(0o600)
    place.give(cookie_file)
    with listen(place.host, "hello.sock") as listener:
        command = _command(place, options, files, environment)
        out, log = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            process = subprocess.Popen(  # noqa: ASYNC220 (in this very thread: it dies with it)
                command, env={"PATH": _PATH}, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/"
            )
        except OSError as error:
            os.close(out)
            raise DeskUnavailable(f"{command[0]} cannot be started ({error.strerror}).") from error
        finally:
            os.close(log)
        running = Sandbox(place, listener)
        try:
            place.processes["start"] = Process.of(process.pid)
            place.save()
            async with serving_tasks() as tasks:
                tasks.start_soon(_note_end, process.pid, running)
                tasks.start_soon(_collect, out, running)
                running.hello = await _hello(listener, running)
                place.save()
                yield running
        finally:
            end_processes(place)
            with suppress(subprocess.TimeoutExpired):
                process.wait(END_BOUND)
            os.close(out)
            if running.hello is not listener:
                running.hello.close()


def listen(folder: Path, name: str) -> socket.socket:
    """A socket that listens in a folder, however long the folder's path is."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    handle = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        listening.bind(f"/proc/self/fd/{handle}/{name}")
        (folder / name).chmod(0o666)  # the folder itself is the desk's alone
        listening.listen(128)
    finally:
        os.close(handle)
    return listening


def cookie(place: Place) -> bytes:
    """The secret that the desk's X server asks for."""
    return (place.host / "xauth").read_bytes()[-16:]


async def _hello(listener: socket.socket, running: Sandbox) -> socket.socket:
    """Wait for the helper; it tells by connecting which process of the host it is."""
    with anyio.move_on_after(HELLO_BOUND):
        async with anyio.create_task_group() as either:

            async def give_up() -> None:
                await running.ended.wait()
                either.cancel_scope.cancel()

            either.start_soon(give_up)
            await anyio.wait_readable(listener)
            either.cancel_scope.cancel()
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        await anyio.lowlevel.checkpoint()
        raise DeskUnavailable(f"The desk's sandbox did not come up. {_remedy(running.last_words())}") from None
    connection.setblocking(False)
    pid, _, _ = struct.unpack("iII", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    with suppress(ProcessLookupError):
        running.place.processes["helper"] = Process.of(pid)
        running.place.processes["init"] = Process.of(parent(parent(pid)))
        return connection
    connection.close()
    raise DeskUnavailable("The desk's sandbox ended while it was coming up.")


def _remedy(words: str) -> str:
    if "setting up uid map" in words or "No permissions to create" in words or "creating new namespace" in words.lower():
        return f"This machine does not allow user namespaces ({words}). Allow them, or use E2B desks."
    if "external interface" in words or "routable interface" in words:
        return f"This machine has no network to share ({words}). Set HOTDESK_INTERNET=none."
    return words


async def _note_end(pid: int, running: Sandbox) -> None:
    handle = os.pidfd_open(pid)
    try:
        await anyio.wait_readable(handle)
        running.ended.set()
    finally:
        os.close(handle)


async def _collect(out: int, running: Sandbox) -> None:
    """Read what the processes print, keeping only the end of it."""
    while True:
        await anyio.wait_readable(out)
        data = os.read(out, 4096)
        if not data:
            return
        running.log.append(data)


# The command line ----------------------------------------------------------------------------------------------------------------


def _command(place: Place, options: DeskOptions, files: Mapping[str, bytes], environment: Mapping[str, str]) -> list[str]:
    """The command that becomes the desk. Bubblewrap gets its arguments by descriptors, so that no list of processes shows them, and by
    files, because a newer pasta closes every descriptor it does not know."""
    (place.launch / "args").write_bytes(b"".join(argument.encode() + b"\0" for argument in _arguments(place, options, files, environment)))
    filtered = ""
    if (program := seccomp.program()) is not None:
        (place.launch / "seccomp").write_bytes(program)
        filtered = '--seccomp 4 4<"$0/seccomp"'
    start = f'exec bwrap --args 3 {filtered} -- /bin/sh -c "$1" 3<"$0/args"'
    command = ["sh", "-c", start, str(place.launch), _init(options)]
    as_user = ["setpriv", "--pdeathsig", "KILL"]
    if os.geteuid() == 0:
        user = [f"--reuid={place.uid}", f"--regid={place.uid}", "--clear-groups"]
        as_user = [*as_user, *user, "--inh-caps=-all", "--bounding-set=-all"]
    if options.internet != "full":
        return [*as_user, "--", *command]
    command = [*as_user, "--", *network.pasta_command(place), *command]
    if tun := network.tun_for_others(place):
        return ["unshare", "--mount", "--", "sh", "-c", 'mount --bind "$0" /dev/net/tun && exec "$@"', str(tun), *command]
    return command


def _init(options: DeskOptions) -> str:
    """The first command inside: limits, the X server, and the helper, which reads from it when it is ready."""
    start = f'import sys; sys.path.append("/{_HELPER}"); import inside; inside.run()'
    xvnc = _XVNC.format(width=options.size.width, height=options.size.height, rfb=RFB_SOCKET)
    return (
        f"ulimit -c 0; ulimit -n 8192; ulimit -p {options.processes}; "
        f"{xvnc} 2>/run/desk/xvnc.log </dev/null | exec /usr/bin/python3 -I -S -c '{start}'"
    )


def _arguments(place: Place, options: DeskOptions, files: Mapping[str, bytes], environment: Mapping[str, str]) -> list[str]:
    quota = options.disk_mib * _MIB
    scratch = max(quota // 4, 64 * _MIB)
    arguments = [
        *("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
        *([] if options.internet == "full" else ["--unshare-net"]),
        *("--uid", str(USER), "--gid", str(USER), "--hostname", "desk"),
        *("--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"),
        *("--ro-bind", "/usr", "/usr", "--tmpfs", "/usr/local"),
        *(
            "--symlink",
            "usr/bin",
            "/bin",
            "--symlink",
            "usr/sbin",
            "/sbin",
            "--symlink",
            "usr/lib",
            "/lib",
            "--symlink",
            "usr/lib64",
            "/lib64",
        ),
    ]
    ours = sorted({path.split("/")[0] for path in files})
    for name in _HOST_ETC:
        if name not in ours:
            arguments += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for name in ours:
        arguments += ["--ro-bind", str(place.etc / name), f"/etc/{name}"]
    arguments += [
        *("--ro-bind-try", "/var/cache/fontconfig", "/var/cache/fontconfig", "--dir", "/var/lib/xkb", "--dir", "/var/tmp"),  # noqa: S108
        *("--proc", "/proc", "--dev", "/dev", "--size", str(scratch), "--perms", "1777", "--tmpfs", "/dev/shm"),  # noqa: S108
        *("--size", str(scratch), "--perms", "1777", "--tmpfs", "/tmp", "--perms", "1777", "--dir", "/tmp/.X11-unix"),  # noqa: S108
        *("--ro-bind", str(place.host), "/run/host", "--size", str(8 * _MIB), "--perms", "0700", "--tmpfs", "/run/desk"),
        *("--size", str(64 * _MIB), "--perms", "0700", "--tmpfs", f"/run/user/{USER}"),
        *("--size", str(quota), "--perms", "0755", "--tmpfs", HOME, "--chdir", HOME),
    ]
    for name, value in {**_environment(), **environment}.items():
        arguments += ["--setenv", name, value]
    return [*arguments, "--remount-ro", "/usr/local", "--remount-ro", "/dev", "--remount-ro", "/"]


def _environment() -> dict[str, str]:
    return {
        "HOME": HOME,
        "USER": "user",
        "LOGNAME": "user",
        "SHELL": "/bin/bash",
        "PATH": f"{HOME}/.local/bin:/usr/bin:/bin:/usr/games",
        "LANG": "C.UTF-8",
        "DISPLAY": ":0",
        "XAUTHORITY": "/run/host/xauth",
        "XDG_RUNTIME_DIR": f"/run/user/{USER}",
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path=/run/user/{USER}/bus",
        "TMPDIR": "/tmp",  # noqa: S108
    }


def _identity() -> dict[str, bytes]:
    """Who is who on the desk: nobody of the host."""
    return {
        "passwd": f"root:x:0:0:root:/:/usr/sbin/nologin\nuser:x:{USER}:{USER}:User:{HOME}:/bin/bash\n"
        "nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n".encode(),
        "group": f"root:x:0:\nuser:x:{USER}:\nnogroup:x:65534:\n".encode(),
        "hosts": b"127.0.0.1 localhost desk\n::1 localhost\n",
        "hostname": b"desk\n",
        "nsswitch.conf": b"passwd: files\ngroup: files\nhosts: files dns\n",
        "machine-id": os.urandom(16).hex().encode() + b"\n",
        **{f"hotdesk/inside/{path}": content for path, content in _helper().items()},
    }


@functools.cache
def _helper() -> dict[str, bytes]:
    """The helper inside as a folder that Python imports from, with what it uses of ours.

    Each module is there compiled, too, for Python as it is here: one of the same version in the desk need not compile it, which would take
    8 ms and a megabyte for as long as the desk lives; any other compiles the source.
    """
    here = Path(__file__).parent
    files = {"hotdesk/__init__.py": b"", "hotdesk/desks/__init__.py": b""}
    for path, source in (("inside.py", here / "inside.py"), ("hotdesk/desks/errands.py", here.parent / "errands.py")):
        files[path] = source.read_bytes()
        code = compile(files[path], f"/{_HELPER}/{path}", "exec", optimize=2, dont_inherit=True)
        as_it_is = struct.pack("<I8x", 1)  # not to be compared with the source
        files[cache_from_source(path, optimization="")] = MAGIC_NUMBER + as_it_is + marshal.dumps(code)
    return files


def _authority(secret: bytes) -> bytes:
    """An Xauthority file with one entry for any display."""
    parts = (b"", b"", b"MIT-MAGIC-COOKIE-1", secret)
    return struct.pack(">H", 0xFFFF) + b"".join(struct.pack(">H", len(part)) + part for part in parts)
