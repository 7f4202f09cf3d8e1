"""`python -m bench NAME [--quick] [--json] [--write]`: measure, and say what was found. `--quick` measures little, to see that it works;
`--write` also writes the result to `bench/results/` and its table into `docs/benchmarks.md`. `NAME` may be `all`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import anyio

from bench import NAMES
from bench.equipment.report import CannotMeasure, Report, machine, markdown, show, versions

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs" / "benchmarks.md"
RESULTS = ROOT / "bench" / "results"
CANNOT = 3
"""Exit code where this machine lacks what a benchmark needs."""


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m bench", description="Measure Hotdesk beside its peers.")
    options.add_argument("name", choices=(*NAMES, "all"))
    options.add_argument("--quick", action="store_true", help="measure little, only to see that it works")
    options.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    options.add_argument("--write", action="store_true", help="keep the result in bench/results and docs/benchmarks.md")
    given = options.parse_args()
    if given.name == "all":
        return _all(sys.argv[2:])
    signal.signal(signal.SIGINT, signal.default_int_handler)  # it may have been begun with that ignored, as by a shell in the background
    signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))  # the event loop ends in order by this one only
    measured = import_module(f"bench.{given.name}")
    try:
        rows = anyio.run(measured.run, given.quick, backend_options={"use_uvloop": getattr(measured, "UVLOOP", False)})
    except CannotMeasure as missing:
        print(f"{given.name}: {missing}", file=sys.stderr)
        return CANNOT
    except KeyboardInterrupt:
        return 130
    report = Report(given.name, measured.TITLE, rows, machine(), versions())
    if given.write:
        _write(report)
    if given.json:
        print(report.json())
    else:
        show(report)
    return 0


def _all(flags: list[str]) -> int:
    """Each in a process of its own, so that none measures what another left behind."""
    worst = 0
    for name in NAMES:
        code = subprocess.run([sys.executable, "-m", "bench", name, *flags], cwd=ROOT, check=False).returncode
        if code == 130:
            return code
        worst = max(worst, 0 if code == CANNOT else code)
    return worst


def _write(report: Report) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{report.name}.json").write_text(report.json() + "\n")
    place = re.compile(rf"(<!-- {report.name}: .*?-->\n).*?(<!-- end of {report.name} -->)", re.DOTALL)
    said = DOCS.read_text()
    table = markdown(json.loads(report.json()))
    DOCS.write_text(place.sub(lambda found: f"{found[1]}{table}{found[2]}", said))


if __name__ == "__main__":
    sys.exit(main())
