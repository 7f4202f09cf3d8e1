"""Picks the planner from the settings, importing only that one."""

from __future__ import annotations

from hotdesk.errors import BadInput
from hotdesk.orchestrator.planner import OneTask, Planner
from hotdesk.settings import MindSettings

PLANNER_LABELS = {"rehearsal": "Rehearsal, without a model", "one": "None: the prompt is one task"}


def choose_planner(settings: MindSettings) -> Planner:
    """The planner that `settings.planner` names. Raises `BadInput`."""
    if settings.planner == "one":
        return OneTask()
    if settings.planner != "rehearsal":
        raise BadInput(f"There is no planner «{settings.planner}». HOTDESK_PLANNER can be: rehearsal, one.")
    from hotdesk.orchestrator.rehearsal import RehearsalPlanner  # noqa: PLC0415

    return RehearsalPlanner()
