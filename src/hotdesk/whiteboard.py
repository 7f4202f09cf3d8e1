"""The whiteboard: a session as it stands, the pure fold of its events.

`fold(board, event)` returns the next whiteboard and changes nothing else: same events, same whiteboard, in any process and at any time.
It never raises on an event that a writer could have said late or twice: what a lost agent, an ended attempt or an unknown task
still says is counted (`last`) and otherwise ignored. One event costs constant time, however long the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from hotdesk import events as ev

__all__ = ["AgentState", "ArtifactState", "Spent", "TaskState", "Whiteboard", "fold", "fold_all"]

TaskStatus = Literal["waiting", "running", "completed", "failed", "dropped"]
AgentStatus = Literal["starting", "idle", "working", "paused", "taken", "lost", "terminated"]
SessionStatus = Literal["planning", "running", "stopping", "complete"]


class _State(BaseModel):
    model_config = ConfigDict(frozen=True)


class Spent(_State):
    """What model calls have taken so far, added up. `dollars` counts the calls whose price is known, `unpriced` the others."""

    calls: int = 0
    input: int = 0
    cached: int = 0
    output: int = 0
    dollars: float = 0.0
    unpriced: int = 0


class TaskState(_State):
    id: str
    title: str
    instructions: str
    needs: tuple[str, ...] = ()
    status: TaskStatus = "waiting"
    agent: str | None = None
    """Who has it, or had it last."""
    attempt: int = 0
    """Number of the current or last attempt; 0 before the first."""
    result: str = ""
    reason: str = ""
    """Why the last attempt failed, or why the task was abandoned."""
    artifacts: tuple[str, ...] = ()
    tried_by: tuple[str, ...] = ()
    created_at: float = 0.0
    started_at: float | None = None
    ended_at: float | None = None


class AgentState(_State):
    id: str
    name: str
    engine: str
    status: AgentStatus = "starting"
    task: str | None = None
    step: int = 0
    """Steps taken so far, over all its tasks."""
    says: str = ""
    frame: str | None = None
    pid: int | None = None
    desk: str | None = None
    provider: str | None = None
    machine: str | None = None
    """The provider's own name of the machine that the desk is on."""
    width: int = 0
    height: int = 0
    paused: bool = False
    taken_by: str | None = None
    dismissed: bool = False
    reason: str = ""
    """Why it was lost or terminated."""
    spent: Spent = Spent()
    hired_at: float = 0.0
    ready_at: float | None = None
    ended_at: float | None = None

    @property
    def alive(self) -> bool:
        return self.ended_at is None


class ArtifactState(_State):
    id: str
    name: str
    path: str
    bytes: int
    media_type: str
    blob: str
    task: str
    agent: str
    at: float


class Whiteboard(_State):
    session: str = ""
    prompt: str = ""
    status: SessionStatus = "planning"
    outcome: ev.Outcome | None = None
    agents_wanted: int = 1
    planner: str = ""
    brain: str = ""
    desks: str = ""
    rehearsal: bool = False
    limits: ev.Limits = ev.Limits()
    plan: str = ""
    tasks: dict[str, TaskState] = {}
    agents: dict[str, AgentState] = {}
    artifacts: dict[str, ArtifactState] = {}
    stop_reason: str = ""
    spent: Spent = Spent()
    """By the planner and all agents together."""
    summary: ev.Summary | None = None
    created_at: float = 0.0
    ended_at: float | None = None
    last: int = 0
    """Sequence number of the last event folded in."""


S = TypeVar("S", bound=_State)


def _with(state: S, **changes: Any) -> S:
    return state.model_copy(update=changes)


def _task(board: Whiteboard, task: str, **changes: Any) -> Whiteboard:
    return _with(board, tasks={**board.tasks, task: _with(board.tasks[task], **changes)})


def _agent(board: Whiteboard, agent: str, **changes: Any) -> Whiteboard:
    state = _with(board.agents[agent], **changes)
    return _with(board, agents={**board.agents, agent: _with(state, status=_status(state))})


def _status(agent: AgentState) -> AgentStatus:
    if agent.status in ("lost", "terminated") or agent.ready_at is None:
        return agent.status
    if agent.taken_by is not None:
        return "taken"
    if agent.paused:
        return "paused"
    return "working" if agent.task else "idle"


def _living(board: Whiteboard, agent: str) -> bool:
    return agent in board.agents and board.agents[agent].alive


def _holds(board: Whiteboard, agent: str, task: str, attempt: int) -> bool:
    """Is this the attempt under way, said by who has it?"""
    state = board.tasks.get(task)
    return state is not None and state.status == "running" and state.agent == agent and state.attempt == attempt


def _session_created(board: Whiteboard, e: ev.SessionCreated) -> Whiteboard:
    return _with(
        board,
        session=e.session,
        prompt=e.prompt,
        agents_wanted=e.agents,
        planner=e.planner,
        brain=e.brain,
        desks=e.desks,
        rehearsal=e.rehearsal,
        limits=e.limits,
        created_at=e.at,
    )


def _session_planned(board: Whiteboard, e: ev.SessionPlanned) -> Whiteboard:
    return _with(board, plan=e.says, status="running" if board.status == "planning" else board.status)


def _session_stopping(board: Whiteboard, e: ev.SessionStopping) -> Whiteboard:
    return board if board.status in ("stopping", "complete") else _with(board, status="stopping", stop_reason=e.reason)


def _session_complete(board: Whiteboard, e: ev.SessionComplete) -> Whiteboard:
    if board.status == "complete":
        return board
    return _with(board, status="complete", outcome=e.outcome, summary=e.summary, ended_at=e.at)


def _task_created(board: Whiteboard, e: ev.TaskCreated) -> Whiteboard:
    if e.task in board.tasks:
        return board
    task = TaskState(id=e.task, title=e.title, instructions=e.instructions, needs=e.needs, created_at=e.at)
    return _with(board, tasks={**board.tasks, e.task: task})


def _task_assigned(board: Whiteboard, e: ev.TaskAssigned) -> Whiteboard:
    task = board.tasks.get(e.task)
    if task is None or task.status != "waiting" or not _living(board, e.agent):
        return board
    board = _task(
        board,
        e.task,
        status="running",
        agent=e.agent,
        attempt=e.attempt,
        tried_by=(*task.tried_by, e.agent),
        started_at=task.started_at or e.at,
    )
    return _agent(board, e.agent, task=e.task)


def _task_completed(board: Whiteboard, e: ev.TaskCompleted) -> Whiteboard:
    if not _holds(board, e.agent, e.task, e.attempt):
        return board
    known = tuple(a for a in e.artifacts if a in board.artifacts)
    board = _task(board, e.task, status="completed", result=e.result, reason="", artifacts=known, ended_at=e.at)
    return _agent(board, e.agent, task=None)


def _task_failed(board: Whiteboard, e: ev.TaskFailed) -> Whiteboard:
    if not _holds(board, e.agent, e.task, e.attempt):
        return board
    board = _task(board, e.task, status="waiting", reason=e.reason)
    return _agent(board, e.agent, task=None)


def _task_abandoned(board: Whiteboard, e: ev.TaskAbandoned) -> Whiteboard:
    task = board.tasks.get(e.task)
    if task is None or task.status not in ("waiting", "running"):
        return board
    holder = task.agent if task.status == "running" else None
    board = _task(board, e.task, status="failed", reason=e.reason, ended_at=e.at)
    return _agent(board, holder, task=None) if holder and _living(board, holder) else board


def _begun(board: Whiteboard, task: str) -> bool:
    state = board.tasks.get(task)
    return state is None or state.status != "waiting" or state.attempt > 0


def _task_changed(board: Whiteboard, e: ev.TaskChanged) -> Whiteboard:
    return board if _begun(board, e.task) else _task(board, e.task, title=e.title, instructions=e.instructions)


def _task_dropped(board: Whiteboard, e: ev.TaskDropped) -> Whiteboard:
    return board if _begun(board, e.task) else _task(board, e.task, status="dropped", reason=e.reason, ended_at=e.at)


def _agent_hired(board: Whiteboard, e: ev.AgentHired) -> Whiteboard:
    if e.agent in board.agents:
        return board
    agent = AgentState(id=e.agent, name=e.name, engine=e.engine, hired_at=e.at)
    return _with(board, agents={**board.agents, e.agent: agent})


def _desk_created(board: Whiteboard, e: ev.DeskCreated) -> Whiteboard:
    return _agent(board, e.agent, desk=e.desk, provider=e.provider, machine=e.machine)


def _agent_ready(board: Whiteboard, e: ev.AgentReady) -> Whiteboard:
    return _agent(
        board,
        e.agent,
        pid=e.pid,
        desk=e.desk,
        provider=e.provider,
        width=e.width,
        height=e.height,
        ready_at=e.at,
    )


def _add(spent: Spent, e: ev.Spending) -> Spent:
    return Spent(
        calls=spent.calls + 1,
        input=spent.input + e.input,
        cached=spent.cached + e.cached,
        output=spent.output + e.output,
        dollars=spent.dollars + (e.dollars or 0.0),
        unpriced=spent.unpriced + (e.dollars is None),
    )


def _session_spent(board: Whiteboard, e: ev.SessionSpent) -> Whiteboard:
    return _with(board, spent=_add(board.spent, e.spending))


def _agent_spent(board: Whiteboard, e: ev.AgentSpent) -> Whiteboard:
    """Money is spent whoever says it, an agent that is lost by now included."""
    board = _with(board, spent=_add(board.spent, e.spending))
    if e.agent not in board.agents:
        return board
    return _agent(board, e.agent, spent=_add(board.agents[e.agent].spent, e.spending))


def _agent_thinking(board: Whiteboard, e: ev.AgentThinking) -> Whiteboard:
    before = board.agents[e.agent]
    return _agent(board, e.agent, step=max(before.step, e.step), says=e.says, frame=e.frame or before.frame)


def _agent_paused(board: Whiteboard, e: ev.AgentPaused) -> Whiteboard:
    return _agent(board, e.agent, paused=True)


def _agent_resumed(board: Whiteboard, e: ev.AgentResumed) -> Whiteboard:
    return _agent(board, e.agent, paused=False)


def _agent_taken(board: Whiteboard, e: ev.AgentTaken) -> Whiteboard:
    return _agent(board, e.agent, taken_by=e.by)


def _agent_released(board: Whiteboard, e: ev.AgentReleased) -> Whiteboard:
    return _agent(board, e.agent, taken_by=None)


def _agent_dismissed(board: Whiteboard, e: ev.AgentDismissed) -> Whiteboard:
    return _agent(board, e.agent, dismissed=True)


def _agent_lost(board: Whiteboard, e: ev.AgentLost) -> Whiteboard:
    held = board.agents[e.agent].task
    board = _agent(board, e.agent, status="lost", task=None, taken_by=None, reason=e.reason, ended_at=e.at)
    if held is None or board.tasks[held].status != "running":
        return board
    return _task(board, held, status="waiting", reason=e.reason)


def _agent_terminated(board: Whiteboard, e: ev.AgentTerminated) -> Whiteboard:
    held = board.agents[e.agent].task
    board = _agent(board, e.agent, status="terminated", task=None, taken_by=None, reason=e.reason, ended_at=e.at)
    if held is None or board.tasks[held].status != "running":
        return board
    return _task(board, held, status="waiting", reason=e.reason)


def _artifact_saved(board: Whiteboard, e: ev.ArtifactSaved) -> Whiteboard:
    if not _holds(board, e.agent, e.task, e.attempt):
        return board
    artifact = ArtifactState(
        id=e.artifact,
        name=e.name,
        path=e.path,
        bytes=e.bytes,
        media_type=e.media_type,
        blob=e.blob,
        task=e.task,
        agent=e.agent,
        at=e.at,
    )
    return _with(board, artifacts={**board.artifacts, e.artifact: artifact})


_STEPS: dict[type[ev.Event], Callable[[Whiteboard, Any], Whiteboard]] = {
    ev.SessionCreated: _session_created,
    ev.SessionPlanned: _session_planned,
    ev.SessionStopping: _session_stopping,
    ev.SessionComplete: _session_complete,
    ev.TaskCreated: _task_created,
    ev.TaskAssigned: _task_assigned,
    ev.TaskCompleted: _task_completed,
    ev.TaskFailed: _task_failed,
    ev.TaskChanged: _task_changed,
    ev.TaskDropped: _task_dropped,
    ev.TaskAbandoned: _task_abandoned,
    ev.AgentHired: _agent_hired,
    ev.ArtifactSaved: _artifact_saved,
    ev.SessionSpent: _session_spent,
    ev.AgentSpent: _agent_spent,
}
_AGENT_STEPS: dict[type[ev.Event], Callable[[Whiteboard, Any], Whiteboard]] = {
    ev.DeskCreated: _desk_created,
    ev.AgentReady: _agent_ready,
    ev.AgentThinking: _agent_thinking,
    ev.AgentPaused: _agent_paused,
    ev.AgentResumed: _agent_resumed,
    ev.AgentTaken: _agent_taken,
    ev.AgentReleased: _agent_released,
    ev.AgentDismissed: _agent_dismissed,
    ev.AgentLost: _agent_lost,
    ev.AgentTerminated: _agent_terminated,
}
"""What a living agent says, or what is said of it; of others it changes nothing."""


def fold(board: Whiteboard, event: ev.Event) -> Whiteboard:
    """The whiteboard after `event`. Events come in the order of their `seq`."""
    return _with(_changed(board, event), last=event.seq)


def fold_all(events: Iterable[ev.Event], board: Whiteboard | None = None) -> Whiteboard:
    """Fold many events, from the empty whiteboard or from `board`."""
    board = board or Whiteboard()
    last = board.last
    for event in events:
        board, last = _changed(board, event), event.seq
    return _with(board, last=last)


def _changed(board: Whiteboard, event: ev.Event) -> Whiteboard:
    """What the event says, all but its number: most events (reasoning) change nothing else, and cost nothing."""
    if step := _STEPS.get(type(event)):
        return step(board, event)
    if (step := _AGENT_STEPS.get(type(event))) and _living(board, getattr(event, "agent", "")):
        return step(board, event)
    return board
