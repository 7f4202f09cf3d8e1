"""Picks the brain from the settings, importing only that one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hotdesk.brains.base import Brain
from hotdesk.errors import BadInput
from hotdesk.models import SCRIPTED, ModelName, label, names
from hotdesk.settings import MindSettings

if TYPE_CHECKING:
    from hotdesk.brains.thinking import ThinkingBrain

FEW = 3
"""Tries of a model for which another can step in."""


class _Labels(dict[str, str]):
    """What a brain is called, by its name; any model's name is known."""

    def __missing__(self, name: str) -> str:
        return label(name)


BRAIN_LABELS = _Labels({name: SCRIPTED[name] for name in ("rehearsal", "nobody")})


def choose_brain(settings: MindSettings) -> Brain:
    """The brain that `settings.brain` names. Raises `BadInput`, `MissingRequirement`."""
    if settings.brain == "nobody":
        from hotdesk.brains.nobody import NobodyBrain  # noqa: PLC0415

        return NobodyBrain()
    if settings.brain == "rehearsal":
        from hotdesk.brains.rehearsal import RehearsalBrain  # noqa: PLC0415

        return RehearsalBrain(settings.rehearsal_pace)
    models = names(settings.brain)
    if not models:
        raise BadInput(f"«{settings.brain}» is no brain.")
    if len(models) == 1:
        return _brain(models[0], settings)
    from hotdesk.brains.fallback import FallbackBrain  # noqa: PLC0415

    *first, last = models
    return FallbackBrain([*(_brain(model, settings, FEW) for model in first), _brain(last, settings)])


def _brain(model: ModelName, settings: MindSettings, tries: int = 6) -> ThinkingBrain:
    if model.vendor == "dedalus":
        from hotdesk.brains.dedalus import DedalusBrain  # noqa: PLC0415

        return DedalusBrain(model, settings, tries=tries)
    from hotdesk.brains.models import ModelBrain  # noqa: PLC0415

    return ModelBrain(model, settings, tries=tries)
