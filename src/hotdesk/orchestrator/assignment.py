"""Assignment: which task goes to which agent, and which agents are wanted. Pure functions of the whiteboard.

Rules
- A task can be assigned when every task it needs is completed or dropped. Older tasks go first.
- An agent gets one task at a time; one that is paused, taken over or dismissed gets none.
- A task that failed goes to an agent that has not tried it, if there is one alive or one may still be hired; else to any.
- A task whose need was abandoned, or whose attempts are used up, is to be abandoned.
- There are never more agents than asked for, nor more than there is work for.
"""

from __future__ import annotations

from typing import NamedTuple

from hotdesk.whiteboard import AgentState, TaskState, Whiteboard

__all__ = ["Assignment", "abandoned", "assign", "is_over", "open_tasks", "over_budget", "superfluous", "wanted"]

STILLBORN = 3
"""Agents that may end without ever having been ready before no more are hired: the session goes on with those it got."""


class Assignment(NamedTuple):
    task: str
    agent: str
    attempt: int


def open_tasks(board: Whiteboard) -> list[TaskState]:
    """Tasks that are still to be done, running ones included, oldest first."""
    return [task for task in board.tasks.values() if task.status in ("waiting", "running")]


def _assignable(board: Whiteboard) -> list[TaskState]:
    return [
        task
        for task in board.tasks.values()
        if task.status == "waiting"
        and task.attempt < board.limits.attempts
        and all(need in board.tasks and board.tasks[need].status in ("completed", "dropped") for need in task.needs)
    ]


def _living(board: Whiteboard) -> list[AgentState]:
    return [agent for agent in board.agents.values() if agent.alive and not agent.dismissed]


def _room(board: Whiteboard) -> int:
    """How many more agents may be hired."""
    return min(board.agents_wanted, board.limits.agents) - len(_living(board))


def _stillborn(board: Whiteboard) -> list[AgentState]:
    return [agent for agent in board.agents.values() if not agent.alive and agent.ready_at is None]


def _hopeless(board: Whiteboard) -> str:
    """Why nothing more can be done: nobody is there and nobody can be hired. Empty if there is hope."""
    failed = _stillborn(board)
    return failed[-1].reason if len(failed) >= STILLBORN and not _living(board) else ""


def abandoned(board: Whiteboard) -> list[tuple[str, str]]:
    """Tasks that can no longer be done, each with the reason; those that need them follow in a later round."""
    if board.status == "complete":
        return []
    end = board.stop_reason if board.status == "stopping" else _hopeless(board)
    found: list[tuple[str, str]] = []
    for task in board.tasks.values():
        if task.status != "waiting":
            continue
        missing = [need for need in task.needs if need not in board.tasks or board.tasks[need].status == "failed"]
        if end:
            found.append((task.id, end))
        elif missing:
            titles = ", ".join(f"«{board.tasks[need].title}»" if need in board.tasks else need for need in missing)
            found.append((task.id, f"It needs {titles}, which was not done."))
        elif task.attempt >= board.limits.attempts:
            found.append((task.id, task.reason or "Its attempts are used up."))
    return found


def over_budget(board: Whiteboard) -> str:
    """Why the session has to stop: its tokens, steps or dollars are used up. Empty while they are not."""
    limits, spent = board.limits, board.spent
    if limits.tokens is not None and spent.input + spent.output >= limits.tokens:
        return f"The session's {limits.tokens:,} tokens are used up."
    if limits.all_steps is not None and sum(agent.step for agent in board.agents.values()) >= limits.all_steps:
        return f"The session's {limits.all_steps:,} steps are used up."
    if limits.dollars is not None and spent.dollars >= limits.dollars:
        return f"The session's ${limits.dollars:.2f} are used up."
    return ""


def is_over(board: Whiteboard) -> bool:
    """Nothing is left to do and nobody is left."""
    return board.status in ("running", "stopping") and not open_tasks(board) and not any(a.alive for a in board.agents.values())


def assign(board: Whiteboard) -> list[Assignment]:
    """What to push to whom, now. Every agent and every task stands at most once in it."""
    if board.status in ("stopping", "complete"):
        return []
    idle = [agent.id for agent in _living(board) if agent.status == "idle"]
    might_come = _room(board) > 0 or any(agent.status == "starting" for agent in _living(board))
    pushed: list[Assignment] = []
    for task in _assignable(board):
        if not idle:
            break
        fresh = [agent for agent in idle if agent not in task.tried_by]
        others = any(agent.id not in task.tried_by for agent in _living(board) if agent.id not in idle)
        if not fresh and (might_come or others):
            continue  # somebody who has not tried it is at work or may be hired: wait for them
        agent = (fresh or idle)[0]
        idle.remove(agent)
        pushed.append(Assignment(task.id, agent, task.attempt + 1))
    return pushed


def wanted(board: Whiteboard) -> int:
    """How many agents to hire now."""
    if board.status in ("stopping", "complete") or len(_stillborn(board)) >= STILLBORN:
        return 0
    living = _living(board)
    free = [agent for agent in living if agent.status in ("idle", "starting")]
    ready = _assignable(board)
    short = len(ready) - len(free)
    if free and any(all(agent.id in task.tried_by for agent in living) for task in ready):
        short = max(short, 1)  # a failed task wants somebody new
    return max(0, min(short, _room(board)))


def superfluous(board: Whiteboard) -> list[str]:
    """Agents to dismiss: idle ones, once no task is left that they could be given."""
    waiting = [task for task in board.tasks.values() if task.status == "waiting"]
    if board.status == "planning" or (waiting and board.status == "running"):
        return []
    return [agent.id for agent in _living(board) if agent.status in ("idle", "paused") and agent.task is None]
