"""Hypothesis strategies: sessions as they could have been written by anybody, in any order, late and twice."""

from __future__ import annotations

from hypothesis import strategies as st

from hotdesk import events as ev

agents = st.sampled_from(["a1", "a2", "a3", "nobody"])
tasks = st.sampled_from(["t1", "t2", "t3", "nothing"])
attempts = st.integers(1, 3)
words = st.text(max_size=12)

spending = st.builds(
    ev.Spending,
    model=words,
    input=st.integers(0, 9),
    cached=st.integers(0, 9),
    output=st.integers(0, 9),
    dollars=st.none() | st.sampled_from([0.0, 0.25, 0.5]),
)

event = st.one_of(
    st.builds(ev.SessionCreated, prompt=words, agents=st.integers(1, 4), planner=words, brain=words, desks=words, rehearsal=st.booleans()),
    st.builds(ev.SessionPlanned, says=words, tasks=st.integers(0, 3)),
    st.builds(ev.SessionStopping, reason=words),
    st.builds(
        ev.SessionComplete,
        outcome=st.sampled_from(["completed", "failed", "stopped", "interrupted"]),
        summary=st.builds(ev.Summary, text=words),
    ),
    st.builds(ev.TaskCreated, task=tasks, title=words, instructions=words, needs=st.lists(tasks, max_size=2).map(tuple)),
    st.builds(ev.TaskAssigned, agent=agents, task=tasks, attempt=attempts),
    st.builds(ev.TaskCompleted, agent=agents, task=tasks, attempt=attempts, result=words, artifacts=st.just(("f1", "f2"))),
    st.builds(ev.TaskFailed, agent=agents, task=tasks, attempt=attempts, reason=words),
    st.builds(ev.TaskAbandoned, task=tasks, reason=words),
    st.builds(ev.TaskDropped, task=tasks, reason=words),
    st.builds(ev.TaskChanged, task=tasks, title=words, instructions=words),
    st.builds(ev.AgentHired, agent=agents, name=words, engine=st.just("local")),
    st.builds(ev.DeskCreated, agent=agents, desk=words, provider=words, machine=words),
    st.builds(
        ev.AgentReady,
        agent=agents,
        pid=st.integers(1, 99),
        desk=words,
        provider=words,
        width=st.just(1280),
        height=st.just(800),
        seconds=st.just(0.1),
    ),
    st.builds(ev.AgentThinking, agent=agents, task=tasks, step=st.integers(1, 9), says=words, frame=st.none() | st.just("f" * 40)),
    st.builds(ev.AgentReasoning, agent=agents, task=tasks, step=st.integers(1, 9), text=words),
    st.builds(ev.AgentSpent, agent=agents, step=st.integers(1, 9), spending=spending),
    st.builds(ev.SessionSpent, what=st.just("plan"), spending=spending),
    st.builds(ev.AgentPaused, agent=agents),
    st.builds(ev.AgentResumed, agent=agents),
    st.builds(ev.AgentSteered, agent=agents, text=words),
    st.builds(ev.AgentTaken, agent=agents, by=words),
    st.builds(ev.AgentReleased, agent=agents, by=words),
    st.builds(ev.AgentAsked, agent=agents, question=words, text=words),
    st.builds(ev.AgentAnswered, agent=agents, question=words, text=words),
    st.builds(ev.AgentDismissed, agent=agents, reason=words),
    st.builds(ev.AgentLost, agent=agents, reason=words),
    st.builds(ev.AgentTerminated, agent=agents, reason=words, steps=st.integers(0, 9)),
    st.builds(
        ev.ArtifactSaved,
        agent=agents,
        task=tasks,
        attempt=attempts,
        artifact=st.sampled_from(["f1", "f2"]),
        name=words,
        path=words,
        bytes=st.integers(0, 9),
        media_type=st.just("text/plain"),
        blob=st.just("f" * 40),
    ),
)


def numbered(events: list[ev.Event]) -> list[ev.Event]:
    return [e.model_copy(update={"seq": n, "at": 1000.0 + n, "session": "s1"}) for n, e in enumerate(events, 1)]


session = st.lists(event, max_size=60).map(numbered)
"""Any log at all, most of it nonsense."""
