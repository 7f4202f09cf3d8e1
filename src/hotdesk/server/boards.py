"""Whiteboards and cards, kept folded: a session that is asked for again costs only what has happened since.

Promises: `board`, `opening` and `card` say what the log says at the moment of the call. At most `KEPT` whiteboards are held; the card of a
complete session is read from the two ends of its log and never again.
"""

from __future__ import annotations

import logging
from collections import OrderedDict, deque
from contextlib import suppress
from pathlib import Path

import anyio
import anyio.lowlevel
from pydantic import BaseModel

from hotdesk.errors import LogError, NotFound
from hotdesk.events import Event, Outcome, SessionComplete, SessionCreated
from hotdesk.logs.base import Log, Logs
from hotdesk.server.problems import NoSuchAgent
from hotdesk.whiteboard import AgentState, SessionStatus, Whiteboard, fold_all

__all__ = ["Boards", "SessionCard", "TaskCounts"]

KEPT = 128
"""Whiteboards held at one time."""
SLICE = 500
"""Events sent in one go; and at least so many stand in an opening."""
FOLDED = 100
"""Events folded in one go (a millisecond), so that a long log does not hold up the others: the files of the page that asks for it, say."""
LATE = 100
"""Events that workers which outlived their session may have said after its last."""

logger = logging.getLogger(__name__)


class TaskCounts(BaseModel):
    total: int
    completed: int
    failed: int


class SessionCard(BaseModel):
    """A session in a list."""

    id: str
    prompt: str
    status: SessionStatus
    outcome: Outcome | None
    created_at: float
    ended_at: float | None
    tasks: TaskCounts
    agents: int
    artifacts: int


class _Kept:
    def __init__(self) -> None:
        self.board = Whiteboard()
        self.folding = anyio.Lock()
        self.marks = deque([self.board], maxlen=2)
        """The whiteboard as it stood at two times before, `SLICE` events or more apart: it is never changed, so keeping it is free."""


class Boards:
    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._cards: dict[str, SessionCard] = {}
        self._folders: dict[str, Path] = {}

    async def board(self, session: str) -> Whiteboard:
        """The session as it stands. Raises `NotFound`, `LogError`."""
        async with await self._logs.open(session) as log:
            return (await self._fold(session, log)).board

    async def opening(self, session: str) -> tuple[Whiteboard, list[Event]]:
        """What to show first of a session, however long: the whiteboard as it stood some `SLICE` events ago (empty, if there are not so
        many), and the events since. Raises `NotFound`, `LogError`."""
        async with await self._logs.open(session) as log:
            before = (await self._fold(session, log)).marks[0]
            return before, await log.read(before.last)

    async def expect(self, session: str) -> None:
        """Somebody is about to look at the session: fold it now, if it can be."""
        with suppress(NotFound, LogError):
            await self.opening(session)

    async def agent(self, session: str, agent: str) -> AgentState:
        """One agent as it stands. Raises `NotFound`, `LogError`."""
        board = await self.board(session)
        if agent not in board.agents:
            raise NoSuchAgent(f"Session {session} has no agent {agent}.")
        return board.agents[agent]

    async def folder(self, session: str) -> Path:
        """The session's folder. Raises `NotFound`."""
        if session not in self._folders:
            async with await self._logs.open(session) as log:
                self._folders[session] = log.folder
        return self._folders[session]

    async def cards(self) -> list[SessionCard]:
        """All sessions, newest first. One whose log cannot be read is left out, and said so in the server's log."""
        cards = []
        for session in await self._logs.sessions():
            try:
                cards.append(await self._card(session))
            except (NotFound, LogError) as error:
                logger.warning("Session %s is left out of the list: %s", session, error)
        return cards

    async def _card(self, session: str) -> SessionCard:
        if session in self._cards:
            return self._cards[session]
        async with await self._logs.open(session) as log:
            card = None if session in self._kept else await _complete(log)
            if card is None:
                card = _card_of((await self._fold(session, log)).board, session)
        if card.status == "complete":
            self._cards[session] = card
        return card

    async def _fold(self, session: str, log: Log) -> _Kept:
        kept = self._kept.setdefault(session, _Kept())
        self._kept.move_to_end(session)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        async with kept.folding:
            while some := await log.read(kept.board.last, FOLDED):
                kept.board = fold_all(some, kept.board)
                if kept.board.last - kept.marks[-1].last >= SLICE:
                    kept.marks.append(kept.board)
                await anyio.lowlevel.checkpoint()
            return kept


async def _complete(log: Log) -> SessionCard | None:
    """The card of a complete session from its first and last events; None if it is under way."""
    first, last = await log.read(limit=1), await log.last()
    tail = await log.read(max(0, last - LATE))
    end = next((event for event in reversed(tail) if isinstance(event, SessionComplete)), None)
    if end is None or not first or not isinstance(first[0], SessionCreated):
        return None
    done = sum(task.status == "completed" for task in end.summary.tasks)
    return SessionCard(
        id=log.session,
        prompt=first[0].prompt,
        status="complete",
        outcome=end.outcome,
        created_at=first[0].at,
        ended_at=end.at,
        tasks=TaskCounts(total=len(end.summary.tasks), completed=done, failed=len(end.summary.tasks) - done),
        agents=len(end.summary.agents),
        artifacts=len(end.summary.artifacts),
    )


def _card_of(board: Whiteboard, session: str) -> SessionCard:
    states = [task.status for task in board.tasks.values()]
    return SessionCard(
        id=session,
        prompt=board.prompt,
        status=board.status,
        outcome=board.outcome,
        created_at=board.created_at,
        ended_at=board.ended_at,
        tasks=TaskCounts(total=len(states), completed=states.count("completed"), failed=states.count("failed")),
        agents=len(board.agents),
        artifacts=len(board.artifacts) if board.summary is None else len(board.summary.artifacts),
    )
