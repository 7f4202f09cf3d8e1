"""Starting worker processes: by forking them from the nursery (`hotdesk.worker.nursery`), or each anew where that cannot be.

A forked worker is there in milliseconds and shares the memory of what was imported; one started anew needs a second of computing first and
shares nothing. `Nursery` is entered with `async with`; a nursery that was lost is replaced at the next need, and the workers that it had go
on, watched by the descriptors of their processes.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import sys
from asyncio.subprocess import Process, create_subprocess_exec
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Self

import anyio
from anyio.abc import TaskGroup

from hotdesk.engines.local.process import WorkerProcess
from hotdesk.errors import EngineError

__all__ = ["Nursery"]

CLOSING = 2.0
"""Seconds the nursery has to exit once its socket is closed, before it is killed."""
STARTING = 60.0
"""Seconds it may take to import everything: on a busy machine, with every vendor's library."""

ATTEMPTS = 2
"""Nurseries that are asked for one worker: the first may have been lost without anybody having noticed yet."""

_STDERR = 2

logger = logging.getLogger(__name__)


class _Request:
    """One worker asked for; `worker` is there once `answered`, or never."""

    def __init__(self, line: socket.socket, desk: str | None) -> None:
        self.line = line
        self.desk = desk
        self.answered = anyio.Event()
        self.worker: WorkerProcess | None = None


class _Forker:
    """One nursery process, from its start to its end."""

    def __init__(self, process: Process, control: socket.socket) -> None:
        self._process = process
        self._control = control
        self._asked: deque[_Request] = deque()
        self._workers: dict[int, tuple[WorkerProcess, int]] = {}
        self.ready = anyio.Event()
        self.lost = False

    async def run(self) -> None:
        """Heed what it says until it hangs up; then watch what it left until that has ended too."""
        while not self.lost:
            await anyio.wait_readable(self._control)
            try:
                packet, descriptors, _, _ = socket.recv_fds(self._control, 4096, 1)
            except BlockingIOError:
                continue
            except OSError:
                packet, descriptors = b"", []
            if packet:
                self._heed(json.loads(packet), descriptors)
            else:
                self.lost = True
        self._control.close()
        self.ready.set()
        for request in self._asked:
            request.answered.set()
        await self._process.wait()
        async with anyio.create_task_group() as tasks:
            for pid in self._workers:
                tasks.start_soon(self._watch, pid)

    def _heed(self, said: dict[str, int | bool | str], descriptors: list[int]) -> None:
        match said:
            case {"ready": True}:
                self.ready.set()
            case {"cannot": why}:
                logger.warning("Workers are started anew each, which takes longer: %s.", why)
                self.lost = True
            case {"pid": int(pid), "status": int(status)}:
                worker, pidfd = self._workers.pop(pid)
                os.close(pidfd)
                worker.over(status)
            case {"pid": int(pid)}:
                (pidfd,) = descriptors
                request = self._asked.popleft()
                request.worker = WorkerProcess(request.line, lambda: _kill(pidfd), request.desk)
                self._workers[pid] = request.worker, pidfd
                request.answered.set()

    async def _watch(self, pid: int) -> None:
        worker, pidfd = self._workers[pid]
        await anyio.wait_readable(pidfd)
        os.close(pidfd)
        worker.over(None)

    async def fork(self, desk: str | None) -> WorkerProcess | None:
        """A new worker; None if the nursery was lost. One that nobody waits for any more ends when its lifeline does."""
        ours, theirs = socket.socketpair()
        request = _Request(ours, desk)
        try:
            with theirs:
                socket.send_fds(self._control, [json.dumps({"warm": desk}).encode()], [theirs.fileno()])
            self._asked.append(request)
            await request.answered.wait()
        except OSError:
            self.lost = True
            ours.close()
            return None
        except BaseException:
            ours.close()
            raise
        if request.worker is None:
            ours.close()
        return request.worker

    async def close(self) -> None:
        """End it, within `CLOSING`. Its workers have to have ended."""
        with suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        with anyio.move_on_after(CLOSING):
            await self._process.wait()
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


def _kill(pidfd: int) -> None:
    with suppress(OSError):
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)


class Nursery:
    """Starts workers. `forks=False` starts each anew."""

    def __init__(self, environment: Mapping[str, str], forks: bool = True) -> None:
        self._environment = environment
        self._forks = forks and hasattr(os, "pidfd_open")
        self._forker: _Forker | None = None
        self._starting = anyio.Lock()
        self._tasks: TaskGroup = anyio.create_task_group()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        if self._forks:
            self._tasks.start_soon(self._ready_forker)  # so that the first session need not wait for it
        return self

    async def __aexit__(self, *exc: object) -> bool | None:
        with anyio.CancelScope(shield=True):
            if self._forker is not None and not self._forker.lost:
                await self._forker.close()
        self._tasks.cancel_scope.cancel()
        return await self._tasks.__aexit__(None, None, None)

    async def worker(self, desk: str | None = None) -> WorkerProcess:
        """A new worker process, which opens a desk under the id `desk` ahead of its assignment. Raises `EngineError`."""
        for _ in range(ATTEMPTS if self._forks else 0):
            forker = await self._ready_forker()
            if forker is None:
                break
            if worker := await forker.fork(desk):
                return worker
        return await self._anew(desk)

    async def _ready_forker(self) -> _Forker | None:
        async with self._starting:
            if self._forker is None or self._forker.lost:
                try:
                    self._forker = await self._start()
                except OSError as error:
                    raise EngineError(f"No process could be started: {error.strerror or error}.") from error
            with anyio.move_on_after(STARTING):
                await self._forker.ready.wait()
            if not self._forker.ready.is_set() or self._forker.lost:
                return None
            return self._forker

    async def _start(self) -> _Forker:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            process = await self._python("hotdesk.worker.nursery", stdin=theirs)
        forker = _Forker(process, ours)
        self._tasks.start_soon(forker.run)
        return forker

    async def _anew(self, desk: str | None) -> WorkerProcess:
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = await self._python("hotdesk.worker", *([desk] if desk else []), stdin=theirs)
        except OSError as error:
            ours.close()
            raise EngineError(f"No worker process could be started: {error.strerror or error}.") from error

        def kill() -> None:
            with suppress(ProcessLookupError):
                process.kill()

        worker = WorkerProcess(ours, kill, desk)

        async def watch() -> None:
            worker.over(await process.wait())

        self._tasks.start_soon(watch)
        return worker

    async def _python(self, module: str, *arguments: str, stdin: socket.socket) -> Process:
        """A Python process that a Ctrl-C in the terminal does not reach; what it prints goes to our standard error."""
        command = (sys.executable, "-P", "-m", module, *arguments)
        return await create_subprocess_exec(*command, stdin=stdin.fileno(), stdout=_STDERR, env=self._environment, start_new_session=True)
