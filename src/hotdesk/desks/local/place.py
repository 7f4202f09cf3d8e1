"""The folder of a desk on the host: who owns the desk, what it is started with, and how anybody ends it.

`RunDir` is the folder of all desks of one user. `RunDir.claim` makes a desk's folder in one step, its `owner.json` already in it, so a desk
cannot exist without saying whose it is; `RunDir.end` kills whatever belongs to a desk and removes its folder, from any process, whatever
the state of either. The desk itself can write nothing here.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import stat
from dataclasses import dataclass, field
from pathlib import Path

from hotdesk.desks.processes import Process, processes_holding, processes_with_mount, wait_for_end
from hotdesk.errors import DeskUnavailable, MissingRequirement

END_BOUND = 5.0
"""Seconds to wait for killed processes to be gone: the kernel needs milliseconds, or never returns."""

PROVIDER = "local"
"""Said in `owner.json`: desks of other providers may have their folders beside these."""

_DESK_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


@dataclass(slots=True)
class Place:
    """One desk's folder."""

    folder: Path
    mark: str
    """The unguessable name of the folder that is mounted in the desk: it tells the desk's processes from all others."""
    owner: Process
    uid: int
    """The user the desk runs as, seen from the host."""
    processes: dict[str, Process] = field(default_factory=dict)
    """`start` (what we started), `init` (pid 1 of the desk), `helper` (the helper inside); the last two once they are known."""

    @property
    def host(self) -> Path:
        """What the desk sees, read-only, as `/run/host`."""
        return self.folder / self.mark

    @property
    def etc(self) -> Path:
        return self.folder / "etc"

    @property
    def launch(self) -> Path:
        return self.folder / "launch"

    def save(self) -> None:
        """Write `owner.json` in one step."""
        data = {"provider": PROVIDER, "mark": self.mark, "owner": self.owner, "uid": self.uid, "processes": self.processes}
        unfinished = self.folder / "owner.json.part"
        unfinished.write_text(json.dumps(data))
        unfinished.chmod(0o600)
        unfinished.rename(self.folder / "owner.json")

    def give(self, path: Path) -> None:
        """Make `path` the desk's own, where that is another user."""
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.uid)

    @classmethod
    def load(cls, folder: Path) -> Place | None:
        try:
            data = json.loads((folder / "owner.json").read_text())
            processes = {name: Process(*process) for name, process in data["processes"].items()}
            return cls(folder, data["mark"], Process(*data["owner"]), data["uid"], processes)
        except (OSError, ValueError, KeyError, TypeError):
            return None


class RunDir:
    """The folder of all desks of this user. Made on first use; never a folder that somebody else could have put there."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or Path(f"/var/tmp/hotdesk-{os.geteuid()}")  # noqa: S108 (its owner is checked)

    def prepare(self) -> None:
        """Raises `MissingRequirement` if it cannot be used."""
        remedy = "Set HOTDESK_RUN_DIR to a folder of your own."
        as_root = os.geteuid() == 0
        try:
            with contextlib.suppress(FileExistsError):
                self.path.mkdir(0o711 if as_root else 0o700, parents=True)
            what = self.path.lstat()
        except OSError as error:
            raise MissingRequirement(f"The folder for desks, {self.path}, cannot be made ({error.strerror}).", remedy) from error
        if not stat.S_ISDIR(what.st_mode):
            raise MissingRequirement(f"{self.path}, where the folder for desks should be, is no folder.", remedy)
        if what.st_uid != os.geteuid():
            raise MissingRequirement(f"The folder for desks, {self.path}, belongs to another user.", remedy)
        if what.st_mode & 0o022:
            raise MissingRequirement(f"The folder for desks, {self.path}, can be written by others.", remedy)
        if as_root:
            self.path.chmod(0o711)
            closed = next((parent for parent in self.path.resolve().parents if not parent.stat().st_mode & 0o001), None)
            if closed:
                raise MissingRequirement(f"Desks run as users of their own and cannot reach {self.path} through {closed}.", remedy)

    def claim(self, desk_id: str) -> Place:
        """Make the folder of a new desk. Raises `DeskUnavailable` if there is one already, or the id is none."""
        self.prepare()
        folder = self._folder(desk_id)
        if folder is None:
            raise DeskUnavailable(f"«{desk_id}» is no id for a desk: lower-case letters, digits and dashes, at most 40.")
        mark = "h" + secrets.token_hex(8)
        as_root = os.geteuid() == 0
        owner = Process.of(os.getpid())
        new = self.path / f".{mark}.{owner.pid}.{owner.started}"  # says whose it is from its first moment
        new.mkdir(0o711)
        try:
            place = Place(new, mark, owner, _user_of(desk_id) if as_root else os.geteuid())
            for path, mode in ((place.host, 0o700), (place.etc, 0o755), (place.launch, 0o755)):
                path.mkdir()
                path.chmod(mode)
            new.chmod(0o711)
            place.give(place.host)
            place.save()
            new.rename(folder)
        except OSError as error:
            shutil.rmtree(new, ignore_errors=True)
            if folder.exists():
                raise DeskUnavailable(f"There is a desk «{desk_id}» already.") from error
            raise DeskUnavailable(f"The folder of the desk «{desk_id}» cannot be made ({error.strerror}).") from error
        place.folder = folder
        return place

    def find(self, desk_id: str) -> Place | None:
        folder = self._folder(desk_id)
        return Place.load(folder) if folder else None

    def ids(self) -> list[str]:
        """The desks that have a folder, in order; those whose opening was cut off too."""
        with contextlib.suppress(OSError):
            return sorted(path.name for path in self.path.iterdir() if _DESK_ID.fullmatch(path.name) and _is_desk(path))
        return []

    def end(self, desk_id: str) -> bool:
        """Kill whatever belongs to the desk and remove its folder. True if there was something. Blocks for a few milliseconds."""
        folder = self._folder(desk_id)
        if folder is None or not _is_desk(folder):
            return False
        if place := Place.load(folder):
            end_processes(place)
        shutil.rmtree(folder, ignore_errors=True)
        return True

    def discard_unfinished(self) -> None:
        """Remove the folders of claims that never came to an end because their process died."""
        with contextlib.suppress(OSError):
            for path in self.path.glob(".h*.*.*"):
                _, _, pid, started = path.name.split(".")
                if not Process(int(pid), int(started)).alive:
                    shutil.rmtree(path, ignore_errors=True)

    def _folder(self, desk_id: str) -> Path | None:
        return self.path / desk_id if _DESK_ID.fullmatch(desk_id) else None


def _is_desk(folder: Path) -> bool:
    """Whether it is a local desk's folder, or what is left of one."""
    try:
        said = json.loads((folder / "owner.json").read_text())
        return bool(said["provider"] == PROVIDER)
    except (OSError, ValueError, TypeError, KeyError):
        return folder.is_dir()


def end_processes(place: Place) -> None:
    """Kill what is written down and whatever else has this desk's mark in its mount table, until nothing is left."""
    for process in place.processes.values():
        process.kill()
    wait_for_end(place.processes.values(), END_BOUND)
    if "init" not in place.processes or place.owner.pid != os.getpid():  # not all was known when it was written down
        spared = {place.owner.pid, os.getpid()}
        while stragglers := [
            process
            for process in {*processes_with_mount(place.mark), *processes_holding(place.folder)}
            if process.pid not in spared and process.alive
        ]:
            for process in stragglers:
                process.kill()
            if not wait_for_end(stragglers, END_BOUND):
                return


def _user_of(desk_id: str) -> int:
    """A user of its own for each desk: a high number from its id, or, where users are mapped, one from the upper half of the map."""
    number = int.from_bytes(hashlib.sha256(desk_id.encode()).digest()[:3], "big")
    base = 0x70000000
    ends = (int(inside) + int(count) for inside, _, count in map(str.split, Path("/proc/self/uid_map").read_text().splitlines()))
    most = max(ends, default=1)
    return base + number if most > base + (1 << 24) else most // 2 + number % max(1, most // 2)
