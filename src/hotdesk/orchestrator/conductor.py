"""The conductor of one session: plans, hires, pushes tasks, notices who is lost, and closes the session.

`conduct` holds the conductor's lock and returns when `session:complete` is in the log. All it knows it has from the log: it folds what it
follows, decides by the pure functions of `assignment`, and appends. It decides only on a whiteboard that contains everything it has
appended itself, so nothing is decided twice. Every worker belongs to the conductor's task group: when it ends, they end, within
`engines.base.GRACE`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Literal

import anyio
from anyio.abc import TaskGroup

from hotdesk import events as ev
from hotdesk.engines.base import Engine, Worker
from hotdesk.errors import HotdeskError, alone
from hotdesk.events import SERVER_STOPS
from hotdesk.logs.base import Log
from hotdesk.orchestrator.assignment import abandoned, assign, is_over, open_tasks, over_budget, superfluous, wanted
from hotdesk.orchestrator.planner import Plan, PlannedTask, Planner, Review, checked
from hotdesk.orchestrator.summary import outcome, summarise
from hotdesk.whiteboard import Whiteboard, fold, fold_all

__all__ = ["Conductor", "close", "desk_of"]

NAMES = ("Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Radia", "Claude", "Frances", "Tim", "Hedy", "Dennis", "Karen", "Linus")
SHUTDOWN = 5.0
"""Seconds the last words (lost agents, the summary) may take once a session is being cancelled."""

SUMMING = 90.0
"""Seconds the planner may take to sum up before the plain summary stands alone."""

logger = logging.getLogger(__name__)


def desk_of(session: str, agent: str) -> str:
    """The id of an agent's desk: known before the desk exists, so that anybody can find or end it."""
    return f"{session}-{agent}"


class Conductor:
    def __init__(self, log: Log, engine: Engine, planner: Planner, clear: Callable[[str, str], Awaitable[object]]) -> None:
        """`clear(desk_id, provider)` destroys what a lost worker may have left of its desk."""
        self._log = log
        self._engine = engine
        self._planner = planner
        self._clear = clear
        self._board = Whiteboard()
        self._appended = 0
        self._workers: dict[str, Worker] = {}
        self._pending = 0
        """Plans and reviews under way: the session is not over while there is one."""
        self._tasks = 0
        """Tasks put on the whiteboard so far, those included that the fold has not seen yet."""
        self._ending = False
        self._summed: str | None = None
        self._summing = False
        self._deciding = anyio.Lock()

    async def conduct(self) -> None:
        """Bring the session from `session:created` to `session:complete`."""
        with self._log.conduct(), alone():
            try:
                async with anyio.create_task_group() as tasks, self._log.follow() as events:
                    async for event in events:
                        self._board = fold(self._board, event)
                        await self._heed(event, tasks)
                        if isinstance(event, ev.SessionComplete):
                            tasks.cancel_scope.cancel()
                            break
                        await self._decide(tasks)
            finally:
                with anyio.CancelScope(shield=True), anyio.move_on_after(SHUTDOWN):
                    await self._close()

    async def _say(self, *events: ev.Event) -> None:
        self._appended = max(self._appended, (await self._log.append(*events))[-1].seq)

    async def _heed(self, event: ev.Event, tasks: TaskGroup) -> None:
        match event:
            case ev.SessionCreated():
                self._pending += 1
                tasks.start_soon(self._plan, event)
                if event.limits.minutes is not None:
                    tasks.start_soon(self._watch_the_clock, event)
            case ev.TaskCompleted():
                self._pending += 1
                tasks.start_soon(self._review, event.task, tasks)
            case ev.SessionStopping() if not self._ending:
                self._ending = True
                for worker in self._workers.values():
                    tasks.start_soon(worker.end)
            case _:
                pass

    async def _watch_the_clock(self, created: ev.SessionCreated) -> None:
        minutes = created.limits.minutes or 0.0
        await anyio.sleep(max(0.0, created.at + minutes * 60 - time.time()))
        if self._board.status not in ("stopping", "complete"):
            await self._say(ev.SessionStopping(reason=f"The session's {minutes:g} minutes are used up.", by="orchestrator"))

    async def _plan(self, created: ev.SessionCreated) -> None:
        try:
            plan = await self._planner.plan(created.prompt, created.agents)
        except HotdeskError as error:
            plan = Plan(f"No plan could be made ({error}), so the prompt is one task.", [])
        finally:
            await self._say_spent("plan")
        planned = checked(plan.tasks, (), created.limits.tasks)
        if not planned:
            planned = [PlannedTask(created.prompt.strip()[:80], created.prompt)]
        await self._say(ev.SessionPlanned(says=plan.says, tasks=len(planned)), *self._created(planned))
        self._pending -= 1

    async def _review(self, task: str, tasks: TaskGroup) -> None:
        try:
            review = await self._planner.review(self._board, task)
        except HotdeskError as error:
            logger.warning("The planner could not review %s: %s", task, error)
            review = Review()
        finally:
            await self._say_spent("review")
        self._pending -= 1
        if self._board.status == "running" and (said := self._changes(review)):
            await self._say(*said)
        await self._decide(tasks)

    def _changes(self, review: Review) -> list[ev.Event]:
        """The review as events: only what can still be changed, and within the bound on tasks."""
        open_to_change = {task.id for task in self._board.tasks.values() if task.status == "waiting" and not task.attempt}
        said: list[ev.Event] = [ev.TaskDropped(task=task, reason=why) for task, why in review.drop.items() if task in open_to_change]
        said += [
            ev.TaskChanged(task=new.task, title=new.title, instructions=new.instructions)
            for new in review.reword
            if new.task in open_to_change - review.drop.keys()
        ]
        return said + self._created(checked(review.add, tuple(self._board.tasks), self._board.limits.tasks - self._tasks))

    async def _say_spent(self, what: Literal["plan", "review", "summary"]) -> None:
        used, self._planner.usage = self._planner.usage, []
        for usage in used:
            spending = ev.Spending(model=usage.model, input=usage.input, cached=usage.cached, output=usage.output, dollars=usage.dollars)
            await self._say(ev.SessionSpent(what=what, spending=spending))

    async def _sum_up(self, board: Whiteboard, tasks: TaskGroup) -> None:
        """Let the planner say what it came to, once everything is over."""
        with anyio.move_on_after(SUMMING):
            try:
                self._summed = await self._planner.summary(board)
            except HotdeskError as error:
                logger.warning("The planner could not sum up: %s", error)
        self._summed = self._summed or ""
        await self._say_spent("summary")
        await self._decide(tasks)

    def _created(self, planned: list[PlannedTask]) -> list[ev.Event]:
        count, self._tasks = self._tasks, self._tasks + len(planned)
        return [
            ev.TaskCreated(
                task=f"t{number}",
                title=task.title,
                instructions=task.instructions,
                needs=tuple(f"t{need + count + 1}" if isinstance(need, int) else need for need in task.needs),
            )
            for number, task in enumerate(planned, count + 1)
        ]

    async def _decide(self, tasks: TaskGroup) -> None:
        async with self._deciding:
            if self._board.last < self._appended or self._board.status in ("planning", "complete"):
                return
            said, hired = self._next(self._board)
            if not said and not self._pending and is_over(self._board):
                if self._summed is None:
                    if not self._summing:
                        self._summing = True
                        tasks.start_soon(self._sum_up, self._board, tasks)
                    return
                said = [self._end(self._board)]
            if said:
                await self._say(*said)
            for agent in hired:
                tasks.start_soon(self._employ, agent)

    def _next(self, board: Whiteboard) -> tuple[list[ev.Event], list[str]]:
        """What to say now, and whom to employ with it."""
        if board.status == "running" and (reason := over_budget(board)):
            return [ev.SessionStopping(reason=reason, by="orchestrator")], []
        said: list[ev.Event] = [ev.TaskAbandoned(task=task, reason=reason) for task, reason in abandoned(board)]
        if said:
            return said, []
        said += [ev.TaskAssigned(task=a.task, agent=a.agent, attempt=a.attempt) for a in assign(board)]
        hired = [f"a{len(board.agents) + number}" for number in range(1, wanted(board) + 1)]
        said += [ev.AgentHired(agent=agent, name=_name(agent), engine=self._engine.name) for agent in hired]
        if not self._pending:
            said += [ev.AgentDismissed(agent=agent, reason="No work remains.") for agent in superfluous(board)]
        return said, hired

    def _end(self, board: Whiteboard) -> ev.SessionComplete:
        interrupted = board.stop_reason == SERVER_STOPS
        summary = summarise(board, time.time(), interrupted, self._summed or "")
        return ev.SessionComplete(outcome=outcome(board, interrupted), summary=summary)

    async def _employ(self, agent: str) -> None:
        """Have one worker from its placing to its end, whatever that is."""
        desk = desk_of(self._log.session, agent)
        try:
            async with self._engine.place(self._log, agent) as worker:
                self._workers[agent] = worker
                desk = worker.desk or desk
                if self._ending:
                    await worker.end()
                how = await worker.ended()
        except HotdeskError as error:
            how = str(error)
        finally:
            self._workers.pop(agent, None)
        board = fold_all(await self._log.read(self._board.last), self._board)
        await self._clear(desk, board.desks)
        if board.agents[agent].alive:
            await self._say(ev.AgentLost(agent=agent, reason=f"The worker process ended unexpectedly: {how}"))

    async def _close(self) -> None:
        """Whatever happened, leave a log that says so."""
        board = fold_all(await self._log.read(self._board.last), self._board)
        await close(self._log, board)


async def close(log: Log, board: Whiteboard) -> None:
    """Bring the log of a session whose workers are all gone to an honest end. Does nothing if it has one."""
    if board.status == "complete":
        return
    said: list[ev.Event] = [ev.AgentLost(agent=a.id, reason=SERVER_STOPS) for a in board.agents.values() if a.alive]
    said += [ev.TaskAbandoned(task=task.id, reason=SERVER_STOPS) for task in open_tasks(board)]
    board = fold_all(said, board)
    now = max(time.time(), board.created_at)
    said.append(ev.SessionComplete(outcome=outcome(board, True), summary=summarise(board, now, True)))
    await log.append(*said)


def _name(agent: str) -> str:
    number = int(agent[1:]) - 1
    turn, index = divmod(number, len(NAMES))
    return NAMES[index] if not turn else f"{NAMES[index]} {turn + 1}"
