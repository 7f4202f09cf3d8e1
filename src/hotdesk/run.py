"""One session without a browser: `hotdesk run`. Progress is shown live; the result is one object, as `--json` prints it."""

from __future__ import annotations

import signal
from typing import Any

import anyio
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from hotdesk.blobs import Blobs
from hotdesk.errors import Conflict
from hotdesk.events import Event, SessionComplete
from hotdesk.logs.base import Log
from hotdesk.orchestrator import Orchestrator
from hotdesk.orchestrator.summary import cost
from hotdesk.serve import Parts, machine, notice
from hotdesk.whiteboard import Whiteboard, fold

__all__ = ["run_session"]

_MARKS = {"waiting": ("·", "dim"), "running": ("▸", "cyan"), "completed": ("✓", "green"), "failed": ("✗", "red")}


async def run_session(parts: Parts, prompt: str, agents: int, console: Console) -> dict[str, Any]:
    """Run a session to its end and return what came of it. The first Ctrl-C stops it in order."""
    async with machine(parts) as running:
        orchestrator = running.orchestrator
        session = await orchestrator.submit(prompt, agents)
        async with await running.logs.open(session) as log, anyio.create_task_group() as tasks:
            tasks.start_soon(_stop_on_signal, orchestrator, session)
            if words := notice(parts):
                console.print(words, style="yellow", highlight=False)
            board = await _watch(log, console)
            await orchestrator.over(session)
            tasks.cancel_scope.cancel()
        result = _result(board, log)
    console.print(board.summary.text if board.summary else "", highlight=False, markup=False)
    return result


async def _stop_on_signal(orchestrator: Orchestrator, session: str) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            try:
                await orchestrator.stop(session, "Stopped from the command line.")
            except Conflict:
                return


async def _watch(log: Log, console: Console) -> Whiteboard:
    """Show the session until it is complete."""
    board, live = Whiteboard(), console.is_terminal
    with Live(console=console, refresh_per_second=8, transient=True) if live else _Lines(console) as shown:
        async with log.follow() as events:
            async for event in events:
                board = fold(board, event)
                shown.update(_picture(board)) if isinstance(shown, Live) else shown.say(event, board)
                if isinstance(event, SessionComplete):
                    break
    return board


def _picture(board: Whiteboard) -> Group:
    tasks = Table.grid(padding=(0, 1))
    for task in board.tasks.values():
        mark, style = _MARKS[task.status]
        who = board.agents[task.agent].name if task.agent in board.agents else ""
        tasks.add_row(Text(mark, style), Text(task.title), Text(who, "dim"))
    agents = Table.grid(padding=(0, 1))
    for agent in board.agents.values():
        agents.add_row(Text(agent.name, "bold"), Text(agent.status, "dim"), Text(agent.says if agent.alive else agent.reason))
    spent = Text(cost(board.spent), "dim") if board.spent.calls else Text("")
    return Group(Text(board.plan or "Planning…", "italic"), tasks, Text(""), agents, spent)


class _Lines:
    """Progress where there is no terminal: a line for each thing that matters."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def say(self, event: Event, board: Whiteboard) -> None:
        agent, task = (getattr(event, name, None) for name in ("agent", "task"))
        who = board.agents[agent].name if agent in board.agents else ""
        what = f"«{board.tasks[task].title}»" if task in board.tasks else ""
        kind = getattr(event, "type", "")
        lines = {
            "session:planned": board.plan,
            "task:assigned": f"{who} begins {what}",
            "task:completed": f"{who} finished {what}",
            "task:failed": f"{who} failed at {what}: {getattr(event, 'reason', '')}",
            "agent:ready": f"{who} is at a desk",
            "agent:lost": f"{who} was lost: {getattr(event, 'reason', '')}",
        }
        if line := lines.get(kind):
            self._console.print(line, highlight=False, markup=False)


def _result(board: Whiteboard, log: Log) -> dict[str, Any]:
    blobs, summary = Blobs(log.folder / "artifacts"), board.summary
    kept = [board.artifacts[a] for a in (summary.artifacts if summary else ()) if a in board.artifacts]
    return {
        "session": board.session,
        "outcome": board.outcome,
        "seconds": round(summary.seconds, 3) if summary else 0.0,
        "tasks": [
            {"id": task.id, "title": task.title, "status": task.status, "agent": task.agent, "attempts": task.attempt}
            for task in board.tasks.values()
        ],
        "agents": [{"id": agent.id, "pid": agent.pid, "desk": agent.desk, "steps": agent.step} for agent in board.agents.values()],
        "artifacts": [{"name": a.name, "path": str(blobs.path(a.blob)), "bytes": a.bytes, "task": a.task} for a in kept],
        "events": board.last,
        "spent": board.spent.model_dump(),
    }
