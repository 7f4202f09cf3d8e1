"""Renders the reference tables of docs/ from the code; `python scripts/docs.py` writes them. `tests/test_docs.py` checks them."""

from __future__ import annotations

import inspect
import re
import types
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from hotdesk import events, settings

DOCS = Path(__file__).parents[1] / "docs"
COMMON = ("seq", "at", "session", "type")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _type(kind: Any) -> str:
    origin = get_origin(kind)
    if origin is Literal:
        return " | ".join(f"`{value}`" for value in get_args(kind))
    if origin in (Union, types.UnionType):
        return " or ".join(_type(part) for part in get_args(kind)).replace("NoneType", "null")
    if origin is Annotated:
        return _type(get_args(kind)[0])
    if origin is tuple:
        return f"list of {_type(get_args(kind)[0])}"
    if origin is dict:
        return "object"
    return {"str": "text", "int": "whole number", "float": "number", "bool": "true/false"}.get(kind.__name__, kind.__name__)


def _notes(model: type) -> dict[str, str]:
    """The docstring under each field, read from the source."""
    found = re.findall(r'^    (\w+): [^\n]*(?:\n(?!    \w+:|    """)[^\n]*)*?\n    """(.*?)"""', inspect.getsource(model), re.S | re.M)
    return {name: " ".join(text.split()) for name, text in found}


def _fields(model: type[BaseModel]) -> str:
    notes = _notes(model)
    parts = []
    for name, field in model.model_fields.items():
        if name not in COMMON or model is events.Event:
            note = f": {notes[name]}" if name in notes else ""
            parts.append(f"`{name}` ({_type(field.annotation)}){note}")
    return "; ".join(part.rstrip(".") for part in parts)


def event_table() -> str:
    rows = ["| event | said by | when | carries |", "|---|---|---|---|"]
    for name, model in events.EVENT_TYPES.items():
        when = _cell(model.__dict__["__doc__"])
        rows += [f"| `{name}` | {model.said_by} | {when} | {_cell(_fields(model))} |"]
    return "\n".join(rows)


def part_table() -> str:
    rows = ["| object | meaning | carries |", "|---|---|---|"]
    models = (events.Limits, events.Timings, events.Summary, events.SummaryTask, events.SummaryAgent)
    rows += [f"| {model.__name__} | {_cell(model.__dict__['__doc__'])} | {_cell(_fields(model))} |" for model in models]
    return "\n".join(rows)


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "the platform's"
    if field.default is None or field.default == ():
        return "—"
    return f"`{field.default}`"


def _variable(name: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else f"HOTDESK_{name.upper()}"


def settings_tables() -> str:
    parts = []
    for name in settings.__all__:
        part = getattr(settings, name)
        if not (inspect.isclass(part) and issubclass(part, BaseSettings)):
            continue
        notes = _notes(part)
        rows = [f"### {inspect.getdoc(part)}", "", "| variable | default | meaning |", "|---|---|---|"]
        rows += [f"| `{_variable(n, f)}` | {_default(f)} | {_cell(notes.get(n, ''))} |" for n, f in part.model_fields.items()]
        parts.append("\n".join(rows))
    return "\n\n".join(parts)


TABLES = {"events.md": {"events": event_table, "parts": part_table}, "configuration.md": {"settings": settings_tables}}


def rendered(name: str) -> str:
    """The page with its tables made anew."""
    text = (DOCS / name).read_text()
    for key, table in TABLES[name].items():
        start, end = f"<!-- begin {key} (made from the code by scripts/docs.py) -->", f"<!-- end {key} -->"
        before, _, rest = text.partition(start)
        _, _, after = rest.partition(end)
        text = f"{before}{start}\n{table()}\n{end}{after}"
    return text


if __name__ == "__main__":
    for page in TABLES:
        (DOCS / page).write_text(rendered(page))
