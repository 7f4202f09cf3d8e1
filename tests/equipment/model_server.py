"""TEST EQUIPMENT, not a model: one local server that speaks vendors' real wire protocols from a script, and misbehaves on demand.

It speaks OpenAI Chat Completions (Dedalus, OpenRouter, Ollama and llama.cpp have the same), Anthropic Messages and Gemini's
generateContent, streaming and not, with tools, images, thinking and usage. It keeps to the vendors' rules where breaking them matters: a
conversation in which a call has no result, or a result no call, is refused with 400, as they do.

A script is a list of turns, given out in the order of the requests; or, for runs with several agents, `{"scripts": [{"when": TEXT, "turns":
[...]}, …]}`: of the first script whose text is found in the request, the turn after as many as the model has said in that conversation.
A turn is a dictionary, every key optional:

    text, thinking     what the model says and thinks
    calls              [{name, arguments (object, or a text sent as it is), id (null: none is sent)}]
    usage              {input, cached, written, output}; null: the vendor does not say
    stop               finish reason, in the vendor's words; "" sends none
    refusal            the model declines, with this text
    hosted             [server, tool]: Dedalus ran this tool of an MCP server on its side
    slow               seconds before each piece
    cut                the connection breaks after so many pieces
    status, error, retry_after, kind    no answer but this HTTP error
    in_stream          an error of this kind as a piece of the stream («overloaded_error»)
    reject             answer 400 if this text is anywhere in the request
    before             turns (errors) given once each before this one

Run it for another process: python -m tests.equipment.model_server --script FILE --port N. `GET /requests` shows what was asked.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Turn = Mapping[str, Any]

DEFAULT_USAGE = {"input": 1000, "cached": 600, "written": 200, "output": 50}
STATUS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests", 500: "Internal Server Error"}


@dataclass(frozen=True)
class Request:
    """What was asked."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]

    @property
    def protocol(self) -> str:
        if self.path.endswith("/chat/completions"):
            return "openai"
        return "anthropic" if self.path.split("?")[0].endswith("/messages") else "google"

    @property
    def streams(self) -> bool:
        return bool(self.body.get("stream")) or ":streamGenerateContent" in self.path

    @property
    def text(self) -> str:
        return json.dumps(self.body, ensure_ascii=False)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The conversation, without OpenAI's system message."""
        found = self.body.get("messages", self.body.get("contents", []))
        return [message for message in found if message["role"] not in ("system", "developer")]

    @property
    def said(self) -> int:
        """How often the model has spoken in this conversation."""
        return sum(message["role"] in ("assistant", "model") for message in self.messages)

    @property
    def tools(self) -> list[str]:
        if self.protocol == "google":
            return [d["name"] for tool in self.body.get("tools", []) for d in tool.get("functionDeclarations", [])]
        return [tool.get("name") or tool["function"]["name"] for tool in self.body.get("tools", [])]

    @property
    def images(self) -> list[str]:
        """The data of every image, in order."""
        return list(_images(self.body.get("messages", self.body.get("contents", []))))


def _images(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _images(item)
    elif isinstance(node, dict):
        if node.get("type") == "image":
            yield node["source"]["data"]
        elif node.get("type") == "image_url":
            yield node["image_url"]["url"].partition("base64,")[2]
        elif "inlineData" in node or "inline_data" in node:
            yield (node.get("inlineData") or node["inline_data"])["data"].replace("-", "+").replace("_", "/")
        else:
            for item in node.values():
                yield from _images(item)


def wrong_conversation(request: Request) -> str | None:
    """What a vendor would refuse about the order of calls and results."""
    if request.protocol == "openai":
        return _wrong_openai(request.messages)
    return _wrong_anthropic(request.messages, request.body.get("thinking")) if request.protocol == "anthropic" else None


def _wrong_openai(messages: Sequence[dict[str, Any]]) -> str | None:
    open_calls: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                return f"tool message {message['tool_call_id']} answers no call"
            open_calls.remove(message["tool_call_id"])
            continue
        if open_calls:
            return f"tool_call_ids did not have response messages: {open_calls}"
        open_calls = [call["id"] for call in message.get("tool_calls") or []]
        for call in message.get("tool_calls") or []:
            json.loads(call["function"]["arguments"])
    return f"tool_call_ids did not have response messages: {open_calls}" if open_calls else None


def _wrong_anthropic(messages: Sequence[dict[str, Any]], thinking: Any) -> str | None:
    wanted: list[str] = []
    for message in messages:
        blocks = message["content"] if isinstance(message["content"], list) else []
        given = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if sorted(given) != sorted(wanted):
            return f"tool_use ids were found without tool_result blocks immediately after: {wanted} / {given}"
        wanted = [block["id"] for block in blocks if block["type"] == "tool_use"]
        if any(block["type"] == "text" and not block["text"].strip() for block in blocks):
            return "text content blocks must contain non-whitespace text"
    if wanted:
        return f"tool_use ids were found without tool_result blocks immediately after: {wanted}"
    last = next((m for m in reversed(messages) if m["role"] == "assistant"), None)
    if last and isinstance(thinking, dict) and thinking.get("type") == "enabled" and isinstance(last["content"], list):
        kinds = [block["type"] for block in last["content"]]
        if "tool_use" in kinds and kinds[0] != "thinking":
            return "When thinking is enabled, a final assistant message must start with a thinking block"
    return None


@dataclass
class ModelServer:
    """A running server. `requests` has what was asked so far."""

    script: Sequence[Turn] | Mapping[str, Any]
    requests: list[Request] = field(default_factory=list)
    url: str = ""
    problems: list[str] = field(default_factory=list)
    """What was refused about the order of conversations."""
    _given: int = 0
    _before: dict[tuple[int, int], int] = field(default_factory=dict)

    # Choosing a turn --------------------------------------------------------------------------------------------------------------

    def _turn(self, request: Request) -> Turn:
        if not isinstance(self.script, Mapping):
            if self._given >= len(self.script):
                return {"status": 500, "error": "The script has ended."}
            turn = self.script[self._given]
            step = self._misbehave((0, self._given), turn)
            self._given += step is None
            return step or turn
        for number, script in enumerate(self.script["scripts"]):
            if script.get("when", "") in request.text:
                place = min(request.said, len(script["turns"]) - 1)
                turn = script["turns"][place]
                return self._misbehave((number, place), turn) or turn
        return {"status": 500, "error": "No script is for this request."}

    def _misbehave(self, place: tuple[int, int], turn: Turn) -> Turn | None:
        done = self._before.get(place, 0)
        if done >= len(turn.get("before", ())):
            return None
        self._before[place] = done + 1
        found: Turn = turn["before"][done]
        return found

    # HTTP ---------------------------------------------------------------------------------------------------------------------------

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            method, path, headers, raw = await _read(reader)
            if method == "GET":
                await self._get(path, writer)
            else:
                request = Request(path, headers, json.loads(raw))
                self.requests.append(request)
                await self._answer(request, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _get(self, path: str, writer: asyncio.StreamWriter) -> None:
        if path == "/requests":
            await _send(writer, 200, [{"path": r.path, "body": r.body} for r in self.requests])
        else:
            await _send(writer, 200, {"object": "list", "data": [{"id": "scripted", "object": "model", "created": 0, "owned_by": "test"}]})

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        turn = self._turn(request)
        if wrong := wrong_conversation(request):
            self.problems.append(wrong)
            turn = {"status": 400, "error": wrong}
        elif "reject" in turn and turn["reject"] in request.text:
            turn = {"status": 400, "error": f"{turn['reject']}: extra inputs are not permitted"}
        if "status" in turn:
            headers = {"retry-after": str(turn["retry_after"])} if "retry_after" in turn else {}
            await _send(writer, turn["status"], _error(request.protocol, turn), headers)
        elif request.streams:
            await self._stream(request, turn, writer)
        else:
            await _send(writer, 200, WHOLE[request.protocol](request, turn))

    async def _stream(self, request: Request, turn: Turn, writer: asyncio.StreamWriter) -> None:
        head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
        writer.write(head.encode())
        for number, piece in enumerate(PIECES[request.protocol](request, turn)):
            if number >= turn.get("cut", 1 << 30):
                writer.transport.abort()
                return
            if slow := turn.get("slow"):
                await asyncio.sleep(slow)
            data = piece.encode()
            writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            await writer.drain()
            if "cut" in turn:
                await asyncio.sleep(0.005)  # so that what was sent before the cut has arrived
        writer.write(b"0\r\n\r\n")
        await writer.drain()


async def _read(reader: asyncio.StreamReader) -> tuple[str, str, dict[str, str], bytes]:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, path, _ = lines[0].split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
    return method, path, headers, await reader.readexactly(int(headers.get("content-length", 0)))


async def _send(writer: asyncio.StreamWriter, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
    data = json.dumps(body).encode()
    given = {"content-type": "application/json", "content-length": str(len(data)), "connection": "close", **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    writer.write(f"HTTP/1.1 {status} {STATUS.get(status, 'Error')}\r\n{head}\r\n".encode() + data)
    await writer.drain()


def _error(protocol: str, turn: Turn) -> dict[str, Any]:
    status, text = turn["status"], turn.get("error", "scripted trouble")
    anthropic = {401: "authentication_error", 429: "rate_limit_error", 529: "overloaded_error", 400: "invalid_request_error"}
    if protocol == "anthropic":
        return {"type": "error", "error": {"type": turn.get("kind") or anthropic.get(status, "api_error"), "message": text}}
    if protocol == "google":
        return {"error": {"code": status, "message": text, "status": turn.get("kind") or "INTERNAL"}}
    return {"error": {"message": text, "type": turn.get("kind") or "invalid_request_error", "code": turn.get("kind")}}


def _words(text: str) -> list[str]:
    """A text in the pieces in which it is streamed."""
    words = text.split(" ")
    return [word if number == 0 else f" {word}" for number, word in enumerate(words)] if text else []


def _arguments(call: Mapping[str, Any]) -> str:
    given = call.get("arguments", {})
    return given if isinstance(given, str) else json.dumps(given)


def _id(call: Mapping[str, Any], number: int, request: Request) -> str | None:
    made = f"call_{len(request.messages):04d}{number:02d}scripted0000"
    found: str | None = call.get("id", made)
    return found


def _usage(turn: Turn) -> dict[str, int] | None:
    given = turn.get("usage", {})
    return None if given is None else {**DEFAULT_USAGE, **given}


# OpenAI -------------------------------------------------------------------------------------------------------------------------------


def _openai_usage(turn: Turn) -> dict[str, Any] | None:
    usage = _usage(turn)
    if usage is None:
        return None
    details = {"cached_tokens": usage["cached"]}
    total = usage["input"] + usage["output"]
    return {"prompt_tokens": usage["input"], "completion_tokens": usage["output"], "total_tokens": total, "prompt_tokens_details": details}


def _openai_stop(turn: Turn) -> str | None:
    if "stop" in turn:
        return turn["stop"] or None
    return "tool_calls" if turn.get("calls") else "stop"


def _answering(asked: str | list[str]) -> str:
    """Which model answers: of a list, as Dedalus takes it, the last, so that a test sees the difference."""
    return asked if isinstance(asked, str) else asked[-1]


def openai_pieces(request: Request, turn: Turn) -> Iterator[str]:
    model = _answering(request.body["model"])

    def piece(delta: dict[str, Any] | None, stop: str | None = None, **more: Any) -> str:
        choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": stop}]
        body = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": choices, **more}
        return f"data: {json.dumps(body)}\n\n"

    yield piece({"role": "assistant", "content": ""})
    if hosted := turn.get("hosted"):
        ran = {"server_name": hosted[0], "tool_name": hosted[1], "arguments": {}, "is_error": False}
        yield piece({}, mcp_tool_results=[ran])
    for word in _words(turn.get("thinking", "")):
        yield piece({"reasoning_content": word})
    for word in _words(turn.get("text", "")):
        yield piece({"content": word})
    if "in_stream" in turn:
        yield f"data: {json.dumps({'error': {'message': turn['in_stream'], 'type': turn['in_stream']}})}\n\n"
        return
    if turn.get("refusal"):
        yield piece({"refusal": turn["refusal"]})
    for number, call in enumerate(turn.get("calls", ())):
        text = _arguments(call)
        half = len(text) // 2
        head: dict[str, Any] = {"index": number, "type": "function", "function": {"name": call["name"], "arguments": text[:half]}}
        call_id = _id(call, number, request)
        yield piece({"tool_calls": [{**head, **({"id": call_id} if call_id is not None else {})}]})
        yield piece({"tool_calls": [{"index": number, "function": {"arguments": text[half:]}}]})
    stop = _openai_stop(turn)
    if stop:
        yield piece({}, stop)
    usage = _openai_usage(turn)
    if usage and (request.body.get("stream_options") or {}).get("include_usage"):
        yield piece(None, usage=usage)
    if stop:
        yield "data: [DONE]\n\n"


def openai_whole(request: Request, turn: Turn) -> dict[str, Any]:
    calls = [
        {"id": _id(call, number, request) or "", "type": "function", "function": {"name": call["name"], "arguments": _arguments(call)}}
        for number, call in enumerate(turn.get("calls", ()))
    ]
    said = {"content": turn.get("text"), "refusal": turn.get("refusal"), "tool_calls": calls or None}
    choice = {"index": 0, "message": {"role": "assistant", **said}, "finish_reason": _openai_stop(turn) or "stop"}
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": _answering(request.body["model"]), "choices": [choice]}
    return {**body, "usage": _openai_usage(turn)}


# Anthropic ----------------------------------------------------------------------------------------------------------------------------


def _anthropic_usage(turn: Turn) -> dict[str, int]:
    usage = _usage(turn) or dict.fromkeys(DEFAULT_USAGE, 0)
    return {
        "input_tokens": usage["input"] - usage["cached"] - usage["written"],
        "cache_read_input_tokens": usage["cached"],
        "cache_creation_input_tokens": usage["written"],
        "output_tokens": usage["output"],
    }


def _anthropic_blocks(request: Request, turn: Turn) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if turn.get("thinking"):
        blocks.append({"type": "thinking", "thinking": turn["thinking"], "signature": "c2lnbmF0dXJl"})
    if text := turn.get("text") or turn.get("refusal"):
        blocks.append({"type": "text", "text": text})
    for number, call in enumerate(turn.get("calls", ())):
        blocks.append({"type": "tool_use", "id": _id(call, number, request) or "", "name": call["name"], "input": _arguments(call)})
    return blocks


def _anthropic_stop(turn: Turn) -> str | None:
    if "stop" in turn:
        return turn["stop"] or None
    return "refusal" if turn.get("refusal") else "tool_use" if turn.get("calls") else "end_turn"


def anthropic_pieces(request: Request, turn: Turn) -> Iterator[str]:
    def piece(kind: str, **body: Any) -> str:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **body})}\n\n"

    usage = _anthropic_usage(turn)
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": request.body["model"], "content": []}
    yield piece("message_start", message={**message, "stop_reason": None, "stop_sequence": None, "usage": {**usage, "output_tokens": 1}})
    for index, block in enumerate(_anthropic_blocks(request, turn)):
        yield from _anthropic_block(piece, index, block)
    if "in_stream" in turn:
        yield piece("error", error={"type": turn["in_stream"], "message": turn["in_stream"]})
        return
    stop = _anthropic_stop(turn)
    if stop is None:
        return
    yield piece("message_delta", delta={"stop_reason": stop, "stop_sequence": None}, usage=usage)
    yield piece("message_stop")


def _anthropic_block(piece: Any, index: int, block: dict[str, Any]) -> Iterator[str]:
    kind = block["type"]
    empty: dict[str, Any] = {"thinking": {"thinking": "", "signature": ""}, "text": {"text": ""}, "tool_use": {"input": {}}}
    yield piece("content_block_start", index=index, content_block={**block, **empty[kind]})
    if kind == "tool_use":
        half = len(block["input"]) // 2
        deltas = [{"type": "input_json_delta", "partial_json": part} for part in (block["input"][:half], block["input"][half:])]
    else:
        deltas = [{"type": f"{kind}_delta", kind: word} for word in _words(block[kind])]
    if kind == "thinking":
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    for delta in deltas:
        yield piece("content_block_delta", index=index, delta=delta)
    yield piece("content_block_stop", index=index)


def anthropic_whole(request: Request, turn: Turn) -> dict[str, Any]:
    blocks = [{**b, "input": json.loads(b["input"])} if b["type"] == "tool_use" else b for b in _anthropic_blocks(request, turn)]
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": request.body["model"], "content": blocks}
    return {**message, "stop_reason": _anthropic_stop(turn), "stop_sequence": None, "usage": _anthropic_usage(turn)}


# Gemini -------------------------------------------------------------------------------------------------------------------------------


def _google_parts(turn: Turn) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = [{"text": word, "thought": True} for word in _words(turn.get("thinking", ""))]
    parts += [{"text": word} for word in _words(turn.get("text", ""))]
    calls = turn.get("calls", ())
    return parts + [{"functionCall": {"name": c["name"], "args": json.loads(_arguments(c))}, "thoughtSignature": "c2ln"} for c in calls]


def _google_end(turn: Turn) -> dict[str, Any]:
    usage = _usage(turn)
    if usage is None:
        return {}
    counts = {"promptTokenCount": usage["input"], "cachedContentTokenCount": usage["cached"], "candidatesTokenCount": usage["output"]}
    return {"usageMetadata": {**counts, "totalTokenCount": usage["input"] + usage["output"]}}


def google_pieces(request: Request, turn: Turn) -> Iterator[str]:
    parts = _google_parts(turn)
    for number, part in enumerate(parts, 1):
        last = number == len(parts)
        stop = turn.get("stop", "SAFETY" if turn.get("refusal") else "STOP")
        candidate = {"content": {"role": "model", "parts": [part]}, "index": 0, **({"finishReason": stop} if last and stop else {})}
        body = {"candidates": [candidate], "modelVersion": "scripted", "responseId": "r1", **(_google_end(turn) if last else {})}
        yield f"data: {json.dumps(body)}\n\n"


def google_whole(request: Request, turn: Turn) -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": _google_parts(turn)}, "finishReason": "STOP", "index": 0}
    return {"candidates": [candidate], "modelVersion": "scripted", "responseId": "r1", **_google_end(turn)}


PIECES = {"openai": openai_pieces, "anthropic": anthropic_pieces, "google": google_pieces}
WHOLE = {"openai": openai_whole, "anthropic": anthropic_whole, "google": google_whole}


@asynccontextmanager
async def model_server(script: Sequence[Turn] | Mapping[str, Any], port: int = 0) -> AsyncGenerator[ModelServer]:
    """Serve `script` on loopback until left."""
    serving = ModelServer(script)
    listening = await asyncio.start_server(serving.handle, "127.0.0.1", port, limit=1 << 26)
    serving.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield serving
    finally:
        listening.close()


def environment(url: str) -> dict[str, str]:
    """What makes Hotdesk, in another process, ask the server at `url` instead of the vendors."""
    return {
        "ANTHROPIC_API_KEY": "test",
        "ANTHROPIC_BASE_URL": url,
        "DEDALUS_API_KEY": "test",
        "DEDALUS_BASE_URL": url,
        "OPENAI_API_KEY": "test",
        "OPENAI_BASE_URL": f"{url}/v1",
        "GOOGLE_API_KEY": "test",
        "GOOGLE_GEMINI_BASE_URL": url,
        "OPENROUTER_API_KEY": "test",
        "OPENROUTER_BASE_URL": f"{url}/v1",
        "OLLAMA_BASE_URL": f"{url}/v1",
        "HOTDESK_BASE_URL": f"{url}/v1",
    }


async def main() -> None:
    options = argparse.ArgumentParser(description="Test equipment: a scripted model server.")
    options.add_argument("--script", type=Path, required=True)
    options.add_argument("--port", type=int, default=0)
    given = options.parse_args()
    async with model_server(json.loads(given.script.read_text()), given.port) as serving:
        print(serving.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
