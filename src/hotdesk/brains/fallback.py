"""A brain that is several: the first that can be had thinks, and while it cannot, the next one does."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace

from hotdesk.brains.base import Brain, Decision, Entry, Piece, Tool, Usage, Waiting
from hotdesk.brains.thinking import ThinkingBrain, Troubled

__all__ = ["FallbackBrain"]

REST = 120.0
"""Seconds after which a model that could not be had, though it may come back, is tried again."""


class FallbackBrain(Brain):
    name = "fallback"

    def __init__(self, brains: Sequence[ThinkingBrain], clock: Callable[[], float] = time.monotonic) -> None:
        self._brains = tuple(brains)
        self._clock = clock
        self._rests: dict[int, float] = {}

    def prepare(self) -> None:
        """Prepare the one that is asked first."""
        self._brains[0].prepare()

    async def think(self, history: Sequence[Entry], tools: Sequence[Tool]) -> AsyncGenerator[Piece]:
        spent: tuple[Usage, ...] = ()
        # The last one is asked in any case: it is for it to say that nobody can be had.
        last = len(self._brains) - 1
        order = [*(place for place in range(last) if self._rests.get(place, 0.0) <= self._clock()), last]
        for turn, place in enumerate(order):
            try:
                async for piece in self._brains[place].think(history, tools):
                    yield replace(piece, usage=(*spent, *piece.usage)) if isinstance(piece, Decision) else piece
                return  # noqa: TRY300 - the last line of what may fail
            except Troubled as error:
                spent += error.usage
                if place == last or error.trouble.kind == "fatal":
                    error.usage = spent
                    raise
                comes_back = error.trouble.kind == "retryable"
                if comes_back or error.trouble.lasting:
                    self._rests[place] = self._clock() + (REST if comes_back else float("inf"))
                following = self._brains[order[turn + 1]].model
                yield Waiting(f"{error} Going on with {following.who} ({following.model}).")
