"""An agent is hired: how long until its worker and its desk are ready, from the warm pool, forked, and started anew as peers do.

The engine, the worker processes and the local desks are the real ones. Measured is from the claim (the engine is asked to place a worker)
until `agent:ready` has come out of the log: the worker runs, knows its session, and its desk can be seen and used.
"""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

import anyio

from bench.equipment.desks import desks_here
from bench.equipment.report import Row
from hotdesk import events as ev
from hotdesk.engines.local import LocalEngine
from hotdesk.logs.base import Log
from hotdesk.logs.sqlite import SqliteLogs
from hotdesk.settings import DeskSettings, MindSettings, SessionSettings, environment, read

TITLE = "From the claim of a worker to a worker at a desk that is ready"

GOAL = 20.0
"""Milliseconds, at the median, from the warm pool."""
ROUNDS, QUICK_ROUNDS = 15, 1
SEVERAL = 4
"""Agents hired at one time."""
BOUND = 60.0
"""Seconds to wait for anything."""


async def run(quick: bool) -> list[Row]:
    async with desks_here() as (_, run_dir), AsyncExitStack() as stack:
        place = _Place(run_dir.path, stack)
        warm = await stack.enter_async_context(place.engine(warm=SEVERAL))
        forked = await stack.enter_async_context(place.engine())
        anew = await stack.enter_async_context(place.engine(forks=False))
        one: dict[str, list[float]] = {"warm": [], "forked": [], "anew": []}
        four: dict[str, list[float]] = {"warm": [], "forked": [], "anew": []}
        for _ in range(QUICK_ROUNDS if quick else ROUNDS):
            for name, engine in (("warm", warm), ("forked", forked), ("anew", anew)):
                await _full(warm)
                one[name] += await place.hire(engine, 1)
                await _full(warm)
                four[name].append(max(await place.hire(engine, SEVERAL)))
    anew_is = "a process started anew, its desk opened then"
    return [
        Row("one, from the warm pool", median(one["warm"]), "ms", median(one["anew"]), anew_is, at_most=GOAL),
        Row("one, forked, its desk opened then", median(one["forked"]), "ms", median(one["anew"]), anew_is),
        Row(f"the last of {SEVERAL} at once, from the warm pool", median(four["warm"]), "ms", median(four["anew"]), anew_is),
        Row(f"the last of {SEVERAL} at once, forked", median(four["forked"]), "ms", median(four["anew"]), anew_is),
    ]


async def _full(engine: LocalEngine) -> None:
    """Until the pool is full again: nothing of it may run beside what is measured."""
    with anyio.fail_after(BOUND):
        while engine.warm < SEVERAL:  # noqa: ASYNC110 - it fills in other processes
            await anyio.sleep(0.05)
    await anyio.sleep(0.2)


class _Place:
    def __init__(self, run_dir: Path, stack: AsyncExitStack) -> None:
        self._run_dir = run_dir
        self._logs = SqliteLogs(run_dir.parent / "data")
        self._stack = stack
        self._sessions = 0

    def engine(self, warm: int = 0, forks: bool = True) -> LocalEngine:
        desks = read(DeskSettings, desks="local", internet="none", run_dir=self._run_dir)
        surroundings = environment(read(SessionSettings), desks, read(MindSettings, brain="nobody", planner="one"))
        return LocalEngine(surroundings, warm, "local", None, forks)

    async def hire(self, engine: LocalEngine, agents: int) -> list[float]:
        """Hire so many for a new session at once, and let them go; milliseconds until each was ready."""
        self._sessions += 1
        log = await self._stack.enter_async_context(await self._logs.create(f"s{self._sessions}"))
        await log.append(ev.SessionCreated(prompt="p", agents=agents, planner="one", brain="nobody", desks="local", rehearsal=True))
        names = [f"a{number + 1}" for number in range(agents)]
        await log.append(*(ev.AgentHired(agent=name, name=name, engine="local") for name in names))
        took: dict[str, float] = {}
        began = time.perf_counter()
        async with anyio.create_task_group() as tasks:
            for name in names:
                tasks.start_soon(_employ, engine, log, name)
            with anyio.fail_after(BOUND):
                async with log.follow() as events:
                    async for event in events:
                        if isinstance(event, ev.AgentReady):
                            took[event.agent] = (time.perf_counter() - began) * 1000
                            if len(took) == agents:
                                break
            await log.append(*(ev.AgentDismissed(agent=name, reason="Measured.") for name in names))
        return list(took.values())


async def _employ(engine: LocalEngine, log: Log, agent: str) -> None:
    async with engine.place(log, agent) as worker:
        await worker.ended()
