"""Picks the brain from the settings, importing only that one."""

from __future__ import annotations

from hotdesk.brains.base import Brain
from hotdesk.errors import BadInput
from hotdesk.settings import MindSettings

BRAIN_LABELS = {"rehearsal": "Rehearsal, without a model", "nobody": "Nobody: the desk is yours"}


def choose_brain(settings: MindSettings) -> Brain:
    """The brain that `settings.brain` names. Raises `BadInput`."""
    if settings.brain == "nobody":
        from hotdesk.brains.nobody import NobodyBrain  # noqa: PLC0415

        return NobodyBrain()
    if settings.brain != "rehearsal":
        raise BadInput(f"There is no brain «{settings.brain}». HOTDESK_BRAIN can be: rehearsal, nobody.")
    from hotdesk.brains.rehearsal import RehearsalBrain  # noqa: PLC0415

    return RehearsalBrain(settings.rehearsal_pace)
