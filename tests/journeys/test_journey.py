"""From a prompt to a summary over HTTP and Socket.IO: a real server, real worker processes, pretend desks and local ones."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
import socketio

from hotdesk.events import EVENT_TYPES, event_from_object
from hotdesk.whiteboard import fold_all
from tests.hotdesk_process import Served, descendants, environment, gone, served, short_folder, wait_until

GOAL = "Write a research paper about the rise of Dedalus Labs"
WAIT = 120.0


@pytest.fixture(params=[("pretend", "0"), ("local", "2")], ids=["pretend", "local, some warm"])
def hotdesk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    desks, warm = request.param
    with served(tmp_path / "data", desks, HOTDESK_WARM=warm) as running:
        yield running


@pytest.fixture
def pretending(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path / "data", "pretend") as running:
        yield running


class Viewer:
    """A Socket.IO client that keeps what it is told, in order."""

    def __init__(self) -> None:
        self.client = socketio.AsyncClient(reconnection=False)
        self.events: list[dict[str, Any]] = []
        self.changed = anyio.Event()
        for name in EVENT_TYPES:
            self.client.on(name, self._keep)

    async def _keep(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        self.changed.set()
        self.changed = anyio.Event()

    async def join(self, address: str, session: str, after: int = 0) -> int:
        await self.client.connect(address)
        answer = await self.client.call("session:join", {"session": session, "after": after})
        self.events = [*answer["events"], *self.events]
        last: int = answer["last"]
        return last

    async def until(self, name: str) -> dict[str, Any]:
        with anyio.fail_after(WAIT):
            while True:
                for event in self.events:
                    if event["type"] == name:
                        return event
                await self.changed.wait()


async def test_a_prompt_becomes_files_and_a_summary_and_everybody_sees_the_same(hotdesk: Served) -> None:
    with hotdesk.http as http:
        began = http.post("/api/sessions", json={"prompt": GOAL, "agents": 3})
        assert began.status_code == 201
        session = began.json()["id"]
        early, late = Viewer(), Viewer()
        await early.join(hotdesk.address, session)
        await early.until("task:completed")
        await late.join(hotdesk.address, session)
        end = await early.until("session:complete")
        await late.until("session:complete")
        assert end["outcome"] == "completed", end
        assert early.events == late.events
        assert [event["seq"] for event in early.events] == list(range(1, len(early.events) + 1))
        stored = http.get(f"/api/sessions/{session}/events", params={"after": 0}).json()
        assert stored["events"] == early.events
        assert stored["last"] == len(early.events)
        board = fold_all(event_from_object(event) for event in early.events)
        assert http.get(f"/api/sessions/{session}").json() == board.model_dump(mode="json")
        assert all(agent.machine for agent in board.agents.values())
        order = [event["type"] for event in early.events if event.get("agent") == "a1"]
        assert order.index("agent:hired") < order.index("desk:created") < order.index("agent:ready")
        pids = {agent.pid for agent in board.agents.values()}
        assert len(pids) == 3
        assert hotdesk.process.pid not in pids

        assert len(board.artifacts) >= 4
        for artifact in board.artifacts.values():
            got = http.get(f"/api/sessions/{session}/artifacts/{artifact.id}")
            assert got.status_code == 200
            assert len(got.content) == artifact.bytes > 0
            assert artifact.name in got.headers["content-disposition"]
        packed = zipfile.ZipFile(io.BytesIO(http.get(f"/api/sessions/{session}/artifacts.zip").content))
        assert len(packed.namelist()) == len(board.artifacts)
        paper = next(a for a in board.artifacts.values() if a.task == "t4")
        assert "What it rests on" in http.get(f"/api/sessions/{session}/artifacts/{paper.id}").text
        frame = next(event["frame"] for event in early.events if event.get("frame"))
        assert http.get(f"/api/sessions/{session}/frames/{frame}").headers["content-type"].startswith("image/")

        card = http.get("/api/sessions").json()["sessions"][0]
        assert (card["id"], card["status"], card["outcome"], card["tasks"]["completed"]) == (session, "complete", "completed", 4)
        await early.client.disconnect()
        await late.client.disconnect()
    below = descendants(hotdesk.process.pid)
    assert hotdesk.stop() == 0
    wait_until(lambda: gone(below))
    assert not list(hotdesk.run_dir.glob("*")), "a desk was left"


async def test_a_worker_that_is_killed_is_lost_its_desk_goes_with_it_and_another_does_its_task(hotdesk: Served) -> None:
    hotdesk.stop()
    with (
        served(
            hotdesk.data, "pretend" if "pretend" in str(hotdesk.process.args) else _desks_of(hotdesk), HOTDESK_REHEARSAL_PACE="1"
        ) as slow,
        slow.http as http,
    ):
        session = http.post("/api/sessions", json={"prompt": "Write a poem about tea", "agents": 2}).json()["id"]
        viewer = Viewer()
        await viewer.join(slow.address, session)
        await viewer.until("agent:thinking")
        victim = next(e for e in viewer.events if e["type"] == "agent:ready")
        desk = descendants(victim["pid"])
        os.kill(victim["pid"], signal.SIGKILL)
        lost = await viewer.until("agent:lost")
        assert lost["agent"] == victim["agent"]
        assert "SIGKILL" in lost["reason"]
        wait_until(lambda: gone(desk))
        assert http.post(f"/api/sessions/{session}/stop").status_code == 202
        end = await viewer.until("session:complete")
        board = fold_all(event_from_object(event) for event in viewer.events)
        held = [task for task in board.tasks.values() if victim["agent"] in task.tried_by]
        assert held and end["outcome"] == "stopped"
        await viewer.client.disconnect()


def _desks_of(hotdesk: Served) -> str:
    return "local" if any("Sandboxed" in line for line in hotdesk.output) else "pretend"


async def test_a_server_killed_without_warning_leaves_no_worker_and_no_desk_and_the_next_start_says_so(hotdesk: Served) -> None:
    desks = _desks_of(hotdesk)
    hotdesk.stop()
    with served(hotdesk.data, desks, HOTDESK_REHEARSAL_PACE="1") as slow, slow.http as http:
        session = http.post("/api/sessions", json={"prompt": GOAL, "agents": 3}).json()["id"]
        viewer = Viewer()
        await viewer.join(slow.address, session)
        await viewer.until("agent:thinking")
        below = descendants(slow.process.pid)
        assert len(below) >= 3
        slow.process.kill()
        slow.process.wait()
        await viewer.client.disconnect()
        wait_until(lambda: gone(below), 60)
        with served(hotdesk.data, desks) as again, again.http as next_http:
            card = next_http.get("/api/sessions").json()["sessions"][0]
            assert (card["id"], card["status"], card["outcome"]) == (session, "complete", "interrupted")


async def test_stopping_the_server_ends_a_session_under_way_in_order(pretending: Served) -> None:
    pretending.stop()
    with served(pretending.data, "pretend", HOTDESK_REHEARSAL_PACE="2") as slow, slow.http as http:
        session = http.post("/api/sessions", json={"prompt": GOAL, "agents": 2}).json()["id"]
        viewer = Viewer()
        await viewer.join(slow.address, session)
        await viewer.until("agent:thinking")
        below = descendants(slow.process.pid)
        await viewer.client.disconnect()
        assert slow.stop() == 0
        wait_until(lambda: gone(below))
    with served(pretending.data, "pretend") as again, again.http as http:
        board = http.get(f"/api/sessions/{session}").json()
        assert board["outcome"] == "interrupted"
        assert {agent["status"] for agent in board["agents"].values()} == {"terminated"}


async def test_stopping_a_session_over_http_ends_its_agents(pretending: Served) -> None:
    with pretending.http as http:
        session = http.post("/api/sessions", json={"prompt": GOAL, "agents": 2}).json()["id"]
        viewer = Viewer()
        await viewer.join(pretending.address, session)
        assert http.post(f"/api/sessions/{session}/stop").status_code == 202
        end = await viewer.until("session:complete")
        assert end["outcome"] in ("stopped", "completed")
        assert http.post(f"/api/sessions/{session}/stop").status_code == 409
        await viewer.client.disconnect()


async def test_another_mcp_client_can_list_and_call_an_agents_tools_at_its_own_address(pretending: Served) -> None:
    from mcp import Client

    pretending.stop()
    with served(pretending.data, "pretend", HOTDESK_REHEARSAL_PACE="3") as slow, slow.http as http:
        session = http.post("/api/sessions", json={"prompt": "Write a poem about tea", "agents": 1}).json()["id"]
        viewer = Viewer()
        await viewer.join(slow.address, session)
        await viewer.until("agent:thinking")
        async with Client(f"{slow.address}/api/sessions/{session}/agents/a1/mcp") as client:
            tools = {tool.name for tool in (await client.list_tools()).tools}
            assert {"screenshot", "act", "left_click", "write", "press", "launch", "open", "run", "read_file"} <= tools
            shot = await client.call_tool("screenshot", {})
            assert [block.type for block in shot.content] == ["text", "image"]
            ran = await client.call_tool("run", {"command": "echo from outside"})
            assert "from outside" in ran.content[0].text
        board = http.get(f"/api/sessions/{session}/events").json()["events"]
        assert [e["says"] for e in board if e.get("by") == "client"] == ["Looking at the screen", "Running echo from outside"]
        await viewer.client.disconnect()


@pytest.mark.parametrize("prompt", ["", "   ", "x" * 20_001])
async def test_a_prompt_that_cannot_be_taken_is_a_problem_with_a_sentence(pretending: Served, prompt: str) -> None:
    with pretending.http as http:
        answer = http.post("/api/sessions", json={"prompt": prompt, "agents": 2})
        assert answer.status_code == 422
        assert answer.headers["content-type"].startswith("application/problem+json")
        assert answer.json()["detail"].startswith("The prompt")


async def test_a_session_can_have_other_desks_than_the_settings_say_and_only_such_as_there_are(pretending: Served) -> None:
    with pretending.http as http:
        refused = http.post("/api/sessions", json={"prompt": "Write a haiku", "desks": "moon"})
        assert refused.status_code == 422
        assert "pretend or local" in refused.json()["detail"]
        assert [choice["name"] for choice in http.get("/api/about").json()["desk_choices"]] == ["pretend", "local"]
        session = http.post("/api/sessions", json={"prompt": "Write a haiku", "agents": 1, "desks": "local"}).json()["id"]
        viewer = Viewer()
        await viewer.join(pretending.address, session)
        ready = await viewer.until("agent:ready")
        assert ready["provider"] == "local"
        assert (await viewer.until("session:complete"))["outcome"] == "completed"
        await viewer.client.disconnect()
    assert not (pretending.run_dir / ready["desk"]).exists()


@pytest.mark.parametrize("desks", ["pretend", "local"])
def test_desks_are_listed_and_those_without_an_owner_are_pruned(tmp_path: Path, desks: str) -> None:
    with served(tmp_path / "data", desks, HOTDESK_REHEARSAL_PACE="10") as slow, slow.http as http:

        def asked(*words: str) -> dict[str, list[dict[str, str]]]:
            command = [sys.executable, "-m", "hotdesk", "desks", *words, "--json"]
            ran = subprocess.run(command, env=environment(slow.data, slow.run_dir, desks), capture_output=True, text=True, check=False)
            assert ran.returncode == 0, ran.stderr
            found: dict[str, list[dict[str, str]]] = json.loads(ran.stdout)
            return found

        session = http.post("/api/sessions", json={"prompt": GOAL, "agents": 1}).json()["id"]
        wait_until(lambda: http.get(f"/api/sessions/{session}").json()["agents"].get("a1", {}).get("pid"))
        agent = http.get(f"/api/sessions/{session}").json()["agents"]["a1"]
        there = [{"provider": desks, "desk": agent["desk"]}]
        assert asked("list") == {"desks": there}
        assert asked("prune") == {"ended": []}
        assert asked("list") == {"desks": there}
        os.kill(slow.process.pid, signal.SIGSTOP)  # or it would end the desk itself
        try:
            os.kill(agent["pid"], signal.SIGKILL)
            wait_until(lambda: asked("prune") == {"ended": there})
            assert asked("list") == {"desks": []}
        finally:
            os.kill(slow.process.pid, signal.SIGCONT)


async def test_a_hostile_prompt_is_data_all_the_way(pretending: Served) -> None:
    prompt = "Write <script>alert(1)</script> '; rm -rf / #\n$(touch /tmp/owned) `id` \\ {{7*7}} %s"
    with pretending.http as http:
        session = http.post("/api/sessions", json={"prompt": prompt, "agents": 2}).json()["id"]
        viewer = Viewer()
        await viewer.join(pretending.address, session)
        end = await viewer.until("session:complete")
        assert end["outcome"] == "completed", end["summary"]["text"]
        assert viewer.events[0]["prompt"] == prompt
        assert not await anyio.Path("/tmp/owned").exists()
        await viewer.client.disconnect()


@pytest.mark.parametrize("desks", ["pretend", "local"])
def test_hotdesk_run_prints_one_object_and_leaves_nothing_running(tmp_path: Path, desks: str) -> None:
    with short_folder() as short:
        command = [sys.executable, "-m", "hotdesk", "run", GOAL, "--agents", "3", "--json", "--out", str(tmp_path / "out")]
        ran = subprocess.run(
            command,
            env=environment(tmp_path / "data", short / "r", desks),
            cwd=short,
            capture_output=True,
            text=True,
            timeout=WAIT,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        result = json.loads(ran.stdout)
        assert result["outcome"] == "completed"
        assert [task["status"] for task in result["tasks"]] == ["completed"] * 4
        assert len({agent["pid"] for agent in result["agents"]}) == 3
        for artifact in result["artifacts"]:
            assert Path(artifact["path"]).stat().st_size == artifact["bytes"]
        assert len(list((tmp_path / "out").iterdir())) == len(result["artifacts"])
        assert gone([agent["pid"] for agent in result["agents"]])
        assert not list((short / "r").glob("*"))


def test_hotdesk_run_exits_with_2_for_what_cannot_be_asked(tmp_path: Path) -> None:
    with short_folder() as short:
        for arguments in ([""], ["fine", "--agents", "99"], ["fine", "--desks", "moon"]):
            ran = subprocess.run(
                [sys.executable, "-m", "hotdesk", "run", *arguments],
                env=environment(tmp_path / "data", short / "r", "pretend"),
                cwd=short,
                capture_output=True,
                text=True,
                timeout=WAIT,
                check=False,
            )
            assert ran.returncode == 2
            assert ran.stderr.startswith("hotdesk: ")
            assert "Traceback" not in ran.stderr


def test_a_port_in_use_is_said_in_a_sentence(tmp_path: Path, pretending: Served) -> None:
    port = pretending.address.rsplit(":", 1)[1]
    ran = subprocess.run(
        [sys.executable, "-m", "hotdesk", "serve", "--port", port],
        env=environment(tmp_path / "other", pretending.run_dir, "pretend"),
        capture_output=True,
        text=True,
        timeout=WAIT,
        check=False,
    )
    assert ran.returncode == 3
    assert "in use" in ran.stderr
    assert "--port" in ran.stderr
