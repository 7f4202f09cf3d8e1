"""Workers as processes of this machine.

A worker gets the session's folder and its agent's id, and nothing else on its command line. Its standard input is the lifeline: it stays
open as long as this process lives, and closes however this process ends, SIGKILL included; a worker that reads its end puts its work down
and exits. What it prints goes to `agents/AGENT.txt` in the session's folder.
"""

from __future__ import annotations

import os
import signal
import sys
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio

from hotdesk.engines.base import GRACE, Engine, Worker
from hotdesk.errors import EngineError
from hotdesk.logs.base import Log

LIFELINE = 3.0
"""Seconds between the end of the lifeline and SIGKILL."""

_PASSED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER", "LOGNAME", "XDG_RUNTIME_DIR", "SSL_CERT_FILE", "VIRTUAL_ENV")


class _Process(Worker):
    def __init__(self, process: Process) -> None:
        self._process = process

    async def ended(self) -> str:
        code = await self._process.wait()
        if code >= 0:
            return f"exit code {code}."
        with suppress(ValueError):
            return f"killed by {signal.Signals(-code).name}."
        return f"killed by signal {-code}."

    async def end(self, grace: float = GRACE) -> None:
        with anyio.CancelScope(shield=True):
            with anyio.move_on_after(grace):
                await self._process.wait()
            if self._process.returncode is None and self._process.stdin is not None:
                self._process.stdin.close()
                with anyio.move_on_after(LIFELINE):
                    await self._process.wait()
            if self._process.returncode is None:
                with suppress(ProcessLookupError):
                    self._process.kill()
                await self._process.wait()


class LocalEngine(Engine):
    name = "local"

    def __init__(self, environment: Mapping[str, str]) -> None:
        """`environment`: the settings and keys that workers get; of this process's own environment they get only the plain basics."""
        self._environment = {name: value for name, value in os.environ.items() if name in _PASSED} | dict(environment)

    @asynccontextmanager
    async def place(self, log: Log, agent: str) -> AsyncGenerator[Worker]:
        folder = log.folder / "agents"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            with (folder / f"{agent}.txt").open("ab") as output:
                process = await create_subprocess_exec(
                    *(sys.executable, "-P", "-m", "hotdesk.worker", str(log.folder), agent),
                    stdin=PIPE,
                    stdout=output,
                    stderr=output,
                    env=self._environment,
                    cwd=Path(folder),
                    start_new_session=True,
                )
        except OSError as error:
            raise EngineError(f"No worker process could be started: {error.strerror or error}.") from error
        worker = _Process(process)
        try:
            yield worker
        finally:
            await worker.end(grace=0)
