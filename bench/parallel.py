"""The same eight tasks with one, two, four and eight agents: a real `hotdesk serve`, worker processes, desks, a brain that mostly thinks.

The brain is the rehearsal's, whose thinking waits, at this pace for about two seconds a step (a model with a picture to look at seldom
takes less); its deeds at the desk are real. The time is from the plan to the last task's end, hiring and opening desks included. Peers do
one task after another: their time is the one of one agent here.
"""

from __future__ import annotations

from pathlib import Path

import anyio
import httpx

from bench.equipment.desks import desks_here, short_folder
from bench.equipment.report import CannotMeasure, Row
from hotdesk import events as ev
from hotdesk.logs.sqlite import SqliteLogs
from tests.hotdesk_process import Served, served

TITLE = "Eight tasks with one to eight agents"

SUBJECTS = ("the sea", "the wind", "old trains", "mountains", "the moon", "rivers", "bread", "winter")
GOALS = {4: 3.7, 8: 7.0}
SEQUENTIAL = "one after another, as peers do"


async def run(quick: bool) -> list[Row]:
    desks = "pretend" if quick or not await _local_desks() else "local"
    pace, subjects = ("0", SUBJECTS[:2]) if quick else ("5", SUBJECTS)
    took: dict[int, float] = {}
    with short_folder() as folder:
        settings = {"HOTDESK_MAX_AGENTS": "8", "HOTDESK_REHEARSAL_PACE": pace, "HOTDESK_BRAIN": "rehearsal", "HOTDESK_PLANNER": "rehearsal"}
        with served(folder / "d", desks, **settings) as server:
            if not quick:
                await _session(server, folder / "d", subjects[:2], 1)  # whatever is slow the first time
            for agents in (1, 2) if quick else (1, 2, 4, 8):
                took[agents] = await _session(server, folder / "d", subjects, agents)
    rows = [Row(f"{len(subjects)} tasks, one agent ({desks} desks)", took[1], "s")]
    for agents, seconds in took.items():
        if agents > 1:
            rows.append(
                Row(
                    f"{agents} agents: how many times as fast", took[1] / seconds, "times", 1.0, SEQUENTIAL, at_least=GOALS.get(agents, 1.8)
                )
            )
    return rows


async def _local_desks() -> bool:
    try:
        async with desks_here():
            return True
    except CannotMeasure:
        return False


async def _session(server: Served, data: Path, subjects: tuple[str, ...], agents: int) -> float:
    """Seconds from the plan to the last task's end. Raises `CannotMeasure` if one failed."""
    prompt = "\n".join(f"- Write a short text about {subject}" for subject in subjects)
    async with httpx.AsyncClient(base_url=server.address, trust_env=False, timeout=20) as client:
        answer = await client.post("/api/sessions", json={"prompt": prompt, "agents": agents})
        answer.raise_for_status()
    planned, ended, done = 0.0, 0.0, 0
    async with await SqliteLogs(data).open(answer.json()["id"]) as log, log.follow() as events:
        with anyio.fail_after(600):
            async for event in events:
                match event:
                    case ev.SessionPlanned():
                        planned = event.at
                    case ev.TaskCompleted():
                        ended, done = event.at, done + 1
                    case ev.SessionComplete():
                        break
    if done != len(subjects):
        raise CannotMeasure(f"{done} of {len(subjects)} tasks were completed.")
    return ended - planned
