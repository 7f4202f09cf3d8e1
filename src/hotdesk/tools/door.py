"""What the tools need of the door: the one place through which everything done to a desk passes.

The door itself is the worker's; the tools only know that a deed given to it is gated, counted, settled, framed and logged.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from hotdesk.desks.base import Desk, Image
from hotdesk.errors import HotdeskError


class Interrupted(HotdeskError):
    """The deed was not done: a person paused the agent or took the desk over meanwhile, so it may no longer fit the screen."""


class Closed(HotdeskError):
    """The deed was not done: the agent's task or session is over."""


@dataclass(frozen=True, slots=True)
class Deed:
    """Something to do at the desk. `says` is what a person reads («Typing 214 characters»)."""

    tool: str
    says: str
    do: Callable[[Desk], Awaitable[str]]
    """Does it and returns the text of the result."""
    actions: tuple[Mapping[str, Any], ...] = ()
    settles: bool = True
    """Whether it can change the screen, so that the screen has to come to rest after it."""
    shows: bool = True
    """Whether what came of it is told with the screen. If not, a screen that has changed is told with the next deed that is."""


@dataclass(frozen=True, slots=True)
class Passed:
    """What came of a deed."""

    text: str
    image: Image
    digest: str
    changed: bool
    """Whether the frame differs from the one that who asked was shown last."""


class Door(Protocol):
    async def through(self, deed: Deed) -> Passed:
        """Raises `Interrupted`, `Closed`, or what the deed raised."""
        ...
