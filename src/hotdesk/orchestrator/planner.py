"""The contract of a planner: one prompt → tasks, and what else to do as their results come.

A planner returns `Plan`s; `checked` makes any plan safe to put on the whiteboard: bounded in number, needs that exist and form no circle.
Raises `BrainError` when it cannot plan at all; the conductor then falls back to the prompt as one task.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from hotdesk.brains.base import Usage
from hotdesk.whiteboard import Whiteboard

TITLE_CHARS = 120
"""Longest title of a task; longer ones are cut."""


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """A task before it has an id. `needs` are positions (from 0) in the same plan, or ids of tasks on the whiteboard."""

    title: str
    instructions: str
    needs: tuple[int | str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """`says` is one sentence for a person about what will be done."""

    says: str
    tasks: Sequence[PlannedTask] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Rewording:
    """Another title and other instructions for a task that nobody has begun."""

    task: str
    title: str
    instructions: str


@dataclass(frozen=True, slots=True)
class Review:
    """What a completed task changes in the plan. `drop` gives ids of tasks that nobody has begun, each with the reason."""

    add: Sequence[PlannedTask] = ()
    drop: Mapping[str, str] = field(default_factory=dict)
    reword: Sequence[Rewording] = ()


class Planner(ABC):
    """Breaks a prompt into tasks. One planner serves one session."""

    name: ClassVar[str]

    def __init__(self) -> None:
        self.usage: list[Usage] = []
        """What its model calls have taken since somebody last looked, who empties it."""

    @abstractmethod
    async def plan(self, prompt: str, agents: int) -> Plan:
        """Tasks for the prompt. `agents` is a hint of how many can work at once, not a number of tasks to fill."""

    async def review(self, board: Whiteboard, task: str) -> Review:
        """`task` has just completed: what its result changes in the plan, usually nothing."""
        return Review()

    async def summary(self, board: Whiteboard) -> str | None:
        """Nothing is left to do: what the session came to, in words, each claim with the tasks or files it rests on. None: nothing to
        say beyond what the whiteboard says."""
        return None


class OneTask(Planner):
    """The prompt is the one task: for a desk to play with."""

    name = "one"

    async def plan(self, prompt: str, agents: int) -> Plan:
        return Plan("The prompt is one task.", [PlannedTask(prompt, prompt)])


def checked(tasks: Sequence[PlannedTask], known: Sequence[str], room: int) -> list[PlannedTask]:
    """The tasks that can stand on the whiteboard: at most `room`, with a title and instructions, each needing only earlier tasks of the
    same plan or `known` ones (so there is no circle). Positions of what was left out are mended."""
    kept: list[PlannedTask] = []
    position: dict[int, int] = {}
    for index, task in enumerate(tasks):
        title = " ".join(task.title.split())[:TITLE_CHARS]
        if not title or len(kept) >= room:
            continue
        needs: list[int | str] = []
        for need in task.needs:
            where = position.get(need) if isinstance(need, int) else need
            if where is not None and where not in needs and (isinstance(where, int) or where in known):
                needs.append(where)
        position[index] = len(kept)
        kept.append(replace(task, title=title, instructions=task.instructions.strip() or title, needs=tuple(needs)))
    return kept
