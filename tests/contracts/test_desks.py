"""The contract of a desk, over every provider: E2B's against a local server that speaks its protocol, or E2B itself (`make test-e2b`).

A desk at E2B takes seconds to open, so tests that only use one have the same, made as new in between.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, nullcontext, suppress
from pathlib import Path
from typing import TypeVar

import anyio
import pytest
from PIL import Image as Picture

from hotdesk.desks.base import (
    HOME,
    Desk,
    DeskOptions,
    Desks,
    DoubleClick,
    Drag,
    LeftClick,
    MiddleClick,
    Move,
    Point,
    Press,
    RightClick,
    Scroll,
    Size,
    Wait,
    Write,
)
from hotdesk.desks.e2b import Account
from hotdesk.errors import DeskError, DeskGone, DeskRefused, DeskUnavailable
from tests.equipment.e2b import REAL_E2B, e2b_account

T = TypeVar("T")

WAIT = 20.0
KEYS = ("enter", "esc", "ctrl+shift+Left", "Control+A", "alt+Tab", "PgUp", "f5", "+", "ctrl++", "ctrl+minus", "é", "shift")
OPTIONS = DeskOptions(internet="none")
PROGRAMS = "mousepad|gedit|thunar|Thunar|pcmanfm|xterm|xfce4-terminal|firefox.*|chromium.*|ristretto|gpicview|sleep"
"""What tests leave on the screen of a desk that is used again."""
ASCII = "plain ASCII: {[(<#%&|~^`'\"\\>)]} 0123"
SCRIPTS = "Zażółć gęślą jaźń, naïve œuvre — Ελληνικά, русский, 漢字 かな 한국어 العربية עברית 👩‍🚀 😀 «½ €» x² ≠ e\u0301"


async def eventually(look: Callable[[], Awaitable[T]], right: Callable[[T], bool]) -> T:
    """Look until it is right, at most `WAIT` seconds; what was seen last."""
    with anyio.move_on_after(WAIT):
        while not right(seen := await look()):  # noqa: ASYNC110 (there is no event to wait for: it happens in another process)
            await anyio.sleep(0.01)
    return seen


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["e2b"] if REAL_E2B else ["pretend", "local", "e2b"], scope="module")
def provider(request: pytest.FixtureRequest) -> Iterator[Desks]:
    run_dir = Path(tempfile.mkdtemp(prefix="hd-", dir="/var/tmp"))
    run_dir.chmod(0o711)
    try:
        with e2b_account() if request.param == "e2b" else nullcontext() as account:
            yield _provider(request.param, run_dir, account)
    finally:
        shutil.rmtree(run_dir, ignore_errors=True)


def _provider(name: str, run_dir: Path, account: Account | None) -> Desks:
    if name == "pretend":
        from hotdesk.desks.pretend import PretendDesks

        return PretendDesks(run_dir)
    if account is not None:
        from hotdesk.desks.e2b import E2BDesks

        return E2BDesks(account, run_dir=run_dir)
    if not shutil.which("bwrap") or not shutil.which("Xvnc"):
        pytest.skip("bubblewrap and Xvnc are not installed")
    from hotdesk.desks.local import LocalDesks

    return LocalDesks(run_dir)


class Kept:
    """The desk that is kept from one test to the next, if any is."""

    def __init__(self, provider: Desks) -> None:
        self._provider = provider
        self._open = AsyncExitStack()
        self.desk: Desk | None = None

    async def as_new(self) -> Desk:
        if self.desk is not None:
            with suppress(DeskError):
                return await self._cleaned(self.desk)
        await self.close()
        self.desk = await self._open.enter_async_context(self._provider.open("kept", OPTIONS))
        return self.desk

    async def _cleaned(self, desk: Desk) -> Desk:
        ended = f"pkill -9 -x '{PROGRAMS}'; while pgrep -x '{PROGRAMS}' >/dev/null; do sleep 0.01; done"
        await desk.run(f"{ended}; find ~ -mindepth 1 -maxdepth 1 ! -name '.*' -exec rm -rf {{}} +")
        await desk.act([Press(key="Escape"), Move(x=640, y=400)])
        await desk.settle()
        return desk

    async def close(self) -> None:
        self.desk = None
        await self._open.aclose()


@pytest.fixture(scope="module")
async def kept(provider: Desks) -> AsyncIterator[Kept]:
    keeping = Kept(provider)
    yield keeping
    await keeping.close()


@pytest.fixture
async def desks(provider: Desks, kept: Kept, request: pytest.FixtureRequest) -> Desks:
    if "desk" not in request.fixturenames:
        await kept.close()
    return provider


@pytest.fixture
async def desk(desks: Desks, kept: Kept) -> AsyncIterator[Desk]:
    if desks.name == "e2b":
        yield await kept.as_new()
        return
    async with desks.open("d1", OPTIONS) as opened:
        yield opened


def picture(data: bytes) -> Picture.Image:
    return Picture.open(io.BytesIO(data)).convert("RGB")


# Opening, finding, ending


async def test_a_desk_is_listed_while_it_is_open_and_not_after(desks: Desks) -> None:
    assert await desks.list() == []
    async with desks.open("d-1", OPTIONS) as desk:
        assert (desk.id, desk.provider, desk.size) == ("d-1", desks.name, Size(1280, 800))
        assert await desks.list() == ["d-1"]
    assert await desks.list() == []


async def test_a_closed_desk_is_gone(desks: Desks) -> None:
    async with desks.open("d1", OPTIONS) as desk:
        pass
    for call in (desk.screenshot, desk.cursor, desk.settle, lambda: desk.act([Wait(seconds=0)]), lambda: desk.run("true"), desk.list_files):
        with pytest.raises(DeskGone):
            await call()  # type: ignore[operator]


async def test_an_id_is_taken_while_its_desk_is_open(desks: Desks) -> None:
    async with desks.open("d1", OPTIONS):
        with pytest.raises(DeskUnavailable):
            async with desks.open("d1", OPTIONS):
                pass
        assert await desks.list() == ["d1"]
    async with desks.open("d1", OPTIONS) as again:
        assert (await again.run("echo here")).stdout == "here\n"


@pytest.mark.parametrize("desk_id", ["", "D1", "a/b", "..", "a" * 41, "ä"])
async def test_a_bad_id_is_refused_and_leaves_nothing(desks: Desks, desk_id: str) -> None:
    with pytest.raises(DeskUnavailable):
        async with desks.open(desk_id, OPTIONS):
            pass
    assert await desks.list() == []


async def test_an_exception_in_the_block_leaves_as_it_is_and_the_desk_is_gone(desks: Desks) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with desks.open("d1", OPTIONS):
            raise KeyError("mine")
    assert await desks.list() == []


async def test_a_cancelled_block_leaves_no_desk(desks: Desks) -> None:
    with anyio.CancelScope() as scope:
        async with desks.open("d1", OPTIONS):
            scope.cancel()
            await anyio.sleep_forever()
    assert await desks.list() == []


async def test_a_destroyed_desk_is_gone_for_its_owner(desks: Desks) -> None:
    async with desks.open("d1", OPTIONS) as desk:
        assert await desks.destroy("d1") is True
        assert await desks.destroy("d1") is False
        assert await desks.list() == []
        with pytest.raises(DeskGone):
            await desk.screenshot()
        with pytest.raises(DeskGone):
            await desk.run("true")


async def test_destroying_what_never_was_is_no_error(desks: Desks) -> None:
    assert await desks.destroy("never") is False


async def test_sweep_leaves_desks_of_living_owners(desks: Desks) -> None:
    async with desks.open("d1", OPTIONS) as desk:
        assert await desks.sweep() == []
        assert (await desk.run("echo alive")).stdout == "alive\n"


async def test_check_names_a_remedy_for_whatever_is_missing(desks: Desks) -> None:
    for finding in await desks.check():
        assert finding.what
        assert finding.ok or finding.remedy


async def test_two_desks_at_once_share_nothing(desks: Desks) -> None:
    async with desks.open("one", OPTIONS) as one, desks.open("two", OPTIONS) as two:
        await one.write_file("mine.txt", b"1")
        assert [entry.name for entry in await two.list_files() if entry.name == "mine.txt"] == []
        assert await desks.list() == ["one", "two"]


async def test_a_desk_has_the_size_it_was_asked_for(desks: Desks) -> None:
    async with desks.open("small", DeskOptions(size=Size(800, 600), internet="none")) as desk:
        image = await desk.screenshot()
        assert desk.size == image.size == Size(800, 600)
        assert picture(image.data).size == (800, 600)


# Watching


async def test_any_viewer_gets_the_rfb_handshake_and_the_size(desks: Desks, desk: Desk) -> None:
    async with desks.view(desk.id) as stream:
        taken = bytearray()

        async def take(count: int) -> bytes:
            while len(taken) < count:
                taken.extend(await stream.receive())
            head = bytes(taken[:count])
            del taken[:count]
            return head

        with anyio.fail_after(WAIT):
            assert await take(12) == b"RFB 003.008\n"
            await stream.send(b"RFB 003.008\n")
            kinds = await take((await take(1))[0])
            assert 1 in kinds
            await stream.send(b"\x01")
            assert await take(4) == bytes(4)
            await stream.send(b"\x01")
            start = await take(24)
        assert (int.from_bytes(start[:2], "big"), int.from_bytes(start[2:4], "big")) == desk.size


async def test_a_viewer_is_hung_up_when_the_desk_ends(desks: Desks) -> None:
    async with desks.open("d1", OPTIONS), desks.view("d1") as stream:
        await desks.destroy("d1")
        with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)), anyio.fail_after(WAIT):
            while True:
                await stream.receive()


async def test_there_is_nothing_to_view_without_a_desk(desks: Desks) -> None:
    with pytest.raises(DeskGone):
        async with desks.view("never"):
            pass


# Seeing and pointing


async def test_a_screenshot_is_an_image_of_the_screen(desk: Desk) -> None:
    image = await desk.screenshot()
    assert image.media_type in ("image/jpeg", "image/png", "image/webp")
    assert picture(image.data).size == image.size == desk.size
    assert len(picture(image.data).getcolors(1 << 24) or []) > 100


async def test_equal_screens_give_equal_bytes(desk: Desk) -> None:
    await desk.settle()

    async def same() -> bool:
        return (await desk.screenshot()).data == (await desk.screenshot()).data

    assert await eventually(same, bool)


async def test_the_pointer_goes_where_it_is_sent_and_is_drawn(desk: Desk) -> None:
    await desk.settle()
    await desk.act([Move(x=900, y=300)])
    assert await desk.cursor() == Point(900, 300)
    with_pointer = picture((await desk.screenshot()).data).crop((890, 290, 930, 330))
    await desk.act([Move(x=200, y=200)])
    without = picture((await desk.screenshot()).data).crop((890, 290, 930, 330))
    assert with_pointer.tobytes() != without.tobytes()


@pytest.mark.parametrize("point", [(0, 0), (1279, 0), (0, 799), (1279, 799)])
async def test_the_corners_are_on_the_screen(desk: Desk, point: tuple[int, int]) -> None:
    await desk.act([Move(x=point[0], y=point[1])])
    assert await desk.cursor() == point


async def test_two_clicks_on_one_spot_do_not_hang(desk: Desk) -> None:
    with anyio.fail_after(WAIT):
        await desk.act([LeftClick(x=640, y=100), LeftClick(x=640, y=100)])
        await desk.act([LeftClick(x=640, y=100)])
    assert await desk.cursor() == Point(640, 100)


async def test_every_kind_of_action_is_performed_in_order(desk: Desk) -> None:
    await desk.act(
        [
            Move(x=10, y=20),
            DoubleClick(x=600, y=90),
            RightClick(x=600, y=90),
            Press(key="Escape"),
            MiddleClick(x=600, y=90),
            Scroll(x=600, y=90, dy=2, dx=-1),
            Drag(x=600, y=90, to_x=650, to_y=120),
            Wait(seconds=0.01),
        ]
    )
    assert await desk.cursor() == Point(650, 120)


@pytest.mark.parametrize(
    "impossible",
    [LeftClick(x=1280, y=10), Move(x=10, y=800), Drag(x=1, y=1, to_x=-1, to_y=5), Scroll(x=5000, y=1, dy=1), Press(key="ctrl+nosuchkey")],
)
async def test_one_impossible_action_and_none_is_performed(desk: Desk, impossible: LeftClick) -> None:
    await desk.act([Move(x=50, y=60)])
    with pytest.raises(DeskRefused):
        await desk.act([Move(x=100, y=100), impossible])
    assert await desk.cursor() == Point(50, 60)


async def test_a_refused_action_leaves_the_desk_usable(desk: Desk) -> None:
    with pytest.raises(DeskRefused):
        await desk.act([LeftClick(x=-1, y=0)])
    await desk.act([Move(x=5, y=5)])
    assert await desk.cursor() == Point(5, 5)


async def test_nothing_done_settles_at_once(desk: Desk) -> None:
    await desk.settle()
    with anyio.fail_after(WAIT):
        settled = await desk.settle(cap=2.0)
    assert settled.why in ("nothing", "quiet")
    assert settled.seconds < 1.5


# Typing


async def _saved(desk: Desk, path: str, wanted: str) -> str:
    async def content() -> str:
        try:
            return (await desk.read_file(path)).decode()
        except DeskRefused:
            return ""

    return await eventually(content, lambda text: text.rstrip("\n") == wanted)


@pytest.mark.parametrize("text", [ASCII, "two\nlines\tand a tab", SCRIPTS], ids=["ascii", "lines", "scripts"])
async def test_text_of_any_script_arrives_exactly_and_is_saved(desk: Desk, text: str) -> None:
    await desk.write_file("note.txt", b"")
    await desk.open("note.txt")
    await desk.settle(WAIT)
    await desk.act([Write(text=text), Press(key="ctrl+s")])
    assert (await _saved(desk, "note.txt", text)).rstrip("\n") == text


async def test_write_inserts_at_the_caret(desk: Desk) -> None:
    await desk.write_file("note.txt", b"middle")
    await desk.open("note.txt")
    await desk.settle(WAIT)
    await desk.act([Press(key="ctrl+End"), Write(text=" end"), Press(key="ctrl+Home"), Write(text="begin "), Press(key="ctrl+s")])
    assert (await _saved(desk, "note.txt", "begin middle end")).rstrip("\n") == "begin middle end"


async def test_write_replaces_what_is_selected(desk: Desk) -> None:
    await desk.write_file("note.txt", b"old text")
    await desk.open("note.txt")
    await desk.settle(WAIT)
    await desk.act([Press(key="ctrl+a"), Write(text="新しい文字 👩‍🚀"), Press(key="ctrl+s")])
    assert (await _saved(desk, "note.txt", "新しい文字 👩‍🚀")).rstrip("\n") == "新しい文字 👩‍🚀"


async def test_an_unnamed_document_is_saved_under_the_name_that_is_typed(desk: Desk) -> None:
    await desk.launch("editor")
    await desk.settle(WAIT)
    await desk.act([Write(text="kept"), Press(key="ctrl+s")])
    await desk.settle(WAIT)
    await desk.act([Press(key="ctrl+a"), Write(text=f"{HOME}/named.txt"), Press(key="Return")])
    assert (await _saved(desk, "named.txt", "kept")).rstrip("\n") == "kept"


@pytest.mark.parametrize("key", KEYS)
async def test_keys_have_their_x_names_and_the_usual_aliases(desk: Desk, key: str) -> None:
    await desk.act([Press(key=key)])


# Programs and commands


@pytest.mark.parametrize("application", ["editor", "files", "terminal"])
async def test_an_application_comes_to_the_screen(desk: Desk, application: str) -> None:
    await desk.settle()
    await desk.act([Move(x=1, y=1)])
    before = (await desk.screenshot()).data
    await desk.launch(application)
    await desk.settle(WAIT)
    assert (await desk.screenshot()).data != before


async def test_there_is_no_application_of_a_made_up_name(desk: Desk) -> None:
    with pytest.raises(DeskRefused):
        await desk.launch("no-such-program")


async def test_opening_what_is_not_there_is_refused(desk: Desk) -> None:
    with pytest.raises(DeskRefused):
        await desk.open("nowhere/missing.txt")


async def test_a_command_runs_at_home_and_tells_its_output_and_code(desk: Desk) -> None:
    await desk.write_file("here.txt", b"found")
    ran = await desk.run("cat here.txt; echo aside >&2; exit 3")
    assert (ran.exit_code, ran.stdout, ran.stderr, ran.truncated, ran.timed_out) == (3, "found", "aside\n", False, False)


async def test_a_command_ended_by_a_signal_has_a_negative_code(desk: Desk) -> None:
    assert (await desk.run("kill -TERM $$")).exit_code == -15


async def test_a_command_is_killed_with_its_children_when_its_time_is_up(desk: Desk) -> None:
    with anyio.fail_after(WAIT):
        ran = await desk.run("echo before; (sleep 60; touch late) & echo $! > child; sleep 60", timeout=0.5)
    assert ran.timed_out
    assert ran.exit_code is None
    assert ran.stdout == "before\n"
    assert (await desk.run("kill -0 $(cat child)")).exit_code != 0


async def test_a_cancelled_command_leaves_nothing_running(desk: Desk) -> None:
    with anyio.move_on_after(0.3) as scope:
        await desk.run("setsid sleep 61.73 & (sleep 61.74 &) ; sleep 61.75")
    assert scope.cancelled_caught
    assert (await desk.run("pgrep -a -x sleep | grep 61.7")).stdout == ""


async def test_long_output_is_cut_to_its_end(desk: Desk) -> None:
    ran = await desk.run("head -c 3000000 /dev/zero | tr '\\0' x; echo end")
    assert ran.truncated
    assert len(ran.stdout) == 1 << 20
    assert ran.stdout.endswith("xend\n")


async def test_output_that_is_no_utf8_is_replaced(desk: Desk) -> None:
    assert (await desk.run("printf 'a\\377b'")).stdout == "a\ufffdb"


async def test_a_command_that_leaves_something_in_the_background_returns_at_once(desk: Desk) -> None:
    with anyio.fail_after(WAIT):
        ran = await desk.run("sleep 30 & echo started")
    assert ran.stdout == "started\n"


# Files


async def test_files_go_both_ways_byte_for_byte(desk: Desk) -> None:
    data = bytes(range(256)) * 5000
    await desk.write_file("deep/er/data.bin", data)
    assert await desk.read_file(f"{HOME}/deep/er/data.bin") == data
    await desk.write_file("deep/er/data.bin", b"short")
    assert await desk.read_file("deep/er/data.bin") == b"short"
    await desk.write_file("empty", b"")
    assert await desk.read_file("empty") == b""


async def test_what_cannot_be_read_is_refused(desk: Desk) -> None:
    await desk.write_file("folder/big", b"0123456789")
    for path, most in (("missing", 100), ("folder", 100), ("folder/big", 9)):
        with pytest.raises(DeskRefused):
            await desk.read_file(path, max_bytes=most)
    assert await desk.read_file("folder/big", max_bytes=10) == b"0123456789"


async def test_what_cannot_be_written_is_refused(desk: Desk) -> None:
    await desk.write_file("folder/file", b"x")
    with pytest.raises(DeskRefused):
        await desk.write_file("folder", b"y")
    with pytest.raises(DeskRefused):
        await desk.write_file("folder/file/below", b"y")


async def test_a_folder_is_listed_by_path_and_depth(desk: Desk) -> None:
    for path in ("t/b.txt", "t/a/deep.txt", "t/.hidden/inside.txt"):
        await desk.write_file(path, b"12345")
    assert [entry.name for entry in await desk.list_files("t")] == [".hidden", "a", "b.txt"]
    entries = await desk.list_files("t", depth=3)
    assert [entry.name for entry in entries] == [".hidden", "a", "deep.txt", "b.txt"]
    assert [entry.path for entry in entries] == sorted(entry.path for entry in entries)
    files = {entry.name: entry for entry in entries}
    assert files["a"].is_folder
    assert not files["b.txt"].is_folder
    assert files["b.txt"].bytes == 5
    assert files["b.txt"].modified > 1_600_000_000
    assert await desk.read_file(files["deep.txt"].path) == b"12345"
    with pytest.raises(DeskRefused):
        await desk.list_files("missing")
