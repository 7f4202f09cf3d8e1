"""Every event of a session's log: its name, what it carries, and who says it.

An event is one immutable fact. All share `seq` (its place in the log: 1, 2, 3, … without a gap; 0 until it is appended), `at` (seconds
since the epoch, UTC, by the writer's clock) and `session`. The class says whether `agent`, `task` and `step` are there too. On the
log, in the API and on Socket.IO an event is the same flat JSON object, named by `type`.

Who says what: the orchestrator says `session:*`, `task:created|assigned|abandoned`, `agent:hired|dismissed|lost`; a worker says
`agent:ready|thinking|reasoning|terminated`, `task:completed|failed` and `artifact:saved`; the server, for a person, says
`session:stopping` and `agent:paused|resumed|steered|taken|released|answered`.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

__all__ = [
    "EVENT_TYPES",
    "SERVER_STOPS",
    "AgentAnswered",
    "AgentAsked",
    "AgentDismissed",
    "AgentHired",
    "AgentLost",
    "AgentPaused",
    "AgentReady",
    "AgentReasoning",
    "AgentReleased",
    "AgentResumed",
    "AgentSpent",
    "AgentSteered",
    "AgentTaken",
    "AgentTerminated",
    "AgentThinking",
    "AnyEvent",
    "ArtifactSaved",
    "DeskCreated",
    "Event",
    "Limits",
    "SessionComplete",
    "SessionCreated",
    "SessionPlanned",
    "SessionSpent",
    "SessionStopping",
    "Spending",
    "Summary",
    "SummaryAgent",
    "SummaryTask",
    "TaskAbandoned",
    "TaskAssigned",
    "TaskChanged",
    "TaskCompleted",
    "TaskCreated",
    "TaskDropped",
    "TaskFailed",
    "Timings",
    "event_from_json",
    "event_from_object",
]

SERVER_STOPS = "The server was stopped."
"""The reason in `session:stopping` that makes the outcome `interrupted`."""

Outcome = Literal["completed", "failed", "stopped", "interrupted"]
"""completed: every task did; failed: at least one did not; stopped: a person stopped it; interrupted: the server ended under it."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Event(_Part):
    """What every event carries."""

    said_by: ClassVar[str] = ""

    seq: Annotated[int, Field(ge=0)] = 0
    at: float = 0.0
    session: str = ""


class Limits(_Part):
    """The bounds a session was started with."""

    steps: Annotated[int, Field(ge=1)] = 100
    """Steps an agent may take in one attempt at one task."""
    attempts: Annotated[int, Field(ge=1)] = 2
    """Attempts at one task, the first included."""
    agents: Annotated[int, Field(ge=1)] = 4
    """Agents at work at one time."""
    tasks: Annotated[int, Field(ge=1)] = 30
    """Tasks in the session, those added later included."""
    minutes: float | None = None
    """Minutes the session may take; null for no bound, as with the two below."""
    tokens: int | None = None
    """Tokens, in and out, the session may take."""
    dollars: float | None = None
    """US dollars the session may cost."""
    all_steps: int | None = None
    """Steps all agents of the session may take together."""
    task_minutes: float | None = None
    """Minutes one attempt at one task may take."""
    task_tokens: int | None = None
    """Tokens, in and out, one attempt at one task may take."""
    task_dollars: float | None = None
    """US dollars one attempt at one task may cost."""


class SessionCreated(Event):
    """A person submitted a prompt. First event of every log."""

    said_by: ClassVar[str] = "orchestrator"
    type: Literal["session:created"] = "session:created"
    prompt: str
    agents: Annotated[int, Field(ge=1)]
    """How many agents the person asked for (a hint: never more, fewer where there are fewer tasks)."""
    planner: str
    brain: str
    desks: str
    rehearsal: bool
    """True if no model is at work: the brain is the rehearsal."""
    limits: Limits = Limits()


class SessionPlanned(Event):
    """The orchestrator has a plan; its `task:created` events follow. `says` is a sentence about it."""

    said_by: ClassVar[str] = "orchestrator"
    type: Literal["session:planned"] = "session:planned"
    says: str
    tasks: int


class Spending(_Part):
    """What one model call took."""

    model: str
    input: int = 0
    """Tokens of the prompt, cached ones included."""
    cached: int = 0
    """Those of them that were read from the provider's cache."""
    output: int = 0
    dollars: float | None = None
    """US dollars; null where the price is not known."""


class SessionSpent(Event):
    """The planner's model was called."""

    said_by: ClassVar[str] = "orchestrator"
    type: Literal["session:spent"] = "session:spent"
    what: Literal["plan", "review", "summary"]
    spending: Spending


class SessionStopping(Event):
    """Somebody asked for the end; no task is assigned from here on, agents put down what they hold."""

    said_by: ClassVar[str] = "server, orchestrator"
    type: Literal["session:stopping"] = "session:stopping"
    reason: str
    by: Literal["person", "server", "orchestrator"] = "person"


class SummaryTask(_Part):
    """What came of one task."""

    task: str
    title: str
    status: Literal["completed", "failed", "not done", "dropped"]
    agent: str | None = None
    attempts: int = 0
    result: str = ""
    """What the agent said it did, or why it was not done."""
    artifacts: tuple[str, ...] = ()
    seconds: float | None = None


class SummaryAgent(_Part):
    """What one agent did."""

    agent: str
    name: str
    steps: int
    tasks: tuple[str, ...] = ()
    ended: Literal["terminated", "lost"] = "terminated"


class Summary(_Part):
    """What came of the session. `text` is for a person; the rest is what it rests on."""

    text: str
    tasks: tuple[SummaryTask, ...] = ()
    agents: tuple[SummaryAgent, ...] = ()
    artifacts: tuple[str, ...] = ()
    seconds: float = 0.0


class SessionComplete(Event):
    """All agents are done. Last event of every log."""

    said_by: ClassVar[str] = "orchestrator"
    type: Literal["session:complete"] = "session:complete"
    outcome: Outcome
    summary: Summary


class TaskCreated(Event):
    """The orchestrator put a task on the whiteboard."""

    said_by: ClassVar[str] = "orchestrator"
    type: Literal["task:created"] = "task:created"
    task: str
    title: str
    instructions: str
    needs: tuple[str, ...] = ()
    """Tasks whose results this one waits for."""


class TaskAssigned(Event):
    """A task was pushed to an agent."""

    said_by: ClassVar[str] = "orchestrator"
    type: Literal["task:assigned"] = "task:assigned"
    agent: str
    task: str
    attempt: Annotated[int, Field(ge=1)]


class TaskCompleted(Event):
    """An agent finished a task. `result` says what it did, in a few sentences."""

    said_by: ClassVar[str] = "worker"
    type: Literal["task:completed"] = "task:completed"
    agent: str
    task: str
    attempt: Annotated[int, Field(ge=1)]
    result: str
    artifacts: tuple[str, ...] = ()


class TaskFailed(Event):
    """One attempt at a task failed; the orchestrator decides whether there is another."""

    said_by: ClassVar[str] = "worker, orchestrator"
    type: Literal["task:failed"] = "task:failed"
    agent: str
    task: str
    attempt: Annotated[int, Field(ge=1)]
    reason: str


class TaskChanged(Event):
    """The planner worded a task anew that nobody had begun, after what others found."""

    said_by: ClassVar[str] = "orchestrator"
    type: Literal["task:changed"] = "task:changed"
    task: str
    title: str
    instructions: str


class TaskDropped(Event):
    """The planner took a task back that nobody had begun: what others found makes it needless. Those that need it no longer wait for it."""

    said_by: ClassVar[str] = "orchestrator"
    type: Literal["task:dropped"] = "task:dropped"
    task: str
    reason: str


class TaskAbandoned(Event):
    """The task will not be done: its attempts are used up, a task it needs was not done, or the session was stopped."""

    said_by: ClassVar[str] = "orchestrator"
    type: Literal["task:abandoned"] = "task:abandoned"
    task: str
    reason: str


class AgentHired(Event):
    """The orchestrator asked the engine for a worker process."""

    said_by: ClassVar[str] = "orchestrator"
    type: Literal["agent:hired"] = "agent:hired"
    agent: str
    name: str
    engine: str


class DeskCreated(Event):
    """There is a machine for the agent's desk, though nothing is on it yet. `machine` is the provider's own name for it, by which it can
    be found and ended there whatever becomes of the worker."""

    said_by: ClassVar[str] = "worker"
    type: Literal["desk:created"] = "desk:created"
    agent: str
    desk: str
    provider: str
    machine: str


class AgentReady(Event):
    """The worker runs, its desk is open and can be watched. `seconds` is from the worker's first line of code to here."""

    said_by: ClassVar[str] = "worker"
    type: Literal["agent:ready"] = "agent:ready"
    agent: str
    pid: int
    desk: str
    provider: str
    width: int
    height: int
    seconds: float


class Timings(_Part):
    """Where a step's time went, in milliseconds."""

    think: float = 0.0
    act: float = 0.0
    settle: float = 0.0
    frame: float = 0.0


class AgentThinking(Event):
    """One line of the action log: what the agent does, in words («Typing 214 characters»), with what came of it."""

    said_by: ClassVar[str] = "worker"
    type: Literal["agent:thinking"] = "agent:thinking"
    agent: str
    task: str | None = None
    step: int
    says: str
    tool: str = ""
    actions: tuple[dict[str, Any], ...] = ()
    """What was done, as the tool was called: `{"do": "left_click", "x": 10, "y": 20}`; long text is cut."""
    frame: str | None = None
    """Content hash of the screenshot taken after it."""
    settled: str | None = None
    """Why the wait for a quiet screen ended: quiet, nothing, animating, cap."""
    error: str | None = None
    by: Literal["brain", "client"] = "brain"
    """client: another MCP client drove the desk through the agent's address."""
    timings: Timings = Timings()


class AgentReasoning(Event):
    """A piece of the brain's raw reasoning for a step, as it arrives; the pieces of a step are read one after another."""

    said_by: ClassVar[str] = "worker"
    type: Literal["agent:reasoning"] = "agent:reasoning"
    agent: str
    task: str | None = None
    step: int
    text: str


class AgentSpent(Event):
    """The agent's model was called."""

    said_by: ClassVar[str] = "worker"
    type: Literal["agent:spent"] = "agent:spent"
    agent: str
    task: str | None = None
    step: int
    spending: Spending


class AgentPaused(Event):
    """A person paused the agent: it finishes the action under way and waits."""

    said_by: ClassVar[str] = "server"
    type: Literal["agent:paused"] = "agent:paused"
    agent: str


class AgentResumed(Event):
    """A person let the agent go on."""

    said_by: ClassVar[str] = "server"
    type: Literal["agent:resumed"] = "agent:resumed"
    agent: str


class AgentSteered(Event):
    """A person told the agent something; its brain reads it before its next step."""

    said_by: ClassVar[str] = "server"
    type: Literal["agent:steered"] = "agent:steered"
    agent: str
    text: str


class AgentTaken(Event):
    """A person took the desk over: their clicks and keys go through, the agent waits. `by` names the person's browser tab."""

    said_by: ClassVar[str] = "server"
    type: Literal["agent:taken"] = "agent:taken"
    agent: str
    by: str


class AgentReleased(Event):
    """The desk was handed back; the brain is told and goes on."""

    said_by: ClassVar[str] = "server"
    type: Literal["agent:released"] = "agent:released"
    agent: str
    by: str


class AgentAsked(Event):
    """The agent asks a person something and waits."""

    said_by: ClassVar[str] = "worker"
    type: Literal["agent:asked"] = "agent:asked"
    agent: str
    task: str | None = None
    question: str
    text: str


class AgentAnswered(Event):
    """A person answered a question."""

    said_by: ClassVar[str] = "server"
    type: Literal["agent:answered"] = "agent:answered"
    agent: str
    question: str
    text: str


class AgentDismissed(Event):
    """The orchestrator has no more work for the agent."""

    said_by: ClassVar[str] = "orchestrator"
    type: Literal["agent:dismissed"] = "agent:dismissed"
    agent: str
    reason: str


class AgentLost(Event):
    """The worker process ended without saying so; its desk is gone with it."""

    said_by: ClassVar[str] = "orchestrator"
    type: Literal["agent:lost"] = "agent:lost"
    agent: str
    reason: str


class AgentTerminated(Event):
    """The agent finished all work and its desk is destroyed."""

    said_by: ClassVar[str] = "worker"
    type: Literal["agent:terminated"] = "agent:terminated"
    agent: str
    reason: str
    steps: int = 0


class ArtifactSaved(Event):
    """A file the agent made was copied off its desk into the session's folder."""

    said_by: ClassVar[str] = "worker"
    type: Literal["artifact:saved"] = "artifact:saved"
    agent: str
    task: str
    attempt: Annotated[int, Field(ge=1)]
    artifact: str
    """Its id within the session."""
    name: str
    path: str
    """Where it was on the desk, relative to the home folder."""
    bytes: int
    media_type: str
    blob: str
    """Content hash under which the session's folder keeps it."""


AnyEvent = Annotated[
    SessionCreated
    | SessionPlanned
    | SessionSpent
    | SessionStopping
    | SessionComplete
    | TaskCreated
    | TaskAssigned
    | TaskCompleted
    | TaskFailed
    | TaskChanged
    | TaskDropped
    | TaskAbandoned
    | AgentHired
    | DeskCreated
    | AgentReady
    | AgentThinking
    | AgentReasoning
    | AgentSpent
    | AgentPaused
    | AgentResumed
    | AgentSteered
    | AgentTaken
    | AgentReleased
    | AgentAsked
    | AgentAnswered
    | AgentDismissed
    | AgentLost
    | AgentTerminated
    | ArtifactSaved,
    Field(discriminator="type"),
]

EVENT_TYPES: dict[str, type[Event]] = {member.model_fields["type"].default: member for member in get_args(get_args(AnyEvent)[0])}
"""Every event class by its name."""

_adapter: TypeAdapter[Event] = TypeAdapter(AnyEvent)


def event_from_json(text: str | bytes) -> Event:
    """Read one event from its JSON text. Raises `pydantic.ValidationError`."""
    return _adapter.validate_json(text)


def event_from_object(value: object) -> Event:
    """Read one event from a decoded JSON object. Raises `pydantic.ValidationError`."""
    return _adapter.validate_python(value)
