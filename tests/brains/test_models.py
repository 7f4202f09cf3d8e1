"""Brains with a model: the vendors' real SDKs over real HTTP, against a server that follows a script."""

from __future__ import annotations

import base64
import itertools
from typing import Any

import anyio
import pytest

from hotdesk.brains.base import Decision, Note, Result, Turn
from hotdesk.brains.context import CHUNK, INVALID, KEEP
from hotdesk.errors import BrainError
from tests.brains.asking import ALL, CLAUDE, DEDALUS, FINISH, GEMINI, LOCAL, OPENAI, TOOLS, asking, click, picture

pytestmark = pytest.mark.anyio

TWO = [CLAUDE, DEDALUS]
"""One of each wire protocol and of each adapter."""


@pytest.mark.parametrize("brain", ALL)
async def test_a_task_is_done_in_turns_with_reasoning_calls_and_a_result(monkeypatch: pytest.MonkeyPatch, brain: str) -> None:
    first = {"thinking": "A form.", "text": "I click on the field.", "calls": [click(5)]}
    async with asking(monkeypatch, brain, first, FINISH) as a:
        decision = await a.step()
        assert a.reasoning == "A form.\n\nI click on the field."
        assert [(call.name, dict(call.arguments)) for call in decision.calls] == [("left_click", {"x": 5, "y": 2})]
        assert (await a.think()) == Decision(done="Wrote a.md.", usage=decision.usage)
        assert len(a.server.requests) == 2
        assert a.waited == []


@pytest.mark.parametrize("brain", ALL)
async def test_the_model_is_shown_the_task_the_tools_and_every_new_screen(monkeypatch: pytest.MonkeyPatch, brain: str) -> None:
    async with asking(monkeypatch, brain, {"calls": [click()]}, FINISH) as a:
        await a.step()
        await a.think()
        first, second = a.server.requests
        assert first.tools == [*(tool.name for tool in TOOLS), "finish_task", "give_up"]
        assert first.tools == second.tools
        assert "Write it well." in first.text
        assert "You are an agent of Hotdesk" in first.text
        assert [base64.b64decode(image) for image in first.images] == [b"picture 0"]
        assert [base64.b64decode(image) for image in second.images] == [b"picture 0", b"picture 2"]


@pytest.mark.parametrize("brain", TWO)
async def test_several_calls_of_one_turn_keep_their_order(monkeypatch: pytest.MonkeyPatch, brain: str) -> None:
    async with asking(monkeypatch, brain, {"calls": [click(1), click(2), {"name": "screenshot"}]}, FINISH) as a:
        decision = await a.step()
        assert [(call.name, call.arguments.get("x")) for call in decision.calls] == [
            ("left_click", 1),
            ("left_click", 2),
            ("screenshot", None),
        ]
        assert len({call.id for call in decision.calls}) == 3
        await a.think()


@pytest.mark.parametrize("brain", TWO)
async def test_giving_up_fails_the_task_with_the_reason(monkeypatch: pytest.MonkeyPatch, brain: str) -> None:
    async with asking(monkeypatch, brain, {"calls": [{"name": "give_up", "arguments": {"reason": "No such site."}}]}) as a:
        decision = await a.think()
        assert (decision.done, decision.failed) == (None, "No such site.")


@pytest.mark.parametrize("brain", TWO)
async def test_an_end_in_the_same_breath_as_calls_waits_for_what_comes_of_them(monkeypatch: pytest.MonkeyPatch, brain: str) -> None:
    hasty = {"calls": [click(), *FINISH["calls"]]}
    async with asking(monkeypatch, brain, hasty, FINISH) as a:
        decision = await a.step()
        assert [call.name for call in decision.calls] == ["left_click"]
        assert (await a.think()).done == "Wrote a.md."


@pytest.mark.parametrize("brain", TWO)
async def test_an_ending_that_was_cut_off_still_has_its_words(monkeypatch: pytest.MonkeyPatch, brain: str) -> None:
    cut = {"calls": [{"name": "finish_task", "arguments": '{"result": "Wrote a.md and b'}]}
    async with asking(monkeypatch, brain, cut) as a:
        assert (await a.think()).done == "Wrote a.md and b"


@pytest.mark.parametrize("brain", [*TWO, OPENAI, GEMINI])
async def test_thinking_can_be_broken_off_at_any_time(monkeypatch: pytest.MonkeyPatch, brain: str) -> None:
    slow = {"text": "one two three four five", "calls": [click()], "slow": 0.02}
    async with asking(monkeypatch, brain, slow, {"calls": [click()]}) as a:
        with anyio.move_on_after(0.05) as scope:
            await a.think()
        assert scope.cancelled_caught
        assert (await a.think()).calls


# A text instead of a call -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("brain", [*TWO, GEMINI])
async def test_a_text_without_a_call_is_answered_once_with_a_nudge(monkeypatch: pytest.MonkeyPatch, brain: str) -> None:
    async with asking(monkeypatch, brain, {"text": "I would click."}, {"calls": [click()]}) as a:
        decision = await a.think()
        assert [call.name for call in decision.calls] == ["left_click"]
        assert "without calling a tool" in a.server.requests[1].text
        assert "I would click." in a.server.requests[1].text
        assert len(decision.usage) == 2


@pytest.mark.parametrize("brain", TWO)
async def test_a_second_text_is_the_result(monkeypatch: pytest.MonkeyPatch, brain: str) -> None:
    async with asking(monkeypatch, brain, {"text": "I think it is done."}, {"text": "It is done, in a.md."}) as a:
        assert (await a.think()).done == "It is done, in a.md."


@pytest.mark.parametrize("brain", TWO)
async def test_a_model_that_says_nothing_at_all_fails_the_task(monkeypatch: pytest.MonkeyPatch, brain: str) -> None:
    async with asking(monkeypatch, brain, {}, {}) as a:
        decision = await a.think()
        assert decision.failed is not None
        assert "answered with nothing" in decision.failed


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>\n{"name": "left_click", "arguments": {"x": 7, "y": 2}}\n</tool_call>',
        '```json\n{"name": "left_click", "parameters": {"x": 7, "y": 2}}\n```',
        '{"name": "left_click", "arguments": "{\\"x\\": 7, \\"y\\": 2}"}',
    ],
)
@pytest.mark.parametrize("brain", [LOCAL, DEDALUS])
async def test_a_call_that_a_small_model_wrote_as_text_is_a_call(monkeypatch: pytest.MonkeyPatch, brain: str, text: str) -> None:
    async with asking(monkeypatch, brain, {"text": text}, FINISH) as a:
        decision = await a.step()
        assert [(call.name, dict(call.arguments)) for call in decision.calls] == [("left_click", {"x": 7, "y": 2})]
        await a.think()


# Odd answers --------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("brain", TWO)
@pytest.mark.parametrize("arguments", ['{"x": 1, "y":', "click there", "[1, 2]"])
async def test_arguments_that_are_no_object_go_back_as_a_call_that_fails(
    monkeypatch: pytest.MonkeyPatch, brain: str, arguments: str
) -> None:
    async with asking(monkeypatch, brain, {"calls": [{"name": "left_click", "arguments": arguments}]}, FINISH) as a:
        decision = await a.think()
        assert list(decision.calls[0].arguments) == [INVALID]
        a.done(decision, "The arguments of left_click do not fit: x: field required.", error=True, picture=None)
        await a.think()
        assert "were no valid JSON object" in a.server.requests[1].text
        assert "x: field required" in a.server.requests[1].text


@pytest.mark.parametrize("brain", [DEDALUS, LOCAL, OPENAI])
@pytest.mark.parametrize("call_id", [None, "", "call_0", "weird id!/#"])
async def test_missing_and_odd_ids_are_replaced_by_ones_that_are_unique(
    monkeypatch: pytest.MonkeyPatch, brain: str, call_id: str | None
) -> None:
    turn = {"calls": [click(1, id=call_id)]}
    async with asking(monkeypatch, brain, turn, turn, FINISH) as a:
        first, second = await a.step(), await a.step()
        assert first.calls[0].id != second.calls[0].id
        await a.think()


@pytest.mark.parametrize("brain", [DEDALUS, LOCAL, OPENAI])
async def test_a_server_that_leaves_out_usage_leaves_the_price_unknown(monkeypatch: pytest.MonkeyPatch, brain: str) -> None:
    async with asking(monkeypatch, brain, {"calls": [click()], "usage": None}) as a:
        assert (await a.think()).usage == ()


@pytest.mark.parametrize("brain", [DEDALUS, LOCAL])
async def test_a_server_that_never_says_it_ended_is_believed_in_the_end(monkeypatch: pytest.MonkeyPatch, brain: str) -> None:
    silent = {"text": "I click.", "calls": [click()], "stop": ""}
    async with asking(monkeypatch, brain, silent, silent, silent) as a:
        decision = await a.think()
        assert [call.name for call in decision.calls] == ["left_click"]
        assert a.reasoning == "I click."
        assert len(decision.usage) == len(a.server.requests), "each of the calls was paid for"


# Money --------------------------------------------------------------------------------------------------------------------------------


async def test_usage_and_dollars_are_told_for_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = {"input": 1_000_000, "cached": 600_000, "written": 300_000, "output": 100_000}
    async with asking(monkeypatch, CLAUDE, {"calls": [click()], "usage": usage}) as a:
        (spent,) = (await a.think()).usage
        assert (spent.model, spent.input, spent.cached, spent.written, spent.output) == (CLAUDE, 1_000_000, 600_000, 300_000, 100_000)
        assert spent.dollars is not None
        # 100,000 plain at 2 $, 600,000 read at 0.1 $ (a tenth less for Sonnet 5.5), 300,000 written at 2.5 $, 100,000 out at 10 $.
        assert 1.5 < spent.dollars < 2.5


async def test_dedalus_is_priced_by_the_vendor_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        asking(monkeypatch, DEDALUS, {"calls": [click()]}) as a,
        asking(monkeypatch, CLAUDE, {"calls": [click()], "usage": {"written": 0}}) as b,
    ):
        assert (await a.think()).usage[0].dollars == (await b.think()).usage[0].dollars is not None


async def test_an_unknown_price_is_none_and_never_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with asking(monkeypatch, LOCAL, {"calls": [click()]}) as a:
        (spent,) = (await a.think()).usage
        assert spent.input == 1000
        assert spent.dollars is None


# Trouble ------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("brain", [*TWO, OPENAI, GEMINI])
@pytest.mark.parametrize(("status", "why"), [(429, "its rate limit is reached"), (529, "it is overloaded"), (500, "trouble of its own")])
async def test_trouble_is_waited_out_and_said(monkeypatch: pytest.MonkeyPatch, brain: str, status: int, why: str) -> None:
    bad = {"status": status, "retry_after": 12}
    async with asking(monkeypatch, brain, bad, bad, {"calls": [click()]}) as a:
        assert (await a.think()).calls
        assert a.slept == [12.0, 12.0]
        assert len(a.waited) == 2
        assert a.waited[0].startswith("Waiting for ")
        assert "12 s" in a.waited[0]
        assert why in a.waited[0]
        assert len(a.server.requests) == 3, "the SDK's own retries are off"


@pytest.mark.parametrize("brain", TWO)
async def test_without_a_word_of_the_vendor_the_pauses_grow(monkeypatch: pytest.MonkeyPatch, brain: str) -> None:
    async with asking(monkeypatch, brain, *[{"status": 529}] * 4, {"calls": [click()]}) as a:
        await a.think()
        assert len(a.slept) == 4
        assert all(later > earlier for earlier, later in zip(a.slept, a.slept[1:], strict=False))


@pytest.mark.parametrize("brain", TWO)
async def test_patience_ends_with_a_sentence(monkeypatch: pytest.MonkeyPatch, brain: str) -> None:
    async with asking(monkeypatch, brain, *[{"status": 529}] * 20) as a:
        with pytest.raises(BrainError, match="stayed overloaded"):
            await a.think()
        assert len(a.server.requests) == 6


@pytest.mark.parametrize("brain", TWO)
async def test_a_wait_that_is_too_long_is_not_waited(monkeypatch: pytest.MonkeyPatch, brain: str) -> None:
    async with asking(monkeypatch, brain, {"status": 429, "retry_after": 3600}) as a:
        with pytest.raises(BrainError, match="rate limit"):
            await a.think()
        assert a.slept == []


@pytest.mark.parametrize("brain", [*TWO, OPENAI])
async def test_an_overload_inside_the_stream_is_waited_out_too(monkeypatch: pytest.MonkeyPatch, brain: str) -> None:
    turn = {"text": "I click on it.", "calls": [click()]}
    async with asking(monkeypatch, brain, {"text": "I click", "in_stream": "overloaded_error"}, turn) as a:
        assert (await a.think()).calls
        assert len(a.waited) == 1
        assert a.reasoning == "I click on it."


@pytest.mark.parametrize("brain", [*TWO, OPENAI])
@pytest.mark.parametrize("cut", [3, 5, 7])
async def test_a_cut_stream_is_asked_for_again_and_nothing_is_shown_twice(monkeypatch: pytest.MonkeyPatch, brain: str, cut: int) -> None:
    turn = {"text": "I click on the blue button there.", "calls": [click()]}
    async with asking(monkeypatch, brain, {**turn, "cut": cut}, turn) as a:
        decision = await a.think()
        assert a.reasoning == "I click on the blue button there."
        assert len(decision.calls) == 1
        assert len(a.waited) == 1


@pytest.mark.parametrize("brain", TWO)
async def test_a_retry_that_says_something_else_is_shown_whole(monkeypatch: pytest.MonkeyPatch, brain: str) -> None:
    async with asking(monkeypatch, brain, {"text": "I click on the blue button.", "cut": 5}, {"text": "I type.", "calls": [click()]}) as a:
        await a.think()
        assert a.reasoning.startswith("I click")
        assert a.reasoning.endswith("\n\nI type.")


async def test_what_a_cut_stream_cost_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    turn = {"text": "I click on the blue button there.", "calls": [click()]}
    async with asking(monkeypatch, CLAUDE, {**turn, "cut": 6}, turn) as a:
        usage = (await a.think()).usage
        assert [spent.input for spent in usage] == [1000, 1000]


@pytest.mark.parametrize("brain", TWO)
async def test_slow_tokens_are_streamed_as_they_come(monkeypatch: pytest.MonkeyPatch, brain: str) -> None:
    async with asking(monkeypatch, brain, {"text": "one two three four", "calls": [click()], "slow": 0.002}) as a:
        pieces = [piece async for piece in a.brain.think(a.history, TOOLS)]
        assert len(pieces) >= 5


@pytest.mark.parametrize("brain", [*TWO, OPENAI, GEMINI])
@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"status": 401, "error": "invalid x-api-key"}, "did not accept the key"),
        ({"status": 404, "error": "no such model"}, "has no model"),
        ({"status": 402, "error": "no credit"}, "quota"),
        ({"status": 400, "error": "prompt is too long: 300000 tokens"}, "too long"),
        ({"refusal": "I will not do that."}, "declined"),
        ({"status": 418, "error": "a teapot"}, "rejected the request"),
    ],
)
async def test_what_waiting_cannot_mend_fails_at_once_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, brain: str, bad: dict[str, Any], sentence: str
) -> None:
    if "refusal" in bad and brain == GEMINI:
        bad = {**bad, "text": "I"}
    if "refusal" in bad and brain == OPENAI:
        bad = {**bad, "stop": "content_filter"}
    async with asking(monkeypatch, brain, bad) as a:
        with pytest.raises(BrainError, match=sentence):
            await a.think()
        assert a.slept == []
        assert len(a.server.requests) == 1


@pytest.mark.parametrize("brain", [CLAUDE, DEDALUS, OPENAI, GEMINI])
async def test_a_dead_endpoint_is_tried_and_then_said(monkeypatch: pytest.MonkeyPatch, brain: str) -> None:
    async with asking(monkeypatch, brain) as a:
        pass
    dead = {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9", "DEDALUS_BASE_URL": "http://127.0.0.1:9"}
    dead |= {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "GOOGLE_GEMINI_BASE_URL": "http://127.0.0.1:9"}
    async with asking(monkeypatch, brain, **dead) as a:
        with pytest.raises(BrainError, match="could not be asked"):
            await a.think()
        assert len(a.waited) == 5


# Somebody else steps in ---------------------------------------------------------------------------------------------------------------


async def test_a_later_model_steps_in_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    async with asking(monkeypatch, f"{DEDALUS}, {CLAUDE}", {"status": 402, "error": "no credit"}, {"calls": [click()]}, FINISH) as a:
        decision = await a.step()
        assert [call.name for call in decision.calls] == ["left_click"]
        assert decision.usage[0].model == CLAUDE
        assert a.waited == ["The quota of the account at Dedalus is used up (no credit). Going on with Claude (claude-sonnet-5-5)."]
        await a.think()
        assert [request.protocol for request in a.server.requests] == ["openai", "anthropic", "anthropic"]


async def test_a_model_that_was_overloaded_is_asked_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    script: list[dict[str, Any]] = [*[{"status": 529}] * 3, {"calls": [click(1)]}, {"calls": [click(2)]}, {"calls": [click(3)]}]
    async with asking(monkeypatch, f"{CLAUDE},{DEDALUS}", *script) as a:
        monkeypatch.setattr(a.brain, "_clock", lambda: now)
        await a.step()
        await a.step()
        now = 1000.0
        await a.step()
        assert [request.protocol for request in a.server.requests][3:] == ["openai", "openai", "anthropic"]


async def test_the_last_one_says_why_nobody_can_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    async with asking(monkeypatch, f"{CLAUDE},{DEDALUS}", {"status": 401}, {"status": 401}) as a:
        with pytest.raises(BrainError, match=r"Dedalus did not accept the key.*Check DEDALUS_API_KEY"):
            await a.think()


# What a vendor gets to see ------------------------------------------------------------------------------------------------------------


async def test_claude_is_given_its_thoughts_back_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    async with asking(monkeypatch, CLAUDE, {"thinking": "Hm, a form.", "text": "I click.", "calls": [click()]}, FINISH) as a:
        await a.step()
        await a.think()
        blocks = a.server.requests[1].messages[1]["content"]
        assert [block["type"] for block in blocks] == ["thinking", "text", "tool_use"]
        assert blocks[0]["signature"]


async def test_an_older_claude_does_not_think_in_a_turn_whose_thoughts_are_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    brain = "anthropic:claude-opus-4-5"
    async with asking(monkeypatch, brain, {"thinking": "Hm.", "calls": [click()]}, {"calls": [click()]}) as a:
        await a.step()
        before = a.history
    async with asking(monkeypatch, brain, {"calls": [click()]}) as b:  # another process
        b.history = before
        await b.think()
        assert a.server.requests[0].body["thinking"]["type"] == "enabled"
        assert "thinking" not in b.server.requests[0].body or b.server.requests[0].body["thinking"]["type"] == "disabled"


async def test_thinking_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    async with asking(monkeypatch, "anthropic:claude-sonnet-4-6", {"calls": [click()]}, HOTDESK_THINKING="0") as a:
        await a.think()
        assert a.server.requests[0].body.get("thinking", {}).get("type") in (None, "disabled")


def _marked(node: Any, path: str = "") -> list[str]:
    if isinstance(node, dict):
        here = [path] if "cache_control" in node else []
        return here + [found for name, item in node.items() for found in _marked(item, f"{path}/{name}")]
    if isinstance(node, list):
        return [found for number, item in enumerate(node) for found in _marked(item, f"{path}/{number}")]
    return []


async def test_claude_remembers_system_tools_and_the_conversation_up_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async with asking(monkeypatch, CLAUDE, {"calls": [click()]}, {"calls": [click(), click()]}, FINISH) as a:
        await a.step()
        await a.step()
        await a.think()
        for request in a.server.requests:
            last = len(request.messages) - 1
            end = len(request.messages[-1]["content"]) - 1
            assert sorted(_marked(request.body)) == sorted(
                [f"/tools/{len(request.tools) - 1}", "/system/0", f"/messages/{last}/content/{end}"]
            )


async def test_claude_behind_dedalus_is_marked_too_unless_dedalus_rejects_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with asking(
        monkeypatch, DEDALUS, {"calls": [click()]}, {"calls": [click()], "reject": "cache_control"}, {"calls": [click()]}, FINISH
    ) as a:
        await a.step()
        await a.step()
        await a.think()
        marked = [bool(_marked(request.body)) for request in a.server.requests]
        assert marked == [True, True, False, False]


async def test_dedalus_is_told_of_its_mcp_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    servers = "windsor/search, https://mcp.example/x"
    turn = {"hosted": ["windsor/search", "find"], "text": "I click.", "calls": [click()]}
    async with asking(monkeypatch, DEDALUS, turn, HOTDESK_DEDALUS_MCP_SERVERS=servers) as a:
        await a.think()
        assert "Dedalus ran windsor/search: find" in a.reasoning
        assert "windsor/search" in str(a.server.requests[0].body["mcp_servers"])


async def test_dedalus_may_choose_among_models_and_is_priced_by_the_one_that_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    turn = {"calls": [click()], "usage": {"written": 0}}
    async with (
        asking(monkeypatch, "dedalus:openai/gpt-5.6-terra | anthropic/claude-sonnet-5-5", turn) as a,
        asking(monkeypatch, CLAUDE, turn) as b,
    ):
        spent = (await a.think()).usage[0]
        assert a.server.requests[0].body["model"] == ["openai/gpt-5.6-terra", "anthropic/claude-sonnet-5-5"]
        assert spent.dollars == (await b.think()).usage[0].dollars is not None


@pytest.mark.parametrize("brain", ALL)
async def test_over_many_steps_only_the_end_of_the_conversation_is_new(monkeypatch: pytest.MonkeyPatch, brain: str) -> None:
    async with asking(monkeypatch, brain, *[{"thinking": "Hm.", "text": "I click.", "calls": [click(n)]} for n in range(14)]) as a:
        for _ in range(14):
            await a.step()
        conversations = [_plain(request.messages) for request in a.server.requests]
        grown = sum(later[: len(earlier)] == earlier for earlier, later in itertools.pairwise(conversations))
        assert grown >= 13 - 14 // CHUNK, "old pictures are dropped in chunks, not one each time"
        assert all(1 <= len(request.images) < KEEP + CHUNK for request in a.server.requests)
        newest = [base64.b64decode(request.images[-1]) for request in a.server.requests]
        assert newest == [f"picture {2 * number}".encode() for number in range(14)]


def _plain(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: _plain(item) for name, item in node.items() if name != "cache_control"}
    return [_plain(item) for item in node] if isinstance(node, list) else node


@pytest.mark.parametrize("brain", ALL)
async def test_an_interrupted_turn_is_mended_before_the_next_call(monkeypatch: pytest.MonkeyPatch, brain: str) -> None:
    async with asking(monkeypatch, brain, {"calls": [click(1), click(2), click(3)]}, FINISH) as a:
        decision = await a.think()
        a.history.append(Result(decision.calls[0].id, "Done.", picture=picture(5)))
        a.history.append(Note("I have moved the window.", picture(6)))
        assert isinstance(a.history[1], Turn)
        assert (await a.think()).done
        assert "interrupted" in a.server.requests[1].text
        assert "I have moved the window." in a.server.requests[1].text


async def test_claude_remembers_up_to_where_pictures_have_become_words_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async with asking(monkeypatch, CLAUDE, *[{"calls": [click(n)]} for n in range(14)]) as a:
        for _ in range(14):
            await a.step()
        marks = [[mark for mark in _marked(request.body) if mark.startswith("/messages/")] for request in a.server.requests]
        assert {len(found) for found in marks} == {1, 2}
        places = {found[0] for found in marks if len(found) == 2}
        assert len(places) <= 14 // CHUNK, "the place stays where it is until pictures are dropped"
