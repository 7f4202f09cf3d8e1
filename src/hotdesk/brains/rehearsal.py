"""The rehearsal brain: works a real desk without a model, by a script made for the task.

It uses the same tools as any brain, looks at what came of each call, does again what failed or what a person interrupted, and makes real
files. Where it stands it reads off the history, as the contract wants. What it writes is scaffolding and says so: nobody shall take it
for a model's work.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import anyio

from hotdesk.brains.base import Brain, Decision, Entry, Given, Note, Piece, Reasoning, Result, Tool, ToolCall, Turn

__all__ = ["RehearsalBrain"]

WORD = 0.03
"""Seconds a word of reasoning takes at pace 1."""
TRIES = 3
"""How often one beat of the script is tried before the task fails."""

NOTICE = "Written in a rehearsal of Hotdesk, without a model: the structure is real, the statements are placeholders."


@dataclass(frozen=True, slots=True)
class _Beat:
    """One step of a script."""

    thought: str
    calls: tuple[tuple[str, Mapping[str, Any]], ...]
    holds: Callable[[str], bool] = field(default=lambda _: True)
    """Whether the last call's text shows that it worked."""
    back: int = 0
    """How many beats to go back if it does not hold."""
    first_again: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    """Calls to make before the others when the beat is done again after a failure."""


@dataclass(frozen=True, slots=True)
class _Script:
    beats: Sequence[_Beat]
    result: str


class RehearsalBrain(Brain):
    name = "rehearsal"

    def __init__(self, pace: float = 1.0) -> None:
        """`pace`: 1 is made to be watched, 0 does not wait."""
        self._pace = pace

    async def think(self, history: Sequence[Entry], tools: Sequence[Tool]) -> AsyncGenerator[Piece]:
        given = history[0]
        if not isinstance(given, Given):
            yield Decision(failed="There is no task in the history.")
            return
        script = _script(given)
        position, failed_before, failure = _position(script.beats, history)
        if isinstance(history[-1], Note):
            async for piece in self._say(f"Somebody spoke: {history[-1].text} This is a rehearsal, so I keep to my script. "):
                yield piece
        if failure:
            async for piece in self._say(f"That did not work {TRIES} times over: {failure} I give this task up."):
                yield piece
            yield Decision(failed=failure)
        elif position >= len(script.beats):
            async for piece in self._say("Everything is where it should be. The task is done."):
                yield piece
            yield Decision(done=script.result)
        else:
            beat = script.beats[position]
            async for piece in self._say(beat.thought):
                yield piece
            turn = sum(isinstance(entry, Turn) for entry in history)
            calls = (*beat.first_again, *beat.calls) if failed_before else beat.calls
            yield Decision(tuple(ToolCall(f"{given.task}-{turn}-{n}", name, args) for n, (name, args) in enumerate(calls)))

    async def _say(self, text: str) -> AsyncGenerator[Reasoning]:
        for word in re.findall(r"\S+\s*", text):
            yield Reasoning(word)
            await anyio.sleep(WORD * self._pace)


def _position(beats: Sequence[_Beat], history: Sequence[Entry]) -> tuple[int, bool, str]:
    """Which beat comes next, whether it has been done before and a failure led back to it, and what failed too often, if anything did."""
    position, again, tries = 0, False, dict[int, int]()
    for index, entry in enumerate(history):
        if not isinstance(entry, Turn) or position >= len(beats):
            continue
        ids = {call.id for call in entry.calls}
        results = [r for r in history[index + 1 :] if isinstance(r, Result) and r.call in ids]
        if any(result.interrupted for result in results):
            continue
        beat = beats[position]
        wrong = next((result.text for result in results if result.error), "")
        if not wrong and results and not beat.holds(results[-1].text):
            wrong = results[-1].text
        if wrong:
            tries[position] = tries.get(position, 0) + 1
            if tries[position] >= TRIES:
                return position, True, wrong
            position, again = max(0, position - beat.back), True
        else:
            position, again = position + 1, False
    return position, again, ""


# What to write ---------------------------------------------------------------------------------------------------------------------


def _slug(text: str) -> str:
    return "-".join(re.findall(r"[a-z0-9]+", text.lower()))[:48].strip("-") or "task"


def _text(given: Given) -> list[str]:
    """A text in paragraphs, as Markdown."""
    return [
        f"# {given.title}\n\n",
        f"*{NOTICE}*\n\n## What this is about\n\nThe task was: {given.instructions}\n\n",
        "## In short\n\n- First, what is known and where it comes from.\n- Second, what follows from it.\n- Third, what is still open.\n\n",
        "## The longer version\n\nA model would write here what it found. The rehearsal shows the way it would take: one agent, one desk, "
        "one task, and a file at the end that others can build on.\n\n",
        "## Still open\n\nCheck each statement against its source — naïve trust is no method — before it goes on.\n",
    ]


def _table(given: Given) -> str:
    rows = [
        "no,step,what,state",
        "1,plan,the prompt became tasks,done",
        f"2,work,{_slug(given.title)},done",
        "3,check,read the file back,done",
    ]
    return "\n".join(rows)


def _page(given: Given) -> str:
    return (
        "<!doctype html>\n<meta charset='utf-8'>\n<title>" + _escape(given.title) + "</title>\n"
        "<style>body{font:18px/1.6 sans-serif;max-width:42rem;margin:3rem auto;padding:0 1rem;color:#1f2937}h1{color:#1d4ed8}"
        ".card{border:1px solid #d1d5db;border-radius:12px;padding:1rem 1.5rem;margin:1rem 0}</style>\n"
        f"<h1>{_escape(given.title)}</h1>\n<p>{_escape(given.instructions)}</p>\n"
        "<div class='card'><h2>First</h2><p>What is known, and where it comes from.</p></div>\n"
        "<div class='card'><h2>Then</h2><p>What follows from it.</p></div>\n"
        f"<p><em>{NOTICE}</em></p>\n"
    )


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# How to work -----------------------------------------------------------------------------------------------------------------------


def _script(given: Given) -> _Script:
    words = set(re.findall(r"[a-z]+", f"{given.title} {given.instructions}".lower()))
    if given.inputs:
        return _assemble(given)
    if words & {"page", "site", "website", "html", "layout", "browser", "web", "browse"}:
        return _make_page(given)
    if words & {"table", "data", "figures", "csv", "calculate", "compute", "count", "list", "terminal", "command", "timeline", "numbers"}:
        return _make_table(given)
    return _write_text(given)


def _do(**action: Any) -> dict[str, Any]:
    return action


def _act(*actions: dict[str, Any]) -> tuple[str, Mapping[str, Any]]:
    return "act", {"actions": list(actions)}


def _is_there(text: str) -> bool:
    return text.startswith("Exit code 0.")


def _check(path: str, back: int) -> _Beat:
    return _Beat(
        f"I trust the disk more than the screen: is {path} there, and how long is it?",
        (("run", {"command": f"test -s '{path}' && wc -w '{path}'"}),),
        _is_there,
        back,
    )


def _write_text(given: Given) -> _Script:
    path = f"{_slug(given.title)}.md"
    paragraphs = _text(given)
    beats = [
        _Beat(f"My task is «{given.title}». It wants a text, so I open the editor.", (("launch", {"application": "editor"}),)),
        *(
            _Beat(thought, (("write", {"text": paragraph}),))
            for thought, paragraph in zip(
                (
                    "The editor is open and has the focus. A heading first.",
                    "Now what the task asks for, so that a reader knows what this answers.",
                    "A short version for people in a hurry.",
                    "And the longer version below it.",
                    "Last, what is still open: honest texts have that.",
                ),
                paragraphs,
                strict=True,
            )
        ),
        _Beat(
            "The text stands. I save it: that opens the dialog for a name.",
            (("press", {"key": "ctrl+s"}),),
            first_again=(("press", {"key": "Escape"}),),
        ),
        _Beat(f"The name field has the focus. I call it {path}.", (("write", {"text": path}),)),
        _Beat("The name stands there as I meant it. Save.", (("press", {"key": "Return"}),)),
        _check(path, back=3),
        _Beat("Saved. I leave a tidy desk and close the editor.", (("press", {"key": "ctrl+q"}),)),
    ]
    return _Script(beats, f"Wrote a text in {len(paragraphs)} parts and saved it as {path}.")


def _make_table(given: Given) -> _Script:
    path = f"{_slug(given.title)}.csv"
    quoted = _table(given).replace("\n", "\\n")
    beats = [
        _Beat(f"My task is «{given.title}». That is data, so I want a terminal.", (("launch", {"application": "terminal"}),)),
        _Beat(
            "A plain table is best kept as comma-separated values; every program reads that.",
            (("write", {"text": f"printf '{quoted}\\n' > {path}\n"}),),
        ),
        _Beat("Let me see it as a table, with its columns in line.", (("write", {"text": f"column -s, -t {path} || cat {path}\n"}),)),
        _Beat("How many rows are there, without the heading?", (("write", {"text": f"tail -n +2 {path} | wc -l\n"}),)),
        _check(path, back=2),
        _Beat("The file is there. The terminal has done its part.", (("write", {"text": "exit\n"}),)),
    ]
    return _Script(beats, f"Collected a table of {len(_table(given).splitlines()) - 1} rows and saved it as {path}.")


def _make_page(given: Given) -> _Script:
    path = f"{_slug(given.title)}.html"
    beats = [
        _Beat(
            f"My task is «{given.title}». I write the page first and look at it after.",
            (("write_file", {"path": path, "text": _page(given)}),),
        ),
        _Beat("Now the browser, to see it as a reader would.", (("open", {"target": path}),)),
        _Beat("It is there. I read down to the end of the page.", (("scroll", {"x": 640, "y": 420, "dy": 5}),)),
        _Beat("And back to the top: the heading is what people see first.", (("scroll", {"x": 640, "y": 420, "dy": -5}),)),
        _check(path, back=4),
        _Beat("Good. I close the browser.", (("press", {"key": "ctrl+w"}),)),
    ]
    return _Script(beats, f"Made a page, looked at it in the browser, and saved it as {path}.")


def _assemble(given: Given) -> _Script:
    path = f"{_slug(given.title)}.md"
    parts = " ".join(map(shlex.quote, given.inputs))
    names = ", ".join(PurePosixPath(name).name for name in given.inputs)
    head = f"# {given.title}\n\n*{NOTICE}*\n\n{given.instructions}\n\n"
    gather = f"for f in {parts}; do printf '\\n---\\n\\n' >> {path}; cat \"$f\" >> {path}; done"
    beats = [
        _Beat(
            f"My task is «{given.title}». The others have left me {len(given.inputs)} files: {names}. First I look what is in them.",
            (("run", {"command": f"wc -w {parts}"}),),
        ),
        _Beat(
            "All there. I begin one file with a heading and put them into it, one after another.",
            (("write_file", {"path": path, "text": head}), ("run", {"command": gather})),
            _is_there,
        ),
        _Beat("Now I open the whole in the editor and read it.", (("open", {"target": path}),)),
        _Beat(
            "It wants an ending. I go to the end and write one.",
            (_act(_do(do="press", key="ctrl+End"), _do(do="write", text=_ending(given))),),
        ),
        _Beat("Saved as it stands: the file has its name already.", (("press", {"key": "ctrl+s"}),)),
        _Beat(
            "Is the ending on the disk too?",
            (("run", {"command": f"grep -c 'What it rests on' {path} && wc -w {path}"}),),
            _is_there,
            back=1,
        ),
        _Beat("It is. I close the editor.", (("press", {"key": "ctrl+q"}),)),
    ]
    return _Script(beats, f"Put {len(given.inputs)} files together, wrote an ending, and saved the whole as {path}.")


def _ending(given: Given) -> str:
    rests = "".join(f"- {title}: {result}\n" for title, result in given.results.items())
    return f"\n---\n\n## What it rests on\n\n{rests}\n"
