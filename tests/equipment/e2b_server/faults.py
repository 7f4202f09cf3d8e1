"""Trouble on demand, for chosen requests, a chosen number of times.

Kinds:
    404, 429, 500, 502, 503 …   this HTTP error, in E2B's form (`retry_after`, `message`)
    vanish, expire              the sandbox really ends (killed, or its time over), then the request is answered as E2B answers
    hang                        accepted, never answered, until the client gives up
    reset                       the connection is reset
    cut                         the connection breaks off after `pieces` pieces of the answer (1: a process stream has started)
    end                         a stream ends in good order but without its end envelope, after `pieces` pieces
    slow                        `seconds` before it is looked at
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from tests.equipment.e2b_server.requests import Request

KINDS = ("vanish", "expire", "hang", "reset", "cut", "end", "slow")


@dataclass
class Fault:
    """One kind of trouble, until it has happened `times` times."""

    kind: str
    on: str = "*"
    """Which requests, by name: `create`, `Process/*`, `files/read`, `port/6080`."""
    times: int = 1
    after: int = 0
    """How many of them pass first."""
    command: str = ""
    """Only commands with this text."""
    sandbox: str = ""
    """Only this sandbox."""
    retry_after: int | None = None
    message: str = ""
    pieces: int = 1
    seconds: float = 0.0
    happened: int = 0

    @property
    def status(self) -> int:
        """The HTTP error, or 0."""
        return int(self.kind) if self.kind.isdecimal() else 0

    def meant_for(self, request: Request) -> bool:
        return (
            fnmatchcase(request.name, self.on)
            and (not self.sandbox or request.sandbox == self.sandbox)
            and (not self.command or self.command in (request.command or ""))
        )


class Faults:
    """What is to go wrong."""

    def __init__(self) -> None:
        self.all: list[Fault] = []

    def add(self, kind: str | int, on: str = "*", times: int = 1, **details: str | float | None) -> Fault:
        fault = Fault(str(kind), on, times, **details)  # type: ignore[arg-type]
        if not fault.status and fault.kind not in KINDS:
            raise ValueError(f"{kind} is no kind of trouble: an HTTP status or one of {', '.join(KINDS)}.")
        self.all.append(fault)
        return fault

    def clear(self) -> None:
        self.all.clear()

    def take(self, request: Request) -> Fault | None:
        """The trouble that this request gets."""
        for fault in self.all:
            if fault.happened < fault.times and fault.meant_for(request):
                if fault.after > 0:
                    fault.after -= 1
                    continue
                fault.happened += 1
                return fault
        return None
