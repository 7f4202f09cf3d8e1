"""The static export."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import pytest

from hotdesk.logs.memory import MemoryLogs
from hotdesk.server.boards import Boards

from .conftest import World, serving

SCRIPT = "self.__next_f=[1,'ä']"


@pytest.fixture
async def paged(tmp_path: Path) -> AsyncGenerator[World]:
    out = tmp_path / "web" / "out"
    files = {
        "index.html": f"<html><script>{SCRIPT}</script><script src='/_next/static/a.js' async></script>home{'.' * 1000}</html>",
        "404.html": "<html>lost</html>",
        "session/index.html": "<html>session</html>",
        "session/index.txt": "rsc",
        "session/__next._tree.txt": "tree",
        "session/__next.session/__PAGE__.txt": "page",
        "_next/static/chunks/a.js": "console.log(1);" * 200,
        "logo.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
    }
    for name, text in files.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(text)
    (tmp_path / "web" / "secret.txt").write_text("secret")
    (out / "link").symlink_to(tmp_path / "web" / "secret.txt")
    async with serving(MemoryLogs(tmp_path / "data"), pages=out) as world:
        yield world


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/session/20250101-abc/", "<html>session</html>"),
        ("/session/20250101-abc/index.txt?_rsc=x", "rsc"),
        ("/session/20250101-abc/__next._tree.txt", "tree"),
        ("/session/20250101-abc/__next.session/__PAGE__.txt", "page"),
        ("/session/", "<html>session</html>"),
        ("/session/index.txt", "rsc"),
        ("/session/__next._tree.txt", "tree"),
    ],
)
async def test_one_page_stands_for_all_sessions(paged: World, path: str, text: str) -> None:
    got = await paged.web.get(path)
    assert (got.status_code, got.text) == (200, text)
    head = await paged.web.head(path)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(text)))


async def test_an_address_without_its_slash_leads_to_the_one_with_it(paged: World) -> None:
    got = await paged.web.get("/session/abc?tab=1")
    assert (got.status_code, got.headers["location"]) == (308, "/session/abc/?tab=1")
    got = await paged.web.get("//evil.example/session/..%2f")
    assert not got.headers.get("location", "").startswith("//")


async def test_a_session_whose_page_was_asked_for_is_folded_before_the_page_asks_for_it(
    paged: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected: list[str] = []
    both = anyio.Event()
    expect = Boards.expect

    async def noted(boards: Boards, session: str) -> None:
        await expect(boards, session)
        expected.append(session)
        if len(expected) == 2:
            both.set()

    monkeypatch.setattr(Boards, "expect", noted)
    await paged.session(name="s1")
    for path in ("/", "/session/", "/session/s1/index.txt", "/session/s1/", "/session/none/"):
        await paged.web.get(path)
    with anyio.fail_after(5):
        await both.wait()
    assert set(expected) == {"s1", "none"}


async def test_exactly_the_inline_scripts_of_a_page_may_run(paged: World) -> None:
    policy = (await paged.web.get("/")).headers["content-security-policy"]
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    assert f"script-src 'self' 'sha256-{digest}';" in policy
    assert "sha256" not in (await paged.web.get("/session/")).headers["content-security-policy"]


async def test_text_is_compressed_and_known_pages_are_not_sent_again(paged: World) -> None:
    for path, kept in (("/_next/static/chunks/a.js", "public, max-age=31536000, immutable"), ("/", "no-cache")):
        got = await paged.web.get(path)
        assert got.headers["content-encoding"] == "gzip"
        assert got.headers["cache-control"] == kept
        again = await paged.web.get(path, headers={"If-None-Match": got.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        plain = await paged.web.get(path, headers={"Accept-Encoding": "identity"})
        assert plain.text == got.text
        assert "content-encoding" not in plain.headers


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br", "gzip"),
        ("br;q=1.0, GZIP;q=0.2", "gzip"),
        ("*", "gzip"),
        ("gzip;q=0", None),
        ("gzip;q=0.000, *", None),
        ("identity", None),
        ("", None),
    ],
)
async def test_what_is_sent_is_what_the_browser_takes(paged: World, accepted: str, encoding: str | None) -> None:
    got = await paged.web.get("/_next/static/chunks/a.js", headers={"Accept-Encoding": accepted})
    assert got.headers.get("content-encoding") == encoding
    assert got.headers["vary"] == "Accept-Encoding"
    assert got.text == "console.log(1);" * 200


async def test_a_page_is_known_by_any_of_the_tags_that_a_browser_has(paged: World) -> None:
    etag = (await paged.web.get("/")).headers["etag"]
    for known in (etag, f'"other", {etag}', etag.removeprefix("W/"), "*"):
        again = await paged.web.get("/", headers={"If-None-Match": known})
        assert (again.status_code, again.headers["etag"], again.headers["cache-control"]) == (304, etag, "no-cache")
        assert again.headers["vary"] == "Accept-Encoding"
    for other in (f"{etag}x", etag[:-2], '"other"'):
        assert (await paged.web.get("/", headers={"If-None-Match": other})).status_code == 200


async def test_pictures_are_sent_as_they_are(paged: World, tmp_path: Path) -> None:
    (tmp_path / "web/out/photo.png").write_bytes(b"\x89PNG" * 1000)
    got = await paged.web.get("/photo.png")
    assert (got.headers["content-type"], got.headers.get("content-encoding")) == ("image/png", None)
    assert (await paged.web.get("/photo.png", headers={"If-None-Match": got.headers["etag"]})).status_code == 304


async def test_a_page_that_was_built_anew_is_served_anew(paged: World, tmp_path: Path) -> None:
    before = await paged.web.get("/")
    (tmp_path / "web/out/index.html").write_text("<html>new</html>")
    after = await paged.web.get("/", headers={"If-None-Match": before.headers["etag"]})
    assert (after.status_code, after.text) == (200, "<html>new</html>")


@pytest.mark.parametrize(
    "path",
    [
        "/none",
        "/_next/static/none.js",
        "/session/abc/none.txt",
        "/..%2fsecret.txt",
        "/session/..%2f..%2f..%2fsecret.txt",
        "/link",
        "/%00",
        "/..%5csecret.txt",
    ],
)
async def test_what_is_not_in_the_export_is_the_lost_page(paged: World, path: str) -> None:
    got = await paged.web.get(path)
    assert (got.status_code, got.text) == (404, "<html>lost</html>")


async def test_pages_are_only_read(paged: World) -> None:
    assert (await paged.web.post("/", content=b"x")).status_code == 405


async def test_without_an_export_a_sentence_says_how_to_build_it(world: World) -> None:
    got = await world.web.get("/")
    assert got.status_code == 503
    assert "npm run build" in got.text
