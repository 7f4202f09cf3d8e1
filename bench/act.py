"""Mouse and keyboard at one local desk: ours beside the SDK's way (xdotool processes through a shell), in turns; what was typed is read
back from the program that got it.

A time ends when the input was delivered: for keys, when the X server has taken them; for what is pasted, when the program has fetched it.
"""

from __future__ import annotations

import string
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from statistics import median

import anyio

from bench.equipment.desks import OFFLINE, Peers, at_display, desks_here, place_of, short_folder
from bench.equipment.report import Row
from bench.equipment.sdk import Sdk
from bench.equipment.timing import alternately
from hotdesk.desks.base import Desk, LeftClick, Press, Write
from hotdesk.desks.local.place import Place

TITLE = "Clicking, pressing and typing at a desk, read back"

OURS, SDK = "ours", "E2B SDK: xdotool by a shell"
ASCII = "The Quick brown FOX jumps over 13 lazy dogs! @#$%^&*()_+-=[]{}|;:,.<>/?~`\"'\\ ABC xyz 0987, to 100 now."[:100]
MIXED = (
    "éüñßøÅœŽąę漢字日本語テスト中文한국어русскийελληνικά😀🚀👍🎉𝔘€£¥«»“”‘’–—…•→≠∞√πΩµ°§¶©®™½¾¿¡ÇçÀàÈèÊêËëÎîÏïÔôÙùÛûÜÖöÄäłŁżŻśŚćĆńŃěščřž"
)[:100]
LONG = 10_000
WAIT = 20.0


class _Terminal:
    """An xterm in which `cat` keeps every line that is typed."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._seen = 0

    async def open(self) -> None:
        await self._desk.launch("xterm -u8 -geometry 150x40+20+40 -e sh -c 'cat > typed.txt'")
        await self._desk.settle(WAIT)

    async def line(self) -> str:
        """End the line and say what it was."""
        await self._desk.act([Press(key="Return")])
        with anyio.move_on_after(WAIT):
            while True:
                data = (await self._desk.read_file("typed.txt"))[self._seen :]
                if data.endswith(b"\n"):
                    self._seen += len(data)
                    return data.decode(errors="replace")[:-1]
                await anyio.sleep(0.02)
        raise RuntimeError("the terminal is gone")


class _Editor:
    """The desk's editor, emptied for every text."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def open(self) -> None:
        await self._desk.write_file("text.txt", b"")
        await self._desk.open("text.txt")
        await self._desk.settle(WAIT)

    async def empty(self) -> None:
        await self._desk.act([Press(key="ctrl+a"), Press(key="Delete")])

    async def text(self, wanted: str) -> str:
        await self._desk.act([Press(key="ctrl+s")])
        seen = ""
        with anyio.move_on_after(WAIT):
            while (seen := (await self._desk.read_file("text.txt")).decode(errors="replace")) != wanted:  # noqa: ASYNC110 (on the desk)
                await anyio.sleep(0.02)
        return seen


def wrong(wanted: str, got: str) -> int:
    """Characters that are not where they should be."""
    return sum(a != b for a, b in zip(wanted, got, strict=False)) + abs(len(wanted) - len(got))


def texts(most: int) -> Iterator[str]:
    """Texts of 100 characters, no two alike: plain, mixed, and a bit of both."""
    for number in range(most // 100):
        turned = number * 7 % 100
        plain, mixed = ASCII[turned:100] + ASCII[:turned], MIXED[turned:] + MIXED[:turned]
        yield (plain, mixed, (plain[:50] + mixed[:50]))[number % 3].strip().ljust(100, ".")


async def run(quick: bool) -> list[Row]:
    peers = Peers(quick)
    async with desks_here() as (desks, run_dir):
        async with desks.open("act", OFFLINE) as desk:
            exact = await _exactness(desk, 400 if quick else LONG)
            with _sdk_at(place_of(run_dir, "act"), peers) as sdk:  # the emptied editor is in front
                rows = await _mouse_and_keys(desk, sdk, quick)
        async with desks.open("act-2", OFFLINE) as desk:
            with _sdk_at(place_of(run_dir, "act-2"), peers) as sdk:
                rows += await _typing(desk, sdk, quick)
    return [*rows, *exact]


@contextmanager
def _sdk_at(place: Place, peers: Peers) -> Iterator[Sdk | None]:
    if not peers.have("xdotool"):
        yield None
        return
    with at_display(place) as environment, short_folder() as folder:
        yield Sdk(environment, folder)


async def _mouse_and_keys(desk: Desk, sdk: Sdk | None, quick: bool) -> list[Row]:
    def at(index: int) -> tuple[int, int]:
        """Never twice the same place, on the background: there `mousemove --sync` would wait for 15 s."""
        return 1100 + index % 50 * 3, 200 + index % 40 * 10

    rounds, peers_rounds = (20, 0) if quick else (400, 20)
    rows = []
    clicks: dict[str, tuple[Callable[[int], Awaitable[object]], int]] = {
        OURS: (lambda index: desk.act([LeftClick(x=at(index)[0], y=at(index)[1])]), rounds)
    }
    presses: dict[str, tuple[Callable[[int], Awaitable[object]], int]] = {OURS: (lambda _: desk.act([Press(key="Down")]), rounds)}
    if sdk:
        clicks[SDK] = (lambda index: sdk.left_click(at(index)[0] + 1, at(index)[1] + 5)), peers_rounds
        presses[SDK] = (lambda _: sdk.press("Down")), peers_rounds
    for what, ways, most, times in (("move and click", clicks, 0.3, 400), ("press a key", presses, 0.3, 100)):
        took = await alternately(ways)
        peer = median(took[SDK]) if sdk else None
        rows.append(Row(what, median(took[OURS]), "ms", peer, SDK if sdk else None, at_most=most, share=1 / times))
    return rows


async def _typing(desk: Desk, sdk: Sdk | None, quick: bool) -> list[Row]:
    """100 characters into the terminal. What stands on the line is read back after each time, outside the time."""
    terminal = _Terminal(desk)
    await terminal.open()
    rows, errors = [], {OURS: 0, SDK: 0}
    for what, text, most, times in (("100 ASCII characters", ASCII, 5.0, 60), ("100 mixed characters", MIXED, 60.0, 60)):
        took: dict[str, list[float]] = {OURS: [], SDK: []}
        ways: list[tuple[str, Callable[[], Awaitable[None]], int]] = [(OURS, partial(desk.act, [Write(text=text)]), 3 if quick else 20)]
        if sdk:
            ways.append((SDK, partial(sdk.write, text), 3))
        for name, write, rounds in ways:
            for _ in range(rounds + 1):
                began = anyio.current_time()
                await write()
                took[name].append((anyio.current_time() - began) * 1000)
                errors[name] += wrong(text, await terminal.line())
        peer = median(took[SDK][1:]) if sdk else None
        rows.append(Row(what, median(took[OURS][1:]), "ms", peer, SDK if sdk else None, at_most=most, share=1 / times))
        peer_errors = errors[SDK] / len(took[SDK]) if sdk else None
        rows.append(
            Row(
                f"{what}: wrong ones, each time", errors[OURS] / len(took[OURS]), "characters", peer_errors, SDK if sdk else None, at_most=0
            )
        )
        errors = {OURS: 0, SDK: 0}
    return rows


async def _exactness(desk: Desk, most: int) -> list[Row]:
    """Ours only: the SDK would type for 13 minutes. The editor stays open, empty."""
    terminal = _Terminal(desk)
    await terminal.open()
    in_terminal = in_editor = 0
    half = list(texts(most // 2))
    for text in half:
        await desk.act([Write(text=text)])
        in_terminal += wrong(text, await terminal.line())
    editor = _Editor(desk)
    await editor.open()
    for text in half:
        await editor.empty()
        await desk.act([Write(text=text)])
        in_editor += wrong(text, await editor.text(text))
    await editor.empty()
    return [Row(f"wrong of {100 * 2 * len(half):,} characters, terminal and editor", in_terminal + in_editor, "characters", at_most=0)]


assert len(MIXED) == 100
assert set(string.printable) > set(ASCII)
