"""A real MCP server, made with the official SDK: echoes, shows pictures, dawdles and dies. `python mcp_server.py [http]`.

Over HTTP it listens on a free port of this machine, asks for `Authorization: Bearer let-me-in-please`, and prints its address.
"""

from __future__ import annotations

import io
import json
import os
import socket
import sys
from itertools import count as numbers
from pathlib import Path
from typing import Any

import anyio
from mcp.server import MCPServer
from mcp.server.mcpserver import Image
from mcp.server.mcpserver.exceptions import ToolError

TOKEN = "let-me-in-please"
LONG = "with.a.name/that-no-vendor-takes-" + 40 * "x"

server = MCPServer("equipment")
_counted = numbers(1)


def _picture(width: int, height: int, colour: str, kind: str = "PNG") -> Image:
    from PIL import Image as Pillow

    data = io.BytesIO()
    Pillow.new("RGB", (width, height), colour).save(data, kind)
    return Image(data=data.getvalue(), format=kind.lower())


@server.tool()
def echo(text: str) -> str:
    """Say it back."""
    return text


@server.tool()
def count() -> int:
    """How often this has been called."""
    return next(_counted)


@server.tool()
def environment() -> str:
    """What this program was given."""
    return json.dumps({**os.environ, "(folder)": str(Path.cwd())})


@server.tool(structured_output=False)
def pictures(width: int = 30, height: int = 20) -> list[Any]:
    """A word, two pictures, and one that is none."""
    return ["two", _picture(width, height, "red"), _picture(10, 10, "blue", "GIF"), Image(data=b"no picture", format="png")]


@server.tool()
def refuse(text: str) -> str:
    """Fail with a sentence."""
    raise ToolError(f"I do not like {text}.")


@server.tool()
async def slow(fifo: str = "") -> str:
    """Say in the fifo that the call is there, and never answer."""
    if fifo:
        os.close(os.open(fifo, os.O_WRONLY))
    await anyio.sleep_forever()
    return ""


@server.tool()
def crash() -> str:
    """Die at once."""
    os._exit(3)


@server.tool(name=LONG)
def long() -> str:
    """A name of many words."""
    return "called"


class _Asking:
    """Lets in who shows the token."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        shown = dict(scope.get("headers", ())).get(b"authorization", b"").decode()
        if scope["type"] == "http" and shown != f"Bearer {TOKEN}":
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": f"Not with {shown}.".encode()})
            return
        await self._app(scope, receive, send)


def over_http(port: int) -> None:
    import uvicorn

    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        print(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
        config = uvicorn.Config(_Asking(server.streamable_http_app()), log_level="warning", timeout_graceful_shutdown=1)
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["http", *port]:
            over_http(int(port[0]) if port else 0)
        case ["broken"]:
            sys.exit(f"Cannot begin: the key {os.environ.get('SERVER_KEY')} is wrong.")
        case _:
            server.run()
