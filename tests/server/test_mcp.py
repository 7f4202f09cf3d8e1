"""An agent's desk as an MCP server at the server's own address."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest
import uvicorn
from pydantic import SecretStr

from hotdesk.logs.memory import MemoryLogs
from hotdesk.settings import ServerSettings

from .conftest import World, ready, serving

MCP = "/api/sessions/s1/agents/a1/mcp"


class Worker:
    """What listens on an agent's socket: it says what it was asked, streams while it is let, and notes who left."""

    def __init__(self) -> None:
        self.more = anyio.Event()
        self.left = anyio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        if scope["method"] == "GET":
            await self._stream(receive, send)
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        asked = {
            "method": scope["method"],
            "path": scope["path"],
            "query": scope["query_string"].decode(),
            "headers": [(name.decode(), value.decode()) for name, value in scope["headers"]],
            "body": len(body),
        }
        headers = [(b"content-type", b"application/json"), (b"mcp-session-id", b"42"), (b"set-cookie", b"a=b"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 202, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(asked).encode()})

    async def _stream(self, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        await self.more.wait()
        await send({"type": "http.response.body", "body": b"data: 2\n\n", "more_body": True})
        await receive()
        await receive()
        self.left.set()


@asynccontextmanager
async def listening(folder: Path, worker: Worker) -> AsyncGenerator[None]:
    folder.mkdir(parents=True)
    here = os.open(folder, os.O_PATH)
    config = uvicorn.Config(worker, uds=f"/proc/self/fd/{here}/a1.sock", lifespan="off", log_level="warning", timeout_graceful_shutdown=1)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    async with anyio.create_task_group() as tasks:
        await server.startup()
        tasks.start_soon(server.main_loop)
        try:
            yield
        finally:
            server.should_exit = True
            with anyio.CancelScope(shield=True):
                await server.shutdown()
            tasks.cancel_scope.cancel()
            os.close(here)


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncGenerator[tuple[World, Worker]]:
    data = tmp_path / ("long" * 30)  # longer than a socket's path may be
    async with serving(MemoryLogs(data), ServerSettings(token=SecretStr("the-servers-own-token"))) as world:
        world.web.headers["Authorization"] = "Bearer the-servers-own-token"
        await world.session(*ready())
        worker = Worker()
        async with listening(data / "sessions" / "s1" / "agents", worker):
            yield world, worker


async def test_a_request_goes_to_the_worker_without_the_servers_secrets(agent: tuple[World, Worker]) -> None:
    world, _ = agent
    headers = {"Mcp-Session-Id": "42", "Cookie": "hotdesk_token=x", "Origin": world.url, "Accept": "application/json, text/event-stream"}
    got = await world.web.post(f"{MCP}?x=1&y=%20", json={"jsonrpc": "2.0"}, headers=headers)
    assert got.status_code == 202
    asked = got.json()
    sent = dict(asked["headers"])
    assert (asked["method"], asked["path"], asked["query"], asked["body"]) == ("POST", "/mcp", "x=1&y=%20", 17)
    assert sent["host"] == "localhost"
    assert sent["mcp-session-id"] == "42"
    assert sent["accept"] == "application/json, text/event-stream"
    assert not {"authorization", "cookie", "origin"} & set(sent)
    assert got.headers["mcp-session-id"] == "42"
    assert "set-cookie" not in got.headers
    assert "content-security-policy" in got.headers


async def test_the_end_of_an_mcp_session_is_passed_on(agent: tuple[World, Worker]) -> None:
    world, _ = agent
    assert (await world.web.delete(MCP)).json()["method"] == "DELETE"
    assert (await world.web.put(MCP)).status_code == 405


async def test_a_large_message_passes_in_pieces_and_a_huge_one_does_not(agent: tuple[World, Worker]) -> None:
    world, _ = agent

    async def pieces(count: int) -> AsyncGenerator[bytes]:
        for _ in range(count):
            yield bytes(1 << 20)

    assert (await world.web.post(MCP, content=pieces(4))).json()["body"] == 4 << 20
    assert (await world.web.post(MCP, content=bytes((16 << 20) + 1))).status_code == 413


async def test_an_event_stream_comes_as_it_is_said_and_ends_when_the_caller_leaves(agent: tuple[World, Worker]) -> None:
    world, worker = agent
    async with world.web.stream("GET", MCP) as got:
        assert got.headers["content-type"] == "text/event-stream"
        chunks = got.aiter_raw()
        assert await anext(chunks) == b"data: 1\n\n"
        worker.more.set()
        assert await anext(chunks) == b"data: 2\n\n"
    with anyio.fail_after(5):
        await worker.left.wait()


async def test_the_guard_stands_before_the_worker_too(agent: tuple[World, Worker]) -> None:
    world, _ = agent
    async with httpx.AsyncClient(base_url=world.url) as stranger:
        assert (await stranger.post(MCP, json={})).status_code == 403


async def test_an_agent_whose_worker_is_not_there_is_a_conflict(world: World) -> None:
    await world.session(*ready())
    got = await world.web.post(MCP, json={})
    assert (got.status_code, got.json()["detail"]) == (409, "Ada's desk is not open.")
    assert (await world.web.post("/api/sessions/s1/agents/a9/mcp", json={})).json()["code"] == "not_found:agent"


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_asking_a_worker_leaves_nothing_open(world: World) -> None:
    await world.session(*ready())
    await world.web.post(MCP, json={})
    before = _open_files()
    for _ in range(20):
        await world.web.post(MCP, json={})
    assert _open_files() == before
