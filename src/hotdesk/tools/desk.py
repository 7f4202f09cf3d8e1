"""A desk as an MCP server: looking, clicking, typing, applications, commands and files, each passing the door.

`desk_server(door)` is an MCP server that any MCP client can use: the worker's own, in memory, or another one over streamable HTTP. What the
arguments may be is said by the contract's own models (`desks.base`), so the schema a model sees and the check it meets are one. A tool
that cannot be done answers with an error result that says why in a sentence; it never raises through MCP.

Every result's `_meta["hotdesk"]` tells `frame` (content hash of the screen after it) and `changed`; an error's, `interrupted` (a person
stepped in) and `gone` (there is no desk any more). A picture that is not the screen pixel for pixel says in its own `_meta["hotdesk"]`
what it is: `frame` (its content hash), `width` and `height`.
"""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import anyio.to_thread
import mcp.types as mt
from mcp.server import Server
from PIL import Image as Pillow
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hotdesk import __version__
from hotdesk.blobs import digest
from hotdesk.desks import base as d
from hotdesk.errors import DeskGone, DeskRefused, HotdeskError
from hotdesk.tools.door import Deed, Door, Interrupted, Passed

__all__ = ["META", "answering", "desk_server", "picture_block"]

META = "hotdesk"
"""Key in a result's `_meta` under which Hotdesk's own facts stand."""

SHOWN = 200
"""Characters of a typed text or a command that are kept in the log."""

logger = logging.getLogger(__name__)

TEXT_FILE = 200_000
"""Characters of a file that `read_file` gives at most."""


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Nothing(_Arguments):
    pass


class Act(_Arguments):
    actions: Annotated[list[d.Action], Field(min_length=1, max_length=50)]


class Zoom(_Arguments):
    x: Annotated[int, Field(ge=0, description="Left edge of the region.")]
    y: Annotated[int, Field(ge=0, description="Top edge of the region.")]
    width: Annotated[int, Field(ge=10)]
    height: Annotated[int, Field(ge=10)]


class Launch(_Arguments):
    application: Annotated[
        str, Field(min_length=1, max_length=200, description="One of " + ", ".join(d.APPLICATIONS) + ", or a command name.")
    ]


class Open(_Arguments):
    target: Annotated[str, Field(min_length=1, max_length=4000, description="A file or folder on the desk, or an http(s) address.")]


class Run(_Arguments):
    command: Annotated[str, Field(min_length=1, max_length=100_000, description="A shell command; it runs in the home folder.")]
    timeout: Annotated[float, Field(gt=0, le=600, description="Seconds until it is killed.")] = 60.0


class ReadFile(_Arguments):
    path: Annotated[str, Field(min_length=1, max_length=4000, description="Relative to the home folder, or absolute.")]


class WriteFile(_Arguments):
    path: Annotated[str, Field(min_length=1, max_length=4000, description="Relative to the home folder, or absolute.")]
    text: Annotated[str, Field(max_length=1_000_000)]


class ListFiles(_Arguments):
    path: Annotated[str, Field(min_length=1, max_length=4000)] = "."
    depth: Annotated[int, Field(ge=1, le=8)] = 1


A = TypeVar("A", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class _Tool(Generic[A]):
    name: str
    description: str
    arguments: type[A]
    says: Callable[[A], str]
    do: Callable[[d.Desk, A], Awaitable[str]]
    settles: bool = True
    looks: bool = False
    """Whether the picture is given even if the screen is as before."""
    part: Callable[[d.Image, A], d.Image] | None = None
    """What is given of the screen instead of the whole."""

    def deed(self, given: A) -> Deed:
        return Deed(
            tool=self.name,
            says=self.says(given),
            do=lambda desk: self.do(desk, given),
            actions=_shown(given),
            settles=self.settles,
            shows=self.part is None,
        )


def _shown(given: BaseModel) -> tuple[dict[str, Any], ...]:
    """The call as the log keeps it: long texts cut."""
    parts = given.actions if isinstance(given, Act) else [given]
    return tuple({name: _cut(value) for name, value in part.model_dump().items()} for part in parts)


def _cut(value: Any) -> Any:
    return value[:SHOWN] + "…" if isinstance(value, str) and len(value) > SHOWN else value


def sentence(action: d.Action) -> str:  # noqa: PLR0911 - one line for each kind of action
    """What an action is, for a person."""
    match action:
        case d.Write(text=text):
            return f"Typing {len(text):,} character{'' if len(text) == 1 else 's'}"
        case d.Press(key=key):
            return f"Pressing {key}"
        case d.Wait(seconds=seconds):
            return f"Waiting {seconds:g} s"
        case d.Drag(x=x, y=y, to_x=to_x, to_y=to_y):
            return f"Dragging from ({x}, {y}) to ({to_x}, {to_y})"
        case d.Scroll(dx=dx, dy=dy):
            ways = [(dy, "down", "up"), (dx, "right", "left")]
            return "Scrolling " + (" and ".join(plus if n > 0 else minus for n, plus, minus in ways if n) or "nowhere")
        case d.Move(x=x, y=y):
            return f"Moving the pointer to ({x}, {y})"
        case _:
            kind = {"left_click": "Clicking", "double_click": "Double-clicking", "right_click": "Right-clicking"}
            return f"{kind.get(action.do, 'Middle-clicking')} at ({action.x}, {action.y})"


def _sentences(actions: list[d.Action]) -> str:
    said = [sentence(action) for action in actions]
    shown, more = said[:4], len(said) - 4
    text = ", ".join([shown[0], *(part[0].lower() + part[1:] for part in shown[1:])])
    return text + (f" and {more} more" if more > 0 else "")


async def _act(desk: d.Desk, actions: list[d.Action]) -> str:
    await desk.act(actions)
    return f"Done: {_sentences(actions)}."


def _action_tool(model: type[Any]) -> _Tool[Any]:
    """A tool of its own for one kind of action."""
    name: str = model.model_fields["do"].default

    async def do(desk: d.Desk, given: BaseModel) -> str:
        return await _act(desk, [model.model_validate(given.model_dump())])  # the contract's own class, which desks know

    return _Tool(name, model.__doc__ or name, _without_do(model), sentence, do)


def _without_do(model: type[Any]) -> type[Any]:
    """The action's model; its schema lacks `do`, since the tool's name says it."""

    def drop(schema: dict[str, Any]) -> None:
        schema.get("properties", {}).pop("do", None)

    return type(model.__name__, (model,), {"__module__": __name__, "model_config": ConfigDict(json_schema_extra=drop)})


async def _look(desk: d.Desk, _: Nothing) -> str:
    return f"The screen, {desk.size.width}x{desk.size.height} pixels."


async def _zoom(desk: d.Desk, given: Zoom) -> str:
    screen = desk.size
    if given.x + given.width > screen.width or given.y + given.height > screen.height:
        raise DeskRefused(f"The region reaches outside the screen, which is {screen.width}x{screen.height} pixels.")
    return "That region, enlarged. Coordinates for clicks stay those of the whole screen."


def _enlarged(screen: d.Image, given: Zoom) -> d.Image:
    factor = min(screen.size.width / given.width, screen.size.height / given.height)
    size = d.Size(round(given.width * factor), round(given.height * factor))
    box = (given.x, given.y, given.x + given.width, given.y + given.height)
    data = io.BytesIO()
    with Pillow.open(io.BytesIO(screen.data)) as whole:
        whole.convert("RGB").resize(size, Pillow.Resampling.LANCZOS, box=box).save(data, "JPEG", quality=90)
    return d.Image(data.getvalue(), "image/jpeg", size)


async def _launch(desk: d.Desk, given: Launch) -> str:
    await desk.launch(given.application)
    return f"Started {given.application}."


async def _open(desk: d.Desk, given: Open) -> str:
    await desk.open(given.target)
    return f"Opened {given.target}."


async def _run(desk: d.Desk, given: Run) -> str:
    ran = await desk.run(given.command, given.timeout)
    ended = f"Killed after {given.timeout:g} s." if ran.timed_out else f"Exit code {ran.exit_code}."
    parts = [ended, ran.stdout, f"Standard error:\n{ran.stderr}" if ran.stderr else "", "(Output was cut.)" if ran.truncated else ""]
    return "\n".join(part for part in parts if part)


async def _read_file(desk: d.Desk, given: ReadFile) -> str:
    data = await desk.read_file(given.path)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return f"{given.path} is no text; it has {len(data):,} bytes."
    return text if len(text) <= TEXT_FILE else f"{text[:TEXT_FILE]}\n(Cut: {len(text):,} characters in all.)"


async def _write_file(desk: d.Desk, given: WriteFile) -> str:
    await desk.write_file(given.path, given.text.encode())
    return f"Wrote {len(given.text):,} characters to {given.path}."


async def _list_files(desk: d.Desk, given: ListFiles) -> str:
    entries = await desk.list_files(given.path, given.depth)
    return "\n".join(f"{e.path}/" if e.is_folder else f"{e.path}  {e.bytes:,} bytes" for e in entries) or "The folder is empty."


_ACTIONS = (d.LeftClick, d.DoubleClick, d.RightClick, d.MiddleClick, d.Move, d.Drag, d.Scroll, d.Write, d.Press, d.Wait)

_TOOLS: dict[str, _Tool[Any]] = {
    tool.name: tool
    for tool in (
        _Tool("screenshot", "Look at the screen.", Nothing, lambda _: "Looking at the screen", _look, looks=True),
        *(_action_tool(model) for model in _ACTIONS),
        _Tool(
            "zoom",
            "Look closely at a region of the screen: it is shown enlarged, to read small text or tell small things apart. "
            "Coordinates for clicks stay those of the whole screen.",
            Zoom,
            lambda g: f"Looking closely at ({g.x}, {g.y}), {g.width}×{g.height}",
            _zoom,
            settles=False,
            part=_enlarged,
        ),
        _Tool(
            "act",
            "Do several actions in order and see the settled screen once, after the last. Quicker than one call each.",
            Act,
            lambda g: _sentences(g.actions),
            lambda desk, g: _act(desk, g.actions),
        ),
        _Tool("launch", "Start an application.", Launch, lambda g: f"Opening the {g.application}", _launch),
        _Tool("open", "Open a file, a folder or an address with its application.", Open, lambda g: f"Opening {_cut(g.target)}", _open),
        _Tool("run", "Run a shell command and get its output.", Run, lambda g: f"Running {_cut(g.command)}", _run),
        _Tool("read_file", "Read a text file.", ReadFile, lambda g: f"Reading {_cut(g.path)}", _read_file, settles=False),
        _Tool("write_file", "Create or replace a text file.", WriteFile, lambda g: f"Writing {_cut(g.path)}", _write_file, settles=False),
        _Tool("list_files", "List a folder.", ListFiles, lambda g: f"Listing {_cut(g.path)}", _list_files, settles=False),
    )
}


def desk_server(door: Door) -> Server[Any]:
    """The MCP server of one desk."""

    async def list_tools(_: Any, __: mt.PaginatedRequestParams | None) -> mt.ListToolsResult:
        return mt.ListToolsResult(tools=[_described(tool) for tool in _TOOLS.values()])

    async def call_tool(_: Any, params: mt.CallToolRequestParams) -> mt.CallToolResult:
        tool = _TOOLS.get(params.name)
        if tool is None:
            return _error(f"There is no tool {params.name}. There are: {', '.join(_TOOLS)}.")
        try:
            given = tool.arguments.model_validate(params.arguments or {})
        except ValidationError as error:
            return _error(f"The arguments of {params.name} do not fit: {_wrong(error)}.")
        return await answering(door, tool.deed(given), lambda passed: _result(tool, given, passed))

    return Server("hotdesk-desk", version=__version__, on_list_tools=list_tools, on_call_tool=call_tool)


async def answering(door: Door, deed: Deed, result: Callable[[Passed], Awaitable[mt.CallToolResult]]) -> mt.CallToolResult:
    """What came of a deed: its result, or an error result. Never raises."""
    try:
        return await result(await door.through(deed))
    except Interrupted as error:
        return _error(str(error), interrupted=True)
    except DeskGone as error:
        return _error(str(error), gone=True)
    except HotdeskError as error:
        return _error(str(error))
    except Exception as error:
        logger.exception("The tool %s failed.", deed.tool)
        return _error(f"{deed.tool} could not be done, through a fault of the desk ({type(error).__name__}: {error}).")


def _described(tool: _Tool[Any]) -> mt.Tool:
    schema = tool.arguments.model_json_schema()
    schema.pop("title", None)
    schema.pop("description", None)
    return mt.Tool(name=tool.name, description=tool.description, input_schema=schema)


async def _result(tool: _Tool[A], given: A, passed: Passed) -> mt.CallToolResult:
    text = passed.text
    content: list[mt.ContentBlock] = []
    if tool.part is not None:
        part = await anyio.to_thread.run_sync(tool.part, passed.image, given)
        content.append(picture_block(part))
        if passed.changed:
            text += " The screen has changed since you last saw the whole of it."
    elif passed.changed or tool.looks:
        data = base64.b64encode(passed.image.data).decode()
        content.append(mt.ImageContent(type="image", data=data, mime_type=passed.image.media_type))
    meta = {"frame": passed.digest, "changed": passed.changed, "interrupted": False}
    return mt.CallToolResult(content=[mt.TextContent(type="text", text=text), *content], _meta={META: meta})


def picture_block(image: d.Image) -> mt.ImageContent:
    """A picture that is not the screen pixel for pixel."""
    meta = {"frame": digest(image.data), "width": image.size.width, "height": image.size.height}
    return mt.ImageContent(type="image", data=base64.b64encode(image.data).decode(), mime_type=image.media_type, _meta={META: meta})


def _error(text: str, interrupted: bool = False, gone: bool = False) -> mt.CallToolResult:
    meta = {"interrupted": interrupted, "gone": gone}
    return mt.CallToolResult(content=[mt.TextContent(type="text", text=text)], is_error=True, _meta={META: meta})


def _wrong(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg'][0].lower()}{e['msg'][1:]}" for e in error.errors()[:5])
