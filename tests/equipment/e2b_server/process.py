"""The server as a process of its own, and how a test talks with it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.equipment.e2b_server.server import KEY, environment

START_BOUND = 20.0
"""Seconds for the process to answer."""
END_BOUND = 15.0
"""Seconds for it to end all sandboxes and itself."""

_ROOT = Path(__file__).parents[3]


class E2BProcess:
    """A server in another process: what `E2BServer` has, over HTTP."""

    def __init__(self, url: str, key: str, pid: int) -> None:
        self.url = url
        self.environment = environment(url, key)
        self.pid = pid
        self._http = httpx.Client(base_url=f"{url}/_", timeout=START_BOUND, trust_env=False)

    @property
    def requests(self) -> list[dict[str, Any]]:
        """What was asked: `name`, `sandbox`, `command`, `at`, …"""
        found: list[dict[str, Any]] = self._http.get("/requests").raise_for_status().json()
        return found

    def forget_requests(self) -> None:
        self._http.delete("/requests").raise_for_status()

    @property
    def sandboxes(self) -> dict[str, dict[str, Any]]:
        return {about["id"]: about for about in self._http.get("/sandboxes").raise_for_status().json()}

    def kill_sandbox(self, sandbox_id: str) -> None:
        self._http.delete(f"/sandboxes/{sandbox_id}").raise_for_status()

    def expire_sandbox(self, sandbox_id: str) -> None:
        self._http.post(f"/sandboxes/{sandbox_id}/expire").raise_for_status()

    def add_fault(self, kind: str | int, on: str = "*", times: int = 1, **details: str | float | None) -> None:
        """As `Faults.add`."""
        self._http.post("/faults", json={"kind": kind, "on": on, "times": times, **details}).raise_for_status()

    def clear_faults(self) -> None:
        self._http.delete("/faults").raise_for_status()

    def set_latency(self, seconds: float) -> None:
        self._http.put("/latency", json=seconds).raise_for_status()

    def refuse(self, seconds: float) -> None:
        """Refuse connections for so long."""
        self._http.post("/refuse", json=seconds).raise_for_status()


@contextmanager
def e2b_process(*, most: int = 20, key: str = KEY, latency: float = 0.0, port: int = 0) -> Generator[E2BProcess]:
    """Run the server in a process of its own until left; then every process of every sandbox has ended."""
    options = ["--most", str(most), "--key", key, "--latency", str(latency), "--port", str(port)]
    command = [sys.executable, "-m", "tests.equipment.e2b_server", *options]
    with subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdin and process.stdout
            serving = E2BProcess(json.loads(process.stdout.readline())["url"], key, process.pid)
            with serving._http:
                yield serving
        finally:
            try:
                process.communicate(timeout=END_BOUND)  # closes its input: it ends by itself then
            finally:
                process.kill()
