"""Seeing a desk: with shared memory and without, and when it has come to rest."""

from __future__ import annotations

import io
import shutil

import anyio
import pytest
from PIL import Image as Picture
from PIL import ImageChops, ImageStat

from hotdesk.desks.base import Desk, LeftClick, Move, Press, Write
from hotdesk.desks.local import LocalDesks
from hotdesk.desks.local.desk import LocalDesk
from hotdesk.desks.picture import Camera
from hotdesk.desks.x11.display import RequestFailedError
from hotdesk.desks.x11.screen import Screen
from tests.desks.local.conftest import NO_INTERNET, WAIT


def difference(one: bytes, other: bytes) -> float:
    """The mean difference of two images, 0 to 255."""
    first, second = (Picture.open(io.BytesIO(data)).convert("RGB") for data in (one, other))
    return max(ImageStat.Stat(ImageChops.difference(first, second)).mean)


async def test_shared_memory_is_used_and_gives_what_the_connection_gives(desk: LocalDesk) -> None:
    await desk.settle()
    await desk.act([Move(x=300, y=300)])
    assert desk._screen.shared
    without = Screen(desk._display, shared=False)
    assert not without.shared
    with anyio.fail_after(WAIT):
        while Camera(desk.size).picture(without.pixels(), without.pointer()) != await desk.screenshot():  # noqa: ASYNC110 (the panel may still be drawing)
            await anyio.sleep(0.01)


async def test_without_shared_memory_a_desk_looks_the_same(desks: LocalDesks, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Screen) -> None:
        raise RequestFailedError("no MIT-SHM")

    await desk.settle()
    monkeypatch.setattr(Screen, "_attach", refuse)
    async with desks.open("d2", NO_INTERNET) as plain:
        assert isinstance(plain, LocalDesk)
        assert not plain._screen.shared
        await plain.settle()
        assert difference((await plain.screenshot()).data, (await desk.screenshot()).data) < 1


async def settles_for_good(desk: Desk) -> float:
    """The difference between the screen when it has settled and long after."""
    await desk.settle(8)
    at_rest = (await desk.screenshot()).data
    with anyio.move_on_after(1.0):
        await anyio.sleep_forever()
    return difference(at_rest, (await desk.screenshot()).data)


async def test_an_editor_that_was_opened_is_there_when_the_screen_has_settled(desk: Desk) -> None:
    await desk.write_file("a.txt", b"words\n" * 30)
    await desk.open("a.txt")
    assert await settles_for_good(desk) < 0.5
    await desk.act([LeftClick(x=500, y=400), Press(key="ctrl+a")])
    assert await settles_for_good(desk) < 0.5


@pytest.mark.skipif(not shutil.which("chromium"), reason="chromium is not installed")
async def test_a_browser_that_was_opened_is_there_when_the_screen_has_settled(desk: Desk) -> None:
    await desk.write_file("page.html", b"<title>p</title>" + b"<p>Lorem ipsum dolor sit amet</p>" * 500)
    await desk.open("page.html")
    assert await settles_for_good(desk) < 0.5


async def test_a_click_on_nothing_settles_as_nothing(desk: Desk) -> None:
    await desk.settle()
    await desk.act([LeftClick(x=1200, y=60)])
    settled = await desk.settle()
    assert settled.why == "nothing"
    assert settled.seconds < 1


async def test_what_never_ends_is_capped_or_named_an_animation(desk: Desk) -> None:
    await desk.launch("xterm -geometry 80x24+100+100 -e sh -c 'while :; do date +%N%N%N%N%N%N; done'")
    settled = await desk.settle(1.5)
    assert settled.why == "cap"
    assert 1.4 < settled.seconds < 2.5
    await desk.run("pkill xterm")
    await desk.settle()
    await desk.launch("xterm -geometry 20x3+100+100 -e sh -c 'while :; do printf \"\\r%s\" $(date +%N); sleep 0.05; done'")
    await desk.settle(2)
    await desk.act([Press(key="a")])
    settled = await desk.settle(5)
    assert settled.why in ("animating", "nothing", "quiet")
    assert settled.seconds < 2


async def test_settling_waits_for_what_a_keystroke_does_later(desk: Desk) -> None:
    """GTK's buttons act a quarter of a second after Return."""
    await desk.launch("editor")
    await desk.settle(WAIT)
    await desk.act([Write(text="x"), Press(key="ctrl+s")])
    await desk.settle(WAIT)
    await desk.act([Write(text="later.txt")])
    await desk.settle()
    await desk.act([Press(key="Return")])
    await desk.settle()
    assert await desk.read_file("later.txt") == b"x"
