"""`python -m hotdesk.worker SESSION_FOLDER AGENT`: one worker process. Its settings and keys come from the environment, everything else
from the log. Exit code 0 when it ended as it should, 1 with a sentence on standard error when it could not work at all.

Standard input is the lifeline: its end means that the process which placed this worker is gone.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import anyio

from hotdesk.brains.choose import choose_brain
from hotdesk.desks.choose import choose_desks, desk_options
from hotdesk.errors import HotdeskError, LogError, alone
from hotdesk.events import SERVER_STOPS, SessionCreated
from hotdesk.logs.base import Log
from hotdesk.logs.sqlite import SqliteLog
from hotdesk.settings import DeskSettings, MindSettings, SessionSettings, read
from hotdesk.worker.inbox import Inbox
from hotdesk.worker.loop import Equipment, work


async def equip(log: Log) -> Equipment:
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
    )


async def _hang_up_at_the_end_of_stdin(inbox: Inbox) -> None:
    os.set_blocking(0, False)
    while True:
        await anyio.wait_readable(0)
        if not os.read(0, 4096):
            break
    inbox.hang_up(SERVER_STOPS)


async def main(folder: Path, agent: str) -> None:
    with alone():
        async with SqliteLog(folder.name, folder) as log, anyio.create_task_group() as tasks:
            tasks.start_soon(_cancel_on_signal, tasks.cancel_scope)
            await work(log, agent, await equip(log), _hang_up_at_the_end_of_stdin)
            tasks.cancel_scope.cancel()


async def _cancel_on_signal(scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            scope.cancel()


if __name__ == "__main__":
    try:
        anyio.run(main, Path(sys.argv[1]), sys.argv[2])
    except HotdeskError as error:
        sys.exit(str(error))
