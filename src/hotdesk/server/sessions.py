"""The routes of a session as a whole: begin, list, look, read its events, stop.

Promises: what is answered is what the log says. A long log is sent in slices, never held as a whole.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from hotdesk.events import AnyEvent, Event
from hotdesk.logs.base import Logs
from hotdesk.server.boards import SLICE, SessionCard
from hotdesk.server.parts import About, Use
from hotdesk.server.problems import Problem
from hotdesk.whiteboard import Whiteboard

__all__ = ["PROBLEMS", "Events", "router"]

JSON = "application/json"
PROBLEMS: dict[int | str, dict[str, Any]] = {"default": {"model": Problem, "description": "What went wrong, in one sentence"}}

router = APIRouter(responses=PROBLEMS)


class Health(BaseModel):
    ok: bool
    version: str


class NewSession(BaseModel):
    prompt: str
    agents: int | None = None
    """How many agents to have at work; the server's default if left out."""
    planner: Annotated[str | None, Field(max_length=500)] = None
    """Who plans this session, as HOTDESK_PLANNER; what the server uses if left out."""
    brain: Annotated[str | None, Field(max_length=500)] = None
    """Who thinks for its agents, as HOTDESK_BRAIN; what the server uses if left out."""
    desks: Annotated[str | None, Field(max_length=100)] = None
    """Which desks its agents get, as HOTDESK_DESKS; what the server uses if left out."""


class SessionId(BaseModel):
    id: str


class SessionList(BaseModel):
    sessions: list[SessionCard]


class Events(BaseModel):
    events: list[AnyEvent]
    last: int
    """The highest `seq` there is; ask for what comes `after` it."""


class Opening(BaseModel):
    """A session as it stands, and the end of what led to it."""

    board: Whiteboard
    """As it stood after the event `board.last`."""
    events: list[AnyEvent]
    """All events since then; those before are in the log."""
    last: int


@router.get("/healthz", tags=["server"])
async def healthz(parts: Use) -> Health:
    """Is the server there?"""
    return Health(ok=True, version=parts.about.version)


@router.get("/api/about", tags=["server"])
async def about(parts: Use) -> About:
    """What is in use."""
    return parts.about


@router.post("/api/sessions", status_code=201, tags=["sessions"])
async def begin(parts: Use, new: NewSession, response: Response) -> SessionId:
    """Begin a session with a prompt."""
    agents = parts.about.agents.default if new.agents is None else new.agents
    session = await parts.orchestrator.submit(new.prompt, agents, new.planner, new.brain, new.desks)
    response.headers["Location"] = f"/session/{session}/"
    return SessionId(id=session)


@router.get("/api/sessions", tags=["sessions"])
async def sessions(parts: Use) -> SessionList:
    """All sessions, newest first."""
    return SessionList(sessions=await parts.boards.cards())


@router.get("/api/sessions/{session}", response_model=Whiteboard, tags=["sessions"])
async def session(parts: Use, session: str) -> Response:
    """The whiteboard: the session as it stands."""
    board = await parts.boards.board(session)
    return Response(board.model_dump_json(), media_type=JSON)


@router.get("/api/sessions/{session}/opening", response_model=Opening, tags=["sessions"])
async def opening(parts: Use, session: str) -> Response:
    """What a page shows first: the whiteboard as it stood a while ago, and every event since."""
    board, events = await parts.boards.opening(session)
    last = events[-1].seq if events else board.last
    return Response(f'{{"board":{board.model_dump_json()},"events":[{_listed(events)}],"last":{last}}}', media_type=JSON)


@router.get("/api/sessions/{session}/events", response_model=Events, tags=["sessions"])
async def events(
    parts: Use, session: str, after: Annotated[int, Query(ge=0)] = 0, until: Annotated[int | None, Query(ge=0)] = None
) -> Response:
    """What happened after the event number `after`, up to the number `until` or to the end."""
    async with await parts.logs.open(session) as log:
        first = await log.read(after, _size(after, until))
    return StreamingResponse(_events(parts.logs, session, first, after, until), media_type=JSON)


async def _events(logs: Logs, session: str, first: list[Event], after: int, until: int | None) -> AsyncIterator[str]:
    yield '{"events":[' + _listed(first)
    if len(first) == SLICE:
        async with await logs.open(session) as log:
            while some := await log.read(first[-1].seq, _size(first[-1].seq, until)):
                yield "," + _listed(some)
                first = some
    yield f'],"last":{first[-1].seq if first else after}}}'


def _size(after: int, until: int | None) -> int:
    """How many events to read next."""
    return SLICE if until is None else max(0, min(SLICE, until - after))


def _listed(events: list[Event]) -> str:
    return ",".join(event.model_dump_json() for event in events)


@router.post("/api/sessions/{session}/stop", status_code=202, tags=["sessions"])
async def stop(parts: Use, session: str) -> Response:
    """Ask for the end: agents put down what they hold."""
    await parts.orchestrator.stop(session)
    return Response(status_code=202)
