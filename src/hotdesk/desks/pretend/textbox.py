"""A place to type: text, a caret, a selection, and what the usual keys do to them. It knows nothing of the screen."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Clipboard", "TextBox"]

PAGE = 20
"""Lines that Page_Up and Page_Down go."""
UNDOS = 100
"""Changes that can be taken back."""


@dataclass(slots=True)
class Clipboard:
    text: str = ""


@dataclass(slots=True)
class TextBox:
    text: str = ""
    lines: bool = True
    """Whether it holds several lines; if not, Return and Tab are left to the window."""
    caret: int = 0
    anchor: int = 0
    _undo: list[tuple[str, int]] = field(default_factory=list)
    _redo: list[tuple[str, int]] = field(default_factory=list)

    def set(self, text: str) -> None:
        self.text, self.caret, self.anchor = text, len(text), len(text)
        self._undo.clear()
        self._redo.clear()

    @property
    def selection(self) -> tuple[int, int]:
        return min(self.caret, self.anchor), max(self.caret, self.anchor)

    @property
    def selected(self) -> str:
        start, end = self.selection
        return self.text[start:end]

    def select_all(self) -> None:
        self.anchor, self.caret = 0, len(self.text)

    def go(self, to: int, extend: bool = False) -> None:
        self.caret = min(max(to, 0), len(self.text))
        if not extend:
            self.anchor = self.caret

    def insert(self, text: str) -> None:
        """Put `text` in place of the selection."""
        start, end = self.selection
        if text or start != end:
            self._undo = [*self._undo[-UNDOS:], (self.text, self.caret)]
            self._redo.clear()
            self.text = self.text[:start] + text + self.text[end:]
            self.go(start + len(text))

    def press(self, key: str, held: frozenset[str], clipboard: Clipboard) -> bool:
        """What the key does here. False if it means nothing to a text, so that it is the window's."""
        if held & {"alt", "super"}:
            return False
        if "ctrl" in held and self._command(key.lower(), held, clipboard):
            return True
        to = self._target(key, "ctrl" in held)
        if to is not None:
            self.go(to, extend="shift" in held)
        elif key in {"BackSpace", "Delete"}:
            if self.caret == self.anchor:
                self.go(self._target("Left" if key == "BackSpace" else "Right", "ctrl" in held) or 0, extend=True)
            self.insert("")
        elif key == "Insert" and held == {"shift"}:
            self.insert(clipboard.text)
        elif self.lines and key in {"Return", "Tab"} and "ctrl" not in held:
            self.insert("\n" if key == "Return" else "\t")
        else:
            return False
        return True

    def _command(self, key: str, held: frozenset[str], clipboard: Clipboard) -> bool:
        if key == "a":
            self.select_all()
        elif key in {"c", "insert"}:
            clipboard.text = self.selected or clipboard.text
        elif key == "x":
            clipboard.text = self.selected or clipboard.text
            if self.selected:
                self.insert("")
        elif key == "v":
            self.insert(clipboard.text if self.lines else clipboard.text.replace("\n", " "))
        elif key == "y" or (key == "z" and "shift" in held):
            self._restore(self._redo, self._undo)
        elif key == "z":
            self._restore(self._undo, self._redo)
        else:
            return False
        return True

    def _restore(self, source: list[tuple[str, int]], other: list[tuple[str, int]]) -> None:
        if source:
            other.append((self.text, self.caret))
            self.text, caret = source.pop()
            self.go(caret)

    def _target(self, key: str, far: bool) -> int | None:
        """Where a key takes the caret; `far` is with ctrl held."""
        start = self.text.rfind("\n", 0, self.caret) + 1
        end = self.text.find("\n", self.caret)
        end = len(self.text) if end < 0 else end
        match key:
            case "Left":
                return self._word(-1) if far else max(self.caret - 1, 0)
            case "Right":
                return self._word(1) if far else min(self.caret + 1, len(self.text))
            case "Home":
                return 0 if far else start
            case "End":
                return len(self.text) if far else end
            case "Up" | "Down" | "Page_Up" | "Page_Down" if self.lines:
                lines = PAGE if key.startswith("Page") else 1
                return self._line(lines if key.endswith("Down") else -lines, self.caret - start)
            case _:
                return None

    def _line(self, by: int, column: int) -> int:
        lines = self.text.split("\n")
        row = min(max(self.text.count("\n", 0, self.caret) + by, 0), len(lines) - 1)
        return sum(len(line) + 1 for line in lines[:row]) + min(column, len(lines[row]))

    def _word(self, way: int) -> int:
        """The far side of the next word in the direction `way`."""
        at, left = self.caret, -1 if way < 0 else 0
        for wanted in (False, True):
            while 0 <= at + left < len(self.text) and self.text[at + left].isalnum() is wanted:
                at += way
        return at
