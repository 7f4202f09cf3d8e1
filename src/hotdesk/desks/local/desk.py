"""One open local desk, driven in this process over its X server and the helper inside.

Opening and ending are `provider`'s; this is what can be done in between. The X calls take well under a millisecond and are made right here.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any

import anyio

from hotdesk.desks.applications import application_for, is_web_address
from hotdesk.desks.asking import ask
from hotdesk.desks.base import Action, Desk, FileEntry, Image, Point, Ran, Settled, Size
from hotdesk.desks.local.applications import APPLICATIONS
from hotdesk.desks.local.sandbox import REQUEST_SOCKET, Sandbox
from hotdesk.desks.picture import Camera
from hotdesk.desks.x11.display import Display
from hotdesk.desks.x11.hands import Hands
from hotdesk.desks.x11.screen import Screen
from hotdesk.desks.x11.settle import Settling
from hotdesk.errors import DeskGone, DeskRefused

LATE_ANSWER = 10.0
"""Seconds beyond a command's own time that its answer may take."""


class LocalDesk(Desk):
    provider = "local"

    def __init__(self, desk_id: str, running: Sandbox, display: Display, screen: Screen, hands: Hands, settling: Settling) -> None:
        self.id = desk_id
        self.size = Size(screen.width, screen.height)
        self._running = running
        self._display = display
        self._screen = screen
        self._camera = Camera(self.size)
        self._hands = hands
        self._settling = settling
        self._closed = False

    def close(self) -> None:
        """From now on every call raises `DeskGone`."""
        self._closed = True
        self._display.close()
        self._screen.close()

    def _check_open(self) -> None:
        if self._closed:
            raise DeskGone("This desk is closed.")
        if self._running.ended.is_set():
            raise DeskGone("This desk was lost: its processes have ended.")

    # The screen, the pointer and the keyboard --------------------------------------------------------------------------------------

    async def screenshot(self) -> Image:
        await anyio.lowlevel.checkpoint()
        self._check_open()
        return self._camera.picture(self._screen.pixels(), self._screen.pointer())

    async def cursor(self) -> Point:
        await anyio.lowlevel.checkpoint()
        self._check_open()
        return Point(*self._screen.position())

    async def settle(self, cap: float = 3.0) -> Settled:
        self._check_open()
        return Settled(*await self._settling.wait(cap))

    async def act(self, actions: Sequence[Action]) -> None:
        await anyio.lowlevel.checkpoint()
        self._check_open()
        await self._hands.perform([action.model_dump() for action in actions])

    # Programs and commands -----------------------------------------------------------------------------------------------------------

    async def launch(self, application: str) -> None:
        self._check_open()
        if application in APPLICATIONS:
            argv = [APPLICATIONS[application].command]
        else:
            try:
                argv = shlex.split(application)
            except ValueError as error:
                raise DeskRefused(f"«{application}» is no command: {error}.") from error
            if not argv:
                raise DeskRefused("There is no application without a name.")
        await self._start(argv)

    async def open(self, target: str) -> None:
        self._check_open()
        if is_web_address(target):
            await self._start([APPLICATIONS["browser"].command, target])
            return
        answer, (head,) = await self._ask({"do": "probe", "path": target})
        path = str(answer["path"])
        application = APPLICATIONS[application_for(path, bool(answer["is_folder"]), head)]
        await self._start([application.command, path])

    async def _start(self, argv: list[str]) -> None:
        self._settling.begin(launching=True)
        await self._ask({"do": "launch", "argv": argv})

    async def _ask(self, request: dict[str, Any], data: bytes = b"", most: int = 64 << 20) -> tuple[dict[str, Any], list[bytes]]:
        return await ask(self._running.connect(REQUEST_SOCKET), request, data, most)

    async def run(self, command: str, timeout: float = 60.0) -> Ran:
        self._check_open()
        self._settling.begin()
        try:
            with anyio.fail_after(timeout + LATE_ANSWER):
                answer, (out, err) = await self._ask({"do": "run", "command": command, "timeout": timeout})
        except TimeoutError:
            raise DeskGone("The desk's helper does not answer.") from None
        code = answer["exit"]
        exit_code = int(code) if code is not None else None
        return Ran(exit_code, out.decode(errors="replace"), err.decode(errors="replace"), bool(answer["truncated"]))

    # Files ---------------------------------------------------------------------------------------------------------------------------

    async def read_file(self, path: str, max_bytes: int = 64 << 20) -> bytes:
        self._check_open()
        _, (data,) = await self._ask({"do": "read", "path": path, "most": max_bytes}, most=max_bytes)
        return data

    async def write_file(self, path: str, data: bytes) -> None:
        self._check_open()
        await self._ask({"do": "write", "path": path}, data)

    async def list_files(self, path: str = ".", depth: int = 1) -> list[FileEntry]:
        self._check_open()
        _, (entries,) = await self._ask({"do": "list", "path": path, "depth": depth})
        return [FileEntry(**entry) for entry in json.loads(entries)]
