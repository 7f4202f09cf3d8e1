"""How E2B's desktop SDK and Anthropic's demo do things: shell commands at the display, written from what they do.

The SDK's commands go to a server in the sandbox, which runs each as `bash -l -c COMMAND` (16 ms there and back, with the real one); here
they are run directly, so its way costs less than in truth. The demo runs its commands by `sh -c` and waits 2 s before a screenshot.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Mapping
from pathlib import Path

import anyio

__all__ = ["Demo", "Sdk"]

CHUNK, DELAY = 25, 75
"""Characters that the SDK types with one command, and its milliseconds for each."""
DEMO_CHUNK, DEMO_DELAY, DEMO_WAIT = 50, 12, 2.0


class _Shell:
    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self.environment = dict(environment)
        self.folder = folder
        self._shots = 0

    def _shot(self) -> Path:
        self._shots += 1
        return self.folder / f"screenshot-{self._shots}.png"

    async def _run(self, *command: str) -> None:
        process = await asyncio.create_subprocess_exec(
            *command, env=self.environment, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        try:
            _, said = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                with anyio.CancelScope(shield=True):
                    await process.wait()
        if process.returncode:
            raise RuntimeError(f"{command}: {said.decode(errors='replace').strip()}")


class Sdk(_Shell):
    """E2B's desktop SDK."""

    async def command(self, command: str) -> None:
        await self._run("/bin/bash", "-l", "-c", command)

    async def screenshot(self) -> bytes:
        path = self._shot()
        await self.command(f"scrot --pointer {path}")
        data = path.read_bytes()
        path.unlink()
        return data

    async def move(self, x: int, y: int) -> None:
        await self.command(f"xdotool mousemove --sync {x} {y}")

    async def left_click(self, x: int, y: int) -> None:
        await self.move(x, y)
        await self.command("xdotool click 1")

    async def press(self, key: str) -> None:
        await self.command(f"xdotool key {key}")

    async def write(self, text: str) -> None:
        for start in range(0, len(text), CHUNK):
            await self.command(f"xdotool type --delay {DELAY} -- {shlex.quote(text[start : start + CHUNK])}")


class Demo(_Shell):
    """Anthropic's computer-use demo."""

    async def command(self, command: str) -> None:
        await self._run("/bin/sh", "-c", command)

    async def screenshot(self, wait: float = DEMO_WAIT) -> bytes:
        await anyio.sleep(wait)
        path = self._shot()
        await self.command(f"scrot -p {path}")
        await self.command(f"convert {path} -resize 1280x800! {path}")
        data = path.read_bytes()
        path.unlink()
        return data

    async def left_click(self, x: int, y: int) -> bytes:
        await self.command(f"xdotool mousemove --sync {x} {y} click 1")
        return await self.screenshot()
