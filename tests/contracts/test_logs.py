"""The contract of the event log, over every implementation."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from hotdesk.errors import LogError, NotFound, SessionBusy
from hotdesk.events import AgentReasoning, AgentSteered, Event
from hotdesk.logs.base import Logs
from hotdesk.logs.memory import MemoryLogs
from hotdesk.logs.sqlite import SqliteLogs

WAIT = 20.0


def said(text: str) -> Event:
    return AgentSteered(agent="a1", text=text)


@pytest.fixture(params=["memory", "sqlite"])
def logs(request: pytest.FixtureRequest, tmp_path: Path) -> Logs:
    makers: dict[str, Callable[[Path], Logs]] = {"memory": MemoryLogs, "sqlite": SqliteLogs}
    return makers[request.param](tmp_path)


async def test_an_append_fills_in_seq_time_and_session(logs: Logs) -> None:
    async with await logs.create("s1") as log:
        first, second = await log.append(said("a"), said("b"))
        (third,) = await log.append(said("c"))
        assert [first.seq, second.seq, third.seq] == [1, 2, 3]
        assert first.session == "s1"
        assert first.at > 1_700_000_000
        assert await log.last() == 3


async def test_what_was_appended_is_read_back_the_same(logs: Logs) -> None:
    async with await logs.create("s1") as log:
        stored = await log.append(*(said(f"naïve 漢字 😀 \0 {n}") for n in range(3)))
        assert await log.read() == stored
        assert await log.read(after=1) == stored[1:]
        assert await log.read(after=1, limit=1) == stored[1:2]
        assert await log.read(after=99) == []


async def test_a_second_opening_sees_the_same_log(logs: Logs) -> None:
    async with await logs.create("s1") as one, await logs.open("s1") as two:
        await one.append(said("a"))
        await two.append(said("b"))
        assert [event.seq for event in await one.read()] == [1, 2]
        assert await one.read() == await two.read()


async def test_a_session_that_is_not_there_is_not_found(logs: Logs) -> None:
    for name in ("nothing", "../nothing", "", "."):
        with pytest.raises(NotFound):
            await logs.open(name)


async def test_a_session_cannot_be_created_twice(logs: Logs) -> None:
    await (await logs.create("s1")).aclose()
    with pytest.raises(LogError):
        await logs.create("s1")


async def test_sessions_are_listed_newest_first(logs: Logs) -> None:
    assert await logs.sessions() == []
    for name in ("20260101-a", "20260103-a", "20260102-a"):
        await (await logs.create(name)).aclose()
    assert await logs.sessions() == ["20260103-a", "20260102-a", "20260101-a"]


async def test_a_follower_gets_what_is_there_and_then_what_comes(logs: Logs) -> None:
    async with await logs.create("s1") as log, await logs.open("s1") as other:
        await log.append(said("1"), said("2"))
        seen: list[int] = []
        with anyio.fail_after(WAIT):
            async with other.follow(after=1) as events:
                async for event in events:
                    seen.append(event.seq)
                    if event.seq == 2:
                        await log.append(said("3"))
                        await log.append(said("4"))
                    if event.seq == 4:
                        break
        assert seen == [2, 3, 4]


async def test_many_followers_and_writers_agree_on_one_order(logs: Logs) -> None:
    writers, each = 4, 50
    async with await logs.create("s1") as log:
        orders: list[list[str]] = []

        async def follow() -> None:
            order: list[str] = []
            async with await logs.open("s1") as mine, mine.follow() as events:
                async for event in events:
                    assert isinstance(event, AgentSteered)
                    order.append(event.text)
                    if len(order) == writers * each:
                        break
            orders.append(order)

        async def write(name: int) -> None:
            async with await logs.open("s1") as mine:
                for n in range(each):
                    await mine.append(said(f"{name}.{n}"))

        with anyio.fail_after(WAIT):
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(follow)
                for name in range(writers):
                    tasks.start_soon(write, name)
        assert orders[0] == orders[1] == orders[2]
        assert [event.seq for event in await log.read()] == list(range(1, writers * each + 1))


async def test_only_one_conducts(logs: Logs) -> None:
    async with await logs.create("s1") as one, await logs.open("s1") as two:
        with one.conduct(), pytest.raises(SessionBusy), two.conduct():
            pass
        with two.conduct():
            pass


async def test_a_batch_stands_together(logs: Logs) -> None:
    async with await logs.create("s1") as log:

        async def write(name: str) -> None:
            async with await logs.open("s1") as mine:
                for _ in range(20):
                    await mine.append(*(said(name) for _ in range(5)))

        async with anyio.create_task_group() as tasks:
            for name in "ab":
                tasks.start_soon(write, name)
        texts = [event.text for event in await log.read() if isinstance(event, AgentSteered)]
        assert all(len(set(texts[start : start + 5])) == 1 for start in range(0, 200, 5))


# Several processes: only a log on disk can promise this ------------------------------------------------------------------------------

WRITER = textwrap.dedent(
    """
    import sys, anyio
    from pathlib import Path
    from hotdesk.events import AgentReasoning
    from hotdesk.logs.sqlite import SqliteLogs

    async def main(data, name, count):
        async with await SqliteLogs(Path(data)).open("s1") as log:
            for n in range(int(count)):
                await log.append(*(AgentReasoning(agent=name, step=n, text="x" * 200) for _ in range(3)))
                print(n, flush=True)

    anyio.run(main, *sys.argv[1:])
    """
)


def writer(data: Path, name: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", WRITER, str(data), name, str(count)], stdout=subprocess.PIPE, text=True)


async def test_processes_appending_at_once_leave_no_gap_and_lose_nothing(tmp_path: Path) -> None:
    processes, each = 4, 60
    async with await SqliteLogs(tmp_path).create("s1") as log:
        started = [writer(tmp_path, f"w{n}", each) for n in range(processes)]
        seen: list[int] = []
        with anyio.fail_after(WAIT * 2):
            async with log.follow() as events:
                async for event in events:
                    seen.append(event.seq)
                    if len(seen) == processes * each * 3:
                        break
        for process in started:
            process.communicate()
            assert process.returncode == 0
        assert seen == list(range(1, processes * each * 3 + 1))
        stored = [event for event in await log.read() if isinstance(event, AgentReasoning)]
        for n in range(processes):
            mine = [event.step for event in stored if event.agent == f"w{n}"]
            assert mine == [step for step in range(each) for _ in range(3)]


async def test_a_writer_killed_in_the_middle_loses_nothing_acknowledged_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    async with await SqliteLogs(tmp_path).create("s1") as log:
        for turn in range(5):
            process = writer(tmp_path, f"w{turn}", 100_000)
            assert process.stdout is not None
            acknowledged = -1
            for _ in range(20 + 7 * turn):
                acknowledged = int(process.stdout.readline())
            os.kill(process.pid, signal.SIGKILL)
            rest, _ = process.communicate()
            acknowledged = max([acknowledged, *(int(line) for line in rest.split())])
            stored = [e for e in await log.read() if isinstance(e, AgentReasoning) and e.agent == f"w{turn}"]
            steps = [event.step for event in stored]
            assert steps[: 3 * (acknowledged + 1)] == [step for step in range(acknowledged + 1) for _ in range(3)]
            assert len(steps) % 3 == 0
            await log.append(said("the log goes on"))
        everything = await log.read()
        assert [event.seq for event in everything] == list(range(1, len(everything) + 1))


async def test_a_follower_without_inotify_still_hears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(**_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("hotdesk.logs.sqlite.INotify", none_left)
    async with await SqliteLogs(tmp_path).create("s1") as log:
        with anyio.fail_after(WAIT):
            async with log.follow() as events, anyio.create_task_group() as tasks:
                tasks.start_soon(log.append, said("heard"))
                async for event in events:
                    assert event.seq == 1
                    break


async def test_a_log_that_cannot_be_written_says_so_and_keeps_what_it_has(tmp_path: Path) -> None:
    async with await SqliteLogs(tmp_path).create("s1") as log:
        await log.append(said("kept"))
        log._writer.execute("PRAGMA query_only=ON")  # type: ignore[attr-defined]
        with pytest.raises(LogError, match="Nothing could be written"):
            await log.append(said("lost"))
        assert len(await log.read()) == 1
