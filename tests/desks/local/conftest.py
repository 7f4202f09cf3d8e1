"""What the tests of local desks share: a provider with a folder of its own, and looking until something holds."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import anyio
import pytest

from hotdesk.desks.base import Desk, DeskOptions
from hotdesk.desks.local import LocalDesks

T = TypeVar("T")

WAIT = 20.0
NO_INTERNET = DeskOptions(internet="none")

if not shutil.which("bwrap") or not shutil.which("Xvnc"):
    collect_ignore_glob = ["test_*.py"]

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user takes root")


async def eventually(look: Callable[[], Awaitable[T]], right: Callable[[T], object] = bool) -> T:
    """Look until it is right, at most `WAIT` seconds; what was seen last."""
    with anyio.move_on_after(WAIT):
        while not right(seen := await look()):  # noqa: ASYNC110 (it happens in another process)
            await anyio.sleep(0.01)
    return seen


@pytest.fixture
def run_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="hd-", dir="/var/tmp"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def desks(run_dir: Path) -> LocalDesks:
    return LocalDesks(run_dir)


@pytest.fixture
async def desk(desks: LocalDesks) -> AsyncIterator[Desk]:
    async with desks.open("d1", NO_INTERNET) as opened:
        yield opened
