"""Picks the planner from the settings, importing only that one."""

from __future__ import annotations

from hotdesk.errors import BadInput
from hotdesk.models import SCRIPTED, label, names
from hotdesk.orchestrator.planner import OneTask, Planner
from hotdesk.settings import MindSettings


class _Labels(dict[str, str]):
    """What a planner is called, by its name; any model's name is known."""

    def __missing__(self, name: str) -> str:
        return label(name)


PLANNER_LABELS = _Labels({name: SCRIPTED[name] for name in ("rehearsal", "one")})


def choose_planner(settings: MindSettings) -> Planner:
    """The planner that `settings.planner` names; one for each session. Raises `BadInput`, `MissingRequirement`."""
    if settings.planner == "one":
        return OneTask()
    if settings.planner == "rehearsal":
        from hotdesk.orchestrator.rehearsal import RehearsalPlanner  # noqa: PLC0415

        return RehearsalPlanner()
    models = names(settings.planner, "planner")
    if not models:
        raise BadInput(f"«{settings.planner}» is no planner.")
    from hotdesk.orchestrator.model_planner import ModelPlanner  # noqa: PLC0415

    return ModelPlanner(models, settings)
