"""Frames and artifacts by content hash: the same bytes are kept once, and a name can never point at other bytes later.

A `Blobs` is one folder. Writing is atomic (a reader sees the whole blob or none) and idempotent, from any number of processes.
Raises `LogError` when the disk cannot take it, `NotFound` for what is not there.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from hotdesk.errors import LogError, NotFound

_DIGEST = re.compile(r"[0-9a-f]{40}")


def digest(data: bytes) -> str:
    """The content hash: BLAKE2b, 160 bits, lower-case hexadecimal."""
    return hashlib.blake2b(data, digest_size=20).hexdigest()


class Blobs:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, data: bytes) -> str:
        """Keep `data` and return its digest; what is kept already is not written again."""
        name = digest(data)
        path = self.folder / name
        if path.exists():
            return name
        part = self.folder / f".{name}.{os.getpid()}"
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            part.write_bytes(data)
            part.replace(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise LogError(f"A file of {len(data):,} bytes could not be kept: {error.strerror}.") from error
        return name

    def path(self, name: str) -> Path:
        """Where the blob is. Raises `NotFound` for anything that is no digest or not here."""
        path = self.folder / name
        if not _DIGEST.fullmatch(name) or not path.is_file():
            raise NotFound("There is no such file in this session.")
        return path

    def get(self, name: str) -> bytes:
        """The bytes. Raises `NotFound`."""
        return self.path(name).read_bytes()
