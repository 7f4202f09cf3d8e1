"""Further MCP servers: the tools that agents get beside their desk's, from the servers that the settings name.

`connections(servers)` begins to connect to all of them at once and holds the connections while its block lasts; `Further.ready` says which
could not be had, `Further.tools` what the others offer, under `server__tool`, and `Further.call` makes a call, through the door like any
deed. A server that dies makes its call an error result, and is connected to once more when it is called again. Nothing that a server does
raises: what goes wrong is told in a sentence, with every configured secret taken out of it.

A server that is a program runs on this machine, not on the desk, and gets PATH, HOME, LANG and what is configured for it, nothing else.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import os
import re
import shutil
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import anyio
import anyio.to_thread

from hotdesk.desks.base import Image, Size
from hotdesk.errors import HotdeskError
from hotdesk.settings import HttpServer, McpServer, StdioServer
from hotdesk.tools.door import Deed, Door

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import CallToolResult, ContentBlock, Tool

    from hotdesk.desks.base import Desk
    from hotdesk.tools.door import Passed

__all__ = ["Further", "connections"]

CONNECTING = 20.0
"""Seconds until a server has to have said what it offers; a program may have to be fetched by its launcher first."""
CALLING = 120.0
"""Seconds a call may take."""
LEAVING = 1.0
"""Seconds a server at an address has to take the goodbye."""

TOOLS = 100
"""Tools of all servers together: vendors take 128 in all."""
PAGES = 20
NAME = 64
"""Characters of a tool's name that every vendor takes."""
DESCRIPTION = 2_000
SCHEMA = 20_000
"""Characters of a tool's description (longer ones are cut) and of its schema (tools with a longer one are left out)."""

TEXT = 200_000
"""Characters of a result."""
PICTURES = 4
"""Pictures of a result."""
PIXELS = 40_000_000
"""Of a picture that is looked at, at most."""
EDGE = 1568
"""Pixels of a picture's longer edge, beyond which no model sees more."""
PICTURE = 3_000_000
"""Bytes of a picture that is given as it is."""
EVENT = 32 << 20
"""Bytes of one message from a server at an address."""

SHOWN = 200
"""Characters of an argument that are kept in the log."""
SAID = 300
"""Characters of what a server said that are kept in the log."""
SECRET = 6
"""Characters from which on a configured value is taken out of what is told; shorter ones are words."""

_INHERITED = ("PATH", "HOME", "LANG")
_REFUSALS = (401, 403, 404, 407, 429)
_CLOSED = -32000
"""JSON-RPC code of the MCP package: the connection ended before the answer came."""


class _Failed(HotdeskError):
    """A call did not do what it should. `str` is for the log, `text` for the agent."""

    def __init__(self, text: str) -> None:
        super().__init__(_cut(text, SAID))
        self.text = text


class Further:
    """The further tools of one agent. Made by `connections`."""

    def __init__(self, servers: list[_Server]) -> None:
        self._servers = servers
        self._offered: dict[str, tuple[_Server, str]] | None = None
        self.tools: list[Tool] = []
        """What is offered, once it is `ready`."""

    async def ready(self) -> dict[str, str]:
        """Wait until each server has connected or failed to. What went wrong, by server, the first time; then nothing."""
        if self._offered is not None:
            return {}
        for server in self._servers:
            await server.tried.wait()
        self._offered = {}
        return {server.name: wrong for server in self._servers if (wrong := server.failure or self._offer(server, self._offered))}

    def _offer(self, server: _Server, offered: dict[str, tuple[_Server, str]]) -> str:
        left_out = 0
        for tool in server.tools:
            if len(offered) >= TOOLS or len(json.dumps(tool.input_schema)) > SCHEMA:
                left_out += 1
                continue
            name = _name(server.name, tool.name, offered)
            offered[name] = server, tool.name
            text = _cut(tool.description or tool.title or tool.name, DESCRIPTION)
            self.tools.append(tool.model_copy(update={"name": name, "description": text}))
        return f"{left_out} of the tools of {server.name} are left out: they are too many, or too large." if left_out else ""

    def __contains__(self, name: object) -> bool:
        return name in (self._offered or {})

    async def call(self, door: Door, name: str, arguments: Mapping[str, Any]) -> CallToolResult:
        """Make the call `name` through the door. Never raises but for what the door's owner ends."""
        from mcp.types import CallToolResult, TextContent  # noqa: PLC0415

        from hotdesk.tools.desk import META, answering  # noqa: PLC0415

        server, tool = (self._offered or {})[name]
        content: list[ContentBlock] = []
        failures: list[str] = []

        async def do(_: Desk) -> str:
            try:
                content.extend(await server.call(tool, arguments))
            except _Failed as failed:
                failures.append(failed.text)
                raise
            return ""

        async def result(passed: Passed) -> CallToolResult:
            meta = {"frame": passed.digest, "changed": passed.changed, "interrupted": False}
            return CallToolResult(content=content, _meta={META: meta})

        shown = {key: _shown(server.clean, value) for key, value in arguments.items()}
        deed = Deed(name, f"Calling {server.name}: {tool}", do, ({"arguments": shown},), settles=False, shows=False)
        answer = await answering(door, deed, result)
        if answer.is_error and failures:
            return answer.model_copy(update={"content": [TextContent(type="text", text=failures[0])]})
        return answer

    def leave(self) -> None:
        """Begin to end the connections; the block of `connections` waits for that."""
        for server in self._servers:
            server.leave()


@asynccontextmanager
async def connections(servers: Mapping[str, McpServer]) -> AsyncGenerator[Further]:
    """Connections to all the servers, which end with the block."""
    if not servers:
        yield Further([])
        return
    made = [_Server(name, spec) for name, spec in servers.items()]
    async with anyio.create_task_group() as tasks:
        for server in made:
            tasks.start_soon(server.run)
        further = Further(made)
        yield further
        further.leave()


def _name(server: str, tool: str, taken: Mapping[str, Any]) -> str:
    whole = f"{server}__{re.sub('[^A-Za-z0-9_-]', '_', tool)}"
    name, number = whole[:NAME], 1
    while name in taken:
        number += 1
        name = f"{whole[: NAME - len(str(number)) - 1]}_{number}"
    return name


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most] + "…"


def _shown(clean: Callable[[str], str], value: Any) -> Any:
    if isinstance(value, bool | int | float | None):
        return value
    return _cut(clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)), SHOWN)


# One server ------------------------------------------------------------------------------------------------------------------------


class _Server:
    """One server and the connection to it. `run` owns the connection; whoever calls only asks for it."""

    def __init__(self, name: str, spec: McpServer) -> None:
        self.name = name
        self.tools: list[Tool] = []
        self.failure = ""
        """Why there is no connection, if the last try at one failed."""
        self.tried = anyio.Event()
        """Set when the newest try has come to something."""
        self.clean = _cleaner(spec)
        self._spec = spec
        self._client: Client | None = None
        self._wanted = anyio.Event()
        self._wanted.set()
        self._over = anyio.Event()
        self._scope = anyio.CancelScope()
        self._calls = set[anyio.CancelScope]()
        self._leaving = False

    async def run(self) -> None:
        """Connect, whenever a connection is wanted, and hold it until it is lost or the agent leaves."""
        await anyio.to_thread.run_sync(_import)
        while True:
            await self._wanted.wait()
            tried = self.tried
            if not self._leaving:
                self._wanted, self._over, self.failure = anyio.Event(), anyio.Event(), ""
                await self._connection(tried)
            tried.set()
            if self._leaving:
                return

    async def _connection(self, tried: anyio.Event) -> None:
        program = _Stderr()
        status: list[int] = []
        with anyio.CancelScope(deadline=anyio.current_time() + CONNECTING) as self._scope:
            try:
                async with self._client_of(program, status) as client:
                    self.tools = await _listed(client)
                    self._scope.deadline = float("inf")
                    self._client = client
                    tried.set()
                    await self._over.wait()
                    self._client = None
                    self._scope.deadline = anyio.current_time() + LEAVING
            except Exception as error:
                self.failure = self._sentence(_why(error), program, status)
            finally:
                self._client = None
                for call in self._calls:
                    call.cancel()
        if self._scope.cancelled_caught and not tried.is_set():
            self.failure = self._sentence(f"it did not answer within {CONNECTING:g} s", program, status)

    def _sentence(self, why: str, program: _Stderr, status: list[int]) -> str:
        if status:
            why = f"it answered with HTTP status {status[-1]}"
        said = f"; it said: {program.last_line}" if program.last_line else ""
        return f"The MCP server {self.name} cannot be reached: {_cut(self.clean(why + said), SAID).rstrip('.')}."

    @asynccontextmanager
    async def _client_of(self, program: _Stderr, status: list[int]) -> AsyncGenerator[Client]:
        import httpx2  # noqa: PLC0415
        from mcp import Client  # noqa: PLC0415
        from mcp.client.stdio import stdio_client  # noqa: PLC0415
        from mcp.client.streamable_http import streamable_http_client  # noqa: PLC0415

        async def note(response: httpx2.Response) -> None:
            if response.status_code in _REFUSALS or response.status_code >= 500:
                status.append(response.status_code)

        if isinstance(self._spec, HttpServer):
            http = httpx2.AsyncClient(
                headers=self._spec.headers, timeout=httpx2.Timeout(CONNECTING, read=CALLING), event_hooks={"response": [note]}
            )
            transport = streamable_http_client(self._spec.url, http_client=http, max_sse_event_size=EVENT)
            async with http, Client(transport) as client:
                yield client
        else:
            async with program.kept() as errlog, Client(stdio_client(_parameters(self._spec), errlog)) as client:
                yield client

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> list[ContentBlock]:
        """Raises `_Failed`."""
        client = await self._connected()
        answer = None
        with anyio.move_on_after(CALLING) as scope:
            self._calls.add(scope)
            try:
                answer = await client.call_tool(tool, dict(arguments))
            except Exception as error:
                if _is_loss(error):
                    self._over.set()
                    raise self._lost() from error
                raise _Failed(self.clean(f"{self.name} could not do it: {_cut(_why(error), SAID)}")) from error
            finally:
                self._calls.discard(scope)
        if answer is None:
            raise self._lost() if self._client is not client else _Failed(f"{self.name} did not answer within {CALLING:g} s.")
        content = await anyio.to_thread.run_sync(_content, answer)
        if answer.is_error:
            text = "\n".join(block.text for block in content if block.type == "text")
            raise _Failed(self.clean(text) or f"{self.name} says that it could not be done.")
        return content

    async def _connected(self) -> Client:
        """The connection, tried for once if there is none. Raises `_Failed`."""
        if self._client is None or self._over.is_set():
            self.tried = anyio.Event()
            self._wanted.set()
            await self.tried.wait()
        if self._client is None:
            raise _Failed(self.failure or f"The MCP server {self.name} is not there any more.")
        return self._client

    def _lost(self) -> _Failed:
        return _Failed(
            f"The connection to the MCP server {self.name} was lost, so it is not known what was done. Calling again tries anew."
        )

    def leave(self) -> None:
        self._leaving = True
        self._wanted.set()
        self._over.set()
        if self._client is None:
            self._scope.cancel()


def _import() -> None:
    import httpx2  # noqa: F401, PLC0415
    import mcp  # noqa: PLC0415
    import mcp.client.streamable_http  # noqa: F401, PLC0415

    # What goes wrong with a server is told by us, without secrets; these would write addresses and messages to standard error.
    logging.getLogger("mcp.client").setLevel(logging.CRITICAL)
    logging.getLogger("httpx2").setLevel(logging.WARNING)


async def _listed(client: Client) -> list[Tool]:
    tools: list[Tool] = []
    cursor = None
    for _ in range(PAGES):
        page = await client.list_tools(cursor=cursor)
        tools += page.tools
        cursor = page.next_cursor
        if not cursor or len(tools) > TOOLS:
            break
    return tools


def _parameters(spec: StdioServer) -> Any:
    """How to start it. Raises `HotdeskError`."""
    from mcp.client.stdio import StdioServerParameters, get_default_environment  # noqa: PLC0415

    home = Path.home()
    env = {name: os.environ[name] for name in _INHERITED if name in os.environ} | spec.env
    command = str(home / spec.command) if "/" in spec.command else spec.command
    program = shutil.which(command, path=env.get("PATH"))
    if program is None:
        raise HotdeskError(f"there is no program {spec.command} on this machine")
    unset = [f"--unset={name}" for name in get_default_environment() if name not in env]  # what the package would add
    return StdioServerParameters(command="env", args=[*unset, program, *spec.args], env=env, cwd=home)


class _Stderr:
    """The standard error of a program: only its end is kept, and only in memory."""

    def __init__(self) -> None:
        self._end = b""
        self._read = -1

    @asynccontextmanager
    async def kept(self) -> AsyncGenerator[Any]:
        self._read, write = os.pipe()
        os.set_blocking(self._read, False)
        try:
            async with anyio.create_task_group() as tasks:
                with os.fdopen(write, "w") as file:
                    tasks.start_soon(self._follow)
                    try:
                        yield file
                    finally:
                        tasks.cancel_scope.cancel()
        finally:
            self._take()
            os.close(self._read)

    async def _follow(self) -> None:
        while True:
            await anyio.wait_readable(self._read)
            self._take()

    def _take(self) -> None:
        with suppress(BlockingIOError):
            while more := os.read(self._read, 65536):
                self._end = (self._end + more)[-4096:]

    @property
    def last_line(self) -> str:
        lines = self._end.decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


# What goes wrong -------------------------------------------------------------------------------------------------------------------


def _is_loss(error: Exception) -> bool:
    from mcp import MCPError  # noqa: PLC0415

    if isinstance(error, MCPError):
        return error.code == _CLOSED or error.message == "Session terminated"
    return isinstance(error, OSError | anyio.ClosedResourceError | anyio.BrokenResourceError | anyio.EndOfStream)


def _why(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, HotdeskError):
        return str(error)
    text = " ".join(str(error).split())
    return text or type(error).__name__


def _cleaner(spec: McpServer) -> Callable[[str], str]:
    """Takes what is configured as a secret, or may be one, out of a text."""
    found = set[str]()
    if isinstance(spec, StdioServer):
        found |= set(spec.env.values())
    else:
        for value in spec.headers.values():
            found |= {value, *value.split()}
        parts = urlsplit(spec.url)
        found |= {parts.path, parts.query, parts.username or "", parts.password or "", *(value for _, value in parse_qsl(parts.query))}
    secrets = sorted((secret for secret in found if len(secret) >= SECRET), key=len, reverse=True)

    def clean(text: str) -> str:
        for secret in secrets:
            text = text.replace(secret, "…")
        return text

    return clean


# What came of a call ---------------------------------------------------------------------------------------------------------------


def _content(answer: CallToolResult) -> list[ContentBlock]:
    """One text, and pictures as every vendor takes them."""
    from mcp.types import TextContent  # noqa: PLC0415

    from hotdesk.tools.desk import picture_block  # noqa: PLC0415

    texts: list[str] = []
    pictures: list[Image] = []
    for block in answer.content:
        match block.type:
            case "text":
                texts.append(block.text)
            case "image":
                picture = _picture(block.data) if len(pictures) < PICTURES else None
                if picture is None:
                    texts.append("(A picture was left out: it cannot be shown.)")
                else:
                    pictures.append(picture)
            case "resource":
                texts.append(getattr(block.resource, "text", None) or f"({block.resource.uri}: left out, it is no text.)")
            case "resource_link":
                texts.append(f"{block.name}: {block.uri}")
            case _:
                texts.append(f"(Left out: {block.type}.)")
    if not any(texts) and answer.structured_content is not None:
        texts.append(json.dumps(answer.structured_content, ensure_ascii=False))
    return [TextContent(type="text", text=_cut("\n".join(texts), TEXT)), *map(picture_block, pictures)]


def _picture(encoded: str) -> Image | None:
    from PIL import Image as Pillow  # noqa: PLC0415

    try:
        data = base64.b64decode(encoded)
        with Pillow.open(io.BytesIO(data)) as picture:
            if picture.width * picture.height > PIXELS:
                return None
            picture.load()
            size = Size(picture.width, picture.height)
            kinds: dict[str, Any] = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
            if picture.format in kinds and max(size) <= EDGE and len(data) <= PICTURE:
                return Image(data, kinds[picture.format], size)
            drawn = picture.convert("RGBA")
            drawn.thumbnail((EDGE, EDGE))
            paper = Pillow.new("RGB", drawn.size, "white")
            paper.paste(drawn, mask=drawn)
    except Exception:  # whatever Pillow's decoders raise at what a stranger sent
        return None
    out = io.BytesIO()
    paper.save(out, "JPEG", quality=90)
    return Image(out.getvalue(), "image/jpeg", Size(*paper.size))
