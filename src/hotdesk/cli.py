"""The command line: `hotdesk serve`, `run`, `doctor`, `desk`, `desks`.

Exit codes: 0 it did what was asked; 1 it did not (for `run`: the session was not completed); 2 the command line or a setting cannot be
used; 3 this machine lacks something, and the sentence says what to do; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import json
import logging
import shutil
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import anyio
import typer
from rich.console import Console

from hotdesk import __version__
from hotdesk.desks.base import Desks
from hotdesk.errors import BadInput, HotdeskError, MissingRequirement, alone
from hotdesk.serve import Parts
from hotdesk.settings import DataSettings, DeskSettings, MindSettings, ServerSettings, SessionSettings, read

app = typer.Typer(
    help="One prompt in; a team of computer-use agents, each at its own Linux desktop; a summary with their files out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_out = Console()
_err = Console(stderr=True)

DataDir = Annotated[Path | None, typer.Option(help="Folder of all sessions. Default: the platform's data folder.", show_default=False)]
DesksOption = Annotated[str | None, typer.Option("--desks", help="local, e2b or pretend.", show_default=False)]
BrainOption = Annotated[
    str | None,
    typer.Option(
        "--brain", help="Who thinks for the agents: dedalus:…, anthropic:MODEL, …, rehearsal (docs/configuration.md).", show_default=False
    ),
]
PlannerOption = Annotated[str | None, typer.Option("--planner", help="Who plans: as --brain.", show_default=False)]


def _version(wanted: bool) -> None:
    if wanted:
        _out.print(f"hotdesk {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more, to standard error.")] = False,
) -> None:
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)


@contextmanager
def _sentences() -> Iterator[None]:
    """Errors are for people: one sentence on standard error and the exit code that fits."""
    try:
        with alone():
            yield
    except HotdeskError as error:
        _err.print(f"hotdesk: {error}", style="red", highlight=False, markup=False, soft_wrap=True)
        raise typer.Exit(2 if isinstance(error, BadInput) else 3 if isinstance(error, MissingRequirement) else 1) from error
    except KeyboardInterrupt as error:
        raise typer.Exit(130) from error


def _run(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    return anyio.run(main, backend_options={"use_uvloop": True})


def _parts(
    data_dir: Path | None = None,
    host: str | None = None,
    port: int | None = None,
    desks: str | None = None,
    brain: str | None = None,
    planner: str | None = None,
) -> Parts:
    return Parts(
        data=read(DataSettings, data_dir=data_dir),
        server=read(ServerSettings, host=host, port=port),
        session=read(SessionSettings),
        desk=read(DeskSettings, desks=desks),
        mind=read(MindSettings, brain=brain, planner=planner),
    )


@app.command()
def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. Anything but loopback wants HOTDESK_TOKEN.", show_default=False)
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one. Default: 8000.", show_default=False)] = None,
    data_dir: DataDir = None,
    desks: DesksOption = None,
    brain: BrainOption = None,
    planner: PlannerOption = None,
) -> None:
    """Serve the page and the API until Ctrl-C."""
    from hotdesk.serve import describe, pages  # noqa: PLC0415
    from hotdesk.serve import serve as start  # noqa: PLC0415

    with _sentences():
        parts = _parts(data_dir, host, port, desks, brain, planner)

        def started(address: str) -> None:
            _out.print(f"[bold]Hotdesk is at[/] {address}")
            for line in describe(parts):
                _out.print(f"  {line}", highlight=False, markup=False)
            if pages() is None:
                _out.print("  The web page is not built: run `make run`, or `npm run build` in web/.", style="yellow", highlight=False)
            _out.print("  Ctrl-C stops it, with every agent and desk.", style="dim")

        _run(lambda: start(parts, started))


@app.command()
def run(
    prompt: Annotated[str, typer.Argument(help="What you want done; - reads it from standard input.")],
    agents: Annotated[int, typer.Option("--agents", "-n", help="How many agents may work at one time.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end, and nothing else on standard output.")] = False,
    out: Annotated[Path | None, typer.Option(help="Copy the files that were made into this folder.", show_default=False)] = None,
    data_dir: DataDir = None,
    desks: DesksOption = None,
    brain: BrainOption = None,
    planner: PlannerOption = None,
) -> None:
    """Run one session here, without a browser. Exit code 0 only if every task was completed."""
    from hotdesk.run import run_session  # noqa: PLC0415

    with _sentences():
        parts = _parts(data_dir, desks=desks, brain=brain, planner=planner)
        text = sys.stdin.read() if prompt == "-" else prompt
        result = _run(lambda: run_session(parts, text, agents, _err if as_json else _out))
        if out is not None:
            _copy(result["artifacts"], out)
        if as_json:
            print(json.dumps(result, ensure_ascii=False))
        raise typer.Exit({"completed": 0, "stopped": 130}.get(result["outcome"], 1))


def _copy(artifacts: list[dict[str, Any]], out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        for artifact in artifacts:
            target = out / Path(artifact["name"]).name
            number = 2
            while target.exists():
                target = out / f"{Path(artifact['name']).stem}-{number}{Path(artifact['name']).suffix}"
                number += 1
            shutil.copyfile(artifact["path"], target)
    except OSError as error:
        raise MissingRequirement(f"The files could not be copied to {out} ({error.strerror}).", "They are still in the session.") from error


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    port: Annotated[int | None, typer.Option(help="The port to check.", show_default=False)] = None,
    data_dir: DataDir = None,
    desks: DesksOption = None,
) -> None:
    """Check everything that Hotdesk needs; a line each, with the remedy. Exit code 0 if nothing required is missing."""
    from hotdesk.doctor import examine  # noqa: PLC0415

    with _sentences():
        findings = _run(lambda: examine(_parts(data_dir, port=port, desks=desks)))
        well = all(finding.ok for finding in findings if finding.required)
        if as_json:
            rows = [{"what": f.what, "ok": f.ok, "required": f.required, "seen": f.seen, "remedy": f.remedy} for f in findings]
            print(json.dumps({"ok": well, "findings": rows}, ensure_ascii=False))
        else:
            for f in findings:
                mark, style = ("ok  ", "green") if f.ok else ("MISS", "red") if f.required else ("–   ", "yellow")
                _out.print(f"[{style}]{mark}[/] ", end="")
                _out.print(
                    f"{f.what}: {f.seen}" + ("" if f.ok or not f.remedy else f"  →  {f.remedy}"),
                    markup=False,
                    highlight=False,
                    soft_wrap=True,
                )
        raise typer.Exit(0 if well else 1)


@app.command()
def desk(
    port: Annotated[int | None, typer.Option(help="Port of the live view; 0 takes a free one.", show_default=False)] = None,
    data_dir: DataDir = None,
    desks: DesksOption = None,
) -> None:
    """Open one desk to play with, and print the address of its live view. Ctrl-C closes it."""
    from hotdesk.serve import serve as start  # noqa: PLC0415

    with _sentences():
        parts = _parts(data_dir, port=port, desks=desks, brain="nobody", planner="one")
        _run(lambda: start(parts, lambda address: _out.print(f"[bold]The desk is at[/] {address}"), prompt="A desk to play with"))


desks_app = typer.Typer(help="The desks that exist now, of every kind that can be had here.", no_args_is_help=True)
app.add_typer(desks_app, name="desks")


@desks_app.command("list")
def list_desks(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """List the desks that exist now, whoever opened them."""
    from hotdesk.desks.choose import all_desks  # noqa: PLC0415

    with _sentences():
        found = _each(all_desks(read(DeskSettings)), lambda provider: provider.list())
        _show_desks(found, as_json, "desks")
        if not as_json and not any(found.values()):
            _out.print("There are no desks.", highlight=False)


@desks_app.command()
def prune(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """End the desks whose owners are gone: what a crash or a power cut left behind."""
    from hotdesk.desks.choose import all_desks  # noqa: PLC0415

    with _sentences():
        ended = _each(all_desks(read(DeskSettings)), lambda provider: provider.sweep())
        _show_desks(ended, as_json, "ended")
        if not as_json:
            count = sum(map(len, ended.values()))
            _out.print(f"{count} ended." if count else "Nothing to end: every desk has an owner.", highlight=False)


def _each(providers: dict[str, Desks], ask: Callable[[Desks], Coroutine[Any, Any, list[str]]]) -> dict[str, list[str]]:
    async def all_of_them() -> dict[str, list[str]]:
        return {name: await ask(provider) for name, provider in providers.items()}

    found: dict[str, list[str]] = _run(all_of_them)
    return found


def _show_desks(found: dict[str, list[str]], as_json: bool, what: str) -> None:
    rows = [{"provider": name, "desk": desk} for name, desks in found.items() for desk in desks]
    if as_json:
        print(json.dumps({what: rows}))
    else:
        for row in rows:
            _out.print(f"{row['provider']:8} {row['desk']}", highlight=False, markup=False)


@app.command(hidden=True)
def openapi() -> None:
    """Print the API's OpenAPI description (the page's types are made from it)."""
    from hotdesk.server.app import openapi as describe_api  # noqa: PLC0415

    print(json.dumps(describe_api(), indent=2, ensure_ascii=False))
