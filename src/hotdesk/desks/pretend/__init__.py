"""Pretend desks: a desktop in memory that obeys the contract, with no X server, no namespaces and no key.

The stand-in for tests, for rehearsals and for trying things out. The screen is drawn, the windows are simple ones of our own, the files are
bytes in memory; a viewer in any process can watch and take over by RFB, and any process can end a desk by its id.

**A pretend desk isolates nothing.** `run` and its terminal execute real shell commands as the user who runs Hotdesk, with that user's
rights, files and network. So it is for tests and for rehearsals without a model, never for what a model thinks up.

Of `DeskOptions` only `size` is kept; `internet`, `allow`, `memory_mib`, `disk_mib` and `processes` are not enforced.
"""

from __future__ import annotations

from hotdesk.desks.pretend.provider import PretendDesks

__all__ = ["PretendDesks"]
