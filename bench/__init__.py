"""Measurements, each beside the peers' way of doing the same: `uv run python -m bench NAME [--quick] [--json]`.

A benchmark is a module here with a `TITLE`, and `async def run(quick: bool) -> list[Row]`. To add one: write it, and name it in `NAMES`.
"""

NAMES = (
    "context",
    "overhead",
    "observe",
    "act",
    "open",
    "memory",
    "log",
    "events",
    "view",
    "step",
    "parallel",
    "many",
    "pool",
    "live",
    "e2b",
)
