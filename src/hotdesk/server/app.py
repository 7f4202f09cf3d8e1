"""The ASGI app, built from its parts.

From the outside in: the guard, then by address Socket.IO, the API, or the page. `build` starts nothing; what runs (the pumps of the live
events) lives within the app's lifespan and ends with it; `hotdesk.asgi` runs it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hotdesk.desks.base import Desks
from hotdesk.logs.base import Logs
from hotdesk.orchestrator import Orchestrator
from hotdesk.server import agents, docs, files, mcp, problems, screens, sessions
from hotdesk.server.boards import Boards
from hotdesk.server.controls import Controls
from hotdesk.server.guard import Guard, Redact
from hotdesk.server.live import Live
from hotdesk.server.pages import Pages
from hotdesk.server.parts import About, Parts
from hotdesk.settings import ServerSettings

__all__ = ["build", "openapi"]

BODY_BYTES = 1 << 20
"""Largest body the API takes."""
MCP_BODY_BYTES = 16 << 20
"""Largest message an MCP client may send: it may carry a file."""

SESSION_PAGE = re.compile(r"/session/([^/]+)/")

DESCRIPTION = (
    "Everything the page does goes through this API. Live events come over Socket.IO at /socket.io, screens over a WebSocket at "
    "/api/sessions/ID/agents/AGENT/screen; each desk is an MCP server at /api/sessions/ID/agents/AGENT/mcp. See docs/api.md."
)


def build(
    orchestrator: Orchestrator,
    logs: Logs,
    desks: Mapping[str, Desks],
    about: About,
    settings: ServerSettings,
    pages: Path | None,
) -> ASGIApp:
    """The whole app. Raises `BadInput` if it could be reached from elsewhere without a token."""
    live, boards = Live(logs), Boards(logs)
    api = _api(live)
    api.state.parts = Parts(orchestrator, logs, desks, about, boards, Controls())
    most = max(BODY_BYTES, 12 * about.prompt_chars)  # a character takes up to twelve bytes in JSON
    return Guard(problems.Shield(_Crossing(_Limit(_Compressed(api), most), live.app, Pages(pages), boards)), settings)


@cache
def _described() -> FastAPI:
    return _api(None)


def openapi() -> dict[str, Any]:
    """The OpenAPI description; needs nothing started."""
    described = _described().openapi()
    schemas = described["components"]["schemas"]
    for name in ("Events", "Opening"):
        events = schemas[name]["properties"]["events"]
        if "$ref" not in events["items"]:
            schemas["AnyEvent"] = events["items"]
            events["items"] = {"$ref": "#/components/schemas/AnyEvent"}
    return described


def _api(live: Live | None) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        for name in ("uvicorn.access", "uvicorn.error"):
            logging.getLogger(name).addFilter(_REDACT)
        assert live is not None  # noqa: S101
        async with live.running():
            yield

    api = FastAPI(
        title="Hotdesk", version=_version(), description=DESCRIPTION, docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan
    )
    problems.install(api)
    for router in (sessions.router, agents.router, files.router, screens.router, mcp.router):
        api.include_router(router)
    api.get("/api/openapi.json", include_in_schema=False)(_openapi)
    api.get("/api/docs", include_in_schema=False)(_docs)
    return api


_REDACT = Redact()


def _version() -> str:
    try:
        return version("hotdesk")
    except PackageNotFoundError:
        return "0"


async def _openapi() -> Response:
    return JSONResponse(openapi())


async def _docs() -> Response:
    return HTMLResponse(docs.page(openapi()))


class _Crossing:
    """Which way a request goes, by its address."""

    def __init__(self, api: ASGIApp, live: ASGIApp, pages: ASGIApp, boards: Boards) -> None:
        self._api, self._live, self._pages, self._boards = api, live, pages, boards

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] == "lifespan" or path in ("/api", "/healthz") or path.startswith("/api/"):
            await self._api(scope, receive, send)
        elif path.startswith("/socket.io/"):
            await self._live(scope, receive, send)
        else:
            await self._pages(scope, receive, send)
            # The page will ask for its session as soon as it runs, which takes a browser longer than it takes to have it ready.
            if (page := SESSION_PAGE.fullmatch(path)) and scope["type"] == "http":
                await self._boards.expect(page[1])


class _Limit:
    """No body is read beyond what is taken."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = MCP_BODY_BYTES if scope["path"].endswith("/mcp") else self._most
        said = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if not said.isdigit() or int(said) > most:
            await problems.answer(problems.problem_of(_too_large(most)))(scope, receive, send)
            return
        got = 0

        async def counting() -> Message:
            nonlocal got
            message = await receive()
            got += len(message.get("body", b""))
            if got > most:
                raise HTTPException(413, str(_too_large(most)))
            return message

        await self._app(scope, counting, send)


def _too_large(most: int) -> problems.TooLarge:
    return problems.TooLarge(f"The request is larger than the {most:,} bytes that are taken.")


class _Compressed:
    """Text of the API leaves compressed; files, archives, screenshots and MCP's streams leave as they are."""

    def __init__(self, app: ASGIApp) -> None:
        self._plain = app
        self._packed = GZipMiddleware(app, minimum_size=500, compresslevel=5)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        as_it_is = scope["type"] != "http" or any(part in scope["path"] for part in ("/artifacts", "/frames/", "/mcp"))
        await (self._plain if as_it_is else self._packed)(scope, receive, send)
