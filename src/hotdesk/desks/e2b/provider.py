"""Desks in E2B's cloud: opening, finding and ending them.

`open` makes a sandbox that says in its metadata which desk it is and whose, starts the attendant in it, and returns when the screen is up
and can be watched. While the desk is open its time to live is renewed; when the block ends, however it does, the sandbox is ended. `view`,
`destroy`, `list` and `sweep` find sandboxes by their metadata, so they work from any process with the same key. A sandbox whose owner died
on this machine is taken over by whoever opens its desk.
"""

from __future__ import annotations

import builtins
import logging
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import anyio

from hotdesk.desks.base import Created, Desk, DeskOptions, Desks, Finding, ScreenStream, Size
from hotdesk.desks.e2b.bundle import bundle
from hotdesk.desks.e2b.desk import E2BDesk
from hotdesk.desks.e2b.line import Answer, Line, understood
from hotdesk.desks.e2b.owners import Adopted, Owner
from hotdesk.desks.e2b.service import DESK, KEYS, OWNER, Account, Found, Service, Trouble, as_desk_error, imported, installed
from hotdesk.desks.e2b.stream import password_of, viewing
from hotdesk.desks.tasks import serving_tasks
from hotdesk.errors import DeskError, DeskGone, DeskUnavailable

if TYPE_CHECKING:
    from e2b import AsyncSandbox

TIMEOUT = 300
"""Seconds a sandbox lives after the last renewal."""
END_BOUND = 15.0
"""Seconds to end a sandbox on the way out, whatever else is cancelled; beyond that it ends when its time is up."""
LOOKS, LOOK_PAUSE = 4, 1.0
"""How often a sandbox is looked for whose making was not answered, and the seconds between."""
RENEW_PAUSE = 2.0
"""Seconds before a renewal that failed is tried again."""
STREAM_BOUND = 30.0
"""Seconds for the stream of a new desk to answer: it takes one."""
VIEW_BOUND = 10.0
"""Seconds for the stream of a desk to be started again, if it died just when somebody wants to watch."""

LARGEST = 8192
"""Pixels a screen may have each way."""

_DESK_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_log = logging.getLogger(__name__)


class E2BDesks(Desks):
    """One sandbox of E2B's for each desk."""

    name: ClassVar[str] = "e2b"

    def __init__(
        self,
        account: Account,
        template: str = "desktop",
        timeout: int = TIMEOUT,
        metadata: Mapping[str, str] | None = None,
        run_dir: Path | None = None,
    ) -> None:
        """Without a key every desk is unavailable, and `check` says why."""
        self._account = account
        self._template = template
        self._timeout = timeout
        self._metadata = dict(metadata or {})
        self._adopted = Adopted(run_dir)

    def open(self, desk_id: str, options: DeskOptions, created: Created | None = None) -> AbstractAsyncContextManager[Desk]:
        return self._open(desk_id, options, created)

    @asynccontextmanager
    async def _open(self, desk_id: str, options: DeskOptions, created: Created | None) -> AsyncIterator[Desk]:
        if not _DESK_ID.fullmatch(desk_id):
            raise DeskUnavailable(f"«{desk_id}» is no id for a desk: lower-case letters, digits and dashes, at most 40.")
        service = self._service()
        try:
            left = await self._left_behind(service, desk_id)
            sandbox = await (self._attach(service, left) if left else self._make(service, desk_id, options))
        except Trouble as trouble:
            raise DeskUnavailable(str(trouble)) from trouble
        sandbox_id = str(sandbox.sandbox_id)
        try:
            if created:
                await created(sandbox_id)
            async with serving_tasks() as tasks:
                line = Line(sandbox, tasks, options.size, password_of(service.account, desk_id))
                try:
                    tasks.start_soon(self._keep_alive, service, sandbox_id, line)
                    begun = await line.begin(fresh=left is None)
                    size = _size_of(begun)
                    await _watchable(service.account, sandbox, desk_id)
                    yield E2BDesk(desk_id, sandbox, line, size)
                finally:
                    line.close(DeskGone("This desk is closed."))
                    with anyio.CancelScope(shield=True), anyio.move_on_after(2):
                        await line.aclose()
        finally:
            with anyio.CancelScope(shield=True), anyio.move_on_after(END_BOUND):
                await self._end(service, sandbox_id)

    def _service(self) -> Service:
        if not self._account.key:
            raise DeskUnavailable(f"Desks at E2B need a key: set E2B_API_KEY ({KEYS}).")
        return Service(self._account)

    async def _left_behind(self, service: Service, desk_id: str) -> Found | None:
        """The sandbox of this id whose owner is gone. Raises `DeskUnavailable` if there is one whose owner may live."""
        for found in await service.find({DESK: desk_id}):
            owner = self._adopted.owner(found.sandbox_id, found.owner)
            if owner is None or not owner.gone:
                where = "here" if owner and owner.ours else f"on {owner.host}" if owner else "somewhere"
                raise DeskUnavailable(f"There is a desk «{desk_id}» already, opened {where} by another process.")
            return found
        return None

    async def _attach(self, service: Service, left: Found) -> AsyncSandbox:
        self._adopted.note(left.sandbox_id)
        try:
            return await service.attach(left.sandbox_id, self._timeout)
        except Trouble:
            self._adopted.forget(left.sandbox_id)
            raise

    async def _make(self, service: Service, desk_id: str, options: DeskOptions) -> AsyncSandbox:
        """Make a sandbox. It is never lost sight of: the call is not cancelled half way, and one whose answer was lost is looked for."""
        metadata = {**self._metadata, DESK: desk_id, OWNER: Owner.us().text()}
        with anyio.CancelScope(shield=True):
            try:
                sandbox = await service.make(self._template, self._timeout, metadata, _network(options))
            except Trouble as trouble:
                made = await self._made_unseen(service, metadata) if trouble.kind == "unreachable" else None
                if made is None:
                    raise
                sandbox = await service.attach(made.sandbox_id, self._timeout)
        try:
            await anyio.lowlevel.checkpoint()
        except BaseException:
            with anyio.CancelScope(shield=True), anyio.move_on_after(END_BOUND):
                await self._end(service, str(sandbox.sandbox_id))
            raise
        return sandbox

    async def _made_unseen(self, service: Service, metadata: Mapping[str, str]) -> Found | None:
        """The sandbox that was made although we were not told."""
        for _ in range(LOOKS):
            if made := await service.find({name: metadata[name] for name in (DESK, OWNER)}):
                return made[0]
            await anyio.sleep(LOOK_PAUSE)
        return None

    async def _end(self, service: Service, sandbox_id: str) -> None:
        try:
            await service.end(sandbox_id)
            self._adopted.forget(sandbox_id)
        except (Trouble, DeskError) as trouble:
            _log.warning("The sandbox %s could not be ended and ends by itself within %d s. %s", sandbox_id, self._timeout, trouble)

    async def _keep_alive(self, service: Service, sandbox_id: str, line: Line) -> None:
        """Renew the sandbox's time to live until it is gone."""
        while True:
            await anyio.sleep(self._timeout / 3)
            while True:
                try:
                    await service.renew(sandbox_id, self._timeout)
                    break
                except Trouble as trouble:
                    if trouble.kind == "gone":
                        line.close(as_desk_error(trouble))
                        return
                    _log.warning("The desk's time at E2B could not be renewed; trying again. %s", trouble)
                await anyio.sleep(min(RENEW_PAUSE, self._timeout / 10))

    # Desks of any process ------------------------------------------------------------------------------------------------------------

    def view(self, desk_id: str) -> AbstractAsyncContextManager[ScreenStream]:
        return self._view(desk_id)

    @asynccontextmanager
    async def _view(self, desk_id: str) -> AsyncIterator[ScreenStream]:
        try:
            service = self._service()
            found = await service.find({DESK: desk_id}) if _DESK_ID.fullmatch(desk_id) else []
        except (Trouble, DeskUnavailable) as trouble:
            raise DeskGone(f"The desk «{desk_id}» cannot be watched. {trouble}") from trouble
        if not found:
            raise DeskGone(f"There is no desk «{desk_id}» at E2B.")
        async with viewing(service.account, found[0].sandbox_id, found[0].domain, desk_id, VIEW_BOUND) as stream:
            yield stream

    async def destroy(self, desk_id: str) -> bool:
        if not _DESK_ID.fullmatch(desk_id):
            return False
        try:
            service = self._service()
            ended = [await self._ended(service, found) for found in await service.find({DESK: desk_id})]
        except Trouble as trouble:
            raise DeskUnavailable(f"The desk «{desk_id}» could not be ended. {trouble}") from trouble
        return any(ended)

    async def _ended(self, service: Service, found: Found) -> bool:
        ended = await service.end(found.sandbox_id)
        self._adopted.forget(found.sandbox_id)
        return ended

    async def list(self) -> list[str]:
        try:
            return sorted({found.desk_id for found in await self._service().find({})})
        except Trouble as trouble:
            raise DeskUnavailable(str(trouble)) from trouble

    async def sweep(self) -> builtins.list[str]:
        """Desks of other machines, of which nobody here can tell whether their owners live, end by themselves when nobody renews them."""
        ended = []
        try:
            service = self._service()
            for found in await service.find({}):
                owner = self._adopted.owner(found.sandbox_id, found.owner)
                if owner is not None and owner.gone and await self._ended(service, found):
                    ended.append(found.desk_id)
        except (Trouble, DeskUnavailable) as trouble:
            _log.warning("What is left of desks at E2B could not be looked for. %s", trouble)
        return sorted(ended)

    def prepare(self) -> None:
        if installed() is not None:
            imported()
            bundle()

    async def check(self) -> builtins.list[Finding]:
        version = installed()
        findings = [Finding("e2b-desktop", version is not None, version or "not installed", "pip install 'hotdesk[e2b]'")]
        remedy = f"Set E2B_API_KEY ({KEYS})."
        if not self._account.key:
            return [*findings, Finding("E2B key", False, "none", remedy)]
        if version is None:
            return [*findings, Finding("E2B key", True, "there, not tried")]
        try:
            count = len(await self._service().find({}))
            seen = f"accepted; {count} {'desk' if count == 1 else 'desks'} now. How many more your plan allows, E2B does not tell."
            return [*findings, Finding("E2B key", True, seen)]
        except (Trouble, DeskUnavailable) as trouble:
            return [*findings, Finding("E2B key", False, str(trouble), remedy)]


def _size_of(begun: Answer) -> Size:
    """The screen's size, as the desk tells it: one that was taken over may have another than was asked for."""
    with understood():
        width, height = map(int, begun.said["size"])
        if not (0 < width <= LARGEST and 0 < height <= LARGEST):
            raise ValueError(width, height)
        return Size(width, height)


def _network(options: DeskOptions) -> dict[str, Any]:
    """What a sandbox can reach, in E2B's words. Names are all that E2B's allow-list knows: a domain's subdomains are `*.` and its name."""
    if options.internet == "none":
        return {"allow_internet_access": False}
    if options.internet == "allow":
        names = [name for domain in options.allow for name in (domain, f"*.{domain}")]
        return {"network": {"allow_out": names, "deny_out": ["0.0.0.0/0"]}} if names else {"allow_internet_access": False}
    return {"allow_internet_access": True}


async def _watchable(account: Account, sandbox: AsyncSandbox, desk_id: str) -> None:
    """Wait until the screen's stream answers where viewers will ask for it."""
    try:
        async with viewing(account, str(sandbox.sandbox_id), str(sandbox.sandbox_domain or "e2b.app"), desk_id, STREAM_BOUND):
            return
    except DeskGone as error:
        raise DeskUnavailable(f"The desk is there, but its screen cannot be watched. {error}") from error
