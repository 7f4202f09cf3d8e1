"""One open local desk, driven in this process over its X server and the helper inside.

Opening and ending are `provider`'s; this is what can be done in between. The X calls take well under a millisecond and are made right here.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence

import anyio

from hotdesk.desks.base import (
    Action,
    Desk,
    DoubleClick,
    Drag,
    FileEntry,
    Image,
    LeftClick,
    MiddleClick,
    Move,
    Point,
    Press,
    Ran,
    RightClick,
    Scroll,
    Settled,
    Size,
    Wait,
    Write,
)
from hotdesk.desks.local import keyboard, keysyms
from hotdesk.desks.local.applications import APPLICATIONS, application_for, is_web_address
from hotdesk.desks.local.helper import ask
from hotdesk.desks.local.keyboard import Keyboard
from hotdesk.desks.local.sandbox import Sandbox
from hotdesk.desks.local.screen import Screen
from hotdesk.desks.local.settle import Settling
from hotdesk.desks.local.x11 import BUTTON_PRESS, BUTTON_RELEASE, MOTION, Display
from hotdesk.errors import DeskGone, DeskRefused

LEFT, MIDDLE, RIGHT, WHEEL_UP, WHEEL_DOWN, WHEEL_LEFT, WHEEL_RIGHT = range(1, 8)
DRAG_STEPS = 12
DRAG_PACE = 0.004
"""Seconds between the steps of a drag: programs that merge motions would otherwise see no movement at all."""
LATE_ANSWER = 10.0
"""Seconds beyond a command's own time that its answer may take."""

_CLICKS = {LeftClick: (LEFT, 1), DoubleClick: (LEFT, 2), MiddleClick: (MIDDLE, 1), RightClick: (RIGHT, 1)}


class LocalDesk(Desk):
    provider = "local"

    def __init__(self, desk_id: str, running: Sandbox, display: Display, screen: Screen, keys: Keyboard, settling: Settling) -> None:
        self.id = desk_id
        self.size: Size = screen.size
        self._running = running
        self._display = display
        self._screen = screen
        self._keyboard = keys
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
        return self._screen.image()

    async def cursor(self) -> Point:
        await anyio.lowlevel.checkpoint()
        self._check_open()
        return self._screen.pointer()

    async def settle(self, cap: float = 3.0) -> Settled:
        self._check_open()
        return await self._settling.wait(cap)

    async def act(self, actions: Sequence[Action]) -> None:
        await anyio.lowlevel.checkpoint()
        self._check_open()
        for action in actions:
            self._check(action)
        self._settling.begin()
        for index, action in enumerate(actions):
            if index and not isinstance(actions[index - 1], Move | Wait):
                await self._settling.pause()
            await self._perform(action)
        if (
            actions
            and isinstance(actions[-1], Press)
            and keysyms.symbols_of(actions[-1].key)[-1] in keysyms.ACTIVATING
            and self._keyboard.in_dialog()
        ):
            self._settling.pressed_button()

    def _check(self, action: Action) -> None:
        match action:
            case LeftClick() | DoubleClick() | RightClick() | MiddleClick() | Move() | Scroll():
                self._check_point(action.x, action.y)
            case Drag():
                self._check_point(action.x, action.y)
                self._check_point(action.to_x, action.to_y)
            case Press():
                keysyms.symbols_of(action.key)
            case Write():
                keyboard.check(action.text)
            case Wait():
                pass

    def _check_point(self, x: int, y: int) -> None:
        if not (0 <= x < self.size.width and 0 <= y < self.size.height):
            raise DeskRefused(f"({x}, {y}) is outside the screen, which is {self.size.width} × {self.size.height}.")

    async def _perform(self, action: Action) -> None:
        fake = self._keyboard.fake
        match action:
            case LeftClick() | DoubleClick() | RightClick() | MiddleClick():
                button, times = _CLICKS[type(action)]
                click = [fake(BUTTON_PRESS, button), fake(BUTTON_RELEASE, button)]
                self._point(action.x, action.y, click * times)
            case Move():
                self._point(action.x, action.y, [])
            case Drag():
                await self._drag(action)
            case Scroll():
                turns = [
                    (WHEEL_DOWN if action.dy > 0 else WHEEL_UP, abs(action.dy)),
                    (WHEEL_RIGHT if action.dx > 0 else WHEEL_LEFT, abs(action.dx)),
                ]
                self._point(
                    action.x, action.y, [r for button, n in turns for r in (fake(BUTTON_PRESS, button), fake(BUTTON_RELEASE, button)) * n]
                )
            case Write():
                await self._keyboard.write(action.text)
            case Press():
                await self._keyboard.press(keysyms.symbols_of(action.key))
            case Wait():
                await anyio.sleep(action.seconds)

    def _point(self, x: int, y: int, then: list[bytes]) -> None:
        """Move the pointer and do something there, in one go."""
        self._settling.touch(Point(x, y))
        self._display.send_all([self._keyboard.fake(MOTION, x=x, y=y), *then])
        self._display.sync()

    async def _drag(self, drag: Drag) -> None:
        fake = self._keyboard.fake
        self._point(drag.x, drag.y, [fake(BUTTON_PRESS, LEFT)])
        try:
            for step in range(1, DRAG_STEPS + 1):
                await anyio.sleep(DRAG_PACE)
                x = drag.x + (drag.to_x - drag.x) * step // DRAG_STEPS
                y = drag.y + (drag.to_y - drag.y) * step // DRAG_STEPS
                self._point(x, y, [])
            await anyio.sleep(DRAG_PACE)
        finally:
            self._display.send(fake(BUTTON_RELEASE, LEFT))
            self._display.sync()

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
        answer, (head,) = await ask(self._running, {"do": "probe", "path": target})
        path = str(answer["path"])
        application = application_for(path, bool(answer["is_folder"]), head)
        await self._start([application.command, path])

    async def _start(self, argv: list[str]) -> None:
        self._settling.begin(launching=True)
        await ask(self._running, {"do": "launch", "argv": argv})

    async def run(self, command: str, timeout: float = 60.0) -> Ran:
        self._check_open()
        self._settling.begin()
        try:
            with anyio.fail_after(timeout + LATE_ANSWER):
                answer, (out, err) = await ask(self._running, {"do": "run", "command": command, "timeout": timeout})
        except TimeoutError:
            raise DeskGone("The desk's helper does not answer.") from None
        code = answer["exit"]
        exit_code = int(code) if code is not None else None
        return Ran(exit_code, out.decode(errors="replace"), err.decode(errors="replace"), bool(answer["truncated"]))

    # Files ---------------------------------------------------------------------------------------------------------------------------

    async def read_file(self, path: str, max_bytes: int = 64 << 20) -> bytes:
        self._check_open()
        _, (data,) = await ask(self._running, {"do": "read", "path": path, "most": max_bytes}, most=max_bytes)
        return data

    async def write_file(self, path: str, data: bytes) -> None:
        self._check_open()
        await ask(self._running, {"do": "write", "path": path}, data)

    async def list_files(self, path: str = ".", depth: int = 1) -> list[FileEntry]:
        self._check_open()
        _, (entries,) = await ask(self._running, {"do": "list", "path": path, "depth": depth})
        return [FileEntry(**entry) for entry in json.loads(entries)]
