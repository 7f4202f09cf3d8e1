"""The live events, over Socket.IO: a client joins a session with the last `seq` it has, gets what it missed, then every event as it
comes.

Promises: on one joined connection each event comes exactly once and in order, what was missed (the acknowledgement) first. A slow client
does not hold up the others: what it has not read yet waits in its own queue until Socket.IO's ping gives it up. A session nobody watches
costs nothing: its pump ends and lets go of its events with the last client. `running()` ends all pumps.

How «exactly once» is kept: one pump follows the log of a watched session, from where the log ends when the first client comes: what is
older stands in the log and never changes, and is read there for who asks. Holding `turn` the pump notes an event and sends it to the room
(the members are counted and their packets queued without a pause). Holding `turn` a joining client is told what it missed, up to what the
pump has noted, and becomes a member; from there to the queueing of its acknowledgement python-socketio does not suspend. So an event is
either in the acknowledgement or behind it, never both.

An event becomes JSON text once, and that text is what all get: python-socketio would look through and serialise it for each of them.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypeVar

import anyio
import anyio.lowlevel
import socketio  # type: ignore[import-untyped]
from anyio.abc import TaskGroup
from pydantic import BaseModel, Field, ValidationError

from hotdesk.errors import BadInput, HotdeskError, LogError
from hotdesk.events import EVENT_TYPES, Event
from hotdesk.logs.base import Log, Logs
from hotdesk.server.problems import problem_of, sentence

__all__ = ["Live"]

MESSAGE_BYTES = 64 << 10
"""Longest message a client may send: it only ever names a session."""
MANY = 200
"""Events noted for nobody before the others get a turn."""

NAMES = {kind: name for name, kind in EVENT_TYPES.items()}
logger = logging.getLogger(__name__)


class Ready:
    """A value that is JSON already."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class _Json:
    """The `json` that Socket.IO is given: what is `Ready` goes out as it is. A packet is a list: an event's name and it, or an answer."""

    loads = staticmethod(json.loads)

    @staticmethod
    def dumps(value: object, **how: Any) -> str:
        if isinstance(value, list):
            return "[" + ",".join(one.text if isinstance(one, Ready) else json.dumps(one, **how) for one in value) + "]"
        return json.dumps(value, **how)


Answer = dict[str, Any] | Ready


class Join(BaseModel):
    session: Annotated[str, Field(max_length=200)]
    after: Annotated[int, Field(ge=0)] = 0


class Leave(BaseModel):
    session: Annotated[str, Field(max_length=200)]


M = TypeVar("M", bound=BaseModel)


class _Pump:
    """Follows one session's log for all who watch it."""

    def __init__(self, session: str) -> None:
        self.session = session
        self.room = f"session:{session}"
        self.start = 0
        """The last event there was when it began; those up to it are read from the log."""
        self.texts: list[str] = []
        """The events since then as JSON; the one with `seq` n is at n - 1 - start."""
        self.turn = anyio.Lock(fast_acquire=True)
        self.members: set[str] = set()
        self.joining = 0
        self.begun = False
        self.ended = False
        self.scope = anyio.CancelScope()
        self._waiting: list[tuple[int, anyio.Event]] = []

    @property
    def watched(self) -> bool:
        return bool(self.members) or self.joining > 0

    @property
    def last(self) -> int:
        """The last event that is known."""
        return self.start + len(self.texts)

    def begin(self, start: int) -> None:
        self.start, self.begun = start, True
        self._wake(self.last)

    def note(self, text: str) -> None:
        self.texts.append(text)
        if self._waiting:
            self._wake(self.last)

    def end(self) -> None:
        self.ended = True
        self._wake(None)

    async def reached(self, seq: int) -> None:
        """Wait until the pump has begun and knows the event `seq`. Raises `LogError` if it has ended."""
        if not self.ended and (not self.begun or self.last < seq):
            self._waiting.append((seq, event := anyio.Event()))
            await event.wait()
        if self.ended:
            raise LogError(f"The log of session {self.session} can no longer be followed; join again.")

    def _wake(self, seq: int | None) -> None:
        for wanted, event in self._waiting:
            if seq is None or wanted <= seq:
                event.set()
        self._waiting = [(wanted, event) for wanted, event in self._waiting if not event.is_set()]


class Live:
    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self._pumps: dict[str, _Pump] = {}
        self._turns: dict[str, anyio.Lock] = {}
        self._tasks: TaskGroup | None = None
        # The guard in front of all decides on origins; an empty list keeps Socket.IO from deciding too.
        self._sio = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins=[], max_http_buffer_size=MESSAGE_BYTES, json=_Json)
        self._sio.on("connect", self._connect)
        self._sio.on("disconnect", self._disconnect)
        self._sio.on("session:join", self._on_join)
        self._sio.on("session:leave", self._on_leave)
        self.app = socketio.ASGIApp(self._sio, socketio_path="socket.io")

    @property
    def watched(self) -> frozenset[str]:
        """Sessions that somebody watches."""
        return frozenset(self._pumps)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Pumps live within this block."""
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            try:
                yield
            finally:
                self._tasks = None
                tasks.cancel_scope.cancel()
                with anyio.CancelScope(shield=True):
                    await self._sio.shutdown()

    async def _connect(self, client: str, *_: object) -> None:
        self._turns[client] = anyio.Lock()

    async def _disconnect(self, client: str, *_: object) -> None:
        self._turns.pop(client, None)
        for pump in list(self._pumps.values()):
            self._let_go(pump, client)

    async def _on_join(self, client: str, *said: object) -> Answer:
        return await self._answered(client, Join, said, self._join)

    async def _on_leave(self, client: str, *said: object) -> Answer:
        return await self._answered(client, Leave, said, self._leave)

    async def _answered(self, client: str, kind: type[M], said: tuple[object, ...], do: Callable[[str, M], Awaitable[Answer]]) -> Answer:
        """What a client says is done one after another; what goes wrong is told as a problem."""
        try:
            try:
                message = kind.model_validate(said[0] if said else None)
            except ValidationError as error:
                raise BadInput(sentence(error)) from error
            async with self._turns.get(client) or anyio.Lock():
                return await do(client, message)
        except Exception as error:
            return {"error": problem_of(error).model_dump()}

    async def _join(self, client: str, join: Join) -> Answer:
        async with await self._logs.open(join.session) as log:
            last = await log.last()
            if join.after > last:
                raise BadInput(f"Session {join.session} has no event {join.after}; its last is {last}.")
            pump = self._pump(join.session)
            pump.joining += 1
            try:
                await pump.reached(last)
                missed = [_text(event) for event in await log.read(join.after, max(0, pump.start - join.after))]
                async with pump.turn:
                    missed += pump.texts[max(0, join.after - pump.start) :]
                    if client in self._turns:  # still connected; entering the room does not suspend
                        await self._sio.enter_room(client, pump.room)
                        pump.members.add(client)
                    return Ready(f'{{"events":[{",".join(missed)}],"last":{pump.last}}}')
            finally:
                pump.joining -= 1
                self._let_go(pump)

    async def _leave(self, client: str, leave: Leave) -> Answer:
        if pump := self._pumps.get(leave.session):
            async with pump.turn:  # nothing is on its way when the acknowledgement is
                await self._sio.leave_room(client, pump.room)
                self._let_go(pump, client)
        return {}

    def _pump(self, session: str) -> _Pump:
        if session not in self._pumps:
            if self._tasks is None:
                raise LogError("The server is ending.")
            self._pumps[session] = _Pump(session)
            self._tasks.start_soon(self._run, self._pumps[session])
        return self._pumps[session]

    def _let_go(self, pump: _Pump, client: str | None = None) -> None:
        if client is not None:
            pump.members.discard(client)
        if not pump.watched and self._pumps.get(pump.session) is pump:
            del self._pumps[pump.session]
            pump.scope.cancel()

    async def _run(self, pump: _Pump) -> None:
        try:
            with pump.scope:
                async with await self._logs.open(pump.session) as log:
                    await self._follow(pump, log)
        except HotdeskError:
            logger.exception("Session %s can no longer be followed.", pump.session)
        finally:
            pump.end()
            if self._pumps.get(pump.session) is pump:
                del self._pumps[pump.session]
        for client in pump.members:  # they come back and are told why when they join
            await self._sio.disconnect(client)

    async def _follow(self, pump: _Pump, log: Log) -> None:
        start = await log.last()
        async with log.follow(start) as events:
            pump.begin(start)
            async for event in events:
                text = _text(event)
                async with pump.turn:
                    pump.note(text)
                    if pump.members:
                        await self._sio.emit(NAMES[type(event)], Ready(text), to=pump.room)
                if event.seq % MANY == 0:
                    await anyio.lowlevel.checkpoint()


def _text(event: Event) -> str:
    return event.model_dump_json()
