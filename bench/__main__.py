"""`python -m bench NAME [--quick] [--json]`: measure, and say what was found. `--quick` measures little, to see that it works."""

from __future__ import annotations

import argparse
from importlib import import_module

import anyio

from bench import NAMES
from bench.equipment.report import Report, machine, show, versions


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m bench", description="Measure Hotdesk beside its peers.")
    options.add_argument("name", choices=NAMES)
    options.add_argument("--quick", action="store_true", help="measure little, only to see that it works")
    options.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    given = options.parse_args()
    measured = import_module(f"bench.{given.name}")
    report = Report(given.name, measured.TITLE, anyio.run(measured.run, given.quick), machine(), versions())
    if given.json:
        print(report.json())
    else:
        show(report)


if __name__ == "__main__":
    main()
