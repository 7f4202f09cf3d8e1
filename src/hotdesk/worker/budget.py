"""What one attempt at one task may take, and what it has taken: steps, minutes of work, tokens, dollars."""

from __future__ import annotations

from collections.abc import Sequence

from hotdesk.brains.base import Usage
from hotdesk.events import Limits

__all__ = ["Budget"]


class Budget:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.steps = 0
        self.seconds = 0.0
        """Seconds at work; time that a person held the agent up is not among them."""
        self._tokens = 0
        self._dollars = 0.0

    def spend(self, usages: Sequence[Usage]) -> None:
        self._tokens += sum(usage.input + usage.output for usage in usages)
        self._dollars += sum(usage.dollars or 0.0 for usage in usages)

    def used_up(self) -> str:
        """A sentence that says what is used up; empty while nothing is."""
        most = self._limits
        if self.steps >= most.steps:
            return f"Its {most.steps:,} steps are used up."
        if most.task_minutes is not None and self.seconds >= most.task_minutes * 60:
            return f"Its {most.task_minutes:g} minutes are used up."
        if most.task_tokens is not None and self._tokens >= most.task_tokens:
            return f"Its {most.task_tokens:,} tokens are used up."
        if most.task_dollars is not None and self._dollars >= most.task_dollars:
            return f"Its ${most.task_dollars:.2f} are used up."
        return ""
