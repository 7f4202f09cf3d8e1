"""The summary of a session: a pure function of the whiteboard, honest about what failed."""

from __future__ import annotations

from hotdesk.events import Outcome, Summary, SummaryAgent, SummaryTask
from hotdesk.whiteboard import Spent, TaskState, Whiteboard

__all__ = ["cost", "outcome", "summarise"]


def outcome(board: Whiteboard, interrupted: bool = False) -> Outcome:
    """How the session ended."""
    kept = [task for task in board.tasks.values() if task.status != "dropped"]
    if kept and all(task.status == "completed" for task in kept):
        return "completed"
    if interrupted:
        return "interrupted"
    return "stopped" if board.status == "stopping" else "failed"


def summarise(board: Whiteboard, now: float, interrupted: bool = False, words: str = "") -> Summary:
    """What came of the session, at the time `now` (seconds since the epoch). `words` are the planner's: they stand after the plain facts,
    which they cannot replace."""
    tasks = tuple(_task(board, task) for task in board.tasks.values())
    agents = tuple(
        SummaryAgent(
            agent=agent.id,
            name=agent.name,
            steps=agent.step,
            tasks=tuple(t.id for t in board.tasks.values() if t.agent == agent.id and t.status == "completed"),
            ended="lost" if agent.status == "lost" else "terminated",
        )
        for agent in board.agents.values()
    )
    kept = tuple(artifact for task in tasks for artifact in task.artifacts)
    return Summary(
        text="\n\n".join(part for part in (_text(board, tasks, len(kept), interrupted), words) if part),
        tasks=tasks,
        agents=agents,
        artifacts=kept,
        seconds=max(0.0, now - board.created_at),
    )


def _task(board: Whiteboard, task: TaskState) -> SummaryTask:
    done = task.status == "completed"
    saved = tuple(a.id for a in board.artifacts.values() if a.task == task.id) if not done else task.artifacts
    return SummaryTask(
        task=task.id,
        title=task.title,
        status="completed" if done else "dropped" if task.status == "dropped" else "failed" if task.attempt else "not done",
        agent=task.agent,
        attempts=task.attempt,
        result=task.result if done else task.reason,
        artifacts=saved,
        seconds=task.ended_at - task.started_at if task.ended_at and task.started_at else None,
    )


def _text(board: Whiteboard, tasks: tuple[SummaryTask, ...], files: int, interrupted: bool) -> str:
    dropped = [task for task in tasks if task.status == "dropped"]
    tasks = tuple(task for task in tasks if task.status != "dropped")
    done = sum(task.status == "completed" for task in tasks)
    if not tasks:
        head = "Nothing was done: there was no plan."
    elif done == len(tasks):
        head = "The one task is done." if done == 1 else f"All {done} tasks are done."
    else:
        head = f"{done} of {len(tasks)} tasks {'is' if done == 1 else 'are'} done."
    parts = [head]
    if files:
        parts.append(f"{files} file{'' if files == 1 else 's'} {'was' if files == 1 else 'were'} made.")
    parts += [f"«{task.title}» was not done: {_sentence(task.result)}" for task in tasks if task.status != "completed"]
    parts += [f"«{task.title}» turned out not to be needed: {_sentence(task.result)}" for task in dropped]
    if interrupted:
        parts.append("The server ended before the session did.")
    elif board.status == "stopping":
        parts.append(_sentence(board.stop_reason))
    if board.spent.calls:
        parts.append(cost(board.spent))
    if board.rehearsal:
        parts.append("This was a rehearsal: the agents worked at real desktops, but no model decided what they wrote.")
    return " ".join(parts)


def cost(spent: Spent) -> str:
    """What the models took, for a person. A price that is not known is said to be unknown."""
    tokens = f"{spent.input + spent.output:,} tokens ({spent.input:,} in, {spent.cached:,} of them cached, {spent.output:,} out)"
    if not spent.unpriced:
        return f"The models took {tokens} for ${spent.dollars:.2f}."
    if spent.unpriced == spent.calls:
        return f"The models took {tokens}; what that costs is unknown."
    return f"The models took {tokens} for at least ${spent.dollars:.2f}; what {spent.unpriced} of {spent.calls} calls cost is unknown."


def _sentence(text: str) -> str:
    text = text.strip() or "no reason was given"
    return text if text[-1] in ".!?" else text + "."
