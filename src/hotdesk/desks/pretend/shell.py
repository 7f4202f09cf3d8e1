"""Commands on a pretend desk: run for real, in a private temporary folder that holds the desk's files while they run.

This is no sandbox. The command runs as this process's user and can do all that user can; only its environment is empty but for `HOME`,
`PATH` and `LANG`, and only its files are kept apart. It is for tests and for rehearsals without a model.

The desk's files are laid into the folder, the command runs there, and what it changed is taken back, also when it was killed or
cancelled. `/home/user` in the command means that folder, and the folder's real path means `/home/user` in the output and in text files.
Whatever the command left running is killed when it ends. Symbolic links, named pipes and sockets are not kept; a link to a file of the desk
becomes a copy of it.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.abc
import anyio.to_thread

from hotdesk.desks.base import HOME, Ran
from hotdesk.desks.pretend.files import Files, Node
from hotdesk.errors import DeskGone, DeskRefused

__all__ = ["discard", "kill_left", "run"]

MOST_OUTPUT = 1 << 20
"""Bytes of each output that are kept, the last ones."""
MOST_FILE = 256 << 20
"""Bytes of the largest file that is taken back from a command: more would only fill the memory."""
DRAIN = 2.0
"""Seconds to read what is left in the pipes once everything the command started has been killed; they are then at their end."""
BURIAL = 2.5
"""Seconds for init to reap the children of a command whose time was up: at once on most machines, every two seconds on some."""
ROUNDS = 20
"""Looks for processes a command left: each kills what it finds, and one that forks quickly needs several."""

_HOME = re.compile(re.escape(HOME) + r"(?![\w-])")

Stamp = tuple[int, int, int, int]


@dataclass(slots=True)
class _Laid:
    """A folder holding a desk's files, and how each looked when it was laid there."""

    home: Path
    nodes: Mapping[str, Node]
    stamps: dict[str, Stamp]


async def run(files: Files, command: str, timeout: float, folder: Path) -> Ran:
    """Run `command` on `files`; its temporary folder is made in `folder`. Raises `DeskRefused` if the system cannot start it."""
    if "\0" in command:
        raise DeskRefused("A command cannot have a NUL in it.")
    laid = await anyio.to_thread.run_sync(_lay, files.snapshot(), folder)
    try:
        code, stdout, stderr = await _execute(_HOME.sub(str(laid.home), command), timeout, laid.home)
    finally:
        with anyio.CancelScope(shield=True):
            changed, removed = await anyio.to_thread.run_sync(_take_back, laid)
            files.apply(changed, removed)
    return Ran(code, _text(stdout, laid.home), _text(stderr, laid.home), max(len(stdout), len(stderr)) > MOST_OUTPUT)


def _text(output: bytearray, home: Path) -> str:
    return output[-MOST_OUTPUT:].decode("utf-8", "replace").replace(str(home), HOME)


async def _execute(command: str, timeout: float, home: Path) -> tuple[int | None, bytearray, bytearray]:
    environment = {"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
    stdout, stderr = bytearray(), bytearray()
    try:
        with anyio.CancelScope(shield=True):  # a start that is cut short would leave a process nobody knows
            process = await anyio.open_process(
                ["/bin/sh", "-c", command], cwd=home, env=environment, stdin=subprocess.DEVNULL, start_new_session=True
            )
    except OSError as error:
        raise DeskRefused(f"The command could not be run: {error.strerror}.") from error
    assert process.stdout is not None  # noqa: S101 - open_process gives pipes unless told otherwise
    assert process.stderr is not None  # noqa: S101
    try:
        async with anyio.create_task_group() as readers:
            readers.start_soon(_read, process.stdout, stdout)
            readers.start_soon(_read, process.stderr, stderr)
            try:
                with anyio.move_on_after(timeout) as timer:
                    await _exited(process.pid)
            finally:
                with anyio.CancelScope(shield=True):
                    killed = await anyio.to_thread.run_sync(kill_left, home)
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
            readers.cancel_scope.deadline = anyio.current_time() + DRAIN
    finally:
        with anyio.CancelScope(shield=True):
            await process.aclose()
    if timer.cancelled_caught:
        await _buried(killed)
    return (None if timer.cancelled_caught else process.returncode), stdout, stderr


async def _exited(pid: int) -> None:
    """Wait for the process alone: the event loop's own wait can also wait for its pipes, which its children may hold open."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        await anyio.wait_readable(handle)
    finally:
        os.close(handle)


async def _buried(pids: set[int]) -> None:
    """Wait until killed processes have left the process table too, so that no later command sees them."""
    with anyio.move_on_after(BURIAL):
        while any(Path(f"/proc/{pid}").exists() for pid in pids):  # noqa: ASYNC110, ASYNC240 - their parent is init, which tells nobody
            await anyio.sleep(0.01)


async def _read(stream: anyio.abc.ByteReceiveStream, into: bytearray) -> None:
    """Read to the end, keeping only what may be shown and one byte more, which tells that some was cut."""
    with suppress(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
        while True:
            into += await stream.receive()
            if len(into) > 2 * MOST_OUTPUT:
                del into[: -MOST_OUTPUT - 1]


def kill_left(home: Path) -> set[int]:
    """Kill every process that was started with `home`, or a folder in it, as its HOME, also those that left the process
    group; which those were."""
    killed = set[int]()
    for _ in range(ROUNDS):
        left = [pid for pid in map(int, filter(str.isdecimal, os.listdir("/proc"))) if _belongs(pid, home)]  # noqa: PTH208
        if not left:
            break
        killed.update(left)
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
    return killed


def _belongs(pid: int, home: Path) -> bool:
    """A process under `home` by its environment, that still runs (one waiting to be reaped has none)."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return any(f"{entry}/".startswith(f"HOME={home}/") for entry in os.fsdecode(environment).split("\0"))


def discard(folder: Path) -> None:
    """Remove a folder and end the processes whose home is in it."""
    kill_left(folder)
    _make_enterable(folder)
    shutil.rmtree(folder, ignore_errors=True)


def _make_enterable(folder: Path) -> None:
    for root, folders, _ in os.walk(folder):
        for name in folders:
            path = Path(root, name)
            if not path.is_symlink():
                with suppress(OSError):
                    path.chmod(0o700)


def _stamp(path: Path) -> Stamp:
    """Differs after any change: the inode's change time cannot be set back."""
    seen = path.lstat()
    return seen.st_ino, seen.st_size, seen.st_mode, seen.st_ctime_ns


def _lay(nodes: Mapping[str, Node], folder: Path) -> _Laid:
    try:
        home = Path(tempfile.mkdtemp(prefix="home-", dir=folder))
    except FileNotFoundError as error:
        raise DeskGone("The desk was ended, so no command can run on it.") from error
    laid = _Laid(home, nodes, {})
    try:
        _lay_nodes(laid)
    except OSError as error:
        discard(home)
        raise DeskRefused(f"The command could not be run: {error.strerror}.") from error
    return laid


def _lay_nodes(laid: _Laid) -> None:
    for path, node in laid.nodes.items():
        real = laid.home / path[len(HOME) + 1 :]
        if node.data is None:
            real.mkdir(exist_ok=True)
        else:
            real.write_bytes(node.data)
            real.chmod(node.mode)
            os.utime(real, (node.modified, node.modified))
            laid.stamps[path] = _stamp(real)


def _take_back(laid: _Laid) -> tuple[dict[str, Node], set[str]]:
    """What is new or changed, and what is gone. The folder is removed."""
    changed, seen = dict[str, Node](), {HOME}
    _make_enterable(laid.home)
    for root, folders, names in os.walk(laid.home):
        at = Path(root)
        for name in (*folders, *names):
            real = at / name
            path = os.fsencode(f"{HOME}/{real.relative_to(laid.home)}").decode("utf-8", "replace")
            with suppress(OSError):  # what cannot be read is not kept
                node = _node(path, real, laid)
                seen.add(path)
                if node is not None:
                    changed[path] = node
    discard(laid.home)
    return changed, set(laid.nodes) - seen


def _node(path: str, real: Path, laid: _Laid) -> Node | None:
    """The entry at `real`, or None if it is as it was laid. Raises `OSError` if it cannot be kept."""
    before = laid.nodes.get(path)
    if real.is_symlink():
        real = real.resolve(strict=True)
        if not real.is_relative_to(laid.home) or real.is_dir():
            raise OSError("a link out of the desk, or to a folder")
    elif before is not None and laid.stamps.get(path) == _stamp(real):
        return None
    status = real.stat()
    if stat.S_ISDIR(status.st_mode):
        return None if before is not None and before.is_folder else Node(None, status.st_mtime)
    if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_FILE:
        raise OSError("no file, or too large a one")
    if not os.access(real, os.R_OK):
        real.chmod(0o600)
    data = real.read_bytes()
    home = os.fsencode(laid.home)
    if home in data and b"\0" not in data:
        data = data.replace(home, HOME.encode())
    return Node(data, status.st_mtime, stat.S_IMODE(status.st_mode))
