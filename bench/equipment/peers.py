"""The peers' histories, written from what they do, as the bodies they would send to Anthropic's Messages.

- `everything`: all that was ever said and shown is sent again, in full, without caching.
- `demo`: Anthropic's computer-use demo with its own provider (anthropics/anthropic-quickstarts, `computer-use-demo`, `sampling_loop`): a
  cache breakpoint on the system prompt and on the last block of each of the three newest user turns; nothing is ever taken out.
- `demo_uncached`: the same with another provider, so without caching: of the screenshots the newest three stay, older ones go in chunks of
  three (its page's default and its code's threshold).

What they are told is the same as Hotdesk's agent: the same system prompt and tools (the peers' own are of another length, which is not
the history's merit), the same words, the same task, the same first picture. What differs is what the demo does: an action with mouse or
keyboard is answered with a screenshot and no text, whether the screen has changed or not; a command or a file with text and no screenshot.
"""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hotdesk.brains.base import Entry, Given, Result, ToolCall, Turn
from hotdesk.brains.prompt import given_text

__all__ = ["Body", "Way", "demo", "demo_uncached", "everything", "turns"]

Body = dict[str, Any]
Way = Literal["batched", "chained", "single"]
"""How a peer makes what is one `act` of several actions for Hotdesk: as one call that is answered with one screenshot (`batched`; the
demo's tool cannot); as a call each in one turn, each answered with a screenshot (`chained`); or as a turn each (`single`)."""

MARK = {"type": "ephemeral"}
NEWEST = 3
TEXTS = frozenset({"run", "read_file", "write_file", "list_files"})
"""Tools that the demo answers with text."""


@dataclass(frozen=True, slots=True)
class _Call:
    name: str
    arguments: Mapping[str, Any]
    shown: bytes | None
    text: str = ""


def turns(history: Sequence[Entry], film: Sequence[Sequence[bytes]], way: Way) -> list[dict[str, Any]]:
    """What was said and shown in a run of Hotdesk, as the demo would have it: the messages of the whole run, beginning with the task."""
    given = history[0]
    if not isinstance(given, Given) or given.picture is None:
        raise ValueError("a history begins with the task and a picture")
    made: list[dict[str, Any]] = [{"role": "user", "content": [_text(given_text(given)), _image(given.picture.data)]}]
    results = {entry.call: entry for entry in history if isinstance(entry, Result)}
    frames, screen = iter(film), given.picture.data
    for turn in (entry for entry in history if isinstance(entry, Turn)):
        calls: list[_Call] = []
        for call in turn.calls:
            result = results[call.id]
            some = _calls(call, result, frames, screen, way)
            screen = next((one.shown for one in reversed(some) if one.shown is not None), screen)
            calls += some
        groups = [[call] for call in calls] if way == "single" else [calls]
        for number, group in enumerate(groups):
            # The words are said once; a turn more costs a peer nothing but its call here.
            made += _turn(turn.reasoning if number == 0 else "", group, len(made))
    return made


def _calls(call: ToolCall, result: Result, frames: Iterator[Sequence[bytes]], screen: bytes, way: Way) -> list[_Call]:
    if call.name in TEXTS:
        return [_Call(call.name, call.arguments, None, result.text)]
    if call.name in ("open", "launch", "screenshot"):
        return [_Call(call.name, call.arguments, result.picture.data if result.picture else screen)]
    shown = next(frames)
    actions = call.arguments.get("actions")
    if actions is None or way == "batched":
        return [_Call(call.name, call.arguments, shown[-1])]
    apart = [(action["do"], {name: value for name, value in action.items() if name != "do"}) for action in actions]
    return [_Call(name, arguments, frame) for (name, arguments), frame in zip(apart, shown, strict=True)]


def _turn(says: str, calls: Sequence[_Call], place: int) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = [_text(says.strip())] if says.strip() else []
    answers: list[dict[str, Any]] = []
    for number, call in enumerate(calls):
        call_id = f"toolu_{place:04d}{number:02d}"
        said.append({"type": "tool_use", "id": call_id, "name": call.name, "input": dict(call.arguments)})
        content = [*([_text(call.text)] if call.text else []), *([_image(call.shown)] if call.shown is not None else [])]
        answers.append({"type": "tool_result", "tool_use_id": call_id, "content": content})
    return [{"role": "assistant", "content": said}, {"role": "user", "content": answers}]


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _image(data: bytes) -> dict[str, Any]:
    return {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": base64.b64encode(data).decode()}}


# Histories ----------------------------------------------------------------------------------------------------------------------------

History = Callable[[Body, Sequence[dict[str, Any]]], Iterator[Body]]
"""Given tools and system prompt and the messages of a whole run, the requests of that run."""


def everything(shared: Body, messages: Sequence[dict[str, Any]]) -> Iterator[Body]:
    for told in _told(messages):
        yield {**shared, "messages": told}


def demo(shared: Body, messages: Sequence[dict[str, Any]]) -> Iterator[Body]:
    system = [*shared["system"][:-1], {**shared["system"][-1], "cache_control": MARK}]
    for told in _told(messages):
        marked = copy.deepcopy(told)
        for message in [message for message in reversed(marked) if message["role"] == "user"][:NEWEST]:
            message["content"][-1]["cache_control"] = MARK
        yield {**shared, "system": system, "messages": marked}


def demo_uncached(shared: Body, messages: Sequence[dict[str, Any]]) -> Iterator[Body]:
    gone = 0
    for told in _told(messages):
        count = sum(part["type"] == "image" for message in told for part in _flat(message["content"]))
        more = count - gone - NEWEST
        gone += more - more % NEWEST if more > 0 else 0
        yield {**shared, "messages": _without_images(told, gone)}


def _told(messages: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The messages up to each one of the user's."""
    for place, message in enumerate(messages, 1):
        if message["role"] == "user":
            yield list(messages[:place])


def _flat(content: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for part in content:
        yield from _flat(part["content"]) if part["type"] == "tool_result" else [part]


def _without_images(messages: Sequence[dict[str, Any]], gone: int) -> list[dict[str, Any]]:
    """The oldest `gone` images are taken out."""
    seen = 0

    def kept(content: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        nonlocal seen
        parts: list[dict[str, Any]] = []
        for part in content:
            seen += part["type"] == "image"
            if part["type"] == "tool_result":
                parts.append({**part, "content": kept(part["content"])})
            elif part["type"] != "image" or seen > gone:
                parts.append(part)
        return parts

    return [{**message, "content": kept(message["content"])} for message in messages]


def shared_by(body: Body) -> Body:
    """Tools and system prompt of a request, without any cache breakpoint."""
    bare: Body = json.loads(json.dumps({"tools": body["tools"], "system": body["system"]}))
    for part in (*bare["tools"], *bare["system"]):
        part.pop("cache_control", None)
    return bare
