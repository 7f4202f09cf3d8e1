"""E2B itself, through its own package: sandboxes made, found, kept alive and ended, and its errors turned into ours.

Every call to the package goes through `calling`, so that nothing of it, of httpx or of connectrpc gets out: what went wrong is a `Trouble`
with a sentence for a person and the kind that says what can be done about it. The package is imported when the first sandbox is wanted,
in a thread: it takes a second.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import anyio
import anyio.to_thread
import httpx

from hotdesk.errors import DeskError, DeskGone, DeskUnavailable, MissingRequirement

if TYPE_CHECKING:
    from e2b import AsyncSandbox

DESK, OWNER = "hotdesk_desk", "hotdesk_owner"
"""Names in a sandbox's metadata."""
KEYS = "https://e2b.dev/dashboard?tab=keys"
REQUEST_BOUND = 20.0
"""Seconds for one call to E2B; making a sandbox has its own."""
CREATE_BOUND = 60.0
ATTEMPTS, PAUSE = 2, 0.5
"""How often something that can be asked again is asked, and the seconds before the second time; doubled each time."""

Kind = Literal["key", "quota", "busy", "missing", "refused", "unreachable", "gone", "lost", "file"]

_log = logging.getLogger(__name__)
_imports = anyio.CapacityLimiter(1)
"""Threads that import the package: the event loop's own are not held up by it."""


class Trouble(Exception):
    """A call to E2B failed; `str()` is a sentence for a person.

    `kind` is `key` (it is not accepted), `quota` (no more sandboxes or requests for now), `busy` (E2B has no room), `missing` (no such
    template or process), `refused` (E2B will not do this), `unreachable` (no answer: it may have happened or not), `gone` (the sandbox is
    no more), `lost` (the sandbox is, but does not answer) or `file` (no such file)."""

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind: Kind = kind

    @property
    def passes(self) -> bool:
        """Whether the same call may well do a moment later."""
        return self.kind in ("quota", "busy", "unreachable", "lost")


def as_desk_error(trouble: Trouble) -> DeskError:
    """What a desk that is open says of it."""
    return DeskGone(f"This desk is lost: {trouble}" if trouble.kind != "gone" else str(trouble))


@dataclass(frozen=True, slots=True)
class Found:
    """A sandbox that exists."""

    sandbox_id: str
    desk_id: str
    owner: str
    domain: str


@dataclass(frozen=True, slots=True)
class Account:
    """What is needed to ask E2B for anything."""

    key: str = field(repr=False)
    api_url: str | None = None
    sandbox_url: str | None = None
    domain: str | None = None

    def parameters(self, bound: float = REQUEST_BOUND) -> dict[str, Any]:
        """Said with every call: nothing is taken from the environment or put into it."""
        given = {"api_key": self.key, "api_url": self.api_url, "sandbox_url": self.sandbox_url, "domain": self.domain}
        return {**{name: value for name, value in given.items() if value}, "request_timeout": bound, "debug": False}


def installed() -> str | None:
    """The version of the package, None if it is not there."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    try:
        return version("e2b-desktop")
    except PackageNotFoundError:
        return None


@functools.cache
def imported() -> type[AsyncSandbox]:
    """Raises `MissingRequirement`. Takes a second, the first time in a process."""
    try:
        from e2b_desktop import AsyncSandbox  # noqa: PLC0415 (an extra, and slow to import)
    except ImportError as error:
        raise MissingRequirement("Desks in E2B's cloud need its package.", "Install hotdesk[e2b] (pip install 'hotdesk[e2b]').") from error
    return AsyncSandbox  # type: ignore[no-any-return, unused-ignore]


async def package() -> type[AsyncSandbox]:
    """Raises `DeskUnavailable` with what to install."""
    try:
        return await anyio.to_thread.run_sync(imported, limiter=_imports)
    except MissingRequirement as missing:
        raise DeskUnavailable(str(missing)) from missing


@asynccontextmanager
async def calling(doing: str) -> AsyncIterator[None]:
    """Around every call to the package. Raises `Trouble` for whatever it raises."""
    try:
        yield
    except Trouble:
        raise
    except Exception as error:
        trouble = _trouble(error, doing)
        _log.debug("E2B, %s: %s: %s", doing, type(error).__name__, error)
        raise trouble from error


def _trouble(error: Exception, doing: str) -> Trouble:
    said, status = _said(error), getattr(error, "status_code", None)
    if status in (400, 404) and "template" in said.lower():
        remedy = "Set HOTDESK_E2B_TEMPLATE to a template of yours, or leave it out for «desktop»."
        return Trouble("missing", f"E2B has no such template{said} {remedy}")
    if status == 403:
        return Trouble("key", f"E2B does not allow this with the key in E2B_API_KEY{said}")
    if isinstance(status, int) and status >= 500 and status != 503:
        return Trouble("unreachable", f"E2B failed ({doing}){said} Try again in a minute; https://status.e2b.dev tells if it is down.")
    for kinds, kind, sentence in _sentences():
        if isinstance(error, kinds):
            return Trouble(kind, sentence.format(said=said, doing=doing, name=type(error).__name__))
    return Trouble("refused", f"E2B refused ({doing}){said}")


@functools.cache
def _sentences() -> list[tuple[tuple[type[Exception], ...], Kind, str]]:
    """What the package raises, the particular before the general."""
    from connectrpc.errors import ConnectError  # noqa: PLC0415 (they are imported by now)
    from e2b import exceptions as e2b  # noqa: PLC0415

    return [
        ((e2b.AuthenticationException,), "key", "E2B does not accept the key in E2B_API_KEY{said} Look it up at " + KEYS + "."),
        (
            (e2b.RateLimitException,),
            "quota",
            "E2B allows no more for now{said} End other sandboxes or run fewer agents.",
        ),
        ((e2b.ServiceBusyException,), "busy", "E2B has no room for a sandbox at present{said} Try again in a minute."),
        (
            (e2b.SandboxNotFoundException, e2b.SandboxNotRunningException),
            "gone",
            "This desk's sandbox at E2B is gone: it was ended, or its time was up.",
        ),
        ((e2b.FileNotFoundException,), "file", "There is no such file on the desk{said}"),
        ((e2b.NotFoundException,), "missing", "E2B has no such thing ({doing}){said}"),
        ((e2b.SandboxUnreachableException,), "lost", "The desk's sandbox at E2B does not answer ({doing})."),
        (
            (e2b.TimeoutException, httpx.TimeoutException, TimeoutError),
            "unreachable",
            "E2B took too long to answer ({doing}). Try again; https://status.e2b.dev tells if it is down.",
        ),
        (
            (httpx.TransportError, ConnectError, OSError),
            "unreachable",
            "E2B cannot be reached ({doing}: {name}). Check the network and any proxy.",
        ),
    ]


def _said(error: Exception) -> str:
    """E2B's own words, as the rest of a sentence."""
    text = " ".join(str(getattr(error, "stderr", "") or error).split())[:300].removesuffix(".")
    return f": {text}." if text else "."


class Service:
    """Sandboxes of one account."""

    def __init__(self, account: Account) -> None:
        self.account = account

    async def make(self, template: str, timeout: int, metadata: Mapping[str, str], network: dict[str, Any]) -> AsyncSandbox:
        """Not to be cancelled half way (shield it): somebody must know what was made. Raises `Trouble`."""
        sandbox_type = await package()
        async with calling("making a sandbox"):
            return await sandbox_type.create(
                template=template,
                timeout=timeout,
                metadata=dict(metadata),
                envs={"DISPLAY": ":0"},
                **network,
                **self.account.parameters(CREATE_BOUND),
            )

    async def attach(self, sandbox_id: str, timeout: int) -> AsyncSandbox:
        sandbox_type = await package()
        async with calling("connecting to a sandbox"):
            return await sandbox_type.connect(sandbox_id, timeout=timeout, **self.account.parameters())

    async def find(self, metadata: Mapping[str, str]) -> list[Found]:
        """The desks' sandboxes with these metadata; with none, all."""
        sandbox_type = await package()
        from e2b import SandboxQuery  # noqa: PLC0415 (imported by now)

        for attempt in range(ATTEMPTS):
            try:
                async with calling("listing sandboxes"):
                    found: list[Found] = []
                    pages = sandbox_type.list(
                        query=SandboxQuery(metadata=dict(metadata)) if metadata else None, **self.account.parameters()
                    )
                    while pages.has_next:
                        for info in await pages.next_items():
                            about = info.metadata or {}
                            if DESK in about:
                                domain = info.sandbox_domain or self.account.domain or "e2b.app"
                                found.append(Found(info.sandbox_id, about[DESK], about.get(OWNER, ""), domain))
                    return found
            except Trouble as trouble:
                if not trouble.passes or attempt == ATTEMPTS - 1:
                    raise
                await anyio.sleep(PAUSE * 2**attempt)
        raise AssertionError("unreachable")

    async def end(self, sandbox_id: str) -> bool:
        """True if there was something to end. Raises `Trouble`."""
        sandbox_type = await package()
        for attempt in range(ATTEMPTS):
            try:
                async with calling("ending a sandbox"):
                    return bool(await sandbox_type.kill(sandbox_id, **self.account.parameters()))
            except Trouble as trouble:
                if trouble.kind == "gone":
                    return False
                if not trouble.passes or attempt == ATTEMPTS - 1:
                    raise
                await anyio.sleep(PAUSE * 2**attempt)
        raise AssertionError("unreachable")

    async def renew(self, sandbox_id: str, timeout: int) -> None:
        """Let it live for `timeout` seconds from now. Raises `Trouble`."""
        sandbox_type = await package()
        async with calling("keeping a sandbox alive"):
            await sandbox_type.set_timeout(sandbox_id, timeout, **self.account.parameters())


def address_of(account: Account, sandbox_id: str, domain: str, port: int, path: str) -> tuple[str, dict[str, str]]:
    """Where a port of a sandbox is to be reached by WebSocket, and the headers that lead there."""
    if account.sandbox_url:
        base = account.sandbox_url.rstrip("/").replace("http", "ws", 1)
        return f"{base}{path}", {"E2b-Sandbox-Id": sandbox_id, "E2b-Sandbox-Port": str(port)}
    return f"wss://{port}-{sandbox_id}.{account.domain or domain}{path}", {}
