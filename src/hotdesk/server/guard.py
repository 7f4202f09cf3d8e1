"""The guard around everything: HTTP, Socket.IO and WebSocket handshakes alike.

Promises: nothing behind it runs unless `Host` is a name of this server (no DNS rebinding), `Origin` (if there is one) is the server's
own, the browser did not send the request on behalf of another site, and, where a token is required, the token was shown. Every answer
leaves with the security headers. `Redact` keeps tokens and secrets out of the access log.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
import re
from html import escape
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hotdesk.errors import BadInput, Refused
from hotdesk.server import problems
from hotdesk.settings import ServerSettings

__all__ = ["CONTENT_POLICY", "COOKIE", "Guard", "Redact"]

COOKIE = "hotdesk_token"
COOKIE_AGE = 30 * 24 * 3600
"""Seconds a browser keeps the token."""
LISTED_PORT = re.compile(r"(.+):\d+$")
HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
PORTS = {"http": 80, "https": 443}


def content_policy(script_hashes: str = "") -> str:
    """The Content-Security-Policy of our own pages; `script_hashes` are the page's inline scripts."""
    return (
        f"default-src 'self'; script-src 'self'{script_hashes}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "font-src 'self' data:; connect-src 'self'; frame-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    )


CONTENT_POLICY = content_policy()
HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class Redact(logging.Filter):
    """A filter for access logs: the values of `token` and `control` are not written."""

    _secret = re.compile(r"([?&](?:token|control)=)[^&\s\"]*", re.IGNORECASE)

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(self._secret.sub(r"\1...", one) if isinstance(one, str) else one for one in record.args)
        if isinstance(record.msg, str):
            record.msg = self._secret.sub(r"\1...", record.msg)
        return True


class Guard:
    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        """Raises `BadInput` if the server can be reached from elsewhere and has no token."""
        self._app = app
        self._bound = settings.host.strip("[]").lower()
        self._outside = not _is_loopback(self._bound)
        self._listed = frozenset(host.lower() for host in settings.hosts)
        self._token = settings.token.get_secret_value() if settings.token else None
        if self._outside and self._token is None:
            raise BadInput(
                f"A server on {settings.host} can be reached from elsewhere and needs a token: "
                "set HOTDESK_TOKEN to at least 16 characters, or listen on 127.0.0.1."
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            self._check_site(scope)
            response = self._check_token(scope)
        except Refused as refused:
            response = problems.answer(problems.problem_of(refused))
        if response is None:
            await self._app(scope, receive, _with_headers(send) if scope["type"] == "http" else send)
        elif scope["type"] == "http":
            await response(scope, receive, _with_headers(send))
        elif "websocket.http.response" in scope.get("extensions", {}):
            await response(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": "Refused."})

    def _check_site(self, scope: Scope) -> None:
        """Is the request for this server, and from its own page or from no page at all? Raises `Refused`."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        host = HOST.fullmatch(hosts[0].lower()) if len(hosts) == 1 else None
        if host is None or not self._is_ours(host["name"], host[0]):
            name = escape(hosts[0][:100]) if hosts else "nothing"
            raise Refused(f"This server does not answer to {name!r}; add the name to HOTDESK_HOSTS if it is meant to.")
        scheme: str = scope["scheme"].replace("ws", "http", 1)
        for origin in headers.getlist("origin"):
            if not self._is_own_origin(origin.lower(), scheme, host):
                raise Refused(f"A page of {origin[:100]} may not call this server.")
        if headers.get("sec-fetch-site", "none") in ("cross-site", "same-site") and not _is_visit(scope, headers):
            raise Refused("A page of another site may not call this server.")

    def _is_ours(self, name: str, host: str) -> bool:
        if name in self._listed or host in self._listed or _is_loopback(name.strip("[]")):
            return True
        if not self._outside:
            return False
        # An address (unlike a name) cannot be made to point elsewhere, and one that led here is ours.
        return name.strip("[]") == self._bound or _is_address(name.strip("[]"))

    def _is_own_origin(self, origin: str, scheme: str, host: re.Match[str]) -> bool:
        try:
            parts = urlsplit(origin)
            port = parts.port or PORTS.get(parts.scheme)
        except ValueError:
            return False
        if parts.scheme in PORTS and LISTED_PORT.fullmatch(parts.netloc) and parts.netloc in self._listed:
            return True
        name = host["name"]
        # Behind a proxy that a listed name stands for, TLS may have ended before us.
        schemes = set(PORTS) if name in self._listed or host[0] in self._listed else {scheme}
        ports = {int(host["port"])} if host["port"] else {PORTS[s] for s in schemes if s in PORTS}
        return parts.scheme in schemes and parts.netloc.rpartition("@")[1] == "" and _host(parts.netloc) == name and port in ports

    def _check_token(self, scope: Scope) -> Response | None:
        """What to answer instead, if the token was not shown. Raises `Refused`."""
        if self._token is None:
            return None
        headers = Headers(scope=scope)
        page = scope["type"] == "http" and scope["method"] == "GET" and not scope["path"].startswith(("/api/", "/socket.io", "/healthz"))
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        shown = [value for name, value in query if name == "token"] if page else []
        if shown:
            return self._keep(scope, query) if self._is_token(shown[-1]) else _ask("This is not the token.")
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if (scheme.lower() == "bearer" and self._is_token(bearer.strip())) or self._is_token(_cookie(headers)):
            return None
        if page:
            return _ask("This server shows itself only to those who have its token.")
        raise Refused("The token is missing or wrong: send «Authorization: Bearer TOKEN», or open /?token=TOKEN once in this browser.")

    def _is_token(self, shown: str) -> bool:
        return hmac.compare_digest(shown.encode("utf-8", "surrogateescape"), (self._token or "").encode())

    def _keep(self, scope: Scope, query: list[tuple[str, str]]) -> Response:
        """Keep the token as a cookie and go on to the same address without it."""
        rest = urlencode([(name, value) for name, value in query if name != "token"])
        path = "/" + quote(scope["path"]).lstrip("/")
        response = RedirectResponse(path + (f"?{rest}" if rest else ""), 303, {"cache-control": "no-store"})
        response.set_cookie(
            COOKIE,
            quote(self._token or "", safe=""),
            max_age=COOKIE_AGE,
            httponly=True,
            samesite="strict",
            secure=scope["scheme"] == "https",
        )
        return response


def _is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _host(netloc: str) -> str:
    match = HOST.fullmatch(netloc)
    return match["name"] if match else ""


def _is_visit(scope: Scope, headers: Headers) -> bool:
    """Did a person follow a link from another site's page to ours?"""
    return (
        scope["type"] == "http"
        and scope["method"] in ("GET", "HEAD")
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest", "document") == "document"
    )


def _cookie(headers: Headers) -> str:
    return unquote(cookie_parser(headers.get("cookie", "")).get(COOKIE, ""))


def _ask(why: str) -> Response:
    return HTMLResponse(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'><title>Hotdesk</title>"
        "<style>body{font:1rem/1.6 system-ui,sans-serif;max-width:34rem;margin:20vh auto;padding:0 1rem;color-scheme:light dark}"
        "input,button{font:inherit;padding:.4rem .6rem}</style>"
        f"<main><h1>Hotdesk</h1><p>{escape(why)}</p><form><label>Token <input name=token type=password autofocus required "
        "autocomplete=current-password></label> <button>Open</button></form></main></html>",
        403,
        {"cache-control": "no-store"},
    )


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message.setdefault("headers", []))
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
