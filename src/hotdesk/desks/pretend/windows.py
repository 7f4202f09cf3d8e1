"""The windows of a pretend desk: an editor, a file manager, a terminal, a browser, a picture viewer, each with what it does and its looks.

A window knows its content; where it lies on the screen is the desktop's. Points and drawing are in the content's own coordinates, its top
left is (0, 0).
"""

from __future__ import annotations

import io
import posixpath
import re
from collections import deque
from collections.abc import Callable
from typing import Protocol
from urllib.parse import unquote, urlsplit

from PIL import Image

from hotdesk.desks.base import HOME, FileEntry, Point, Size
from hotdesk.desks.pretend.canvas import LINE, TEXT, Canvas, Rect, index_at, wide, wrap
from hotdesk.desks.pretend.files import Files, resolve
from hotdesk.desks.pretend.textbox import Clipboard, TextBox
from hotdesk.errors import DeskRefused

__all__ = ["Browser", "Editor", "FileManager", "Host", "Notice", "Terminal", "Viewer", "Window", "file_of"]

INK, FAINT, PAPER, GREY, BLUE, SELECTED = "#202428", "#6b7680", "#ffffff", "#eceff1", "#2563a8", "#bcd7f5"
MARGIN = 8


def _lines(text: str) -> list[str]:
    """Split after each newline (and nowhere else)."""
    return [line for line in re.split(r"(?<=\n)", text) if line]


class Host(Protocol):
    """What a window needs of its desktop."""

    files: Files
    clipboard: Clipboard

    def start(self, application: str) -> None: ...

    def show(self, target: str) -> None: ...

    def close(self, window: Window) -> None: ...

    def execute(self, terminal: Terminal) -> None: ...


class Window:
    """A window with nothing in it; the others say what differs."""

    application = ""
    asks = Size(760, 520)
    """Size it would like."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.frame = Rect(0, 0, *self.asks)
        self.content = Size(1, 1)
        self.number = 0
        """Windows are numbered as they are opened."""

    def place(self, frame: Rect, content: Size) -> None:
        """The desktop gave it this place on the screen, and this much room inside."""
        self.frame, self.content = frame, content

    @property
    def title(self) -> str:
        return self.application

    def write(self, text: str) -> None:
        """Typed text, the newlines in it being Return and tabs Tab."""

    def press(self, key: str, held: frozenset[str]) -> None:
        """A key that types nothing, or any with modifiers."""

    def click(self, at: Point, double: bool) -> None:
        """The left button went down."""

    def drag(self, at: Point) -> None:
        """The pointer moves while the left button is down."""

    def scroll(self, lines: int) -> None:
        """The wheel: so many lines down."""

    def paint(self, canvas: Canvas) -> None:
        """Draw the content."""


class Notice(Window):
    """A window that only says something."""

    asks = Size(460, 200)

    def __init__(self, host: Host, title: str, text: str) -> None:
        super().__init__(host)
        self.application = title
        self.text = text

    def paint(self, canvas: Canvas) -> None:
        for row, (start, end) in enumerate(wrap(self.text, canvas.size.width - 4 * MARGIN)):
            canvas.text(2 * MARGIN, 2 * MARGIN + row * LINE, self.text[start:end])


class _Page:
    """Text set in rows in a rectangle, that can be scrolled, selected in and typed into."""

    def __init__(self, box: TextBox) -> None:
        self.box = box
        self.top = 0
        self.area = Rect(0, 0, 1, 1)

    @property
    def rows(self) -> tuple[tuple[int, int], ...]:
        return wrap(self.box.text, max(self.area.width, 1))

    @property
    def fits(self) -> int:
        return max(self.area.height // LINE, 1)

    def row_of(self, index: int) -> int:
        return max(row for row, (start, _) in enumerate(self.rows) if start <= index)

    def reveal(self) -> None:
        """Scroll as little as shows the caret."""
        row = self.row_of(self.box.caret)
        self.top = min(max(self.top, row - self.fits + 1), row)

    def scroll(self, lines: int) -> None:
        self.top = min(max(self.top + lines, 0), max(len(self.rows) - self.fits, 0))

    def index_at(self, at: Point) -> int:
        row = min(max(self.top + (at.y - self.area.y) // LINE, 0), len(self.rows) - 1)
        start, end = self.rows[row]
        return start + index_at(self.box.text[start:end], at.x - self.area.x)

    def paint(self, canvas: Canvas, caret: bool = True) -> None:
        first, last = self.box.selection
        caret_row = self.row_of(self.box.caret) if caret else -1
        for place, (start, end) in enumerate(self.rows[self.top : self.top + self.fits]):
            text, x, y = self.box.text[start:end], self.area.x, self.area.y + place * LINE
            if first < last and first <= end and last > start:
                left = wide(text[: max(first - start, 0)])
                right = wide(text[: last - start]) + (5 if last > end else 0)
                canvas.box(Rect(x + left, y, right - left, LINE), fill=SELECTED)
            canvas.text(x, y, text)
            if caret_row == self.top + place:
                canvas.box(Rect(x + wide(text[: self.box.caret - start]), y, 2, LINE - 2), fill=INK)


def _paint_line(canvas: Canvas, box: TextBox, area: Rect, focused: bool, frame: str = FAINT) -> None:
    """A box for one line of text; its end is shown when it is too long."""
    canvas.box(area, fill=PAPER, outline=BLUE if focused else frame)
    inside = Canvas(Size(max(area.width - 2 * MARGIN, 1), max(area.height - 2, 1)), PAPER)
    shift = max(wide(box.text[: box.caret]) - inside.size.width + 4, 0) if focused else 0
    start, end = box.selection
    if focused and start < end:
        left = wide(box.text[:start])
        inside.box(Rect(left - shift, 2, wide(box.text[:end]) - left, LINE), fill=SELECTED)
    inside.text(-shift, 3, box.text)
    if focused:
        inside.box(Rect(wide(box.text[: box.caret]) - shift, 2, 2, LINE), fill=INK)
    canvas.paste(inside.picture, area.x + MARGIN, area.y + 1)


class _Dialog:
    """Asks for the name of a file, inside its editor."""

    def __init__(self, verb: str, name: str = "") -> None:
        self.verb = verb
        self.name = TextBox(lines=False)
        self.name.set(name)
        self.name.select_all()
        self.error = ""

    def rects(self, size: Size) -> dict[str, Rect]:
        width = min(440, size.width - 2 * MARGIN)
        x, y = (size.width - width) // 2, max((size.height - 170) // 2, 0)
        return {
            "all": Rect(x, y, width, 170),
            "name": Rect(x + 16, y + 54, width - 32, 26),
            "cancel": Rect(x + width - 196, y + 126, 84, 28),
            "accept": Rect(x + width - 100, y + 126, 84, 28),
        }

    def paint(self, canvas: Canvas) -> None:
        rects = self.rects(canvas.size)
        frame = rects["all"]
        canvas.box(frame, fill=GREY, outline=INK)
        canvas.text(frame.x + 16, frame.y + 12, f"{self.verb} file", size=17)
        canvas.text(frame.x + 16, frame.y + 34, f"Name (in {HOME}):", fill=FAINT, size=13)
        _paint_line(canvas, self.name, rects["name"], focused=True)
        for row, (start, end) in enumerate(wrap(self.error, frame.width - 32)[:2]):
            canvas.text(frame.x + 16, frame.y + 84 + row * 18, self.error[start:end], fill="#b02a2a")
        for which, label in (("cancel", "Cancel"), ("accept", self.verb)):
            rect = rects[which]
            canvas.box(rect, fill=BLUE if which == "accept" else PAPER, outline=BLUE)
            canvas.text(rect.x + (rect.width - wide(label)) // 2, rect.y + 5, label, fill=PAPER if which == "accept" else INK)


class Editor(Window):
    application = "Editor"

    def __init__(self, host: Host, path: str | None = None) -> None:
        """With an empty unnamed document, or on a file. Raises `DeskRefused` for one that is no text."""
        super().__init__(host)
        self.page = _Page(TextBox())
        self.dialog: _Dialog | None = None
        self.path: str | None = None
        self._saved = ""
        if path is not None:
            self._load(path)

    def place(self, frame: Rect, content: Size) -> None:
        super().place(frame, content)
        self.page.area = Rect(MARGIN, MARGIN, content.width - 2 * MARGIN, content.height - 26 - MARGIN)

    def _load(self, path: str) -> None:
        try:
            text = self.host.files.read(path).decode()
        except UnicodeDecodeError as error:
            raise DeskRefused(f"{path} is no text, so the editor cannot show it.") from error
        self.path, self._saved = resolve(path), text
        self.page.box.set(text)
        self.page.box.go(0)
        self.page.top = 0

    @property
    def title(self) -> str:
        name = posixpath.basename(self.path) if self.path else "Untitled"
        return f"{'*' if self.page.box.text != self._saved else ''}{name} – Editor"

    def write(self, text: str) -> None:
        if self.dialog is None:
            self.page.box.insert(text)
            self.page.reveal()
            return
        name, newline, rest = text.partition("\n")
        self.dialog.name.insert(name.replace("\t", ""))
        if newline:
            self._accept()
            self.write(rest)

    def press(self, key: str, held: frozenset[str]) -> None:
        if self.dialog is not None:
            self._press_in_dialog(self.dialog, key, held)
        elif "ctrl" in held and key.lower() in {"s", "o", "n", "q", "w"}:
            self._command(key.lower(), "shift" in held)
        else:
            self.page.box.press(key, held, self.host.clipboard)
            self.page.reveal()

    def _command(self, key: str, shift: bool) -> None:
        if key == "s" and self.path and not shift:
            self._save(self.path)
        elif key == "s":
            self.dialog = _Dialog("Save", self.path or "")
        elif key == "o":
            self.dialog = _Dialog("Open")
        elif key == "n":
            self.host.start("editor")
        else:
            self.host.close(self)

    def _press_in_dialog(self, dialog: _Dialog, key: str, held: frozenset[str]) -> None:
        if key == "Return":
            self._accept()
        elif key == "Escape" or ("ctrl" in held and key.lower() in {"q", "w"}):
            self.dialog = None
        else:
            dialog.name.press(key, held, self.host.clipboard)

    def _accept(self) -> None:
        dialog = self.dialog
        if dialog is None:
            return
        name = dialog.name.text.strip()
        if not name:
            dialog.error = "Type a name first."
            return
        try:
            path = HOME + name[1:] if name.startswith("~/") else name
            if dialog.verb == "Save":
                self._save(path)
            else:
                self._load(path)
        except DeskRefused as error:
            dialog.error = str(error)
        else:
            self.dialog = None

    def _save(self, path: str) -> None:
        self.path = self.host.files.write(path, self.page.box.text.encode())
        self._saved = self.page.box.text

    def click(self, at: Point, double: bool) -> None:
        if self.dialog is not None:
            rects = self.dialog.rects(self.content)
            if rects["accept"].holds(at):
                self._accept()
            elif rects["cancel"].holds(at):
                self.dialog = None
            elif rects["name"].holds(at):
                self.dialog.name.go(index_at(self.dialog.name.text, at.x - rects["name"].x - MARGIN))
            return
        box = self.page.box
        box.go(self.page.index_at(at))
        if double:
            start, end = box.caret, box.caret
            while start > 0 and box.text[start - 1].isalnum():
                start -= 1
            while end < len(box.text) and box.text[end].isalnum():
                end += 1
            box.go(start)
            box.go(end, extend=True)

    def drag(self, at: Point) -> None:
        if self.dialog is None:
            self.page.box.go(self.page.index_at(at), extend=True)

    def scroll(self, lines: int) -> None:
        self.page.scroll(lines)

    def paint(self, canvas: Canvas) -> None:
        width, height = canvas.size
        self.page.paint(canvas, caret=self.dialog is None)
        box = self.page.box
        line = box.text.count("\n", 0, box.caret)
        column = box.caret - box.text.rfind("\n", 0, box.caret)
        where = self.path or "Not saved yet"
        canvas.box(Rect(0, height - 24, width, 24), fill=GREY)
        canvas.text(MARGIN, height - 21, f"{where}   ·   line {line + 1}, column {column}   ·   {len(box.text):,} characters", FAINT, 13)
        if self.dialog is not None:
            self.dialog.paint(canvas)


class FileManager(Window):
    application = "Files"
    asks = Size(640, 440)

    def __init__(self, host: Host, folder: str = HOME) -> None:
        super().__init__(host)
        self.folder = folder
        self.chosen: str | None = None
        self.top = 0

    @property
    def title(self) -> str:
        return f"{posixpath.basename(self.folder)} – Files"

    @property
    def entries(self) -> list[FileEntry]:
        """What the folder holds now, folders first; nothing if it is gone."""
        node = self.host.files.find(self.folder)
        found = self.host.files.list(self.folder) if node is not None and node.is_folder else []
        return sorted((entry for entry in found if not entry.name.startswith(".")), key=lambda entry: not entry.is_folder)

    def _enter(self, folder: str) -> None:
        self.folder, self.chosen, self.top = folder, None, 0

    def _open(self, entry: FileEntry) -> None:
        if entry.is_folder:
            self._enter(entry.path)
        else:
            self.host.show(entry.path)

    def press(self, key: str, held: frozenset[str]) -> None:
        entries = self.entries
        at = next((n for n, entry in enumerate(entries) if entry.path == self.chosen), None)
        if "ctrl" in held:
            if key.lower() in {"q", "w"}:
                self.host.close(self)
        elif (key == "BackSpace" or (key == "Up" and "alt" in held)) and self.folder != HOME:
            self._enter(posixpath.dirname(self.folder))
        elif key == "Return" and at is not None:
            self._open(entries[at])
        elif key in {"Up", "Down"} and entries:
            to = 0 if at is None else min(max(at + (1 if key == "Down" else -1), 0), len(entries) - 1)
            self.chosen = entries[to].path
            fits = max(self.content.height // 24 - 2, 1)
            self.top = min(max(self.top, to - fits + 1), to)

    def write(self, text: str) -> None:
        """Typing chooses the first entry that begins so; Return opens it."""
        for part in _lines(text):
            name = part.rstrip("\n").casefold()
            self.chosen = next((entry.path for entry in self.entries if name and entry.name.casefold().startswith(name)), self.chosen)
            if part.endswith("\n"):
                self.press("Return", frozenset())

    def click(self, at: Point, double: bool) -> None:
        row = self.top + (at.y - 32) // 24
        entries = self.entries
        if at.y < 32 or row >= len(entries):
            self.chosen = None
        elif double:
            self._open(entries[row])
        else:
            self.chosen = entries[row].path

    def scroll(self, lines: int) -> None:
        self.top = min(max(self.top + lines, 0), max(len(self.entries) - 1, 0))

    def paint(self, canvas: Canvas) -> None:
        width = canvas.size.width
        entries = self.entries
        for place, entry in enumerate(entries[self.top :]):
            y = 32 + place * 24
            if entry.path == self.chosen:
                canvas.box(Rect(0, y, width, 24), fill=SELECTED)
            canvas.box(Rect(MARGIN, y + 5, 18, 14), fill="#e5b252" if entry.is_folder else "#d9dee2", outline=FAINT)
            canvas.text(36, y + 3, entry.name)
            if not entry.is_folder:
                canvas.text(width - 120, y + 3, f"{entry.bytes:,} bytes", FAINT, 13)
        if not entries:
            canvas.text(MARGIN, 38, "This folder is empty.", FAINT)
        canvas.box(Rect(0, 0, width, 30), fill=GREY)
        canvas.text(MARGIN, 6, f"{self.folder}   ·   {len(entries):,} {'entry' if len(entries) == 1 else 'entries'}")


class Terminal(Window):
    """A command line. Each command starts in the home folder: `cd` does not last."""

    application = "Terminal"
    asks = Size(720, 420)
    PROMPT = "user@desk:~$ "
    MOST = 2_000
    """Lines that are remembered."""

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self.lines = deque[str](maxlen=self.MOST)
        self.line = TextBox(lines=False)
        self.waiting = deque[str]()
        """Commands that were entered and have not begun."""
        self.busy = False
        self.stop: Callable[[], None] | None = None
        """Ends the command that runs now."""
        self.up = 0
        """Rows scrolled back."""
        self._history = list[str]()
        self._at = 0

    def write(self, text: str) -> None:
        self.up = 0
        for part in _lines(text.replace("\t", "")):
            self.line.insert(part.rstrip("\n"))
            if part.endswith("\n"):
                self._enter()

    def press(self, key: str, held: frozenset[str]) -> None:
        self.up = 0
        shift_ctrl = {"ctrl", "shift"} <= held
        if key == "Return":
            self._enter()
        elif "ctrl" in held and key.lower() in {"q", "w", "d"} and not (key.lower() == "d" and self.line.text):
            self.host.close(self)
        elif "ctrl" in held and key.lower() == "c" and not shift_ctrl:
            self.say(self.PROMPT + self.line.text + "^C" if not self.busy else "^C")
            self.line.set("")
            self.end()
        elif "ctrl" in held and key.lower() == "l":
            self.lines.clear()
        elif key in {"Up", "Down"} and self._history:
            self._at = min(max(self._at + (1 if key == "Down" else -1), 0), len(self._history))
            self.line.set(self._history[self._at] if self._at < len(self._history) else "")
        else:
            self.line.press(key, held, self.host.clipboard)

    def end(self) -> None:
        """Stop what runs, forget what waits."""
        self.waiting.clear()
        if self.stop is not None:
            self.stop()

    def say(self, text: str) -> None:
        self.lines.extend(text.removesuffix("\n").split("\n"))

    def _enter(self) -> None:
        command = self.line.text
        self.line.set("")
        if command.strip():
            self._history.append(command)
        self._at = len(self._history)
        if command.strip() == "exit":
            self.host.close(self)
        elif self.busy or command.strip():
            self.waiting.append(command)
            self.host.execute(self)
        else:
            self.say(self.PROMPT)

    def scroll(self, lines: int) -> None:
        self.up = max(self.up - lines, 0)

    def paint(self, canvas: Canvas) -> None:
        width, height = canvas.size
        canvas.box(Rect(0, 0, width, height), fill="#15191d")
        prompt = "" if self.busy else self.PROMPT
        rows = [line[start:end] for line in (*self.lines, prompt + self.line.text) for start, end in wrap(line, width - 2 * MARGIN)]
        fits = max((height - 2 * MARGIN) // LINE, 1)
        self.up = min(self.up, max(len(rows) - fits, 0))
        last = len(rows) - self.up
        shown = rows[max(last - fits, 0) : last]
        for place, row in enumerate(shown):
            canvas.text(MARGIN, MARGIN + place * LINE, row, "#d5e3d8")
        if not self.up:
            end = wide(prompt + self.line.text[: self.line.caret]) if len(prompt + self.line.text) == len(rows[-1]) else wide(rows[-1])
            canvas.box(Rect(MARGIN + end, MARGIN + (len(shown) - 1) * LINE, 8, LINE - 3), outline="#d5e3d8", fill="#5f8a6c")


class Browser(Window):
    application = "Browser"
    asks = Size(860, 560)
    WELCOME = "Type an address above."
    NO_NETWORK = "This is a pretend browser: it shows addresses, and the text of files, but does not fetch anything."

    def __init__(self, host: Host, address: str = "") -> None:
        super().__init__(host)
        self.line = TextBox(lines=False)
        self.typing = True
        self.page = _Page(TextBox())
        self.address = ""
        if address:
            self.go(address)
        else:
            self.page.box.text = self.WELCOME

    @property
    def title(self) -> str:
        return f"{self.address or 'New tab'} – Browser"

    def place(self, frame: Rect, content: Size) -> None:
        super().place(frame, content)
        self.page.area = Rect(2 * MARGIN, 48, content.width - 4 * MARGIN, content.height - 56)

    def go(self, address: str) -> None:
        """Show an address; one that cannot be shown says so on the page."""
        address = address.strip()
        if address and ":" not in address:
            address = f"https://{address}"
        self.address, self.typing = address, False
        self.line.set(address)
        self.page.box.set(self._text(address))
        self.page.box.go(0)
        self.page.top = 0

    def _text(self, address: str) -> str:
        if not address.lower().startswith("file:"):
            return f"{address}\n\n{self.NO_NETWORK}" if address else self.WELCOME
        try:
            path = file_of(address)
            node = self.host.files.find(path)
            if node is not None and node.is_folder:
                return "\n".join([path, "", *(entry.name for entry in self.host.files.list(path))])
            return self.host.files.read(path).decode("utf-8", "replace")
        except DeskRefused as error:
            return str(error)

    def write(self, text: str) -> None:
        for part in _lines(text.replace("\t", "")):
            if self.typing:
                self.line.insert(part.rstrip("\n"))
                if part.endswith("\n"):
                    self.go(self.line.text)

    def press(self, key: str, held: frozenset[str]) -> None:
        letter = key.lower() if "ctrl" in held else ""
        if letter in {"q", "w"}:
            self.host.close(self)
        elif letter in {"l", "t"}:
            self.typing = True
            self.line.select_all()
        elif letter == "r" or key == "F5":
            self.go(self.address)
        elif self.typing and key == "Return":
            self.go(self.line.text)
        elif self.typing and key == "Escape":
            self.typing = False
            self.line.set(self.address)
        elif self.typing:
            self.line.press(key, held, self.host.clipboard)
        elif letter == "a":
            self.page.box.select_all()
        elif letter == "c":
            self.host.clipboard.text = self.page.box.selected or self.host.clipboard.text
        else:
            far = {"Down": 1, "Up": -1, "Page_Down": self.page.fits, "Page_Up": -self.page.fits}
            ends = {"Home": -len(self.page.rows), "End": len(self.page.rows)}
            self.page.scroll({**far, **ends}.get(key, 0))

    def click(self, at: Point, double: bool) -> None:
        if at.y < 40:
            if self.typing and not double:
                self.line.go(index_at(self.line.text, at.x - 2 * MARGIN))
            else:
                self.line.select_all()
            self.typing = True
        else:
            self.typing = False
            self.page.box.go(self.page.index_at(at))

    def drag(self, at: Point) -> None:
        if not self.typing:
            self.page.box.go(self.page.index_at(at), extend=True)

    def scroll(self, lines: int) -> None:
        self.page.scroll(lines)

    def paint(self, canvas: Canvas) -> None:
        width = canvas.size.width
        self.page.paint(canvas, caret=False)
        canvas.box(Rect(0, 0, width, 40), fill=GREY)
        _paint_line(canvas, self.line, Rect(MARGIN, 7, width - 2 * MARGIN, 26), focused=self.typing)


class Viewer(Window):
    application = "Images"

    def __init__(self, host: Host, path: str | None = None) -> None:
        super().__init__(host)
        self.path = path
        self.says = "" if path else "Open a picture from the file manager."
        self._picture: Image.Image | None = None
        if path is not None:
            try:
                with Image.open(io.BytesIO(host.files.read(path))) as picture:
                    self._picture = picture.convert("RGB")
            except (OSError, ValueError, Image.DecompressionBombError):
                self.says = f"{path} is no picture this window can show."

    @property
    def title(self) -> str:
        return f"{posixpath.basename(self.path)} – Images" if self.path else self.application

    def press(self, key: str, held: frozenset[str]) -> None:
        if "ctrl" in held and key.lower() in {"q", "w"}:
            self.host.close(self)

    def paint(self, canvas: Canvas) -> None:
        width, height = canvas.size
        canvas.box(Rect(0, 0, width, height), fill="#3a4046")
        if self._picture is None:
            canvas.text(2 * MARGIN, 2 * MARGIN, self.says, PAPER, TEXT)
            return
        scale = min(width / self._picture.width, height / self._picture.height, 1.0)
        shown = self._picture.resize((max(round(self._picture.width * scale), 1), max(round(self._picture.height * scale), 1)))
        canvas.paste(shown, (width - shown.width) // 2, (height - shown.height) // 2)


def file_of(address: str) -> str:
    """The path in a `file:` address. Raises `DeskRefused` for one on another machine."""
    parts = urlsplit(address)
    if parts.netloc not in {"", "localhost"}:
        raise DeskRefused(f"{address} is not on this desk.")
    return resolve(unquote(parts.path))
