"""`python -m hotdesk.worker [WARM_DESK]`: one worker process, whose standard input is its `lifeline` and says which agent it is. Its
settings and keys come from the environment, everything else from the session's log. Given the id of a desk, it opens that ahead of its
assignment.

What it prints goes to `agents/AGENT.txt` in the session's folder. Exit code 0 when it ended as it should, 1 with a sentence on standard
error when it could not work at all.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
from setproctitle import setproctitle

from hotdesk.brains.choose import choose_brain
from hotdesk.desks.choose import choose_desks, desk_options
from hotdesk.errors import HotdeskError, LogError, alone
from hotdesk.events import SERVER_STOPS, SessionCreated
from hotdesk.logs.base import Log
from hotdesk.logs.sqlite import SqliteLog
from hotdesk.settings import DeskSettings, MindSettings, SessionSettings, read
from hotdesk.worker.inbox import Inbox
from hotdesk.worker.lifeline import Lifeline, Order
from hotdesk.worker.loop import Equipment, Warm, prepare, work


async def equip(log: Log, warm: Warm | None = None) -> Equipment:
    """What the session's first event and the settings say a worker gets."""
    first = next(iter(await log.read(limit=1)), None)
    if not isinstance(first, SessionCreated):
        raise LogError(f"The log of session {log.session} does not begin with session:created.")
    desks, mind = read(DeskSettings, desks=first.desks), read(MindSettings, brain=first.brain)
    return Equipment(
        desks=choose_desks(desks),
        options=desk_options(desks),
        brain=choose_brain(mind),
        settle_cap=read(SessionSettings).settle_cap,
        pid=os.getpid(),
        further=mind.further_servers(),
        warm=warm,
    )


@asynccontextmanager
async def _opened(desk_id: str | None) -> AsyncGenerator[Warm | None]:
    """A desk opened ahead, and everything imported that its agent will need."""
    if desk_id is None:
        yield None
        return
    settings = read(DeskSettings)
    machines: list[str] = []

    async def created(machine: str) -> None:
        machines.append(machine)

    async with choose_desks(settings).open(desk_id, desk_options(settings), created) as desk:
        await anyio.to_thread.run_sync(prepare, choose_brain(read(MindSettings)))
        yield Warm(desk, machines[-1])


def _print_to(order: Order) -> None:
    """From here on what this process prints is kept with the session."""
    output = os.open(order.folder / "agents" / f"{order.agent}.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    for stream in (1, 2):
        os.dup2(output, stream)
    os.close(output)


async def main(warm: str | None) -> None:
    line = Lifeline()
    with alone():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_cancel_on_signal, tasks.cancel_scope)
            async with _opened(warm) as ready:
                if ready is not None:
                    line.say(warm=ready.desk.id)
                if (order := await line.order()) is not None:
                    await _serve(order, line, ready)
            tasks.cancel_scope.cancel()


async def _serve(order: Order, line: Lifeline, warm: Warm | None) -> None:
    setproctitle(f"hotdesk.worker {order.folder} {order.agent}")
    _print_to(order)

    async def hang_up(inbox: Inbox) -> None:
        await line.end()
        inbox.hang_up(SERVER_STOPS)

    async with SqliteLog(order.folder.name, order.folder) as log:
        await work(log, order.agent, await equip(log, warm), hang_up)


async def _cancel_on_signal(scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            scope.cancel()


def run(warm: str | None) -> None:
    """A worker's whole life in this process. Exits with a sentence where it could not work at all."""
    setproctitle("hotdesk.worker, not yet assigned")
    try:
        anyio.run(main, warm)
    except HotdeskError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    run(sys.argv[1] if len(sys.argv) > 1 else None)
