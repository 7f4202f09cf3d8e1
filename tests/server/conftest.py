"""A whole server on a free port, with doubles for what is behind it: an orchestrator that only notes, and desks that only listen."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest
import uvicorn

from hotdesk import events as ev
from hotdesk.asgi import WebServer
from hotdesk.blobs import Blobs
from hotdesk.errors import BadInput, Conflict, DeskGone
from hotdesk.logs.base import Log, Logs
from hotdesk.logs.sqlite import SqliteLogs
from hotdesk.server import About, AgentsAbout, BrainAbout, Part, build
from hotdesk.settings import ServerSettings

ABOUT = About(
    version="0.1.0",
    planner=Part(name="rehearsal", label="Rehearsal"),
    brain=BrainAbout(name="rehearsal", label="Rehearsal", rehearsal=True),
    desks=Part(name="pretend", label="Pretend desks"),
    agents=AgentsAbout(default=3, max=4),
    prompt_chars=20_000,
    examples=["Write a poem"],
)
BOUND = 10.0
"""Seconds any wait in these tests may take."""


class Orchestrator:
    """Begins sessions in the log and does nothing with them."""

    def __init__(self, logs: Logs) -> None:
        self.logs = logs
        self.conducting: frozenset[str] = frozenset()

    async def submit(self, prompt: str, agents: int, *_: str | None) -> str:
        if not prompt.strip():
            raise BadInput("The prompt is empty.")
        session = f"session-{len(await self.logs.sessions()) + 1}"
        async with await self.logs.create(session) as log:
            await log.append(created(prompt, agents))
        self.conducting |= {session}
        return session

    async def stop(self, session: str, reason: str = "A person stopped the session.") -> None:
        async with await self.logs.open(session) as log:
            if any(isinstance(event, ev.SessionComplete) for event in await log.read()):
                raise Conflict("This session is complete already.")
            await log.append(ev.SessionStopping(reason=reason))


def created(prompt: str = "Tidy up", agents: int = 1) -> ev.SessionCreated:
    return ev.SessionCreated(prompt=prompt, agents=agents, planner="rehearsal", brain="rehearsal", desks="fake", rehearsal=True)


def ready(agent: str = "a1", desk: str = "desk-1") -> list[ev.Event]:
    return [
        ev.AgentHired(agent=agent, name="Ada", engine="local"),
        ev.AgentReady(agent=agent, pid=1, desk=desk, provider="fake", width=640, height=480, seconds=0.1),
    ]


class Screen:
    """One connection to a desk, seen from the desk."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.closed = anyio.Event()
        self.blocked = False
        self._grown = anyio.Event()
        self._say, self._said = anyio.create_memory_object_stream[bytes](1000)

    async def receive(self, max_bytes: int = 65536) -> bytes:
        return await self._said.receive()

    async def send(self, item: bytes) -> None:
        if self.closed.is_set():
            raise anyio.BrokenResourceError
        self.heard += item
        self._grown.set()
        self._grown = anyio.Event()

    async def aclose(self) -> None:
        self.closed.set()

    def says(self, data: bytes) -> None:
        self._say.send_nowait(data)

    def hang_up(self) -> None:
        self._say.close()

    async def has_heard(self, length: int) -> bytes:
        with anyio.fail_after(BOUND):
            while len(self.heard) < length:
                await self._grown.wait()
        return bytes(self.heard)


class Desks:
    name = "fake"

    def __init__(self) -> None:
        self.screens: list[Screen] = []

    @asynccontextmanager
    async def view(self, desk_id: str) -> AsyncGenerator[Screen]:
        if desk_id == "gone":
            raise DeskGone("The desk is gone.")
        screen = Screen()
        self.screens.append(screen)
        yield screen


@dataclass
class World:
    """The server and what is behind it."""

    logs: Logs
    orchestrator: Orchestrator
    desks: Desks
    port: int = 0
    web: Any = None

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    async def session(self, *events: ev.Event, name: str = "s1", conducted: bool = True) -> str:
        async with await self.logs.create(name) as log:
            await log.append(created(), *events)
        if conducted:
            self.orchestrator.conducting |= {name}
        return name

    async def append(self, session: str, *events: ev.Event) -> None:
        async with await self.logs.open(session) as log:
            await log.append(*events)

    async def events(self, session: str) -> list[ev.Event]:
        async with await self.logs.open(session) as log:
            return await log.read()

    async def log(self, session: str) -> Log:
        return await self.logs.open(session)

    async def blobs(self, session: str, kind: str) -> Blobs:
        async with await self.logs.open(session) as log:
            return Blobs(log.folder / kind)


@asynccontextmanager
async def serving(
    logs: Logs, settings: ServerSettings | None = None, pages: Path | None = None, about: About = ABOUT
) -> AsyncGenerator[World]:
    """A server in this event loop, ended with the block."""
    world = World(logs, Orchestrator(logs), Desks())
    app = build(world.orchestrator, logs, {"fake": world.desks}, about, settings or ServerSettings(), pages)  # type: ignore[arg-type, dict-item]
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # with it asyncio turns Nagle off
    listener.bind(("127.0.0.1", 0))
    world.port = listener.getsockname()[1]
    server = WebServer(app, listener, closing=1)
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    async with anyio.create_task_group() as tasks:
        await server.startup(sockets=[listener])
        tasks.start_soon(server.main_loop)
        try:
            async with httpx.AsyncClient(base_url=world.url, timeout=BOUND) as world.web:
                with anyio.fail_after(60):
                    yield world
        finally:
            server.should_exit = True
            with anyio.CancelScope(shield=True):
                await _shut_down(server)
            tasks.cancel_scope.cancel()


async def _shut_down(server: uvicorn.Server) -> None:
    """As uvicorn does it, which waits a moment even where there is nothing to wait for."""
    for _ in range(3):
        await anyio.lowlevel.checkpoint()  # closed connections are noticed
    if server.server_state.connections or server.server_state.tasks:
        await server.shutdown()
        return
    for listener in server.servers:
        listener.close()
    await server.lifespan.shutdown()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncGenerator[World]:
    async with serving(SqliteLogs(tmp_path)) as world:
        yield world
