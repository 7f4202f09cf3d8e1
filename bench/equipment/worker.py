"""A worker at a desk: the real loop on the real log, in this process, for one task and one brain."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio

from hotdesk import events as ev
from hotdesk.brains.base import Brain, Entry, Piece, Tool
from hotdesk.brains.choose import choose_brain
from hotdesk.desks.base import DeskOptions, Desks
from hotdesk.logs.base import Log
from hotdesk.logs.sqlite import SqliteLogs
from hotdesk.settings import MindSettings
from hotdesk.worker.loop import Equipment, work

__all__ = ["CLAUDE", "DEDALUS", "FailedError", "Wrapped", "brain_at", "do_task"]

CLAUDE = "anthropic:claude-sonnet-5-5"
DEDALUS = "dedalus:anthropic/claude-sonnet-5-5"
STEPS = 1000


class FailedError(Exception):
    """The task of a benchmark did not end well, so there is nothing to measure."""


def brain_at(url: str, name: str) -> Brain:
    """The brain of this name, its vendor being the server at `url`; no key or setting of whoever runs this is used."""
    keys = {"ANTHROPIC_API_KEY": "test", "ANTHROPIC_BASE_URL": url, "DEDALUS_API_KEY": "test", "DEDALUS_BASE_URL": url}
    given: dict[str, Any] = {**keys, "brain": name, "planner": "one", "thinking": True, "dedalus_mcp_servers": (), "_env_file": None}
    return choose_brain(MindSettings(**given))


class Wrapped(Brain):
    """Another brain, and the history as it was given it last."""

    name = "wrapped"

    def __init__(self, brain: Brain) -> None:
        self.brain = brain
        self.history: Sequence[Entry] = ()
        self.tools: Sequence[Tool] = ()

    def prepare(self) -> None:
        self.brain.prepare()

    async def think(self, history: Sequence[Entry], tools: Sequence[Tool]) -> AsyncIterator[Piece]:
        self.history, self.tools = list(history), tools
        async for piece in self.brain.think(history, tools):
            yield piece


@asynccontextmanager
async def _session(folder: Path, prompt: str, title: str, instructions: str) -> AsyncIterator[Log]:
    async with await SqliteLogs(folder).create("bench") as log:
        limits = ev.Limits(steps=STEPS)
        await log.append(
            ev.SessionCreated(prompt=prompt, agents=1, planner="one", brain="bench", desks="bench", rehearsal=False, limits=limits),
            ev.SessionPlanned(says="One task.", tasks=1),
            ev.TaskCreated(task="t1", title=title, instructions=instructions),
            ev.AgentHired(agent="a1", name="Ada", engine="inprocess"),
            ev.TaskAssigned(agent="a1", task="t1", attempt=1),
        )
        yield log


async def do_task(
    folder: Path,
    desks: Desks,
    brain: Brain,
    *,
    prompt: str = "Do it.",
    title: str = "A task",
    instructions: str = "Do it.",
    settle_cap: float = 1.0,
) -> list[ev.Event]:
    """Have a worker do one task, then let it go; the session's events. Raises `FailedError`."""
    seen: list[ev.Event] = []
    async with _session(folder, prompt, title, instructions) as log, anyio.create_task_group() as tasks:
        tasks.start_soon(work, log, "a1", Equipment(desks, DeskOptions(internet="none"), brain, settle_cap, os.getpid()))
        async with log.follow() as events:
            async for event in events:
                seen.append(event)
                match event:
                    case ev.TaskFailed(reason=reason):
                        raise FailedError(reason)
                    case ev.TaskCompleted():
                        await log.append(ev.AgentDismissed(agent="a1", reason="No work remains."))
                    case ev.AgentTerminated():
                        break
    return seen
