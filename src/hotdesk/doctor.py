"""`hotdesk doctor`: everything Hotdesk needs, each with what was found and the remedy. It looks; it changes nothing."""

from __future__ import annotations

import os
import shutil
import socket
import sys

from hotdesk.desks.base import Finding
from hotdesk.desks.choose import choose_desks
from hotdesk.models import check, chosen_brain, chosen_planner
from hotdesk.serve import Parts, pages
from hotdesk.settings import MindSettings

__all__ = ["examine"]

FREE = 2 << 30
"""Bytes of free disk that a few sessions need comfortably."""


async def examine(parts: Parts) -> list[Finding]:
    """Every finding, the plain ones first, then the desks'."""
    return [
        _python(),
        _page(),
        _data(parts),
        _port(parts),
        *_keys(parts.mind),
        *await _minds(parts.mind),
        *await choose_desks(parts.desk).check(),
    ]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", sys.version_info >= (3, 11), version, "Install Python 3.11 or later.")


def _page() -> Finding:
    built = pages()
    return Finding("Web page", built is not None, "built" if built else "not built", "Run `make run`.")


def _data(parts: Parts) -> Finding:
    folder = parts.data.data_dir
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(there, os.W_OK):
        return Finding("Data folder", False, f"{folder} cannot be written", "Set HOTDESK_DATA_DIR to a folder of yours.")
    free = shutil.disk_usage(there).free
    return Finding("Disk", free >= FREE, f"{free / (1 << 30):.1f} GiB free for {folder}", "Free some space, or set HOTDESK_DATA_DIR.")


def _port(parts: Parts) -> Finding:
    where = (parts.server.host, parts.server.port)
    with socket.socket(socket.AF_INET6 if ":" in where[0] else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(where)
        except OSError as error:
            return Finding(f"Port {where[1]}", False, f"{error.strerror}", "Choose another with --port or HOTDESK_PORT.")
    return Finding(f"Port {where[1]}", True, "free")


def _keys(mind: MindSettings) -> list[Finding]:
    keys = {
        "DEDALUS_API_KEY": mind.dedalus_key,
        "ANTHROPIC_API_KEY": mind.anthropic_key,
        "OPENAI_API_KEY": mind.openai_key,
        "GOOGLE_API_KEY": mind.google_key,
        "OPENROUTER_API_KEY": mind.openrouter_key,
    }
    return [Finding(name, True, "present") if key else Finding(name, False, "absent", required=False) for name, key in keys.items()]


async def _minds(mind: MindSettings) -> list[Finding]:
    """Who was chosen and why, and whether they answer."""
    found = []
    for what, chosen in (("Planner", chosen_planner(mind)), ("Brain", chosen_brain(mind))):
        answer = await check(chosen, mind)
        seen = f"{chosen.label}. {chosen.why}" + ("" if chosen.rehearsal else f" {answer.says}")
        found.append(Finding(what, answer.ok, seen, "Mend the key or the setting, or set HOTDESK_BRAIN=rehearsal."))
    return found
