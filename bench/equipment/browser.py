"""Whether there is a real browser here to measure with."""

from __future__ import annotations

import shutil

__all__ = ["browser_here"]

LAST_LINE = "This is the last line of the log"


def browser_here() -> bool:
    if not shutil.which("chromium"):
        return False
    try:
        import playwright.sync_api  # noqa: F401, PLC0415
    except ImportError:
        return False
    return True
