"""Errands: what a desk is asked that is not its screen. Run a command, launch a program, read, write, list and probe files.

This runs inside the desk, in a program of its own (the helper of a local desk, the attendant of one in the cloud): standard library only,
nothing else of ours, any Python from 3.10. `listen` makes the socket and `accept` serves each request in a fork, so a request can neither
block nor break the others; `hotdesk.desks.asking` is the other end. What a request sends and gets is in `_serve`.
"""

# No pathlib here: it would double what a small program keeps in memory.
# ruff: noqa: PTH101, PTH103, PTH104, PTH108, PTH110, PTH111, PTH112, PTH116, PTH118, PTH120, PTH123, PTH208

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import stat
import struct
import time

TYPE_CHECKING = False

HOME = "/home/user"
KEEP = 1 << 20
"""How many of the last bytes of each output stream of a command are kept."""
MOST_ENTRIES = 5000
HEAD = 4096
"""How many bytes of a file `probe` returns, to tell text from data."""
PR_SET_CHILD_SUBREAPER = 36

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    Request = dict[str, Any]
    Answer = tuple[Any, ...]


class RefusedError(Exception):
    """The request is not possible; the text is a sentence for a person."""


def listen(path: str) -> socket.socket:
    """A socket at `path` (a name that begins with a zero byte is no file)."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen(64)
    return listening


def spawn(argv: list[str]) -> int:
    """Start a program of its own session with no input and no output. Raises `OSError`."""
    actions = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
    defaults = [signal.SIGCHLD, signal.SIGPIPE]
    return os.posix_spawnp(argv[0], argv, dict(os.environ), file_actions=actions, setsid=True, setsigdef=defaults)


def accept(requests: socket.socket, others: Sequence[socket.socket] = ()) -> None:
    """Take the next request and serve it in a fork, which holds neither `requests` nor `others`."""
    connection, _ = requests.accept()
    _fork(connection, (requests, *others))
    connection.close()


def _fork(connection: socket.socket, others: tuple[socket.socket, ...]) -> None:
    if os.fork():
        return
    for other in others:
        other.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        _serve(connection)
    except (OSError, EOFError):  # the asker hung up
        pass
    finally:
        os._exit(0)


def _serve(connection: socket.socket) -> None:
    """Both ways: four bytes of length, that much JSON, then the bytes the JSON announces (`bytes`, or `sizes` for several parts)."""
    (length,) = struct.unpack(">I", _receive(connection, 4))
    request = json.loads(_receive(connection, length))
    os.chdir(HOME)
    try:
        answer, *parts = ANSWERS[request["do"]](connection, request)
    except RefusedError as refused:
        answer, parts = {"refused": str(refused)}, []
    except OSError as error:
        answer, parts = {"refused": f"{request.get('path') or request.get('argv', [''])[0]}: {error.strerror}."}, []
    _reply(connection, answer, *parts)
    if request["do"] == "run" and "refused" not in answer:
        connection.close()
        _drain_for_background()


def _reply(connection: socket.socket, answer: Request, *parts: bytes) -> None:
    head = json.dumps({**answer, "sizes": [len(part) for part in parts]}).encode()
    connection.sendall(struct.pack(">I", len(head)) + head)
    for part in parts:
        connection.sendall(part)


def _receive(connection: socket.socket, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        chunk = connection.recv(min(length - len(data), 1 << 20))
        if not chunk:
            raise EOFError
        data += chunk
    return bytes(data)


# Commands ------------------------------------------------------------------------------------------------------------------------

_lingering: list[int] = []


def _run(connection: socket.socket, request: Request) -> Answer:
    """Run a shell command. Anything on the connection before the answer, its end included, kills the command and all it started."""
    deadline = time.monotonic() + request["timeout"]
    _adopt_orphans()
    streams: dict[int, bytearray] = {}
    actions: list[tuple[Any, ...]] = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)]
    for fd in (1, 2):
        read, write = os.pipe()
        streams[read] = bytearray()
        actions.append((os.POSIX_SPAWN_DUP2, write, fd))
        os.set_blocking(read, False)
    argv = ["/bin/bash", "-c", request["command"]]
    defaults = [signal.SIGPIPE, signal.SIGCHLD]
    shell = os.posix_spawn(argv[0], argv, dict(os.environ), file_actions=actions, setsid=True, setsigdef=defaults)
    for action in actions[1:]:
        os.close(action[1])
    ended = os.pidfd_open(shell)
    waiting = select.poll()
    for fd in (*streams, ended, connection.fileno()):
        waiting.register(fd, select.POLLIN)
    open_streams = set(streams)
    cut: set[int] = set()
    exit_code: int | None = None
    running = True
    while running:
        ready = waiting.poll(max(0.0, deadline - time.monotonic()) * 1000)
        if not ready:
            _kill_descendants()
            running = False
        for fd, _ in ready:
            if fd == connection.fileno():
                _kill_descendants()
                raise EOFError
            if fd == ended:
                exit_code = os.waitstatus_to_exitcode(os.waitpid(shell, 0)[1])
                running = False
            elif not _drain(fd, streams, cut):
                waiting.unregister(fd)
                open_streams.discard(fd)
    _lingering.extend(fd for fd in open_streams if _drain(fd, streams, cut))
    return ({"exit": exit_code, "truncated": bool(cut)}, *(bytes(kept[-KEEP:]) for kept in streams.values()))


def _drain(fd: int, streams: dict[int, bytearray], cut: set[int]) -> bool:
    """Read what is there; False at the end of the stream."""
    kept = streams[fd]
    for _ in range(64):  # a command that never stops writing must not keep us from noticing its end
        try:
            data = os.read(fd, 65536)
        except BlockingIOError:
            return True
        if not data:
            return False
        kept += data
        if len(kept) > 2 * KEEP:
            del kept[:-KEEP]
        if len(kept) > KEEP:
            cut.add(fd)
    return True


def _drain_for_background() -> None:
    """What the command left in the background may go on writing: read it to nowhere until the last writer is gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    waiting = select.poll()
    for fd in _lingering:
        waiting.register(fd, select.POLLIN)
    while _lingering:
        for fd, _ in waiting.poll():
            with contextlib.suppress(BlockingIOError):
                if not os.read(fd, 65536):
                    waiting.unregister(fd)
                    _lingering.remove(fd)


def _adopt_orphans() -> None:
    """Make this process the parent of every orphan below it, so that nothing a command starts can get away from it."""
    import ctypes  # noqa: PLC0415 (only this request needs it)

    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _kill_descendants() -> None:
    while victims := _descendants(os.getpid()):
        for victim in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _descendants(ancestor: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                children.setdefault(int(file.read().rpartition(b")")[2].split()[1]), []).append(int(name))
    found, unseen = [], [ancestor]
    while unseen:
        below = children.get(unseen.pop(), [])
        found += below
        unseen += below
    return found


def _launch(_: socket.socket, request: Request) -> Answer:
    try:
        return ({"pid": spawn(request["argv"])},)
    except FileNotFoundError:
        raise RefusedError(f"There is no program «{request['argv'][0]}» on this desk.") from None


# Files ---------------------------------------------------------------------------------------------------------------------------


def _path(request: Request) -> str:
    return os.path.normpath(os.path.join(HOME, os.path.expanduser(request["path"])))


def _read(_: socket.socket, request: Request) -> Answer:
    path = _path(request)
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(fd, "rb") as file:
        what = os.fstat(fd)
        if not stat.S_ISREG(what.st_mode):
            raise RefusedError(f"{path} is no file that can be read.")
        if what.st_size > request["most"]:
            raise RefusedError(f"{path} has {what.st_size} bytes, more than the {request['most']} asked for.")
        about = {"path": path, "bytes": what.st_size}
        if what.st_size > request.get("only", what.st_size):  # it is to be fetched in another way
            return (about, b"")
        return (about, file.read(request["most"]))


def _write(connection: socket.socket, request: Request) -> Answer:
    """Written beside its place and moved there when whole, so that no reader ever sees half of it."""
    path = os.path.realpath(_path(request))
    if os.path.isdir(path):
        raise RefusedError(f"{path} is a folder.")
    unfinished = f"{path}.{os.getpid()}.part"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(unfinished, "wb") as file:
            left = request["bytes"]
            while left:
                left -= file.write(_receive(connection, min(left, 1 << 20)))
        if os.path.exists(path):
            os.chmod(unfinished, stat.S_IMODE(os.stat(path).st_mode))
        os.rename(unfinished, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(unfinished)
        raise
    return ({},)


def _list(_: socket.socket, request: Request) -> Answer:
    entries: list[dict[str, Any]] = []
    _list_into(entries, _path(request), request["depth"])
    entries.sort(key=lambda entry: entry["path"])
    return ({}, json.dumps(entries[:MOST_ENTRIES]).encode())


def _list_into(entries: list[dict[str, Any]], folder: str, depth: int) -> None:
    for entry in os.scandir(folder):
        if len(entries) >= MOST_ENTRIES:
            return
        with contextlib.suppress(OSError):  # it may be gone by now
            what = entry.stat(follow_symlinks=False)
            is_folder = entry.is_dir(follow_symlinks=False)
            name, path = (text.encode(errors="surrogateescape").decode(errors="replace") for text in (entry.name, entry.path))
            entries.append({"name": name, "path": path, "is_folder": is_folder, "bytes": what.st_size, "modified": what.st_mtime})
            if is_folder and depth > 1 and not entry.name.startswith("."):
                _list_into(entries, entry.path, depth - 1)


def _probe(_: socket.socket, request: Request) -> Answer:
    """What a path is, and the first bytes of it, for choosing an application."""
    path = _path(request)
    if os.path.isdir(path):
        return ({"path": path, "is_folder": True}, b"")
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise RefusedError(f"{path} is neither a file nor a folder.")
        return ({"path": path, "is_folder": False}, file.read(HEAD))


ANSWERS = {"run": _run, "launch": _launch, "read": _read, "write": _write, "list": _list, "probe": _probe}
