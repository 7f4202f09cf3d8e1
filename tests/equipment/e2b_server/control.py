"""E2B's control plane: making, listing, prolonging and ending sandboxes. Errors are `{"code", "message"}`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from tests.equipment.e2b_server.requests import Request
from tests.equipment.e2b_server.sandboxes import Fleet, QuotaReached, Sandbox

ENVD_VERSION = "0.6.8"
DOMAIN = "e2b.test"
"""A domain that is nobody's: what goes there by mistake goes nowhere."""
LONGEST = 24 * 3600
"""Seconds a sandbox may be given."""
PAGE = 100

DEFAULT_TIMEOUT = 300
"""Seconds a sandbox lives that was not given another time."""

Reply = tuple[int, Any, Mapping[str, str]]


class Refused(Exception):
    """The answer is an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    @property
    def reply(self) -> Reply:
        return self.status, {"code": self.status, "message": str(self)}, {}


class Control:
    """The control plane of one fleet."""

    def __init__(self, fleet: Fleet, key: str, templates: tuple[str, ...]) -> None:
        self.fleet = fleet
        self.key = key
        self.templates = templates

    async def answer(self, request: Request, key: str) -> Reply:
        try:
            if key != self.key:
                raise Refused(401, "Invalid API key, please visit https://e2b.dev/docs/api-key for more information.")  # noqa: TRY301
            if request.name == "create":
                return 201, _made(await self._create(request.body or {})), {}
            if request.name == "list":
                return self._list(request.query)
            return await self._about_one(request)
        except Refused as refused:
            return refused.reply

    async def _create(self, asked: dict[str, Any]) -> Sandbox:
        template = asked.get("templateID", "")
        if template not in self.templates:
            raise Refused(404, f"template '{template}' not found")
        try:
            return await self.fleet.create(template, asked.get("metadata") or {}, asked.get("envVars") or {}, _timeout(asked))
        except QuotaReached:
            raise Refused(429, f"you have reached the maximum number of concurrent E2B sandboxes ({self.fleet.most})") from None
        except RuntimeError as trouble:
            raise Refused(500, f"Failed to create sandbox: {trouble}") from trouble

    async def _about_one(self, request: Request) -> Reply:
        if request.sandbox is None:
            raise Refused(501, f"{request.name} is not there")
        sandbox = self.fleet.find(request.sandbox)
        if sandbox is None:
            raise Refused(404, f"sandbox '{request.sandbox}' doesn't exist or you don't have access to it")
        match request.name:
            case "get":
                return 200, self._about(sandbox) | {"envdAccessToken": sandbox.token, "domain": DOMAIN}, {}
            case "kill":
                await self.fleet.end(sandbox, "killed")
            case "timeout":
                self.fleet.set_timeout(sandbox, _timeout(request.body))
            case _:
                seconds = _timeout(request.body or {})
                if seconds > (sandbox.ends - datetime.now(UTC)).total_seconds():  # connecting only ever prolongs
                    self.fleet.set_timeout(sandbox, seconds)
                return 200, _made(sandbox), {}
        return 204, None, {}

    def _list(self, query: Mapping[str, str]) -> Reply:
        """As the SDK asks: metadata is an encoded query within the query, its values encoded once more."""
        wanted = {unquote(key): unquote(value) for key, value in parse_qsl(query.get("metadata", ""), keep_blank_values=True)}
        found = [sandbox for sandbox in self.fleet.running if wanted.items() <= sandbox.metadata.items()]
        if "template" in query:
            found = [sandbox for sandbox in found if sandbox.template == query["template"]]
        if "running" not in query.get("state", "running,paused").split(","):
            found = []
        if "startedAfter" in query:
            after = datetime.fromisoformat(query["startedAfter"].replace("Z", "+00:00"))
            found = [sandbox for sandbox in found if sandbox.started > after]
        found.sort(key=lambda sandbox: sandbox.started, reverse=query.get("order", "desc") == "desc")
        start, most = int(query.get("nextToken", 0)), int(query.get("limit", PAGE))
        more = {"x-next-token": str(start + most)} if len(found) > start + most else {}
        return 200, [self._about(sandbox) for sandbox in found[start : start + most]], more

    @staticmethod
    def _about(sandbox: Sandbox) -> dict[str, Any]:
        return {
            "templateID": sandbox.template,
            "alias": sandbox.template,
            "sandboxID": sandbox.id,
            "clientID": "local",
            "startedAt": _time(sandbox.started),
            "endAt": _time(sandbox.ends),
            "cpuCount": 2,
            "memoryMB": 4096,
            "diskSizeMB": 10240,
            "state": "running",
            "envdVersion": ENVD_VERSION,
            "metadata": sandbox.metadata,
        }


def _made(sandbox: Sandbox) -> dict[str, Any]:
    about = {"templateID": sandbox.template, "alias": sandbox.template, "sandboxID": sandbox.id, "clientID": "local"}
    return {**about, "envdVersion": ENVD_VERSION, "envdAccessToken": sandbox.token, "domain": DOMAIN}


def _timeout(asked: Mapping[str, Any]) -> float:
    seconds = float(asked.get("timeout", DEFAULT_TIMEOUT))
    if seconds < 0:
        raise Refused(400, "Timeout cannot be negative")
    if seconds > LONGEST:
        raise Refused(400, f"Timeout cannot be greater than {LONGEST // 3600} hours")
    return seconds


def _time(when: datetime) -> str:
    return when.isoformat().replace("+00:00", "Z")
