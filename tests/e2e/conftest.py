"""A real browser (Debian's Chromium) on a real server, for the end-to-end tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.hotdesk_process import Served, served, wait_until

CHROMIUM = "/usr/bin/chromium"
BUILT = Path(__file__).parents[2] / "web" / "out" / "index.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Of one module only: while it lives, this thread has a running event loop, in which no test of another kind could run its own."""
    assert BUILT.exists(), "the page is not built: run scripts/setup"
    arguments = ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run"]
    if os.getuid() == 0:
        arguments.append("--no-sandbox")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture
def hotdesk(tmp_path: Path) -> Iterator[Served]:
    """With local desks, and a rehearsal slow enough to be stepped into."""
    with served(tmp_path / "data", "local", HOTDESK_REHEARSAL_PACE="0.3") as running:
        yield running


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def page(browser: Browser, hotdesk: Served, complaints: list[str]) -> Iterator[Page]:
    """A tab that remembers every console error; a test ends red if there was one."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(30_000)
    opened = context.new_page()
    listen(opened, complaints)
    yield opened
    context.close()
    assert complaints == []


def pause(hotdesk: Served, session: str, *agents: str) -> None:
    """Their desks stay as they are, and their logs."""
    with hotdesk.http as http:
        for agent in agents:
            wait_until(lambda agent=agent: http.post(f"/api/sessions/{session}/agents/{agent}/pause").status_code == 204)


def listen(page: Page, complaints: list[str]) -> None:
    def heard(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(message.text)

    page.on("console", heard)
    page.on("pageerror", lambda error: complaints.append(str(error)))
