"""A brain on any model that pydantic-ai knows: Claude, OpenAI, Gemini, OpenRouter, Ollama, and any server that speaks OpenAI's protocol.

One call is one `model_request_stream`: no agent, no loop, no tools run by the library. What a vendor wants back with an earlier turn (the
signatures of thinking, say) is kept while this brain lives; without it, after a restart, the turn is told in plain words.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio

from hotdesk.brains.base import Picture, Tool, ToolCall, Usage
from hotdesk.brains.context import Answered, Heard, Message, Said
from hotdesk.brains.prompt import SYSTEM
from hotdesk.brains.thinking import RawCall, Reply, ThinkingBrain
from hotdesk.models import Declined, ModelName, counted, model, model_settings, ready, trouble
from hotdesk.settings import MindSettings

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse, ModelResponsePart
    from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse

__all__ = ["ModelBrain"]

REMEMBERED = 1000
"""Turns whose vendor's parts are kept at one time."""


class ModelBrain(ThinkingBrain):
    name = "model"

    def __init__(
        self, model: ModelName, mind: MindSettings, *, tries: int = 6, sleep: Callable[[float], Awaitable[object]] = anyio.sleep
    ) -> None:
        """Raises `MissingRequirement`."""
        super().__init__(model, tries=tries, sleep=sleep)
        ready(model, mind)
        self._mind = mind
        self._connected: Model | None = None
        self._one_at_a_time = threading.Lock()
        self._turns: OrderedDict[tuple[str, ...], tuple[ModelResponsePart, ...]] = OrderedDict()
        self._offered: tuple[tuple[Tool, ...], ModelRequestParameters] | None = None

    def prepare(self) -> None:
        with self._one_at_a_time:
            if self._connected is None:
                self._connected = _made_once(model(self.model, self._mind))

    def _ready(self) -> Model:
        self.prepare()
        if self._connected is None:
            raise AssertionError("prepare() connects")
        return self._connected

    async def _ask(self, messages: Sequence[Message], tools: Sequence[Tool]) -> AsyncGenerator[str | Reply]:
        from pydantic_ai.direct import model_request_stream  # noqa: PLC0415

        settings = model_settings(self.model, self._thinks(messages))
        request = model_request_stream(
            self._ready(), self._rendered(messages), model_settings=settings, model_request_parameters=self._parameters(tools)
        )
        begun = False
        async with request as stream:
            try:
                async for text in _texts(stream):
                    begun = True
                    yield text
            except Exception as error:
                found = trouble(error, self.model)
                if not begun or found is None or not found.broken:
                    raise
                yield self._reply(stream.get(), broken=True)
                return
            response = stream.get()
        if response.finish_reason == "content_filter":
            raise Declined(_text(response))
        yield self._reply(response)

    def _parameters(self, tools: Sequence[Tool]) -> ModelRequestParameters:
        """The tools as the library wants them: made once for the same tools, as is what it makes of them in turn (`_made_once`)."""
        if self._offered is None or self._offered[0] != tuple(tools):
            self._offered = tuple(tools), _parameters(tools)
        return self._offered[1]

    def _thinks(self, messages: Sequence[Message]) -> bool:
        """Some models refuse to go on thinking in a turn whose thoughts cannot be given back; then they do not think in it."""
        if not self._mind.thinking:
            return False
        last = next((message for message in reversed(messages) if isinstance(message, Said) and message.calls), None)
        return last is None or self._key(last.calls) in self._turns or not self._wants_thoughts_back()

    def _wants_thoughts_back(self) -> bool:
        return self.model.vendor == "anthropic" and "anthropic_thinking" not in model_settings(self.model, True)

    def _reply(self, response: ModelResponse, broken: bool = False) -> Reply:
        from pydantic_ai.messages import ToolCallPart  # noqa: PLC0415

        calls = tuple(RawCall(part.tool_call_id, part.tool_name, part.args) for part in response.parts if isinstance(part, ToolCallPart))
        tokens = counted(self.model, response)
        return Reply(
            _text(response),
            calls,
            None if tokens is None else Usage(str(self.model), *tokens),
            "broken" if broken else "said" if response.finish_reason else "silent",
            tuple(response.parts),
        )

    # What a vendor wants back -------------------------------------------------------------------------------------------------------

    @staticmethod
    def _key(calls: Sequence[ToolCall]) -> tuple[str, ...]:
        return tuple(call.id for call in calls)

    def _remember(self, reply: Reply, calls: Sequence[tuple[RawCall, ToolCall]]) -> None:
        from pydantic_ai.messages import TextPart, ThinkingPart, ToolCallPart  # noqa: PLC0415

        settled = {id(raw): call for raw, call in calls}
        made = iter(reply.calls)
        parts: list[ModelResponsePart] = []
        for part in reply.kept:
            if isinstance(part, ToolCallPart):
                call = settled.get(id(next(made)))
                if call is not None:
                    parts.append(replace(part, tool_name=call.name, tool_call_id=call.id, args=dict(call.arguments)))
            elif isinstance(part, ThinkingPart) or (isinstance(part, TextPart) and part.content.strip()):
                parts.append(part)
        if not any(isinstance(part, ToolCallPart) for part in parts):
            return  # the calls were written as text; told in plain words they are calls
        self._turns[self._key([call for _, call in calls])] = tuple(parts)
        while len(self._turns) > REMEMBERED:
            self._turns.popitem(last=False)

    # The conversation as pydantic-ai's messages ------------------------------------------------------------------------------------

    def _rendered(self, messages: Sequence[Message]) -> list[ModelMessage]:
        from pydantic_ai.messages import ModelRequest, ModelResponse  # noqa: PLC0415

        made: list[ModelMessage] = []
        for message in messages:
            if isinstance(message, Said):
                made.append(ModelResponse(parts=self._parts(message)))
                continue
            parts = _request_parts(message, self.model.vendor)
            if made and isinstance(made[-1], ModelRequest):
                made[-1] = ModelRequest(parts=[*made[-1].parts, *parts])
            else:
                made.append(ModelRequest(parts=parts))
        return made

    def _parts(self, said: Said) -> list[ModelResponsePart]:
        from pydantic_ai.messages import TextPart, ToolCallPart  # noqa: PLC0415

        if said.calls and (kept := self._turns.get(self._key(said.calls))):
            return list(kept)
        calls = [ToolCallPart(call.name, dict(call.arguments), call.id) for call in said.calls]
        return [TextPart(said.reasoning.strip()), *calls] if said.reasoning.strip() else [*calls]


def _request_parts(message: Heard | Answered, vendor: str) -> list[Any]:
    """Where a tool's result can hold a picture it does; elsewhere the pictures of a turn follow its results."""
    from pydantic_ai.messages import CachePoint, ToolReturnPart, UserPromptPart  # noqa: PLC0415

    if isinstance(message, Heard):
        return [UserPromptPart([message.text, *_pictures(message.picture)])]
    parts: list[Any] = []
    shown: list[Any] = []
    for answer in message.answers:
        pictures = _pictures(answer.picture)
        if pictures and vendor not in ("anthropic", "google"):
            shown += [f"What {answer.call.name} showed:", *pictures]
            pictures = []
        content = [answer.text, *pictures] if pictures else answer.text
        outcome: Any = "failed" if answer.error else "success"
        parts.append(ToolReturnPart(answer.call.name, content, answer.call.id, outcome=outcome))
    if message.settled and vendor == "anthropic":
        shown.append(CachePoint())
    return [*parts, UserPromptPart(shown)] if shown else parts


def _pictures(picture: Picture | None) -> list[Any]:
    from pydantic_ai.messages import BinaryContent  # noqa: PLC0415

    return [BinaryContent(picture.data, media_type=picture.media_type)] if picture is not None else []


def _made_once(model: Model) -> Model:
    """The library fits the tools' schemas to the vendor anew in every request, some 3 ms for twenty tools: once is enough."""
    customize = model.customize_request_parameters
    last: tuple[ModelRequestParameters, ModelRequestParameters] | None = None

    def customized(parameters: ModelRequestParameters) -> ModelRequestParameters:
        nonlocal last
        if last is None or last[0] is not parameters:
            last = parameters, customize(parameters)
        return last[1]

    model.customize_request_parameters = customized  # type: ignore[method-assign, assignment]
    return model


def _parameters(tools: Sequence[Tool]) -> ModelRequestParameters:
    from pydantic_ai.messages import InstructionPart  # noqa: PLC0415
    from pydantic_ai.models import ModelRequestParameters  # noqa: PLC0415
    from pydantic_ai.tools import ToolDefinition  # noqa: PLC0415

    return ModelRequestParameters(
        function_tools=[
            ToolDefinition(name=tool.name, description=tool.description, parameters_json_schema=dict(tool.parameters)) for tool in tools
        ],
        allow_text_output=True,
        instruction_parts=[InstructionPart(content=SYSTEM)],
    )


async def _texts(stream: StreamedResponse) -> AsyncGenerator[str]:
    """What the model thinks and says, as it comes, an empty line between the two."""
    from pydantic_ai.messages import (  # noqa: PLC0415
        PartDeltaEvent,
        PartStartEvent,
        TextPart,
        TextPartDelta,
        ThinkingPart,
        ThinkingPartDelta,
    )

    spoke = False
    async for event in stream:
        match event:
            case PartStartEvent(part=TextPart(content=text) | ThinkingPart(content=text)):
                if spoke:
                    yield "\n\n"
                spoke = True
                yield text
            case PartDeltaEvent(delta=TextPartDelta(content_delta=delta) | ThinkingPartDelta(content_delta=delta)):
                yield delta or ""
            case _:
                yield ""


def _text(response: ModelResponse) -> str:
    from pydantic_ai.messages import TextPart  # noqa: PLC0415

    return "\n\n".join(part.content.strip() for part in response.parts if isinstance(part, TextPart) and part.content.strip())
