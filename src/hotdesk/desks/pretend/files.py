"""The files of a pretend desk: folders and files under `HOME`, in memory. There is nothing outside it."""

from __future__ import annotations

import posixpath
import time
from collections.abc import Mapping
from dataclasses import dataclass

from hotdesk.desks.base import HOME, FileEntry
from hotdesk.errors import DeskRefused

__all__ = ["Files", "Node", "resolve"]

MOST_ENTRIES = 5_000
"""Entries a listing gives at most; the contract's figure."""
LONGEST_NAME = 255
"""Bytes in one name, as Linux has it: a tree must fit into a real folder to run commands."""


@dataclass(frozen=True, slots=True)
class Node:
    """A file, or a folder if `data` is None."""

    data: bytes | None
    modified: float
    mode: int = 0o644

    @property
    def is_folder(self) -> bool:
        return self.data is None


def resolve(path: str, base: str = HOME) -> str:
    """The absolute path meant. Raises `DeskRefused` for one that is none or leads out of the home folder."""
    if not path or "\0" in path:
        raise DeskRefused("A path needs at least one character and no NUL in it.")
    whole = posixpath.normpath(posixpath.join(base, path)).replace("//", "/")
    if whole != HOME and not whole.startswith(f"{HOME}/"):
        raise DeskRefused(f"{path} is outside {HOME}, and a pretend desk has nothing there.")
    if any(len(name.encode("utf-8", "replace")) > LONGEST_NAME for name in whole.split("/")):
        raise DeskRefused(f"A name in {path[:80]}… is longer than {LONGEST_NAME} bytes.")
    return whole


class Files:
    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {HOME: Node(None, time.time())}

    def snapshot(self) -> dict[str, Node]:
        """All there is, by absolute path; a folder comes before what is in it."""
        return dict(sorted(self._nodes.items()))

    def apply(self, changed: Mapping[str, Node], removed: set[str]) -> None:
        """Take over what a command did. What somebody else did meanwhile stays, unless it is the same path."""
        for path in removed:
            self._nodes.pop(path, None)
        for path, node in changed.items():
            before = self._nodes.get(path)
            if before is not None and before.is_folder and not node.is_folder:
                self._drop_inside(path)
            self._nodes[path] = node
        self._mend()

    def _drop_inside(self, folder: str) -> None:
        for path in [p for p in self._nodes if p.startswith(f"{folder}/")]:
            del self._nodes[path]

    def _mend(self) -> None:
        """Every entry lies in a folder, even if the folder was removed while the entry was made."""
        self._nodes.setdefault(HOME, Node(None, time.time()))
        for path in list(self._nodes):
            parent = posixpath.dirname(path)
            while HOME not in {path, parent} and (parent not in self._nodes or not self._nodes[parent].is_folder):
                self._nodes[parent] = Node(None, time.time())
                parent = posixpath.dirname(parent)

    def find(self, path: str) -> Node | None:
        return self._nodes.get(resolve(path))

    def read(self, path: str, max_bytes: int | None = None) -> bytes:
        whole = resolve(path)
        node = self._nodes.get(whole)
        if node is None:
            raise DeskRefused(f"There is no file {path} on this desk.")
        if node.data is None:
            raise DeskRefused(f"{path} is a folder, not a file.")
        if max_bytes is not None and len(node.data) > max_bytes:
            raise DeskRefused(f"{path} has {len(node.data):,} bytes, more than the {max_bytes:,} asked for at most.")
        return node.data

    def write(self, path: str, data: bytes) -> str:
        """Create or replace a file; returns its absolute path."""
        whole, now = resolve(path), time.time()
        before = self._nodes.get(whole)
        if path.endswith("/") or (before is not None and before.is_folder):
            raise DeskRefused(f"{path} is a folder, so no file can be written there.")
        parents, parent = list[str](), posixpath.dirname(whole)
        while parent not in self._nodes:
            parents.append(parent)
            parent = posixpath.dirname(parent)
        if not self._nodes[parent].is_folder:
            raise DeskRefused(f"{path} cannot be written: {parent} is a file, not a folder.")
        self._nodes.update(dict.fromkeys(parents, Node(None, now)))
        self._nodes[whole] = Node(data, now, before.mode if before else 0o644)
        return whole

    def list(self, path: str = ".", depth: int = 1) -> list[FileEntry]:
        whole = resolve(path)
        node = self._nodes.get(whole)
        if node is None:
            raise DeskRefused(f"There is no folder {path} on this desk.")
        if not node.is_folder:
            raise DeskRefused(f"{path} is a file, not a folder.")
        entries = []
        for inside, found in sorted(self._nodes.items()):
            if not inside.startswith(f"{whole}/"):
                continue
            parts = inside[len(whole) + 1 :].split("/")
            if len(parts) > max(1, depth) or any(part.startswith(".") for part in parts[:-1]):
                continue
            entries.append(FileEntry(parts[-1], inside, found.is_folder, len(found.data or b""), found.modified))
            if len(entries) == MOST_ENTRIES:
                break
        return entries
