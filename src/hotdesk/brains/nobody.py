"""A brain that leaves the desk to a person: it never decides anything, until its session is stopped. `hotdesk desk` uses it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

import anyio

from hotdesk.brains.base import Brain, Entry, Piece, Reasoning, Tool


class NobodyBrain(Brain):
    name = "nobody"

    async def think(self, history: Sequence[Entry], tools: Sequence[Tool]) -> AsyncGenerator[Piece]:
        yield Reasoning("Nobody works at this desk. Take it over: it is yours.")
        await anyio.sleep_forever()
