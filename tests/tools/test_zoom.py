"""Looking closely at a region of the screen, as an agent does."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow
from PIL import ImageChops, ImageStat

from hotdesk import events as ev
from hotdesk.blobs import Blobs
from hotdesk.brains.base import Decision, Entry, Given, Picture, Result
from hotdesk.desks.base import Image
from hotdesk.desks.pretend.desk import PretendDesk

from ..worker.test_loop import DONE, Scripted, Stage, calls, stage


def drawn(picture: Picture | bytes) -> Pillow.Image:
    return Pillow.open(io.BytesIO(picture if isinstance(picture, bytes) else picture.data)).convert("RGB")


def results(brain: Scripted) -> list[Result]:
    return [entry for entry in brain.shown[-1] if isinstance(entry, Result)]


async def done(s: Stage) -> None:
    await s.assign()
    await s.until(lambda b: b.tasks["t1"].status == "completed")


async def test_a_region_is_shown_enlarged_to_the_screens_size_at_most_and_logged_with_the_whole_screen(tmp_path: Path) -> None:
    brain = Scripted(
        calls(("zoom", {"x": 0, "y": 0, "width": 320, "height": 100}), ("zoom", {"x": 1270, "y": 700, "width": 10, "height": 100})), DONE
    )
    async with stage(tmp_path, brain) as s:
        await done(s)
        wide, high = results(brain)
        given = brain.shown[0][0]
        assert isinstance(given, Given) and given.picture is not None and wide.picture is not None and high.picture is not None
        assert (wide.picture.width, wide.picture.height) == drawn(wide.picture).size == (1280, 400)
        assert (high.picture.width, high.picture.height) == drawn(high.picture).size == (80, 800)
        assert wide.picture.media_type == "image/jpeg"
        assert len({given.picture.digest, wide.picture.digest, high.picture.digest}) == 3
        expected = drawn(given.picture).crop((0, 0, 320, 100)).resize((1280, 400), Pillow.Resampling.LANCZOS)
        assert max(ImageStat.Stat(ImageChops.difference(expected, drawn(wide.picture))).mean) < 3
        assert "whole screen" in wide.text
        first, second = s.of(ev.AgentThinking)
        assert first.says == "Looking closely at (0, 0), 320×100"
        assert first.frame == second.frame == given.picture.digest
        assert drawn(Blobs(s.log.folder / "frames").get(first.frame)).size == (1280, 800)


@pytest.mark.parametrize(
    ("region", "says"),
    [
        ({"x": 1275, "y": 0, "width": 10, "height": 10}, "outside the screen, which is 1280x800"),
        ({"x": 0, "y": 1, "width": 1280, "height": 800}, "outside the screen"),
        ({"x": 0, "y": 0, "width": 9, "height": 10}, "width"),
        ({"x": -1, "y": 0, "width": 10, "height": 10}, "x"),
    ],
)
async def test_a_region_that_cannot_be_is_refused_with_a_sentence(tmp_path: Path, region: dict[str, Any], says: str) -> None:
    brain = Scripted(calls(("zoom", region)), DONE)
    async with stage(tmp_path, brain) as s:
        await done(s)
        (result,) = results(brain)
        assert result.error and result.picture is None and says in result.text


async def test_a_change_of_the_screen_is_not_missed_by_looking_closely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original, changed = PretendDesk.screenshot, False

    async def screenshot(self: PretendDesk) -> Image:
        image = await original(self)
        if not changed:
            return image
        data = io.BytesIO()
        ImageChops.invert(drawn(image.data)).save(data, "PNG")
        return Image(data.getvalue(), "image/png", image.size)

    async def after_a_change(_: Sequence[Entry]) -> Decision:
        nonlocal changed
        changed = True
        region = {"x": 0, "y": 0, "width": 100, "height": 100}
        return calls(("zoom", region), ("list_files", {}), ("list_files", {}))

    monkeypatch.setattr(PretendDesk, "screenshot", screenshot)
    brain = Scripted(after_a_change, DONE)
    async with stage(tmp_path, brain) as s:
        await done(s)
        zoomed, first, second = results(brain)
        assert "has changed" in zoomed.text
        assert first.picture is not None and (first.picture.width, first.picture.height) == (1280, 800)
        assert second.picture is None
