"""Takes the README's pictures: starts Hotdesk with local desks, uses it in Chromium as a person would, and writes `docs/pictures/*.png`.

Needs what the tests need (`make test` once). Run it as `scripts/with-env python -m scripts.pictures` from the root.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.e2e.test_page import MIDDLE, TERMINAL_LAUNCHER, click_on_desk, colours, is_terminal, pixel, submit
from tests.hotdesk_process import served, wait_until

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
GOAL = "Write a research paper about the rise of Dedalus Labs"


def take(page: Page, name: str) -> None:
    page.screenshot(path=PICTURES / f"{name}.png")


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    arguments = ["--disable-gpu", *(["--no-sandbox"] if os.getuid() == 0 else [])]
    with (
        tempfile.TemporaryDirectory() as data,
        served(Path(data), "local", HOTDESK_REHEARSAL_PACE="1.5") as hotdesk,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
        page = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light").new_page()
        page.set_default_timeout(120_000)
        page.goto(hotdesk.address)
        page.get_by_test_id("rehearsal-notice").wait_for()
        take(page, "home")

        submit(page, hotdesk, GOAL, 3)
        for agent in ("a1", "a2", "a3"):
            wait_until(lambda agent=agent: colours(page, agent) > 10)
        page.get_by_text(re.compile("Step [5-9]")).first.wait_for()
        take(page, "overview")

        page.emulate_media(color_scheme="dark")
        page.get_by_test_id("agent-tab-a2").click()
        wait_until(lambda: colours(page, "a2") > 10)
        page.get_by_test_id("thinking-row").nth(1).click()
        page.wait_for_timeout(1500)
        take(page, "agent-dark")
        page.emulate_media(color_scheme="light")

        page.get_by_test_id("agent-tab-a1").click()
        wait_until(lambda: colours(page, "a1") > 10)
        page.get_by_test_id("take-over").click()
        page.get_by_test_id("hand-back").wait_for()
        click_on_desk(page, "a1", *TERMINAL_LAUNCHER)
        wait_until(lambda: is_terminal(pixel(page, "a1", *MIDDLE)))
        page.keyboard.type("echo a person was here\n", delay=20)
        page.wait_for_timeout(800)
        take(page, "takeover")
        page.get_by_test_id("hand-back").click()

        page.get_by_test_id("tab-summary").wait_for()
        page.get_by_test_id("tab-summary").click()
        page.get_by_test_id("summary").wait_for()
        page.wait_for_timeout(500)
        take(page, "summary")
        browser.close()


if __name__ == "__main__":
    main()
