"""All sessions this process conducts: begins them, stops them, and brings to an end what an earlier process left open.

An `Orchestrator` is entered with `async with`; leaving it stops every session in order (agents put their work down, desks are closed, the
logs get their last event) within `STOPPING` seconds, and then by force.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Self

import anyio
from anyio.abc import TaskGroup

from hotdesk import events as ev
from hotdesk.engines.base import GRACE, Engine
from hotdesk.errors import BadInput, Conflict, LogError, SessionBusy
from hotdesk.events import SERVER_STOPS
from hotdesk.logs.base import Log, Logs
from hotdesk.orchestrator.conductor import Conductor, close, desk_of
from hotdesk.orchestrator.planner import Planner
from hotdesk.settings import SessionSettings
from hotdesk.whiteboard import fold_all

__all__ = ["Cast", "Casting", "Clear", "Orchestrator"]

STOPPING = GRACE + 4.0
"""Seconds all sessions have to end in order when the orchestrator is left."""

LATE = 100
"""Events that a worker which outlived its session may have said after `session:complete`."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Cast:
    """Who works one session: its planner, and the names that its first event says."""

    planner: Planner
    planner_name: str
    brain_name: str
    desks_name: str
    rehearsal: bool


Casting = Callable[[str | None, str | None, str | None], Awaitable[Cast]]
"""Given what the person chose as planner, brain and desks (None: what the settings say), who works the session, and where. Raises
`BadInput` for a name that cannot be, `MissingRequirement` with a sentence where a key is missing or wrong: before any desk is opened."""

Clear = Callable[[str, str], Awaitable[object]]
"""Destroys the desk with an id, of a provider with a name, that a lost worker may have left."""


class Orchestrator:
    def __init__(
        self,
        logs: Logs,
        engine: Engine,
        casting: Casting,
        settings: SessionSettings,
        clear: Clear,
    ) -> None:
        self._logs = logs
        self._engine = engine
        self._casting = casting
        self._settings = settings
        self._clear = clear
        self._tasks: TaskGroup = anyio.create_task_group()
        self._conducting: dict[str, anyio.Event] = {}

    @property
    def conducting(self) -> frozenset[str]:
        """Ids of the sessions under way in this process."""
        return frozenset(self._conducting)

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> bool | None:
        with anyio.CancelScope(shield=True), anyio.move_on_after(STOPPING):
            async with anyio.create_task_group() as stopping:
                for session in self._conducting:
                    stopping.start_soon(self._end, session)
        self._tasks.cancel_scope.cancel()
        return await self._tasks.__aexit__(None, None, None)

    async def _end(self, session: str) -> None:
        over = self._conducting.get(session)
        if over is not None:
            async with await self._logs.open(session) as log:
                await log.append(ev.SessionStopping(reason=SERVER_STOPS, by="server"))
            await over.wait()

    async def submit(self, prompt: str, agents: int, planner: str | None = None, brain: str | None = None, desks: str | None = None) -> str:
        """Begin a session; returns its id once its first event is in the log. Raises `BadInput`, `MissingRequirement`, `LogError`."""
        text, most = prompt.strip(), self._settings.prompt_chars
        if not text:
            raise BadInput("The prompt is empty. Say what you want done.")
        if len(text) > most:
            raise BadInput(f"The prompt has {len(text):,} characters; at most {most:,} are taken. Shorten it.")
        if "\0" in text:
            raise BadInput("The prompt has a null character in it, which is no text.")
        if not 1 <= agents <= self._settings.max_agents:
            raise BadInput(f"A session has 1 to {self._settings.max_agents} agents, not {agents}.")
        cast = await self._casting(planner, brain, desks)
        session = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"
        log = await self._logs.create(session)
        try:
            await log.append(
                ev.SessionCreated(
                    prompt=text,
                    agents=agents,
                    planner=cast.planner_name,
                    brain=cast.brain_name,
                    desks=cast.desks_name,
                    rehearsal=cast.rehearsal,
                    limits=ev.Limits(
                        steps=self._settings.max_steps,
                        attempts=self._settings.attempts,
                        agents=self._settings.max_agents,
                        tasks=self._settings.max_tasks,
                        minutes=self._settings.max_minutes,
                        tokens=self._settings.max_tokens,
                        dollars=self._settings.max_dollars,
                        all_steps=self._settings.all_steps,
                        task_minutes=self._settings.task_minutes,
                        task_tokens=self._settings.task_tokens,
                        task_dollars=self._settings.task_dollars,
                    ),
                )
            )
        except LogError:
            await log.aclose()
            raise
        self._conducting[session] = anyio.Event()
        self._tasks.start_soon(self._conduct, log, cast.planner)
        return session

    async def _conduct(self, log: Log, planner: Planner) -> None:
        """One session from here to its end; what goes wrong in it is its own affair."""
        try:
            async with log:
                await Conductor(log, self._engine, planner, self._clear).conduct()
        except Exception:
            logger.exception("Session %s ended with an error.", log.session)
        finally:
            self._conducting.pop(log.session).set()

    async def stop(self, session: str, reason: str = "A person stopped the session.") -> None:
        """Ask for the end of a session. Raises `NotFound`, `Conflict` if it has ended or is ending."""
        async with await self._logs.open(session) as log:
            board = fold_all(await log.read())
            if board.status == "complete":
                raise Conflict("This session is complete already.")
            if board.status == "stopping":
                raise Conflict("This session is stopping already.")
            if session not in self._conducting:
                raise Conflict("This session is not conducted by this server.")
            await log.append(ev.SessionStopping(reason=reason, by="person"))

    async def over(self, session: str) -> None:
        """Wait until a session of this process has ended."""
        if over := self._conducting.get(session):
            await over.wait()

    async def recover(self) -> list[str]:
        """Bring the sessions that a process left open when it died to an honest end; returns their ids.

        Their workers noticed the loss themselves and are gone, or about to be; desks are cleared here.
        """
        ended = []
        for session in await self._logs.sessions():
            async with await self._logs.open(session) as log:
                if await self._recover(log):
                    ended.append(session)
        return ended

    async def _recover(self, log: Log) -> bool:
        end = await log.read(after=max(0, await log.last() - LATE))
        if any(isinstance(event, ev.SessionComplete) for event in end):
            return False
        try:
            with log.conduct():
                board = fold_all(await log.read())
                for agent in board.agents.values():
                    await self._clear(agent.desk or desk_of(log.session, agent.id), board.desks)
                await close(log, board)
        except SessionBusy:
            return False
        except LogError:
            logger.exception("Session %s could not be brought to an end.", log.session)
            return False
        return True
