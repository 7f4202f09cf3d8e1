"""The parts the routes work with, and what the server says about itself.

`Parts` is put together once, by `build`; a route asks for it with `parts: Use`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel
from starlette.requests import HTTPConnection

from hotdesk.desks.base import Desks
from hotdesk.logs.base import Logs
from hotdesk.orchestrator import Orchestrator
from hotdesk.server.boards import Boards
from hotdesk.server.controls import Controls

__all__ = ["About", "AgentsAbout", "BrainAbout", "Part", "Parts", "Use"]


class Part(BaseModel):
    """One adapter in use: its name in the settings, and what a person calls it."""

    name: str
    label: str
    why: str = ""
    """Why this one, in a sentence."""


class BrainAbout(Part):
    rehearsal: bool
    """True if no model is at work."""


class AgentsAbout(BaseModel):
    """How many agents a session may have."""

    default: int
    max: int


class About(BaseModel):
    """What is in use here."""

    version: str
    planner: Part
    brain: BrainAbout
    desks: Part
    notice: str | None = None
    """What a person should know before they begin (that this is a rehearsal, say)."""
    agents: AgentsAbout
    choices: list[str] = []
    """Names of planners and brains that can be chosen for a session; others can be given too."""
    desk_choices: list[Part] = []
    """The desks that can be chosen for a session."""
    prompt_chars: int
    examples: list[str] = []


@dataclass(frozen=True, slots=True)
class Parts:
    orchestrator: Orchestrator
    logs: Logs
    desks: Mapping[str, Desks]
    about: About
    boards: Boards
    controls: Controls


def _parts(connection: HTTPConnection) -> Parts:
    parts: Parts = connection.app.state.parts
    return parts


Use = Annotated[Parts, Depends(_parts)]
"""How a route asks for the parts."""
