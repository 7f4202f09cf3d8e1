"""What a first visit costs, read from the built page. Sizes are no timings: they may be asserted."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

OUT = Path(__file__).parents[2] / "web" / "out"
MOST = 200_000
"""Bytes of script, compressed, that a page may load before the viewer of a desk."""
VIEWER = b"ExtendedDesktopSize"
"""Found in noVNC and nowhere else."""


def scripts(page: str) -> list[Path]:
    """What the page asks for at once; scripts that only old browsers load (`nomodule`) are none."""
    tags = re.findall(r"<script[^>]*\ssrc=[^>]*>", (OUT / page).read_text())
    sources = [re.search(r'src="/([^"?]+)', tag) for tag in tags if "nomodule" not in tag.lower()]
    return sorted({OUT / source[1] for source in sources if source})


@pytest.mark.parametrize("page", ["index.html", "session/index.html"])
def test_a_page_loads_little_script_before_the_viewer(page: str) -> None:
    bodies = [script.read_bytes() for script in scripts(page)]
    assert len(bodies) > 3
    assert not any(VIEWER in body for body in bodies), "noVNC is loaded before a screen is shown"
    sizes = [len(gzip.compress(body, 9)) for body in bodies]
    assert sum(sizes) <= MOST


def test_the_viewer_is_a_chunk_of_its_own() -> None:
    assert sum(VIEWER in chunk.read_bytes() for chunk in (OUT / "_next/static").rglob("*.js")) == 1
