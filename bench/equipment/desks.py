"""Local desks for benchmarks: a run folder of their own, something to see on them, and the host's programs at their displays."""

from __future__ import annotations

import io
import random
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import anyio
from PIL import Image as Pillow

from bench.equipment.report import CannotMeasure
from hotdesk.desks.base import Desk, DeskOptions, Finding
from hotdesk.desks.local import LocalDesks
from hotdesk.desks.local.place import Place, RunDir
from hotdesk.desks.local.sandbox import DISPLAY_SOCKET

__all__ = ["OFFLINE", "Peers", "at_display", "content", "desks_here", "filled", "have", "place_of", "short_folder"]

OFFLINE = DeskOptions(internet="none")

_said: set[str] = set()


def have(*programs: str) -> bool:
    """Whether a peer's programs are installed; if not, a sentence says so on standard error, once."""
    missing = [program for program in programs if not shutil.which(program)]
    sentence = f"Not installed, so there is nothing to compare with: {', '.join(missing)}."
    if missing and sentence not in _said:
        _said.add(sentence)
        print(sentence, file=sys.stderr)
    return not missing


class Peers:
    """Which peers are measured: none in a quick run."""

    def __init__(self, quick: bool) -> None:
        self._quick = quick

    def have(self, *programs: str) -> bool:
        return not self._quick and have(*programs)


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder with a short path that every user can pass through: desks have users of their own, and sockets short names."""
    with tempfile.TemporaryDirectory(prefix="hd-bench-", dir="/var/tmp", ignore_cleanup_errors=True) as made:
        Path(made).chmod(0o711)
        yield Path(made)


@asynccontextmanager
async def desks_here() -> AsyncIterator[tuple[LocalDesks, RunDir]]:
    """A provider of local desks with a run folder of its own. Raises `CannotMeasure`."""
    with short_folder() as folder:
        desks = LocalDesks(folder / "r")
        missing: list[Finding] = [finding for finding in await desks.check() if finding.required and not finding.ok]
        if missing:
            raise CannotMeasure(f"Local desks cannot be opened here: {missing[0].what} ({missing[0].seen}). {missing[0].remedy}.")
        try:
            yield desks, RunDir(folder / "r")
        finally:
            with anyio.CancelScope(shield=True):
                for desk_id in await desks.list():
                    await desks.destroy(desk_id)


def place_of(run_dir: RunDir, desk_id: str) -> Place:
    place = run_dir.find(desk_id)
    if place is None:
        raise RuntimeError(f"there is no desk {desk_id}")
    return place


TEXT = "".join(f"{line:3}  The quick brown fox jumps over the lazy dog; 3.14159 % of readers count the letters.\n" for line in range(60))


def content(width: int = 560, height: int = 420) -> bytes:
    """A picture with the noise and the gradients of a photograph, the same every time."""
    noise = random.Random(1)  # noqa: S311
    small = Pillow.frombytes("RGB", (70, 52), noise.randbytes(70 * 52 * 3)).resize((width, height), Pillow.Resampling.BICUBIC)
    shade = Pillow.linear_gradient("L").resize((width, height)).convert("RGB")
    data = io.BytesIO()
    Pillow.blend(small, shade, 0.5).save(data, "PNG")
    return data.getvalue()


async def filled(desk: Desk) -> None:
    """Put a text and a picture on the screen, side by side."""
    await desk.write_file("text.txt", TEXT.encode())
    await desk.write_file("picture.png", content())
    await desk.open("text.txt")
    await desk.settle(10)
    await desk.open("picture.png")
    await desk.settle(10)


@contextmanager
def at_display(place: Place) -> Iterator[dict[str, str]]:
    """The environment with which programs of the host are at this desk's display, and nothing of whoever runs this."""
    sockets = Path("/tmp/.X11-unix")
    sockets.mkdir(mode=0o1777, exist_ok=True)
    number = next(number for number in range(400, 1000) if not (sockets / f"X{number}").is_symlink())
    link = sockets / f"X{number}"
    link.symlink_to(f"/proc/{place.processes['helper'].pid}/root{DISPLAY_SOCKET}")
    try:
        with tempfile.TemporaryDirectory(prefix="hd-bench-home-") as home:
            yield {
                "DISPLAY": f":{number}",
                "XAUTHORITY": str(place.host / "xauth"),
                "PATH": "/usr/bin:/bin",
                "HOME": home,
                "LANG": "C.UTF-8",
            }
    finally:
        link.unlink()
