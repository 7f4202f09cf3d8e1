"""A brain on Dedalus Labs' SDK: streamed chat completions with tools, any vendor's model behind one key, and MCP servers that Dedalus runs.

The SDK's runner is not used (it would own the loop), nor its own retries. What Dedalus' MCP servers are called for happens on Dedalus' side
within one call; it is shown in the reasoning.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio

from hotdesk.brains.base import Picture, Tool, Usage
from hotdesk.brains.context import Answered, Heard, Message, Said
from hotdesk.brains.prompt import SYSTEM
from hotdesk.brains.thinking import RawCall, Reply, ThinkingBrain
from hotdesk.models import Cut, Declined, ModelName, Tokens, dedalus_client, price, ready, trouble
from hotdesk.settings import MindSettings

if TYPE_CHECKING:
    from dedalus_labs import AsyncDedalus

__all__ = ["DedalusBrain"]

_MARK = {"cache_control": {"type": "ephemeral"}}
"""What Claude, behind whichever door, wants at the places it shall remember the conversation up to."""


class DedalusBrain(ThinkingBrain):
    name = "dedalus"

    def __init__(
        self, model: ModelName, mind: MindSettings, *, tries: int = 6, sleep: Callable[[float], Awaitable[object]] = anyio.sleep
    ) -> None:
        """Raises `MissingRequirement`."""
        super().__init__(model, tries=tries, sleep=sleep)
        ready(model, mind)
        self._mind = mind
        self._client: AsyncDedalus | None = None
        self._one_at_a_time = threading.Lock()
        self._marks = all(listed.startswith("anthropic/") for listed in model.listed)

    def prepare(self) -> None:
        with self._one_at_a_time:
            if self._client is None:
                self._client = dedalus_client(self._mind)
                self._client.chat.completions  # noqa: B018 - imports the resource

    def _ready(self) -> AsyncDedalus:
        self.prepare()
        if self._client is None:
            raise AssertionError("prepare() connects")
        return self._client

    async def _ask(self, messages: Sequence[Message], tools: Sequence[Tool]) -> AsyncGenerator[str | Reply]:
        answer = _Answer()
        stream = await self._open(self._ready(), messages, tools)
        try:
            async with stream:
                async for chunk in stream:
                    for text in answer.take(chunk):
                        yield text
        except Exception as error:
            found = trouble(error, self.model)
            if not answer.begun or found is None or not found.broken:
                raise
            yield self._reply(answer, broken=True)
            return
        if answer.finish == "content_filter" or answer.refusal:
            raise Declined(answer.refusal)
        yield self._reply(answer)

    async def _open(self, client: AsyncDedalus, messages: Sequence[Message], tools: Sequence[Tool]) -> Any:
        """Begin the call. Marks for the cache are left out for good where Dedalus rejects them."""
        from dedalus_labs import BadRequestError, UnprocessableEntityError  # noqa: PLC0415

        servers = self._mind.dedalus_mcp_servers
        more: dict[str, Any] = {"mcp_servers": list(servers)} if servers else {}

        async def begin(marks: bool) -> Any:
            # As `extra_body` they go as they are: the SDK would walk every message against its types, which takes some 30 ms and grows.
            large = {"messages": _rendered(messages, marks), "tools": [_tool(tool) for tool in tools]}
            return await client.chat.completions.create(
                model=self.model.asked,
                stream=True,
                stream_options={"include_usage": True},
                extra_body=large,
                **more,
            )

        try:
            return await begin(self._marks)
        except (BadRequestError, UnprocessableEntityError) as error:
            if not self._marks or "cache_control" not in str(error):
                raise
        self._marks = False
        return await begin(False)

    def _reply(self, answer: _Answer, broken: bool = False) -> Reply:
        end = "broken" if broken else "said" if answer.finish else "silent"
        tokens = answer.tokens(self.model)
        return Reply(answer.text, answer.calls(), None if tokens is None else Usage(str(self.model), *tokens), end)  # type: ignore[arg-type]


@dataclass(slots=True)
class _Answer:
    """What the chunks of one stream add up to."""

    text: str = ""
    finish: str | None = None
    refusal: str = ""
    begun: bool = False
    model: str = ""
    """Which model answered, as far as it is said."""
    _thought: bool = False
    _usage: Any = None
    _made: list[dict[str, Any]] = field(default_factory=list)

    def take(self, chunk: Any) -> list[str]:
        """Add a chunk; what of it is to be shown. Raises `Cut` for an error that came as one."""
        extra = getattr(chunk, "model_extra", None) or {}
        if extra.get("error"):
            raise _InStream(extra["error"])
        self._usage = getattr(chunk, "usage", None) or self._usage
        self.model = getattr(chunk, "model", None) or self.model
        shown = _hosted(extra.get("mcp_tool_results"))
        for choice in getattr(chunk, "choices", None) or ():
            self.begun = True
            self.finish = getattr(choice, "finish_reason", None) or self.finish
            if (delta := getattr(choice, "delta", None)) is not None:
                shown += self._delta(delta)
        return shown

    def _delta(self, delta: Any) -> list[str]:
        extra = getattr(delta, "model_extra", None) or {}
        shown = []
        if thought := extra.get("reasoning_content") or extra.get("reasoning"):
            self._thought = True
            shown.append(str(thought))
        if text := delta.content:
            if self._thought and not self.text:
                shown.append("\n\n")
            self.text += str(text)
            shown.append(str(text))
        self.refusal += delta.refusal or ""
        for part in delta.tool_calls or ():
            self._call(part)
        return shown

    def _call(self, part: Any) -> None:
        """One piece of a call. Servers differ: the index may be missing or always 0, the id missing or repeated in every piece."""
        index, given, function = getattr(part, "index", None), part.id or None, part.function
        name = (function.name if function else None) or ""
        current = next((call for call in reversed(self._made) if call["index"] == index), None)
        if current is None or (name and given != current["id"] and given is not None):
            current = {"index": index, "id": given, "name": "", "arguments": ""}
            self._made.append(current)
        if name and name != current["name"]:
            current["name"] += name
        arguments: Any = function.arguments if function else None
        current["arguments"] = arguments if isinstance(arguments, Mapping) else current["arguments"] + str(arguments or "")

    def calls(self) -> tuple[RawCall, ...]:
        return tuple(RawCall(call["id"], call["name"], call["arguments"]) for call in self._made)

    def tokens(self, name: ModelName) -> Tokens | None:
        """What it took, if it was said."""
        usage = self._usage
        given, out = (getattr(usage, field, None) or 0 for field in ("prompt_tokens", "completion_tokens"))
        if not (given or out):
            return None
        details = getattr(usage, "prompt_tokens_details", None)
        extra = {**(getattr(usage, "model_extra", None) or {}), **(getattr(details, "model_extra", None) or {})}
        cached = getattr(details, "cached_tokens", None) or extra.get("cache_read_input_tokens") or 0
        written = extra.get("cache_creation_input_tokens") or extra.get("cache_write_tokens") or 0
        counts = (int(given), int(cached), int(written), int(out))
        return Tokens(*counts, price(name.answered(self.model), *counts))


class _InStream(Cut):
    """An error that came as a piece of a stream."""

    def __init__(self, body: Any) -> None:
        super().__init__(str(body.get("message", body)) if isinstance(body, Mapping) else str(body))


def _hosted(results: Any) -> list[str]:
    """What MCP servers on Dedalus' side did, in words."""
    if not isinstance(results, list):
        return []
    said = [f"{item.get('server_name') or 'MCP'}: {item.get('tool_name') or 'a tool'}" for item in results if isinstance(item, Mapping)]
    return [f"\n(Dedalus ran {', '.join(said)})\n"] if said else []


# The conversation in OpenAI's form ----------------------------------------------------------------------------------------------------


def _tool(tool: Tool) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}


def _rendered(messages: Sequence[Message], marks: bool) -> Any:
    """System, then the conversation. A tool's result can only be text in this form, so the pictures of a turn follow its results."""
    made: list[dict[str, Any]] = [{"role": "system", "content": [{"type": "text", "text": SYSTEM, **(_MARK if marks else {})}]}]
    for message in messages:
        match message:
            case Heard(text=text, picture=picture):
                made.append({"role": "user", "content": [_text(text), *_images(picture)]})
            case Said(reasoning=reasoning, calls=calls):
                said: dict[str, Any] = {"role": "assistant", "content": reasoning.strip() or None}
                made.append(said | ({"tool_calls": [_call(call) for call in calls]} if calls else {}))
            case Answered():
                made += _answered(message, marks)
    if marks:
        _mark(made[-1])
    return made


def _answered(message: Answered, marks: bool) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    shown: list[dict[str, Any]] = []
    for answer in message.answers:
        text = f"Error: {answer.text}" if answer.error else answer.text
        made.append({"role": "tool", "tool_call_id": answer.call.id, "content": [_text(text)]})
        if answer.picture is not None:
            shown += [_text(f"What {answer.call.name} showed:"), *_images(answer.picture)]
    if shown:
        made.append({"role": "user", "content": shown})
    if marks and message.settled:
        _mark(made[-1])
    return made


def _mark(message: dict[str, Any]) -> None:
    message["content"][-1] = {**message["content"][-1], **_MARK}


def _call(call: Any) -> dict[str, Any]:
    arguments = json.dumps(dict(call.arguments), ensure_ascii=False)
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _images(picture: Picture | None) -> list[dict[str, Any]]:
    if picture is None:
        return []
    url = f"data:{picture.media_type};base64,{base64.b64encode(picture.data).decode()}"
    return [{"type": "image_url", "image_url": {"url": url}}]
