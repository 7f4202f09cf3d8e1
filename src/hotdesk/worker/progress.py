"""Is the agent getting anywhere? Pure: told each step's calls and the frame after them, says when it goes round in circles.

A step is a repetition if the same calls led to the same frame as a step before it. The same step again and again, or a cycle of up to
`LONGEST` steps gone through again and again, is no progress: after `NUDGE` rounds the brain is told, after `GIVE_UP` rounds it is over.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import Enum

from hotdesk.brains.base import ToolCall

__all__ = ["GIVE_UP", "NUDGE", "NUDGING", "PATIENCE", "Progress", "Verdict"]

LONGEST = 4
"""Steps in the longest cycle that is looked for."""
NUDGE = 3
GIVE_UP = 6
"""Rounds: how often the same has been done when the brain is told, and when the attempt ends."""

PATIENCE = 3
"""Times as many rounds are allowed where the agent only looks and waits: something may be on its way."""

NUDGING = (
    "You have done the same {rounds} times and the screen is as before each time. It does not work. "
    "Look closely at the screen, think of what is different from what you expect, and try another way."
)

_LOOKING = frozenset({"list_files", "read_file", "screenshot", "wait", "zoom"})


class Verdict(Enum):
    FINE = "fine"
    NUDGE = "nudge"
    GIVE_UP = "give up"


class Progress:
    """Of one attempt at one task."""

    def __init__(self) -> None:
        self._steps: list[tuple[str, str]] = []
        self.rounds = 0
        """How often the last step, or the cycle it ends, has been gone through without a difference."""

    def step(self, calls: Sequence[ToolCall], frame: str) -> Verdict:
        """A step was done, and `frame` (content hash) is what the screen shows now."""
        self._steps.append((_key(calls), frame))
        del self._steps[: -LONGEST * GIVE_UP * PATIENCE]
        patience = PATIENCE if all(call.name in _LOOKING for call in calls) else 1
        self.rounds = max(_rounds(self._steps, length) for length in range(1, LONGEST + 1))
        if self.rounds >= GIVE_UP * patience:
            return Verdict.GIVE_UP
        return Verdict.NUDGE if self.rounds == NUDGE * patience else Verdict.FINE


def _key(calls: Sequence[ToolCall]) -> str:
    return json.dumps([[call.name, dict(call.arguments)] for call in calls], sort_keys=True, default=str)


def _rounds(steps: Sequence[tuple[str, str]], length: int) -> int:
    """How often the last `length` steps stand one after another at the end."""
    last, count = steps[-length:], 0
    while len(last) == length and list(steps[-length * (count + 1) : len(steps) - length * count]) == list(last):
        count += 1
    return count
