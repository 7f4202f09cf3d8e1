"""What a benchmark found: rows of ours beside a peer's, the machine, and the versions; as JSON, as a table, or as Markdown."""

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

__all__ = ["CannotMeasure", "Report", "Row", "machine", "markdown", "show", "versions"]

_PACKAGES = ("hotdesk", "dedalus-labs", "pydantic-ai-slim", "anthropic", "mcp", "httpx", "anyio", "pillow")


class CannotMeasure(Exception):
    """This machine lacks what the benchmark needs; the message is a sentence for a person."""


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison. `peer_is` says whose number `peer` is. The goals: `at_most` and `at_least` for `ours`, `share` (at most) and `over`
    (at least) for ours / peer; those for the ratio count only where there is a peer's number."""

    what: str
    ours: float
    unit: str
    peer: float | None = None
    peer_is: str | None = None
    at_most: float | None = None
    share: float | None = None
    at_least: float | None = None
    over: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.ours / self.peer if self.peer else None

    @property
    def goal(self) -> str | None:
        said = []
        if self.at_most is not None:
            said.append(f"under {self.at_most:g} {self.unit}" if self.at_most else f"no {self.unit}")
        if self.at_least is not None:
            said.append(f"at least {self.at_least:,g} {self.unit}")
        if self.ratio is not None and self.share is not None:
            said.append(f"ratio at most {self.share:.2f}" if self.share > 0.2 else f"at most 1/{1 / self.share:g} of the peer's")
        if self.ratio is not None and self.over is not None:
            said.append(f"at least {self.over:g} times the peer's")
        return ", ".join(said) or None

    @property
    def met(self) -> bool | None:
        held: list[bool] = []
        if self.at_most is not None:
            held.append(self.ours < self.at_most or self.ours == self.at_most == 0)
        if self.at_least is not None:
            held.append(self.ours >= self.at_least)
        if self.ratio is not None and self.share is not None:
            held.append(self.ratio <= self.share)
        if self.ratio is not None and self.over is not None:
            held.append(self.ratio >= self.over)
        return all(held) if held else None

    def plain(self) -> dict[str, Any]:
        ratio = None if self.ratio is None else float(f"{self.ratio:.4g}")
        return {
            "what": self.what,
            "ours": float(f"{self.ours:.6g}"),
            "peer": None if self.peer is None else float(f"{self.peer:.6g}"),
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


def markdown(found: dict[str, Any]) -> str:
    """The table of a report (as its JSON has it) for docs/benchmarks.md."""
    lines = ["| what | Hotdesk | peer | | ratio | goal | |", "|---|---|---|---|---|---|---|"]
    for row in found["rows"]:
        met = {True: "met", False: "**missed**", None: ""}[row["met"]]
        peer, whose = ("", "") if row["peer"] is None else (f"{_number(row['peer'])} {row['unit']}", row["peer_is"])
        ratio = "" if row["ratio"] is None else f"{row['ratio']:.3g}"
        lines.append(f"| {row['what']} | {_number(row['ours'])} {row['unit']} | {peer} | {whose} | {ratio} | {row['goal'] or ''} | {met} |")
    where = ", ".join(f"{name} {value}" for name, value in found["machine"].items())
    return "\n".join([*lines, "", f"Measured on: {where}.", ""])


def show(report: Report) -> None:
    table = Table(title=report.title, title_justify="left", caption=_caption(report), caption_justify="left")
    for name in ("what", "ours", "peer", "unit", "ratio", "goal", ""):
        table.add_column(name, justify="right" if name in ("ours", "peer", "ratio") else "left")
    for row in report.rows:
        peer = "" if row.peer is None else f"{_number(row.peer)}\n{row.peer_is}"
        ratio = "" if row.ratio is None else f"{row.ratio:.3g}"
        met = {True: "[green]met[/]", False: "[red]missed[/]", None: ""}[row.met]
        table.add_row(row.what, _number(row.ours), peer, row.unit, ratio, row.goal or "", met)
    Console().print(table)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _caption(report: Report) -> str:
    where = ", ".join(f"{name} {value}" for name, value in report.machine.items())
    return f"{where}\n{', '.join(f'{name} {value}' for name, value in report.versions.items())}"
