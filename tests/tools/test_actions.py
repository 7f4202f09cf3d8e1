"""Every tool that acts, through MCP, on every kind of desk."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from hotdesk.blobs import digest
from hotdesk.desks.base import Desk, DeskOptions, Desks
from hotdesk.desks.local import LocalDesks
from hotdesk.desks.pretend import PretendDesks
from hotdesk.tools.desk import desk_server
from hotdesk.tools.door import Deed, Passed
from tests.hotdesk_process import short_folder


class OpenDoor:
    """A door that lets everything pass at once."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def through(self, deed: Deed) -> Passed:
        text = await deed.do(self._desk)
        image = await self._desk.screenshot()
        return Passed(text, image, digest(image.data), True)


@pytest.fixture(params=["local", "pretend"])
async def desk(request: pytest.FixtureRequest) -> AsyncGenerator[Desk]:
    with short_folder() as short:
        providers: dict[str, type[Any]] = {"local": LocalDesks, "pretend": PretendDesks}
        desks: Desks = providers[request.param](Path(short) / "r")
        async with desks.open("tools", DeskOptions(internet="none")) as opened:
            yield opened


ACTIONS: list[tuple[str, dict[str, Any], tuple[int, int] | None]] = [
    ("left_click", {"x": 600, "y": 300}, (600, 300)),
    ("double_click", {"x": 601, "y": 301}, (601, 301)),
    ("right_click", {"x": 602, "y": 302}, (602, 302)),
    ("middle_click", {"x": 603, "y": 303}, (603, 303)),
    ("move", {"x": 0, "y": 0}, (0, 0)),
    ("drag", {"x": 10, "y": 10, "to_x": 90, "to_y": 95}, (90, 95)),
    ("scroll", {"x": 500, "y": 400, "dy": 2}, (500, 400)),
    ("write", {"text": "naïve 漢字"}, None),
    ("press", {"key": "ctrl+a"}, None),
    ("wait", {"seconds": 0.01}, None),
    ("act", {"actions": [{"do": "left_click", "x": 7, "y": 9}, {"do": "press", "key": "Escape"}]}, (7, 9)),
]


async def test_every_action_tool_does_what_it_says(desk: Desk) -> None:
    async with Client(desk_server(OpenDoor(desk))) as client:
        for name, arguments, pointer in ACTIONS:
            answer = await client.call_tool(name, arguments)
            assert not answer.is_error, (name, answer.content)
            if pointer is not None:
                assert await desk.cursor() == pointer, name
        assert (await client.call_tool("left_click", {"x": 5000, "y": 0})).is_error
        assert (await client.call_tool("press", {"key": "no such key"})).is_error
