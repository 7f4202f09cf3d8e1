"""Text typed into real programs, read back from what they made of it."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable

import pytest

from hotdesk.desks.base import Desk, LeftClick, Press, Write
from hotdesk.errors import DeskRefused
from tests.desks.local.conftest import WAIT, eventually

ASCII = "".join(map(chr, range(33, 127))) + " end"
FRENCH = "L'été dernier, à Noël, ça coûtait 5 € — « où êtes-vous ? » naïve œuvre"
MIXED = "éüñßøÅ漢字日本語テスト中文한국어русскийελληνικά😀🚀👍🎉𝔘€£¥«»“”‘’–—…•→≠∞√πΩµ°§¶©®™½¾¿¡ÇçÀàÈèÊêËëÎîÏïÔôÙùÛûÜÖöÄäłŁżŻśŚěščřžýáíéůúťď"
JOINED = "👩‍👩‍👧 ✌🏽 e\u0301 न्दी ไทย שלום 🇪🇺"
TEXTS = pytest.mark.parametrize("text", [ASCII, FRENCH, MIXED, JOINED], ids=["ascii", "french", "mixed", "joined"])


def content_of(desk: Desk, path: str) -> Callable[[], Awaitable[str]]:
    async def look() -> str:
        try:
            return (await desk.read_file(path)).decode()
        except DeskRefused:
            return ""

    return look


async def typed_into_terminal(desk: Desk, text: str) -> str:
    await desk.launch("xterm -e sh -c 'cat > typed.txt'")
    await desk.settle(WAIT)
    await desk.act([Write(text=text + "\n"), Press(key="ctrl+d")])
    return await eventually(content_of(desk, "typed.txt"), lambda seen: seen.endswith("\n"))


@TEXTS
async def test_a_terminal_gets_it(desk: Desk, text: str) -> None:
    assert await typed_into_terminal(desk, text) == text + "\n"


async def test_lines_run_as_lines_in_a_terminal(desk: Desk) -> None:
    await desk.launch("terminal")
    await desk.settle(WAIT)
    await desk.act([Write(text="echo één 漢字 > a.txt\necho zwei > b.txt\necho fertig > c.txt\n")])
    assert await eventually(content_of(desk, "c.txt")) == "fertig\n"
    assert await desk.read_file("a.txt") == "één 漢字\n".encode()
    assert await desk.read_file("b.txt") == b"zwei\n"


async def test_writing_again_and_again_does_not_run_out_of_keys(desk: Desk) -> None:
    await desk.write_file("a.txt", b"")
    await desk.open("a.txt")
    await desk.settle(WAIT)
    alphabet = [chr(code) for code in range(0x4E00, 0x4E00 + 120)]
    words = ["".join(alphabet[start : start + 12]) for start in range(0, 120, 12)]
    await desk.act([Write(text=word) for word in words])
    await desk.act([Press(key="ctrl+s")])
    wanted = "".join(words)
    assert await eventually(content_of(desk, "a.txt"), lambda seen: seen == wanted) == wanted


async def test_capitals_stay_capitals_with_caps_lock_on(desk: Desk) -> None:
    await desk.write_file("a.txt", b"")
    await desk.open("a.txt")
    await desk.settle(WAIT)
    await desk.act([Press(key="Caps_Lock"), Write(text="Mixed CASE é"), Press(key="ctrl+s")])
    assert await eventually(content_of(desk, "a.txt")) == "Mixed CASE é"


async def test_the_clipboard_is_as_it_was_after_a_paste(desk: Desk) -> None:
    await desk.write_file("a.txt", "from the user ü".encode())
    await desk.open("a.txt")
    await desk.settle(WAIT)
    await desk.act(
        [
            Press(key="ctrl+a"),
            Press(key="ctrl+c"),
            Press(key="ctrl+End"),
            Write(text=f" {MIXED} "),
            Press(key="ctrl+v"),
            Press(key="ctrl+s"),
        ]
    )
    wanted = f"from the user ü {MIXED} from the user ü"
    assert await eventually(content_of(desk, "a.txt"), lambda seen: seen == wanted) == wanted


async def test_a_long_text_arrives_whole(desk: Desk) -> None:
    text = "".join(chr(33 + i * 37 % 94) if i % 7 else " " for i in range(2000)).strip() + "."
    await desk.write_file("a.txt", b"")
    await desk.open("a.txt")
    await desk.settle(WAIT)
    await desk.act([Write(text=text), Press(key="ctrl+s")])
    assert await eventually(content_of(desk, "a.txt"), lambda seen: seen == text) == text


async def test_control_characters_are_refused(desk: Desk) -> None:
    with pytest.raises(DeskRefused, match="control character"):
        await desk.act([Write(text="a\x1bb")])


async def test_an_unknown_key_is_refused_with_a_near_one(desk: Desk) -> None:
    with pytest.raises(DeskRefused, match=r"Did you mean «escape»"):
        await desk.act([Press(key="ctrl+escpe")])
    with pytest.raises(DeskRefused, match="combination"):
        await desk.act([Press(key="a+b")])


@pytest.mark.skipif(not shutil.which("chromium"), reason="chromium is not installed")
async def test_the_browser_gets_it(desk: Desk) -> None:
    """In a text area, and the address bar takes an address; the page tells by its title, which is the window's name."""
    page = b"<meta charset=utf-8><title>ready</title><textarea id=t autofocus style='width:90vw;height:60vh'></textarea>"
    page += b"<script>t.oninput=()=>{document.title='T:'+t.value}</script>"
    await desk.write_file("page.html", page)
    await desk.open("page.html")
    await desk.settle(WAIT)

    async def shown() -> str:
        name = (await desk.run("/usr/bin/python3 name.py")).stdout.strip()
        return name.strip("\u200e\u202a\u202b\u202c")  # what it puts around a title that is written both ways

    await desk.write_file("name.py", NAME)
    assert await eventually(shown, lambda seen: seen.startswith("ready"))
    await desk.act([LeftClick(x=500, y=400)])
    await desk.settle()
    for text in (ASCII, FRENCH, MIXED, JOINED):
        await desk.act([Press(key="ctrl+a"), Write(text=text)])
        wanted = f"T:{text} - Chromium"
        assert await eventually(shown, lambda seen, wanted=wanted: seen == wanted) == wanted


NAME = b"""
import subprocess
window = subprocess.run(["xprop", "-root", "_NET_ACTIVE_WINDOW"], capture_output=True, text=True).stdout.split()[-1]
name = subprocess.run(["xprop", "-id", window, "-notype", "-f", "_NET_WM_NAME", "8u", "_NET_WM_NAME"], capture_output=True).stdout
text = name.decode(errors="replace").partition(" = ")[2].strip()[1:-1]
print(text.replace('\\\\"', '"').replace("\\\\\\\\", "\\\\"))
"""
