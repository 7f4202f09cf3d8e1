"""Further MCP servers: a worker at a pretend desk with real servers, as programs and over HTTP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from hotdesk import events as ev
from hotdesk.blobs import Blobs
from hotdesk.brains.base import Decision, Entry, Note, Result
from hotdesk.settings import HttpServer, McpServer, StdioServer
from hotdesk.tools import further as further_module

from ..equipment import mcp_server
from .test_loop import DONE, Scripted, Stage, calls, stage

PROGRAM = str(Path(mcp_server.__file__))


def program(*args: str, **env: str) -> StdioServer:
    return StdioServer(command=sys.executable, args=(PROGRAM, *args), env=env)


@contextmanager
def listening(port: int = 0) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with subprocess.Popen([sys.executable, PROGRAM, "http", str(port)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def address(url: str, token: str = mcp_server.TOKEN) -> HttpServer:
    return HttpServer(url=url, headers={"Authorization": f"Bearer {token}"})


@asynccontextmanager
async def ended(tmp_path: Path, brain: Scripted, further: dict[str, McpServer]) -> AsyncGenerator[Stage]:
    """A stage on which the one task is over, one way or the other."""
    async with stage(tmp_path, brain, further=further) as s:
        await s.assign()
        await s.until(lambda b: b.tasks["t1"].status == "completed" or b.tasks["t1"].reason)
        yield s


def results(brain: Scripted) -> list[Result]:
    return [entry for entry in brain.shown[-1] if isinstance(entry, Result)]


def is_secret_in(secret: str, s: Stage) -> bool:
    return any(secret in event.model_dump_json() for event in s.events)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with listening() as (_, found):
        yield found


@pytest.fixture(params=["program", "address"])
def server(request: pytest.FixtureRequest, url: str) -> McpServer:
    return program() if request.param == "program" else address(url)


async def test_a_further_tool_is_offered_called_and_logged_like_any_tool(tmp_path: Path, server: McpServer) -> None:
    brain = Scripted(
        calls(
            ("shop__echo", {"text": "naïve 漢字", "x": 3}),
            ("shop__pictures", {}),
            ("shop__refuse", {"text": "that"}),
            ("shop__refuse", {}),
            ("screenshot", {}),
            (f"shop__with_a_name_that-no-vendor-takes-{'x' * 40}"[:64], {}),
        ),
        DONE,
    )
    async with ended(tmp_path, brain, {"shop": server}) as s:
        names = [tool.name for tool in brain.tools]
        assert {"shop__echo", "shop__slow", "screenshot", "zoom"} <= set(names)
        assert len(names) == len(set(names))
        assert all(len(name) <= 64 and name.replace("_", "").replace("-", "").isalnum() for name in names)
        assert next(tool for tool in brain.tools if tool.name == "shop__echo").description == "Say it back."
        said, two, refused, wrong, screen, long = results(brain)
        assert (said.text, said.error, said.picture) == ("naïve 漢字", False, None)
        assert (two.text.splitlines()[0], two.error) == ("two", False)
        assert "left out" in two.text
        assert two.picture is not None
        assert (two.picture.media_type, two.picture.width, two.picture.height) == ("image/png", 30, 20)
        (note,) = (entry for entry in brain.shown[-1] if isinstance(entry, Note))
        assert note.picture is not None
        assert (note.picture.media_type, note.picture.width) == ("image/jpeg", 10)
        assert refused.error and "I do not like that." in refused.text
        assert wrong.error and not wrong.interrupted
        assert not screen.error
        assert (long.text, long.error) == ("called", False)
        first, _, third, *_ = s.of(ev.AgentThinking)
        assert (first.says, first.tool, first.error, first.by) == ("Calling shop: echo", "shop__echo", None, "brain")
        assert first.actions == ({"arguments": {"text": "naïve 漢字", "x": 3}},)
        assert first.settled is None
        assert first.timings.act > 0
        assert Blobs(s.log.folder / "frames").get(first.frame)
        assert third.error is not None and "I do not like that." in third.error


async def test_a_program_gets_nothing_of_ours_but_what_is_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "HOTDESK_TOKEN", "USER", "SHELL", "TERM", "LOGNAME"):
        monkeypatch.setenv(name, "not for others")
    monkeypatch.setenv("LANG", "C.UTF-8")
    brain = Scripted(calls(("a__environment", {})), DONE)
    async with ended(tmp_path, brain, {"a": program(SERVER_KEY="a key of its own")}) as s:
        (result,) = results(brain)
        given = json.loads(result.text)
        assert set(given) - {"LC_CTYPE"} == {"PATH", "HOME", "LANG", "SERVER_KEY", "(folder)"}
        assert (given["SERVER_KEY"], given["(folder)"]) == ("a key of its own", given["HOME"])
        assert not is_secret_in("a key of its own", s)


async def test_servers_that_cannot_be_had_are_said_and_left_out_and_the_agent_goes_on(
    tmp_path: Path, url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    servers: dict[str, McpServer] = {
        "good": program(),
        "nowhere": HttpServer(url="http://127.0.0.1:9/mcp?key=query-secret"),
        "closed": address(url, "wrong-header-secret"),
        "absent": StdioServer(command="no-such-program", env={"SERVER_KEY": "absent-secret"}),
        "broken": program("broken", SERVER_KEY="broken-secret"),
    }
    brain = Scripted(calls(("good__echo", {"text": "hello"}), ("broken__echo", {})), DONE)
    async with ended(tmp_path, brain, servers) as s:
        said = {e.says: e.error or "" for e in s.of(ev.AgentThinking) if e.says.startswith("Connecting")}
        assert set(said) == {f"Connecting to {name}" for name in ("nowhere", "closed", "absent", "broken")}
        assert "HTTP status 401" in said["Connecting to closed"]
        assert "there is no program no-such-program" in said["Connecting to absent"]
        assert "Cannot begin: the key … is wrong." in said["Connecting to broken"]
        assert {tool.name.partition("__")[0] for tool in brain.tools if "__" in tool.name} == {"good"}
        hello, unknown = results(brain)
        assert (hello.text, hello.error, unknown.error) == ("hello", False, True)
        assert not is_secret_in("-secret", s)
    assert not any("secret" in output for output in capfd.readouterr())


async def test_a_server_that_says_nothing_is_not_waited_for_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(further_module, "CONNECTING", 0.1)
    async with ended(tmp_path, Scripted(DONE), {"mute": StdioServer(command="wc")}) as s:
        (said,) = s.of(ev.AgentThinking)
        assert said.error == "The MCP server mute cannot be reached: it did not answer within 0.1 s."
        assert s.of(ev.TaskCompleted)


async def test_a_server_that_dies_makes_an_error_and_is_connected_to_again(tmp_path: Path) -> None:
    brain = Scripted(calls(("a__crash", {}), ("a__echo", {"text": "again"})), DONE)
    async with ended(tmp_path, brain, {"a": program()}) as s:
        died, again = results(brain)
        assert died.error and "The connection to the MCP server a was lost" in died.text
        assert (again.text, again.error) == ("again", False)
        assert s.of(ev.AgentThinking)[0].error == died.text


async def test_a_server_at_an_address_that_dies_is_tried_once_at_each_call(tmp_path: Path) -> None:
    with listening() as (_, url):
        port = int(url.split(":")[2].split("/")[0])

        async def when_it_is_back(_: Sequence[Entry]) -> Decision:
            again.enter_context(listening(port))
            return calls(("a__echo", {"text": "back"}))

        with ExitStack() as again:
            brain = Scripted(calls(("a__crash", {}), ("a__echo", {"text": "no"})), when_it_is_back, DONE)
            async with ended(tmp_path, brain, {"a": address(url)}):
                died, gone, back = results(brain)
                assert died.error and "was lost" in died.text
                assert gone.error and "cannot be reached" in gone.text
                assert (back.text, back.error) == ("back", False)


async def test_stopping_does_not_wait_for_a_slow_server_and_ends_it(tmp_path: Path, server: McpServer) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    async with stage(tmp_path, Scripted(calls(("a__slow", {"fifo": str(fifo)}))), further={"a": server}) as s:
        await s.assign()
        await anyio.to_thread.run_sync(fifo.read_bytes)
        await s.log.append(ev.SessionStopping(reason="A person stopped the session."))
        board = await s.until(lambda b: not b.agents["a1"].alive)
        assert board.tasks["t1"].reason == "A person stopped the session."
        assert not [child for child in children(PROGRAM) if isinstance(server, StdioServer) and "http" not in child]


async def test_a_call_that_takes_too_long_is_an_error(tmp_path: Path, server: McpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(further_module, "CALLING", 0.2)
    brain = Scripted(calls(("a__slow", {}), ("a__echo", {"text": "still there"})), DONE)
    async with ended(tmp_path, brain, {"a": server}):
        slow, echo = results(brain)
        assert slow.error and slow.text == "a did not answer within 0.2 s."
        assert echo.text == "still there"


async def test_what_was_decided_before_a_takeover_is_not_called_after_it(tmp_path: Path) -> None:
    deciding, go_on = anyio.Event(), anyio.Event()

    async def decide(_: Sequence[Entry]) -> Decision:
        deciding.set()
        await go_on.wait()
        return calls(("a__crash", {}))

    brain = Scripted(decide, calls(("a__echo", {"text": "alive"})), DONE)
    async with stage(tmp_path, brain, further={"a": program()}) as s:
        await s.assign()
        await deciding.wait()
        await s.log.append(ev.AgentTaken(agent="a1", by="tab"))
        go_on.set()
        await s.until(lambda b: b.agents["a1"].status == "taken")
        await s.log.append(ev.AgentReleased(agent="a1", by="tab"))
        await s.until(lambda b: b.tasks["t1"].status == "completed")
        crash, echo = results(brain)
        assert crash.interrupted and crash.error
        assert echo.text == "alive"


async def test_asking_again_and_again_is_progress_only_while_the_answers_differ(tmp_path: Path) -> None:
    counting = [calls(("a__count", {})) for _ in range(7)]
    echoing = [calls(("a__echo", {"text": "the same"})) for _ in range(7)]
    brain = Scripted(*counting, DONE, *echoing)
    async with stage(tmp_path, brain, tasks=2, further={"a": program()}) as s:
        await s.assign("t1")
        await s.until(lambda b: b.tasks["t1"].status == "completed")
        await s.assign("t2")
        board = await s.until(lambda b: b.tasks["t2"].reason)
        assert "nothing came of it" in board.tasks["t2"].reason


def children(word: str) -> list[str]:
    """Command lines with `word` in them of processes that this one started."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            stat, line = (path / "stat").read_text(), (path / "cmdline").read_bytes().decode()
        except OSError:
            continue
        if word in line and int(stat.rpartition(")")[2].split()[1]) == os.getpid():
            found.append(line)
    return found
