"""Hotdesk's server in a process of its own, and peers' ways of the same: `python -m bench.equipment.web KIND DATA_FOLDER [SCREEN_SOCKET]`.

- `hotdesk`: the whole app (guard, API, Socket.IO, gateway) as `hotdesk serve` runs it, on logs in DATA_FOLDER; every desk's screen is what
  listens at SCREEN_SOCKET, or, where none is given, that of local desks in `DATA_FOLDER/r`.
- `each`: sends a session's events one emit each, as peers do. `poll`: looks at the file of the log every 500 ms. `pipe`: reads what workers
  print, from the standard input, and emits it. All three with the same Socket.IO and web server.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import socketio  # type: ignore[import-untyped]
from anyio.abc import Process, SocketStream

from hotdesk import events as ev
from hotdesk.asgi import WebServer
from hotdesk.desks.local import LocalDesks
from hotdesk.logs.sqlite import SqliteLogs
from hotdesk.serve import pages
from hotdesk.server import About, AgentsAbout, BrainAbout, Part, build
from hotdesk.settings import ServerSettings

__all__ = ["Serving", "begun", "web"]

POLL = 0.5
_REHEARSAL = "rehearsal"


@dataclass(frozen=True, slots=True)
class Serving:
    port: int
    process: Process

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def web(kind: str, data: Path, screen: Path | None = None) -> AsyncIterator[Serving]:
    """Serve until left."""
    command = [sys.executable, "-m", "bench.equipment.web", kind, str(data), *([str(screen)] if screen else [])]
    process = await anyio.open_process(command, stdin=subprocess.PIPE, stderr=None)
    try:
        if process.stdout is None:
            raise RuntimeError("it has a standard output")
        yield Serving(int(await process.stdout.receive()), process)
    finally:
        with anyio.CancelScope(shield=True):
            if process.returncode is None:
                process.kill()
            await process.aclose()


def begun(desks: str = "local", desk: str = "desk") -> list[ev.Event]:
    """The first events of a session with one agent at a desk."""
    return [
        ev.SessionCreated(prompt="Measure.", agents=1, planner=_REHEARSAL, brain=_REHEARSAL, desks=desks, rehearsal=True),
        ev.SessionPlanned(says="One task.", tasks=1),
        ev.TaskCreated(task="t1", title="A task", instructions="Do it."),
        ev.AgentHired(agent="a1", name="Ada", engine="local"),
        ev.AgentReady(agent="a1", pid=1, desk=desk, provider=desks, width=1280, height=800, seconds=0.1),
        ev.TaskAssigned(agent="a1", task="t1", attempt=1),
    ]


# In the process of its own ------------------------------------------------------------------------------------------------------------


class _Screens:
    """Desks whose every screen is one that listens at a socket."""

    name = "local"

    def __init__(self, path: str) -> None:
        self._path = path

    @asynccontextmanager
    async def view(self, _: str) -> AsyncIterator[SocketStream]:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self._path)
        connection.setblocking(False)
        async with await SocketStream.from_socket(connection) as stream:  # as local desks do it
            yield stream


class _Nobody:
    """In the orchestrator's place: says that it conducts the first session, and conducts nothing."""

    conducting: frozenset[str] = frozenset({"s1"})


def _hotdesk(data: Path, screen: str | None) -> Any:
    part = Part(name=_REHEARSAL, label="Rehearsal")
    about = About(
        version="0",
        planner=part,
        brain=BrainAbout(name=_REHEARSAL, label="Rehearsal", rehearsal=True),
        desks=Part(name="local", label="Local desks"),
        agents=AgentsAbout(default=3, max=4),
        prompt_chars=20_000,
        examples=[],
    )
    desks: Mapping[str, Any] = {"local": _Screens(screen) if screen else LocalDesks(data / "r")}
    nobody: Any = _Nobody()
    return build(nobody, SqliteLogs(data), desks, about, ServerSettings(), pages())


def _peer(kind: str, data: Path) -> Any:
    server = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins=[])

    async def join(client: str, said: dict[str, Any]) -> dict[str, Any]:
        if kind == "each":
            async with await SqliteLogs(data).open(said["session"]) as log:
                for event in await log.read():
                    await server.emit(event.model_dump()["type"], event.model_dump(mode="json"), to=client)
        else:
            server.start_background_task(_polling if kind == "poll" else _piping, server, data / "sessions" / said["session"])
        return {"events": [], "last": 0}

    server.on("session:join", join)
    return socketio.ASGIApp(server)


async def _polling(server: Any, folder: Path) -> None:
    """A JSON file, looked at every so often."""
    seen = 0
    async with await SqliteLogs(folder.parent.parent).open(folder.name) as log:
        while True:
            for event in await log.read(seen):
                seen = event.seq
                await server.emit("agent:reasoning", event.model_dump(mode="json"))
            await anyio.sleep(POLL)


async def _piping(server: Any, _: Path) -> None:
    """What this process is told on its standard input, line by line."""
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(0, "rb"))
    async for line in reader:
        await server.emit("agent:reasoning", json.loads(line))


async def _serve(kind: str, data: Path, screen: str | None) -> None:
    app = _hotdesk(data, screen) if kind == "hotdesk" else _peer(kind, data)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(2048)
        await WebServer(app, listener).run_until_stopped(lambda: print(listener.getsockname()[1], flush=True))


if __name__ == "__main__":
    anyio.run(_serve, sys.argv[1], Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None, backend_options={"use_uvloop": True})
