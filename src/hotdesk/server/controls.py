"""Who controls which desk.

Promises: a desk is under the control of at most one holder of a secret. The secret lives in this process alone and is worth nothing from
the moment the desk is released, stolen or closed.
"""

from __future__ import annotations

import hmac
import secrets
from collections import defaultdict
from dataclasses import dataclass, field

import anyio

__all__ = ["Control", "Controls"]


@dataclass(eq=False, slots=True)
class Control:
    """One person's control over one desk. `lost` is set when it ends."""

    by: str
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    lost: anyio.Event = field(default_factory=anyio.Event)


class Controls:
    """Who controls which desk."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], Control] = {}
        self.turns: defaultdict[str, anyio.Lock] = defaultdict(anyio.Lock)
        """What is done to a session's agents is done one after another, so that log and controls agree."""

    def held(self, session: str, agent: str) -> Control | None:
        return self._held.get((session, agent))

    def by_secret(self, session: str, agent: str, secret: str | None) -> Control | None:
        """The control that `secret` gives now, if any."""
        control = self.held(session, agent)
        right = control is not None and hmac.compare_digest(control.secret.encode(), (secret or "").encode())
        return control if right else None

    def give(self, session: str, agent: str, control: Control) -> None:
        self.end(session, agent)
        self._held[session, agent] = control

    def end(self, session: str, agent: str) -> None:
        """From here on nobody controls the desk."""
        if control := self._held.pop((session, agent), None):
            control.lost.set()
