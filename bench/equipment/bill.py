"""What a run's requests would be billed: one stated token model, and a cache that matches prefixes block by block.

The token model, the same for everybody, computed from the bodies of the requests:
- text, tools, calls and their results: a token for each four characters;
- an image: width x height / 750 tokens, as Anthropic documents.

The cache, as Anthropic documents it: a request is a row of blocks (tools, then system, then messages). A breakpoint on a block writes
the prefix up to and with it, if that has at least `minimum` tokens; a later request reads the longest written prefix that it finds at
one of its breakpoints or in the `LOOKBACK` blocks that end with one. A token read is billed at 0.1, one written at 1.25, any other at 1.
An entry is taken to live for the whole run (five minutes, renewed with each use; a step takes seconds).
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import accumulate
from typing import Any

from PIL import Image

__all__ = ["READ", "WRITE", "Bill", "Block", "Cache", "bill", "blocks", "least", "without_cache"]

CHARACTERS = 4
"""Characters of text that make a token."""
PIXELS = 750
"""Pixels of an image that make a token."""
READ, WRITE = 0.1, 1.25
MINIMUM = 1024
"""Tokens that a prefix must have to be written; of Claude's models the most common value (some want 2048 or 4096)."""
LOOKBACK = 20
"""Blocks before a breakpoint, itself included, at which a written prefix is looked for."""
BREAKPOINTS = 4
"""Breakpoints that one request may have."""


@dataclass(frozen=True, slots=True)
class Block:
    """`key` is equal where a cache takes the content for the same."""

    key: str
    tokens: int
    breakpoint: bool = False
    of: str = "messages"
    """`tools`, `system` or `messages`."""


@dataclass(frozen=True, slots=True)
class Bill:
    """Input tokens by how they are billed."""

    plain: int = 0
    read: int = 0
    written: int = 0
    requests: int = 0

    @property
    def input(self) -> int:
        return self.plain + self.read + self.written

    @property
    def billed(self) -> float:
        """In tokens at full price."""
        return self.plain + READ * self.read + WRITE * self.written

    def __add__(self, other: Bill) -> Bill:
        return Bill(self.plain + other.plain, self.read + other.read, self.written + other.written, self.requests + other.requests)


@dataclass(slots=True)
class Cache:
    """What the vendor remembers between the requests of one run."""

    minimum: int = MINIMUM
    _written: set[str] = field(default_factory=set)

    def ask(self, given: Sequence[Block]) -> Bill:
        """Bill one request, and remember what it writes."""
        marks = [index for index, block in enumerate(given) if block.breakpoint]
        if len(marks) > BREAKPOINTS:
            raise ValueError(f"A request has {len(marks)} cache breakpoints; the vendor would refuse more than {BREAKPOINTS}.")
        prefixes = list(accumulate((block.key for block in given), lambda before, key: _digest(before + key), initial=""))[1:]
        upto = list(accumulate((block.tokens for block in given), initial=0))
        found = max((place + 1 for mark in marks for place in self._places(mark) if prefixes[place] in self._written), default=0)
        kept = [mark for mark in marks if upto[mark + 1] >= self.minimum]
        self._written.update(prefixes[mark] for mark in kept)
        end = max([found, *(mark + 1 for mark in kept)])
        return Bill(plain=upto[-1] - upto[end], read=upto[found], written=upto[end] - upto[found], requests=1)

    def _places(self, mark: int) -> range:
        return range(max(0, mark - LOOKBACK + 1), mark + 1)


def bill(requests: Iterable[Sequence[Block]], minimum: int = MINIMUM) -> Bill:
    """What the requests of one run are billed, one after another."""
    cache = Cache(minimum)
    return sum((cache.ask(request) for request in requests), Bill())


def without_cache(requests: Iterable[Sequence[Block]]) -> Bill:
    """The same without any caching: every token at full price in every request."""
    return bill([[replace(block, breakpoint=False) for block in request] for request in requests])


# Blocks of a request ------------------------------------------------------------------------------------------------------------------


def blocks(body: Mapping[str, Any]) -> list[Block]:
    """The blocks of a request's body in the order in which they are cached: Anthropic's Messages or OpenAI's Chat Completions."""
    made = [_block(tool, "tools") for tool in body.get("tools", ())]
    made += [_block(part, "system") for part in _parts(body.get("system", ()))]
    for message in body["messages"]:
        of = "system" if message["role"] in ("system", "developer") else "messages"
        # Which message a block is in belongs to what must match: its role, and whose result it is.
        belongs = f"{message['role']} {message.get('tool_call_id', '')}"
        made += [_block(part, of, belongs) for part in (*_parts(message.get("content")), *(message.get("tool_calls") or ()))]
    return made


def _parts(content: Any) -> Sequence[Mapping[str, Any]]:
    if content is None:
        return ()
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _block(part: Mapping[str, Any], of: str, belongs: str = "") -> Block:
    bare = _without_marks(part)
    return Block(_digest(belongs + json.dumps(bare, sort_keys=True)), _tokens(bare, of), _marked(part), of)


def _without_marks(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {name: _without_marks(value) for name, value in node.items() if name != "cache_control"}
    return [_without_marks(item) for item in node] if isinstance(node, list) else node


def _marked(node: Any) -> bool:
    if isinstance(node, Mapping):
        return bool(node.get("cache_control")) or any(_marked(item) for item in node.get("content") or () if isinstance(item, Mapping))
    return False


def _tokens(part: Mapping[str, Any], of: str) -> int:  # noqa: PLR0911 - one for each kind of block
    if of == "tools":
        return _of_text(json.dumps(part.get("function", part), ensure_ascii=False))
    match part.get("type"):
        case "text":
            return _of_text(part["text"])
        case "image":
            return _of_image(part["source"]["data"])
        case "image_url":
            return _of_image(part["image_url"]["url"].partition("base64,")[2])
        case "tool_use":
            return _of_text(part["name"] + json.dumps(part["input"], ensure_ascii=False))
        case "function":
            return _of_text(part["function"]["name"] + part["function"]["arguments"])
        case "tool_result":
            return sum(_tokens(inner, of) for inner in _parts(part.get("content")))
        case _:
            return _of_text(json.dumps(part, ensure_ascii=False))


def _of_text(text: str) -> int:
    return math.ceil(len(text) / CHARACTERS)


@lru_cache(maxsize=512)
def _of_image(data: str) -> int:
    with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
        return math.ceil(picture.width * picture.height / PIXELS)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def least(requests: Sequence[Sequence[Block]]) -> float:
    """A floor under what any history could be billed that shows the model the same news: what is new in a request once, at full price and
    never again, and tools and system prompt read from a cache. The requests must grow at their end only, counted in blocks."""
    before, sum_ = 0, 0.0
    for request in requests:
        shared = sum(block.tokens for block in request if block.of != "messages")
        news = sum(block.tokens for block in request[before:])
        sum_ += news + (READ * shared if before else 0)
        before = len(request)
    return sum_
