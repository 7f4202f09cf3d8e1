"""What a person does with Hotdesk, done by Chromium with real desks."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.e2e.conftest import listen
from tests.hotdesk_process import Served, wait_until

pytestmark = pytest.mark.xdist_group("browser")  # one Chromium at a time

GOAL = "Write a research paper about the rise of Dedalus Labs"


def submit(page: Page, hotdesk: Served, prompt: str = GOAL, agents: int = 3) -> str:
    page.goto(hotdesk.address)
    page.get_by_test_id("prompt-input").fill(prompt)
    page.get_by_role("radio", name=re.compile(rf"^{agents} agent")).check()
    page.get_by_test_id("prompt-input").press("Control+Enter")
    page.wait_for_url(re.compile(r"/session/[^/]+/"))
    return page.url.split("/session/")[1].split("/")[0]


def colours(page: Page, agent: str) -> int:
    """How many different colours a desk's live picture has: 1 for a blank canvas."""
    script = """(agent) => {
        const canvas = document.querySelector(`[data-testid=desktop-${agent}] canvas`);
        if (!canvas || !canvas.width) return 0;
        const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        const seen = new Set();
        for (let i = 0; i < data.length; i += 4 * 97) seen.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]);
        return seen.size;
    }"""
    return int(page.evaluate(script, agent))


def test_a_prompt_is_worked_on_at_live_desktops_and_ends_in_a_summary_with_files(page: Page, hotdesk: Served) -> None:
    session = submit(page, hotdesk)
    for agent in ("a1", "a2", "a3"):
        expect(page.get_by_test_id(f"agent-tab-{agent}")).to_be_visible()
        wait_until(lambda agent=agent: colours(page, agent) > 10)
    page.get_by_test_id("agent-tab-a1").click()
    row = page.get_by_test_id("thinking-row").first
    expect(row).to_be_visible()
    page.reload()
    expect(page.get_by_test_id("agent-tab-a1")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_test_id("thinking-row").first).to_be_visible()
    page.get_by_test_id("tab-whiteboard").click()
    for task in ("t1", "t2", "t3", "t4"):
        expect(page.get_by_test_id(f"task-{task}").first).to_be_visible()
    expect(page.get_by_test_id("tab-summary")).to_be_visible(timeout=120_000)
    page.get_by_test_id("tab-summary").click()
    expect(page.get_by_test_id("summary")).to_contain_text("4")
    with page.expect_download() as got:
        page.get_by_test_id("download-all").click()
    assert got.value.suggested_filename.endswith(".zip")
    with hotdesk.http as http:
        assert http.get(f"/api/sessions/{session}").json()["outcome"] == "completed"


def pixel(page: Page, agent: str, x: int, y: int) -> tuple[int, int, int]:
    """The colour of one pixel of a desk's live picture."""
    script = """([agent, x, y]) => {
        const canvas = document.querySelector(`[data-testid=desktop-${agent}] canvas`);
        return canvas && canvas.width ? Array.from(canvas.getContext('2d').getImageData(x, y, 1, 1).data).slice(0, 3) : [0, 0, 0];
    }"""
    red, green, blue = page.evaluate(script, [agent, x, y])
    return red, green, blue


def click_on_desk(page: Page, agent: str, x: int, y: int) -> None:
    """Click where the desk has (x, y)."""
    canvas = page.locator(f"[data-testid=desktop-{agent}] canvas")
    expect(canvas).to_have_count(1)  # while the connection with control replaces the one without, there are two
    box = canvas.bounding_box()
    assert box is not None
    canvas.click(position={"x": x * box["width"] / 1280, "y": y * box["height"] / 800})


TERMINAL_LAUNCHER = (140, 777)
CORNER = (1270, 10)
"""A spot of the background that no window covers."""


MIDDLE = (700, 500)


def is_terminal(colour: tuple[int, int, int]) -> bool:
    return max(colour) < 50 and colour[2] > colour[0]


def is_red(colour: tuple[int, int, int]) -> bool:
    return colour[0] > 200 and colour[1] < 60 and colour[2] < 60


def test_a_person_takes_a_desk_over_types_into_it_and_hands_it_back(page: Page, hotdesk: Served) -> None:
    session = submit(page, hotdesk, "Write a poem about tea", agents=1)
    page.get_by_test_id("agent-tab-a1").click()
    wait_until(lambda: colours(page, "a1") > 10)
    page.get_by_test_id("take-over").click()
    expect(page.get_by_test_id("hand-back")).to_be_visible()
    with hotdesk.http as http:
        assert http.get(f"/api/sessions/{session}").json()["agents"]["a1"]["status"] == "taken"
        page.reload()  # a reload does not lose the desk
        expect(page.get_by_test_id("hand-back")).to_be_visible()
        wait_until(lambda: colours(page, "a1") > 10)
        before = http.get(f"/api/sessions/{session}/events").json()["last"]
        click_on_desk(page, "a1", *TERMINAL_LAUNCHER)
        wait_until(lambda: is_terminal(pixel(page, "a1", *MIDDLE)))
        page.keyboard.type("echo Typed by a Person: '{}' > person.txt && xsetroot -solid '#ff0000'\n", delay=10)
        wait_until(lambda: is_red(pixel(page, "a1", *CORNER)), 60)
        done = http.get(f"/api/sessions/{session}/events?after={before}").json()["events"]
        assert [e for e in done if e["type"] == "agent:thinking"] == [], "the agent worked while a person had its desk"
        page.get_by_test_id("hand-back").click()
        expect(page.get_by_test_id("take-over")).to_be_visible()
        expect(page.get_by_test_id("tab-summary")).to_be_visible(timeout=120_000)
        board = http.get(f"/api/sessions/{session}").json()
        typed = next(a for a in board["artifacts"].values() if a["name"] == "person.txt")
        assert http.get(f"/api/sessions/{session}/artifacts/{typed['id']}").text == "Typed by a Person: {}\n"


def test_a_viewer_who_has_not_taken_over_cannot_type(page: Page, hotdesk: Served) -> None:
    session = submit(page, hotdesk, "Write a poem about tea", agents=1)
    page.get_by_test_id("agent-tab-a1").click()
    wait_until(lambda: colours(page, "a1") > 10)
    script = """async ([session]) => {
        const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/api/sessions/${session}/agents/a1/screen`, ['binary']);
        socket.binaryType = 'arraybuffer';
        await new Promise((done, failed) => { socket.onopen = done; socket.onerror = failed; });
        const next = () => new Promise((done) => { socket.onmessage = (message) => done(new Uint8Array(message.data)); });
        await next();
        socket.send(new TextEncoder().encode('RFB 003.008\\n')); await next();
        socket.send(new Uint8Array([1])); await next();
        socket.send(new Uint8Array([1])); await next();
        const click = (mask) => socket.send(new Uint8Array([5, mask, 0, 140, 3, 9]));
        click(0); click(1); click(0);
        return 'sent';
    }"""
    assert page.evaluate(script, [session]) == "sent"
    expect(page.get_by_test_id("tab-summary")).to_be_visible(timeout=120_000)
    with hotdesk.http as http:
        board = http.get(f"/api/sessions/{session}").json()
        assert board["outcome"] == "completed", "a click that nobody may make disturbed the agent"


def test_two_tabs_and_a_late_one_show_the_same(page: Page, hotdesk: Served, complaints: list[str]) -> None:
    submit(page, hotdesk, "Write a poem about tea and make a table of teas", agents=2)
    expect(page.get_by_test_id("agent-tab-a2")).to_be_visible()
    second = page.context.new_page()
    listen(second, complaints)
    second.goto(page.url)
    for tab in (page, second):
        expect(tab.get_by_test_id("tab-summary")).to_be_visible(timeout=120_000)
    late = page.context.new_page()
    listen(late, complaints)
    late.goto(page.url.split("?")[0])
    texts = []
    for tab in (page, second, late):
        tab.get_by_test_id("tab-summary").click()
        texts.append(tab.get_by_test_id("summary").inner_text())
    assert texts[0] == texts[1] == texts[2]


def test_a_session_can_be_stopped_from_the_page(page: Page, hotdesk: Served) -> None:
    submit(page, hotdesk)
    expect(page.get_by_test_id("agent-tab-a1")).to_be_visible()
    page.get_by_test_id("stop").click()
    page.get_by_role("alertdialog").get_by_role("button", name=re.compile("stop", re.I)).click()
    expect(page.get_by_test_id("tab-summary")).to_be_visible(timeout=60_000)
    page.get_by_test_id("tab-summary").click()
    expect(page.get_by_test_id("summary")).to_contain_text(re.compile("stopped", re.I))


def test_a_prompt_is_shown_as_text_never_as_markup(page: Page, hotdesk: Served) -> None:
    submit(page, hotdesk, "Write <img src=x onerror=\"document.title='owned'\"> and make <b>bold</b> notes", agents=1)
    expect(page.get_by_text("<img src=x").first).to_be_visible()
    assert page.title() != "owned"


def test_back_leads_home_and_forward_to_the_session_again(page: Page, hotdesk: Served) -> None:
    submit(page, hotdesk, "Write a poem about tea", agents=1)
    expect(page.get_by_test_id("agent-tab-a1")).to_be_visible()
    page.go_back()
    expect(page.get_by_test_id("prompt-input")).to_have_value("")
    expect(page).to_have_title("Hotdesk")
    expect(page.get_by_role("link", name=re.compile("poem about tea")).first).to_be_visible()
    page.go_forward()
    expect(page.get_by_test_id("agent-tab-a1")).to_be_visible()
    page.reload()
    expect(page.get_by_test_id("agent-tab-a1")).to_be_visible()
    page.go_back()
    expect(page.get_by_test_id("prompt-input")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_axe_finds_nothing_and_nothing_overflows(page: Page, hotdesk: Served, scheme: str, width: int) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": 900})

    def look(where: str) -> None:
        found = Axe().run(page)
        assert found.violations_count == 0, f"{where}: {found.generate_report()}"
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{where} overflows"

    page.goto(hotdesk.address)
    expect(page.get_by_test_id("rehearsal-notice").first).to_be_visible()
    look("home")
    submit(page, hotdesk, "Write a poem about tea", agents=1)
    expect(page.get_by_test_id("agent-tab-a1")).to_be_visible()
    look("overview")
    page.get_by_test_id("agent-tab-a1").click()
    expect(page.get_by_test_id("thinking-row").first).to_be_visible()
    look("agent")
    page.get_by_test_id("tab-whiteboard").click()
    look("whiteboard")
    expect(page.get_by_test_id("tab-summary")).to_be_visible(timeout=120_000)
    page.get_by_test_id("tab-summary").click()
    look("summary")
