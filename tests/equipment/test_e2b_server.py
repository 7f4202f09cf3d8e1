"""The equipment itself, against E2B's own SDK: what it promises is true, so a test that leans on it tells about Hotdesk."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from websockets.sync.client import connect

from tests.equipment.e2b_server import E2BProcess, e2b_process, e2b_server

e2b_desktop = pytest.importorskip("e2b_desktop")
e2b = pytest.importorskip("e2b")

BOUND = 10.0
"""Seconds for anything that is waited for."""


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + BOUND
    while not true():
        assert time.monotonic() < end, "It did not come true."
        time.sleep(0.02)


def of(server: Any) -> dict[str, str]:
    """The SDK's own options for asking this server."""
    names = {"E2B_API_KEY": "api_key", "E2B_API_URL": "api_url", "E2B_SANDBOX_URL": "sandbox_url"}
    return {names[name]: value for name, value in server.environment.items()}


def gone(pid: int) -> bool:
    """Ended: perhaps not buried yet, if its parent died before it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.fixture(scope="module")
def server() -> Iterator[E2BProcess]:
    with e2b_process(most=6) as serving:
        yield serving


@pytest.fixture(scope="module")
def desktop(server: E2BProcess) -> Iterator[Any]:
    sandbox = e2b_desktop.Sandbox.create(resolution=(1280, 800), **of(server))
    yield sandbox
    sandbox.kill()


@pytest.fixture
def sandbox(server: E2BProcess) -> Iterator[Any]:
    server.clear_faults()
    with plain(server) as made:
        yield made


@contextmanager
def plain(server: Any, **options: Any) -> Generator[Any]:
    made = e2b.Sandbox.create(template="base", **options, **of(server))
    try:
        yield made
    finally:
        made.kill()


# The desktop --------------------------------------------------------------------------------------------------------------------------


def test_a_screenshot_shows_the_whole_screen(desktop: Any) -> None:
    image = Image.open(io.BytesIO(desktop.screenshot()))
    assert image.size == (1280, 800)
    assert len(image.convert("RGB").getcolors(1 << 20) or ()) > 50, "XFCE has drawn its panel and background"


def test_a_click_and_what_is_typed_arrive(desktop: Any) -> None:
    desktop.commands.run("xterm -geometry 80x24+200+200 -e 'cat > /tmp/typed'", background=True).disconnect()
    until(lambda: bool(desktop.commands.run("xdotool search --onlyvisible --class xterm || true").stdout))
    desktop.left_click(320, 330)
    assert desktop.get_cursor_position() == (320, 330)
    desktop.write("hello there", chunk_size=100, delay_in_ms=2)
    desktop.press("enter")
    desktop.press(["ctrl", "d"])
    until(lambda: desktop.files.read("/tmp/typed") == "hello there\n")


def test_the_live_view_is_reached_through_the_server(desktop: Any, server: E2BProcess) -> None:
    desktop.stream.start(require_auth=True)
    assert desktop.stream.get_url(auth_key=desktop.stream.get_auth_key()).startswith(f"https://6080-{desktop.sandbox_id}.")
    address = {"E2b-Sandbox-Id": desktop.sandbox_id, "E2b-Sandbox-Port": "6080"}
    until(lambda: httpx.get(f"{server.url}/vnc.html", headers=address).status_code == 200)
    with connect(f"{server.url.replace('http', 'ws')}/websockify", additional_headers=address, subprotocols=["binary"]) as viewer:  # type: ignore[list-item]
        assert viewer.recv(BOUND) == b"RFB 003.008\n"
        viewer.send(b"RFB 003.008\n")
        assert viewer.recv(BOUND) == b"\x01\x02", "one way to prove oneself: the VNC password"
    page = httpx.get(f"{server.url}/vnc.html", headers={"host": f"6080-{desktop.sandbox_id}.e2b.test"})
    assert "noVNC" in page.text
    desktop.stream.stop()


def test_a_port_where_nothing_listens_is_told_as_e2b_tells_it(desktop: Any, server: E2BProcess) -> None:
    answer = httpx.get(server.url, headers={"E2b-Sandbox-Id": desktop.sandbox_id, "E2b-Sandbox-Port": "4321"})
    assert answer.status_code == 502
    told = {"message": "The sandbox is running but port is not open", "port": 4321, "code": 502}
    assert answer.json() == {"sandboxId": desktop.sandbox_id, **told}


# Commands and files -------------------------------------------------------------------------------------------------------------------


def test_a_command_has_its_output_its_status_and_its_surroundings(sandbox: Any) -> None:
    done = sandbox.commands.run("echo $WHO in $PWD as $(id -un); echo no >&2", envs={"WHO": "me"}, cwd="/tmp")
    assert (done.stdout, done.stderr) == ("me in /tmp as user\n", "no\n")
    with pytest.raises(e2b.CommandExitException) as failed:
        sandbox.commands.run("exit 3")
    assert failed.value.exit_code == 3


def test_a_command_is_given_input(sandbox: Any) -> None:
    reading = sandbox.commands.run("cat; echo end", background=True, stdin=True)
    reading.send_stdin("one\n")
    sandbox.commands.stream_input(reading.pid, ["two\n"])
    reading.close_stdin()
    assert reading.wait().stdout == "one\ntwo\nend\n"


def test_a_command_outlives_who_started_it_and_can_be_found_and_killed(sandbox: Any) -> None:
    handle = sandbox.commands.run("sleep 60", background=True)
    handle.disconnect()
    assert [process.pid for process in sandbox.commands.list()] == [handle.pid]
    again = sandbox.commands.connect(handle.pid)
    assert sandbox.commands.kill(handle.pid)
    with pytest.raises(e2b.CommandExitException, match="code -1") as ended:
        again.wait()
    assert ended.value.error == "signal: killed"
    assert not sandbox.commands.kill(handle.pid)


def test_a_command_that_takes_too_long_is_killed(sandbox: Any) -> None:
    with pytest.raises(e2b.TimeoutException):
        sandbox.commands.run("sleep 61", timeout=0.3)
    until(lambda: "sleep 61" not in sandbox.commands.run("ps axo args").stdout.replace("ps axo args", ""))


def test_much_output_arrives_whole(sandbox: Any) -> None:
    assert len(sandbox.commands.run("head -c 8000000 /dev/zero | tr '\\0' x").stdout) == 8_000_000


def test_files_are_written_read_listed_moved_and_removed(sandbox: Any) -> None:
    files = sandbox.files
    data = os.urandom(300_000)
    assert files.write("new/folder/data", data).path == "/home/user/new/folder/data"
    assert files.read("/home/user/new/folder/data", format="bytes") == data
    files.write_files([{"path": "a", "data": "1"}, {"path": "/tmp/b", "data": "2"}])
    files.write("streamed", io.BytesIO(b"stream"), gzip=True)
    assert (files.read("a"), files.read("/tmp/b"), files.read("streamed")) == ("1", "2", "stream")
    assert [entry.name for entry in files.list("/home/user")] == ["a", "new", "streamed"]
    assert files.get_info("a").size == 1
    assert (files.make_dir("c"), files.make_dir("c")) == (True, False)
    assert files.rename("a", "c/d").path == "/home/user/c/d"
    assert (files.exists("a"), files.exists("c/d")) == (False, True)
    files.remove("c")
    with pytest.raises(e2b.NotFoundException):
        files.read("c/d")
    with pytest.raises(e2b.SandboxException):
        files.watch_dir("/tmp")


def test_the_asynchronous_sdk_does_the_same(server: E2BProcess) -> None:
    async def work() -> None:
        sandbox = await e2b.AsyncSandbox.create(template="base", **of(server))
        await sandbox.files.write("x", "y")
        assert (await sandbox.commands.run("cat x")).stdout == "y"
        assert await sandbox.kill()

    asyncio.run(work())


# Life and death -----------------------------------------------------------------------------------------------------------------------


def test_a_sandbox_ends_when_its_time_is_over_unless_it_gets_more(server: E2BProcess) -> None:
    with plain(server, timeout=1) as short, plain(server, timeout=1) as prolonged:
        prolonged.set_timeout(60)
        until(lambda: not server.sandboxes[short.sandbox_id]["running"])
        assert server.sandboxes[short.sandbox_id]["ended"] == "expired"
        until(lambda: gone(server.sandboxes[short.sandbox_id]["pid"]))
        assert (short.is_running(), prolonged.is_running()) == (False, True)
        with pytest.raises(e2b.SandboxNotRunningException):
            short.commands.run("true")
        with pytest.raises(e2b.SandboxNotFoundException):
            short.set_timeout(60)
        assert not short.kill()
        again = e2b.Sandbox.connect(prolonged.sandbox_id, **of(server))
        assert again.commands.run("echo there").stdout == "there\n"


def test_sandboxes_are_listed_by_metadata_and_in_pages(server: E2BProcess) -> None:
    with plain(server, metadata={"who": "a & b"}) as one, plain(server, metadata={"who": "a & b", "n": "2"}) as two:
        pages = e2b.Sandbox.list(query=e2b.SandboxQuery(metadata={"who": "a & b"}), limit=1, **of(server))
        found = []
        while pages.has_next:
            found += [about.sandbox_id for about in pages.next_items()]
        assert sorted(found) == sorted([one.sandbox_id, two.sandbox_id])
        only = e2b.Sandbox.list(query=e2b.SandboxQuery(metadata={"n": "2"}), **of(server)).next_items()
        assert [about.sandbox_id for about in only] == [two.sandbox_id]


def test_a_wrong_key_and_one_sandbox_too_many_are_refused() -> None:
    with e2b_process(most=1) as server, plain(server):
        with pytest.raises(e2b.RateLimitException, match="maximum number of concurrent"):
            e2b.Sandbox.create(template="base", retries=0, **of(server))
        with pytest.raises(e2b.AuthenticationException):
            e2b.Sandbox.create(template="base", **{**of(server), "api_key": "wrong"})


def test_a_sandbox_killed_in_the_middle_of_a_command_is_told_as_not_running(server: E2BProcess, sandbox: Any) -> None:
    running = sandbox.commands.run("sleep 60", background=True)
    threading.Timer(0.1, server.kill_sandbox, [sandbox.sandbox_id]).start()
    with pytest.raises(e2b.SandboxNotRunningException):
        running.wait()


async def test_leaving_ends_every_process() -> None:
    async with e2b_server() as server:
        made = await asyncio.gather(*(e2b.AsyncSandbox.create(template="base", **of(server)) for _ in range(3)))
        await made[0].commands.run("setsid sleep 7777 & disown; sleep 0.1; true", background=True)
        pids = [sandbox.pid for sandbox in server.sandboxes.values()]
        assert len(pids) == 3
        assert not any(map(gone, pids))
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert not any(b"sleep\x007777" in command for command in map(_command, Path("/proc").glob("[0-9]*/cmdline")))


def test_nothing_outlives_a_server_that_is_killed() -> None:
    with e2b_process() as server:
        e2b.Sandbox.create(template="base", **of(server))
        (about,) = server.sandboxes.values()
        os.kill(server.pid, signal.SIGKILL)
        until(lambda: gone(about["pid"]))


def _command(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


# Trouble ------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("vanish", "SandboxNotRunningException"),
        ("expire", "SandboxNotRunningException"),
        ("404", "NotFoundException"),
        ("429", "RateLimitException"),
        ("500", "SandboxException"),
        ("502", "SandboxUnreachableException"),
    ],
)
def test_trouble_is_what_the_sdk_takes_it_for(server: E2BProcess, sandbox: Any, kind: str, error: str) -> None:
    server.add_fault(kind, on="Process/Start", command="echo now", after=1)
    assert sandbox.commands.run("echo now").stdout == "now\n"
    with pytest.raises(getattr(e2b, error)) as raised:
        sandbox.commands.run("echo now")
    assert type(raised.value).__name__ == error


@pytest.mark.parametrize("kind", ["reset", "cut", "end"])
def test_a_broken_connection_is_an_error_and_the_next_one_works(server: E2BProcess, sandbox: Any, kind: str) -> None:
    server.add_fault(kind, on="Process/Start")
    with pytest.raises(Exception, match=r".") as raised:  # the SDK lets several kinds out
        sandbox.commands.run("sleep 0.1; echo late")
    assert "late" not in str(raised.value)
    assert sandbox.commands.run("echo next").stdout == "next\n"


def test_an_answer_that_never_comes_is_bounded_by_the_client(server: E2BProcess, sandbox: Any) -> None:
    server.add_fault("hang", on="Filesystem/Stat")
    started = time.monotonic()
    with pytest.raises(e2b.TimeoutException):
        sandbox.files.exists("/tmp", request_timeout=0.3)
    assert time.monotonic() - started < 2
    assert sandbox.files.exists("/tmp")


def test_a_refused_connection_and_a_slow_network(server: E2BProcess, sandbox: Any) -> None:
    server.refuse(0.5)
    until(lambda: _refused(server))
    until(lambda: not _refused(server))
    server.set_latency(0.2)
    started = time.monotonic()
    sandbox.commands.run("true")
    server.set_latency(0)
    assert 0.2 < time.monotonic() - started < 2


def _refused(server: E2BProcess) -> bool:
    try:
        httpx.get(f"{server.url}/_/sandboxes")
    except httpx.ConnectError:
        return True
    return False


def test_an_overloaded_control_plane_is_asked_again_after_the_time_it_names(server: E2BProcess, sandbox: Any) -> None:
    server.forget_requests()
    server.add_fault(429, on="timeout", retry_after=1)
    sandbox.set_timeout(60)
    first, second = (request["at"] for request in server.requests if request["name"] == "timeout")
    assert 1 <= second - first < 3
