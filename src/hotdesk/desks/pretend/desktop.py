"""The state of a pretend desktop: windows, focus, pointer, panel, and what pressing and pointing do to them. `draw` makes its picture.

Nothing here waits or fails: whatever is pressed, something sensible or nothing happens. The picture is a pure function of the state.
"""

from __future__ import annotations

import posixpath
import re
import shutil
from collections.abc import Callable
from functools import partial

from PIL import Image

from hotdesk.desks.base import APPLICATIONS, Point, Size
from hotdesk.desks.pretend.canvas import LINE, Canvas, Rect, wide
from hotdesk.desks.pretend.files import Files, resolve
from hotdesk.desks.pretend.keys import MODIFIERS, Chord
from hotdesk.desks.pretend.textbox import Clipboard
from hotdesk.desks.pretend.windows import Browser, Editor, FileManager, Notice, Terminal, Viewer, Window, file_of
from hotdesk.errors import DeskRefused

__all__ = ["Desktop"]

PANEL = 30
BAR = 26
"""Height of a window's title bar."""
STEP = 34
"""How far each new window lies from the one before."""
NOTCH = 3
"""Lines that one notch of the wheel scrolls."""

_APPLICATIONS: dict[str, Callable[[Desktop], Window]] = {
    "editor": Editor,
    "files": FileManager,
    "terminal": Terminal,
    "browser": Browser,
    "images": Viewer,
}
_PICTURES = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp"}
_PAGES = {".html", ".htm"}
_SHIFTED = dict(zip("`1234567890-=[]\\;',./", '~!@#$%^&*()_+{}|:"<>?', strict=True))
"""What shift makes of a key on the usual (US) keyboard, letters aside."""

_ARROW = [(0, 0), (0, 16), (4, 12), (7, 19), (10, 18), (7, 11), (12, 11)]


class Desktop:
    def __init__(self, size: Size, files: Files, execute: Callable[[Terminal], None]) -> None:
        """`execute` is told of a terminal with commands waiting."""
        self.size = size
        self.files = files
        self.clipboard = Clipboard()
        self.execute = execute
        self.pointer = Point(size.width // 2, size.height // 2)
        self.windows: list[Window] = []
        """From the back to the front."""
        self.focused: Window | None = None
        self._opened = 0
        self._grab: Callable[[Point], None] | None = None
        """What moving the pointer does while the left button is down."""

    # Windows

    def start(self, application: str) -> None:
        """Start an application, or a program by its command name. Raises `DeskRefused` if there is none."""
        if application in _APPLICATIONS:
            self._add(_APPLICATIONS[application](self))
        elif re.fullmatch(r"[\w.+-]+", application) and shutil.which(application, path="/usr/local/bin:/usr/bin:/bin"):
            self._add(Notice(self, application, f"{application} would have started here. A pretend desk shows only its own applications."))
        else:
            raise DeskRefused(f"There is no application {application} on this desk; there are {', '.join(APPLICATIONS)}.")

    def show(self, target: str) -> None:
        """Open a file, folder or address. Raises `DeskRefused` if there is none, or nothing to show it with."""
        scheme = re.match(r"([a-zA-Z][a-zA-Z0-9+.-]*):", target)
        if scheme and scheme[1].lower() in {"http", "https"}:
            self._add(Browser(self, target))
        elif scheme and scheme[1].lower() == "file":
            self._require(file_of(target), target)
            self._add(Browser(self, target))
        elif scheme and "://" in target:
            raise DeskRefused(f"{target} cannot be opened: addresses begin with http, https or file.")
        else:
            self._add(self._window_for(resolve(target), target))

    def _require(self, path: str, target: str) -> bool:
        """Whether it is a folder."""
        node = self.files.find(path)
        if node is None:
            raise DeskRefused(f"There is no file or folder {target} on this desk.")
        return node.is_folder

    def _window_for(self, path: str, target: str) -> Window:
        if self._require(path, target):
            return FileManager(self, path)
        suffix = posixpath.splitext(path)[1].lower()
        if suffix in _PICTURES:
            return Viewer(self, path)
        if suffix in _PAGES:
            return Browser(self, f"file://{path}")
        try:
            return Editor(self, path)
        except DeskRefused as error:
            return Notice(self, posixpath.basename(path), str(error))

    def _add(self, window: Window) -> None:
        width = min(window.asks.width, self.size.width)
        height = min(window.asks.height, self.size.height - PANEL)
        spots = max(min((self.size.width - width) // STEP, (self.size.height - PANEL - height) // STEP), 1)
        spot = self._opened % spots
        self._opened += 1
        window.number = self._opened
        left, top = min(40, self.size.width - width), min(20, self.size.height - PANEL - height)
        x, y = min(left + spot * STEP, self.size.width - width), min(PANEL + top + spot * STEP, self.size.height - height)
        window.place(Rect(x, max(y, PANEL), width, height), Size(max(width - 2, 1), max(height - BAR - 1, 1)))
        self.windows.append(window)
        self.focused = window

    def close(self, window: Window) -> None:
        if window in self.windows:
            self.windows.remove(window)
        if isinstance(window, Terminal):
            window.end()
        if self.focused is window:
            self.focused = self.windows[-1] if self.windows else None

    def _raise(self, window: Window) -> None:
        self.windows.remove(window)
        self.windows.append(window)
        self.focused = window

    # Keys

    def write(self, text: str) -> None:
        if self.focused is not None:
            self.focused.write(text)

    def press(self, chord: Chord) -> None:
        for key in chord.keys:
            self._press(key, chord.held & MODIFIERS)

    def _press(self, key: str, held: frozenset[str]) -> None:
        window = self.focused
        if held == {"alt"} and key == "F4":
            dialog = isinstance(window, Editor) and window.dialog is not None
            if window is not None and dialog:
                window.press("Escape", frozenset())
            elif window is not None:
                self.close(window)
        elif "alt" in held and key == "Tab" and self.windows:
            self._raise(self.windows[0] if "shift" in held or len(self.windows) == 1 else self.windows[-2])
        elif {"ctrl", "alt"} <= held and key.lower() == "t":
            self.start("terminal")
        elif window is None:
            return
        elif len(key) == 1 and not held & {"ctrl", "alt", "super"}:
            window.write(_SHIFTED.get(key, key.upper() if len(key.upper()) == 1 else key) if "shift" in held else key)
        else:
            window.press(key, held)

    # Pointer

    def move(self, to: Point) -> None:
        self.pointer = Point(min(max(to.x, 0), self.size.width - 1), min(max(to.y, 0), self.size.height - 1))
        if self._grab is not None:
            self._grab(self.pointer)

    def button_down(self, double: bool = False, left: bool = True) -> None:
        """A button goes down where the pointer is; the middle and right ones only focus."""
        at = self.pointer
        if at.y < PANEL:
            for rect, _, act in self._buttons():
                if left and rect.holds(at):
                    act()
                    return
            return
        window = next((w for w in reversed(self.windows) if w.frame.holds(at)), None)
        if window is None:
            self.focused = None
            return
        self._raise(window)
        if not left:
            return
        inside = Point(at.x - window.frame.x - 1, at.y - window.frame.y - BAR)
        if self._close_box(window).holds(at):
            self.close(window)
        elif inside.y < 0:
            self._grab = partial(self._carry, window, Point(at.x - window.frame.x, at.y - window.frame.y))
        else:
            window.click(inside, double)
            if window in self.windows:
                self._grab = lambda to: window.drag(Point(to.x - window.frame.x - 1, to.y - window.frame.y - BAR))

    def button_up(self) -> None:
        self._grab = None

    def scroll(self, notches: int) -> None:
        window = next((w for w in reversed(self.windows) if w.frame.holds(self.pointer)), None)
        if window is not None and self.pointer.y >= PANEL:
            window.scroll(notches * NOTCH)

    def _carry(self, window: Window, held_at: Point, to: Point) -> None:
        """Move a window with the pointer; its title bar stays in reach."""
        width = window.frame.width
        x = min(max(to.x - held_at.x, 80 - width), self.size.width - 80)
        y = min(max(to.y - held_at.y, PANEL), self.size.height - BAR)
        window.place(window.frame._replace(x=x, y=y), window.content)

    def _close_box(self, window: Window) -> Rect:
        frame = window.frame
        return Rect(frame.x + frame.width - BAR, frame.y, BAR, BAR)

    def _buttons(self) -> list[tuple[Rect, str, Callable[[], None]]]:
        """What is on the panel: the launchers, then a button for each window."""
        found, x = list[tuple[Rect, str, Callable[[], None]]](), 6
        acts = [(name.capitalize(), partial(self.start, name)) for name in APPLICATIONS]
        acts += [(window.title[:18], partial(self._raise, window)) for window in self._in_order()]
        for place, (label, act) in enumerate(acts):
            x += 18 if place == len(APPLICATIONS) else 0
            width = wide(label, 14) + 20
            found.append((Rect(x, 3, width, PANEL - 6), label, act))
            x += width + 4
        return found

    def _in_order(self) -> list[Window]:
        return sorted(self.windows, key=lambda window: window.number)

    # Picture

    def draw(self) -> Image.Image:
        canvas = Canvas(self.size, "#2d5d6b")
        for window in self.windows:
            self._draw_window(canvas, window)
        canvas.box(Rect(0, 0, self.size.width, PANEL), fill="#1c262b")
        for place, (rect, label, _) in enumerate(self._buttons()):
            launcher = place < len(APPLICATIONS)
            focused = not launcher and self._in_order()[place - len(APPLICATIONS)] is self.focused
            canvas.box(rect, fill="#2f7d95" if launcher else "#55646c" if focused else "#313d43")
            canvas.text(rect.x + 10, rect.y + 3, label, "#ffffff", 14)
        canvas.shape([(self.pointer.x + x, self.pointer.y + y) for x, y in _ARROW], fill="#000000", outline="#ffffff")
        return canvas.picture

    def _draw_window(self, canvas: Canvas, window: Window) -> None:
        frame, focused = window.frame, window is self.focused
        content = Canvas(window.content, "#ffffff")
        window.paint(content)
        canvas.box(frame, fill="#37474f" if focused else "#8fa0a9", outline="#22292d")
        room = Canvas(Size(max(frame.width - BAR - 20, 1), LINE), "#37474f" if focused else "#8fa0a9")
        room.text(0, 1, window.title, "#ffffff")
        canvas.paste(room.picture, frame.x + 10, frame.y + 3)
        box = self._close_box(window).inset(5)
        canvas.box(box, fill="#c94f4f" if focused else "#a98080")
        canvas.text(box.x + 4, box.y - 1, "x", "#ffffff", 14)
        canvas.paste(content.picture, frame.x + 1, frame.y + BAR)
