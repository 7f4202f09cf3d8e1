"""HTTP/1.1 and connectrpc's envelopes, as little of them as E2B's SDK uses. One request for each connection.

Standard library only and no state: `envd`, which runs inside a sandbox under the system's own Python, uses it too.
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

LIMIT = 1 << 20
"""Bytes for the head of a request."""
PIECE = 1 << 18
"""Bytes read at once."""


@dataclass(frozen=True)
class Head:
    """The head of a request."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    def get(self, name: str) -> str:
        """A header, or nothing."""
        return next((value for key, value in self.headers if key.lower() == name), "")

    @property
    def upgrades(self) -> bool:
        return "upgrade" in self.get("connection").lower()

    def encode(self, **changed: str) -> bytes:
        """The head as it is sent on; `changed` headers (`_` stands for `-`) replace those it has."""
        given = {name.replace("_", "-"): value for name, value in changed.items()}
        if "content-length" in given:
            given["transfer-encoding"] = ""
        lines = [f"{name}: {value}" for name, value in self.headers if name.lower() not in given]
        lines += [f"{name}: {value}" for name, value in given.items() if value]
        return "\r\n".join([f"{self.method} {self.target} HTTP/1.1", *lines, "", ""]).encode("latin-1")


async def read_head(reader: asyncio.StreamReader) -> Head:
    """Raises `IncompleteReadError` or `ConnectionError` when the peer leaves instead, and `ValueError` for what is no request."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = lines[0].split(" ", 2)
    headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines[1:] if line))
    return Head(method, target, headers)


async def read_body(reader: asyncio.StreamReader, head: Head) -> bytes:
    if head.get("transfer-encoding").lower() != "chunked":
        return await reader.readexactly(int(head.get("content-length") or 0))
    pieces = []
    while size := int((await reader.readline()).split(b";")[0], 16):
        pieces.append(await reader.readexactly(size))
        await reader.readline()
    await reader.readline()
    return b"".join(pieces)


def answer(status: int, body: Any = None, headers: Mapping[str, str] | None = None) -> bytes:
    """A whole response: bytes are sent as they are, anything else as JSON, None as nothing."""
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
    given = {"content-type": kind, "content-length": str(len(data)), "connection": "close", **(headers or {})}
    return response_head(status, given) + data


def response_head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{lines}\r\n".encode("latin-1")


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def envelope(message: Mapping[str, Any], *, last: bool = False) -> bytes:
    data = json.dumps(message).encode()
    return struct.pack(">BI", 2 if last else 0, len(data)) + data


def open_envelope(data: bytes) -> dict[str, Any]:
    """The message in the first envelope."""
    _, size = struct.unpack(">BI", data[:5])
    message: dict[str, Any] = json.loads(data[5 : 5 + size])
    return message
