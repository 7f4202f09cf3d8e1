"""What is special to pretend desks: windows, viewers, commands, and their ends. The contract itself is in `tests/contracts`."""

from __future__ import annotations

import io
import json
import os
import signal
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from PIL import Image as Picture

from hotdesk.desks.base import (
    APPLICATIONS,
    HOME,
    Action,
    Desk,
    DeskOptions,
    Desks,
    DoubleClick,
    Drag,
    LeftClick,
    Move,
    Point,
    Press,
    ScreenStream,
    Scroll,
    Size,
    Wait,
    Write,
)
from hotdesk.desks.pretend import PretendDesks
from hotdesk.desks.pretend.keys import from_keysym
from hotdesk.desks.pretend.rfb import PixelFormat
from hotdesk.errors import DeskGone, DeskRefused, DeskUnavailable

WAIT = 20.0
OPTIONS = DeskOptions()
SLEEP = f"94.{os.getpid()}"
"""Seconds that the commands of these tests sleep: nobody else's do."""
RETURN, CONTROL, SHIFT, BACKSPACE = 0xFF0D, 0xFFE3, 0xFFE1, 0xFF08


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def desks(tmp_path: Path) -> Desks:
    return PretendDesks(tmp_path / "run")


@pytest.fixture
async def desk(desks: Desks) -> AsyncIterator[Desk]:
    async with desks.open("d1", OPTIONS) as opened:
        yield opened


async def look(desk: Desk) -> bytes:
    return (await desk.screenshot()).data


async def pixels(desk: Desk) -> Picture.Image:
    return Picture.open(io.BytesIO(await look(desk))).convert("RGB")


# The picture


async def test_two_desks_in_the_same_state_give_the_same_bytes(desks: Desks) -> None:
    seen = []
    for desk_id in ("one", "two"):
        async with desks.open(desk_id, OPTIONS) as desk:
            await desk.launch("editor")
            await desk.act([Write(text="Grüße, 世界, 🎉\n"), Press(key="ctrl+s"), Write(text="a.txt\n"), Move(x=7, y=300)])
            await desk.launch("terminal")
            await desk.act([Write(text="cat a.txt; pwd\n")])
            await desk.settle()
            seen.append(await look(desk))
    assert seen[0] == seen[1]


async def test_every_action_that_changes_the_desk_changes_the_picture(desk: Desk) -> None:
    await desk.write_file("long.txt", "\n".join(f"line {n}" for n in range(200)).encode())
    await desk.open("long.txt")
    actions: list[Action] = [
        Move(x=500, y=400),
        Scroll(x=500, y=400, dy=3),
        LeftClick(x=300, y=300),
        Write(text="x"),
        Write(text=" "),
        Write(text="\n"),
        Press(key="BackSpace"),
        Press(key="Left"),
        Press(key="Page_Down"),
        Press(key="shift+Up"),
        Press(key="ctrl+a"),
        Press(key="End"),
        Drag(x=300, y=63, to_x=450, to_y=200),
        Press(key="ctrl+s"),
        Press(key="ctrl+shift+s"),
        Press(key="Escape"),
        Press(key="alt+F4"),
    ]
    before = await look(desk)
    for action in actions:
        await desk.act([action])
        after = await look(desk)
        assert after != before, action
        before = after


async def test_texts_that_no_typeface_has_look_different(desk: Desk) -> None:
    await desk.launch("editor")
    seen = set()
    for text in ("\ue000", "\ue001", "日", "本", "é", "e"):
        await desk.act([Press(key="ctrl+a"), Write(text=text)])
        seen.add(await look(desk))
    assert len(seen) == 6


async def test_settle_tells_whether_something_changed_since_the_last(desk: Desk) -> None:
    assert (await desk.settle()).why == "nothing"
    await desk.act([Move(x=1, y=1)])
    assert (await desk.settle()).why == "quiet"
    await desk.act([Press(key="F5"), Wait(seconds=0)])
    assert (await desk.settle()).why == "nothing"


async def test_settle_waits_for_a_command_in_the_terminal_but_not_longer_than_its_cap(desk: Desk) -> None:
    await desk.launch("terminal")
    await desk.act([Write(text="sleep 0.1; echo done > done.txt\n")])
    assert (await desk.settle()).why == "quiet"
    assert await desk.read_file("done.txt") == b"done\n"
    await desk.act([Write(text="sleep 30\n")])
    settled = await desk.settle(cap=0.05)
    assert settled.why == "cap"
    assert settled.seconds < 0.4


@pytest.mark.parametrize("size", [Size(64, 64), Size(300, 200), Size(1920, 1080)])
async def test_every_application_can_be_shown_and_used_on_a_screen_of_any_size(desks: Desks, size: Size) -> None:
    async with desks.open("d1", DeskOptions(size=size)) as desk:
        for application in APPLICATIONS:
            await desk.launch(application)
            await desk.act([Write(text="words and words\n" * 30), Press(key="ctrl+s"), Scroll(x=30, y=50, dy=-9), LeftClick(x=40, y=62)])
            assert (await pixels(desk)).size == size


async def test_a_screen_too_small_to_draw_on_is_refused(desks: Desks) -> None:
    with pytest.raises(DeskUnavailable):
        async with desks.open("d1", DeskOptions(size=Size(10, 10))):
            pass


# Windows


@pytest.mark.parametrize("key", ["ctrl+q", "ctrl+w", "alt+F4"])
@pytest.mark.parametrize("application", APPLICATIONS)
async def test_a_window_is_closed_by_the_usual_keys(desk: Desk, application: str, key: str) -> None:
    before = await look(desk)
    await desk.launch(application)
    assert await look(desk) != before
    await desk.act([Press(key=key)])
    assert await look(desk) == before


async def test_clicking_a_launcher_starts_the_editor_and_clicking_its_box_closes_it(desk: Desk) -> None:
    await desk.act([LeftClick(x=30, y=15), Write(text="hello"), Press(key="ctrl+s"), Write(text="a.txt\n")])
    assert await desk.read_file("a.txt") == b"hello"
    await desk.act([LeftClick(x=787, y=63)])  # the first window lies at (40, 50) and is 760 wide
    await desk.act([Move(x=1000, y=500)])
    closed = await look(desk)
    await desk.act([Write(text="lost")])
    assert await look(desk) == closed


async def test_clicking_a_window_gives_it_the_focus(desk: Desk) -> None:
    await desk.write_file("one.txt", b"")
    await desk.write_file("two.txt", b"")
    await desk.open("one.txt")
    await desk.open("two.txt")
    await desk.act([LeftClick(x=50, y=300), Write(text="first"), Press(key="ctrl+s")])
    await desk.act([Press(key="alt+Tab"), Write(text="second"), Press(key="ctrl+s")])
    assert (await desk.read_file("one.txt"), await desk.read_file("two.txt")) == (b"first", b"second")


async def test_a_window_goes_where_its_title_bar_is_dragged(desk: Desk) -> None:
    await desk.launch("editor")
    await desk.act([Drag(x=300, y=60, to_x=700, to_y=260), LeftClick(x=1187, y=263), Move(x=1000, y=500)])  # its close box went along
    closed = await look(desk)
    await desk.act([Write(text="lost")])
    assert await look(desk) == closed


async def test_dragging_over_text_selects_it(desk: Desk) -> None:
    await desk.write_file("a.txt", b"one\ntwo\n")
    await desk.open("a.txt")
    await desk.act([Drag(x=42, y=92, to_x=42, to_y=112), Write(text="1\n"), Press(key="ctrl+s")])
    assert await desk.read_file("a.txt") == b"1\ntwo\n"


async def test_what_was_copied_can_be_pasted_and_what_was_typed_taken_back(desk: Desk) -> None:
    await desk.launch("editor")
    keys = ["ctrl+a", "ctrl+c", "End", "ctrl+v", "ctrl+v", "ctrl+z", "ctrl+s"]
    await desk.act([Write(text="ab"), *(Press(key=key) for key in keys), Write(text="a.txt\n")])
    assert await desk.read_file("a.txt") == b"abab"


async def test_keys_that_edit_do_what_they_say(desk: Desk) -> None:
    await desk.launch("editor")
    keys = ["Home", "Delete", "Right", "shift+End", "BackSpace", "Return", "plus", "shift+a", "Tab", "space", "ctrl+Left", "KP_5", "ctrl+s"]
    await desk.act([Write(text="first\nabcd"), *(Press(key=key) for key in keys), Write(text="a.txt\n")])
    assert (await desk.read_file("a.txt")).decode() == "first\nb\n+5A\t "


@pytest.mark.parametrize("name", ["a/b.txt", f"{HOME}/a/b.txt", "~/a/b.txt"])
async def test_an_unnamed_document_is_saved_where_the_dialog_is_told(desk: Desk, name: str) -> None:
    await desk.launch("editor")
    await desk.act([Write(text="kept"), Press(key="ctrl+s"), Write(text=name), Press(key="Return"), Write(text="!"), Press(key="ctrl+s")])
    assert await desk.read_file("a/b.txt") == b"kept!"


async def test_a_dialog_that_is_escaped_saves_nothing_and_one_told_nonsense_asks_again(desk: Desk) -> None:
    await desk.launch("editor")
    await desk.act([Write(text="kept"), Press(key="ctrl+s"), Write(text="a.txt"), Press(key="Escape")])
    assert await desk.list_files() == []
    await desk.act([Press(key="ctrl+s"), Write(text="/etc/passwd\n"), Press(key="ctrl+a"), Write(text="b.txt\n")])
    assert await desk.read_file("b.txt") == b"kept"


async def test_a_double_click_in_the_file_manager_opens_a_folder_and_then_a_file(desk: Desk) -> None:
    await desk.write_file("papers/a.txt", b"old ")
    await desk.open(".")
    await desk.act([DoubleClick(x=100, y=118), DoubleClick(x=100, y=118), Press(key="ctrl+End"), Write(text="new"), Press(key="ctrl+s")])
    assert await desk.read_file("papers/a.txt") == b"old new"


async def test_the_browser_shows_the_text_of_a_file_typed_as_an_address(desk: Desk) -> None:
    await desk.write_file("a b.txt", b"to be copied")
    await desk.open("https://example.com/")
    await desk.act([Press(key="ctrl+l"), Write(text=f"file://{HOME}/a%20b.txt\n"), Press(key="ctrl+a"), Press(key="ctrl+c")])
    await desk.launch("editor")
    await desk.act([Press(key="ctrl+v"), Press(key="ctrl+s"), Write(text="copy.txt\n")])
    assert await desk.read_file("copy.txt") == b"to be copied"


async def test_a_picture_is_shown_in_its_colours(desk: Desk) -> None:
    buffer = io.BytesIO()
    Picture.new("RGB", (300, 200), "#12ab34").save(buffer, "PNG")
    await desk.write_file("green.png", buffer.getvalue())
    await desk.open("green.png")
    colours = (await pixels(desk)).getcolors(1 << 24) or []
    assert max(count for count, colour in colours if colour == (0x12, 0xAB, 0x34)) >= 300 * 200 - 200


@pytest.mark.parametrize("name", ["broken.png", "binary.txt", "program.bin"])
async def test_a_file_that_cannot_be_shown_opens_a_window_that_says_so(desk: Desk, name: str) -> None:
    before = await look(desk)
    await desk.write_file(name, b"\xff\xfe\x00\x01")
    await desk.open(name)
    assert await look(desk) != before
    assert await desk.read_file(name) == b"\xff\xfe\x00\x01"


@pytest.mark.parametrize(
    "target", ["missing.txt", "file:///home/user/missing", "file:///etc/passwd", "ftp://example.com/", "../x", "file://host/x"]
)
async def test_a_target_that_is_not_on_the_desk_is_refused(desk: Desk, target: str) -> None:
    with pytest.raises(DeskRefused):
        await desk.open(target)


async def test_a_terminal_runs_what_is_entered_one_after_the_other(desk: Desk) -> None:
    await desk.launch("terminal")
    await desk.act([Write(text="sleep 0.1; echo 1 >> log\necho 2 >> log\n"), Press(key="Up"), Press(key="Return")])
    await desk.settle()
    assert await desk.read_file("log") == b"1\n2\n2\n"


async def test_closing_a_terminal_or_pressing_ctrl_c_ends_its_command(desk: Desk) -> None:
    for key in ("ctrl+c", "alt+F4"):
        await desk.launch("terminal")
        await desk.act([Write(text=f"touch begun-{key}; sleep {SLEEP}\n")])
        await until_running(SLEEP)
        await desk.act([Press(key=key)])
        await until_not_running(SLEEP)


# Files and commands


@pytest.mark.parametrize("path", ["..", "../other/x", "a/../../x", "/etc/passwd", "/home/userx/f", "", "nul\0l", "x" * 300])
async def test_no_path_leads_out_of_the_home_folder(desk: Desk, path: str) -> None:
    for call in (desk.read_file(path), desk.write_file(path, b""), desk.list_files(path)):
        with pytest.raises(DeskRefused):
            await call


async def test_a_command_sees_the_files_and_what_it_does_to_them_stays(desk: Desk) -> None:
    await desk.write_file("keep.txt", b"kept")
    await desk.write_file("gone/a.txt", b"x")
    await desk.write_file("change.txt", b"old")
    ran = await desk.run(
        f"cat {HOME}/keep.txt; rm -r gone; printf new > change.txt; mkdir -p empty/deep; cp -p keep.txt copy.txt; pwd>where"
    )
    assert ran.stdout == "kept"
    assert [entry.path.removeprefix(f"{HOME}/") for entry in await desk.list_files(".", 5)] == [
        "change.txt",
        "copy.txt",
        "empty",
        "empty/deep",
        "keep.txt",
        "where",
    ]
    assert await desk.read_file("change.txt") == b"new"
    assert (await desk.read_file("where")).decode() == f"{HOME}\n"
    assert (await desk.run("printf '#!/bin/sh\\necho ran' > s; chmod +x s")).exit_code == 0
    assert (await desk.run("./s")).stdout == "ran\n"


async def test_files_a_command_does_not_touch_keep_their_time(desk: Desk) -> None:
    await desk.write_file("a.txt", b"a")
    before = await desk.list_files()
    await desk.run("cat a.txt")
    assert await desk.list_files() == before


async def test_what_is_written_while_a_command_runs_stays(desk: Desk) -> None:
    await desk.launch("terminal")
    await desk.act([Write(text="sleep 0.2; echo made > made.txt\n")])
    await desk.write_file("meanwhile.txt", b"here")
    await desk.settle()
    assert (await desk.read_file("made.txt"), await desk.read_file("meanwhile.txt")) == (b"made\n", b"here")


async def test_a_command_gets_no_variable_of_ours(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTDESK_SECRET", "secret")
    names = {line.partition("=")[0] for line in (await desk.run("env")).stdout.splitlines()}
    assert names <= {"HOME", "PATH", "LANG", "PWD", "OLDPWD", "SHLVL", "_"}
    assert (await desk.run("echo $HOME ~")).stdout == f"{HOME} {HOME}\n"


async def test_what_a_killed_command_had_written_is_kept(desk: Desk) -> None:
    ran = await desk.run(f"echo half > half.txt; sleep {SLEEP}", timeout=0.3)
    assert ran.timed_out
    assert await desk.read_file("half.txt") == b"half\n"


async def test_nothing_is_left_running_after_a_timeout_even_in_a_session_of_its_own(desk: Desk) -> None:
    await desk.run(f"setsid sleep {SLEEP} & (trap '' TERM HUP; sleep {SLEEP}) & sleep {SLEEP}", timeout=0.3)
    assert running(SLEEP) == []


async def test_nothing_is_left_running_after_a_command_that_ended(desk: Desk) -> None:
    with anyio.fail_after(WAIT):
        assert (await desk.run(f"setsid sleep {SLEEP} & sleep {SLEEP} & echo ok")).stdout == "ok\n"
    assert running(SLEEP) == []


async def test_folders_closed_by_a_command_and_odd_files_do_not_hinder_the_next(desk: Desk) -> None:
    await desk.run("mkdir shut; echo x > shut/f; chmod 000 shut; mkfifo pipe; ln -s shut/f link; ln -s /etc/passwd out; ln -s . loop")
    assert await desk.read_file("shut/f") == b"x\n"
    assert await desk.read_file("link") == b"x\n"
    assert [entry.name for entry in await desk.list_files()] == ["link", "shut"]
    assert (await desk.run("cat shut/f")).stdout == "x\n"


@pytest.mark.parametrize("command", ["nul \0", "echo " + "x" * 300_000])
async def test_a_command_the_system_cannot_start_is_refused(desk: Desk, command: str) -> None:
    with pytest.raises(DeskRefused):
        await desk.run(command)


# Viewers


class Viewer:
    """A little RFB client."""

    def __init__(self, stream: ScreenStream, pixel_format: PixelFormat) -> None:
        self._stream = stream
        self._format = pixel_format
        self._taken = bytearray()
        self.size = Size(0, 0)

    async def take(self, count: int) -> bytes:
        while len(self._taken) < count:
            self._taken += await self._stream.receive()
        head = bytes(self._taken[:count])
        del self._taken[:count]
        return head

    async def greet(self) -> None:
        assert await self.take(12) == b"RFB 003.008\n"
        await self.send(b"RFB 003.008\n")
        assert await self.take(2) == b"\x01\x01"
        await self.send(b"\x01")
        assert await self.take(4) == bytes(4)
        await self.send(b"\x01")
        width, height, _, length = struct.unpack(">HH16sI", await self.take(24))
        await self.take(length)
        self.size = Size(width, height)
        await self.send(b"\0\0\0\0" + self._format.pack())
        await self.send(struct.pack(">BxHii", 2, 2, 0, -239))

    async def send(self, message: bytes) -> None:
        await self._stream.send(message)

    async def ask(self, incremental: bool) -> None:
        await self.send(struct.pack(">BBHHHH", 3, incremental, 0, 0, *self.size))

    async def update(self) -> tuple[Point, Size, bytes]:
        kind, count, x, y, width, height, encoding = struct.unpack(">BxHHHHHi", await self.take(16))
        assert (kind, count, encoding) == (0, 1, 0)
        return Point(x, y), Size(width, height), await self.take(width * height * self._format.bits // 8)

    async def key(self, *symbols: int, down: bool | None = None) -> None:
        for symbol in symbols:
            for state in (True, False) if down is None else (down,):
                await self.send(struct.pack(">BBxxI", 4, state, symbol))

    async def type(self, text: str) -> None:
        for char in text:
            await self.key(RETURN if char == "\n" else ord(char) if ord(char) < 256 else 0x01000000 + ord(char))

    async def click(self, x: int, y: int) -> None:
        for buttons in (0, 1, 0):
            await self.send(struct.pack(">BBHH", 5, buttons, x, y))

    async def heard(self) -> None:
        """Everything sent has been done: messages are taken in order, and a whole picture is answered at once."""
        await self.ask(incremental=False)
        await self.update()


@asynccontextmanager
async def viewing(desks: Desks, desk_id: str, pixel_format: PixelFormat | None = None) -> AsyncIterator[Viewer]:
    with anyio.fail_after(WAIT):
        async with desks.view(desk_id) as stream:
            viewer = Viewer(stream, pixel_format or PixelFormat())
            await viewer.greet()
            yield viewer


@pytest.mark.parametrize(
    ("pixel_format", "mode"),
    [
        (PixelFormat(), "BGRX"),
        (PixelFormat(shifts=(0, 8, 16)), "RGBX"),
        (PixelFormat(big_endian=True), "XRGB"),
        (PixelFormat(big_endian=True, shifts=(24, 16, 8)), "RGBX"),
        (PixelFormat(bits=16, most=(31, 63, 31), shifts=(11, 5, 0)), "BGR;16"),
    ],
    ids=["bgrx", "rgbx", "xrgb", "big-rgbx", "rgb565"],
)
async def test_a_viewer_gets_the_screen_in_the_pixel_format_it_asks_for(
    desks: Desks, desk: Desk, pixel_format: PixelFormat, mode: str
) -> None:
    await desk.launch("browser")
    async with viewing(desks, "d1", pixel_format) as viewer:
        await viewer.ask(incremental=False)
        corner, size, data = await viewer.update()
    shown = Picture.frombytes("RGB", size, data, "raw", mode)
    wanted = await pixels(desk)
    assert (corner, size) == (Point(0, 0), desk.size)
    off = 0 if pixel_format.bits == 32 else 8
    assert all(abs(a - b) <= off for a, b in zip(shown.tobytes(), wanted.tobytes(), strict=True))


async def test_a_viewer_in_256_colours_is_served(desks: Desks, desk: Desk) -> None:
    async with viewing(desks, "d1", PixelFormat(bits=8, most=(7, 7, 3), shifts=(0, 3, 6))) as viewer:
        await viewer.ask(incremental=False)
        _, size, data = await viewer.update()
        assert len(data) == size.width * size.height


async def test_a_request_for_changes_is_answered_when_there_is_one_and_with_no_more_than_it(desks: Desks, desk: Desk) -> None:
    await desk.launch("editor")
    async with viewing(desks, "d1") as viewer:
        await viewer.heard()
        shown = await pixels(desk)
        await viewer.ask(incremental=True)
        with anyio.move_on_after(0.2) as scope:
            await viewer.take(1)
        assert scope.cancelled_caught
        await desk.act([Write(text="typed by the agent")])
        corner, size, data = await viewer.update()
        assert size.width * size.height < 800 * 600
        shown.paste(Picture.frombytes("RGB", size, data, "raw", "BGRX"), (corner.x, corner.y))
        assert shown.tobytes() == (await pixels(desk)).tobytes()


async def test_two_viewers_see_the_same_change(desks: Desks, desk: Desk) -> None:
    async with viewing(desks, "d1") as one, viewing(desks, "d1") as two:
        for viewer in (one, two):
            await viewer.heard()
            await viewer.ask(incremental=True)
        await one.click(30, 15)
        for viewer in (one, two):
            _, size, _ = await viewer.update()
            assert size.width > 100


async def test_what_a_viewer_types_lands_in_the_editor_and_is_saved(desks: Desks, desk: Desk) -> None:
    await desk.launch("editor")
    async with viewing(desks, "d1") as viewer:
        await viewer.key(SHIFT, down=True)
        await viewer.type("H!")
        await viewer.key(SHIFT, down=False)
        await viewer.type("i, é 世界 🎉x")
        await viewer.key(BACKSPACE, 0x20AC, 0x6C2)
        await viewer.key(CONTROL, ord("s"), down=True)
        await viewer.key(ord("s"), CONTROL, down=False)
        await viewer.type("taken.txt\n")
        await viewer.heard()
    assert (await desk.read_file("taken.txt")).decode() == "H!i, é 世界 🎉€б"


async def test_a_viewer_clicks_double_clicks_drags_and_turns_the_wheel(desks: Desks, desk: Desk) -> None:
    await desk.write_file("a.txt", b"\n".join(b"%d" % n for n in range(300)))
    await desk.open(".")
    async with viewing(desks, "d1") as viewer:
        await viewer.click(100, 118)
        await viewer.click(101, 118)
        await viewer.heard()
        opened = await look(desk)
        for buttons in (16, 0):
            await viewer.send(struct.pack(">BBHH", 5, buttons, 400, 400))
        await viewer.heard()
        assert await look(desk) != opened
        for buttons, x in ((0, 300), (1, 300), (1, 350), (0, 350)):
            await viewer.send(struct.pack(">BBHH", 5, buttons, x, 97))
        await viewer.heard()
        assert await desk.cursor() == Point(350, 97)
        await viewer.click(74 + 50 + 747, 97)  # the close box, where the window was dragged
        await viewer.heard()
    await desk.act([Press(key="alt+F4"), Move(x=5, y=500)])
    bare = await look(desk)
    await desk.act([Press(key="alt+F4")])
    assert await look(desk) == bare


async def test_a_viewers_clipboard_can_be_pasted(desks: Desks, desk: Desk) -> None:
    await desk.launch("editor")
    async with viewing(desks, "d1") as viewer:
        await viewer.send(struct.pack(">B3xI", 6, 6) + b"caf\xe9 x")
        await viewer.heard()
    await desk.act([Press(key="ctrl+v"), Press(key="ctrl+s"), Write(text="a.txt\n")])
    assert (await desk.read_file("a.txt")).decode() == "café x"


@pytest.mark.parametrize(
    "nonsense", [b"\xc8" * 50, struct.pack(">BxH", 2, 60000), struct.pack(">B3xI", 6, 1 << 30), b"\0\0\0\0" + bytes(16)]
)
async def test_a_viewer_that_talks_nonsense_is_hung_up_and_the_desk_goes_on(desks: Desks, desk: Desk, nonsense: bytes) -> None:
    async with viewing(desks, "d1") as viewer:
        await viewer.send(nonsense)
        with pytest.raises(anyio.EndOfStream):
            await viewer.take(1 << 30)
    async with viewing(desks, "d1") as viewer:
        await viewer.heard()


async def test_a_viewer_that_leaves_in_the_midst_of_an_update_harms_nobody(desks: Desks, desk: Desk) -> None:
    for _ in range(3):
        async with viewing(desks, "d1") as viewer:
            await viewer.ask(incremental=False)
            await viewer.take(100)
    await desk.launch("editor")
    async with viewing(desks, "d1") as viewer:
        await viewer.heard()


@pytest.mark.parametrize(
    ("keysym", "key"),
    [
        (0x61, "a"),
        (0xE9, "é"),
        (0x01004E16, "世"),
        (0x6C2, "б"),
        (0x7D2, "Σ"),
        (0x7E1, "α"),
        (0xFF54, "Down"),
        (0xFFFFFF, None),
        (0x0100D800, None),
    ],
)
def test_a_keysym_is_the_key_x_says(keysym: int, key: str | None) -> None:
    assert from_keysym(keysym) == key


# Other processes


def running(seconds: str) -> list[int]:
    """Processes that sleep for so long."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                if (folder / "cmdline").read_bytes().split(b"\0")[:2] == [b"sleep", seconds.encode()]:
                    found.append(int(folder.name))
            except OSError:
                continue
    return found


async def until_running(seconds: str) -> None:
    with anyio.fail_after(WAIT):
        while not running(seconds):  # noqa: ASYNC110 - in another process
            await anyio.sleep(0.01)


async def until_not_running(seconds: str) -> None:
    with anyio.fail_after(WAIT):
        while running(seconds):  # noqa: ASYNC110 - in another process
            await anyio.sleep(0.01)


_HEAD = """
import anyio, sys
from pathlib import Path
from hotdesk.desks.base import DeskOptions
from hotdesk.desks.pretend import PretendDesks
desks = PretendDesks(Path(sys.argv[1]))
"""

_OWNER = (
    _HEAD
    + """
async def main():
    async with desks.open("theirs", DeskOptions()) as desk:
        print("open", flush=True)
        try:
            await desk.run("sleep " + sys.argv[2])
        except Exception as error:
            print(type(error).__name__, flush=True)
anyio.run(main)
"""
)

_TYPIST = (
    _HEAD
    + """
import struct
async def main():
    async with desks.view("d1") as screen:
        async def take(count, taken=bytearray()):
            while len(taken) < count:
                taken += await screen.receive()
            head = bytes(taken[:count]); del taken[:count]; return head
        await take(12); await screen.send(b"RFB 003.008\\n")
        await take(2); await screen.send(b"\\x01")
        await take(4); await screen.send(b"\\x01")
        start = await take(24); await take(start[23])
        for char in "from afar":
            await screen.send(struct.pack(">BBxxI", 4, 1, ord(char)) + struct.pack(">BBxxI", 4, 0, ord(char)))
        await screen.send(struct.pack(">BBHHHH", 3, 0, 0, 0, 1, 1)); await take(20)
anyio.run(main)
"""
)

_DESTROYER = _HEAD + "print(anyio.run(desks.destroy, sys.argv[2]), flush=True)"


def python(program: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", program, *arguments]


@contextmanager
def owner(run_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process with a desk `theirs`, in the midst of a command."""
    with subprocess.Popen(python(_OWNER, str(run_dir), SLEEP), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
            yield process
        finally:
            process.kill()


async def test_a_viewer_in_another_process_types_into_the_editor(desks: Desks, desk: Desk, tmp_path: Path) -> None:
    await desk.launch("editor")
    with anyio.fail_after(WAIT):
        await anyio.run_process(python(_TYPIST, str(tmp_path / "run")))
    await desk.act([Press(key="ctrl+s"), Write(text="a.txt\n")])
    assert await desk.read_file("a.txt") == b"from afar"


async def test_a_desk_destroyed_by_another_process_is_gone_at_once_and_its_command_with_it(desks: Desks, tmp_path: Path) -> None:
    with owner(tmp_path / "run") as process:
        await until_running(SLEEP)
        assert await desks.list() == ["theirs"]
        with anyio.fail_after(WAIT):
            done = await anyio.run_process(python(_DESTROYER, str(tmp_path / "run"), "theirs"))
        assert done.stdout == b"True\n"
        assert await desks.list() == []
        assert process.stdout is not None
        assert await anyio.to_thread.run_sync(process.stdout.readline) == "DeskGone\n"
        assert await anyio.to_thread.run_sync(process.wait) == 0
        assert running(SLEEP) == []


async def test_what_a_killed_owner_left_is_swept_with_its_commands(desks: Desks, tmp_path: Path) -> None:
    with owner(tmp_path / "run") as process:
        await until_running(SLEEP)
        assert await desks.sweep() == []
        process.send_signal(signal.SIGKILL)
        await anyio.to_thread.run_sync(process.wait)
        assert await desks.sweep() == ["theirs"]
        assert (await desks.list(), await desks.sweep(), await desks.destroy("theirs")) == ([], [], False)
        assert running(SLEEP) == []
        with pytest.raises(DeskGone):
            async with desks.view("theirs"):
                pass


async def test_the_id_of_a_killed_owners_desk_can_be_used_again(desks: Desks, tmp_path: Path) -> None:
    with owner(tmp_path / "run") as process:
        process.send_signal(signal.SIGKILL)
        await anyio.to_thread.run_sync(process.wait)
        async with desks.open("theirs", OPTIONS) as desk:
            assert (await desk.run("echo mine")).stdout == "mine\n"
        assert await desks.list() == []


async def test_an_owner_that_does_not_answer_loses_its_desk_all_the_same(
    desks: Desks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hotdesk.desks.pretend.provider.ANSWER", 0.2)
    with owner(tmp_path / "run") as process:
        await until_running(SLEEP)
        process.send_signal(signal.SIGSTOP)
        assert await desks.destroy("theirs") is True
        assert await desks.list() == []
        assert running(SLEEP) == []
        process.send_signal(signal.SIGCONT)
        assert await anyio.to_thread.run_sync(process.wait) == 0


async def test_a_call_under_way_when_the_desk_is_destroyed_says_that_it_is_gone(desks: Desks) -> None:
    async with desks.open("d1", OPTIONS) as desk:

        async def destroy() -> None:
            await until_running(SLEEP)
            await desks.destroy("d1")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(destroy)
            with pytest.raises(DeskGone), anyio.fail_after(WAIT):
                await desk.run(f"sleep {SLEEP}")
        assert running(SLEEP) == []


async def test_leaving_a_destroyed_desk_does_not_end_the_next_of_the_same_id(desks: Desks) -> None:
    opened, left = anyio.Event(), anyio.Event()

    async def again() -> None:
        async with desks.open("d1", OPTIONS) as desk:
            opened.set()
            await left.wait()
            assert (await desk.run("echo here")).stdout == "here\n"

    async with anyio.create_task_group() as tasks:
        async with desks.open("d1", OPTIONS):
            await desks.destroy("d1")
            tasks.start_soon(again)
            await opened.wait()
        left.set()
    assert await desks.list() == []


async def test_folders_that_are_no_pretend_desks_are_left_alone(desks: Desks, tmp_path: Path) -> None:
    other = tmp_path / "run" / "other"
    other.mkdir(parents=True)
    (tmp_path / "run").chmod(0o700)
    (other / "owner.json").write_text(json.dumps({"provider": "local", "pid": 1, "started": 0, "desk": ""}))
    assert (await desks.list(), await desks.sweep(), await desks.destroy("other")) == ([], [], False)
    assert other.exists()
    with pytest.raises(DeskUnavailable):
        async with desks.open("other", OPTIONS):
            pass


async def test_closing_leaves_nothing_in_the_folder_and_only_its_owner_can_enter_it(desks: Desks, tmp_path: Path) -> None:
    async with desks.open("d1", OPTIONS) as desk:
        await desk.run("echo x > x")
        assert {
            path.stat().st_mode & 0o077 for path in (tmp_path / "run", *(tmp_path / "run").rglob("*")) if path.name != "owner.json"
        } == {0}
    assert list((tmp_path / "run").iterdir()) == []


async def test_a_folder_others_can_write_in_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(DeskUnavailable):
        async with PretendDesks(tmp_path / "open").open("d1", OPTIONS):
            pass
    assert list((tmp_path / "open").iterdir()) == []


async def test_a_folder_with_a_very_long_path_serves_viewers_too(tmp_path: Path) -> None:
    desks = PretendDesks(tmp_path / ("long" * 40))
    async with desks.open("d" * 40, OPTIONS), viewing(desks, "d" * 40) as viewer:
        await viewer.heard()


async def test_opening_and_closing_many_desks_leaves_no_file_open(desks: Desks) -> None:
    async def once() -> int:
        async with desks.open("d1", OPTIONS) as desk, viewing(desks, "d1") as viewer:
            await viewer.heard()
            await desk.run("true")
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    first = await once()
    for _ in range(5):
        last = await once()
    assert last <= first + 1


async def test_check_finds_that_all_is_well(desks: Desks) -> None:
    assert [finding.ok for finding in await desks.check()] == [True]
