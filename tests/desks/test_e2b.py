"""What is special to desks at E2B: what goes wrong on the way there, what is left behind, what a call costs. Against the local server."""

from __future__ import annotations

import ast
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
from e2b import AsyncSandbox
from websockets.asyncio.client import connect

from hotdesk.desks.base import Desk, DeskOptions, LeftClick, Move, Point, Press, ScreenStream, Wait, Write
from hotdesk.desks.choose import all_desks, choose_desks, desk_choices
from hotdesk.desks.e2b import Account, E2BDesks, des, line, provider, service
from hotdesk.desks.e2b.bundle import bundle
from hotdesk.desks.e2b.desk import E2BDesk
from hotdesk.desks.e2b.frames import Received, Sent
from hotdesk.desks.e2b.owners import Owner
from hotdesk.desks.e2b.provider import _network
from hotdesk.desks.e2b.stream import password_of
from hotdesk.errors import BadInput, DeskGone, DeskRefused, DeskUnavailable
from hotdesk.settings import DeskSettings, environment, read
from tests.equipment.e2b_server import E2BProcess, e2b_process

WAIT = 20.0
OPTIONS = DeskOptions(internet="none")


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def running() -> Iterator[E2BProcess]:
    with e2b_process() as server:
        yield server


@pytest.fixture
def server(running: E2BProcess) -> Iterator[E2BProcess]:
    running.forget_requests()
    yield running
    running.clear_faults()


def account(server: E2BProcess, **changes: str) -> Account:
    environment = {"key": "E2B_API_KEY", "api_url": "E2B_API_URL", "sandbox_url": "E2B_SANDBOX_URL"}
    return Account(**{name: server.environment[variable] for name, variable in environment.items()} | changes)


@pytest.fixture
def desks(server: E2BProcess, tmp_path: Path) -> E2BDesks:
    return E2BDesks(account(server), run_dir=tmp_path)


class Kept:
    """A desk takes two seconds to open; tests that leave it as it is have the same."""

    def __init__(self, server: E2BProcess) -> None:
        self._desks = E2BDesks(account(server))
        self._stack = AsyncExitStack()
        self._desk: E2BDesk | None = None

    async def desk(self) -> E2BDesk:
        if self._desk is None:
            opened = await self._stack.enter_async_context(self._desks.open("kept", OPTIONS))
            assert isinstance(opened, E2BDesk)
            self._desk = opened
            await opened.settle(WAIT)
        return self._desk

    async def close(self) -> None:
        await self._stack.aclose()


@pytest.fixture(scope="module")
async def kept(running: E2BProcess) -> AsyncIterator[Kept]:
    keeping = Kept(running)
    yield keeping
    await keeping.close()


@pytest.fixture
async def desk(kept: Kept, server: E2BProcess) -> E2BDesk:
    found = await kept.desk()
    server.forget_requests()
    return found


def asked(server: E2BProcess) -> list[str]:
    return [str(request["name"]) for request in server.requests]


@asynccontextmanager
async def recording(desk: Desk, name: str) -> AsyncIterator[None]:
    """A terminal that writes what is typed into a file."""
    await desk.launch(f"xterm -title {name} -e sh -c 'cat > {name}'")
    await desk.settle(WAIT)
    yield
    await desk.act([Press(key="ctrl+d"), Press(key="ctrl+d")])


async def written(desk: Desk, path: str, wanted: str) -> str:
    text = ""
    with anyio.move_on_after(WAIT):
        while (text := (await desk.read_file(path)).decode()) != wanted:  # noqa: ASYNC110 (it happens elsewhere)
            await anyio.sleep(0.05)
    return text


# What a call costs


async def test_every_call_is_one_remote_call(desk: E2BDesk, server: E2BProcess) -> None:
    actions = [Move(x=10, y=500), LeftClick(x=0, y=0), LeftClick(x=0, y=0), Press(key="Escape"), Write(text="é漢")]
    calls = {
        "act": lambda: desk.act(actions),
        "settle": desk.settle,
        "cursor": desk.cursor,
        "screenshot": desk.screenshot,
        "run": lambda: desk.run("true"),
        "write_file": lambda: desk.write_file("a/b.txt", b"1"),
        "read_file": lambda: desk.read_file("a/b.txt"),
        "list_files": lambda: desk.list_files("a"),
        "launch": lambda: desk.launch("true"),
    }
    for name, call in calls.items():
        server.forget_requests()
        await call()  # type: ignore[no-untyped-call]
        assert asked(server) == ["Process/SendInput"], name


async def test_the_screen_comes_along_when_it_has_settled(desk: E2BDesk, server: E2BProcess) -> None:
    await desk.settle()
    server.forget_requests()
    seen = (await desk.screenshot()).data
    assert asked(server) == []
    await anyio.sleep(0.06)
    assert (await desk.screenshot()).data == seen
    assert asked(server) == ["Process/SendInput"]


async def test_a_click_in_the_corner_goes_there_and_two_on_one_spot_take_no_time(desk: E2BDesk) -> None:
    await desk.act([Move(x=300, y=300)])
    began = time.monotonic()
    await desk.act([LeftClick(x=0, y=0)])
    await desk.act([LeftClick(x=0, y=0)])
    assert time.monotonic() - began < 2
    assert await desk.cursor() == Point(0, 0)


async def test_the_event_loop_goes_on_meanwhile(desks: E2BDesks) -> None:
    longest = 0.0

    async def tick() -> None:
        nonlocal longest
        while True:
            began = time.monotonic()
            await anyio.sleep(0.005)
            longest = max(longest, time.monotonic() - began)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(tick)
        async with desks.open("busy", OPTIONS) as desk:
            for _ in range(3):
                await desk.screenshot()
                await desk.act([Move(x=9, y=9)])
        tasks.cancel_scope.cancel()
    assert longest < 0.4


async def test_a_large_file_goes_both_ways(desk: E2BDesk) -> None:
    data = os.urandom(3 << 20)
    await desk.write_file("large.bin", data)
    assert await desk.read_file("large.bin") == data
    with pytest.raises(DeskRefused, match="more than"):
        await desk.read_file("large.bin", max_bytes=1 << 20)
    with pytest.raises(DeskRefused):
        await desk.write_file("large.bin/below", data)
    assert "upload" not in (await desk.run("ls /tmp/.hotdesk")).stdout


# What goes wrong on the way


@pytest.mark.parametrize(("kind", "on"), [(502, "Process/SendInput"), (429, "Process/SendInput"), ("reset", "Process/SendInput")])
async def test_what_passes_is_tried_again_and_done_once(desk: E2BDesk, server: E2BProcess, kind: int | str, on: str) -> None:
    name = f"typed-{kind}"
    async with recording(desk, name):
        server.add_fault(kind, on, message="passing trouble")
        await desk.act([Write(text="once\n")])
    assert await written(desk, name, "once\n") == "once\n"


async def test_an_act_whose_answer_was_lost_is_done_once(desk: E2BDesk, server: E2BProcess) -> None:
    async with recording(desk, "typed-cut"):
        server.add_fault("cut", "Process/SendInput", pieces=0)
        await desk.act([Write(text="once\n")])
    assert await written(desk, "typed-cut", "once\n") == "once\n"


async def test_a_call_that_hangs_is_made_again(desk: E2BDesk, server: E2BProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "SEND_BOUND", 0.5)
    server.add_fault("hang", "Process/SendInput")
    with anyio.fail_after(WAIT):
        assert (await desk.run("echo there")).stdout == "there\n"


@pytest.mark.parametrize("kind", ["cut", "end"])
async def test_a_stream_that_is_cut_is_opened_again_and_nothing_is_missed(desks: E2BDesks, server: E2BProcess, kind: str) -> None:
    server.add_fault(kind, "Process/Start", pieces=3)
    async with desks.open("cut", OPTIONS) as desk:
        with anyio.fail_after(WAIT):
            for number in range(5):
                assert (await desk.run(f"sleep 0.05; echo {number}")).stdout == f"{number}\n"
            await desk.screenshot()
        server.add_fault(kind, "Process/Connect", pieces=1)
    assert "Process/Connect" in asked(server)


async def test_an_attendant_that_was_killed_is_replaced_and_the_screen_stays(desks: E2BDesks) -> None:
    async with desks.open("attended", OPTIONS) as desk:
        await desk.launch("xterm")
        await desk.settle(WAIT)
        with pytest.raises(DeskRefused, match="look at the screen"), anyio.fail_after(WAIT):
            await desk.run("pkill -9 -f attendant-; sleep 5")
        with anyio.fail_after(WAIT):
            await desk.act([Move(x=700, y=600)])
            assert await desk.cursor() == Point(700, 600)
            assert (await desk.run("pgrep -c xterm; pgrep -fc '[a]ttendant-'")).stdout.splitlines()[0] == "1"
            await desk.screenshot()


@pytest.mark.parametrize("how", ["kill", "expire"])
async def test_a_desk_whose_sandbox_ends_is_gone_for_everything_under_way(desks: E2BDesks, server: E2BProcess, how: str) -> None:
    async with desks.open("ending", OPTIONS) as desk, anyio.create_task_group() as tasks:
        assert isinstance(desk, E2BDesk)

        async def under_way() -> None:
            with pytest.raises(DeskGone), anyio.fail_after(WAIT):
                await desk.run("sleep 60")

        tasks.start_soon(under_way)
        await anyio.sleep(0.2)
        if how == "kill":
            server.kill_sandbox(desk.sandbox_id)
        else:
            server.add_fault("expire", "Process/SendInput")
            with pytest.raises(DeskGone):
                await desk.cursor()
        with pytest.raises(DeskGone):
            await desk.act([Wait(seconds=0)])


async def test_a_cancelled_act_holds_nothing_up(desk: E2BDesk) -> None:
    with anyio.move_on_after(0.2):
        await desk.act([Move(x=400, y=400), Wait(seconds=30), Move(x=1, y=1)])
    with anyio.fail_after(2):
        assert await desk.cursor() == Point(400, 400)


async def test_a_closed_desk_has_no_sandbox_even_if_ending_it_fails_at_first(desks: E2BDesks, server: E2BProcess) -> None:
    async with desks.open("closing", OPTIONS):
        server.add_fault(500, "kill")
    assert await desks.list() == [] or await desks.list() == ["kept"]


# What does not open


async def opening(desks: E2BDesks) -> str:
    with pytest.raises(DeskUnavailable) as caught, anyio.fail_after(WAIT):
        async with desks.open("never", OPTIONS):
            pass
    return str(caught.value)


async def test_a_wrong_key_says_where_to_find_the_right_one(server: E2BProcess) -> None:
    sentence = await opening(E2BDesks(account(server, key="e2b_wrong")))
    assert "E2B_API_KEY" in sentence
    assert "https://e2b.dev" in sentence
    assert "E2B_API_KEY" in await opening(E2BDesks(Account("")))


async def test_quota_and_room_and_template_are_told_apart(desks: E2BDesks, server: E2BProcess) -> None:
    full = "you have reached the maximum number of concurrent E2B sandboxes (20)"
    server.add_fault(429, "create", times=9, message=full, retry_after=0)
    assert full in await opening(desks)
    server.clear_faults()
    server.add_fault(503, "create", times=9, retry_after=0)
    assert "no room" in await opening(desks)
    server.clear_faults()
    missing = await opening(E2BDesks(account(server), template="no-such"))
    assert "no-such" in missing
    assert "HOTDESK_E2B_TEMPLATE" in missing


async def test_an_unreachable_service_is_unavailable() -> None:
    nowhere = "http://127.0.0.1:9"
    assert "cannot be reached" in await opening(E2BDesks(Account("key", nowhere, nowhere)))


async def test_a_sandbox_whose_making_was_not_answered_is_found(
    desks: E2BDesks, server: E2BProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "CREATE_BOUND", 0.3)
    server.add_fault("slow", "create", seconds=0.5)
    async with desks.open("unseen", OPTIONS) as desk:
        assert (await desk.run("echo found")).stdout == "found\n"
    assert "unseen" not in await desks.list()


async def test_an_error_of_who_is_told_of_the_machine_ends_it(desks: E2BDesks, server: E2BProcess) -> None:
    told = []

    async def created(machine: str) -> None:
        told.append(machine)
        assert server.sandboxes[machine]["running"]
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        async with desks.open("told", OPTIONS, created):
            pass
    assert not server.sandboxes[told[0]]["running"]


async def test_findings_say_what_is_there(desks: E2BDesks, server: E2BProcess) -> None:
    assert [(finding.what, finding.ok) for finding in await desks.check()] == [("e2b-desktop", True), ("E2B key", True)]
    assert [finding.ok for finding in await E2BDesks(account(server, key="e2b_wrong")).check()] == [True, False]
    assert [finding.ok for finding in await E2BDesks(Account("")).check()] == [True, False]


# Time to live, owners


async def test_an_open_desk_is_kept_alive_whatever_fails_meanwhile(
    server: E2BProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "RENEW_PAUSE", 0.1)
    server.add_fault(500, "timeout", times=2)
    async with E2BDesks(account(server), timeout=4, run_dir=tmp_path).open("lively", OPTIONS) as desk:
        await anyio.sleep(5.5)
        assert (await desk.run("echo alive")).stdout == "alive\n"
    assert asked(server).count("timeout") >= 3


OWNER = """
    import os, sys
    from pathlib import Path
    import anyio
    from hotdesk.desks.base import DeskOptions
    from hotdesk.desks.e2b import Account, E2BDesks

    async def main():
        account = Account(os.environ["E2B_API_KEY"], os.environ["E2B_API_URL"], os.environ["E2B_SANDBOX_URL"])
        async with E2BDesks(account, run_dir=Path(sys.argv[1])).open("left", DeskOptions(internet="none")) as desk:
            await desk.write_file("mine.txt", b"kept")
            await desk.launch("xterm")
            await desk.settle(10)
            print(desk.sandbox_id, flush=True)
            await anyio.sleep_forever()

    anyio.run(main)
"""


@asynccontextmanager
async def left_behind(server: E2BProcess, run_dir: Path) -> AsyncIterator[tuple[str, subprocess.Popen[str]]]:
    """The sandbox of another process's desk «left», and that process."""
    command = [sys.executable, "-c", textwrap.dedent(OWNER), str(run_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **server.environment}) as process:
        try:
            assert process.stdout is not None
            yield (await anyio.to_thread.run_sync(process.stdout.readline)).strip(), process
        finally:
            process.kill()


async def test_a_desk_of_a_dead_owner_is_taken_over_and_one_of_a_living_one_is_not(
    desks: E2BDesks, server: E2BProcess, tmp_path: Path
) -> None:
    async with left_behind(server, tmp_path) as (sandbox_id, owner):
        with pytest.raises(DeskUnavailable, match="already"):
            async with desks.open("left", OPTIONS):
                pass
        assert await desks.sweep() == []
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        other = await AsyncSandbox.connect(sandbox_id, **account(server).parameters())
        await other.commands.run("rm /tmp/.hotdesk/*.pyz")  # as if another version of ours had opened it
        async with desks.open("left", OPTIONS) as desk:
            assert isinstance(desk, E2BDesk)
            assert desk.sandbox_id == sandbox_id
            assert await desk.read_file("mine.txt") == b"kept"
            assert (await desk.run("pgrep -c xterm; pgrep -c xfwm4; pgrep -c x11vnc")).stdout.split() == ["1", "1", "1"]
            assert await desks.sweep() == []  # it is ours now
            async with desks.view("left") as stream:
                assert (await stream.receive(12)) == b"RFB 003.008\n"
        assert not server.sandboxes[sandbox_id]["running"]


async def test_sweep_ends_what_dead_owners_left_here_and_nothing_else(desks: E2BDesks, server: E2BProcess, tmp_path: Path) -> None:
    gone = Owner.us()._replace(pid=2**22 - 1, started=1)
    for name, owner in {"dead": gone, "before": gone._replace(boot="another"), "elsewhere": gone._replace(host="elsewhere")}.items():
        await AsyncSandbox.create("desktop", metadata={"hotdesk_desk": name, "hotdesk_owner": owner.text()}, **account(server).parameters())
    with pytest.raises(DeskUnavailable, match="on elsewhere"):
        async with desks.open("elsewhere", OPTIONS):
            pass
    assert await desks.sweep() == ["before", "dead"]
    assert await desks.destroy("elsewhere")
    assert not await desks.destroy("elsewhere")


# Watching


async def handshake(stream: ScreenStream, version: bytes = b"RFB 003.008\n") -> tuple[bytes, bytes]:
    """As a viewer: the kinds of security it was offered, and the first that came after it was let in."""
    taken = bytearray()

    async def take(count: int) -> bytes:
        while len(taken) < count:
            taken.extend(await stream.receive())
        head = bytes(taken[:count])
        del taken[:count]
        return head

    with anyio.fail_after(WAIT):
        assert await take(12) == b"RFB 003.008\n"
        await stream.send(version)
        kinds = await take((await take(1))[0])
        await stream.send(b"\x01")
        assert await take(4) == bytes(4)
        await stream.send(b"\x01")
        return kinds, await take(24)


async def test_a_viewer_needs_no_password_and_learns_none_and_nobody_else_gets_in(
    desk: E2BDesk, desks: E2BDesks, server: E2BProcess
) -> None:
    async with desks.view("kept") as stream:
        kinds, start = await handshake(stream)
        assert kinds == b"\x01"
        assert (int.from_bytes(start[:2], "big"), int.from_bytes(start[2:4], "big")) == desk.size
    headers = {"E2b-Sandbox-Id": desk.sandbox_id, "E2b-Sandbox-Port": "6080"}
    address = server.url.replace("http", "ws") + "/websockify"
    async with connect(address, additional_headers=headers, subprotocols=["binary"]) as raw:  # type: ignore[list-item]
        assert await raw.recv() == b"RFB 003.008\n"
        await raw.send(b"RFB 003.008\n")
        offered = await raw.recv()
        assert isinstance(offered, bytes)
        assert 1 not in offered[1:]
        await raw.send(b"\x02")
        challenge = await raw.recv()
        assert isinstance(challenge, bytes)
        await raw.send(des.answer("guessed!", challenge))
        assert (await raw.recv())[:4] != bytes(4)
    other = E2BDesks(account(server))
    async with other.view("kept") as again:  # any process with the key
        assert (await handshake(again))[0] == b"\x01"


async def test_a_screen_whose_server_died_can_be_watched_again(desk: E2BDesk, desks: E2BDesks) -> None:
    for program in ("x11vnc", "websockify"):
        await desk.run(f"pkill -9 {'-x' if program == 'x11vnc' else '-f'} {program}")
        async with desks.view("kept") as stream:
            await handshake(stream)


async def test_an_old_viewer_is_let_in_too(desk: E2BDesk, desks: E2BDesks) -> None:
    async with desks.view(desk.id) as stream:
        assert await stream.receive(12) == b"RFB 003.008\n"
        await stream.send(b"RFB 003.003\n\x01")
        with anyio.fail_after(WAIT):
            got = b""
            while len(got) < 28:
                got += await stream.receive()
        assert got[:4] == b"\0\0\0\x01"
        assert int.from_bytes(got[4:6], "big") == desk.size.width


async def test_text_is_pasted_right_while_somebody_watches(desk: E2BDesk, desks: E2BDesks) -> None:
    """A viewer's server asks for whatever the clipboard gets: that is not the paste having been fetched."""
    text = "漢字 Ελληνικά 👩‍🚀 " * 3
    async with desks.view(desk.id) as stream:
        await handshake(stream)
        await desk.write_file("watched.txt", b"")
        await desk.open("watched.txt")
        await desk.settle(WAIT)
        await desk.act([Write(text=text), Press(key="ctrl+s")])
        assert (await written(desk, "watched.txt", text)).rstrip("\n") == text


def test_the_password_is_the_keys_and_the_desks_own() -> None:
    passwords = {password_of(Account(key), desk) for key in ("a", "b") for desk in ("one", "two")}
    assert len(passwords) == 4
    assert all(len(password) == 8 and password.isascii() for password in passwords)


def test_des_is_des() -> None:
    assert des.encrypt(bytes.fromhex("133457799BBCDFF1"), bytes.fromhex("0123456789ABCDEF")) == bytes.fromhex("85E813540F0AB405")
    assert des.encrypt(bytes(8), bytes(8)) == bytes.fromhex("8CA64DE9C1B123A7")


# The parts


def test_frames_add_up_to_what_was_sent_whatever_is_lost() -> None:
    chance = random.Random(3)  # noqa: S311
    width, height = 16, 40
    sent, received = Sent(width, height), Received(width, height)
    pixels = bytearray(width * height * 4)
    for _ in range(300):
        for _ in range(chance.randrange(4)):
            pixels[chance.randrange(len(pixels))] = chance.randrange(256)
        difference = sent.difference(bytes(pixels), received.number)
        if chance.random() < 0.8:
            received.apply(difference)
            assert received.pixels == pixels


def test_a_frame_that_does_not_fit_is_refused() -> None:
    sent, received = Sent(4, 4), Received(4, 4)
    difference = sent.difference(bytes(64), 0)
    for wrong in (
        difference._replace(bands=[(2, 4)]),
        difference._replace(bands=[(-2, 4)]),
        difference._replace(bands=[(0, 3)]),
        difference._replace(packed=b""),
    ):
        with pytest.raises(ValueError, match="a frame has"):
            received.apply(wrong)


def test_what_goes_into_the_sandbox_is_the_same_each_time_and_runs_on_its_python() -> None:
    assert bundle() == bundle.__wrapped__()
    with zipfile.ZipFile(io.BytesIO(bundle().content)) as archive:
        names = archive.namelist()
        for name in names:
            if name.startswith("hotdesk/"):
                ast.parse(archive.read(name), name, feature_version=(3, 10))
    assert {"__main__.py", "anyio/__init__.py", "exceptiongroup/__init__.py", "hotdesk/desks/x11/hands.py"} <= set(names)
    assert not any("pydantic" in name for name in names)
    assert len(bundle().content) < 400_000


OLD = next((path for path in map(shutil.which, ("python3.10",)) if path and not subprocess.call([path, "-c", ""])), None)


@pytest.mark.skipif(OLD is None, reason="there is no Python 3.10")
def test_the_attendant_is_at_home_on_an_older_python(tmp_path: Path) -> None:
    (tmp_path / "attendant.pyz").write_bytes(bundle().content)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'attendant.pyz')!r}); import hotdesk.desks.e2b.attendant as a; print(a.__name__)"
    )
    said = subprocess.run([str(OLD), "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert (said.stdout, said.stderr) == ("hotdesk.desks.e2b.attendant\n", "")


def test_what_a_sandbox_can_reach_is_said_in_e2bs_words() -> None:
    assert _network(DeskOptions()) == {"allow_internet_access": True}
    assert _network(DeskOptions(internet="none")) == {"allow_internet_access": False}
    network = _network(DeskOptions(internet="allow", allow=("example.org",)))["network"]
    assert network == {"allow_out": ["example.org", "*.example.org"], "deny_out": ["0.0.0.0/0"]}
    assert _network(DeskOptions(internet="allow")) == {"allow_internet_access": False}


def test_a_key_chooses_e2b_and_workers_are_told_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (read(DeskSettings).desks, read(DeskSettings).why) == ("local", "because there is no E2B_API_KEY")
    monkeypatch.setenv("E2B_API_KEY", "e2b_secret")
    monkeypatch.setenv("E2B_API_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("HOTDESK_E2B_METADATA", "team=blue, cost = 7")
    settings = read(DeskSettings)
    assert (settings.desks, settings.why) == ("e2b", "because E2B_API_KEY is set")
    assert settings.e2b_metadata == {"team": "blue", "cost": "7"}
    assert "e2b_secret" not in repr(settings)
    assert choose_desks(settings).name == "e2b"
    assert desk_choices(settings) == ("e2b", "local")
    assert set(all_desks(read(DeskSettings, desks="pretend"))) == {"pretend", "local", "e2b"}
    told = environment(settings)
    assert told["E2B_API_KEY"] == "e2b_secret"
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert read(DeskSettings).model_dump() == settings.model_dump()
    assert read(DeskSettings, desks="local").why == ""


@pytest.mark.parametrize("value", ["no pair", "{broken", "hotdesk_desk=mine", "=x"])
def test_metadata_that_cannot_be_is_refused(value: str) -> None:
    with pytest.raises(BadInput, match="E2B_METADATA"):
        read(DeskSettings, e2b_metadata=value)
