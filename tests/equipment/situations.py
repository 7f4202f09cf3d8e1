"""Situations at a desk, made to happen for real and recorded: `python -m tests.equipment.situations [NAME...]`.

A recording is all that settling goes by (damage, work, docks, the window with the focus), what was done and when, and the truth: from when
on the picture was what it stayed. The truth comes from pictures alone: the screen is looked at whenever it was damaged, and compared with
how it looked at the end. What a situation declares to be apart (an animation, a clock) and carets make no difference.

`tests/desks/local/test_situations.py` replays the recordings. Record one anew when the situation itself is changed, on a machine that has
little else to do, and look at what it says and at the last picture, which it leaves in the folder for temporary files.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Set
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import anyio
from PIL import Image as Picture
from PIL import ImageChops

from hotdesk.desks.base import DeskOptions, DoubleClick, Drag, LeftClick, Move, Press, RightClick, Scroll, Write
from hotdesk.desks.local import LocalDesks, provider
from hotdesk.desks.local.desk import LocalDesk
from hotdesk.desks.x11.display import Display
from hotdesk.desks.x11.settle import Rest
from hotdesk.desks.x11.signs import Change, DisplaySigns, Rectangle, Work

FOLDER = Path(__file__).parents[1] / "desks" / "local" / "situations"

BEFORE = 2.4
"""Seconds that are watched before anything is done: what changes by itself shows."""
LOOK_EVERY = 0.01
DIFFERENT, DIFFERENT_PIXELS = 24, 12
"""How far a channel of a pixel, and how many pixels, must differ to be seen."""
CLOCK = (1200, 756, 1280, 800)
"""The panel's, which may tick at any time: left, top, right, bottom."""

Box = tuple[int, int, int, int]
Do = Callable[[LocalDesk], Awaitable[None]]


@dataclass
class Recording:
    """Times are milliseconds from the moment of acting."""

    size: tuple[int, int]
    truth: int
    changes: list[list[int]]
    """When, and where: x, y, width, height."""
    work: list[list[int]]
    """When, milliseconds of a core, whether something was seen running."""
    docks: list[list[Any]]
    active: list[list[int]]
    calls: list[list[Any]]
    """What settling was told, in order; the last is the wait."""

    @classmethod
    def load(cls, name: str) -> Recording:
        return cls(**json.loads((FOLDER / f"{name}.json").read_text()))

    def save(self, name: str) -> None:
        FOLDER.mkdir(exist_ok=True)
        parts = (f"{json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}" for key, value in asdict(self).items())
        (FOLDER / f"{name}.json").write_text("{" + ",\n".join(parts) + "}\n")


@dataclass(frozen=True)
class Situation:
    """Something that happens at a desk, and what settling should say of it."""

    act: Do
    prepare: Do | None = None
    why: tuple[str, ...] = ("quiet",)
    slack: float = 0.2
    """Seconds that the answer may be later than the truth."""
    endless: bool = False
    """The screen never comes to rest, and no part of it may be taken for all: only the cap ends the wait."""
    apart: tuple[Box, ...] = ()
    """What makes no difference: left, top, right, bottom."""
    caret: tuple[int, int] = (3, 40)
    """A difference that is no wider and higher is a caret's."""
    watched: float = 2.0
    """Seconds, from what was done."""
    cap: float = 3.0
    wrong: str = ""
    """Settling is known to be wrong here, and why it stays so."""


# Recording ---------------------------------------------------------------------------------------------------------------------


@dataclass
class _Notes:
    changes: list[Change] = field(default_factory=list)
    work: list[Work] = field(default_factory=list)
    docks: list[tuple[float, list[Rectangle]]] = field(default_factory=list)
    active: list[tuple[float, int]] = field(default_factory=list)
    calls: list[tuple[Any, ...]] = field(default_factory=list)

    def clear(self) -> None:
        for each in (self.changes, self.work, self.docks, self.active, self.calls):
            each.clear()


class _NotedSigns(DisplaySigns):
    """Notes what anybody saw."""

    def __init__(self, display: Display, proc: str, apart: Set[int], notes: _Notes) -> None:
        super().__init__(display, proc, apart)
        self._notes = notes

    def work(self) -> Work:
        self._notes.work.append(work := super().work())
        return work

    def docks(self) -> list[Rectangle]:
        self._notes.docks.append((self.now(), docks := super().docks()))
        return docks

    def active_window(self) -> int:
        self._notes.active.append((self.now(), window := super().active_window()))
        return window


class _Noted(Rest):
    """Notes what it is told."""

    def __init__(self, display: Display, proc: str, apart: Set[int]) -> None:
        self.notes = _Notes()
        self.seen = _NotedSigns(display, proc, apart, self.notes)
        super().__init__(self.seen)

    def _note(self, change: Change) -> None:
        self.notes.changes.append(change)
        super()._note(change)

    def begin(self, launching: bool = False) -> None:
        self.notes.calls.append((time.monotonic(), "begin", launching))
        super().begin(launching)

    def touch(self, x: int, y: int) -> None:
        self.notes.calls.append((time.monotonic(), "touch", x, y))
        super().touch(x, y)

    def pressed_button(self) -> None:
        self.notes.calls.append((time.monotonic(), "pressed_button"))
        super().pressed_button()


@dataclass
class _Frame:
    """What of the screen had been damaged when it was looked at."""

    at: float
    where: Box
    pixels: bytes


async def record(situation: Situation) -> tuple[Recording, Picture.Image]:
    """And how it looked at the end."""
    folder = Path(tempfile.mkdtemp(prefix="hd-", dir="/var/tmp"))
    folder.chmod(0o711)
    try:
        with patch.object(provider, "Settling", _Noted):
            async with LocalDesks(folder).open("situation", DeskOptions(internet="none")) as desk:
                assert isinstance(desk, LocalDesk)
                await desk.settle(8)
                if situation.prepare:
                    await situation.prepare(desk)
                    await desk.settle(8)
                return await _recorded(desk, situation)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _recorded(desk: LocalDesk, situation: Situation) -> tuple[Recording, Picture.Image]:
    settling = desk._settling
    assert isinstance(settling, _Noted)
    notes, signs, screen = settling.notes, settling.seen, desk._screen
    await desk.settle(2)
    notes.clear()
    signs.docks()
    first = bytes(screen.pixels())
    frames: list[_Frame] = []
    seen = 0

    def look() -> None:
        nonlocal seen
        new, seen = notes.changes[seen:], len(notes.changes)
        if new:
            at, pixels, width = time.monotonic(), memoryview(screen.pixels()), screen.width
            left, top = max(0, min(c.where.x for c in new)), max(0, min(c.where.y for c in new))
            right = min(width, max(c.where.x + c.where.width for c in new))
            bottom = min(screen.height, max(c.where.y + c.where.height for c in new))
            rows = b"".join(pixels[(y * width + left) * 4 : (y * width + right) * 4] for y in range(top, bottom))
            frames.append(_Frame(at, (left, top, right, bottom), rows))

    async def watch() -> None:
        docks_at = 0.0
        while True:
            look()
            signs.work()
            signs.active_window()
            if (now := time.monotonic()) > docks_at + 0.1:
                signs.docks()
                docks_at = now
            await anyio.sleep(LOOK_EVERY)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        await anyio.sleep(BEFORE)
        await situation.act(desk)
        zero, done = notes.calls[0][0], time.monotonic()
        notes.calls.append((done, "wait"))
        await anyio.sleep(situation.watched - (done - zero))
        tasks.cancel_scope.cancel()
    size = (screen.width, screen.height)
    picture = Picture.frombytes("RGB", size, first, "raw", "BGRX")
    final = picture.copy()
    for frame in frames:
        _paint(final, frame)
    before = truth = zero
    for frame in frames:
        if frame.at > zero and _differ(picture, final, situation):  # then it was what it stayed after this frame's changes at the earliest
            truth = max([change.at for change in notes.changes if before < change.at <= frame.at], default=frame.at)
        _paint(picture, frame)
        before = frame.at
    return _condensed(size, notes, zero, max(truth, zero)), final


def _paint(picture: Picture.Image, frame: _Frame) -> None:
    left, top, right, bottom = frame.where
    if left < right and top < bottom:
        picture.paste(Picture.frombytes("RGB", (right - left, bottom - top), frame.pixels, "raw", "BGRX"), (left, top))


def _differ(one: Picture.Image, other: Picture.Image, situation: Situation) -> bool:
    bands = [band.point(lambda value: 255 * (value > DIFFERENT)) for band in ImageChops.difference(one, other).split()]
    different = ImageChops.lighter(ImageChops.lighter(bands[0], bands[1]), bands[2])
    for box in (CLOCK, *situation.apart):
        different.paste(0, box)
    bounds = different.getbbox()
    if bounds is None or different.histogram()[255] < DIFFERENT_PIXELS:
        return False
    return bounds[2] - bounds[0] > situation.caret[0] or bounds[3] - bounds[1] > situation.caret[1]


def _condensed(size: tuple[int, int], notes: _Notes, zero: float, truth: float) -> Recording:
    """What says nothing new is left out: the same damage in the same moment, work that did not go on, a dock that stayed."""

    def ms(moment: float) -> int:
        return round((moment - zero) * 1000)

    changes: list[list[int]] = []
    latest: dict[Rectangle, float] = {}
    for change in notes.changes:
        if change.at < zero or change.at - latest.get(change.where, 0.0) > 0.004:
            latest[change.where] = change.at
            changes.append([ms(change.at), *change.where])
    work: list[list[int]] = []
    from_where = min(sample.seconds for sample in notes.work[:1])
    for sample in sorted(notes.work):
        if not work or work[-1][1:] != [round((sample.seconds - from_where) * 1000), int(sample.running)]:
            work.append([ms(sample.at), round((sample.seconds - from_where) * 1000), int(sample.running)])
    docks: list[list[Any]] = []
    for at, found in notes.docks:
        if not docks or docks[-1][1] != [list(dock) for dock in found]:
            docks.append([ms(at), [list(dock) for dock in found]])
    active: list[list[int]] = []
    for at, window in notes.active:
        if not active or active[-1][1] != window:
            active.append([ms(at), window])
    calls = [[ms(at), *told] for at, *told in notes.calls]
    return Recording(size, ms(truth), changes, work, docks, active, calls)


# What happens --------------------------------------------------------------------------------------------------------------------


def _acts(*actions: Any) -> Do:
    async def act(desk: LocalDesk) -> None:
        await desk.act(actions)

    return act


def _launches(command: str) -> Do:
    async def act(desk: LocalDesk) -> None:
        await desk.launch(command)

    return act


def _editor(text: str = "") -> Do:
    async def prepare(desk: LocalDesk) -> None:
        await desk.write_file(".config/gtk-3.0/settings.ini", b"[Settings]\ngtk-cursor-blink=1\ngtk-cursor-blink-timeout=100\n")
        await desk.write_file("notes.txt", text.encode())
        await desk.open("notes.txt")
        await desk.settle(10)
        await desk.act([LeftClick(x=640, y=500)])

    return prepare


def _terminal(options: str = "") -> Do:
    return _launches(f"xterm -geometry 100x30+100+60 {options}")


def _window(script: str) -> Do:
    """A window of Tk's, 600 by 400 at (200, 150)."""

    async def prepare(desk: LocalDesk) -> None:
        await desk.write_file("window.tcl", f"wm geometry . 600x400+200+150\n{script}\n".encode())
        await desk.launch("wish window.tcl")

    return prepare


def _page(body: str) -> Do:
    """A page in a browser that has long started. A click anywhere calls `go()`."""
    style = "<style>body{margin:40px;font:20px sans-serif} .box{width:600px;height:60px;margin:8px;background:#47a}"
    style += " @keyframes turn{to{transform:rotate(1turn)}}"
    style += " .spinner{width:64px;height:64px;border-radius:50%;border:8px solid #ccc;border-top-color:#07c;box-sizing:border-box;"
    style += "position:absolute;left:900px;top:40px;animation:turn 1s linear infinite}</style>"
    lib = "<script>const add=html=>document.body.insertAdjacentHTML('beforeend',html);const box='<div class=box></div>';"
    lib += "const found=html=>{document.querySelector('.spinner').remove();add(html)};"
    lib += "const busy=ms=>{const t=performance.now();while(performance.now()-t<ms);};onclick=()=>go();</script>"

    async def prepare(desk: LocalDesk) -> None:
        await desk.write_file("page.html", f"<!doctype html><meta charset=utf-8><title>Page</title>{style}{lib}{body}".encode())
        await desk.write_file("second.html", f"<!doctype html><title>Second</title>{style}{LINES}".encode())
        await desk.open("page.html")
        await desk.settle(15)
        await anyio.sleep(2.5)  # it goes on with itself after it has started

    return prepare


async def _saving(desk: LocalDesk) -> None:
    await _editor("one\n")(desk)
    await desk.act([Write(text="x"), Press(key="ctrl+shift+s")])
    await desk.settle(5)
    await desk.act([Write(text="later.txt")])


async def _filling_later(desk: LocalDesk) -> None:
    script = "wm geometry . 600x400+200+150; update; after 110; pack [label .l -text {Here it is} -bg white] -fill both -expand 1"
    await desk.write_file("later.tcl", script.encode())


async def _computing(desk: LocalDesk) -> None:
    await _editor("one\n")(desk)
    await desk.settle(5)
    await desk.launch("sh -c 'while :; do :; done'")


async def _menu_open(desk: LocalDesk) -> None:
    await _editor("one\n")(desk)
    await desk.settle(5)
    await desk.act([Press(key="alt+f")])


async def _minute(ahead: float) -> None:
    await anyio.sleep((60 - ahead - time.time()) % 60)


async def _near_the_minute(_: LocalDesk) -> None:
    await _minute(BEFORE + 2)


async def _as_the_minute_ends(desk: LocalDesk) -> None:
    await _minute(0.05)
    await desk.act([SHIFT])


CLICK = LeftClick(x=600, y=600)
CLICKED = _acts(CLICK)
CLICKED_WITHIN = _acts(LeftClick(x=500, y=450))
"""Within the small window."""
EMPTY = LeftClick(x=1200, y=60)
SHIFT = Press(key="shift")
PARAGRAPH = "The quick brown fox jumps over the lazy dog, and then it goes home and sleeps until the morning. " * 3
LINES = "".join(f"<p>{number}. Lorem ipsum dolor sit amet, consectetur adipiscing elit</p>" for number in range(200))
DIALOG = "toplevel .d; wm geometry .d 300x150+350+250; pack [label .d.l -text {Are you sure?}] [button .d.b -text Yes]"
SPINNER = "<div class=spinner></div>"
BLOCK = (12, 28)
"""A terminal's caret."""
SPINS = ((900, 100, 1100, 260),)
"""Where a page's spinner is on the screen."""

SITUATIONS: dict[str, Situation] = {
    # Nothing to wait for
    "nothing": Situation(_acts(Move(x=620, y=300)), why=("nothing",), slack=0.3),
    "click-on-the-desktop": Situation(_acts(EMPTY), why=("nothing",), slack=0.3),
    "caret-in-an-editor": Situation(_acts(SHIFT), _editor("one\n"), why=("nothing", "quiet"), slack=0.3),
    "caret-in-a-terminal": Situation(_acts(SHIFT), _terminal("-bc"), why=("nothing",), slack=0.3, caret=BLOCK),
    "clock-of-the-panel": Situation(_as_the_minute_ends, _near_the_minute, why=("nothing",), slack=0.3),
    "clock-in-a-page": Situation(
        CLICKED,
        _page(
            "<p>Text</p><div id=c style='position:absolute;right:20px;top:20px;width:160px'></div>"
            "<script>setInterval(()=>c.textContent=Date.now(),100);const go=()=>0;</script>"
        ),
        why=("nothing",),
        slack=0.35,
        apart=((1060, 60, 1280, 200),),
    ),
    # Small changes
    "typing-a-character": Situation(_acts(Write(text="m")), _editor("one\n")),
    "typing-a-paragraph": Situation(_acts(Write(text=PARAGRAPH)), _editor("one\n")),
    "typing-in-a-terminal": Situation(_acts(Write(text="echo hello")), _terminal("-bc"), caret=BLOCK),
    "typing-a-character-in-a-terminal": Situation(_acts(Write(text="m")), _terminal(), caret=(0, 0)),
    "typing-beside-a-program-that-computes": Situation(_acts(Write(text="some words")), _computing),
    "typing-beside-a-clock": Situation(
        _acts(Write(text="hello")),
        _page(
            "<textarea autofocus rows=8 cols=40></textarea><div id=c style='position:absolute;right:20px;top:20px;width:160px'></div>"
            "<script>setInterval(()=>c.textContent=Date.now(),100);const go=()=>0;</script>"
        ),
        apart=((1060, 60, 1280, 200),),
    ),
    "selecting-by-a-drag": Situation(_acts(Drag(x=230, y=160, to_x=420, to_y=260)), _editor("some words in a line of text\n" * 30)),
    "checkbox-of-a-page": Situation(
        _acts(LeftClick(x=300, y=300)),
        _page("<input type=checkbox style='position:absolute;left:290px;top:203px'><script>const go=()=>0;</script>"),
        caret=(0, 0),
    ),
    "tooltip-of-a-page": Situation(
        _acts(Move(x=300, y=300)),
        _page(
            "<style>#t{width:500px;height:500px;background:#eee}#t i{display:none;background:#fc6;position:relative;left:200px;top:200px}"
            "#t:hover i{display:inline}</style><div id=t>Here<i>what it is for</i></div><script>const go=()=>0;</script>"
        ),
    ),
    "tooltip-of-the-panel": Situation(
        _acts(Move(x=20, y=778)),
        why=("quiet",),
        wrong="a tooltip that comes half a second after the pointer, without a sign before: waiting for it would slow each move",
    ),
    # Menus, dialogs, windows
    "menu-of-an-editor": Situation(_acts(Press(key="alt+f")), _editor("one\n")),
    "menu-closed": Situation(_acts(Press(key="Escape")), _menu_open),
    "menu-of-the-desktop": Situation(_acts(RightClick(x=900, y=300))),
    "dialog-after-100-ms": Situation(CLICKED_WITHIN, _window(f"bind . <Button-1> {{after 100 {{{DIALOG}}}}}")),
    "dialog-after-200-ms": Situation(CLICKED_WITHIN, _window(f"bind . <Button-1> {{after 200 {{{DIALOG}}}}}")),
    "dialog-closed-by-return": Situation(_acts(Press(key="Return")), _saving, slack=0.35),
    "window-moved": Situation(_acts(Drag(x=400, y=163, to_x=600, to_y=363)), _window("pack [label .l -text {Some text}]")),
    "window-closed": Situation(_acts(Press(key="alt+F4")), _window("pack [label .l -text {Some text}]")),
    "window-maximised": Situation(_acts(DoubleClick(x=400, y=163)), _window("pack [text .t] -fill both -expand 1")),
    "click-on-a-launcher": Situation(_acts(LeftClick(x=101, y=778)), slack=0.5, watched=4.0, apart=((50, 700, 160, 756),)),
    "launching-a-program-that-comes-late": Situation(_launches("sh -c 'sleep 0.7; exec xterm'"), slack=0.5, watched=4.0, cap=10),
    "launching-a-window-that-fills-later": Situation(_launches("wish later.tcl"), _filling_later, slack=0.5, watched=4.0, cap=10),
    "launching-an-editor": Situation(_launches("editor"), slack=0.5, watched=5.0, cap=10),
    "launching-a-terminal": Situation(_launches("terminal"), slack=0.5, watched=4.0, cap=10),
    "launching-a-browser": Situation(_launches("browser"), slack=0.8, watched=10.0, cap=15),
    # Pages
    "page-in-three-steps": Situation(
        CLICKED, _page("<script>const go=()=>{add(box);setTimeout(()=>{add(box);setTimeout(()=>add(box),60)},60)};</script>")
    ),
    "page-in-slow-steps": Situation(
        CLICKED,
        _page("<script>const go=()=>{add(box);setTimeout(()=>{add(box);setTimeout(()=>add(box),150)},150)};</script>"),
        wrong="a pause of 150 ms without work looks like the end: waiting it out would take as long after each step",
    ),
    "page-that-computes": Situation(
        CLICKED, _page("<script>const go=()=>{add(box);setTimeout(()=>{busy(400);add(box)},30)};</script>"), slack=0.3
    ),
    "page-that-computes-at-once": Situation(CLICKED, _page("<script>const go=()=>{busy(400);add(box)};</script>"), slack=0.3),
    "page-with-a-late-picture": Situation(
        CLICKED,
        _page(
            "<script>const work=`onmessage=()=>{const t=performance.now();while(performance.now()-t<450);}`;"
            "const worker=new Worker(URL.createObjectURL(new Blob([work])));"
            "const picture=()=>{const c=document.createElement('canvas');c.width=900;c.height=400;const g=c.getContext('2d');"
            "for(let i=0;i<900;i++){g.fillStyle=`hsl(${i},80%,50%)`;g.fillRect(i,0,1,400)}const p=new Image();p.src=c.toDataURL();"
            "document.body.append(p)};const go=()=>{add(box);worker.postMessage(0);setTimeout(picture,350)};</script>"
        ),
        slack=0.35,
    ),
    "page-that-appears-in-bits": Situation(
        CLICKED,
        _page(
            "<style>i{position:absolute;width:70px;height:20px;background:#47a}</style><script>let n=0;const go=()=>{"
            "add(`<i style='left:${n*397%1100+20}px;top:${n*211%560+20}px'></i>`);if(++n<18)setTimeout(go,55)};</script>"
        ),
    ),
    "page-that-fades-in": Situation(
        CLICKED,
        _page("<style>@keyframes in{from{opacity:0}}.box{animation:in .4s}</style><script>const go=()=>add(box+box+box);</script>"),
    ),
    "page-after-a-link": Situation(
        CLICKED,
        _page("<p>First</p><script>const go=()=>location='second.html'</script>"),
    ),
    "page-scrolled": Situation(_acts(Scroll(x=600, y=500, dy=5)), _page(f"{LINES}<script>const go=()=>0;</script>")),
    "page-scrolled-smoothly": Situation(
        CLICKED,
        _page(f"{LINES}<script>let n=0;const go=()=>{{scrollBy(0,20);if(++n<25)requestAnimationFrame(go)}};</script>"),
    ),
    # What never ends
    "spinner": Situation(
        CLICKED, _page(f"<script>const go=()=>{{add(box+`{SPINNER}`)}};</script>"), why=("animating",), slack=0.75, apart=SPINS
    ),
    "two-spinners": Situation(
        CLICKED,
        _page(f"<script>const go=()=>{{add(box+`{SPINNER}{SPINNER.replace('>', ' style=left:100px;top:500px>', 1)}`)}};</script>"),
        why=("animating",),
        slack=0.75,
        apart=(*SPINS, (80, 560, 200, 700)),
        watched=3.6,
        wrong="the browser reports the damage of two corners as one rectangle over all that is between them",
    ),
    "spinner-of-before": Situation(CLICKED, _page(f"{SPINNER}<script>const go=()=>add(box);</script>"), apart=SPINS),
    "small-spinner": Situation(
        CLICKED,
        _page(f"<style>.spinner{{width:24px;height:24px;border-width:3px}}</style><script>const go=()=>add(box+`{SPINNER}`);</script>"),
        slack=0.25,
        apart=SPINS,
    ),
    "spinner-then-content": Situation(
        CLICKED,
        _page(f"<script>const go=()=>{{add(`{SPINNER}`);setTimeout(()=>found(box+box),400)}};</script>"),
    ),
    "spinner-then-content-late": Situation(
        CLICKED,
        _page(f"<script>const go=()=>{{add(`{SPINNER}`);setTimeout(()=>found(box+box),1000)}};</script>"),
        wrong="a spinner that will end looks like one that will not; «animating» says so, and the brain can wait",
    ),
    "progress-bar": Situation(
        CLICKED_WITHIN,
        _window(
            "package require Tk; ttk::progressbar .p -length 400 -maximum 100; pack .p -pady 60\n"
            "proc go {} {.p step 0.7; after 16 go}\nbind . <Button-1> go"
        ),
        why=("animating",),
        slack=0.75,
        apart=((200, 150, 820, 300),),
    ),
    "video": Situation(
        CLICKED,
        _page(
            "<canvas id=v width=640 height=360></canvas><script>const g=v.getContext('2d');"
            "const go=()=>{g.fillStyle=`hsl(${Math.random()*360},80%,50%)`;g.fillRect(0,0,640,360);requestAnimationFrame(go)};</script>"
        ),
        why=("cap",),
        endless=True,
        watched=3.6,
    ),
    "terminal-that-prints": Situation(
        _acts(Write(text="for i in $(seq 25); do echo line $i; sleep 0.02; done\n")), _terminal(), watched=2.5
    ),
    "terminal-that-floods": Situation(_acts(Write(text="seq 20000\n")), _terminal(), watched=2.5, slack=0.3),
}


async def main(names: list[str]) -> None:
    for name in names or SITUATIONS:
        recording, final = await record(SITUATIONS[name])
        recording.save(name)
        final.save(Path(tempfile.gettempdir()) / f"situation-{name}.png")
        size = (FOLDER / f"{name}.json").stat().st_size
        late = sum(1 for change in recording.changes if change[0] > recording.truth)
        print(f"{name}: truth {recording.truth} ms, {len(recording.changes)} changes, {late} after it, {size} bytes", flush=True)


if __name__ == "__main__":
    anyio.run(main, sys.argv[1:])
