"""What every brain with a model does alike, whoever serves the model: ask, wait out trouble, and make a decision of the answer.

An adapter says only how one call is made (`_ask`): it streams text as it comes and ends with one `Reply`. Here the rest is kept in one
place: trouble is waited out with growing pauses, and said; a stream that was cut is asked for again, and what it had shown is not shown
twice; a text without a call is answered once with a nudge; ids that are missing, odd or taken are replaced, and arguments that are no JSON
go back as a call that fails.
"""

from __future__ import annotations

import json
import re
import uuid
from abc import abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import anyio
import anyio.to_thread

from hotdesk.brains.base import Brain, Decision, Entry, Piece, Reasoning, Tool, ToolCall, Turn, Unavailable, Usage, Waiting
from hotdesk.brains.context import INVALID, Heard, Message, Said, conversation
from hotdesk.brains.prompt import ENDINGS, FINISH, GIVE_UP, NUDGE
from hotdesk.models import Cut, ModelName, Patience, Trouble, trouble

__all__ = ["RawCall", "Reply", "ThinkingBrain", "Troubled"]

CUTS = 3
"""Answers without an end after which one is taken as the whole: some servers never say that they have ended."""


@dataclass(frozen=True, slots=True)
class RawCall:
    """A call as the model made it: the id may be missing or odd, the arguments anything."""

    id: str | None
    name: str
    arguments: str | Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Reply:
    """The end of one model call. `end`: the vendor `said` that it ended; or was `silent`, so it may be the whole or not; or the connection
    was `broken` under it. `usage` is None where the vendor did not say. `kept` is what the adapter wants to have back when this turn is
    shown to the model again."""

    text: str
    calls: tuple[RawCall, ...] = ()
    usage: Usage | None = None
    end: Literal["said", "silent", "broken"] = "said"
    kept: Any = None


class Troubled(Unavailable):
    """`trouble` says what is wrong with the model's service."""

    def __init__(self, found: Trouble, usage: Sequence[Usage]) -> None:
        super().__init__(found.sentence, usage)
        self.trouble = found


class ThinkingBrain(Brain):
    """A brain that asks a model. Its connections live as long as it does, and are shared by its turns."""

    def __init__(self, model: ModelName, *, tries: int = 6, sleep: Callable[[float], Awaitable[object]] = anyio.sleep) -> None:
        """`tries`: how often one call is made at most. `sleep` is for tests."""
        self.model = model
        self._tries = tries
        self._sleep = sleep
        self._prepared = False

    @abstractmethod
    def prepare(self) -> None:
        """Import the vendor's package and make a client of it, without a call. It takes up to some seconds, so `think` has it done in a
        thread when nobody has done it before; to call it while the desk opens hides it."""

    @abstractmethod
    def _ask(self, messages: Sequence[Message], tools: Sequence[Tool]) -> AsyncGenerator[str | Reply]:
        """One call of the model: text as it comes (thought and said alike), then one `Reply`. Raises whatever the vendor raises."""

    def _remember(self, reply: Reply, calls: Sequence[tuple[RawCall, ToolCall]]) -> None:
        """The decision was made of this reply; an adapter may keep what its vendor wants back with the turn."""

    async def think(self, history: Sequence[Entry], tools: Sequence[Tool]) -> AsyncGenerator[Piece]:
        if not self._prepared:
            await anyio.to_thread.run_sync(self.prepare)
            self._prepared = True
        messages = conversation(history)
        offered, usage = [*tools, *ENDINGS], list[Usage]()
        for nudged in (False, True):
            reply: Reply | None = None
            async for piece in self._patiently(messages, offered, usage):
                if isinstance(piece, Reply):
                    reply = piece
                else:
                    yield piece
            if reply is None:
                break
            decision = self._decision(reply, history, tools, usage, last=nudged)
            if decision is not None:
                yield decision
                return
            said = [Said(reply.text)] if reply.text.strip() else []
            messages = [*messages, *said, Heard(NUDGE)]
            if reply.text:
                yield Reasoning("\n\n")
        yield Decision(failed=f"{self.model.who} ({self.model.model}) answered with nothing.", usage=tuple(usage))

    async def _patiently(
        self, messages: Sequence[Message], tools: Sequence[Tool], usage: list[Usage]
    ) -> AsyncGenerator[Reasoning | Waiting | Reply]:
        """One call, made again while it is worth waiting. Raises `Troubled`."""
        patience, shown, silent = Patience(self._tries), _Shown(), 0
        while True:
            shown.begin()
            try:
                async for piece in self._ask(messages, tools):
                    if isinstance(piece, str):
                        if text := shown.fresh(piece):
                            yield Reasoning(text)
                        continue
                    if piece.usage is not None:
                        usage.append(piece.usage)
                    silent += piece.end == "silent"
                    if piece.end == "broken" or (piece.end == "silent" and (silent < CUTS or not (piece.text.strip() or piece.calls))):
                        raise Cut  # noqa: TRY301 - the same trouble as one that the vendor raises
                    yield piece
                    return
                raise Cut  # noqa: TRY301
            except Exception as error:
                found = trouble(error, self.model)
                if found is None:
                    raise
                seconds = patience.wait(found)
                if seconds is None:
                    raise Troubled(found, usage) from error
            yield Waiting(f"Waiting for {self.model.who}, {_seconds(seconds)}: {found.why}")
            await self._sleep(seconds)

    def _decision(
        self, reply: Reply, history: Sequence[Entry], tools: Sequence[Tool], usage: Sequence[Usage], last: bool
    ) -> Decision | None:
        """What the reply comes to; None if the model must be asked once more (never when `last`, unless it said nothing at all)."""
        spent, text = tuple(usage), reply.text.strip()
        raw = reply.calls or _calls_in(text, {tool.name for tool in (*tools, *ENDINGS)})
        calls = _settled([call for call in raw if call.name not in (FINISH, GIVE_UP)], history)
        if calls:
            # An ending in the same breath is too early: the model has not seen what comes of its calls.
            self._remember(reply, calls)
            return Decision(tuple(call for _, call in calls), usage=spent)
        for call in raw:
            words = _ending(call) or (text if reply.calls else "")
            if words or last:
                words = words or "The model gave no words for it."
                return Decision(done=words, usage=spent) if call.name == FINISH else Decision(failed=words, usage=spent)
        return Decision(done=text, usage=spent) if last and text and not raw else None


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds >= 1 else f"{seconds:.1f} s"


class _Shown:
    """What of the reasoning has been shown already, so that a call made again shows only what is new."""

    def __init__(self) -> None:
        self._before = ""
        """What earlier tries of this call have shown."""
        self._now = ""
        self._beyond = True
        """Whether this try has come beyond that."""

    def begin(self) -> None:
        """A try begins."""
        if self._beyond:
            self._before = self._now
        self._now, self._beyond = "", not self._before

    def fresh(self, text: str) -> str:
        """What of `text` is to be shown."""
        self._now += text
        if self._beyond:
            return text
        if self._before.startswith(self._now):
            return ""
        self._beyond = True
        return self._now[len(self._before) :] if self._now.startswith(self._before) else f"\n\n{self._now}"


# Making calls of what a model gives ---------------------------------------------------------------------------------------------------

_GOOD_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")


def _settled(calls: Sequence[RawCall], history: Sequence[Entry]) -> list[tuple[RawCall, ToolCall]]:
    """The calls with ids that are unique in the history, and with arguments that are an object."""
    taken = {call.id for entry in history if isinstance(entry, Turn) for call in entry.calls}
    made: list[tuple[RawCall, ToolCall]] = []
    for raw in calls:
        given = raw.id or ""
        # Short ids («call_0») are counted anew in each answer by some servers.
        call_id = given if _GOOD_ID.fullmatch(given) and given not in taken else f"call_{uuid.uuid4().hex[:24]}"
        taken.add(call_id)
        made.append((raw, ToolCall(call_id, raw.name or "unnamed", _arguments(raw.arguments))))
    return made


def _arguments(given: str | Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The arguments as an object, or as `INVALID` with what came instead."""
    value: Any = given
    for _ in range(2):  # some servers encode them twice
        if not isinstance(value, str):
            break
        if not value.strip():
            return {}
        try:
            value = json.loads(value, strict=False)
        except ValueError:
            return {INVALID: str(given)[:2000]}
    if value is None:
        return {}
    return dict(value) if isinstance(value, Mapping) else {INVALID: str(given)[:2000]}


def _ending(call: RawCall) -> str:
    """The words a task ends with."""
    arguments = _arguments(call.arguments)
    if set(arguments) == {INVALID}:
        # Cut off, most likely: what there is of the words is worth more than none.
        return re.sub(r'^\s*\{?\s*"\w+"\s*:\s*"|["}\s]*$', "", str(arguments[INVALID]))
    words = next((value for value in arguments.values() if isinstance(value, str) and value.strip()), "")
    return words.strip()


_TAGGED = re.compile(r"<tool_call>\s*(\{.*?\})\s*</tool_call>", re.DOTALL)
_FENCED = re.compile(r"\A```(?:json)?\s*(\{.*\})\s*```\Z", re.DOTALL)


def _calls_in(text: str, known: Collection[str]) -> tuple[RawCall, ...]:
    """Calls that a small model wrote as text, in the two ways their chat templates teach: tagged, or nothing but the object."""
    bodies = _TAGGED.findall(text) or _FENCED.findall(text) or ([text] if text.startswith("{") and text.endswith("}") else [])
    calls = []
    for body in bodies:
        try:
            value = json.loads(body, strict=False)
        except ValueError:
            continue
        name = value.get("name")
        if name in known:
            calls.append(RawCall(None, name, value.get("arguments", value.get("parameters"))))
    return tuple(calls)
