"""What every test shares."""

from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _settings_of_no_one(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No setting or key of the person who runs the tests reaches them."""
    import os

    for name in list(os.environ):
        if name.startswith("HOTDESK_") or name.endswith("_API_KEY"):
            monkeypatch.delenv(name)
