"""Files that agents made, and screenshots.

Promises: nothing an agent made can act in our origin: it comes as a download, or (`inline=1`) as one of the few kinds that are safe to
show, in a sandbox. Names are data: they lead nowhere, in a header or in the archive. A screenshot's address is its content, so it is
kept for ever.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.responses import FileResponse, StreamingResponse

from hotdesk.blobs import Blobs
from hotdesk.errors import NotFound
from hotdesk.server.parts import Use
from hotdesk.server.problems import NoSuchFile, NoSuchFrame
from hotdesk.server.sessions import PROBLEMS
from hotdesk.whiteboard import ArtifactState, Whiteboard

__all__ = ["router", "safe_name"]

SANDBOX = "sandbox; default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'"
PDF = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'"
"""Browsers refuse to show a PDF in a sandbox; their viewer is one of its own, and `nosniff` keeps it from being anything else."""
SHOWN_IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp"})
SHOWN_AS_TEXT = frozenset({"application/json", "application/x-yaml", "application/toml"})
PACKED = frozenset({"application/zip", "application/gzip", "application/x-xz", "application/pdf"})
"""Kinds that do not get smaller."""
MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}/[a-z0-9][a-z0-9.+-]{0,60}")
FOREVER = "private, max-age=31536000, immutable"
CHUNK = 256 << 10
NAME_CHARS = 120
"""Longest name in the archive."""
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names that Windows does not take."""

router = APIRouter(prefix="/api/sessions/{session}", responses=PROBLEMS, tags=["files"])


@router.get("/artifacts/{artifact}", response_class=FileResponse)
async def artifact(parts: Use, session: str, artifact: str, inline: bool = False) -> Response:
    """A file that an agent made, as a download; `inline=1` shows what is safe to show."""
    board = await parts.boards.board(session)
    state = board.artifacts.get(artifact)
    if state is None:
        raise NoSuchFile(f"Session {session} has no file {artifact}.")
    try:
        path = Blobs(await parts.boards.folder(session) / "artifacts").path(state.blob)
    except NotFound as error:
        raise NoSuchFile(f"The file {state.name} is no longer in the session's folder.") from error
    shown, policy = _shown(state.media_type) if inline else (None, SANDBOX)
    headers = {"content-security-policy": policy, "cache-control": "private, no-cache"}
    return FileResponse(
        path,
        headers=headers,
        media_type=shown or _media_type(state.media_type),
        filename=safe_name(state.name),
        content_disposition_type="inline" if shown else "attachment",
    )


@router.get("/artifacts.zip", response_class=StreamingResponse)
async def archive(parts: Use, session: str) -> Response:
    """All files, in a folder for each task."""
    board = await parts.boards.board(session)
    entries = _entries(board, Blobs(await parts.boards.folder(session) / "artifacts"))
    if not entries:
        raise NoSuchFile(f"Session {session} has no files.")
    headers = {"content-disposition": f'attachment; filename="hotdesk-{safe_name(session)}.zip"', "cache-control": "no-store"}
    return StreamingResponse(_zipped(entries), headers=headers, media_type="application/zip")


@router.get("/frames/{frame}", response_class=FileResponse)
async def frame(parts: Use, session: str, frame: str, if_none_match: Annotated[str | None, Header()] = None) -> Response:
    """A screenshot."""
    try:
        path = Blobs(await parts.boards.folder(session) / "frames").path(frame)
    except NotFound as error:
        if session not in str(error):
            raise NoSuchFrame(f"Session {session} has no screenshot {frame[:60]}.") from error
        raise
    headers = {"cache-control": FOREVER, "etag": f'"{frame}"'}
    if if_none_match and f'"{frame}"' in if_none_match:
        return Response(status_code=304, headers=headers)
    return FileResponse(path, headers=headers, media_type=_picture(path))


def safe_name(name: str) -> str:
    """A file name that leads nowhere and that every system takes."""
    name = PurePosixPath(name.replace("\\", "/")).name
    name = re.sub(r'[\x00-\x1f\x7f<>:"/\\|?*\u202a-\u202e\u2066-\u2069]', "_", name).strip(" .")
    stem, dot, end = name.rpartition(".")
    if len(name) > NAME_CHARS:
        name = f"{stem[: NAME_CHARS - 20]}{dot}{end[:19]}" if stem else name[:NAME_CHARS]
    return f"_{name}" if not name or RESERVED.fullmatch(name) else name


def _shown(media_type: str) -> tuple[str | None, str]:
    """As what a file may be shown, and under which policy; None: not at all."""
    kind = media_type.partition(";")[0].strip().lower()
    if kind in SHOWN_IMAGES:
        return kind, SANDBOX
    if kind == "application/pdf":
        return kind, PDF
    if kind.startswith("text/") or kind in SHOWN_AS_TEXT:
        return "text/plain; charset=utf-8", SANDBOX
    return None, SANDBOX


def _media_type(media_type: str) -> str:
    kind = media_type.partition(";")[0].strip().lower()
    return kind if MEDIA_TYPE.fullmatch(kind) else "application/octet-stream"


def _picture(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(12)
    if head.startswith(b"\x89PNG"):
        return "image/png"
    return "image/webp" if head[8:12] == b"WEBP" else "image/jpeg"


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    path: Path
    at: float
    packed: bool


def _entries(board: Whiteboard, blobs: Blobs) -> list[_Entry]:
    folders = {
        task: f"{number:02} {safe_name(state.title)[:60].strip(' .')}" for number, (task, state) in enumerate(board.tasks.items(), 1)
    }
    used: set[str] = set()
    entries = []
    for state in board.artifacts.values():
        try:
            path = blobs.path(state.blob)
        except NotFound:
            continue
        name = _unique(folders.get(state.task, "other"), safe_name(state.name), used)
        entries.append(_Entry(name, path, state.at, _is_packed(state)))
    return entries


def _unique(folder: str, name: str, used: set[str]) -> str:
    path, number = f"{folder}/{name}", 1
    while path.casefold() in used:
        number += 1
        stem, dot, end = name.rpartition(".")
        path = f"{folder}/{stem} ({number}){dot}{end}" if stem else f"{folder}/{name} ({number})"
    used.add(path.casefold())
    return path


def _is_packed(state: ArtifactState) -> bool:
    kind = state.media_type.partition(";")[0].strip().lower()
    return kind in PACKED or (kind.startswith(("image/", "video/", "audio/")) and kind not in ("image/svg+xml", "image/bmp"))


class _Drain(io.RawIOBase):
    """What the archive writes, until it is taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        data, self._parts = b"".join(self._parts), []
        return data


def _zipped(entries: list[_Entry]) -> Iterator[bytes]:
    drain = _Drain()
    with zipfile.ZipFile(drain, "w") as archive:
        for entry in entries:
            info = zipfile.ZipInfo(entry.name, max(datetime.fromtimestamp(entry.at, UTC), datetime(1980, 1, 1, tzinfo=UTC)).timetuple()[:6])
            info.compress_type = zipfile.ZIP_STORED if entry.packed else zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            with entry.path.open("rb") as source, archive.open(info, "w", force_zip64=entry.path.stat().st_size > 2 << 30) as into:
                while chunk := source.read(CHUNK):
                    into.write(chunk)
                    yield drain.take()
            yield drain.take()
    yield drain.take()
