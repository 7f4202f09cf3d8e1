"""The contract of a brain: given what has happened and what can be done, what next?

A brain has no state of its own between two calls of `think`: the history is all it knows, so an agent can be paused, handed to a
person, or begun again, and the brain goes on from there. `think` streams pieces of reasoning as they arrive and ends with exactly one
`Decision`. The loop around it (steps, budgets, tools, frames) is the worker's and the same for every brain.

Raises `BrainError` with a sentence when the model cannot go on; every vendor's exception is translated into it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from hotdesk.errors import BrainError

__all__ = [
    "Brain",
    "Decision",
    "Entry",
    "Given",
    "Note",
    "Picture",
    "Piece",
    "Reasoning",
    "Result",
    "Tool",
    "ToolCall",
    "Turn",
    "Unavailable",
    "Usage",
    "Waiting",
]


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame of the desk for the brain, pixels one to one with coordinates."""

    data: bytes
    media_type: str
    width: int
    height: int
    digest: str


@dataclass(frozen=True, slots=True)
class Tool:
    """What the brain may call: an MCP tool's name, description and JSON schema of its arguments."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call the brain wants made. `id` is unique within the history."""

    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Given:
    """First entry: the task, and the files of the tasks it needed, which lie in the folder `inputs` on the desk."""

    task: str
    title: str
    instructions: str
    prompt: str
    attempt: int = 1
    inputs: tuple[str, ...] = ()
    results: Mapping[str, str] = field(default_factory=dict)
    """What the needed tasks' agents said they did, by title."""
    picture: Picture | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """What the brain thought and decided in an earlier step."""

    reasoning: str
    calls: tuple[ToolCall, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one call. `error`: it could not be done. `interrupted`: it was not done, since a person stepped in."""

    call: str
    text: str
    error: bool = False
    interrupted: bool = False
    picture: Picture | None = None
    """The screen after it, unless it is as in the entry before."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something a person said or did meanwhile."""

    text: str
    picture: Picture | None = None


Entry = Given | Turn | Result | Note


@dataclass(frozen=True, slots=True)
class Reasoning:
    """A piece of raw reasoning, in the order it came."""

    text: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """The model's service keeps us waiting; `says` is for a person («Waiting for Claude, 12 s: it is overloaded»)."""

    says: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What one model call took. `input` counts all prompt tokens, `cached` those of them that were read from a cache, `written` those that
    were written to one. `dollars` is None where the price is not known, never 0 for that."""

    model: str
    input: int = 0
    cached: int = 0
    written: int = 0
    output: int = 0
    dollars: float | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The end of a turn: calls to make in order, or, with none, the task's end: `done` says what was done, `failed` why it was not.
    `usage` has an entry for each model call that the turn took."""

    calls: tuple[ToolCall, ...] = ()
    done: str | None = None
    failed: str | None = None
    usage: tuple[Usage, ...] = ()


Piece = Reasoning | Waiting | Decision
"""What `think` streams."""


class Unavailable(BrainError):
    """The model cannot be had now; another may be. `usage`: what was spent on it before that was clear."""

    def __init__(self, sentence: str, usage: Sequence[Usage] = ()) -> None:
        super().__init__(sentence)
        self.usage = tuple(usage)


class Brain(ABC):
    """Who decides an agent's next actions."""

    name: ClassVar[str]

    def prepare(self) -> None:
        """Import what `think` will need; may take seconds, is called in a thread while the desk opens."""
        return

    @abstractmethod
    def think(self, history: Sequence[Entry], tools: Sequence[Tool]) -> AsyncIterator[Piece]:
        """Stream reasoning (and waiting), then one `Decision`."""
