"""The page: the static export of `web/`, with one page for all sessions.

Promises: `/session/ID/…` gives `/session/…` (the page reads the id from its address). Nothing outside the export can be reached. Text is
compressed (once, at the first request), everything has an ETag and is not sent again to who has it, names with a content hash in them are
kept for ever. Each HTML page gets a Content-Security-Policy that
allows exactly the inline scripts it has. Where there is no export, a sentence says how to build it.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import mimetypes
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import anyio.to_thread
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from hotdesk.server.guard import content_policy

__all__ = ["Pages"]

HASHED = "/_next/static/"
SCRIPT = re.compile(rb"<script(?P<attributes>[^>]*)>(?P<code>.*?)</script>", re.DOTALL | re.IGNORECASE)
TEXT = re.compile(r"text/|application/(json|javascript|manifest\+json|xml)|image/svg")
SMALL = 500
"""Bytes below which compressing does not pay."""
NOT_BUILT = (
    "The page has not been built. Run `npm install && npm run build` in the folder `web`, then start Hotdesk again.\n"
    "The API is described at /api/docs.\n"
)
TYPES = {".txt": "text/plain; charset=utf-8", ".woff2": "font/woff2", ".webmanifest": "application/manifest+json", ".js": "text/javascript"}


@dataclass(frozen=True, slots=True)
class _Page:
    stamp: tuple[int, int]
    media_type: str
    body: bytes
    packed: bytes | None
    etag: str
    policy: str | None


class Pages:
    def __init__(self, folder: Path | None) -> None:
        self._folder = folder.resolve() if folder else None
        self._kept: dict[Path, _Page] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
            return
        response = await anyio.to_thread.run_sync(self._respond, scope)
        await response(scope, receive, send)

    def _respond(self, scope: Scope) -> Response:
        headers = Headers(scope=scope)
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("Pages are only read.\n", 405, {"allow": "GET, HEAD"})
        if self._folder is None or not self._folder.is_dir():
            return PlainTextResponse(NOT_BUILT, 503)
        path: str = scope["path"]
        for candidate in (path, _session_page(path)):
            file = self._file(candidate) if candidate else None
            if file is None:
                continue
            if file.is_dir() and (file / "index.html").is_file():
                if not path.endswith("/"):
                    query = scope["query_string"].decode("latin-1")
                    return RedirectResponse(_local(path) + "/" + (f"?{query}" if query else ""), 308)
                return self._page(file / "index.html", headers, 200, forever=False)
            if file.is_file():
                return self._page(file, headers, 200, forever=path.startswith(HASHED))
        lost = self._folder / "404.html"
        return self._page(lost, headers, 404, forever=False) if lost.is_file() else PlainTextResponse("There is no such page.\n", 404)

    def _file(self, path: str) -> Path | None:
        """The file or folder of the export at `path`, if it is one."""
        if self._folder is None or "\0" in path or "\\" in path:
            return None
        file = (self._folder / path.lstrip("/")).resolve()
        return file if file.is_relative_to(self._folder) and file.exists() else None

    def _page(self, file: Path, headers: Headers, status: int, *, forever: bool) -> Response:
        page = self._read(file)
        said = {
            "etag": page.etag,
            "vary": "Accept-Encoding",
            "cache-control": "public, max-age=31536000, immutable" if forever else "no-cache",
        }
        if page.policy:
            said["content-security-policy"] = page.policy
        if status == 200 and _knows(headers, page.etag):
            return Response(status_code=304, headers=said)
        body = page.body
        if page.packed is not None and _takes_gzip(headers):
            body, said["content-encoding"] = page.packed, "gzip"
        return Response(body, status, said, page.media_type)

    def _read(self, file: Path) -> _Page:
        state = file.stat()
        stamp = (state.st_mtime_ns, state.st_size)
        if (kept := self._kept.get(file)) and kept.stamp == stamp:
            return kept
        body = file.read_bytes()
        media_type = TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        packed = gzip.compress(body, 9, mtime=0) if len(body) >= SMALL and TEXT.match(media_type) else None
        policy = content_policy(_script_hashes(body)) if file.suffix == ".html" else None
        etag = f'W/"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
        self._kept[file] = _Page(stamp, media_type, body, packed, etag, policy)
        return self._kept[file]


def _listed(headers: Headers, name: str) -> list[str]:
    """The items of a header that is a list, however often it was sent."""
    return [item.strip() for value in headers.getlist(name) for item in value.split(",")]


def _knows(headers: Headers, etag: str) -> bool:
    return any(item in ("*", etag, etag.removeprefix("W/")) for item in _listed(headers, "if-none-match"))


def _takes_gzip(headers: Headers) -> bool:
    """Whether gzip may be sent: it, or anything, is named without a weight of nothing."""
    weights = {}
    for item in _listed(headers, "accept-encoding"):
        coding, *parameters = (part.strip().lower() for part in item.split(";"))
        weights[coding] = next((weight.removeprefix("q=") for weight in parameters if weight.startswith("q=")), "1")
    weight = weights.get("gzip", weights.get("*", "0"))
    return weight.strip("0.") != ""


def _session_page(path: str) -> str | None:
    match = re.fullmatch(r"/session/[^/]+(/.*)?", path)
    return None if match is None else "/session" + (match[1] or "")


def _local(path: str) -> str:
    return "/" + quote(path).strip("/")


def _script_hashes(html: bytes) -> str:
    inline = {match["code"] for match in SCRIPT.finditer(html) if b"src=" not in match["attributes"] and match["code"].strip()}
    return "".join(sorted(f" 'sha256-{base64.b64encode(hashlib.sha256(code).digest()).decode()}'" for code in inline))
