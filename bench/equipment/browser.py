"""A real browser at a page: how long until what matters is to be seen."""

from __future__ import annotations

import shutil
import time

__all__ = ["browser_here", "first_paint"]

LAST_LINE = "This is the last line of the log"


def browser_here() -> bool:
    if not shutil.which("chromium"):
        return False
    try:
        import playwright.sync_api  # noqa: F401, PLC0415
    except ImportError:
        return False
    return True


def first_paint(url: str, rounds: int) -> list[float]:
    """Seconds from navigation until the last line of the log is visible; the browser runs already, the page is not in its cache. Blocks."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    took = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        for _ in range(rounds):
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            began = time.perf_counter()
            page.goto(url, wait_until="commit")
            page.get_by_text(LAST_LINE).last.wait_for(state="visible", timeout=30_000)
            took.append(time.perf_counter() - began)
            page.close()
        browser.close()
    return took
