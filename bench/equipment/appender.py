"""An agent's process that appends to a session's log: `python -m bench.equipment.appender FOLDER AGENT COUNT PERIOD [todo]`.

It says «ready», waits for a line, and appends COUNT events, one every PERIOD seconds (0: as fast as it can); then it says when it began and
when it ended, by the clock that all processes of a machine share. Each event carries the moment at which its append was asked for.

With `todo` it does as peers do: reads a JSON file, adds to it, and writes it anew as a whole, under a lock.
With `spread` agents do not begin together, but one after another within the period.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from hotdesk import events as ev
from hotdesk.logs.sqlite import SqliteLog

__all__ = ["Appenders", "appenders"]

TODO = "todo.json"


def event(agent: str, step: int) -> ev.AgentReasoning:
    return ev.AgentReasoning(agent=agent, task="t1", step=step, text=f"{time.perf_counter():.7f} I look for the button to go on.")


async def _append(folder: Path, agent: str, count: int, period: float, spread: bool) -> None:
    async with SqliteLog(folder.name, folder) as log:
        began = _wait() + (period * int(agent[1:]) / 4 if spread else 0.0)
        for number in range(count):
            if period and (left := began + number * period - time.perf_counter()) > 0:
                await anyio.sleep(left)
            await log.append(event(agent, number))
        _say(began)


def _rewrite(folder: Path, agent: str, count: int) -> None:
    path, lock = folder / TODO, os.open(folder / "todo.lock", os.O_RDWR | os.O_CREAT, 0o600)
    began = _wait()
    for number in range(count):
        fcntl.flock(lock, fcntl.LOCK_EX)
        entries = json.loads(path.read_text()) if path.exists() else []
        entries.append(event(agent, number).model_dump(mode="json") | {"seq": len(entries) + 1, "at": time.time()})
        new = folder / f"{agent}.new"
        new.write_text(json.dumps(entries))
        new.replace(path)
        fcntl.flock(lock, fcntl.LOCK_UN)
    _say(began)


def _wait() -> float:
    print("ready", flush=True)
    sys.stdin.readline()
    return time.perf_counter()


def _say(began: float) -> None:
    print(json.dumps([began, time.perf_counter()]), flush=True)


class Appenders:
    def __init__(self, processes: list[Process]) -> None:
        self._processes = processes
        self._said = [BufferedByteReceiveStream(process.stdout) for process in processes if process.stdout]

    async def ready(self) -> None:
        for said in self._said:
            await said.receive_until(b"\n", 100)

    async def go(self) -> None:
        for process in self._processes:
            if process.stdin:
                await process.stdin.send(b"go\n")

    async def ended(self) -> float:
        """Seconds from the first one's beginning to the last one's end."""
        times = [json.loads(await said.receive_until(b"\n", 1000)) for said in self._said]
        return float(max(end for _, end in times) - min(begin for begin, _ in times))


@asynccontextmanager
async def appenders(folder: Path, number: int, count: int, period: float = 0.0, way: str = "log") -> AsyncIterator[Appenders]:
    """So many processes, ready to append, and ended with the block."""
    async with AsyncExitStack() as stack:
        processes = []
        for agent in range(1, number + 1):
            command = [sys.executable, "-m", "bench.equipment.appender", str(folder), f"a{agent}", str(count), str(period), way]
            process = await stack.enter_async_context(await anyio.open_process(command, stdin=subprocess.PIPE, stderr=None))
            stack.callback(_kill, process)
            processes.append(process)
        found = Appenders(processes)
        await found.ready()
        yield found


def _kill(process: Process) -> None:
    if process.returncode is None:
        process.kill()


if __name__ == "__main__":
    match sys.argv[5]:
        case "todo":
            _rewrite(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
        case way:
            anyio.run(_append, Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), way == "spread")
