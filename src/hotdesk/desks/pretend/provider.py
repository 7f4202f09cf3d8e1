"""Pretend desks: opening them, and finding and ending those of other processes.

Each desk has a folder in the provider's folder, named after its id: `owner.json` says which process it belongs to (its id and when it
started, since ids are used again), `rfb.sock` is for viewers, and whoever connects to `control.sock` asks the owner to end the desk; that
connection is closed once it has. The folder appears complete (it is made under another name) and disappears as one.
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import stat
import tempfile
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import anyio
import anyio.abc
import anyio.to_thread

from hotdesk.desks.base import Created, Desk, DeskOptions, Desks, Finding, ScreenStream
from hotdesk.desks.pretend.desk import PretendDesk
from hotdesk.desks.pretend.rfb import steady
from hotdesk.desks.pretend.shell import discard, kill_left
from hotdesk.errors import DeskGone, DeskUnavailable

__all__ = ["PretendDesks"]

ANSWER = 5.0
"""Seconds that an owner has to end its desk when asked to; then the folder is taken from it, and the desk is gone by that."""
LARGEST = 8192
"""Pixels a screen may have each way."""
STALE = 3600.0
"""Seconds after which a folder that was never finished is taken for a dead process's."""

_ID = re.compile(r"[a-z0-9-]{1,40}")
_UNFINISHED = ".pretend-"
OWNER, VIEWERS, CONTROL = "owner.json", "rfb.sock", "control.sock"


class PretendDesks(Desks):
    name = "pretend"

    def __init__(self, run_dir: Path | None = None) -> None:
        self._run = run_dir if run_dir is not None else Path(f"/var/tmp/hotdesk-pretend-{os.getuid()}")  # noqa: S108 - made 0700, owner checked

    @asynccontextmanager
    async def open(self, desk_id: str, options: DeskOptions, created: Created | None = None) -> AsyncGenerator[Desk]:
        _check(desk_id, options)
        failure: Exception | None = None
        owner = _us()
        folder = await anyio.to_thread.run_sync(_unfinished, self._run, owner)
        try:
            async with await _listen(folder, VIEWERS) as viewers, await _listen(folder, CONTROL) as control:
                folder = await anyio.to_thread.run_sync(_finish, folder, self._run / desk_id)
                if created is not None:
                    await created(str(folder))
                desk = PretendDesk(desk_id, options.size, folder)
                async with anyio.create_task_group() as tasks:
                    await tasks.start(desk.live, viewers)
                    tasks.start_soon(self._heed, control, desk, folder, owner)
                    try:
                        yield desk
                    except Exception as error:  # a task group would wrap it
                        failure = error
                    finally:
                        desk.close()
                        tasks.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(_remove, folder, owner)
        if failure is not None:
            raise failure

    async def _heed(self, control: anyio.abc.Listener[anyio.abc.SocketStream], desk: PretendDesk, folder: Path, owner: _Owner) -> None:
        """End the desk when someone connects."""

        async def end(stream: anyio.abc.SocketStream) -> None:
            async with stream:
                desk.close()
                await desk.ended.wait()
                await anyio.to_thread.run_sync(_remove, folder, owner)

        await control.serve(end)

    @asynccontextmanager
    async def view(self, desk_id: str) -> AsyncGenerator[ScreenStream]:
        folder = self._folder(desk_id)
        try:
            if folder is None:
                raise FileNotFoundError(desk_id)
            with _short(folder) as short:
                stream = await steady(await anyio.connect_unix(f"{short}/{VIEWERS}"))
        except OSError as error:
            raise DeskGone(f"There is no desk {desk_id} (any more).") from error
        async with stream:
            yield _Stream(stream)

    async def destroy(self, desk_id: str) -> bool:
        folder = self._folder(desk_id)
        owner = _owner(folder) if folder is not None else None
        if folder is None or owner is None:
            return False
        if _lives(owner):
            with suppress(OSError, anyio.EndOfStream, anyio.BrokenResourceError), anyio.move_on_after(ANSWER):
                with _short(folder) as short:
                    stream = await anyio.connect_unix(f"{short}/{CONTROL}")
                async with stream:
                    await stream.receive()
        await anyio.to_thread.run_sync(_remove, folder, owner)
        return True

    async def sweep(self) -> list[str]:
        return await anyio.to_thread.run_sync(_sweep, self._run)

    async def check(self) -> list[Finding]:
        return [Finding("pretend desks", ok=True, seen=f"need nothing; their folder is {self._run}")]

    def _folder(self, desk_id: str) -> Path | None:
        return self._run / desk_id if _ID.fullmatch(desk_id) else None

    async def list(self) -> list[str]:
        return await anyio.to_thread.run_sync(_ids, self._run)


class _Stream:
    """A viewer's stream as the contract has it: a desk that hung up is an end, however it hung up."""

    def __init__(self, stream: anyio.abc.SocketStream) -> None:
        self._stream = stream

    async def receive(self, max_bytes: int = 65536) -> bytes:
        try:
            return await self._stream.receive(max_bytes)
        except anyio.BrokenResourceError as error:
            raise anyio.EndOfStream from error

    async def send(self, item: bytes) -> None:
        await self._stream.send(item)

    async def aclose(self) -> None:
        await self._stream.aclose()


def _check(desk_id: str, options: DeskOptions) -> None:
    if not _ID.fullmatch(desk_id):
        raise DeskUnavailable(f"«{desk_id[:80]}» is no desk id: lower-case letters, digits and dashes, 1 to 40 of them.")
    width, height = options.size
    if not (64 <= width <= LARGEST and 64 <= height <= LARGEST):
        raise DeskUnavailable(f"A screen of {width}x{height} pixels cannot be pretended; 64 to {LARGEST} each way can.")


# Folders


@dataclass(frozen=True, slots=True)
class _Owner:
    pid: int
    started: int
    desk: str
    """Drawn anew for each desk, so that one is never taken for a later one of the same id."""


def _started(pid: int) -> int | None:
    """When the process started, in the kernel's ticks since boot; None if there is none (or one that only waits to be reaped)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in {"Z", "X"} else int(fields[19])


def _us() -> _Owner:
    return _Owner(os.getpid(), _started(os.getpid()) or 0, secrets.token_hex(8))


def _owner(folder: Path) -> _Owner | None:
    """Who owns the desk in `folder`; None if there is no pretend desk in it."""
    try:
        said = json.loads((folder / OWNER).read_text())
        return _Owner(said["pid"], said["started"], said["desk"]) if said["provider"] == PretendDesks.name else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _lives(owner: _Owner) -> bool:
    return _started(owner.pid) == owner.started


def _unfinished(run: Path, owner: _Owner) -> Path:
    """A new folder that is no desk yet. Raises `DeskUnavailable`."""
    try:
        run.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = run.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o022:
            raise DeskUnavailable(f"Pretend desks cannot be kept in {run}: others could write there. Name another folder.")
        folder = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=run))
        (folder / OWNER).write_text(json.dumps({"provider": PretendDesks.name, **asdict(owner)}))
    except OSError as error:
        raise DeskUnavailable(f"Pretend desks cannot be kept in {run}: {error.strerror}.") from error
    return folder


def _finish(folder: Path, desk: Path) -> Path:
    """Make the folder the desk's. Raises `DeskUnavailable` if there is one already whose owner lives."""
    for _ in range(2):
        try:
            return folder.rename(desk)
        except OSError as error:
            owner = _owner(desk)
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST} or owner is None or _lives(owner):
                break
            _remove(desk, owner)
    raise DeskUnavailable(f"There is a desk {desk.name} already.")


def _remove(folder: Path, owner: _Owner) -> None:
    """Remove a desk's folder if it is (still) the owner's. It disappears as one: the id is free before the files are gone."""
    if _owner(folder) != owner:
        return
    aside = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=folder.parent))
    kill_left(folder)
    with suppress(OSError):  # somebody else removed it first
        folder.rename(aside)
    discard(aside)


def _sweep(run: Path) -> list[str]:
    ended = []
    for desk_id in _ids(run):
        owner = _owner(run / desk_id)
        if owner is not None and not _lives(owner):
            _remove(run / desk_id, owner)
            ended.append(desk_id)
    for folder in run.glob(f"{_UNFINISHED}*"):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > STALE:
                discard(folder)
    return ended


def _ids(run: Path) -> list[str]:
    try:
        return sorted(path.name for path in run.iterdir() if _ID.fullmatch(path.name) and _owner(path) is not None)
    except OSError:
        return []


@contextmanager
def _short(folder: Path) -> Iterator[str]:
    """A short name of a folder: that of a unix socket may have 107 bytes at most."""
    handle = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)


async def _listen(folder: Path, name: str) -> anyio.abc.SocketListener:
    with _short(folder) as short:
        return await anyio.create_unix_listener(f"{short}/{name}", mode=0o600)
