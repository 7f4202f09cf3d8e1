"""TEST EQUIPMENT, not E2B: a local server that speaks E2B's wire protocol to the unmodified SDK, and misbehaves on demand.

It promises: what the SDK asks really happens, in a sandbox of its own on this machine (commands, files, an X server, XFCE, a live view); a
sandbox ends when its time is over; nothing of any sandbox is left when the server is, however that ends. It does not promise E2B's speed,
its isolation, root inside, terminals, pausing, templates or watching of directories.

    async with e2b_server() as server:          in the test's own event loop; the SDK then belongs in another thread, or is the async one
        os.environ.update(server.environment)

    with e2b_process() as server:               a process of its own, for synchronous tests and for measurements
        os.environ.update(server.environment)

The modules: `server` (the doors and the edge that carries requests to a sandbox's ports), `control` (making and ending), `sandboxes`
(their process trees), `envd` (the program inside each), `faults`, `requests` (what is asked, and its name), `wire` (HTTP), `process` (the
server as a process: `python -m tests.equipment.e2b_server`).
"""

from __future__ import annotations

from tests.equipment.e2b_server.faults import Fault, Faults
from tests.equipment.e2b_server.process import E2BProcess, e2b_process
from tests.equipment.e2b_server.requests import Request
from tests.equipment.e2b_server.sandboxes import Sandbox
from tests.equipment.e2b_server.server import E2BServer, e2b_server, environment

__all__ = ["E2BProcess", "E2BServer", "Fault", "Faults", "Request", "Sandbox", "e2b_process", "e2b_server", "environment"]
