"""The benchmarks run and say what docs/benchmarks.md says they say; what they bill by is right. No number of theirs is held to anything."""

from __future__ import annotations

import base64
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bench import NAMES
from bench.__main__ import CANNOT
from bench.equipment import peers
from bench.equipment.bill import Bill, Block, Cache, bill, blocks, least, without_cache
from bench.equipment.report import Row, markdown
from hotdesk.brains.base import Given, Picture, Result, ToolCall, Turn

ROOT = Path(__file__).parents[2]
WRITTEN_BY_HAND = {"context", "overhead"}
ROW = {"what", "ours", "peer", "peer_is", "unit", "ratio", "goal", "met"}


@pytest.mark.parametrize("name", NAMES)
def test_a_quick_run_says_what_the_docs_say(name: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "bench", name, "--quick", "--json"], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    if ran.returncode == CANNOT:
        pytest.skip(ran.stderr.strip())
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert set(found) == {"name", "title", "rows", "machine", "versions"}
    assert found["name"] == name
    assert found["machine"]["cores"] >= 1
    assert found["versions"]["python"] == sys.version.split()[0]
    assert found["rows"]
    for row in found["rows"]:
        assert set(row) == ROW
        assert (row["peer"] is None) == (row["peer_is"] is None) == (row["ratio"] is None)
        assert (row["goal"] is None) == (row["met"] is None)
    assert any(row["goal"] for row in found["rows"])


def test_the_docs_name_every_benchmark_and_keep_a_place_for_its_table() -> None:
    said = (ROOT / "docs" / "benchmarks.md").read_text()
    assert set(re.findall(r"^## `(\w+)`", said, re.MULTILINE)) == set(NAMES)
    for name in set(NAMES) - WRITTEN_BY_HAND:
        assert re.search(rf"^<!-- {name}: .*-->$.*^<!-- end of {name} -->$", said, re.MULTILINE | re.DOTALL), name


def test_a_row_meets_its_goal_by_its_number_or_by_its_share_of_the_peers() -> None:
    assert Row("a", 14.9, "ms", at_most=15).met
    assert not Row("a", 15.0, "ms", at_most=15).met
    assert Row("a", 1, "tokens", 3, "b", share=1 / 3).met
    assert not Row("a", 1.1, "tokens", 3, "b", share=1 / 3).met
    assert Row("a", 1, "tokens", 3, "b").met is None


def test_a_goal_for_the_ratio_counts_only_beside_a_peer() -> None:
    assert Row("a", 2, "ms", share=1 / 30).goal is Row("a", 2, "ms", share=1 / 30).met is None
    assert Row("a", 2, "ms", 61, "b", share=1 / 30).met
    assert Row("a", 2, "ms", 59, "b", at_most=3, share=1 / 30).met is False
    assert Row("a", 4, "ms", 400, "b", at_most=3, share=1 / 30).met is False
    assert Row("a", 2, "ms", 61, "b", share=1 / 30).goal == "at most 1/30 of the peer's"
    assert Row("a", 5, "/s", 4, "b", at_least=5, over=1.25).met
    assert not Row("a", 5, "/s", 4.1, "b", over=1.25).met
    assert Row("a", 0, "events", at_most=0).met


def test_a_table_for_the_docs_has_a_line_for_each_row() -> None:
    rows = [Row("a", 2, "ms", 61, "b", share=1 / 30), Row("c", 3, "s")]
    table = markdown({"rows": [row.plain() for row in rows], "machine": {"cores": 2}})
    assert table.count("\n| ") == 2
    assert "| a | 2 ms | 61 ms | b | 0.0328 | at most 1/30 of the peer's | met |" in table


# The cache ----------------------------------------------------------------------------------------------------------------------------


def row(text: str, tokens: int = 1000) -> list[Block]:
    """Blocks named by letters; a capital one has a breakpoint."""
    return [Block(letter.lower(), tokens, letter.isupper()) for letter in text]


def test_without_breakpoints_every_token_is_at_full_price() -> None:
    assert bill([row("abc"), row("abc")]) == Bill(plain=6000, requests=2)
    assert without_cache([row("aBC"), row("aBC")]) == Bill(plain=6000, requests=2)


def test_what_a_breakpoint_wrote_is_read_by_the_next_request_and_only_the_rest_is_written() -> None:
    assert bill([row("aB"), row("abcD")]) == Bill(plain=0, read=2000, written=2000 + 2000, requests=2)
    assert bill([row("aB"), row("abcD")]).billed == 0.1 * 2000 + 1.25 * 4000


def test_what_follows_the_last_breakpoint_is_at_full_price() -> None:
    assert bill([row("aBc")]) == Bill(plain=1000, written=2000, requests=1)
    assert bill([row("aBc"), row("aBd")]) == Bill(plain=2000, read=2000, written=2000, requests=2)


def test_a_change_makes_the_cache_forget_what_follows_it_but_not_what_is_before_another_breakpoint() -> None:
    assert bill([row("abcD"), row("axcD")]) == Bill(written=8000, requests=2)
    assert bill([row("aBcD"), row("aBxD")]) == Bill(read=2000, written=4000 + 2000, requests=2)


def test_only_prefixes_that_were_written_are_read() -> None:
    assert bill([row("abC"), row("aBxy")]) == Bill(plain=2000, written=3000 + 2000, requests=2)


def test_a_written_prefix_is_found_at_most_twenty_blocks_before_a_breakpoint() -> None:
    near, far = "b" * 18 + "C", "b" * 19 + "C"
    assert bill([row("A", 2000), row("a" + near, 2000)]).read == 2000
    assert bill([row("A", 2000), row("a" + far, 2000)]).read == 0
    assert bill([row("A", 2000), row("A" + far, 2000)]).read == 2000


def test_a_prefix_that_is_too_short_is_not_written() -> None:
    assert bill([row("AB", 512)] * 2, minimum=1024) == Bill(read=1024, written=1024, requests=2)
    assert bill([row("AB", 511)] * 2, minimum=1024) == Bill(plain=2044, requests=2)


def test_more_than_four_breakpoints_are_refused() -> None:
    with pytest.raises(ValueError, match="breakpoints"):
        Cache().ask(row("ABCDE"))


def test_the_least_is_what_is_new_once_and_the_shared_part_from_a_cache() -> None:
    shared = [Block("s", 1000, of="system")]
    assert least([[*shared, *row("a")], [*shared, *row("abc")]]) == 2000 + 2000 + 100


# Blocks -------------------------------------------------------------------------------------------------------------------------------


def jpeg(width: int = 1280, height: int = 800, colour: str = "red") -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(data, "JPEG")
    return data.getvalue()


def image(data: bytes) -> dict[str, Any]:
    return {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": base64.b64encode(data).decode()}}


def test_text_counts_by_its_length_and_an_image_by_its_pixels_in_both_protocols() -> None:
    url = f"data:image/jpeg;base64,{base64.b64encode(jpeg()).decode()}"
    anthropic = blocks({"messages": [{"role": "user", "content": [{"type": "text", "text": "x" * 41}, image(jpeg())]}]})
    content = [{"type": "text", "text": "x" * 41}, {"type": "image_url", "image_url": {"url": url}}]
    openai = blocks({"messages": [{"role": "user", "content": content}]})
    assert [block.tokens for block in anthropic] == [block.tokens for block in openai] == [11, 1366]


def test_a_breakpoint_is_seen_wherever_it_stands_and_is_no_part_of_what_must_match() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    result = {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "Done."}]}
    bare = {"tools": [{"name": "t", "input_schema": {}}], "system": "S", "messages": [{"role": "user", "content": [result]}]}
    inner = {**result, "content": [{"type": "text", "text": "Done.", **mark}]}
    marked = {
        "tools": [{"name": "t", "input_schema": {}, **mark}],
        "system": [{"type": "text", "text": "S", **mark}],
        "messages": [{"role": "user", "content": [inner]}],
    }
    assert [block.breakpoint for block in blocks(bare)] == [False, False, False]
    assert [block.breakpoint for block in blocks(marked)] == [True, True, True]
    assert [block.key for block in blocks(bare)] == [block.key for block in blocks(marked)]
    assert [block.of for block in blocks(bare)] == ["tools", "system", "messages"]


def test_the_same_words_of_another_role_or_for_another_call_do_not_match() -> None:
    said = [blocks({"messages": [{"role": role, "content": "Hello"}]})[0].key for role in ("user", "assistant")]
    told = [blocks({"messages": [{"role": "tool", "tool_call_id": of, "content": "Done."}]})[0].key for of in ("c1", "c2")]
    assert len({*said, *told}) == 4


# Peers --------------------------------------------------------------------------------------------------------------------------------

SHARED: peers.Body = {"tools": [], "system": [{"type": "text", "text": "S"}]}


def history(steps: int) -> tuple[list[Any], list[list[bytes]]]:
    """Steps of a batch of two actions each, and the frames after each action."""
    entries: list[Any] = [Given("t1", "T", "I", "P", picture=Picture(jpeg(8, 8), "image/jpeg", 8, 8, "d"))]
    for step in range(steps):
        actions = [{"do": "press", "key": "a"}, {"do": "write", "text": "b"}]
        entries += [Turn("I type.", (ToolCall(f"c{step}", "act", {"actions": actions}),)), Result(f"c{step}", "Done.")]
    return entries, [[jpeg(8, 8, "blue"), jpeg(8, 8, "green")] for _ in range(steps)]


def images(body: peers.Body) -> int:
    return json.dumps(body).count('"type": "image"')


@pytest.mark.parametrize(("way", "requests", "shown"), [("batched", 4, 4), ("chained", 4, 7), ("single", 7, 7)])
def test_a_peer_is_shown_a_screenshot_for_each_call_whether_or_not_it_changed(way: peers.Way, requests: int, shown: int) -> None:
    bodies = list(peers.everything(SHARED, peers.turns(*history(3), way)))
    assert (len(bodies), images(bodies[-1])) == (requests, shown)


def test_the_demo_marks_the_system_prompt_and_the_three_newest_user_turns_and_keeps_every_image() -> None:
    bodies = list(peers.demo(SHARED, peers.turns(*history(6), "batched")))
    assert [sum(block.breakpoint for block in blocks(body)) for body in bodies] == [2, 3, 4, 4, 4, 4, 4]
    assert [images(body) for body in bodies] == [1, 2, 3, 4, 5, 6, 7]
    assert bill([blocks(body) for body in bodies], minimum=0).plain == 0


def test_the_demo_without_a_cache_keeps_three_images_and_drops_three_at_a_time() -> None:
    bodies = list(peers.demo_uncached(SHARED, peers.turns(*history(9), "batched")))
    assert [images(body) for body in bodies] == [1, 2, 3, 4, 5, 3, 4, 5, 3, 4]
