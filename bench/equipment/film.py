"""Pretend desks that give their screen as the JPEG of a local desk, and film it: a frame after each single action of a batch."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import ClassVar

from hotdesk.desks import base as d
from hotdesk.desks.pretend import PretendDesks
from hotdesk.desks.pretend.desk import PretendDesk

__all__ = ["FilmedDesks"]

QUALITY = 80


class _FilmedDesk(d.Desk):
    provider = "pretend"

    def __init__(self, desk: PretendDesk, film: list[list[bytes]]) -> None:
        self.id, self.size = desk.id, desk.size
        self._desk = desk
        self._film = film

    async def screenshot(self) -> d.Image:
        return d.Image(self._frame(), "image/jpeg", self.size)

    def _frame(self) -> bytes:
        data = io.BytesIO()
        self._desk.picture().save(data, "JPEG", quality=QUALITY, subsampling="4:2:0")
        return data.getvalue()

    async def act(self, actions: Sequence[d.Action]) -> None:
        frames = list[bytes]()
        for action in actions:
            await self._desk.act([action])
            await self._desk.settle(1.0)
            frames.append(self._frame())
        self._film.append(frames)

    async def settle(self, cap: float = 3.0) -> d.Settled:
        return await self._desk.settle(cap)

    async def launch(self, application: str) -> None:
        await self._desk.launch(application)

    async def open(self, target: str) -> None:
        await self._desk.open(target)

    async def run(self, command: str, timeout: float = 60.0) -> d.Ran:
        return await self._desk.run(command, timeout)

    async def read_file(self, path: str, max_bytes: int = 64 << 20) -> bytes:
        return await self._desk.read_file(path, max_bytes)

    async def write_file(self, path: str, data: bytes) -> None:
        await self._desk.write_file(path, data)

    async def list_files(self, path: str = ".", depth: int = 1) -> list[d.FileEntry]:
        return await self._desk.list_files(path, depth)

    async def cursor(self) -> d.Point:
        return await self._desk.cursor()


class FilmedDesks(d.Desks):
    name: ClassVar[str] = "pretend"

    def __init__(self, run_dir: Path, files: Mapping[str, str]) -> None:
        """`files` are on the desk from the start."""
        self._desks = PretendDesks(run_dir)
        self._files = files
        self.film: list[list[bytes]] = []
        """Of each deed of actions, in order, the frame after each action."""

    @asynccontextmanager
    async def _open(self, desk_id: str, options: d.DeskOptions, created: d.Created | None) -> AsyncIterator[d.Desk]:
        async with self._desks.open(desk_id, options, created) as desk:
            if not isinstance(desk, PretendDesk):
                raise TypeError("pretend desks are pretend desks")
            for path, text in self._files.items():
                await desk.write_file(path, text.encode())
            yield _FilmedDesk(desk, self.film)

    def open(self, desk_id: str, options: d.DeskOptions, created: d.Created | None = None) -> AbstractAsyncContextManager[d.Desk]:
        return self._open(desk_id, options, created)

    def view(self, desk_id: str) -> AbstractAsyncContextManager[d.ScreenStream]:
        return self._desks.view(desk_id)

    async def destroy(self, desk_id: str) -> bool:
        return await self._desks.destroy(desk_id)

    async def sweep(self) -> list[str]:
        return await self._desks.sweep()

    async def check(self) -> list[d.Finding]:
        return await self._desks.check()

    async def list(self) -> list[str]:
        return await self._desks.list()
