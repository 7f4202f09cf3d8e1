"""What a desk reaches of the internet: everything (`full`), the domains of a list (`allow`), or nothing (`none`).

In every mode the desk has a network namespace of its own, so the host's loopback services and abstract sockets are out of reach.

- `full`: `pasta` gives that namespace an address, routes and name servers, and carries its traffic as an ordinary process of the host
  would. The host's local network stays reachable, its loopback does not.
- `allow`: there is no network. `127.0.0.1:3128` in the desk leads to `serve_allow_list` in the worker, a proxy that connects to the listed
  domains and their subdomains only, and never to an address of this machine or a private network unless that address itself is listed.
- `none`: there is no network.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import stat
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import anyio
from anyio.abc import ByteStream, SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

from hotdesk.desks.local.place import Place
from hotdesk.errors import DeskUnavailable

PROXY = "http://127.0.0.1:3128"
"""The proxy as seen from inside a desk with an allow-list."""
HEAD_BOUND = 10.0
"""Seconds for a request's head to arrive."""
CONNECT_BOUND = 20.0
"""Seconds for a site to accept a connection."""
LONGEST_HEAD = 65536
_TUN = Path("/dev/net/tun")
_DNS_FORWARD = "169.254.1.1"
"""An address in the desk that pasta forwards to the host's name server, for hosts whose own is on their loopback."""
_REMEDY = "Install the package «passt», or set HOTDESK_INTERNET=none."

Resolve = Callable[[str, int], Awaitable[list[str]]]


def pasta_command(place: Place) -> list[str]:
    """The start of a command line under which the rest runs with a network of its own. Raises `DeskUnavailable`."""
    if not shutil.which("pasta"):
        raise DeskUnavailable(f"Desks with full internet need pasta, which is not installed. {_REMEDY}")
    problem = tun_problem()
    if problem:
        raise DeskUnavailable(f"Desks with full internet need {_TUN}: {problem}. Make it usable, or set HOTDESK_INTERNET=none.")
    nothing_forwarded = ["-t", "none", "-u", "none", "-T", "none", "-U", "none", "--no-map-gw"]
    return ["pasta", "--config-net", *nothing_forwarded, "--dns-forward", _DNS_FORWARD, "--foreground", "--quiet", "--"]


def tun_problem() -> str:
    """Why the tunnel device cannot be used; empty if it can, by us or (as root) by giving the desk a device node of ours."""
    if not _TUN.exists():
        return "there is no such device"
    if os.geteuid() != 0 and not os.access(_TUN, os.R_OK | os.W_OK):
        return "this user may not open it"
    return ""


def tun_for_others(place: Place) -> Path | None:
    """As root, where the tunnel device is root's only: a node of it that the desk's user can open, to be mounted for pasta alone."""
    if os.geteuid() != 0 or _TUN.stat().st_mode & 0o006 == 0o006:
        return None
    node = place.launch / "tun"
    os.mknod(node, stat.S_IFCHR, _TUN.stat().st_rdev)
    node.chmod(0o666)
    return node


def name_servers() -> str:
    """The desk's `resolv.conf`: the host's name servers, or, where those are on its loopback, the address that pasta forwards."""
    for path in (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf")):
        with suppress(OSError):
            lines = [line.split() for line in path.read_text(errors="replace").splitlines()]
            servers = [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"]
            reachable = [server for server in servers if not server.startswith("127.") and server != "::1"]
            if reachable:
                return "".join(f"nameserver {server}\n" for server in reachable)
    return f"nameserver {_DNS_FORWARD}\n"


def proxy_environment() -> dict[str, str]:
    """What tells a desk's programs, and the helper inside, of the proxy."""
    names = ("http_proxy", "https_proxy", "all_proxy")
    none = {"no_proxy": "localhost,127.0.0.1,::1", "NO_PROXY": "localhost,127.0.0.1,::1"}
    return {"HOTDESK_PROXY": "1", **dict.fromkeys((*names, *map(str.upper, names)), PROXY), **none}


async def serve_allow_list(listener: socket.socket, allow: tuple[str, ...], resolve: Resolve | None = None) -> None:
    """Serve the desk's proxy on a listening unix socket until cancelled."""
    names = tuple(_normal(name.removeprefix("*.")) for name in allow)
    async with await anyio.abc.SocketListener.from_socket(listener) as serving:
        await serving.serve(lambda stream: _serve(stream, names, resolve or _resolve))


async def _serve(stream: SocketStream, allow: tuple[str, ...], resolve: Resolve) -> None:
    async with stream:
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream, anyio.IncompleteRead, TimeoutError):
            incoming = BufferedByteReceiveStream(stream)
            with anyio.fail_after(HEAD_BOUND):
                head = await incoming.receive_until(b"\r\n\r\n", LONGEST_HEAD)
            rest = incoming.buffer
            try:
                method, target, *_ = head.split(b"\r\n", 1)[0].decode("ascii").split(" ")
                parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
                host, port = _normal(parts.hostname or ""), parts.port or 80
            except ValueError:
                host = ""
            if not host or (method != "CONNECT" and parts.scheme != "http"):
                await _answer(stream, "400 Bad Request", "This proxy serves HTTP, and HTTPS by CONNECT.")
                return
            site = await _connect(host, port, allow, resolve)
            if isinstance(site, str):
                await _answer(stream, "403 Forbidden", site)
                return
            async with site:
                if method == "CONNECT":
                    await stream.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    await (site.send(rest) if rest else anyio.lowlevel.checkpoint())
                else:
                    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
                    await site.send(_direct(method, path, head) + rest)
                async with anyio.create_task_group() as both:
                    both.start_soon(_carry, stream, site)
                    await _carry(site, stream)
                    both.cancel_scope.cancel()


async def _connect(host: str, port: int, allow: tuple[str, ...], resolve: Resolve) -> SocketStream | str:
    """A connection to the site, or why there is none. The address is looked up once, here, and connected to as it is."""
    if not any(host == name or (host.endswith(f".{name}") and not _is_address(host)) for name in allow):
        return f"{host} is not on this desk's list of domains."
    try:
        addresses = [host] if _is_address(host) else [address for address in await resolve(host, port) if _is_public(address)]
    except OSError:
        return f"{host} has no address."
    if not addresses:
        return f"{host} leads to an address that desks may not reach."
    for address in addresses:
        with suppress(OSError, TimeoutError), anyio.fail_after(CONNECT_BOUND):
            return await anyio.connect_tcp(address, port)
    return f"{host} does not answer."


async def _resolve(host: str, port: int) -> list[str]:
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_public(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_global and not found.is_multicast


def _normal(name: str) -> str:
    name = name.lower().rstrip(".")
    with suppress(UnicodeError):
        return name if name.isascii() else name.encode("idna").decode()
    return name


def _direct(method: str, path: str, head: bytes) -> bytes:
    """The head as the site itself wants it, for one request only."""
    lines = [line for line in head.split(b"\r\n")[1:] if line and not line.lower().startswith((b"proxy-", b"connection:", b"keep-alive:"))]
    return b"\r\n".join([f"{method} {path} HTTP/1.1".encode("ascii"), *lines, b"Connection: close", b"", b""])


async def _carry(source: ByteStream, target: ByteStream) -> None:
    with suppress(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
        async for data in source:
            await target.send(data)
        await target.send_eof()


async def _answer(stream: ByteStream, status: str, sentence: str) -> None:
    body = sentence.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    await stream.send(head.encode() + body)
