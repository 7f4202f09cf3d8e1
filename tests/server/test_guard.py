"""Who may call: HTTP, Socket.IO and WebSocket handshakes alike."""

# ruff: noqa: S104

from __future__ import annotations

import itertools
import logging
from collections.abc import AsyncGenerator
from pathlib import Path
from urllib.parse import quote

import pytest
from pydantic import SecretStr
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from hotdesk.errors import BadInput
from hotdesk.logs.memory import MemoryLogs
from hotdesk.server.guard import COOKIE, Guard, Redact
from hotdesk.settings import ServerSettings

from .conftest import World, ready, serving

TOKEN = "a-very-secret/token+of=signs; 16"
PLACES = ["/", "/healthz", "/api/about", "/api/sessions", "/api/nothing", "/socket.io/?EIO=4&transport=polling", "/_next/x.js", "/api/docs"]
SOCKETS = ["/api/sessions/s1/agents/a1/screen", "/socket.io/?EIO=4&transport=websocket", "/nothing"]


@pytest.fixture
async def locked(tmp_path: Path) -> AsyncGenerator[World]:
    async with serving(MemoryLogs(tmp_path), ServerSettings(token=SecretStr(TOKEN))) as world:
        await world.session(*ready())
        yield world


async def shaken(world: World, path: str, **headers: str) -> int:
    """The status of a WebSocket handshake; 101 if it was accepted."""
    origin, host = headers.pop("Origin", None), headers.pop("host", None)
    to = {"host": "127.0.0.1", "port": world.port} if host else {}
    try:
        async with connect(f"ws://{host or world.host}{path}", additional_headers=headers, origin=origin, **to):  # type: ignore[arg-type]
            return 101
    except InvalidStatus as error:
        return error.response.status_code


async def test_another_host_name_is_refused_everywhere(world: World) -> None:
    others = [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1.evil.example",
        "localhost.evil",
        "192.168.1.9:{port}",
        "",
        "a b",
        "x@localhost",
    ]
    for host, path in itertools.product(others, PLACES):
        got = await world.web.get(path, headers={"Host": host.format(port=world.port)})
        assert got.status_code in (400, 403), (host, path)


async def test_loopback_names_are_answered(world: World) -> None:
    for host in ("localhost", "LOCALHOST:{port}", "127.0.0.1:{port}", "[::1]:{port}", "127.0.0.1:9"):
        assert (await world.web.get("/healthz", headers={"Host": host.format(port=world.port)})).status_code == 200, host


async def test_listed_names_are_answered_and_may_be_behind_tls(tmp_path: Path) -> None:
    async with serving(MemoryLogs(tmp_path), ServerSettings(hosts=("desk.example", "localhost:3000"))) as world:
        own = {"Host": "desk.example", "Origin": "https://desk.example"}
        assert (await world.web.get("/healthz", headers=own)).status_code == 200
        assert (await world.web.get("/healthz", headers={**own, "Host": "other.example"})).status_code == 403
        assert (await world.web.get("/healthz", headers={**own, "Origin": "https://desk.example:444"})).status_code == 403
        assert (await world.web.get("/healthz", headers={"Origin": "http://localhost:3000"})).status_code == 200
        assert (await world.web.get("/healthz", headers={"Origin": "http://localhost:3001"})).status_code == 403


async def test_a_page_of_another_origin_is_refused_everywhere(world: World) -> None:
    others = [
        *("https://evil.example", "http://localhost:{port}", "https://127.0.0.1:{port}", "http://127.0.0.1:1", "http://127.0.0.1"),
        *("null", "", "http://a:b:c", "http://x@127.0.0.1:{port}", "file://", "http://127.0.0.1:{port}.evil.example"),
    ]
    for origin, path in itertools.product(others, PLACES):
        got = await world.web.get(path, headers={"Origin": origin.format(port=world.port)})
        assert (got.status_code, got.json()["code"]) == (403, "refused:server"), (origin, path)
        assert "access-control-allow-origin" not in got.headers


async def test_handshakes_of_another_origin_or_host_are_refused(world: World) -> None:
    for path in SOCKETS:
        assert await shaken(world, path, Origin="https://evil.example") == 403
        assert await shaken(world, path, Origin=f"http://localhost:{world.port}") == 403
        assert await shaken(world, path, **{"Sec-Fetch-Site": "cross-site"}) == 403
        assert await shaken(world, path, host="evil.example") == 403


async def test_handshakes_of_the_own_origin_and_of_none_are_accepted(world: World) -> None:
    for path in SOCKETS[:2]:
        assert await shaken(world, path, Origin=world.url) == 101
        assert await shaken(world, path) == 101


async def test_socket_io_does_not_refuse_what_the_guard_lets_through(world: World) -> None:
    got = await world.web.get("/socket.io/?EIO=4&transport=polling", headers={"Origin": world.url})
    assert got.status_code == 200
    assert got.text.startswith("0{")


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_another_site_may_link_to_us_and_nothing_else(world: World, site: str) -> None:
    def fetch(mode: str, dest: str) -> dict[str, str]:
        return {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}

    assert (await world.web.get("/healthz", headers=fetch("navigate", "document"))).status_code == 200
    assert (await world.web.get("/healthz", headers=fetch("navigate", "iframe"))).status_code == 403
    assert (await world.web.get("/healthz", headers=fetch("no-cors", "image"))).status_code == 403
    assert (await world.web.get("/healthz", headers=fetch("cors", "empty"))).status_code == 403
    assert (await world.web.post("/api/sessions", headers=fetch("navigate", "document"), json={"prompt": "x"})).status_code == 403


async def test_every_answer_has_the_security_headers(world: World) -> None:
    for host, path in itertools.product((world.host, "evil.example"), PLACES):
        got = await world.web.get(path, headers={"Host": host})
        assert "frame-ancestors 'none'" in got.headers["content-security-policy"]
        assert "unsafe-eval" not in got.headers["content-security-policy"]
        assert got.headers["x-content-type-options"] == "nosniff"
        assert got.headers["referrer-policy"] == "no-referrer"
        assert got.headers["cross-origin-opener-policy"] == "same-origin"
        assert "server" not in got.headers


async def test_without_the_token_nothing_is_shown(locked: World) -> None:
    wrong = (
        {},
        {"Authorization": "Bearer wrong-token-of-16"},
        {"Authorization": TOKEN},
        {"Cookie": f"{COOKIE}=wrong"},
        {"Cookie": f"{COOKIE}="},
    )
    for headers, path in itertools.product(wrong, PLACES):
        got = await locked.web.get(path, headers=headers)
        assert got.status_code == 403
        assert TOKEN not in got.text


async def test_handshakes_need_the_token(locked: World) -> None:
    for path in SOCKETS[:2]:
        assert await shaken(locked, path) == 403
        assert await shaken(locked, path + ("&" if "?" in path else "?") + f"token={quote(TOKEN)}") == 403
        assert await shaken(locked, path, Authorization=f"Bearer {TOKEN}") == 101


async def test_a_client_shows_the_token_in_a_header(locked: World) -> None:
    assert (await locked.web.get("/api/about", headers={"Authorization": f"Bearer {TOKEN}"})).status_code == 200
    assert (await locked.web.get("/api/about", headers={"Authorization": f"bearer  {TOKEN}"})).status_code == 200


async def test_a_browser_shows_the_token_once_and_keeps_it_as_a_cookie(locked: World) -> None:
    got = await locked.web.get("/session/s1/", params={"token": TOKEN, "tab": "2"})
    assert (got.status_code, got.headers["location"]) == (303, "/session/s1/?tab=2")
    cookie = got.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" not in cookie.replace("a-very-secret", "")
    kept = got.headers["set-cookie"].partition(";")[0]
    assert (await locked.web.get("/api/about", headers={"Cookie": f'other={{"a":1}}; {kept}'})).status_code == 200
    assert await shaken(locked, SOCKETS[0], Cookie=kept) == 101
    assert await shaken(locked, SOCKETS[1], Cookie=kept) == 101


async def test_the_token_in_an_address_works_for_pages_only(locked: World) -> None:
    assert (await locked.web.get("/api/about", params={"token": TOKEN})).status_code == 403
    assert (await locked.web.post("/", params={"token": TOKEN})).status_code == 403
    got = await locked.web.get("/", params={"token": "wrong"})
    assert got.status_code == 403
    assert "<form>" in got.text
    assert "set-cookie" not in got.headers


async def test_the_way_to_the_clean_address_leads_nowhere_else(locked: World) -> None:
    for path in ("//evil.example/", "/%5Cevil.example/", "/%2F/evil.example"):
        got = await locked.web.get(f"{locked.url}{path}?token={quote(TOKEN, safe='')}")
        assert got.status_code == 303
        location = got.headers["location"]
        assert location[0] == "/"
        assert location[1] not in "/\\"


def test_a_server_that_can_be_reached_from_elsewhere_needs_a_token() -> None:
    for host in ("0.0.0.0", "::", "192.168.1.2", "desk.example"):
        with pytest.raises(BadInput, match="HOTDESK_TOKEN"):
            Guard(None, ServerSettings(host=host))  # type: ignore[arg-type]
        Guard(None, ServerSettings(host=host, token=SecretStr(TOKEN)))  # type: ignore[arg-type]


async def test_a_server_for_everybody_answers_to_addresses_and_not_to_names(tmp_path: Path) -> None:
    async with serving(MemoryLogs(tmp_path), ServerSettings(host="0.0.0.0", token=SecretStr(TOKEN))) as world:
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        assert (await world.web.get("/healthz", headers={**bearer, "Host": f"192.168.1.9:{world.port}"})).status_code == 200
        assert (await world.web.get("/healthz", headers={**bearer, "Host": "evil.example"})).status_code == 403
        assert (await world.web.get("/healthz", headers={"Host": "192.168.1.9"})).status_code == 403


@pytest.mark.parametrize(
    ("written", "args"),
    [
        ('%s - "%s %s HTTP/%s" %d', ("127.0.0.1:1", "GET", f"/?a=1&token={TOKEN[:10]}&b=2", "1.1", 200)),
        ('%s - "WebSocket %s" [accepted]', ("127.0.0.1:1", f"/screen?control={TOKEN[:10]}")),
    ],
)
def test_secrets_are_not_written_to_the_access_log(written: str, args: tuple[object, ...]) -> None:
    record = logging.LogRecord("uvicorn.access", logging.INFO, "", 0, written, args, None)
    assert Redact().filter(record)
    assert TOKEN[:10] not in record.getMessage()
    assert "=..." in record.getMessage()


async def test_the_servers_own_loggers_are_redacted(world: World) -> None:
    for name in ("uvicorn.access", "uvicorn.error"):
        assert any(isinstance(one, Redact) for one in logging.getLogger(name).filters)
