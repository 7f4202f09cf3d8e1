"""The files of a task: what its needed tasks left is laid on the desk before it, what it made is collected after it.

What counts as made: every file in the home folder that is new or changed since the task began, except hidden ones and what lies in
`Inputs`. Bounded by `MOST_FILES`, `MOST_BYTES` a file and `MOST_TOTAL` in all; what is left out is said.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from hotdesk import events as ev
from hotdesk.blobs import Blobs
from hotdesk.desks.base import HOME, Desk, FileEntry
from hotdesk.errors import DeskRefused
from hotdesk.logs.base import Log
from hotdesk.whiteboard import TaskState, Whiteboard

__all__ = ["INPUTS", "Collection", "Collector", "lay_inputs"]

INPUTS = "Inputs"
"""The folder on a desk, in its home, where the files of needed tasks are laid."""

DEPTH = 6
"""Folders deep that are looked through."""
MOST_FILES = 50
MOST_BYTES = 32 << 20
MOST_TOTAL = 128 << 20

_TYPES = {".md": "text/markdown", ".csv": "text/csv", ".json": "application/json", ".py": "text/x-python", ".sh": "text/x-sh"}


@dataclass(slots=True)
class Collection:
    """What was collected: ids of the artifacts, and paths that were left out, each with the reason."""

    artifacts: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


async def lay_inputs(desk: Desk, log: Log, board: Whiteboard, task: TaskState) -> list[str]:
    """Write the artifacts of the tasks that `task` needs into `Inputs` on the desk; returns their paths there."""
    blobs, laid = Blobs(log.folder / "artifacts"), list[str]()
    for need in task.needs:
        done = board.tasks[need]
        for artifact in (board.artifacts[a] for a in done.artifacts):
            path = f"{INPUTS}/{_folder(done)}/{PurePosixPath(artifact.path).name}"
            while path in laid:
                stem = PurePosixPath(path)
                path = str(stem.with_name(f"{stem.stem}-2{stem.suffix}"))
            await desk.write_file(path, blobs.get(artifact.blob))
            laid.append(path)
    return laid


def _folder(task: TaskState) -> str:
    words = re.sub(r"[^\w-]+", "-", task.title.lower()).strip("-")[:40].strip("-")
    return f"{task.id}-{words}" if words else task.id


class Collector:
    """Remembers how the home folder was when a task began, and collects what has been made since."""

    def __init__(self, desk: Desk, log: Log, agent: str) -> None:
        self._desk = desk
        self._log = log
        self._agent = agent
        self._before: Mapping[str, tuple[int, float]] = {}

    async def begin(self) -> None:
        self._before = {path: _stamp(entry) for path, entry in (await self._files()).items()}

    async def collect(self, task: str, attempt: int) -> Collection:
        """Copy what was made into the session's folder, an `artifact:saved` for each file."""
        made = [(path, entry) for path, entry in (await self._files()).items() if self._before.get(path) != _stamp(entry)]
        blobs, found, total = Blobs(self._log.folder / "artifacts"), Collection(), 0
        for path, entry in made:
            if len(found.artifacts) >= MOST_FILES or entry.bytes > MOST_BYTES or total + entry.bytes > MOST_TOTAL:
                found.left_out.append(path)
                continue
            try:
                data = await self._desk.read_file(path, max_bytes=MOST_BYTES)
            except DeskRefused as error:
                found.left_out.append(f"{path} ({error})")
                continue
            total += len(data)
            artifact = f"{task}-{attempt}-{len(found.artifacts) + 1}"
            await self._log.append(
                ev.ArtifactSaved(
                    agent=self._agent,
                    task=task,
                    attempt=attempt,
                    artifact=artifact,
                    name=PurePosixPath(path).name,
                    path=path,
                    bytes=len(data),
                    media_type=media_type(path),
                    blob=blobs.put(data),
                )
            )
            found.artifacts.append(artifact)
        return found

    async def _files(self) -> dict[str, FileEntry]:
        entries = await self._desk.list_files(".", DEPTH)
        relative = ((entry.path.removeprefix(f"{HOME}/"), entry) for entry in entries if not entry.is_folder)
        return {path: entry for path, entry in relative if _visible(path)}


def _visible(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return parts[0] != INPUTS and not any(part.startswith(".") for part in parts)


def _stamp(entry: FileEntry) -> tuple[int, float]:
    return entry.bytes, entry.modified


def media_type(path: str) -> str:
    """By the name's ending; `application/octet-stream` where it tells nothing."""
    suffix = PurePosixPath(path).suffix.lower()
    return _TYPES.get(suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"
