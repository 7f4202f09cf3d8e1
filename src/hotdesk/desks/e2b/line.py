"""The line to the attendant of one sandbox: requests by its standard input, one remote call each, answers by its standard output.

What makes it dependable over a network that is not:
- A request has a number, and the attendant does each number once. So a call whose fate is unknown is simply made again.
- When the stream of answers is cut, it is opened again, and the answers that were missed are asked for.
- When the attendant itself has ended (somebody in the sandbox killed it), a new one is started, the screen stays, and what only looks is
  asked again. What acts is not: it may have been done, and whoever asked is told so.
- A request whose asker is cancelled is cancelled over there too, before the cancellation goes on.

The line is lost when the sandbox is gone or nothing of the above helps; then every request raises `DeskGone`, those under way too.
"""

from __future__ import annotations

import base64
import itertools
import json
import logging
import zlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from hotdesk.desks.base import Size
from hotdesk.desks.e2b.bundle import bundle
from hotdesk.desks.e2b.service import Trouble, as_desk_error, calling
from hotdesk.errors import DeskError, DeskGone, DeskRefused, DeskUnavailable, MissingRequirement

if TYPE_CHECKING:
    from e2b import AsyncSandbox

SEND_BOUND = 15.0
"""Seconds for a request to be taken."""
ATTEMPTS, PAUSE = 5, 0.2
"""How often something is tried on a network that fails, and the seconds before the second time; doubled each time."""
BEGIN_BOUND = 90.0
"""Seconds for the screen to come up."""
CANCEL_BOUND = 5.0
"""Seconds for the attendant to end a cancelled request."""
LONGEST_LINE = 32 << 20
"""Characters of one answer: who answers runs among the desk's own programs, and is not trusted with our memory."""
RESTARTS = 5
"""How often an attendant that ended is replaced."""
NO_BUNDLE, NO_PYTHON = 97, 98
"""Exit codes of the command that starts the attendant."""

_log = logging.getLogger(__name__)


@contextmanager
def understood() -> Iterator[None]:
    """Around the reading of an answer, which is nothing but data from a desk: what makes no sense ends it."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, zlib.error) as error:
        raise DeskGone("This desk is lost: its answer makes no sense.") from error


class Answer(NamedTuple):
    said: dict[str, Any]
    data: list[bytes]


@dataclass(slots=True)
class _Asked:
    line: bytes
    repeatable: bool
    """Whether a new attendant may be asked again."""
    done: anyio.Event = field(default_factory=anyio.Event)
    answer: dict[str, Any] | None = None
    error: DeskError | None = None


class Line:
    """Entered tasks of it live in the given task group; `begin` starts the attendant."""

    def __init__(self, sandbox: AsyncSandbox, tasks: TaskGroup, size: Size, password: str) -> None:
        self._sandbox = sandbox
        self._tasks = tasks
        self._size = size
        self._password = password
        self._numbers = itertools.count(1)
        self._asked: dict[int, _Asked] = {}
        self._heard: list[str] = []
        self._heard_length = 0
        self._words: deque[str] = deque(maxlen=20)
        """The last that the attendant said on its standard error."""
        self._handle: Any = None
        self._pid = 0
        self._open = anyio.Event()
        self.lost: DeskError | None = None

    # Starting ------------------------------------------------------------------------------------------------------------------------

    async def begin(self, fresh: bool) -> Answer:
        """Bring the attendant and the screen up. `fresh`: nothing of ours can be in the sandbox yet. Raises `DeskUnavailable`."""
        try:
            if fresh:
                await self._upload()
            await self._start()
            self._tasks.start_soon(self._watch)
            return await self.ask("begin", BEGIN_BOUND, password=self._password)
        except MissingRequirement as missing:
            raise DeskUnavailable(str(missing)) from missing
        except Trouble as trouble:
            raise DeskUnavailable(f"The desk's screen could not be started. {trouble}") from trouble
        except DeskError as error:
            raise DeskUnavailable(f"The desk's screen could not be started. {error} {self.last_words()}".rstrip()) from error

    def last_words(self) -> str:
        return "".join(self._words).strip()[-300:]

    async def _upload(self) -> None:
        content, path = await anyio.to_thread.run_sync(bundle)

        async def upload() -> None:
            await self._sandbox.files.write(path, content, request_timeout=60)

        await self._again("putting the attendant into the sandbox", upload)

    async def _start(self) -> None:
        """Start an attendant, which ends any before it. Where the bundle is missing it ends at once, and the watch sees to it."""
        _, path = await anyio.to_thread.run_sync(bundle)
        width, height = self._size
        command = (
            f"test -f {path} || exit {NO_BUNDLE}; command -v python3 >/dev/null || exit {NO_PYTHON}; "
            f"exec python3 -I -S {path} {width} {height}"
        )

        async def run() -> None:
            self._handle = await self._sandbox.commands.run(
                command,
                background=True,
                stdin=True,
                timeout=0,
                request_timeout=SEND_BOUND,
                on_stdout=self._hear,
                on_stderr=self._words.append,
                retain_output=False,
            )

        self._forget_heard()
        await self._again("starting the attendant", run)
        self._pid = self._handle.pid
        self._open.set()

    async def _again(self, doing: str, what: Callable[[], Awaitable[None]]) -> None:
        """Do it, and again if the network fails; it must not matter if it was done twice. Raises `Trouble`."""
        for attempt in range(ATTEMPTS):
            try:
                async with calling(doing):
                    return await what()
            except Trouble as trouble:
                if not trouble.passes or attempt == ATTEMPTS - 1:
                    raise
            await anyio.sleep(PAUSE * 2**attempt)

    # Asking --------------------------------------------------------------------------------------------------------------------------

    async def ask(self, do: str, bound: float, repeatable: bool = True, **about: Any) -> Answer:
        """One request and its answer, within `bound` seconds. Raises `DeskRefused` with the attendant's sentence, `DeskGone`."""
        self._check()
        number = next(self._numbers)
        asked = _Asked(b"\n" + json.dumps({"id": number, "do": do, **about}).encode() + b"\n", repeatable)
        self._asked[number] = asked
        try:
            with anyio.fail_after(bound):
                await self._send(asked)
                await asked.done.wait()
        except TimeoutError:
            self._tasks.start_soon(self._cancel, number, asked)
            raise DeskGone(f"This desk's sandbox at E2B does not answer ({do}).") from None
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True), anyio.move_on_after(CANCEL_BOUND):
                await self._cancel(number, asked)
            raise
        finally:
            self._asked.pop(number, None)
        if asked.error:
            raise asked.error
        said = asked.answer or {}
        if "refused" in said:
            raise DeskRefused(str(said["refused"]))
        if isinstance(said.get("ok"), dict):
            with understood():
                return Answer(said["ok"], [base64.b64decode(part) for part in said["data"]])
        raise DeskGone(f"This desk is lost: {said.get('gone') or 'its answer was lost'}")

    def _check(self) -> None:
        if self.lost:
            raise type(self.lost)(*self.lost.args)

    async def _send(self, asked: _Asked) -> None:
        """Hand a request over, as often as it takes: it is done once. A request that cannot be handed over ends the line."""
        for attempt in range(ATTEMPTS):
            await self._open.wait()
            self._check()
            if asked.done.is_set():
                return
            pid = self._pid
            try:
                async with calling("speaking to the attendant"):
                    return await self._sandbox.commands.send_stdin(pid, asked.line, request_timeout=SEND_BOUND)
            except Trouble as trouble:
                if trouble.kind == "gone":
                    self._lose(as_desk_error(trouble))
                    return
                if trouble.kind == "missing" and self._pid == pid:  # the attendant has ended; the watch will see it too
                    _log.debug("no attendant: %s", trouble)
                elif not trouble.passes and trouble.kind != "missing":
                    asked.error = DeskRefused(str(trouble))
                    asked.done.set()
                    return
                if attempt == ATTEMPTS - 1:
                    self._lose(as_desk_error(trouble))
                    return
            await anyio.sleep(PAUSE * 2**attempt)

    async def _cancel(self, number: int, asked: _Asked) -> None:
        if asked.done.is_set() or self.lost:
            return
        cancel = _Asked(b"\n" + json.dumps({"id": next(self._numbers), "do": "cancel", "of": number}).encode() + b"\n", False)
        mine = int(json.loads(cancel.line)["id"])
        self._asked[mine] = cancel
        try:
            await self._send(cancel)
            await cancel.done.wait()
        finally:
            self._asked.pop(mine, None)

    def _hear(self, text: str) -> None:
        """What the attendant said, in whatever pieces it comes."""
        *lines, rest = text.split("\n")
        for line in lines:
            self._heard.append(line)
            whole = "".join(self._heard)
            self._forget_heard()
            try:
                answer = json.loads(whole)
                asked = self._asked.get(int(answer["id"]))
            except (ValueError, KeyError, TypeError):
                continue  # the rest of a line whose beginning was lost with the stream
            if asked and not asked.done.is_set():
                asked.answer = answer
                asked.done.set()
        self._heard.append(rest)
        self._heard_length += len(text)
        if self._heard_length > LONGEST_LINE:
            self._forget_heard()
            self._lose(DeskGone("This desk is lost: its answer was longer than any can be."))

    def _forget_heard(self) -> None:
        self._heard.clear()
        self._heard_length = 0

    # The stream of answers -----------------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Keep the stream of answers open for as long as the sandbox lives."""
        restarts = 0
        while not self.lost:
            trouble = await self._stream_ended()
            code = self._handle.exit_code
            _log.info("the attendant's stream ended (%s, exit code %s)", trouble, code)
            try:
                if trouble and trouble.kind == "gone":
                    raise trouble
                if code is None and await self._reopen():
                    continue
                if code == NO_BUNDLE and not restarts:
                    await self._upload()
                restarts += 1
                if restarts > RESTARTS or code == NO_PYTHON:
                    why = (
                        "the template has no python3." if code == NO_PYTHON else f"its attendant ends again and again. {self.last_words()}"
                    )
                    self._lose(DeskGone(f"This desk is lost: {why}".rstrip()))
                    return
                await anyio.sleep(PAUSE * 2**restarts if restarts > 1 else 0)
                await self._replace()
            except Trouble as found:
                self._lose(as_desk_error(found))

    async def _stream_ended(self) -> Trouble | None:
        """Wait until the stream of answers ends; what is known of why."""
        try:
            async with calling("hearing the attendant"):
                await self._handle.wait()
        except Trouble as trouble:
            return trouble
        finally:
            self._open = anyio.Event()
        return None

    async def _reopen(self) -> bool:
        """Open the stream of a running attendant again and ask for what was missed. False if the attendant has ended."""

        async def connect() -> None:
            self._forget_heard()
            self._handle = await self._sandbox.commands.connect(
                self._pid, timeout=0, request_timeout=SEND_BOUND, on_stdout=self._hear, on_stderr=self._words.append, retain_output=False
            )

        try:
            await self._again("hearing the attendant again", connect)
        except Trouble as trouble:
            if trouble.kind in ("missing", "refused"):
                return False
            raise
        self._open.set()
        self._tasks.start_soon(self._ask_for_missed, {number: asked for number, asked in self._asked.items() if not asked.done.is_set()})
        return True

    async def _ask_for_missed(self, missed: dict[int, _Asked]) -> None:
        if not missed:
            return
        try:
            answer = await self.ask("again", SEND_BOUND, ids=sorted(missed))
            for number in answer.said["unheard"]:
                await self._send(missed[number])
        except DeskError as error:
            _log.debug("what was missed could not be asked for: %s", error)

    async def _replace(self) -> None:
        """Start a new attendant and ask it what can be asked again."""
        missed = {number: asked for number, asked in self._asked.items() if not asked.done.is_set()}
        for asked in missed.values():
            if not asked.repeatable:
                asked.error = DeskRefused(
                    "The program that acts on this desk was ended in the middle of this and has been started again: look at the screen, it"
                    " may have been done, in part or not at all."
                )
                asked.done.set()
        await self._start()
        begin = {"id": next(self._numbers), "do": "begin", "password": self._password}
        await self._send(_Asked(b"\n" + json.dumps(begin).encode() + b"\n", True))
        for asked in missed.values():
            if asked.repeatable:
                self._tasks.start_soon(self._send, asked)

    def _lose(self, error: DeskError) -> None:
        """From now on nothing works, and nobody waits any more."""
        if self.lost is None:
            self.lost = error
        for asked in self._asked.values():
            if not asked.done.is_set():
                asked.error = error
                asked.done.set()
        self._open.set()

    def close(self, error: DeskError) -> None:
        self._lose(error)

    async def aclose(self) -> None:
        """Let go of the stream; what runs over there is not ended by it."""
        if self._handle is not None:
            await self._handle.disconnect()
