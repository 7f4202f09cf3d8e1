"""Live events over Socket.IO."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import socketio

from hotdesk import events as ev
from hotdesk.errors import LogError
from hotdesk.logs.memory import MemoryLog, MemoryLogs
from hotdesk.logs.sqlite import SqliteLogs

from .conftest import World, ready, serving


class Tab:
    """A browser tab that keeps what it is told, in the order in which it is told."""

    def __init__(self) -> None:
        self.sio = socketio.AsyncClient(reconnection=False)
        self.seqs: list[int] = []
        self.types: list[str] = []
        self._grown = anyio.Event()
        self.sio.on("*", self._event)

    def _event(self, name: str, event: dict[str, Any]) -> None:
        assert name == event["type"]
        self.seqs.append(event["seq"])
        self.types.append(name)
        self._grown.set()
        self._grown = anyio.Event()

    async def join(self, session: str, after: int = 0) -> dict[str, Any]:
        """Join; what was missed is kept in its place: after what came before the acknowledgement, before what comes behind it."""
        answered = anyio.Event()
        answer: dict[str, Any] = {}

        def acknowledged(said: dict[str, Any]) -> None:
            answer.update(said)
            for event in said.get("events", ()):
                self._event(event["type"], event)
            answered.set()

        await self.sio.emit("session:join", {"session": session, "after": after}, callback=acknowledged)
        with anyio.fail_after(20):
            await answered.wait()
        return answer

    async def leave_server(self) -> None:
        """Over polling, a polite goodbye would wait for the server's answer to the poll under way: up to a ping's time."""
        if self.sio.eio.state == "connected":
            polling = self.sio.transport() == "polling"
            await (self.sio.eio.disconnect(abort=True) if polling else self.sio.disconnect())

    async def has(self, seq: int) -> None:
        with anyio.fail_after(20):
            while not self.seqs or self.seqs[-1] < seq:
                await self._grown.wait()


@asynccontextmanager
async def tab(world: World, transports: list[str] | None = None) -> AsyncGenerator[Tab]:
    one = Tab()
    await one.sio.connect(world.url, transports=transports or ["websocket"])
    try:
        yield one
    finally:
        await one.leave_server()


def reasoning(count: int) -> list[ev.Event]:
    return [ev.AgentReasoning(agent="a1", step=1, text="hm") for _ in range(count)]


async def test_a_tab_gets_what_it_missed_and_then_every_event_under_its_own_name(world: World) -> None:
    await world.session(*ready())
    async with tab(world) as one:
        answer = await one.join("s1")
        assert answer["last"] == 3
        assert [event["type"] for event in answer["events"]] == ["session:created", "agent:hired", "agent:ready"]
        await world.append("s1", ev.AgentThinking(agent="a1", step=1, says="Opening the browser"))
        await one.has(4)
        assert one.types[-1] == "agent:thinking"


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_two_tabs_get_the_same(world: World, transport: str) -> None:
    await world.session()
    async with tab(world, [transport]) as one, tab(world) as two:
        await one.join("s1")
        await two.join("s1")
        await world.append("s1", *reasoning(50))
        for each in (one, two):
            await each.has(51)
            assert each.seqs == list(range(1, 52))


async def test_a_tab_that_comes_back_gets_only_what_it_missed(world: World) -> None:
    await world.session(*reasoning(4))
    async with tab(world) as one:
        await one.join("s1")
    await world.append("s1", *reasoning(3))
    async with tab(world) as again:
        answer = await again.join("s1", after=one.seqs[-1])
        assert [event["seq"] for event in answer["events"]] == [6, 7, 8]


async def test_what_is_told_on_joining_is_what_the_log_says_wherever_a_tab_begins(world: World) -> None:
    said = [ev.AgentReasoning(agent="a1", step=1, text=text) for text in ('"\\\x1e\n', "Zürich 東京 🙂", "\u2028</script>", "") * 300]
    await world.session(*said)
    everything = [event.model_dump(mode="json") for event in await world.events("s1")]
    async with tab(world) as one, tab(world, ["polling"]) as two:
        await one.join("s1", after=len(everything))  # from here on the session is followed
        await world.append("s1", *said[:4])
        await one.has(len(everything) + 4)
        everything = [event.model_dump(mode="json") for event in await world.events("s1")]
        for after in (0, 1, 499, 500, 1200, 1201, 1203, 1205):
            assert await two.join("s1", after=after) == {"events": everything[after:], "last": 1205}


async def test_a_tab_that_left_gets_nothing_more_and_the_other_does(world: World) -> None:
    await world.session()
    async with tab(world) as one, tab(world) as two:
        await one.join("s1")
        await two.join("s1")
        assert await one.sio.call("session:leave", {"session": "s1"}) == {}
        await world.append("s1", *reasoning(2))
        await two.has(3)
        assert await one.sio.call("session:leave", {"session": "s1"}) == {}
        assert one.seqs == [1]


async def test_a_tab_watches_several_sessions_and_leaves_them_one_by_one(world: World) -> None:
    await world.session(name="s1")
    await world.session(name="s2")
    async with tab(world) as one:
        await one.join("s1")
        await one.join("s2")
        await one.sio.call("session:leave", {"session": "s1"})
        await world.append("s1", *reasoning(1))
        await world.append("s2", ev.SessionStopping(reason="Enough."))
        await one.has(2)
        assert one.types == ["session:created", "session:created", "session:stopping"]


async def test_joining_leaving_and_joining_at_once_ends_as_it_was_said_last(world: World) -> None:
    await world.session()
    async with tab(world) as one:
        for _ in range(20):
            await one.sio.emit("session:join", {"session": "s1"})
            await one.sio.emit("session:leave", {"session": "s1"})
        answer = await one.join("s1")
        assert answer["last"] == 1
        await world.append("s1", *reasoning(3))
        await one.has(4)
        assert one.seqs == [1, 2, 3, 4]


async def test_what_cannot_be_is_acknowledged_as_a_problem(world: World, caplog: pytest.LogCaptureFixture) -> None:
    wrong: list[tuple[str, Any, str]] = [
        ("session:join", {"session": "none"}, "not_found:session"),
        ("session:join", {"session": "../../etc"}, "not_found:session"),
        ("session:join", {"session": "s1", "after": 99}, "bad_input:request"),
        ("session:join", {"session": "s1", "after": -1}, "bad_input:request"),
        ("session:join", {"session": "s1", "after": "many"}, "bad_input:request"),
        *(
            (name, said, "bad_input:request")
            for name in ("session:join", "session:leave")
            for said in ({"session": ["s1"]}, "s1", None, b"\x00", [1])
        ),
    ]
    await world.session()
    async with tab(world) as one:
        for name, said, code in wrong:
            answer = await one.sio.call(name, said)
            assert answer["error"]["code"] == code, said
            assert answer["error"]["detail"].endswith(".")
        assert (await one.join("s1"))["last"] == 1
    assert "Traceback" not in caplog.text


async def test_who_leaves_while_still_joining_has_left(world: World) -> None:
    await world.session(*reasoning(2999))  # so that joining takes a while
    async with tab(world) as one, tab(world) as two:
        await one.sio.emit("session:join", {"session": "s1"})
        assert await one.sio.call("session:leave", {"session": "s1"}) == {}
        await two.join("s1", after=2999)
        await world.append("s1", *reasoning(5))
        await two.has(3005)
        assert (await one.join("s1", after=3003))["last"] == 3005
        assert one.seqs == [3004, 3005]


@pytest.mark.parametrize("kind", [MemoryLogs, SqliteLogs])
async def test_every_tab_gets_every_event_once_and_in_order_whenever_it_joins(
    tmp_path: Path, kind: type[MemoryLogs] | type[SqliteLogs]
) -> None:
    """Tabs join, leave and come back at random moments, with the last `seq` they have, while thousands of events are written."""
    count, random_ = 2000, random.Random(7)  # noqa: S311
    async with serving(kind(tmp_path)) as world:
        await world.session()
        over = anyio.Event()

        async def write() -> None:
            async with await world.logs.open("s1") as log:
                written = 1
                while written < count:
                    some = min(random_.randint(1, 8), count - written)
                    await log.append(*reasoning(some))
                    written += some
                    for _ in range(random_.randint(0, 2)):
                        await anyio.lowlevel.checkpoint()
            over.set()

        async def watch(transport: str) -> None:
            one = Tab()
            while not over.is_set():
                await one.sio.connect(world.url, transports=[transport])
                for _ in range(random_.randint(1, 4)):
                    await one.join("s1", after=one.seqs[-1] if one.seqs else 0)
                    target = one.seqs[-1] + random_.randint(0, 300)
                    await one.has(min(target, count))
                    await one.sio.call("session:leave", {"session": "s1"})
                await one.leave_server()
            await one.sio.connect(world.url, transports=[transport])
            await one.join("s1", after=one.seqs[-1])
            await one.has(count)
            await one.leave_server()
            assert one.seqs == list(range(1, count + 1))

        async with anyio.create_task_group() as tasks:
            for n in range(6):
                tasks.start_soon(watch, "polling" if n == 0 else "websocket")
            await anyio.lowlevel.checkpoint()
            tasks.start_soon(write)


async def test_joining_again_without_leaving_repeats_nothing(tmp_path: Path) -> None:
    async with serving(MemoryLogs(tmp_path)) as world:
        await world.session()
        async with tab(world) as one:
            await one.join("s1")
            writing_over = anyio.Event()

            async def write() -> None:
                for _ in range(300):
                    await world.append("s1", *reasoning(3))
                writing_over.set()

            async def join_again() -> None:
                answered = anyio.Event()

                def acknowledged(answer: dict[str, Any]) -> None:
                    assert one.seqs[-1] == answer["last"]  # what was sent before the answer is all that the answer knows of
                    answered.set()

                await one.sio.emit("session:join", {"session": "s1", "after": one.seqs[-1]}, callback=acknowledged)
                with anyio.fail_after(20):
                    await answered.wait()

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(write)
                while not writing_over.is_set():
                    await join_again()
            await one.has(901)
            assert one.seqs == list(range(1, 902))


async def test_a_session_nobody_watches_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    following: list[str] = []
    ended = anyio.Event()
    follow = MemoryLog.follow

    @asynccontextmanager
    async def counted(log: MemoryLog, after: int = 0) -> AsyncGenerator[Any]:
        following.append(log.session)
        try:
            async with follow(log, after) as events:
                yield events
        finally:
            following.remove(log.session)
            ended.set()

    monkeypatch.setattr(MemoryLog, "follow", counted)
    async with serving(MemoryLogs(tmp_path)) as world:
        await world.session()
        async with tab(world) as one, tab(world) as two:
            await one.join("s1")
            await two.join("s1")
            assert following == ["s1"]
            await one.sio.call("session:leave", {"session": "s1"})
            assert following == ["s1"]
        with anyio.fail_after(5):
            await ended.wait()
        assert following == []


async def test_a_log_that_cannot_be_followed_is_told_on_joining_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(MemoryLogs(tmp_path)) as world:
        await world.session()

        @asynccontextmanager
        async def broken(log: MemoryLog, after: int = 0) -> AsyncGenerator[Any]:
            raise LogError("The disk is gone.")
            yield

        monkeypatch.setattr(MemoryLog, "follow", broken)
        async with tab(world) as one:
            assert (await one.join("s1"))["error"]["code"] == "unavailable:log"


async def test_a_tab_that_does_not_read_holds_up_nobody(world: World) -> None:
    await world.session()
    async with tab(world, ["polling"]) as slow, tab(world) as quick:
        await slow.join("s1")
        await quick.join("s1")
        slow.sio.eio.read_loop_task.cancel()  # from here on it never asks again
        await world.append("s1", *(ev.AgentReasoning(agent="a1", step=1, text="x" * 10_000) for _ in range(500)))
        await quick.has(501)
        assert quick.seqs == list(range(1, 502))


async def test_the_server_ends_while_tabs_watch(tmp_path: Path) -> None:
    one, two = Tab(), Tab()
    with anyio.fail_after(8):
        async with serving(MemoryLogs(tmp_path)) as world:
            await world.session()
            for each, transport in ((one, "websocket"), (two, "polling")):
                await each.sio.connect(world.url, transports=[transport])
                await each.join("s1")
    await one.leave_server()
    await two.leave_server()
