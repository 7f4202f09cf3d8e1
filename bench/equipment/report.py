"""What a benchmark found: rows of ours beside a peer's, the machine, and the versions; as JSON or as a table."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

__all__ = ["Report", "Row", "machine", "show", "versions"]

_PACKAGES = ("hotdesk", "dedalus-labs", "pydantic-ai-slim", "anthropic", "mcp", "httpx", "anyio", "pillow")


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison. `peer_is` says whose number `peer` is. `at_most`: the goal for `ours`; `share`: the goal for ours / peer."""

    what: str
    ours: float
    unit: str
    peer: float | None = None
    peer_is: str | None = None
    at_most: float | None = None
    share: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.ours / self.peer if self.peer else None

    @property
    def goal(self) -> str | None:
        if self.share is not None:
            return f"ratio at most {self.share:.2f}"
        return None if self.at_most is None else f"under {self.at_most:g} {self.unit}"

    @property
    def met(self) -> bool | None:
        if self.share is not None and self.ratio is not None:
            return self.ratio <= self.share
        return None if self.at_most is None else self.ours < self.at_most

    def plain(self) -> dict[str, Any]:
        ratio = None if self.ratio is None else round(self.ratio, 4)
        return {
            "what": self.what,
            "ours": round(self.ours, 3),
            "peer": None if self.peer is None else round(self.peer, 3),
            "peer_is": self.peer_is,
            "unit": self.unit,
            "ratio": ratio,
            "goal": self.goal,
            "met": self.met,
        }


@dataclass(frozen=True, slots=True)
class Report:
    name: str
    title: str
    rows: Sequence[Row]
    machine: dict[str, Any]
    versions: dict[str, str]

    def json(self) -> str:
        found = {**asdict(self), "rows": [row.plain() for row in self.rows]}
        return json.dumps(found, ensure_ascii=False, indent=1)


def machine() -> dict[str, Any]:
    """What it was measured on."""
    processor = next((line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "unknown")
    memory = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return {
        "processor": processor,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / (1 << 20), 1),
        "system": platform.platform(),
        "load": round(os.getloadavg()[0], 2),
    }


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def show(report: Report) -> None:
    table = Table(title=report.title, title_justify="left", caption=_caption(report), caption_justify="left")
    for name in ("what", "ours", "peer", "unit", "ratio", "goal", ""):
        table.add_column(name, justify="right" if name in ("ours", "peer", "ratio") else "left")
    for row in report.rows:
        peer = "" if row.peer is None else f"{_number(row.peer)}\n{row.peer_is}"
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        met = {True: "[green]met[/]", False: "[red]missed[/]", None: ""}[row.met]
        table.add_row(row.what, _number(row.ours), peer, row.unit, ratio, row.goal or "", met)
    Console().print(table)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _caption(report: Report) -> str:
    where = ", ".join(f"{name} {value}" for name, value in report.machine.items())
    return f"{where}\n{', '.join(f'{name} {value}' for name, value in report.versions.items())}"
