"""The attendant: the one program of ours inside a sandbox. It does there, next to the screen, what a worker does with a local desk.

Requests come as lines of JSON on standard input, `{"id": 7, "do": "act", …}`; each is answered by one line on standard output,
`{"id": 7, "ok": {…}, "data": [base64, …]}` or `{"id": 7, "refused": "a sentence"}` or `{"id": 7, "gone": "a sentence"}`. What is about the
screen is done strictly in the order it came; errands (commands, files) beside it. Promised:
- A request is done once, however often it comes: one that is known is not begun again, only answered again if it was answered.
- `cancel` ends a request with everything it started, and is answered when nothing of it runs any more.
- The screen's stream (x11vnc, noVNC's websockify) is started again when it dies. When the X server dies every request says so.

It runs by the sandbox's own Python (3.10 and later), out of a zip that `hotdesk.desks.e2b.bundle` makes of this file, what it imports of
ours, and anyio. It ends with the sandbox, or when a later attendant takes its place.
"""

# No pathlib: it would double what this small program keeps in memory.
# ruff: noqa: PTH103, PTH107, PTH123

from __future__ import annotations

import base64
import json
import os
import shlex
import shutil
import socket
import sys
import time
import traceback
import zlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from hotdesk.desks import errands
from hotdesk.desks.applications import application_for, is_web_address
from hotdesk.desks.asking import ask
from hotdesk.desks.e2b import stage
from hotdesk.desks.e2b.frames import Sent
from hotdesk.desks.x11.clipboard import Clipboard
from hotdesk.desks.x11.display import Display
from hotdesk.desks.x11.hands import Hands
from hotdesk.desks.x11.keyboard import Keyboard
from hotdesk.desks.x11.screen import Screen
from hotdesk.desks.x11.settle import Settling
from hotdesk.errors import DeskGone, DeskRefused

KEPT_ANSWERS, KEPT_BYTES = 32, 8 << 20
"""How many answers are kept, and how much of them, in case they have to be given again."""
LARGE = 256 << 10
"""Bytes of a file beyond which it goes by E2B's file interface, which does not have to encode it."""

Request = dict[str, Any]
Answer = tuple[dict[str, Any], Sequence[bytes]]

PROGRAMS = {
    "editor": (["mousepad"], ["gedit"], ["featherpad"], ["l3afpad"], ["xed"], ["kate"], ["code", "--wait"]),
    "files": (["thunar"], ["pcmanfm"], ["nautilus"], ["nemo"], ["dolphin"]),
    "terminal": (["xfce4-terminal"], ["xterm"], ["gnome-terminal"], ["lxterminal"], ["x-terminal-emulator"]),
    "browser": (["firefox-esr"], ["firefox"], ["google-chrome", "--no-first-run"], ["chromium", "--no-first-run"], ["chromium-browser"]),
    "images": (["ristretto"], ["gpicview"], ["eog"], ["eom"], ["feh"], ["xdg-open"]),
}
"""The commands of each application, the first of which that the template has is taken."""


class Attendant:
    def __init__(self, width: int, height: int, answers: int, errands_at: str) -> None:
        self._size = width, height
        self._answers = answers
        self._errands_at = errands_at
        self._writing = anyio.Lock()
        self._turn = anyio.Lock()
        """Whose turn at the screen it is: first come, first served."""
        self._ready = anyio.Event()
        self._lost = ""
        self._known: OrderedDict[int, bytes] = OrderedDict()
        """Every request that came, and its answer once there is one and it is still kept."""
        self._running: dict[int, tuple[anyio.CancelScope, anyio.Event]] = {}
        self._apart: set[int] = set()
        self._doing: dict[str, Callable[[Request], Awaitable[Answer]]] = {
            "begin": self._begin,
            "act": self._act,
            "settle": self._settle,
            "frame": self._frame,
            "cursor": self._cursor,
            "launch": self._launch,
            "open": self._open,
            "run": self._run,
            "read": self._read,
            "write": self._write,
            "list": self._list,
            "cancel": self._cancel,
            "again": self._again,
        }

    async def live(self) -> None:
        async with anyio.create_task_group() as tasks:
            self._tasks: TaskGroup = tasks
            tasks.start_soon(stage.reap)
            tasks.start_soon(self._raise_screen)
            await self._hear()
            tasks.cancel_scope.cancel()

    async def _raise_screen(self) -> None:
        """Bring up all that is to be seen, then handle the X server's events until it is gone."""
        try:
            await stage.display_up(stage.start_display(*self._size))
            self._display = display = Display(stage.display_socket(), b"")
            stage.start_session()
            self._tasks.start_soon(self._pump)
            self._screen = Screen(display)
            self._apart |= stage.apart()
            clipboard = Clipboard(display, self._onlookers)
            self._tasks.start_soon(clipboard.run)
            self._settling = Settling(display, "/proc", self._apart)
            self._hands = Hands(display, Keyboard(display, clipboard, self._settling.pause), self._settling)
            self._sent = Sent(display.width, display.height)
            await stage.managed(display)
            self._settling.begin(launching=True)  # the panel may still be being drawn
        except (DeskRefused, DeskGone, OSError) as error:
            self._lost = str(error)
        self._ready.set()

    def _onlookers(self) -> set[int]:
        watching = set(stage.pids(lambda name, _: name in stage.ONLOOKERS))
        return self._display.clients_of(watching.__contains__) if watching else set()

    async def _pump(self) -> None:
        try:
            while True:
                await anyio.wait_readable(self._display)
                self._display.pump()
        except (DeskGone, OSError, ValueError):
            self._lost = "The X server of this desk has ended."

    # Hearing and answering -----------------------------------------------------------------------------------------------------------

    async def _hear(self) -> None:
        """Take requests until there is nobody any more who could ask."""
        heard = bytearray()
        while True:
            await anyio.wait_readable(0)
            data = os.read(0, 1 << 16)
            if not data:
                return
            heard += data
            if b"\n" not in data:
                continue
            *lines, rest = bytes(heard).split(b"\n")
            heard = bytearray(rest)
            for line in lines:
                with suppress(ValueError, KeyError, TypeError):  # half a line, whose other half was lost
                    await self._take(json.loads(line))

    async def _take(self, request: Request) -> None:
        number = int(request["id"])
        if number in self._known:
            if answer := self._known[number]:
                await self._say(answer)
            return
        self._known[number] = b""
        scope = anyio.CancelScope()
        self._running[number] = scope, anyio.Event()
        self._tasks.start_soon(self._serve, number, request, scope)

    async def _serve(self, number: int, request: Request, scope: anyio.CancelScope) -> None:
        said: dict[str, Any] = {"id": number, "cancelled": True}
        with scope:
            try:
                answer, data = await self._doing[request["do"]](request)
                said = {"id": number, "ok": answer, "data": [base64.b64encode(part).decode() for part in data]}
            except DeskRefused as refused:
                said = {"id": number, "refused": str(refused)}
            except (DeskGone, OSError) as gone:
                said = {"id": number, "gone": self._lost or str(gone)}
            except Exception as error:  # it goes on attending, whatever this was
                traceback.print_exc()
                said = {"id": number, "refused": f"The desk could not do this ({type(error).__name__}: {error})."}
        self._running.pop(number)[1].set()
        line = json.dumps(said).encode() + b"\n"
        self._known[number] = line
        kept = 0
        for index, known in enumerate(reversed(self._known)):
            kept += len(self._known[known])
            if index >= KEPT_ANSWERS or kept > KEPT_BYTES:
                self._known[known] = b""
        while len(self._known) > 100 * KEPT_ANSWERS:
            self._known.popitem(last=False)
        await self._say(line)

    async def _say(self, line: bytes) -> None:
        async with self._writing:
            left = memoryview(line)
            while left:
                try:
                    left = left[os.write(self._answers, left) :]
                except BlockingIOError:
                    await anyio.wait_writable(self._answers)

    async def _cancel(self, request: Request) -> Answer:
        running = self._running.get(request["of"])
        if running:
            running[0].cancel()
            await running[1].wait()
        self._known.setdefault(request["of"], b"")  # it is not begun if it comes late
        return {}, ()

    async def _again(self, request: Request) -> Answer:
        """Which of these were never heard; those that were answered are answered again."""
        unheard = []
        for number in request["ids"]:
            if number not in self._known:
                unheard.append(number)
            elif number not in self._running:
                answer = self._known[number] or json.dumps({"id": number, "forgotten": True}).encode() + b"\n"
                await self._say(answer)
        return {"unheard": unheard}, ()

    # The screen ----------------------------------------------------------------------------------------------------------------------

    async def _up(self) -> None:
        await self._ready.wait()
        if self._lost:
            raise DeskGone(self._lost)

    async def _begin(self, request: Request) -> Answer:
        """Wait for the screen, and start its stream meanwhile."""
        if password := request.get("password"):
            stage.kill(stage.stream_pids())
            for name, argv in stage.stream_commands(password).items():
                self._tasks.start_soon(stage.keep_running, name, argv)
        await self._ready.wait()
        if self._lost:
            raise DeskRefused(self._lost)
        return {"size": [self._display.width, self._display.height], "python": sys.version.split()[0]}, ()

    async def _act(self, request: Request) -> Answer:
        await self._up()
        async with self._turn:
            self._look_who_is_apart()
            await self._hands.perform(request["actions"])
        return {}, ()

    async def _settle(self, request: Request) -> Answer:
        await self._up()
        async with self._turn:
            self._look_who_is_apart()
            why, seconds = await self._settling.wait(request["cap"])
            answer, data = self._difference(request["seen"]) if "seen" in request else ({}, ())
        return {"why": why, "seconds": seconds, **answer}, data

    async def _frame(self, request: Request) -> Answer:
        await self._up()
        async with self._turn:
            return self._difference(request["seen"])

    def _difference(self, seen: int) -> Answer:
        pixels, pointer = bytes(self._screen.pixels()), self._screen.pointer()
        difference = self._sent.difference(pixels, seen)
        answer = {"number": difference.number, "whole": difference.whole, "bands": difference.bands, "pointer": pointer[:4]}
        return answer, (difference.packed, zlib.compress(pointer.pixels))

    async def _cursor(self, _: Request) -> Answer:
        await self._up()
        async with self._turn:
            return {"at": self._screen.position()}, ()

    def _look_who_is_apart(self) -> None:
        now = stage.apart()
        self._apart &= now
        self._apart |= now

    # Programs and files --------------------------------------------------------------------------------------------------------------

    async def _errand(self, request: Request, data: bytes = b"", most: int = 64 << 20) -> tuple[dict[str, Any], list[bytes]]:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(self._errands_at)
        except OSError:
            connection.close()
            raise DeskGone("The attendant's errands have ended.") from None
        return await ask(connection, request, data, most)

    async def _launch(self, request: Request) -> Answer:
        name = request["application"]
        if name in PROGRAMS:
            argv = _installed(name)
        else:
            try:
                argv = shlex.split(name)
            except ValueError as error:
                raise DeskRefused(f"«{name}» is no command: {error}.") from error
            if not argv:
                raise DeskRefused("There is no application without a name.")
        return await self._start(argv)

    async def _open(self, request: Request) -> Answer:
        target = request["target"]
        if is_web_address(target):
            return await self._start([*_installed("browser"), target])
        answer, (head,) = await self._errand({"do": "probe", "path": target})
        path = str(answer["path"])
        return await self._start([*_installed(application_for(path, bool(answer["is_folder"]), head)), path])

    async def _start(self, argv: list[str]) -> Answer:
        await self._up()
        async with self._turn:
            self._look_who_is_apart()
            self._settling.begin(launching=True)
            await self._errand({"do": "launch", "argv": argv})
        return {}, ()

    async def _run(self, request: Request) -> Answer:
        await self._up()
        self._settling.begin()
        answer, parts = await self._errand({"do": "run", "command": request["command"], "timeout": request["timeout"]})
        return {"exit": answer["exit"], "truncated": answer["truncated"]}, [zlib.compress(part, 1) for part in parts]

    async def _read(self, request: Request) -> Answer:
        """A file's content, or only where it is if it is large."""
        errand = {"do": "read", "path": request["path"], "most": request["most"], "only": LARGE}
        answer, (data,) = await self._errand(errand, most=LARGE)
        return {"path": answer["path"], "bytes": answer["bytes"]}, (data,)

    async def _write(self, request: Request) -> Answer:
        """Write what came along, or what was put into a file of E2B's file interface, which is removed."""
        data = base64.b64decode(request["data"]) if "data" in request else _taken(request["uploaded"])
        await self._errand({"do": "write", "path": request["path"]}, data)
        return {}, ()

    async def _list(self, request: Request) -> Answer:
        _, (entries,) = await self._errand({"do": "list", "path": request["path"], "depth": request["depth"]})
        return {}, (zlib.compress(entries),)


def _taken(path: str) -> bytes:
    with open(path, "rb") as file:
        data = file.read()
    os.remove(path)
    return data


def _installed(application: str) -> list[str]:
    """The command of an application. Raises `DeskRefused` if the template has none for it."""
    for argv in PROGRAMS[application]:
        if shutil.which(argv[0]):
            return list(argv)
    programs = ", ".join(argv[0] for argv in PROGRAMS[application])
    raise DeskRefused(f"There is no program for «{application}» in this template; one of these would do: {programs}.")


def main() -> None:
    width, height, mark = int(sys.argv[1]), int(sys.argv[2]), sys.argv[0].rpartition("/")[2].partition("-")[0]
    began = time.monotonic()
    os.makedirs(stage.FOLDER, exist_ok=True)
    os.environ["DISPLAY"] = ":0"
    stage.end_predecessors(f"{mark}-")
    stage.quiet_settings(errands.HOME)
    stage.session_bus()
    errands_at = f"\0hotdesk-errands-{os.getpid()}"
    stage.serve_errands(errands_at)
    answers = os.dup(1)
    os.dup2(2, 1)  # whatever prints, prints beside the answers
    os.set_blocking(answers, False)
    os.set_blocking(0, False)
    print(f"attendant: up after {time.monotonic() - began:.2f} s", file=sys.stderr)
    anyio.run(Attendant(width, height, answers, errands_at).live)
