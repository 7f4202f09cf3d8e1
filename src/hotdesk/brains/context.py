"""The history as a conversation for a model, the same for every vendor. Pure functions: same history, same conversation.

What holds for any history: every call has exactly one result, right after the turn that made it, also where a turn was interrupted; there
are never more than `KEEP + CHUNK - 1` pictures, and the newest is always among them; and as the history grows, the conversation only grows
at its end, except that once in `CHUNK` pictures the oldest ones become words. So a vendor's cache can serve all but the newest part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hotdesk.brains.base import Entry, Given, Note, Picture, Result, ToolCall, Turn
from hotdesk.brains.prompt import given_text

__all__ = ["CHUNK", "INVALID", "KEEP", "Answer", "Answered", "Heard", "Message", "Said", "conversation"]

KEEP = 1
"""Newest pictures that are always there."""
CHUNK = 4
"""Pictures that are dropped at one time. Each drop makes a cache forget what follows it; each picture kept costs a tenth of its price again
in every call. With one kept, a drop rewrites nothing but the newest picture; `bench context` has the sums. Fewer would cost a little
less still, but an agent that sees only the screen of this moment cannot compare."""
LONGEST = 30_000
"""Characters of one result that the model is given; the middle of longer ones is left out."""
INVALID = "invalid_json"
"""The one argument of a call whose arguments were not JSON: the text as it came. No tool takes it, so such a call does nothing."""

UNCHANGED = "(The screen is as in the picture before.)"
DROPPED = "(There was a picture of the screen here.)"
NOT_DONE = "Not done: this was interrupted before it could be done. Look at the screen and decide again."
WAS_INVALID = "The arguments of this call were no valid JSON object, so nothing was done. Call it again with valid ones."


@dataclass(frozen=True, slots=True)
class Heard:
    """What the model is told."""

    text: str
    picture: Picture | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What the model said, and the calls it made."""

    reasoning: str
    calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one call."""

    call: ToolCall
    text: str
    error: bool = False
    picture: Picture | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of the calls of the `Said` before, one for each, in their order. `settled`: the pictures up to and with it are words for
    good, so it is a place for a cache to remember."""

    answers: tuple[Answer, ...]
    settled: bool = False


Message = Heard | Said | Answered


def conversation(history: Sequence[Entry], keep: int = KEEP, chunk: int = CHUNK) -> list[Message]:
    """The history as messages. Begins with `Heard`, and ends with `Heard` or `Answered`."""
    return _without_old_pictures(_without_unchanged(_paired(history)), keep, chunk)


def _paired(history: Sequence[Entry]) -> list[Message]:
    """Turns with their results, whatever order they lie in; what belongs to no call is left out."""
    messages: list[Message] = []
    for index, entry in enumerate(history):
        match entry:
            case Given():
                messages.append(Heard(given_text(entry), entry.picture))
            case Note():
                messages.append(Heard(entry.text, entry.picture))
            case Turn():
                messages += _turn(entry, _results_after(history, index))
            case Result():
                pass
    if not messages or not isinstance(messages[0], Heard):
        messages.insert(0, Heard("Begin."))
    if isinstance(messages[-1], Said):
        messages.append(Heard("Go on."))
    return messages


def _results_after(history: Sequence[Entry], index: int) -> dict[str, Result]:
    found: dict[str, Result] = {}
    for entry in history[index + 1 :]:
        if isinstance(entry, Turn):
            break
        if isinstance(entry, Result):
            found.setdefault(entry.call, entry)
    return found


def _turn(turn: Turn, results: dict[str, Result]) -> list[Message]:
    if not turn.calls:
        return [Said(turn.reasoning), Heard("Go on.")] if turn.reasoning.strip() else []
    return [Said(turn.reasoning, turn.calls), Answered(tuple(_answer(call, results.get(call.id)) for call in turn.calls))]


def _answer(call: ToolCall, result: Result | None) -> Answer:
    if result is None:
        return Answer(call, NOT_DONE, error=True)
    text = _shortened(result.text) or ("It could not be done." if result.error else "Done.")
    if set(call.arguments) == {INVALID}:
        text = f"{WAS_INVALID} ({text})"
    return Answer(call, text, result.error or result.interrupted, result.picture)


def _shortened(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    half = LONGEST // 2
    return f"{text[:half]}\n(… {len(text) - 2 * half:,} characters left out …)\n{text[-half:]}"


# Pictures ---------------------------------------------------------------------------------------------------------------------------


def _pictures(messages: Sequence[Message]) -> list[Picture | None]:
    """The picture, or the lack of one, at each place where one can be, in order."""
    found: list[Picture | None] = []
    for message in messages:
        match message:
            case Heard():
                found.append(message.picture)
            case Answered():
                found += [answer.picture for answer in message.answers]
            case Said():
                pass
    return found


def _with_pictures(messages: Sequence[Message], placed: Sequence[tuple[Picture | None, str]]) -> list[Message]:
    """The messages with other pictures in the places of `_pictures`, and words added in each."""
    places, made = iter(placed), list[Message]()
    for message in messages:
        match message:
            case Heard():
                picture, words = next(places)
                made.append(Heard(_joined(message.text, words), picture))
            case Answered():
                answers = []
                for answer in message.answers:
                    picture, words = next(places)
                    answers.append(replace(answer, text=_joined(answer.text, words), picture=picture))
                made.append(replace(message, answers=tuple(answers)))
            case Said():
                made.append(message)
    return made


def _joined(text: str, words: str) -> str:
    return f"{text}\n{words}" if words else text


def _without_unchanged(messages: Sequence[Message]) -> list[Message]:
    """A screen that is as it was shown last is not shown again."""
    last, placed = "", list[tuple[Picture | None, str]]()
    for picture in _pictures(messages):
        if picture is not None and picture.digest and picture.digest == last:
            placed.append((None, UNCHANGED))
        else:
            placed.append((picture, ""))
            last = picture.digest if picture is not None else last
    return _with_pictures(messages, placed)


def _without_old_pictures(messages: Sequence[Message], keep: int, chunk: int) -> list[Message]:
    """The oldest pictures become words, `chunk` at a time, so that at least `keep` stay."""
    pictures = _pictures(messages)
    count = sum(picture is not None for picture in pictures)
    drop = max(0, (count - keep) // chunk * chunk)
    placed, seen = list[tuple[Picture | None, str]](), 0
    for picture in pictures:
        seen += picture is not None
        placed.append((None, DROPPED) if picture is not None and seen <= drop else (picture, ""))
    made = _with_pictures(messages, placed)
    return _settled(made) if drop else made


def _settled(messages: list[Message]) -> list[Message]:
    """Mark the last results before the first picture that is still there."""
    place, found = 0, None
    for index, message in enumerate(messages):
        if any(picture is not None for picture in _pictures([message])):
            break
        if isinstance(message, Answered):
            place, found = index, replace(message, settled=True)
    return [*messages[:place], found, *messages[place + 1 :]] if found is not None else messages
