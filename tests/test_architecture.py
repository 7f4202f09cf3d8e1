"""The import table of docs/architecture.md, held true: each part imports only what it may."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "hotdesk"

ANYTHING = {"serve", "cli", "run", "doctor", "__main__", "worker.__main__", "worker.nursery"}
"""Only these choose adapters."""

CORE = {"", "errors", "events", "whiteboard", "settings", "blobs"}
ALLOWED: dict[str, set[str]] = {
    "": set(),
    "errors": set(),
    "events": {"", "errors"},
    "whiteboard": {"", "errors", "events"},
    "settings": {"", "errors", "events"},
    "blobs": {"", "errors", "events"},
    "asgi": set(),
    "models": {"errors", "settings"},
    "logs": CORE,
    "brains": CORE | {"models"},
    "desks": CORE,
    "engines": CORE | {"logs.base"},
    "tools": CORE | {"desks.base", "logs.base"},
    "worker": CORE | {"brains.base", "desks.base", "logs.base", "tools", "asgi"},
    "orchestrator": CORE | {"brains.base", "engines.base", "logs.base", "models"},
    "server": CORE | {"orchestrator", "logs.base", "desks.base"},
}

SHARED = {
    *("base", "choose", "__init__", "__pycache__", "prompt", "context", "thinking", "fallback"),
    *("x11", "picture", "processes", "errands", "asking", "applications", "tasks"),
}
"""What is no adapter in a family: its contract, who picks, and what adapters have in common."""


def name_of(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if node.module == "hotdesk" or is_module(whole) else str(node.module)


def is_module(name: str) -> bool:
    place = SOURCE.parent.joinpath(*name.split("."))
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


def ours(path: Path) -> list[str]:
    return [name.removeprefix("hotdesk").lstrip(".") for name in imports_of(path) if name == "hotdesk" or name.startswith("hotdesk.")]


MODULES = sorted(SOURCE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_part_imports_only_what_it_may(path: Path) -> None:
    name = name_of(path)
    if name in ANYTHING:
        return
    part = name.split(".")[0]
    for imported in ours(path):
        own = imported == part or imported.startswith(f"{part}.")
        may = {imported, imported.split(".")[0], "" if imported == "__version__" else imported} & ALLOWED[part]
        assert own or may or imported == "__version__", f"{name} imports {imported}"


@pytest.mark.parametrize("family", ["logs", "brains", "desks", "engines"])
def test_adapters_of_one_family_do_not_know_each_other(family: str) -> None:
    adapters = {p.stem if p.is_file() else p.name for p in (SOURCE / family).iterdir()} - SHARED
    for path in (SOURCE / family).rglob("*.py"):
        mine = path.relative_to(SOURCE / family).parts[0].removesuffix(".py")
        if mine in adapters:
            others = {name.split(".")[1] for name in ours(path) if name.startswith(f"{family}.")} & adapters - {mine}
            assert not others, f"{name_of(path)} knows {others}"


@pytest.mark.parametrize("path", sorted((SOURCE / "desks" / "x11").glob("*.py")), ids=name_of)
def test_what_drives_a_display_goes_along_into_any_sandbox(path: Path) -> None:
    """It runs there by whatever Python there is, with nothing of ours but itself."""
    for imported in imports_of(path):
        first = imported.split(".")[0]
        mine = imported == "hotdesk.errors" or imported.startswith(("hotdesk.errors.", "hotdesk.desks.x11."))
        assert first == "anyio" or first in sys.stdlib_module_names or mine, f"{name_of(path)} imports {imported}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_opens_by_saying_what_it_promises(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))
