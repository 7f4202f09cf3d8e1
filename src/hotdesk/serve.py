"""The composition root: builds every part of Hotdesk from the settings, starts them, and stops them in reverse.

`machine()` is everything but the web server, and is what `hotdesk run` uses; `serve()` puts the web server in front of it.
"""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from hotdesk import __version__
from hotdesk.brains.choose import BRAIN_LABELS, choose_brain
from hotdesk.desks.base import Desks
from hotdesk.desks.choose import DESK_LABELS, all_desks, desk_choices, desk_options
from hotdesk.engines.base import Engine
from hotdesk.engines.inprocess import InprocessEngine
from hotdesk.engines.local import LocalEngine
from hotdesk.errors import BadInput, DeskError, MissingRequirement
from hotdesk.logs.base import Log, Logs
from hotdesk.logs.sqlite import SqliteLogs
from hotdesk.models import check, choices, chosen_brain, chosen_planner
from hotdesk.orchestrator import Orchestrator
from hotdesk.orchestrator.choose import PLANNER_LABELS, choose_planner
from hotdesk.orchestrator.sessions import Cast, Casting
from hotdesk.settings import DataSettings, DeskSettings, MindSettings, ServerSettings, SessionSettings, environment, read

if TYPE_CHECKING:
    from hotdesk.asgi import WebServer
    from hotdesk.server.parts import About

__all__ = ["Machine", "Parts", "about", "machine", "notice", "serve"]

logger = logging.getLogger(__name__)

TRUSTED = 300.0
"""Seconds for which a model that answered is not asked again before a session."""

MOST_WARM = 4
"""Workers that are kept warm unless more are asked for."""

EXAMPLES = (
    "Write a research paper about the rise of Dedalus Labs",
    "Make a website for a small bakery",
    "Write a haiku about the sea, collect a table of the planets, and make a page about tea",
)


@dataclass(frozen=True, slots=True)
class Parts:
    """The settings of every part."""

    data: DataSettings
    server: ServerSettings
    session: SessionSettings
    desk: DeskSettings
    mind: MindSettings


@dataclass(frozen=True, slots=True)
class Machine:
    """What runs: the orchestrator and what it stands on."""

    orchestrator: Orchestrator
    logs: Logs
    desks: Mapping[str, Desks]
    """By name, all kinds of desks that a session can have."""
    parts: Parts


@asynccontextmanager
async def machine(parts: Parts, warm: int = 0) -> AsyncGenerator[Machine]:
    """Everything but the web server, with so many warm workers. Leaving it ends every session, worker and desk. Raises
    `MissingRequirement`, `BadInput`."""
    folder = parts.data.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise MissingRequirement(f"The data folder {folder} cannot be made ({error.strerror}).", "Set HOTDESK_DATA_DIR.") from error
    logs, desks = SqliteLogs(folder), all_desks(parts.desk)
    choose_brain(parts.mind)  # what cannot be had at all is said now, not at the first prompt
    choose_planner(parts.mind)

    async def clear(desk_id: str, provider: str) -> None:
        if provider in desks:
            await desks[provider].destroy(desk_id)

    engine = _engine(parts, desks[parts.desk.desks], warm)
    orchestrator = Orchestrator(logs, engine, _casting(parts, desks), parts.session, clear)
    await _sweep(desks.values())
    await orchestrator.recover()
    async with engine, orchestrator:
        yield Machine(orchestrator, logs, desks, parts)


async def _sweep(providers: Iterable[Desks]) -> None:
    """End the desks whose owners are gone. A provider that cannot be reached now is no reason not to start."""
    for provider in providers:
        try:
            await provider.sweep()
        except DeskError as error:
            logger.warning("Desks of %s that an earlier run may have left could not be looked for: %s", provider.name, error)


def _casting(parts: Parts, providers: Mapping[str, Desks]) -> Casting:
    """Who works a session, and where. A model is asked for a word before it is trusted with one, and a provider of desks elsewhere looked
    at, and then not again for `TRUSTED` seconds."""
    answered: dict[str, float] = {}

    async def cast(planner: str | None, brain: str | None, desks: str | None) -> Cast:
        where = desks or parts.desk.desks
        if where not in providers:
            raise BadInput(f"There are no desks «{where}» here; a session can have {' or '.join(providers)}.")
        if where != "local" and answered.get(where, -TRUSTED) + TRUSTED < time.monotonic():
            for finding in await providers[where].check():
                if finding.required and not finding.ok:
                    raise MissingRequirement(f"{finding.what}: {finding.seen}.", f"{finding.remedy} Nothing was begun.")
            answered[where] = time.monotonic()
        mind = read(MindSettings, planner=planner or parts.mind.planner, brain=brain or parts.mind.brain)
        for chosen in dict.fromkeys((mind.planner, mind.brain)):
            if answered.get(chosen, -TRUSTED) + TRUSTED < time.monotonic():
                found = await check(chosen, mind)
                if not found.ok:
                    raise MissingRequirement(found.says, "Nothing was begun.")
                answered[chosen] = time.monotonic()
        return Cast(choose_planner(mind), mind.planner, mind.brain, where, rehearsal=mind.brain == "rehearsal")

    return cast


def _engine(parts: Parts, desks: Desks, warm: int) -> Engine:
    if parts.session.engine == "local":
        surroundings = environment(parts.session, parts.desk, parts.mind)
        return LocalEngine(surroundings, warm, parts.desk.desks, desks.destroy, parts.session.forks)

    async def work_here(log: Log, agent: str) -> None:
        from hotdesk.worker.loop import Equipment, work  # noqa: PLC0415

        equipment = Equipment(
            desks,
            desk_options(parts.desk),
            choose_brain(parts.mind),
            parts.session.settle_cap,
            os.getpid(),
            further=parts.mind.further_servers(),
        )
        await work(log, agent, equipment)

    return InprocessEngine(work_here)


def _kept_warm(parts: Parts) -> int:
    """How many workers are kept warm. Where desks cost money, only as many as somebody has asked for."""
    if parts.session.warm is not None:
        return parts.session.warm
    return min(parts.session.max_agents, MOST_WARM) if parts.desk.desks == "local" else 0


def notice(parts: Parts) -> str | None:
    """What a person must know of who thinks: None if a model does."""
    if parts.mind.brain != "rehearsal":
        return None
    return (
        "This is a rehearsal: agents work at real desktops, but by a script, without a model. "
        "To give them a mind, set a key (DEDALUS_API_KEY, ANTHROPIC_API_KEY, OPENAI_API_KEY or GOOGLE_API_KEY) in the environment or in "
        ".env and start Hotdesk again."
    )


def _why(desk: DeskSettings) -> str:
    """Why these desks, in a sentence; empty where somebody said so."""
    return f"Chosen {desk.why}." if desk.why else ""


def about(parts: Parts) -> About:
    """What the page says is in use."""
    from hotdesk.server.parts import About, AgentsAbout, BrainAbout, Part  # noqa: PLC0415

    mind, desk, most = parts.mind, parts.desk.desks, parts.session.max_agents
    return About(
        version=__version__,
        planner=Part(name=mind.planner, label=PLANNER_LABELS[mind.planner], why=chosen_planner(mind).why),
        brain=BrainAbout(name=mind.brain, label=BRAIN_LABELS[mind.brain], why=chosen_brain(mind).why, rehearsal=mind.brain == "rehearsal"),
        desks=Part(name=desk, label=DESK_LABELS[desk], why=_why(parts.desk)),
        desk_choices=[Part(name=name, label=DESK_LABELS[name]) for name in desk_choices(parts.desk)],
        notice=notice(parts),
        agents=AgentsAbout(default=min(3, most), max=most),
        choices=choices(mind),
        prompt_chars=parts.session.prompt_chars,
        examples=list(EXAMPLES),
    )


def pages() -> Path | None:
    """The built web page: beside the package in a checkout."""
    built = Path(__file__).parents[2] / "web" / "out"
    return built if (built / "index.html").is_file() else None


async def serve(parts: Parts, started: Callable[[str], None], prompt: str | None = None) -> None:
    """Serve until a signal comes. `started(address)` is called when the server listens; with a `prompt` a session is begun first, and the
    address is its page's. Raises `MissingRequirement`, `BadInput`.
    """
    from hotdesk.asgi import WebServer  # noqa: PLC0415
    from hotdesk.server.app import build  # noqa: PLC0415

    settings = parts.server
    if settings.host not in ("127.0.0.1", "::1", "localhost") and settings.token is None:
        raise BadInput(
            f"To listen on {settings.host} a token is needed, since whoever reaches Hotdesk can use its desks. "
            "Set HOTDESK_TOKEN to at least 16 characters (for example the output of: openssl rand -hex 16)."
        )
    with _listening(settings.host, settings.port) as listener:
        async with machine(parts, _kept_warm(parts) if prompt is None else 0) as running:
            app = build(running.orchestrator, running.logs, running.desks, about(parts), settings, pages())
            server = WebServer(app, listener)
            where = address(settings, listener)
            if prompt is not None:
                where += f"session/{await running.orchestrator.submit(prompt, 1)}/?agent=a1"
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_stop_on_signal, server)
                await server.run_until_stopped(lambda: started(where))
                tasks.cancel_scope.cancel()


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket bound before anything else is started, so that a port in use costs nothing."""
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(where)
            yield listener
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            remedy = "Is Hotdesk running already? Stop it, or choose another port with --port."
            raise MissingRequirement(f"Port {port} on {host} is in use.", remedy) from error
        raise MissingRequirement(
            f"Hotdesk cannot listen on {host}:{port} ({error.strerror}).", "Choose another with --host, --port."
        ) from error


def address(settings: ServerSettings, listener: socket.socket) -> str:
    """What a person opens in the browser."""
    host = "[::1]" if settings.host == "::1" else settings.host
    return f"http://{host}:{listener.getsockname()[1]}/"


async def _stop_on_signal(server: WebServer) -> None:
    """The first signal stops in order, a second one does not wait for open connections."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            server.stop()


def describe(parts: Parts) -> list[str]:
    """What is in use, a line each, for the command line."""
    lines = [
        f"Planner: {PLANNER_LABELS[parts.mind.planner]}. {chosen_planner(parts.mind).why}",
        f"Brain: {BRAIN_LABELS[parts.mind.brain]}. {chosen_brain(parts.mind).why}",
        f"Desks: {DESK_LABELS[parts.desk.desks]} ({parts.desk.size}, internet: {parts.desk.internet}). {_why(parts.desk)}".rstrip(),
    ]
    return [*lines, words] if (words := notice(parts)) else lines
