"""What a person does with an agent: pause it, let it go on, tell it something, take its desk over and hand it back.

Promises: each of these is one event in the session's log, appended only while this server conducts the session and only where it makes
sense; otherwise it is a `Conflict` and nothing happened. What is done to a session's agents is done one after another, so that the log and
the controls agree.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from hotdesk.errors import Conflict
from hotdesk.events import AgentPaused, AgentReleased, AgentResumed, AgentSteered, AgentTaken, Event
from hotdesk.server.controls import Control
from hotdesk.server.parts import Parts, Use
from hotdesk.server.problems import NotOpen, TakenByAnother
from hotdesk.server.sessions import PROBLEMS
from hotdesk.whiteboard import AgentState

__all__ = ["router"]

STEER_CHARS = 10_000
"""Longest thing an agent is told at once."""

router = APIRouter(prefix="/api/sessions/{session}/agents/{agent}", responses=PROBLEMS, tags=["agents"])


class Steer(BaseModel):
    text: Annotated[str, Field(min_length=1, max_length=STEER_CHARS)]


class Take(BaseModel):
    by: Annotated[str, Field(min_length=1, max_length=200)]
    """A name for the person's browser tab."""
    steal: bool = False


class Release(BaseModel):
    control: Annotated[str, Field(max_length=200)] = ""


class Taken(BaseModel):
    control: str
    """The secret: open the screen with it, release with it."""


@router.post("/pause", status_code=204)
async def pause(parts: Use, session: str, agent: str) -> Response:
    """Let the agent finish the action under way and wait."""
    async with _turn(parts, session):
        state = await _open(parts, session, agent)
        if state.paused:
            raise Conflict(f"{state.name} is paused already.")
        await _append(parts, session, AgentPaused(agent=agent))
    return Response(status_code=204)


@router.post("/resume", status_code=204)
async def resume(parts: Use, session: str, agent: str) -> Response:
    """Let a paused agent go on."""
    async with _turn(parts, session):
        state = await _open(parts, session, agent)
        if not state.paused:
            raise Conflict(f"{state.name} is not paused.")
        await _append(parts, session, AgentResumed(agent=agent))
    return Response(status_code=204)


@router.post("/steer", status_code=204)
async def steer(parts: Use, session: str, agent: str, what: Steer) -> Response:
    """Tell the agent something; it reads it before its next step."""
    async with _turn(parts, session):
        await _open(parts, session, agent)
        await _append(parts, session, AgentSteered(agent=agent, text=what.text))
    return Response(status_code=204)


@router.post("/take")
async def take(parts: Use, session: str, agent: str, who: Take) -> Taken:
    """Take the desk over: clicks and keys go through, the agent waits."""
    controls = parts.controls
    async with _turn(parts, session):
        state = await _open(parts, session, agent)
        if (holder := controls.held(session, agent)) and not who.steal:
            raise TakenByAnother(f"{state.name}'s desk is in the hands of {holder.by}; it can be taken from them.")
        await _append(parts, session, AgentTaken(agent=agent, by=who.by))
        control = Control(by=who.by)
        controls.give(session, agent, control)
    return Taken(control=control.secret)


@router.post("/release", status_code=204)
async def release(parts: Use, session: str, agent: str, what: Release) -> Response:
    """Hand the desk back to the agent."""
    controls = parts.controls
    async with _turn(parts, session):
        holder = controls.held(session, agent)
        try:
            state = await _open(parts, session, agent)
        except Conflict:
            controls.end(session, agent)
            raise
        if holder is not None and controls.by_secret(session, agent, what.control) is None:
            raise TakenByAnother(f"{state.name}'s desk is in the hands of {holder.by}.")
        if holder is None and state.taken_by is None:
            raise Conflict(f"Nobody has taken {state.name}'s desk.")
        controls.end(session, agent)  # before the agent hears of it: what is typed from here on would be typed into its work
        await _append(parts, session, AgentReleased(agent=agent, by=holder.by if holder else state.taken_by or ""))
    return Response(status_code=204)


@asynccontextmanager
async def _turn(parts: Parts, session: str) -> AsyncGenerator[None]:
    await parts.boards.folder(session)  # raises NotFound before anything is kept for it
    async with parts.controls.turns[session]:
        yield


async def _open(parts: Parts, session: str, agent: str) -> AgentState:
    """The agent, if its desk is open and the session is under way here. Raises `NotFound`, `Conflict`."""
    board = await parts.boards.board(session)
    state = await parts.boards.agent(session, agent)
    if board.status == "complete":
        raise Conflict("This session is complete.")
    if session not in parts.orchestrator.conducting:
        raise Conflict("This session is not conducted by this server.")
    if not state.alive:
        raise NotOpen(f"{state.name}'s work has ended and its desk is gone.")
    if state.ready_at is None:
        raise NotOpen(f"{state.name}'s desk is still being opened.")
    return state


async def _append(parts: Parts, session: str, event: Event) -> None:
    async with await parts.logs.open(session) as log:
        await log.append(event)
