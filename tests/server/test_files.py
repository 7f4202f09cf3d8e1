"""Artifacts, the archive, and screenshots."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotdesk import events as ev
from hotdesk.server.files import safe_name

from .conftest import World, ready

JPEG = b"\xff\xd8\xff\xe0" + bytes(100)


async def with_files(world: World, *files: tuple[str, str, bytes]) -> str:
    """A session in which an agent saved these files (name, media type, content) as f1, f2, …"""
    tasks: list[ev.Event] = [
        ev.TaskCreated(task="t1", title="Write: a / report?", instructions="Do"),
        ev.TaskAssigned(agent="a1", task="t1", attempt=1),
    ]
    session = await world.session(*ready(), *tasks)
    blobs = await world.blobs(session, "artifacts")
    for number, (name, media_type, data) in enumerate(files, 1):
        await world.append(
            session,
            ev.ArtifactSaved(
                agent="a1",
                task="t1",
                attempt=1,
                artifact=f"f{number}",
                name=name,
                path=name,
                bytes=len(data),
                media_type=media_type,
                blob=blobs.put(data),
            ),
        )
    return f"/api/sessions/{session}"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("report.txt", 'attachment; filename="report.txt"'),
        ("Übersicht «neu».txt", "attachment; filename*=utf-8''%C3%9Cbersicht%20%C2%ABneu%C2%BB.txt"),
        ('a"; filename="evil.exe', "attachment; filename*=utf-8''a_%3B%20filename%3D_evil.exe"),
        ("a\r\nSet-Cookie: x=1", "attachment; filename*=utf-8''a__Set-Cookie_%20x%3D1"),
        ("../../etc/passwd", 'attachment; filename="passwd"'),
        ("", 'attachment; filename="_"'),
    ],
)
async def test_a_file_is_a_download_under_a_safe_name(world: World, name: str, shown: str) -> None:
    base = await with_files(world, (name, "text/html", b"<script>alert(1)</script>"))
    got = await world.web.get(f"{base}/artifacts/f1")
    assert got.content == b"<script>alert(1)</script>"
    assert got.headers["content-disposition"] == shown
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-security-policy"].startswith("sandbox; default-src 'none'")


@pytest.mark.parametrize(
    ("media_type", "sent"),
    [
        ("text/plain", "text/plain; charset=utf-8"),
        ("text/html; charset=utf-8", "text/plain; charset=utf-8"),
        ("application/json", "text/plain; charset=utf-8"),
        ("image/png", "image/png"),
        ("application/pdf", "application/pdf"),
    ],
)
async def test_what_is_safe_to_show_is_shown_in_a_frame_of_our_own_page_only(world: World, media_type: str, sent: str) -> None:
    base = await with_files(world, ("x", media_type, b"<b>hello</b>"))
    got = await world.web.get(f"{base}/artifacts/f1?inline=1")
    assert got.headers["content-type"] == sent
    assert got.headers["content-disposition"].startswith("inline;")
    policy = got.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "sandbox" in policy or media_type == "application/pdf"


@pytest.mark.parametrize(
    "media_type", ["image/svg+xml", "application/xhtml+xml", "application/javascript", "", "a/b\r\nx: y", "application/zip"]
)
async def test_what_is_not_safe_to_show_stays_a_download(world: World, media_type: str) -> None:
    base = await with_files(world, ("x", media_type, b"<svg onload=alert(1)>"))
    got = await world.web.get(f"{base}/artifacts/f1?inline=1")
    assert got.status_code == 200
    assert got.headers["content-disposition"].startswith("attachment;")
    assert "sandbox" in got.headers["content-security-policy"]
    assert "x" not in got.headers


async def test_a_part_of_a_file_can_be_asked_for(world: World) -> None:
    base = await with_files(world, ("x", "video/mp4", bytes(range(200))))
    got = await world.web.get(f"{base}/artifacts/f1", headers={"Range": "bytes=10-19"})
    assert (got.status_code, got.content) == (206, bytes(range(10, 20)))


async def test_an_unknown_file_is_not_found(world: World) -> None:
    base = await with_files(world)
    for path in (
        "artifacts/f9",
        "artifacts/..%2flog.sqlite",
        "artifacts.zip",
        "frames/" + "0" * 40,
        "frames/..%2flog.sqlite",
        "frames/log.sqlite",
    ):
        got = await world.web.get(f"{base}/{path}")
        assert (got.status_code, got.headers["content-type"]) == (404, "application/problem+json")


async def test_the_archive_holds_every_file_in_a_folder_for_its_task(world: World) -> None:
    big = bytes(range(256)) * 4096
    base = await with_files(
        world,
        ("report.txt", "text/plain", b"one"),
        ("Report.txt", "text/plain", b"two"),
        ("../../../evil.sh", "text/x-sh", b"three"),
        ("/etc/passwd", "text/plain", b"four"),
        ("..", "text/plain", b"five"),
        ("CON.txt", "text/plain", b"six"),
        ("big.png", "image/png", big),
    )
    got = await world.web.get(f"{base}/artifacts.zip")
    assert got.headers["content-type"] == "application/zip"
    assert got.headers["content-disposition"] == 'attachment; filename="hotdesk-s1.zip"'
    assert "content-encoding" not in got.headers
    archive = zipfile.ZipFile(io.BytesIO(got.content))
    assert archive.testzip() is None
    folder = "01 report_"
    assert {name: archive.read(name) for name in archive.namelist()} == {
        f"{folder}/report.txt": b"one",
        f"{folder}/Report (2).txt": b"two",
        f"{folder}/evil.sh": b"three",
        f"{folder}/passwd": b"four",
        f"{folder}/_": b"five",
        f"{folder}/_CON.txt": b"six",
        f"{folder}/big.png": big,
    }


@given(st.text(max_size=300))
def test_every_name_becomes_one_that_leads_nowhere(name: str) -> None:
    safe = safe_name(name)
    assert safe
    assert len(safe) <= 130
    assert not set(safe) & set('/\\:*?"<>|\0\r\n')
    assert safe.strip(" .") == safe
    assert safe_name(safe) == safe


async def test_a_screenshot_is_kept_for_ever(world: World) -> None:
    session = await world.session()
    frames = await world.blobs(session, "frames")
    for data, media_type in ((JPEG, "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"), (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp")):
        frame = frames.put(data)
        got = await world.web.get(f"/api/sessions/s1/frames/{frame}")
        assert (got.content, got.headers["content-type"]) == (data, media_type)
        assert "immutable" in got.headers["cache-control"]
        assert got.headers["etag"] == f'"{frame}"'
        again = await world.web.get(f"/api/sessions/s1/frames/{frame}", headers={"If-None-Match": got.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
