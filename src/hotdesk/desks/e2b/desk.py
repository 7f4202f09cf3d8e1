"""One open desk in E2B's cloud. Each call of the contract is one call to E2B, answered by the attendant next to the screen.

The sandbox sends only what changed of the screen; here it is put together, and made a picture by the very code that local desks use.
After `settle` the screen comes along with its answer: a `screenshot` that follows at once costs no call at all.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import anyio

from hotdesk.desks.base import Action, Desk, FileEntry, Image, Point, Ran, Settled, Size, Wait, Write
from hotdesk.desks.e2b.frames import Difference, Received
from hotdesk.desks.e2b.line import Answer, Line, understood
from hotdesk.desks.e2b.service import Trouble, as_desk_error, calling
from hotdesk.desks.picture import Camera
from hotdesk.desks.x11 import hands
from hotdesk.desks.x11.screen import Pointer
from hotdesk.errors import DeskError, DeskGone, DeskRefused

if TYPE_CHECKING:
    from e2b import AsyncSandbox

ANSWER_BOUND = 40.0
"""Seconds for an answer that takes the attendant no time."""
ACTION_BOUND = 15.0
"""Seconds more for each action: what it waits for has bounds of its own, well below."""
PER_CHARACTER = 0.02
LATE_ANSWER = 30.0
"""Seconds beyond a command's or a wait's own time that its answer may take."""
FRESH = 0.05
"""Seconds for which the screen that came with an answer is the screen as it is: about what asking for it would take."""
LARGE = 256 << 10
"""Bytes of a file beyond which it goes by E2B's file interface, which does not have to encode it."""
FILE_BOUND = 120.0
LONGEST_LIST, LONGEST_OUTPUT = 16 << 20, 2 << 20


class E2BDesk(Desk):
    provider = "e2b"

    def __init__(self, desk_id: str, sandbox: AsyncSandbox, line: Line, size: Size) -> None:
        self.id = desk_id
        self.size = size
        self.sandbox_id = str(sandbox.sandbox_id)
        self._sandbox = sandbox
        self._line = line
        self._frames = Received(*size)
        self._camera = Camera(size)
        self._pointer = Pointer(0, 0, 0, 0, b"")
        self._seen_at = 0.0

    # The screen, the pointer and the keyboard ----------------------------------------------------------------------------------------

    async def screenshot(self) -> Image:
        if time.monotonic() - self._seen_at > FRESH:
            self._see(await self._ask("frame", ANSWER_BOUND, seen=self._frames.number))
        else:
            await anyio.lowlevel.checkpoint()
        return self._camera.picture(self._frames.pixels, self._pointer)

    def _see(self, answer: Answer) -> None:
        with understood():
            said, (packed, pointer) = answer
            bands = [(int(top), int(count)) for top, count in said["bands"]]
            self._frames.apply(Difference(int(said["number"]), bool(said["whole"]), bands, packed))
            x, y, width, height = map(int, said["pointer"])
            pixels = _unpacked(pointer, 1 << 20)
            fits = width > 0 and len(pixels) == width * height * 4
            self._pointer = Pointer(x, y, width, height, pixels if fits else b"")
        self._seen_at = time.monotonic()

    async def cursor(self) -> Point:
        answer = await self._ask("cursor", ANSWER_BOUND)
        with understood():
            x, y = answer.said["at"]
            return Point(int(x), int(y))

    async def settle(self, cap: float = 3.0) -> Settled:
        answer = await self._ask("settle", cap + LATE_ANSWER, cap=cap, seen=self._frames.number)
        self._see(answer)
        with understood():
            return Settled(answer.said["why"], float(answer.said["seconds"]))

    async def act(self, actions: Sequence[Action]) -> None:
        plain = [action.model_dump() for action in actions]
        hands.check(plain, *self.size)
        bound = ANSWER_BOUND + sum(map(_time_for, actions))
        await self._ask("act", bound, repeatable=False, actions=plain)

    async def _ask(self, do: str, bound: float, repeatable: bool = True, **about: Any) -> Answer:
        if do != "frame":
            self._seen_at = 0.0
        return await self._line.ask(do, bound, repeatable, **about)

    # Programs and commands -----------------------------------------------------------------------------------------------------------

    async def launch(self, application: str) -> None:
        await self._ask("launch", ANSWER_BOUND, repeatable=False, application=application)

    async def open(self, target: str) -> None:
        await self._ask("open", ANSWER_BOUND, repeatable=False, target=target)

    async def run(self, command: str, timeout: float = 60.0) -> Ran:
        said, data = await self._ask("run", timeout + LATE_ANSWER, repeatable=False, command=command, timeout=timeout)
        with understood():
            out, err = (_unpacked(part, LONGEST_OUTPUT).decode(errors="replace") for part in data)
            code = said["exit"]
            return Ran(int(code) if code is not None else None, out, err, bool(said["truncated"]))

    # Files ---------------------------------------------------------------------------------------------------------------------------

    async def read_file(self, path: str, max_bytes: int = 64 << 20) -> bytes:
        answer = await self._ask("read", ANSWER_BOUND, path=path, most=max_bytes)
        with understood():
            (data,), place, size = answer.data, str(answer.said["path"]), int(answer.said["bytes"])
        if size <= LARGE:
            return data
        try:
            async with calling("reading a file"):
                whole = bytes(await self._sandbox.files.read(place, format="bytes", request_timeout=FILE_BOUND))
        except Trouble as trouble:
            raise self._of_file(trouble, path) from trouble
        if len(whole) > max_bytes:
            raise DeskRefused(f"{path} has {len(whole)} bytes, more than the {max_bytes} asked for.")
        return whole

    async def write_file(self, path: str, data: bytes) -> None:
        if len(data) <= LARGE:
            await self._ask("write", ANSWER_BOUND, path=path, data=base64.b64encode(data).decode())
            return
        uploaded = f"/tmp/.hotdesk/{secrets.token_hex(8)}.upload"  # noqa: S108 (in the sandbox)
        try:
            async with calling("writing a file"):
                await self._sandbox.files.write(uploaded, data, request_timeout=FILE_BOUND)
        except Trouble as trouble:
            raise self._of_file(trouble, path) from trouble
        await self._ask("write", ANSWER_BOUND, repeatable=False, path=path, uploaded=uploaded)

    def _of_file(self, trouble: Trouble, path: str) -> DeskError:
        if trouble.kind == "gone":
            return as_desk_error(trouble)
        return DeskRefused(f"{path} could not be transferred. {trouble}")

    async def list_files(self, path: str = ".", depth: int = 1) -> list[FileEntry]:
        answer = await self._ask("list", ANSWER_BOUND, path=path, depth=depth)
        with understood():
            (entries,) = answer.data
            return [FileEntry(**entry) for entry in json.loads(_unpacked(entries, LONGEST_LIST))]


def _time_for(action: Action) -> float:
    own = action.seconds if isinstance(action, Wait) else PER_CHARACTER * len(action.text) if isinstance(action, Write) else 0.0
    return ACTION_BOUND + own


def _unpacked(data: bytes, most: int) -> bytes:
    """What comes from a desk is bounded before it is unpacked. Raises `DeskGone` if it is longer."""
    unpacker = zlib.decompressobj()
    unpacked = unpacker.decompress(data, most + 1)
    if len(unpacked) > most:
        raise DeskGone("This desk's answer is longer than any can be.")
    return unpacked
