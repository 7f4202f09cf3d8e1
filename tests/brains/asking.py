"""How the tests of this folder ask a brain: a task, tools, pictures, and a model server in place of the vendors."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from hotdesk.brains.base import Brain, Decision, Entry, Given, Picture, Reasoning, Result, Tool, Turn, Waiting
from hotdesk.brains.choose import choose_brain
from hotdesk.brains.fallback import FallbackBrain
from hotdesk.brains.thinking import ThinkingBrain
from hotdesk.settings import MindSettings, read
from tests.equipment.model_server import ModelServer, environment, model_server

CLAUDE = "anthropic:claude-sonnet-5-5"
DEDALUS = "dedalus:anthropic/claude-sonnet-5-5"
OPENAI = "openai:gpt-5.6-terra"
GEMINI = "google:gemini-3.8-flash"
LOCAL = "compatible:small"
ALL = [CLAUDE, DEDALUS, OPENAI, GEMINI, LOCAL, "openrouter:anthropic/claude-sonnet-5.5", "ollama:small"]

CLICK = Tool(
    "left_click",
    "Click.",
    {"type": "object", "properties": {"x": {"type": "integer"}, "y": {"type": "integer"}}, "required": ["x", "y"]},
)
LOOK = Tool("screenshot", "Look at the screen.", {"type": "object", "properties": {}, "additionalProperties": False})
TOOLS = [CLICK, LOOK]


def click(x: int = 1, **more: Any) -> dict[str, Any]:
    return {"name": "left_click", "arguments": {"x": x, "y": 2}, **more}


FINISH = {"text": "Everything is there.", "calls": [{"name": "finish_task", "arguments": {"result": "Wrote a.md."}}]}


def picture(number: int) -> Picture:
    return Picture(f"picture {number}".encode(), "image/png", 1280, 800, f"digest {number}")


def given(number: int = 0) -> Given:
    return Given("t1", "Write a text", "Write it well.", "Write a text and a table.", picture=picture(number))


@dataclass
class Asking:
    """A brain and what it has been through."""

    brain: Brain
    server: ModelServer
    slept: list[float] = field(default_factory=list)
    history: list[Entry] = field(default_factory=lambda: [given()])
    reasoning: str = ""
    waited: list[str] = field(default_factory=list)

    async def think(self) -> Decision:
        """One turn, kept in the history as the loop keeps it."""
        self.reasoning, decision = "", None
        async for piece in self.brain.think(self.history, TOOLS):
            assert decision is None, "nothing comes after the decision"
            match piece:
                case Reasoning(text=text):
                    self.reasoning += text
                case Waiting(says=says):
                    self.waited.append(says)
                case Decision():
                    decision = piece
        assert decision is not None
        self.history.append(Turn(self.reasoning, decision.calls))
        return decision

    def done(self, decision: Decision, text: str = "Done.", **more: Any) -> None:
        """What came of the calls, with a new picture each."""
        for call in decision.calls:
            self.history.append(Result(call.id, text, **{"picture": picture(len(self.history)), **more}))

    async def step(self) -> Decision:
        decision = await self.think()
        self.done(decision)
        return decision


@asynccontextmanager
async def asking(patch: pytest.MonkeyPatch, brain: str, *script: dict[str, Any], **settings: str) -> AsyncGenerator[Asking]:
    """`brain` with a server that follows `script` in the vendors' place; waiting takes no time."""
    async with model_server(script) as server:
        for name, value in {**environment(server.url), **settings}.items():
            patch.setenv(name, value)
        made = choose_brain(read(MindSettings, brain=brain))
        asked = Asking(made, server)

        async def sleep(seconds: float) -> None:
            asked.slept.append(seconds)

        for one in thinkers(made):
            one._sleep = sleep
        yield asked
        assert server.problems == []


def thinkers(brain: Brain) -> Sequence[ThinkingBrain]:
    if isinstance(brain, FallbackBrain):
        return brain._brains
    assert isinstance(brain, ThinkingBrain)
    return [brain]
