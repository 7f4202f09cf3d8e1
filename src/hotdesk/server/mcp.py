"""An agent's desk as an MCP server, at the server's own address: a reverse proxy to the unix socket on which the agent's worker listens.

Promises: what goes to the worker carries neither this server's token nor its cookies; requests and answers stream both ways, event streams
included; nothing is kept. An agent without a socket is 409. A caller that leaves ends the request to the worker.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from hotdesk.server.parts import Use
from hotdesk.server.problems import NotOpen

__all__ = ["router"]

TIMES = httpx.Timeout(None, connect=5.0)
"""An event stream may be silent for as long as it likes; a worker that is there takes a connection at once."""
METHODS = ["GET", "POST", "DELETE"]
KEPT_BACK = frozenset(
    {
        *("host", "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade"),
        *("authorization", "cookie", "set-cookie", "origin", "referer", "date", "server"),
    }
)
"""What is between two neighbours only, and what is between the caller and us."""

router = APIRouter(include_in_schema=False)


@router.api_route("/api/sessions/{session}/agents/{agent}/mcp", methods=METHODS)
async def mcp(parts: Use, request: Request, session: str, agent: str) -> Response:
    """The desk as an MCP server (streamable HTTP)."""
    state = await parts.boards.agent(session, agent)
    folder = await parts.boards.folder(session) / "agents"
    async with AsyncExitStack() as open_till_sent:
        try:
            transport = await open_till_sent.enter_async_context(_transport(folder, f"{agent}.sock"))
            answer = await transport.handle_async_request(_request(request))
        except (OSError, httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise NotOpen(f"{state.name}'s desk is not open.") from error
        except httpx.TransportError as error:
            raise NotOpen(f"{state.name}'s desk hung up.") from error
        headers = [(name, value) for name, value in answer.headers.multi_items() if name not in KEPT_BACK]
        response = _Relayed(_streamed(answer), answer.status_code)
        response.raw_headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        response.open_till_sent = open_till_sent.pop_all()
        return response


class _Relayed(StreamingResponse):
    """An answer that comes from elsewhere while it is sent; `open_till_sent` is closed afterwards, however that ends."""

    open_till_sent: AsyncExitStack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self.open_till_sent:
            await super().__call__(scope, receive, send)


@asynccontextmanager
async def _transport(folder: Path, name: str) -> AsyncGenerator[httpx.AsyncHTTPTransport]:
    """Connections to a socket, reached through its folder's descriptor: a socket's path may have 107 bytes at most."""
    here = os.open(folder, os.O_PATH | os.O_CLOEXEC)
    try:
        async with httpx.AsyncHTTPTransport(uds=f"/proc/self/fd/{here}/{name}") as transport:
            yield transport
    finally:
        os.close(here)


def _request(request: Request) -> httpx.Request:
    headers = [(name, value) for name, value in request.headers.items() if name not in KEPT_BACK]
    body = request.stream() if request.method == "POST" else None
    url = httpx.URL("http://localhost/mcp", query=request.scope["query_string"])
    return httpx.Request(request.method, url, headers=headers, content=body, extensions={"timeout": TIMES.as_dict()})


async def _streamed(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.aiter_raw():
            yield chunk
    except httpx.TransportError:
        return  # the worker is gone; what it said till then stands
