"""The contract of a desk: one Linux desktop with a screen, a pointer, a keyboard, files and a shell.

`Desks` is a provider (local sandboxes, E2B, pretend). `Desks.open()` is an async context manager: entering gives a `Desk` that
is ready to be seen and used, leaving destroys it with everything on it, however the block ends. A desk has an id that is chosen by
the caller *before* it is opened, so that any other process can find it (`view`) or end it (`destroy`) by that id alone.

What is promised of a `Desk`
- Coordinates are pixels of the screenshot, origin top left, one to one; (0, 0) is valid; outside the screen is `DeskRefused`.
- `act` performs its actions strictly in order and returns when the last has been *delivered*; `settle` waits for their effect.
- `write` types any text of any script exactly; `press` takes key combinations such as `ctrl+s`, `Return`, `alt+F4`.
- A relative path is relative to the desk's home (`HOME`); commands run there too.
- Calls may be made from one task at a time. Cancelling a call leaves nothing running on the desk that the call started, except
  what `launch` and `open` started for good.

What is not promised: that two screenshots of an unchanged screen have equal bytes across providers (they have within one desk), that an
application has finished starting when `launch` returns (`settle` waits for that), or that anything survives closing.

Errors: `DeskUnavailable` on opening, `DeskGone` once the desk is closed or lost, `DeskRefused` for one impossible request.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, Field

HOME = "/home/user"
"""The home folder on every desk."""

APPLICATIONS = ("editor", "files", "terminal", "browser", "images")
"""The applications that `launch` knows on every desk."""


class Point(NamedTuple):
    x: int
    y: int


class Size(NamedTuple):
    width: int
    height: int


class _Action(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LeftClick(_Action):
    """Press and release the left button at (x, y)."""

    do: Literal["left_click"] = "left_click"
    x: int
    y: int


class DoubleClick(_Action):
    """Two left clicks at (x, y), close enough in time to count as one double click."""

    do: Literal["double_click"] = "double_click"
    x: int
    y: int


class RightClick(_Action):
    """Press and release the right button at (x, y)."""

    do: Literal["right_click"] = "right_click"
    x: int
    y: int


class MiddleClick(_Action):
    """Press and release the middle button at (x, y)."""

    do: Literal["middle_click"] = "middle_click"
    x: int
    y: int


class Move(_Action):
    """Move the pointer to (x, y) without pressing anything."""

    do: Literal["move"] = "move"
    x: int
    y: int


class Drag(_Action):
    """Press the left button at (x, y), move to (to_x, to_y), release."""

    do: Literal["drag"] = "drag"
    x: int
    y: int
    to_x: int
    to_y: int


class Scroll(_Action):
    """Turn the wheel at (x, y): `dy` notches down (negative: up), `dx` notches right (negative: left)."""

    do: Literal["scroll"] = "scroll"
    x: int
    y: int
    dy: Annotated[int, Field(ge=-100, le=100)] = 0
    dx: Annotated[int, Field(ge=-100, le=100)] = 0


class Write(_Action):
    """Type `text` into whatever has the focus. Newline is Return, tab is Tab."""

    do: Literal["write"] = "write"
    text: Annotated[str, Field(max_length=100_000)]


class Press(_Action):
    """Press a key or a combination, `+` between: `Return`, `ctrl+s`, `ctrl+shift+t`, `alt+F4`.

    Names are X11's, with the usual aliases (`enter`, `esc`, `pgdn`, `cmd`, …)."""

    do: Literal["press"] = "press"
    key: Annotated[str, Field(min_length=1, max_length=60)]


class Wait(_Action):
    """Do nothing for `seconds`."""

    do: Literal["wait"] = "wait"
    seconds: Annotated[float, Field(ge=0, le=30)]


Action = Annotated[
    LeftClick | DoubleClick | RightClick | MiddleClick | Move | Drag | Scroll | Write | Press | Wait,
    Field(discriminator="do"),
]
"""One action on a desk, discriminated by `do`."""


@dataclass(frozen=True, slots=True)
class Image:
    """A picture of the screen, the pointer drawn in, encoded for a model and a browser alike."""

    data: bytes
    media_type: Literal["image/jpeg", "image/png", "image/webp"]
    size: Size


@dataclass(frozen=True, slots=True)
class Settled:
    """How the wait for a quiet screen ended: `quiet` (changes stopped), `nothing` (nothing changed), `animating` (only a small
    part keeps changing), `cap` (it was still changing when the time was up). `seconds` is how long it took."""

    why: Literal["quiet", "nothing", "animating", "cap"]
    seconds: float


@dataclass(frozen=True, slots=True)
class Ran:
    """A finished command. `exit_code` is negative for a signal, None if it was killed because its time was up. Output is decoded as
    UTF-8 with replacement and cut to the last MiB (`truncated`)."""

    exit_code: int | None
    stdout: str
    stderr: str
    truncated: bool = False

    @property
    def timed_out(self) -> bool:
        return self.exit_code is None


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One entry of a folder; `modified` is seconds since the epoch, by the desk's clock."""

    name: str
    path: str
    is_folder: bool
    bytes: int
    modified: float


@dataclass(frozen=True, slots=True)
class DeskOptions:
    """What a desk is opened with. Limits are per desk; a provider that cannot enforce one says so in its docs."""

    size: Size = Size(1280, 800)
    internet: Literal["full", "allow", "none"] = "full"
    allow: tuple[str, ...] = ()
    """With `internet="allow"`: the domains (and their subdomains) that can be reached."""
    memory_mib: int = 2048
    disk_mib: int = 1024
    processes: int = 512


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `hotdesk doctor`: a requirement, whether it holds, what was seen, and the remedy if it does not."""

    what: str
    ok: bool
    seen: str
    remedy: str = ""
    required: bool = True


class ScreenStream(Protocol):
    """The byte stream of one RFB connection, before the handshake: the caller speaks RFB as a viewer.

    `receive` returns at least one byte and raises `anyio.EndOfStream` when the desk hung up; `send` raises
    `anyio.BrokenResourceError` then. `aclose` is idempotent.
    """

    async def receive(self, max_bytes: int = 65536) -> bytes: ...

    async def send(self, item: bytes) -> None: ...

    async def aclose(self) -> None: ...


class Desk(ABC):
    """One open desk. See the module's docstring for what is promised."""

    id: str
    provider: str
    size: Size

    @abstractmethod
    async def screenshot(self) -> Image:
        """The screen as it is now, with the pointer drawn in."""

    @abstractmethod
    async def act(self, actions: Sequence[Action]) -> None:
        """Perform the actions in order. All are checked before the first is performed.

        Raises `DeskRefused` for a point outside the screen or an unknown key, and then none was performed.
        """

    @abstractmethod
    async def settle(self, cap: float = 3.0) -> Settled:
        """Wait until the screen has come to rest after the last `act`, `launch` or `open`; at most `cap` seconds."""

    @abstractmethod
    async def launch(self, application: str) -> None:
        """Start one of `APPLICATIONS`, or a program by its command name. Raises `DeskRefused` if there is none."""

    @abstractmethod
    async def open(self, target: str) -> None:
        """Open a file with its application, a folder in the file manager, or an http(s) or file address in the browser."""

    @abstractmethod
    async def run(self, command: str, timeout: float = 60.0) -> Ran:
        """Run a shell command in the home folder and wait for it; after `timeout` seconds it is killed with its children."""

    @abstractmethod
    async def read_file(self, path: str, max_bytes: int = 64 << 20) -> bytes:
        """The whole content. Raises `DeskRefused` if it is no readable file or larger than `max_bytes`."""

    @abstractmethod
    async def write_file(self, path: str, data: bytes) -> None:
        """Create or replace a file, with its parent folders."""

    @abstractmethod
    async def list_files(self, path: str = ".", depth: int = 1) -> list[FileEntry]:
        """The entries of a folder, sorted by path; `depth` levels down (hidden folders are listed, not entered); at most 5,000."""

    @abstractmethod
    async def cursor(self) -> Point:
        """Where the pointer is."""


Created = Callable[[str], Awaitable[None]]
"""What `Desks.open` tells of the machine it has made, by the provider's own id of it."""


class Desks(ABC):
    """A provider of desks."""

    name: ClassVar[str]

    def prepare(self) -> None:  # noqa: B027 - most providers have nothing to prepare
        """Import what opening the first desk would have to wait for, which may take a second. Nobody has to call it."""

    @abstractmethod
    def open(self, desk_id: str, options: DeskOptions, created: Created | None = None) -> AbstractAsyncContextManager[Desk]:
        """Open a desk under `desk_id` (lower-case letters, digits and dashes, at most 40). Raises `DeskUnavailable`.

        `created` is awaited with the provider's own id of the machine (a sandbox's id, a folder) as soon as there is one, before its
        screen is up: whatever happens next, somebody knows what to end. An exception of it ends the machine and leaves as it is."""

    @abstractmethod
    def view(self, desk_id: str) -> AbstractAsyncContextManager[ScreenStream]:
        """Connect to the RFB stream of a desk that any process opened. Raises `DeskGone`."""

    @abstractmethod
    async def destroy(self, desk_id: str) -> bool:
        """End a desk that any process opened, and remove what it left. True if there was something to end. Idempotent."""

    @abstractmethod
    async def sweep(self) -> list[str]:
        """Destroy every desk whose owning process is gone; the ids that were destroyed."""

    @abstractmethod
    async def check(self) -> list[Finding]:
        """What this provider needs, for `hotdesk doctor`. Never raises."""

    @abstractmethod
    async def list(self) -> list[str]:
        """The ids of desks that exist now, whoever opened them."""
