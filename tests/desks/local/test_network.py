"""What a desk reaches of the network, in each mode."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from hotdesk.desks.base import Desk, DeskOptions
from hotdesk.desks.local import LocalDesks, network
from hotdesk.errors import DeskUnavailable
from tests.desks.local.conftest import WAIT, eventually

CONNECT = """
import socket, sys
with socket.socket() as s:
    s.settimeout(3)
    try:
        s.connect((sys.argv[1], int(sys.argv[2])))
        print(s.recv(100).decode() if len(sys.argv) > 3 else "reached")
    except OSError as error:
        print("refused")
"""

pasta = pytest.mark.skipif(
    not shutil.which("pasta") or bool(network.tun_problem()) or not Path("/proc/net/route").read_text().strip().count("\n"),
    reason="pasta, its tunnel device or a network to share is missing",
)


async def connect(desk: Desk, host: str, port: int) -> str:
    await desk.write_file("connect.py", CONNECT.encode())
    return (await desk.run(f"/usr/bin/python3 connect.py {host} {port}")).stdout.strip()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A service of the host on every address it has."""
    with socket.create_server(("0.0.0.0", 0)) as listening:  # noqa: S104
        yield listening


@pytest.fixture
def public_address() -> Iterator[str]:
    """An address of this machine that is not its loopback and not the one that a desk gets as its own."""
    address = "198.51.100.77"
    made = subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("giving this machine another address takes root")
    yield address
    subprocess.run(["ip", "address", "del", f"{address}/32", "dev", "lo"], capture_output=True, check=False)


# Full


@pasta
async def test_a_desk_with_full_internet_has_a_network_of_its_own(desks: LocalDesks, listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    async with desks.open("d1", DeskOptions(internet="full")) as desk:
        routes = (await desk.run("cat /proc/net/route")).stdout
        assert "\t00000000\t" in routes, "there is a default route"
        assert str(Path("/proc/self/ns/net").readlink()) != (await desk.run("readlink /proc/self/ns/net")).stdout.strip()
        assert "nameserver" in (await desk.run("cat /etc/resolv.conf")).stdout
        gateway = next(line.split()[2] for line in routes.splitlines()[1:] if line.split()[1] == "00000000")
        router = socket.inet_ntoa(bytes.fromhex(gateway)[::-1])
        for host in ("127.0.0.1", "127.0.0.53", "localhost", router):
            assert await connect(desk, host, port) == "refused", host


@pasta
async def test_a_desk_with_full_internet_reaches_what_is_not_this_machines_loopback(
    desks: LocalDesks, listener: socket.socket, public_address: str
) -> None:
    async with desks.open("d1", DeskOptions(internet="full")) as desk:
        assert await connect(desk, public_address, listener.getsockname()[1]) == "reached"


@pasta
async def test_abstract_sockets_of_the_host_are_out_of_reach_with_full_internet(desks: LocalDesks) -> None:
    with socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind("\0hotdesk-test-full")
        abstract.listen()
        async with desks.open("d1", DeskOptions(internet="full")) as desk:
            assert "hotdesk-test-full" not in (await desk.run("cat /proc/net/unix")).stdout
            program = "import socket; socket.socket(socket.AF_UNIX).connect('\\0hotdesk-test-full')"
            assert "refused" in (await desk.run(f'/usr/bin/python3 -c "{program}"')).stderr


async def test_without_pasta_a_desk_with_full_internet_is_refused_with_the_remedy(
    desks: LocalDesks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network.shutil, "which", lambda _: None)
    with pytest.raises(DeskUnavailable, match="HOTDESK_INTERNET=none"):
        async with desks.open("d1", DeskOptions(internet="full")):
            pass
    assert await desks.list() == []


async def test_pasta_that_fails_is_no_reason_to_share_the_hosts_network(
    desks: LocalDesks, monkeypatch: pytest.MonkeyPatch, run_dir: Path
) -> None:
    broken = run_dir / "bin"
    broken.mkdir()
    (broken / "pasta").write_text("#!/bin/sh\necho No external routable interface >&2; exit 1\n")
    (broken / "pasta").chmod(0o755)
    command = [str(broken / "pasta"), "--"]
    monkeypatch.setattr(network, "pasta_command", lambda _: command)
    with pytest.raises(DeskUnavailable, match="HOTDESK_INTERNET=none"):
        async with desks.open("d1", DeskOptions(internet="full")):
            pass


# An allow-list


@asynccontextmanager
async def site(text: str) -> AsyncIterator[int]:
    """A web site on this machine; its port."""

    async def serve(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            head = b""
            while b"\r\n\r\n" not in head:
                head += await stream.receive()
            body = text.encode() + b" " + head.split(b"\r\n", 1)[0]
            await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body))

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listening, anyio.create_task_group() as tasks:
        tasks.start_soon(listening.serve, serve)
        yield listening.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610 (not that `extra`)
        tasks.cancel_scope.cancel()


GET = """
import sys, urllib.request, urllib.error
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
except OSError as error:
    print(error)
"""


async def get(desk: Desk, address: str) -> str:
    await desk.write_file("get.py", GET.encode())
    return (await desk.run(f"/usr/bin/python3 get.py {address}")).stdout.strip()


async def test_an_allow_list_lets_through_its_domains_and_nothing_else(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    async def resolve(host: str, _: int) -> list[str]:
        asked.append(host)
        return {"allowed.test": ["127.0.0.1"], "sub.allowed.test": ["127.0.0.1"]}.get(host, [])

    monkeypatch.setattr(network, "_is_public", lambda _: True)  # the site under test is on this machine
    desks = LocalDesks(run_dir, resolve)
    async with site("hello") as port, desks.open("d1", DeskOptions(internet="allow", allow=("allowed.test",))) as desk:
        assert await get(desk, f"http://allowed.test:{port}/page?x=1") == "hello GET /page?x=1 HTTP/1.1"
        assert await get(desk, f"http://sub.allowed.test:{port}/") == "hello GET / HTTP/1.1"
        for host in ("evil.test", "notallowed.test", "allowed.test.evil.test", "127.0.0.1", "[::1]", "192.0.2.2"):
            assert (await get(desk, f"http://{host}:{port}/")).startswith(("403", "[Errno", "<urlopen")), host
        assert set(asked) == {"allowed.test", "sub.allowed.test"}
        tunnel = await desk.run(f"printf 'CONNECT allowed.test:{port} HTTP/1.1\\r\\n\\r\\nGET / HTTP/1.0\\r\\n\\r\\n' | {_TALK}")
        assert "200 Connection established" in tunnel.stdout
        assert "hello GET / HTTP/1.0" in tunnel.stdout
        refused = await desk.run(f"printf 'CONNECT evil.test:{port} HTTP/1.1\\r\\n\\r\\n' | {_TALK}")
        assert "403 Forbidden" in refused.stdout
        assert await connect(desk, "192.0.2.2", port) == "refused", "past the proxy there is nothing"


_TALK = (
    '/usr/bin/python3 -c \'import socket, sys; s = socket.create_connection(("127.0.0.1", 3128)); s.sendall(sys.stdin.buffer.read());'
    ' print(b"".join(iter(lambda: s.recv(9999), b"")).decode())\''
)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "::ffff:127.0.0.1", "0.0.0.0", "fe80::1"],  # noqa: S104
)
async def test_an_allowed_name_cannot_lead_to_this_machine_or_its_network(run_dir: Path, address: str) -> None:
    async def resolve(_: str, __: int) -> list[str]:
        return [address]

    refused = await network._connect("allowed.test", 80, ("allowed.test",), resolve)
    assert isinstance(refused, str)
    assert "may not reach" in refused


async def test_an_address_is_reached_only_if_it_is_itself_on_the_list() -> None:
    async def resolve(_: str, __: int) -> list[str]:
        raise AssertionError

    async with site("by address") as port:
        for allow in ((), ("0.0.1",), ("allowed.test",)):
            assert isinstance(await network._connect("127.0.0.1", port, allow, resolve), str)
        stream = await network._connect("127.0.0.1", port, ("127.0.0.1",), resolve)
        assert not isinstance(stream, str)
        await stream.aclose()


async def test_the_browser_goes_through_the_allow_list(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not shutil.which("chromium"):
        pytest.skip("chromium is not installed")
    asked: list[str] = []

    async def resolve(host: str, _: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    monkeypatch.setattr(network, "_is_public", lambda _: True)
    desks = LocalDesks(run_dir, resolve)
    async with site("<title>hello</title>") as port, desks.open("d1", DeskOptions(internet="allow", allow=("allowed.test",))) as desk:
        await desk.open(f"http://allowed.test:{port}/")

        async def look() -> bool:
            return "allowed.test" in asked

        assert await eventually(look)
        await desk.settle(WAIT)
        assert set(asked) == {"allowed.test"}
