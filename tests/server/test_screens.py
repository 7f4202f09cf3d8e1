"""The screen gateway, from a viewer's WebSocket to a desk's RFB stream."""

from __future__ import annotations

import random
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import SocketStream
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from hotdesk import events as ev
from hotdesk.logs.sqlite import SqliteLogs
from hotdesk.server.screens import BAD_RFB, DESK_HUNG_UP, FAILED, NOT_OPEN, UNKNOWN

from .conftest import Screen, World, ready, serving
from .test_rfb import SHAKEN, cut, key, pointer

A1 = "/api/sessions/s1/agents/a1"
GREETING = b"RFB 003.008\n"
UPDATE = b"\3" + bytes(9)


@asynccontextmanager
async def viewer(world: World, control: str | None = None, path: str = f"{A1}/screen") -> AsyncGenerator[ClientConnection]:
    query = f"?control={control}" if control else ""
    async with connect(f"ws://{world.host}{path}{query}", max_size=None, subprotocols=["binary"]) as websocket:  # type: ignore[list-item]
        yield websocket


@asynccontextmanager
async def watching(world: World, control: str | None = None) -> AsyncGenerator[tuple[ClientConnection, Screen]]:
    """A viewer whose handshake is over, and the desk's end of its connection."""
    async with viewer(world, control) as websocket:
        await websocket.send(SHAKEN)
        with anyio.fail_after(5):
            while not world.desks.screens:
                await anyio.lowlevel.checkpoint()
            screen = world.desks.screens[-1]
            await screen.has_heard(len(SHAKEN))
        screen.heard.clear()
        yield websocket, screen


async def take(world: World, by: str = "tab", steal: bool = False) -> str:
    control: str = (await world.web.post(f"{A1}/take", json={"by": by, "steal": steal})).json()["control"]
    return control


async def closed(websocket: ClientConnection) -> tuple[int, str]:
    with anyio.fail_after(5):
        with pytest.raises(ConnectionClosed) as ended:
            while True:
                await websocket.recv()
    assert ended.value.rcvd is not None
    return ended.value.rcvd.code, ended.value.rcvd.reason


async def test_what_the_desk_shows_passes_untouched(world: World) -> None:
    await world.session(*ready())
    picture = bytes(range(256)) * 1024
    async with watching(world) as (websocket, screen):
        assert websocket.subprotocol == "binary"
        for _ in range(20):
            screen.says(picture)
        for _ in range(20):
            assert await websocket.recv() == picture


async def test_without_control_keys_pointer_and_clipboard_do_not_reach_the_desk(world: World) -> None:
    await world.session(*ready())
    for control in (None, "guessed"):
        async with watching(world, control) as (websocket, screen):
            for said in (key(97), pointer(1), cut(b"secret", False), cut(b"secret", True), UPDATE):
                await websocket.send(said)
            assert await screen.has_heard(len(UPDATE)) == UPDATE


async def test_with_control_they_reach_the_desk_however_they_are_cut_into_frames(world: World) -> None:
    await world.session(*ready())
    said = key(97) + pointer(1, 300, 200) + cut("grüß".encode(), True) + UPDATE
    async with watching(world, await take(world)) as (websocket, screen):
        for byte in said:
            await websocket.send(bytes([byte]))
        assert await screen.has_heard(len(said)) == said


async def test_nobody_changes_the_size_of_a_screen(world: World) -> None:
    await world.session(*ready())
    async with watching(world, await take(world)) as (websocket, screen):
        await websocket.send(b"\xfb\0\0\x10\0\x10\1\0" + bytes(16) + UPDATE)
        assert await screen.has_heard(len(UPDATE)) == UPDATE


@pytest.mark.parametrize("how", ["released", "stolen", "released after the agent ended"])
async def test_when_control_ends_what_is_held_is_let_go_of_and_the_viewer_stays_to_watch(world: World, how: str) -> None:
    await world.session(*ready())
    control = await take(world)
    async with watching(world, control) as (websocket, screen):
        await websocket.send(key(0xFFE3) + pointer(1, 5, 6))
        await screen.has_heard(14)
        screen.heard.clear()
        if how == "stolen":
            await take(world, "other tab", steal=True)
        else:
            if "ended" in how:
                await world.append("s1", ev.AgentTerminated(agent="a1", reason="Done."))
            await world.web.post(f"{A1}/release", json={"control": control})
        assert await screen.has_heard(14) == pointer(0, 5, 6) + key(0xFFE3, False)
        screen.heard.clear()
        await websocket.send(key(97) + pointer(1) + UPDATE)
        assert await screen.has_heard(len(UPDATE)) == UPDATE
        screen.says(b"picture")
        assert await websocket.recv() == b"picture"


async def test_a_viewer_that_vanishes_leaves_nothing_held(world: World) -> None:
    await world.session(*ready())
    async with watching(world, await take(world)) as (websocket, screen):
        await websocket.send(pointer(1, 5, 6))
        await screen.has_heard(6)
    with anyio.fail_after(5):
        await screen.closed.wait()
    assert bytes(screen.heard) == pointer(1, 5, 6) + pointer(0, 5, 6)


async def test_two_viewers_have_connections_of_their_own(world: World) -> None:
    await world.session(*ready())
    control = await take(world)
    async with watching(world) as (one, first), watching(world, control) as (two, second):
        assert first is not second
        await one.send(key(97) + UPDATE)
        await two.send(key(98))
        assert await first.has_heard(10) == UPDATE
        assert await second.has_heard(8) == key(98)


async def test_a_desk_that_hangs_up_closes_the_screen(world: World) -> None:
    await world.session(*ready())
    async with watching(world) as (websocket, screen):
        screen.says(b"last picture")
        screen.hang_up()
        assert await websocket.recv() == b"last picture"
        assert await closed(websocket) == (DESK_HUNG_UP, "The desk was closed.")


@pytest.mark.parametrize("path", ["/api/sessions/s9/agents/a1/screen", "/api/sessions/s1/agents/a9/screen"])
async def test_an_unknown_session_or_agent_is_told_by_its_code(world: World, path: str) -> None:
    await world.session(*ready())
    async with viewer(world, path=path) as websocket:
        code, reason = await closed(websocket)
        assert code == UNKNOWN
        assert reason.startswith(("There is no session", "Session s1 has no agent"))


@pytest.mark.parametrize(
    "events",
    [
        ready()[:1],
        [*ready(), ev.AgentLost(agent="a1", reason="Killed.")],
        ready(desk="gone"),
        [ready()[0], ev.AgentReady(agent="a1", pid=1, desk="d", provider="elsewhere", width=1, height=1, seconds=0)],
    ],
    ids=["starting", "lost", "gone", "of another provider"],
)
async def test_a_desk_that_is_not_open_is_told_by_its_code(world: World, events: list[ev.Event]) -> None:
    await world.session(*events)
    async with viewer(world) as websocket:
        assert (await closed(websocket))[0] == NOT_OPEN


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1", SHAKEN + b"\x63", "text"])
async def test_a_viewer_that_speaks_no_rfb_is_told_so(world: World, said: str | bytes) -> None:
    await world.session(*ready())
    async with viewer(world) as websocket:
        await websocket.send(said)
        code, reason = await closed(websocket)
        assert code == BAD_RFB
        assert reason.startswith("This viewer")


async def test_an_address_that_is_no_screen_is_refused(world: World) -> None:
    for path in ("/api/sessions/s1", "/nothing", "/"):
        with pytest.raises(InvalidStatus):
            async with viewer(world, path=path):
                pass


@pytest.fixture
def sockets(world: World, monkeypatch: pytest.MonkeyPatch) -> list[socket.socket]:
    """From here on desks are sockets, as local ones are; their ends of them, in the order of the viewers."""
    ends: list[socket.socket] = []

    @asynccontextmanager
    async def view(_: str) -> AsyncGenerator[SocketStream]:
        ours, theirs = socket.socketpair()
        for each in (ours, theirs):
            each.setblocking(False)
        ends.append(theirs)
        async with await SocketStream.from_socket(ours) as stream:
            yield stream

    monkeypatch.setattr(world.desks, "view", view)
    return ends


@asynccontextmanager
async def seen(world: World, sockets: list[socket.socket]) -> AsyncGenerator[tuple[ClientConnection, SocketStream]]:
    """A viewer before the desk's greeting, and the desk's end."""
    count = len(sockets)
    async with viewer(world) as websocket:
        with anyio.fail_after(5):
            while len(sockets) == count:
                await anyio.lowlevel.checkpoint()
        async with await SocketStream.from_socket(sockets[-1]) as desk:
            yield websocket, desk


async def exactly(websocket: ClientConnection, length: int, pause: float = 0.0) -> bytes:
    got = bytearray()
    with anyio.fail_after(20):
        while len(got) < length:
            said = await websocket.recv()
            assert isinstance(said, bytes)
            got += said
            await anyio.sleep(pause)
    return bytes(got)


async def test_screens_that_share_a_buffer_do_not_mix_however_quick_their_viewers_are(world: World, sockets: list[socket.socket]) -> None:
    await world.session(*ready())
    chance = random.Random(3)  # noqa: S311

    async def watch(number: int) -> None:
        picture = chance.randbytes(5_000_000 + number)
        async with seen(world, sockets) as (websocket, desk), anyio.create_task_group() as tasks:
            for part in (GREETING[:5], GREETING[5:]):
                await desk.send(part)
            assert await exactly(websocket, 12) == GREETING
            await websocket.send(SHAKEN)
            assert await desk.receive() == SHAKEN

            async def show() -> None:
                at = 0
                while at < len(picture):
                    size = chance.choice((1, 100, 125, 126, 5_000, 65_535, 65_536, 400_000, 1_000_000))
                    await desk.send(picture[at : at + size])
                    at += size

            tasks.start_soon(show)
            assert await exactly(websocket, len(picture), 0.01 * (number % 3)) == picture

    async with anyio.create_task_group() as tasks:
        for number in range(6):
            tasks.start_soon(watch, number)
            while len(sockets) <= number:  # each has its own end
                await anyio.lowlevel.checkpoint()


async def test_no_more_is_read_from_a_desk_than_its_viewer_takes(world: World, sockets: list[socket.socket]) -> None:
    await world.session(*ready())
    async with seen(world, sockets) as (websocket, desk):
        await desk.send(GREETING)
        assert await exactly(websocket, 12) == GREETING
        block, said = bytes(1 << 20), 0
        with anyio.move_on_after(20) as bound:
            while said < 64:
                with anyio.move_on_after(1) as slow:
                    await desk.send(block)
                    said += 1
                if slow.cancelled_caught:  # nobody reads: what the system keeps on the way is full
                    break
        assert not bound.cancelled_caught
        assert said < 40
        assert await exactly(websocket, said << 20) == bytes(said << 20)


async def test_what_a_viewer_says_before_the_greeting_waits_for_it(world: World, sockets: list[socket.socket]) -> None:
    await world.session(*ready())
    async with seen(world, sockets) as (websocket, desk):
        await websocket.send(SHAKEN)
        with anyio.move_on_after(0.05):
            assert await desk.receive() == b"never"
        await desk.send(GREETING)
        assert await exactly(websocket, 12) == GREETING
        assert await desk.receive() == SHAKEN


async def test_either_end_of_a_socket_may_hang_up(world: World, sockets: list[socket.socket], monkeypatch: pytest.MonkeyPatch) -> None:
    await world.session(*ready())
    async with seen(world, sockets) as (websocket, desk):
        await desk.send(GREETING + bytes(70_000))
        await desk.aclose()
        assert await exactly(websocket, 70_012) == GREETING + bytes(70_000)
        assert (await closed(websocket))[0] == DESK_HUNG_UP
    for greeting in (b"", GREETING):  # before and after it
        async with seen(world, sockets) as (websocket, desk):
            if greeting:
                await desk.send(greeting)
                await exactly(websocket, 12)
            await websocket.close()
            with anyio.fail_after(5), pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                await desk.receive()
    monkeypatch.setattr("hotdesk.server.screens.SILENT", 0.05)
    async with seen(world, sockets) as (websocket, _):
        assert await closed(websocket) == (FAILED, "The desk does not answer.")


async def test_the_server_ends_while_screens_are_watched(tmp_path: Path) -> None:
    with anyio.fail_after(8):
        async with serving(SqliteLogs(tmp_path)) as world:
            await world.session(*ready())
            websocket = await connect(f"ws://{world.host}{A1}/screen")
            await websocket.send(SHAKEN)
            while not world.desks.screens:
                await anyio.lowlevel.checkpoint()
    await world.desks.screens[0].closed.wait()
    with pytest.raises(ConnectionClosed):
        await websocket.recv()
