"""What is asked of the server, and what it is called: `create`, `Process/Start`, `files/read`, `port/6080`, …"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import Any

from tests.equipment.e2b_server import envd, wire

_CONTROL = (
    ("POST", r"/v2/sandboxes", "create"),
    ("GET", r"/v2/sandboxes", "list"),
    ("GET", r"/sandboxes/([^/]+)", "get"),
    ("DELETE", r"/sandboxes/([^/]+)", "kill"),
    ("POST", r"/sandboxes/([^/]+)/timeout", "timeout"),
    ("POST", r"/v2/sandboxes/([^/]+)/connect", "connect"),
)
_HOST = re.compile(r"(\d+)-([a-z0-9]+)\.")


@dataclass
class Request:
    """One request. `body` is JSON, the first message of a stream, or None."""

    method: str
    path: str
    query: dict[str, str]
    name: str
    sandbox: str | None
    port: int | None
    body: Any = None
    at: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, head: wire.Head) -> Request:
        sandbox, port = _address(head)
        if sandbox:
            return cls(head.method, head.path, head.query, _inside_name(head, port), sandbox, port)
        for method, pattern, name in _CONTROL:
            if method == head.method and (match := re.fullmatch(pattern, head.path)):
                return cls(head.method, head.path, head.query, name, match[1] if match.groups() else None, None)
        return cls(head.method, head.path, head.query, f"{head.method} {head.path}", None, None)

    @property
    def command(self) -> str | None:
        """The shell command, if it starts one."""
        process = self.body.get("process", {}) if isinstance(self.body, dict) else {}
        arguments = process.get("args") if isinstance(process, dict) else None
        return str(arguments[-1]) if arguments else None

    @property
    def told(self) -> dict[str, Any]:
        """For another process."""
        about = {key: getattr(self, key) for key in ("method", "path", "query", "name", "sandbox", "port", "at", "command")}
        return {**about, "body": self.body if self.port is None else None}


def _address(head: wire.Head) -> tuple[str | None, int]:
    """Which port of which sandbox is meant, by headers or by the host's name."""
    if sandbox := head.get("e2b-sandbox-id"):
        return sandbox, int(head.get("e2b-sandbox-port") or envd.PORT)
    match = _HOST.match(head.get("host"))
    return (match[2], int(match[1])) if match else (None, 0)


def _inside_name(head: wire.Head, port: int) -> str:
    if port != envd.PORT:
        return f"port/{port}"
    if head.path == "/files":
        return "files/read" if head.method == "GET" else "files/write"
    return re.sub(r"^/(process|filesystem)\.", "", head.path).removeprefix("/")
