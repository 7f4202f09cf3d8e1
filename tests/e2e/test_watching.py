"""What nobody looks at is not streamed, and comes back when somebody does."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, WebSocket, expect

from tests.e2e.conftest import pause
from tests.e2e.test_page import colours, submit
from tests.hotdesk_process import Served, wait_until

pytestmark = pytest.mark.xdist_group("browser")  # one Chromium at a time

LET_GO = 15_000
"""Milliseconds within which a stream that nobody sees has ended; the page's own grace is shorter."""


@pytest.fixture
def streams(page: Page) -> list[WebSocket]:
    """Every screen's connection that the page has made."""
    made: list[WebSocket] = []
    page.on("websocket", lambda socket: made.append(socket) if "/screen" in socket.url else None)
    return made


def of(streams: list[WebSocket], page: Page, agent: str) -> list[WebSocket]:
    """The agent's streams that are open."""
    page.evaluate("0")  # what the browser has told is heard during a call
    return [stream for stream in streams if f"/agents/{agent}/" in stream.url and not stream.is_closed()]


def put_in_front(page: Page, shown: bool) -> None:
    """Chromium without a head never hides a tab: the page is told that it is hidden, as a browser tells it."""
    page.evaluate(
        """(state) => {
            Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => state });
            Object.defineProperty(document, 'hidden', { configurable: true, get: () => state === 'hidden' });
            document.dispatchEvent(new Event('visibilitychange'));
        }""",
        "visible" if shown else "hidden",
    )


def test_a_desk_out_of_sight_is_not_streamed_until_it_is_seen_again(page: Page, hotdesk: Served, streams: list[WebSocket]) -> None:
    page.set_viewport_size({"width": 700, "height": 500})
    session = submit(page, hotdesk)
    pause(hotdesk, session, "a1", "a2", "a3")
    first, last = page.get_by_test_id("desktop-a1"), page.get_by_test_id("desktop-a3")
    expect(first).to_have_attribute("data-state", "live")
    expect(last).to_have_attribute("data-state", "off")
    assert of(streams, page, "a3") == [], "a desk that was never seen was streamed"
    last.scroll_into_view_if_needed()
    expect(last).to_have_attribute("data-state", "live")
    wait_until(lambda: colours(page, "a3") > 10)
    expect(first).to_have_attribute("data-state", "off", timeout=LET_GO)
    wait_until(lambda: of(streams, page, "a1") == [])
    assert colours(page, "a1") > 10, "the last picture is gone"
    first.scroll_into_view_if_needed()
    expect(first).to_have_attribute("data-state", "live")
    assert len(of(streams, page, "a1")) == 1


def test_a_hidden_tab_streams_nothing_but_a_desk_that_the_person_has(page: Page, hotdesk: Served, streams: list[WebSocket]) -> None:
    session = submit(page, hotdesk, "Write a poem about tea and make a table of teas", agents=2)
    pause(hotdesk, session, "a1", "a2")
    desks = [page.get_by_test_id("desktop-a1"), page.get_by_test_id("desktop-a2")]
    for desk in desks:
        expect(desk).to_have_attribute("data-state", "live")
    put_in_front(page, shown=False)
    for desk in desks:
        expect(desk).to_have_attribute("data-state", "off", timeout=LET_GO)
    wait_until(lambda: of(streams, page, "a1") == of(streams, page, "a2") == [])
    put_in_front(page, shown=True)
    for desk in desks:
        expect(desk).to_have_attribute("data-state", "live")

    page.get_by_test_id("agent-tab-a1").click()
    page.get_by_test_id("take-over").click()
    expect(page.get_by_test_id("hand-back")).to_be_visible()
    wait_until(lambda: ["control=" in stream.url for stream in of(streams, page, "a1")] == [True])
    (held,), made = of(streams, page, "a1"), len(streams)
    put_in_front(page, shown=False)
    expect(page.get_by_test_id("desktop-a1")).to_have_attribute("aria-label", re.compile("under your control"))
    page.wait_for_timeout(4000)  # nothing announces that nothing happens: twice the page's grace
    assert of(streams, page, "a1") == [held], "a desk under control was let go"
    assert len(streams) == made
    page.get_by_test_id("hand-back").click()
    expect(page.get_by_test_id("desktop-a1")).to_have_attribute("data-state", "off", timeout=LET_GO)
    put_in_front(page, shown=True)
    expect(page.get_by_test_id("desktop-a1")).to_have_attribute("data-state", "live")
