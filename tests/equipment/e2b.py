"""Which E2B the tests speak to: the local server that speaks its protocol, or, where somebody asked for it and pays for it, E2B itself."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Generator
from contextlib import contextmanager

import anyio
import pytest

from hotdesk.desks.e2b import Account
from hotdesk.desks.e2b.owners import Owner
from hotdesk.desks.e2b.service import OWNER, Service
from tests.equipment.e2b_server import e2b_process

REAL_E2B = os.environ.get("HOTDESK_TEST_E2B") == "real"
"""Asked for by `make test-e2b`, and by nothing else."""
_KEY = os.environ.get("E2B_API_KEY", "")
"""Taken when this is imported: no test finds a key in its environment."""
_WHERE = {name: os.environ.get(name) for name in ("E2B_API_URL", "E2B_SANDBOX_URL", "E2B_DOMAIN")}


async def _end_ours(account: Account) -> None:
    """Whatever went wrong, nothing that this process opened goes on costing."""
    service = Service(account)
    for found in await service.find({OWNER: Owner.us().text()}):
        await service.end(found.sandbox_id)


@contextmanager
def e2b_account() -> Generator[Account]:
    if REAL_E2B:
        if not _KEY:
            pytest.fail("HOTDESK_TEST_E2B=real needs E2B_API_KEY.")
        account = Account(_KEY, _WHERE["E2B_API_URL"], _WHERE["E2B_SANDBOX_URL"], _WHERE["E2B_DOMAIN"])
        try:
            yield account
        finally:
            cleaning = threading.Thread(target=anyio.run, args=(_end_ours, account))
            cleaning.start()
            cleaning.join()
        return
    missing = [name for name in ("bwrap", "Xvfb", "startxfce4", "x11vnc", "websockify") if not shutil.which(name)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    with e2b_process() as server:
        yield Account(server.environment["E2B_API_KEY"], server.environment["E2B_API_URL"], server.environment["E2B_SANDBOX_URL"])
