"""From a prompt to a summary at E2B desks: a real server and real workers, and in E2B's place the local server that speaks its protocol."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.client import connect

from hotdesk.events import event_from_object
from hotdesk.whiteboard import fold_all
from tests.equipment.e2b_server import E2BProcess, e2b_process
from tests.hotdesk_process import descendants, environment, gone, served, short_folder, wait_until
from tests.journeys.test_journey import GOAL, WAIT, Viewer

pytestmark = pytest.mark.skipif(not all(map(shutil.which, ("bwrap", "Xvfb", "startxfce4", "x11vnc"))), reason="E2B's template is not here")


@pytest.fixture
def cloud() -> Iterator[E2BProcess]:
    """Room for two sandboxes."""
    with e2b_process(most=2) as server:
        yield server


def there(cloud: E2BProcess) -> list[str]:
    return [name for name, about in cloud.sandboxes.items() if about["running"]]


async def test_a_prompt_is_worked_on_at_e2b_by_as_many_agents_as_get_a_desk(cloud: E2BProcess, tmp_path: Path) -> None:
    with served(tmp_path / "data", "", **cloud.environment, HOTDESK_REHEARSAL_PACE="0.3") as hotdesk, hotdesk.http as http:
        about = http.get("/api/about").json()
        assert about["desks"]["name"] == "e2b"
        assert "E2B_API_KEY" in about["desks"]["why"]
        session = http.post("/api/sessions", json={"prompt": GOAL, "agents": 3}).json()["id"]
        viewer = Viewer()
        await viewer.join(hotdesk.address, session)
        created = await viewer.until("desk:created")
        assert created["machine"] in cloud.sandboxes, "the sandbox's own id is in the log"
        ready = await viewer.until("agent:ready")
        assert (ready["provider"], ready["width"], ready["height"]) == ("e2b", 1280, 800)
        assert _watched(hotdesk.address, session, ready["agent"]) == (1280, 800)
        end = await viewer.until("session:complete")
        assert end["outcome"] == "completed", end["summary"]["text"]
        board = fold_all(event_from_object(event) for event in viewer.events)
        assert len([agent for agent in board.agents.values() if agent.ready_at]) == 2
        for artifact in board.artifacts.values():
            assert len(http.get(f"/api/sessions/{session}/artifacts/{artifact.id}").content) == artifact.bytes
        assert len(board.artifacts) >= 4
        refused = [agent.reason for agent in board.agents.values() if agent.ready_at is None]
        assert refused and all("sandboxes" in reason for reason in refused)
        wait_until(lambda: not there(cloud))
        key = cloud.environment["E2B_API_KEY"]
        log = http.get(f"/api/sessions/{session}/events").text
        assert key not in log + str(about) + "".join(hotdesk.output)
        await viewer.client.disconnect()


def _watched(address: str, session: str, agent: str) -> tuple[int, int]:
    """Look at a desk as the browser does, which is asked for no password; the size of its screen."""
    where = f"{address.replace('http', 'ws')}/api/sessions/{session}/agents/{agent}/screen"
    with connect(where, max_size=None) as screen:
        said = b""

        def hear(length: int) -> bytes:
            nonlocal said
            while len(said) < length:
                said += bytes(screen.recv(timeout=20))  # type: ignore[arg-type]
            heard, said = said[:length], said[length:]
            return heard

        assert hear(12) == b"RFB 003.008\n"
        screen.send(b"RFB 003.008\n")
        assert hear(2) == b"\1\1", "no security but none is offered"
        screen.send(b"\1")
        assert hear(4) == bytes(4)
        screen.send(b"\1")
        size = hear(4)
        return int.from_bytes(size[:2], "big"), int.from_bytes(size[2:], "big")


async def test_what_a_crash_left_at_e2b_is_ended_by_the_next_start(cloud: E2BProcess, tmp_path: Path) -> None:
    with short_folder() as short:
        more = {**cloud.environment, "HOTDESK_REHEARSAL_PACE": "1"}
        with served(tmp_path / "data", "e2b", **more) as hotdesk, hotdesk.http as http:
            session = http.post("/api/sessions", json={"prompt": GOAL, "agents": 2}).json()["id"]
            viewer = Viewer()
            await viewer.join(hotdesk.address, session)
            await viewer.until("agent:thinking")
            below = descendants(hotdesk.process.pid)
            for pid in (hotdesk.process.pid, *below):
                os.kill(pid, signal.SIGKILL)
            hotdesk.process.wait()
            wait_until(lambda: gone(below))
        assert there(cloud)
        surroundings = environment(tmp_path / "data", short / "r", "e2b", **cloud.environment)
        listed = subprocess.run(
            [sys.executable, "-m", "hotdesk", "desks", "list"], env=surroundings, capture_output=True, text=True, timeout=WAIT, check=False
        )
        assert f"e2b      {session}-a1" in listed.stdout, listed.stderr
        with served(tmp_path / "data", "e2b", **more) as again, again.http as http:
            wait_until(lambda: not there(cloud))
            assert http.get(f"/api/sessions/{session}").json()["outcome"] == "interrupted"


def test_a_wrong_key_is_a_sentence_before_any_desk(cloud: E2BProcess, tmp_path: Path) -> None:
    wrong = {**cloud.environment, "E2B_API_KEY": "e2b_wrong"}
    with served(tmp_path / "data", "e2b", **wrong) as hotdesk, hotdesk.http as http:
        answer = http.post("/api/sessions", json={"prompt": GOAL})
        assert answer.status_code == 503, answer.text
        said = answer.json()["detail"]
        assert "E2B" in said and "key" in said
        assert "e2b_wrong" not in said + "".join(hotdesk.output)
        assert http.get("/api/sessions").json()["sessions"] == []
    assert cloud.sandboxes == {}
