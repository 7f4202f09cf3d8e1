"""The exception tree. Every message is one sentence for a person: what happened and what to do.

    HotdeskError
    ├── BadInput                 the caller asked for something that cannot be; HTTP 422, exit code 2
    │   └── NotFound             no such session, agent, artifact, file; HTTP 404
    ├── Conflict                 right question, wrong moment (already stopped, taken by another); HTTP 409
    ├── Refused                  not allowed: wrong origin, missing token; HTTP 403
    ├── MissingRequirement       a package, kernel feature, key or port is missing; carries the remedy
    ├── LogError                 the event log could not be read or written
    │   └── SessionBusy          another process conducts this session
    ├── DeskError                a desk could not do what it was asked
    │   ├── DeskUnavailable      it could not be opened (capacity, quota, key)
    │   ├── DeskGone             it was closed, killed or lost; nothing more will work on it
    │   └── DeskRefused          this one action is not possible (outside the screen, no such application or file)
    ├── BrainError               the model failed in a way the loop cannot mend
    └── EngineError              a worker process could not be placed

Vendor exceptions are translated into these at the edge (the adapter), never further in.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = [
    "BadInput",
    "BrainError",
    "Conflict",
    "DeskError",
    "DeskGone",
    "DeskRefused",
    "DeskUnavailable",
    "EngineError",
    "HotdeskError",
    "LogError",
    "MissingRequirement",
    "NotFound",
    "Refused",
    "SessionBusy",
    "alone",
]


class HotdeskError(Exception):
    """Base of all errors that Hotdesk raises on purpose; `str(error)` is a sentence for a person."""


class BadInput(HotdeskError):
    """The caller asked for something that cannot be."""


class NotFound(BadInput):
    """There is no such thing."""


class Conflict(HotdeskError):
    """The request makes sense, but not in the present state."""


class Refused(HotdeskError):
    """The caller may not do this."""


class MissingRequirement(HotdeskError):
    """Something this machine or configuration lacks; `remedy` says how to get it."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(f"{message} {remedy}")
        self.message = message
        self.remedy = remedy


class LogError(HotdeskError):
    """The event log could not be read or written."""


class SessionBusy(LogError):
    """Another process conducts this session."""


class DeskError(HotdeskError):
    """A desk could not do what it was asked."""


class DeskUnavailable(DeskError):
    """A desk could not be opened."""


class DeskGone(DeskError):
    """The desk was closed, killed or lost."""


class DeskRefused(DeskError):
    """This one action is not possible on this desk; others may be."""


class BrainError(HotdeskError):
    """The model failed in a way the loop cannot mend."""


class EngineError(HotdeskError):
    """A worker process could not be placed."""


@contextmanager
def alone() -> Iterator[None]:
    """Around a task group: one error that leaves it is raised as itself, not as a group of one."""
    try:
        yield
    except BaseExceptionGroup as group:
        leaves = list(_leaves(group))
        if len(leaves) == 1:
            raise leaves[0] from group
        raise


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error
