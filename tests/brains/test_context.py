"""The history as a conversation: what holds for any history."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from hypothesis import given as whenever
from hypothesis import strategies as st

from hotdesk.brains.base import Entry, Given, Note, Picture, Result, ToolCall, Turn
from hotdesk.brains.context import CHUNK, DROPPED, KEEP, LONGEST, UNCHANGED, Answered, Heard, Message, Said, conversation


def picture(number: int) -> Picture:
    return Picture(b"x", "image/png", 1280, 800, f"digest {number}")


def given(number: int = 0) -> Given:
    return Given("t1", "Title", "Instructions.", "Prompt.", picture=picture(number))


def step(number: int, *, shown: int | None = None) -> list[Entry]:
    call = ToolCall(f"c{number}", "left_click", {"x": number})
    return [Turn(f"Thought {number}.", (call,)), Result(call.id, f"Done {number}.", picture=picture(number if shown is None else shown))]


def steps(count: int) -> list[Entry]:
    return [given(), *(entry for number in range(1, count + 1) for entry in step(number))]


def pictures(messages: Sequence[Message]) -> list[str]:
    found: list[str] = []
    for message in messages:
        if isinstance(message, Heard) and message.picture:
            found.append(message.picture.digest)
        if isinstance(message, Answered):
            found += [answer.picture.digest for answer in message.answers if answer.picture]
    return found


def texts(messages: Sequence[Message]) -> str:
    said = []
    for message in messages:
        match message:
            case Heard(text=text):
                said.append(text)
            case Said(reasoning=text):
                said.append(text)
            case Answered(answers=answers):
                said += [answer.text for answer in answers]
    return "\n".join(said)


def test_old_pictures_become_words_and_what_was_done_stays() -> None:
    messages = conversation(steps(30))
    assert pictures(messages)[-1] == "digest 30"
    assert KEEP <= len(pictures(messages)) < KEEP + CHUNK
    assert texts(messages).count(DROPPED) == 31 - len(pictures(messages))
    assert all(f"Done {number}." in texts(messages) for number in range(1, 31))


def test_an_unchanged_screen_is_not_shown_again() -> None:
    messages = conversation([given(1), *step(2, shown=1), *step(3, shown=1), *step(4)])
    assert pictures(messages) == ["digest 1", "digest 4"]
    assert texts(messages).count(UNCHANGED) == 2


def test_a_screen_that_comes_back_is_shown_again() -> None:
    assert pictures(conversation([given(1), *step(2), *step(3, shown=1)])) == ["digest 1", "digest 2", "digest 1"]


def test_a_very_long_result_loses_its_middle() -> None:
    call = ToolCall("c", "read_file", {})
    messages = conversation([given(), Turn("", (call,)), Result("c", "a" * LONGEST + "b" * LONGEST)])
    said = texts(messages)
    assert len(said) < LONGEST + 1000
    assert "characters left out" in said
    assert said.rstrip().endswith("b")


def test_a_note_in_the_middle_of_a_turn_comes_after_its_results() -> None:
    calls = (ToolCall("a", "left_click", {}), ToolCall("b", "left_click", {}))
    kinds = [type(m) for m in conversation([given(), Turn("T", calls), Result("a", "Done."), Note("Stop."), Result("b", "Done.")])]
    assert kinds == [Heard, Said, Answered, Heard]


@st.composite
def histories(draw: st.DrawFn) -> list[Entry]:
    """Any history that could come about, interrupted and repeated in every way."""
    history: list[Entry] = [given(draw(st.integers(0, 3)))]
    for number in range(draw(st.integers(0, 25))):
        count = draw(st.integers(0, 3))
        calls = tuple(ToolCall(f"{number}-{n}", draw(st.sampled_from(["act", "run"])), {"n": n}) for n in range(count))
        history.append(Turn(draw(st.sampled_from(["", "Thought."])), calls))
        for call in draw(st.permutations(calls)):
            if draw(st.booleans()) or draw(st.booleans()):
                shown = draw(st.none() | st.integers(0, 5).map(picture))
                history.append(Result(call.id, draw(st.sampled_from(["", "Done."])), error=draw(st.booleans()), picture=shown))
        if draw(st.integers(0, 5)) == 0:
            history.append(Note("A word.", draw(st.none() | st.integers(0, 5).map(picture))))
        if draw(st.integers(0, 9)) == 0:
            history.append(Result("nobody", "A result of no call."))
    return history


@whenever(histories())
def test_every_call_has_exactly_one_result_right_after_it(history: list[Entry]) -> None:
    messages = conversation(history)
    for message, following in zip(messages, [*messages[1:], None], strict=True):
        if isinstance(message, Said) and message.calls:
            assert isinstance(following, Answered)
            assert [answer.call.id for answer in following.answers] == [call.id for call in message.calls]
            assert all(answer.text for answer in following.answers)
        elif isinstance(following, Answered):
            raise AssertionError("results without calls")


@whenever(histories())
def test_a_conversation_begins_with_the_task_ends_with_news_and_nobody_speaks_twice(history: list[Entry]) -> None:
    messages = conversation(history)
    assert isinstance(messages[0], Heard)
    assert isinstance(messages[-1], (Heard, Answered))
    for message, following in itertools.pairwise(messages):
        assert not (isinstance(message, Said) and isinstance(following, Said))


@whenever(histories())
def test_pictures_are_bounded_and_the_newest_are_there(history: list[Entry]) -> None:
    shown = pictures(conversation(history))
    assert len(shown) < KEEP + CHUNK
    assert shown, "there is always a picture of the screen"
    everything = pictures(conversation(history, keep=10_000))
    assert shown[-KEEP:] == everything[-KEEP:]


@whenever(histories())
def test_the_same_history_is_the_same_conversation(history: list[Entry]) -> None:
    assert conversation(history) == conversation(list(history))


@whenever(histories())
def test_a_conversation_grows_only_at_its_end_but_for_a_drop_of_pictures(history: list[Entry]) -> None:
    """Seen turn by turn, as the loop calls: a drop happens at most once in `CHUNK` pictures."""
    ends = [index for index, entry in enumerate(history) if isinstance(entry, Turn)] + [len(history)]
    seen = [conversation(history[:end]) for end in ends]
    drops = 0
    for earlier, later in itertools.pairwise(seen):
        # «Go on.» stands in for what a turn without calls has not been answered with.
        drops += later[: len(earlier)] != earlier
    count = len(pictures(conversation(history, keep=10_000)))
    assert drops <= count // CHUNK
