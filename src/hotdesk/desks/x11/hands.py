"""Hands: the pointer and the keyboard of one display, with the pauses that make a series of actions work.

An action is the plain form of one of `hotdesk.desks.base`'s (`{"do": "left_click", "x": 3, "y": 4}`), so that it can be sent as it is to
wherever the display can be reached. `check` says before anything is done whether all of them can be; `perform` does them strictly in order,
waiting between two until the first has been answered, and returns when the last was delivered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio

from hotdesk.desks.x11 import keyboard, keysyms
from hotdesk.desks.x11.display import BUTTON_PRESS, BUTTON_RELEASE, MOTION, Display
from hotdesk.desks.x11.keyboard import Keyboard
from hotdesk.desks.x11.settle import Settling
from hotdesk.errors import DeskRefused

LEFT, MIDDLE, RIGHT, WHEEL_UP, WHEEL_DOWN, WHEEL_LEFT, WHEEL_RIGHT = range(1, 8)
DRAG_STEPS = 12
DRAG_PACE = 0.004
"""Seconds between the steps of a drag: programs that merge motions would otherwise see no movement at all."""

Plain = dict[str, Any]

_CLICKS = {"left_click": (LEFT, 1), "double_click": (LEFT, 2), "middle_click": (MIDDLE, 1), "right_click": (RIGHT, 1)}
_UNANSWERED = ("move", "wait")
"""Actions that no program answers: there is nothing to wait for after them."""


def check(actions: Sequence[Plain], width: int, height: int) -> None:
    """Raises `DeskRefused` for the first that cannot be: a point outside the screen, an unknown key, text that no keyboard types."""
    for action in actions:
        for across, down in (("x", "y"), ("to_x", "to_y")):
            if across in action and not (0 <= action[across] < width and 0 <= action[down] < height):
                raise DeskRefused(f"({action[across]}, {action[down]}) is outside the screen, which is {width} × {height}.")
        if action["do"] == "press":
            keysyms.symbols_of(action["key"])
        elif action["do"] == "write":
            keyboard.check(action["text"])


class Hands:
    """What points and types on one display."""

    def __init__(self, display: Display, keys: Keyboard, settling: Settling) -> None:
        self._display = display
        self._keyboard = keys
        self._settling = settling

    async def perform(self, actions: Sequence[Plain]) -> None:
        """Check all, then do them in order. Raises `DeskRefused`, and then none was done."""
        check(actions, self._display.width, self._display.height)
        self._settling.begin()
        for index, action in enumerate(actions):
            if index and actions[index - 1]["do"] not in _UNANSWERED:
                await self._settling.pause()
            await self._do(action)
        if actions and actions[-1]["do"] == "press":
            last = keysyms.symbols_of(actions[-1]["key"])[-1]
            if last in keysyms.ACTIVATING and self._keyboard.in_dialog():
                self._settling.pressed_button()

    async def _do(self, action: Plain) -> None:
        match action:
            case {"do": "move", "x": x, "y": y}:
                self.move(x, y)
            case {"do": "drag", "x": x, "y": y, "to_x": to_x, "to_y": to_y}:
                await self.drag(x, y, to_x, to_y)
            case {"do": "scroll", "x": x, "y": y, "dx": dx, "dy": dy}:
                self.scroll(x, y, dx, dy)
            case {"do": "write", "text": text}:
                await self._keyboard.write(text)
            case {"do": "press", "key": key}:
                await self._keyboard.press(keysyms.symbols_of(key))
            case {"do": "wait", "seconds": seconds}:
                await anyio.sleep(seconds)
            case {"do": click, "x": x, "y": y} if click in _CLICKS:
                self.click(*_CLICKS[click], x, y)
            case _:
                raise DeskRefused(f"There is no action «{action['do']}».")

    # The pointer: each in one go, and delivered on return ------------------------------------------------------------------------------

    def click(self, button: int, times: int, x: int, y: int) -> None:
        fake = self._keyboard.fake
        self._point(x, y, [fake(BUTTON_PRESS, button), fake(BUTTON_RELEASE, button)] * times)

    def move(self, x: int, y: int) -> None:
        self._point(x, y, [])

    def scroll(self, x: int, y: int, dx: int, dy: int) -> None:
        fake = self._keyboard.fake
        turns = [(WHEEL_DOWN if dy > 0 else WHEEL_UP, abs(dy)), (WHEEL_RIGHT if dx > 0 else WHEEL_LEFT, abs(dx))]
        self._point(x, y, [r for button, n in turns for r in (fake(BUTTON_PRESS, button), fake(BUTTON_RELEASE, button)) * n])

    async def drag(self, x: int, y: int, to_x: int, to_y: int) -> None:
        fake = self._keyboard.fake
        self._point(x, y, [fake(BUTTON_PRESS, LEFT)])
        try:
            for step in range(1, DRAG_STEPS + 1):
                await anyio.sleep(DRAG_PACE)
                self._point(x + (to_x - x) * step // DRAG_STEPS, y + (to_y - y) * step // DRAG_STEPS, [])
            await anyio.sleep(DRAG_PACE)
        finally:
            self._display.send(fake(BUTTON_RELEASE, LEFT))
            self._display.sync()

    def _point(self, x: int, y: int, then: list[bytes]) -> None:
        """Move the pointer and do something there."""
        self._settling.touch(x, y)
        self._display.send_all([self._keyboard.fake(MOTION, x=x, y=y), *then])
        self._display.sync()
