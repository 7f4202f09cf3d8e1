"""The attendant as one file: a zip that Python runs, made in memory of our own modules and of anyio as they are installed here.

So the sandbox needs nothing but its Python, and what runs there is what was tested here. Equal content gives equal bytes, and the name says
which: a sandbox that has it needs no second one.
"""

from __future__ import annotations

import functools
import hashlib
import io
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

from hotdesk.errors import MissingRequirement

FOLDER = "/tmp/.hotdesk"  # noqa: S108 (inside a sandbox that is all the desk's)

_OURS = (
    "errors.py",
    "desks/applications.py",
    "desks/asking.py",
    "desks/errands.py",
    "desks/e2b/attendant.py",
    "desks/e2b/frames.py",
    "desks/e2b/stage.py",
)
_EMPTY = ("hotdesk/__init__.py", "hotdesk/desks/__init__.py", "hotdesk/desks/e2b/__init__.py")
_PACKAGES = ("anyio", "typing_extensions", "exceptiongroup")
"""anyio, and what it wants of others on a Python older than ours."""
_LEFT_OUT = ("pytest_plugin.py", "_trio.py")
_MAIN = b"from hotdesk.desks.e2b.attendant import main\n\nmain()\n"


class Bundle(NamedTuple):
    content: bytes
    path: str
    """Where it is put in a sandbox."""


@functools.cache
def bundle() -> Bundle:
    """Takes some 0.1 s the first time. Raises `MissingRequirement`."""
    files = {"__main__.py": _MAIN, **dict.fromkeys(_EMPTY, b"")}
    source = Path(__file__).parents[2]
    for name in (*_OURS, *(f"desks/x11/{path.name}" for path in (source / "desks" / "x11").glob("*.py"))):
        files[f"hotdesk/{name}"] = (source / name).read_bytes()
    for package in _PACKAGES:
        files |= _installed(package)
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED, 6)
    content = data.getvalue()
    return Bundle(content, f"{FOLDER}/attendant-{hashlib.sha256(content).hexdigest()[:16]}.pyz")


def _installed(package: str) -> dict[str, bytes]:
    try:
        found = distribution(package)
    except PackageNotFoundError as error:
        raise MissingRequirement(f"The package {package} is not installed.", "Install hotdesk[e2b].") from error
    files = [file for file in found.files or () if file.suffix == ".py" and file.name not in _LEFT_OUT and not str(file).startswith("..")]
    return {file.as_posix(): file.read_binary() for file in files}
