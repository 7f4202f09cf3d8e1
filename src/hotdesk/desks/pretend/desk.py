"""One pretend desk: the contract's calls on a `Desktop`, and a seat for each viewer."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import anyio
import anyio.abc
import anyio.lowlevel
from PIL import Image as Pillow

from hotdesk.desks import base as d
from hotdesk.desks.pretend import rfb, shell
from hotdesk.desks.pretend.desktop import Desktop
from hotdesk.desks.pretend.files import Files
from hotdesk.desks.pretend.keys import MODIFIERS, Chord, chord, from_keysym
from hotdesk.desks.pretend.windows import Terminal
from hotdesk.errors import DeskError, DeskGone, DeskRefused

__all__ = ["PretendDesk"]

PATIENCE = 0.5
"""Seconds that `settle` waits for a command in a terminal; one that takes longer leaves the screen at rest meanwhile."""
TERMINAL_TIMEOUT = 600.0
"""Seconds after which a command in a terminal is killed, so that a forgotten one does not stay."""
DOUBLE = 0.4
"""Seconds within which a viewer's second click makes a double click."""
NEAR = 5
"""Pixels that the second click may lie away from the first."""


class PretendDesk(d.Desk):
    provider = "pretend"

    def __init__(self, desk_id: str, size: d.Size, folder: Path) -> None:
        """`folder` is the desk's own; the desk is gone when it is."""
        self.id = desk_id
        self.size = size
        self.watchers = set[Callable[[], None]]()
        """Called whenever the screen may have changed."""
        self._folder = folder
        self._inode = folder.stat().st_ino
        self._files = Files()
        self._desktop = Desktop(size, self._files, self._execute)
        self._picture: Pillow.Image | None = None
        self._encoded: bytes | None = None
        self._settled = self.picture()
        self._calls = set[anyio.CancelScope]()
        self._gone = False
        self._tasks: anyio.abc.TaskGroup | None = None
        self.ended = anyio.Event()
        """Set when viewers and terminals are gone too."""

    # Life

    async def live(self, viewers: anyio.abc.Listener[anyio.abc.SocketStream], *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Serve viewers and run what terminals are asked to, until `close`."""
        try:
            async with anyio.create_task_group() as self._tasks, viewers:
                task_status.started()
                await viewers.serve(self._seat, self._tasks)
        finally:
            self.ended.set()

    def close(self) -> None:
        """End it: what is being done raises `DeskGone`, as does whatever is asked afterwards."""
        self._gone = True
        for call in self._calls:
            call.cancel()
        if self._tasks is not None:
            self._tasks.cancel_scope.cancel()

    async def _seat(self, stream: anyio.abc.SocketStream) -> None:
        seat = _Seat(self, self._desktop)
        with suppress(OSError):
            await rfb.serve(await rfb.steady(stream), seat)
        seat.leave()

    @contextmanager
    def _using(self) -> Iterator[None]:
        """A call on the desk, which ends with `DeskGone` if the desk does."""
        if self._gone or not self._is_there():
            raise DeskGone(f"Desk {self.id} was closed.")
        with anyio.CancelScope() as scope:
            self._calls.add(scope)
            try:
                yield
            finally:
                self._calls.discard(scope)
        if scope.cancelled_caught:
            raise DeskGone(f"Desk {self.id} was closed meanwhile.")

    def _is_there(self) -> bool:
        try:
            return self._folder.stat().st_ino == self._inode
        except OSError:
            return False

    # Seeing

    def picture(self) -> Pillow.Image:
        if self._picture is None:
            self._picture = self._desktop.draw()
        return self._picture

    def touch(self) -> None:
        """The screen may have changed."""
        self._picture = self._encoded = None
        for call in tuple(self.watchers):
            call()

    async def screenshot(self) -> d.Image:
        with self._using():
            await anyio.lowlevel.checkpoint()
            if self._encoded is None:
                buffer = io.BytesIO()
                self.picture().save(buffer, "PNG", compress_level=1)
                self._encoded = buffer.getvalue()
            return d.Image(self._encoded, "image/png", self.size)

    async def settle(self, cap: float = 3.0) -> d.Settled:
        start = anyio.current_time()
        with self._using():
            with anyio.move_on_after(min(cap, PATIENCE)):
                await anyio.lowlevel.checkpoint()
                while self._busy():
                    await self._change()
            before, self._settled = self._settled, self.picture()
            seconds = anyio.current_time() - start
            if self._busy() and cap < PATIENCE:
                return d.Settled("cap", seconds)
            return d.Settled("nothing" if before is self._settled or before == self._settled else "quiet", seconds)

    def _busy(self) -> bool:
        return any(isinstance(window, Terminal) and window.busy for window in self._desktop.windows)

    async def _change(self) -> None:
        changed = anyio.Event()
        self.watchers.add(changed.set)
        try:
            await changed.wait()
        finally:
            self.watchers.discard(changed.set)

    async def cursor(self) -> d.Point:
        with self._using():
            await anyio.lowlevel.checkpoint()
            return self._desktop.pointer

    # Doing

    async def act(self, actions: Sequence[d.Action]) -> None:
        chords = [self._check(action) for action in actions]
        with self._using():
            await anyio.lowlevel.checkpoint()
            for action, keys in zip(actions, chords, strict=True):
                if isinstance(action, d.Wait):
                    await anyio.sleep(action.seconds)
                else:
                    self._perform(action, keys)
                    self.touch()

    def _check(self, action: d.Action) -> Chord:
        """Refuse what cannot be done; the keys of a `Press`."""
        match action:
            case d.Press(key=key):
                return chord(key)
            case d.Write() | d.Wait():
                pass
            case d.Drag(to_x=x, to_y=y):
                self._check_point(action.x, action.y)
                self._check_point(x, y)
            case _:
                self._check_point(action.x, action.y)
        return Chord(frozenset(), ())

    def _check_point(self, x: int, y: int) -> None:
        if not (0 <= x < self.size.width and 0 <= y < self.size.height):
            raise DeskRefused(f"({x}, {y}) is outside the screen, which is {self.size.width}x{self.size.height} pixels.")

    def _perform(self, action: d.Action, keys: Chord) -> None:
        desktop = self._desktop
        match action:
            case d.Wait():
                return
            case d.Write(text=text):
                desktop.write(text)
                return
            case d.Press():
                desktop.press(keys)
                return
            case _:
                desktop.move(d.Point(action.x, action.y))
        match action:
            case d.LeftClick() | d.DoubleClick() | d.Drag():
                desktop.button_down()
            case d.RightClick() | d.MiddleClick():
                desktop.button_down(left=False)
            case d.Scroll(dy=notches):
                desktop.scroll(notches)
            case d.Move():
                return
        if isinstance(action, d.Drag):
            desktop.move(d.Point(action.to_x, action.to_y))
        desktop.button_up()
        if isinstance(action, d.DoubleClick):
            desktop.button_down(double=True)
            desktop.button_up()

    async def launch(self, application: str) -> None:
        with self._using():
            await anyio.lowlevel.checkpoint()
            self._desktop.start(application)
            self.touch()

    async def open(self, target: str) -> None:
        with self._using():
            await anyio.lowlevel.checkpoint()
            self._desktop.show(target)
            self.touch()

    async def run(self, command: str, timeout: float = 60.0) -> d.Ran:
        with self._using():
            try:
                return await shell.run(self._files, command, timeout, self._folder)
            finally:
                self.touch()

    def _execute(self, terminal: Terminal) -> None:
        if not terminal.busy and self._tasks is not None:
            terminal.busy = True
            self._tasks.start_soon(self._work, terminal)

    async def _work(self, terminal: Terminal) -> None:
        """Run the commands a terminal has waiting, one after another."""
        while terminal.waiting:
            command = terminal.waiting.popleft()
            terminal.say(terminal.PROMPT + command)
            self.touch()
            with anyio.CancelScope() as scope:
                terminal.stop = scope.cancel
                try:
                    ran = await shell.run(self._files, command, TERMINAL_TIMEOUT, self._folder)
                    for output in filter(None, (ran.stdout, ran.stderr)):
                        terminal.say(output)
                except DeskError as error:
                    terminal.say(str(error))
        terminal.busy, terminal.stop = False, None
        self.touch()

    # Files

    async def read_file(self, path: str, max_bytes: int = 64 << 20) -> bytes:
        with self._using():
            await anyio.lowlevel.checkpoint()
            return self._files.read(path, max_bytes)

    async def write_file(self, path: str, data: bytes) -> None:
        with self._using():
            await anyio.lowlevel.checkpoint()
            self._files.write(path, bytes(data))
            self.touch()

    async def list_files(self, path: str = ".", depth: int = 1) -> list[d.FileEntry]:
        with self._using():
            await anyio.lowlevel.checkpoint()
            return self._files.list(path, depth)


class _Seat:
    """One viewer's keyboard and pointer: which of its keys and buttons are down."""

    def __init__(self, desk: PretendDesk, desktop: Desktop) -> None:
        self.size = desk.size
        self.picture = desk.picture
        self.watchers = desk.watchers
        self._desk = desk
        self._desktop = desktop
        self._held = frozenset[str]()
        self._buttons = 0
        self._clicked = (-DOUBLE, d.Point(0, 0))

    def leave(self) -> None:
        """The viewer hung up, maybe with a button down."""
        if self._buttons & 1:
            self._desktop.button_up()

    def key(self, keysym: int, down: bool) -> None:
        key = from_keysym(keysym)
        if key in MODIFIERS:
            self._held = self._held | {key} if down else self._held - {key}
        elif key is not None and down:
            plain = len(key) == 1 and not self._held & {"ctrl", "alt", "super"}
            self._desktop.press(Chord(frozenset() if plain else self._held, (key,)))  # a viewer's character has its shift in it
            self._desk.touch()

    def point(self, at: d.Point, buttons: int) -> None:
        before, self._buttons = self._buttons, buttons
        pressed, released = buttons & ~before, before & ~buttons
        if at == self._desktop.pointer and not pressed and not released:
            return
        self._desktop.move(at)
        if pressed & 1:
            then, there = self._clicked
            double = time.monotonic() - then < DOUBLE and abs(at.x - there.x) <= NEAR and abs(at.y - there.y) <= NEAR
            self._clicked = (-DOUBLE if double else time.monotonic(), at)
            self._desktop.button_down(double=double)
        if pressed & 0b110:
            self._desktop.button_down(left=False)
        if released & 1:
            self._desktop.button_up()
        for bit, notches in ((0b1000, -1), (0b10000, 1)):
            if pressed & bit:
                self._desktop.scroll(notches)
        self._desk.touch()

    def cut(self, text: str) -> None:
        self._desktop.clipboard.text = text
