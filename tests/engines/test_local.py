"""Worker processes: forked or started anew, warm or not; each given to one agent, none left behind."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import pytest

from hotdesk import events as ev
from hotdesk.desks.pretend import PretendDesks
from hotdesk.engines.local import LocalEngine
from hotdesk.errors import EngineError
from hotdesk.logs.base import Log
from hotdesk.logs.sqlite import SqliteLogs
from tests.hotdesk_process import descendants, environment, short_folder, state

WAIT = 30.0


class Place:
    """A data folder with sessions that wait for workers, and desks."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.folder = folder
        self.desks = PretendDesks(folder / "r")
        self._logs = SqliteLogs(folder / "data")
        self._stack = stack
        self.cleared: list[str] = []

    async def clear(self, desk: str) -> None:
        self.cleared.append(desk)
        await self.desks.destroy(desk)

    def engine(self, warm: int = 0, forks: bool = True, **more: str) -> LocalEngine:
        surroundings = environment(self.folder / "data", self.folder / "r", "pretend", HOTDESK_BRAIN="nobody", **more)
        return LocalEngine(surroundings, warm, "pretend", self.clear, forks)

    async def session(self, name: str, desks: str = "pretend") -> Log:
        log = await self._stack.enter_async_context(await self._logs.create(name))
        await log.append(ev.SessionCreated(prompt="p", agents=1, planner="one", brain="nobody", desks=desks, rehearsal=True))
        await log.append(ev.SessionPlanned(says="", tasks=0), ev.AgentHired(agent="a1", name="Ada", engine="local"))
        return log


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    with short_folder() as folder:
        async with AsyncExitStack() as stack:
            yield Place(folder, stack)
        assert await PretendDesks(folder / "r").list() == []
    assert not [pid for pid in descendants(os.getpid()) if "hotdesk.worker" in _command(pid)]


def _command(pid: int) -> str:
    try:
        return "" if state(pid) == "Z" else Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


async def eventually(holds: Callable[[], object]) -> None:
    with anyio.fail_after(WAIT):
        while not holds():  # noqa: ASYNC110 (it happens in another process)
            await anyio.sleep(0.01)


async def ready(log: Log) -> ev.AgentReady:
    with anyio.fail_after(WAIT):
        async with log.follow() as events:
            async for event in events:
                if isinstance(event, ev.AgentReady):
                    return event
    raise AssertionError


def nursery() -> int:
    (pid,) = (pid for pid in descendants(os.getpid()) if "hotdesk.worker.nursery" in _command(pid))
    return pid


@pytest.mark.parametrize("forks", [True, False], ids=["forked", "anew"])
async def test_a_worker_is_a_process_of_its_own_that_ends_when_its_agent_is_dismissed(place: Place, forks: bool) -> None:
    log = await place.session("s1")
    async with place.engine(forks=forks) as engine, engine.place(log, "a1") as worker:
        said = await ready(log)
        assert said.pid != os.getpid()
        assert worker.desk is None
        assert said.desk == "s1-a1"
        assert f"{log.folder} a1" in _command(said.pid)
        await log.append(ev.AgentDismissed(agent="a1", reason="No work."))
        with anyio.fail_after(WAIT):
            assert await worker.ended() == "exit code 0."
    assert (log.folder / "agents" / "a1.txt").read_text() == ""


@pytest.mark.parametrize("forks", [True, False], ids=["forked", "anew"])
async def test_how_a_worker_ended_is_told(place: Place, forks: bool) -> None:
    async with place.engine(forks=forks) as engine:
        log = await place.session("s1")
        async with engine.place(log, "a1") as worker:
            os.kill((await ready(log)).pid, signal.SIGKILL)
            with anyio.fail_after(WAIT):
                assert await worker.ended() == "killed by SIGKILL."
        unfinished = await place.session("s2", desks="nonsense")
        async with engine.place(unfinished, "a1") as worker:
            with anyio.fail_after(WAIT):
                assert await worker.ended() == "exit code 1."
        assert "HOTDESK_DESKS" in (unfinished.folder / "agents" / "a1.txt").read_text()
    await place.desks.destroy("s1-a1")


async def test_warm_workers_are_given_out_once_and_replaced(place: Place) -> None:
    async with place.engine(warm=2) as engine:
        await eventually(lambda: engine.warm == 2)
        waiting = set(await place.desks.list())
        assert len(waiting) == 2
        logs = [await place.session(f"s{number}") for number in range(3)]
        async with AsyncExitStack() as placed:
            workers = [await placed.enter_async_context(engine.place(log, "a1")) for log in logs]
            answers = [await ready(log) for log in logs]
            assert {answer.desk for answer in answers[:2]} == waiting == {worker.desk for worker in workers[:2]}
            assert answers[2].desk == "s2-a1"  # there were only two
            assert len({answer.pid for answer in answers}) == 3
            await eventually(lambda: engine.warm == 2)
            assert not waiting & (set(await place.desks.list()) - {answer.desk for answer in answers})
    assert await place.desks.list() == []


async def test_warm_workers_are_kept_for_sessions_at_their_desks(place: Place) -> None:
    log = await place.session("s1", desks="nonsense")
    async with place.engine(warm=1) as engine:
        await eventually(lambda: engine.warm == 1)
        async with engine.place(log, "a1") as worker:
            assert worker.desk is None
        assert engine.warm == 1


@pytest.mark.parametrize("forks", [True, False], ids=["forked", "anew"])
async def test_a_warm_worker_that_dies_is_replaced_and_its_desk_cleared(place: Place, forks: bool) -> None:
    async with place.engine(warm=1, forks=forks) as engine:
        await eventually(lambda: engine.warm == 1)
        (desk,) = await place.desks.list()
        (victim,) = (pid for pid in descendants(os.getpid()) if "not yet assigned" in _command(pid))
        os.kill(victim, signal.SIGKILL)
        await eventually(lambda: place.cleared == [desk])
        await eventually(lambda: engine.warm == 1)
        assert desk not in await place.desks.list()


async def test_the_loss_of_the_nursery_costs_no_worker_and_the_next_has_a_new_one(place: Place) -> None:
    first, second = await place.session("s1"), await place.session("s2")
    async with place.engine() as engine, engine.place(first, "a1") as worker:
        await ready(first)
        lost = nursery()
        os.kill(lost, signal.SIGKILL)
        async with engine.place(second, "a1") as other:
            await ready(second)
            assert nursery() != lost
            await first.append(ev.AgentDismissed(agent="a1", reason="No work."))
            with anyio.fail_after(WAIT):
                assert await worker.ended() == "nobody saw how."
            await second.append(ev.AgentDismissed(agent="a1", reason="No work."))
            with anyio.fail_after(WAIT):
                assert await other.ended() == "exit code 0."


async def test_desks_that_cannot_be_opened_ahead_are_tried_again_and_cost_no_session(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    (place.folder / "r").write_text("in the way of the desks' folder")
    async with place.engine(warm=1) as engine:
        await eventually(lambda: "could not open its desk" in caplog.text)
        assert engine.warm == 0
        (place.folder / "r").unlink()
        await eventually(lambda: engine.warm == 1)


async def test_no_room_for_a_session_is_a_sentence(place: Place) -> None:
    log = await place.session("s1")
    (log.folder / "agents").write_text("in the way")
    async with place.engine() as engine:
        with pytest.raises(EngineError, match="folder cannot be written"):
            async with engine.place(log, "a1"):
                pass
