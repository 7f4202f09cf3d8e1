"""From a person's Ctrl+Enter on the home page until desktops are painted in the browser: the first, and all four.

A real `hotdesk serve`, rehearsal planner, local desks, real Chromium. «Painted» is when a desktop's canvas in the page has more than a few
colours, looked at in every frame that the browser draws. The other way beside it is the same page with nothing warm and each worker a
process started anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import anyio.to_thread
from playwright.sync_api import Browser, Error, sync_playwright

from bench.equipment.report import CannotMeasure, Row
from hotdesk.desks.local.place import RunDir
from tests.hotdesk_process import Served, served, wait_until

TITLE = "From submitting a prompt in the browser to painted desktops"

FIRST, ALL = 0.6, 1.0
"""Seconds: the goals for the first desktop and for all four."""
AGENTS = 4
ROUNDS, QUICK_ROUNDS = 9, 1
PROMPT = "- Write a haiku about the sea\n- Collect a table of the planets\n- Make a page about tea\n- Write a letter to a friend"
CHROMIUM = "/usr/bin/chromium"
SWITCHES = ("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic")

WATCH = """
(() => {
  const seen = {};
  const colours = (canvas) => {
    const small = document.createElement('canvas');
    small.width = 64; small.height = 40;
    const context = small.getContext('2d', { willReadFrequently: true });
    context.drawImage(canvas, 0, 0, 64, 40);
    return new Set(new Uint32Array(context.getImageData(0, 0, 64, 40).data.buffer)).size;
  };
  const look = () => {
    for (const tile of document.querySelectorAll('[data-testid^=desktop-]')) {
      const canvas = tile.querySelector('canvas');
      const name = tile.dataset.testid;
      if (!seen[name] && canvas && canvas.width && colours(canvas) > 4) seen[name] = Date.now();
    }
    window.painted = Object.values(seen);
    requestAnimationFrame(look);
  };
  addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && event.ctrlKey) sessionStorage.setItem('submitted', String(Date.now()));
  }, { capture: true });
  requestAnimationFrame(look);
})();
"""


async def run(quick: bool) -> list[Row]:
    return await anyio.to_thread.run_sync(partial(_measured, quick))


def _measured(quick: bool) -> list[Row]:
    if not Path(CHROMIUM).exists():
        raise CannotMeasure("Chromium is not installed, and nothing can be seen without a browser.")
    took: dict[str, list[tuple[float, float]]] = {"ours": [], "anew": []}
    with _hotdesk("4", "true") as ours, _hotdesk("0", "false") as anew, _browser() as browser:
        for _ in range(QUICK_ROUNDS if quick else ROUNDS):
            took["ours"].append(_round(browser, ours, warm=AGENTS))
            took["anew"].append(_round(browser, anew, warm=0))
    (first, every), (first_anew, every_anew) = ([median(values) for values in zip(*took[name], strict=True)] for name in ("ours", "anew"))
    beside = "nothing warm, each worker a process started anew"
    return [
        Row("the first desktop is painted", first, "s", first_anew, beside, at_most=FIRST),
        Row(f"all {AGENTS} desktops are painted", every, "s", every_anew, beside, at_most=ALL),
    ]


@contextmanager
def _hotdesk(warm: str, forks: str) -> Iterator[Served]:
    with TemporaryDirectory(prefix="hd-bench-") as data:
        more = {"HOTDESK_WARM": warm, "HOTDESK_FORKS": forks, "HOTDESK_REHEARSAL_PACE": "1"}
        with served(Path(data), "local", **more) as running:
            yield running


@contextmanager
def _browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        try:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*SWITCHES, *sandbox])
        except Error as error:
            raise CannotMeasure(f"Chromium could not be started: {error.message.splitlines()[0]}") from error
        try:
            yield browser
        finally:
            browser.close()


def _round(browser: Browser, hotdesk: Served, warm: int) -> tuple[float, float]:
    """Seconds until the first desktop and until all are painted; then the session is stopped, and its end waited for."""
    desks = RunDir(hotdesk.run_dir)
    wait_until(lambda: len(desks.ids()) == warm)
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    try:
        page.add_init_script(WATCH)
        page.goto(hotdesk.address, wait_until="networkidle")
        page.get_by_role("textbox").first.fill(PROMPT)
        page.get_by_role("radio", name=f"{AGENTS} agents").check(force=True)
        page.get_by_role("textbox").first.press("Control+Enter")
        page.wait_for_url("**/session/**")
        wait_until(lambda: len(page.evaluate("() => window.painted || []")) >= AGENTS, 60)
        submitted = int(page.evaluate("() => sessionStorage.getItem('submitted')"))
        painted = sorted((when - submitted) / 1000 for when in page.evaluate("() => window.painted"))
        with hotdesk.http as http:
            session = http.get("/api/sessions").json()["sessions"][0]["id"]
            http.post(f"/api/sessions/{session}/stop")
            wait_until(lambda: http.get(f"/api/sessions/{session}").json()["status"] == "complete", 60)
    finally:
        page.close()
    return painted[0], painted[AGENTS - 1]
