"""When does an agent go round in circles?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hotdesk.brains.base import ToolCall
from hotdesk.worker.progress import GIVE_UP, NUDGE, PATIENCE, Progress, Verdict


def click(x: int) -> list[ToolCall]:
    return [ToolCall("id", "left_click", {"x": x, "y": 1})]


LOOK = [ToolCall("id", "screenshot", {})]


def verdicts(*steps: tuple[list[ToolCall], str]) -> list[Verdict]:
    progress = Progress()
    return [progress.step(calls, frame) for calls, frame in steps]


def test_the_same_on_an_unchanged_screen_is_nudged_and_then_ends() -> None:
    found = verdicts(*[(click(1), "f")] * GIVE_UP)
    assert found.index(Verdict.NUDGE) == NUDGE - 1
    assert found.index(Verdict.GIVE_UP) == GIVE_UP - 1


def test_the_same_action_on_a_changing_screen_is_progress() -> None:
    assert set(verdicts(*((click(1), f"f{n}") for n in range(50)))) == {Verdict.FINE}


def test_different_actions_on_an_unchanged_screen_are_no_repetition() -> None:
    assert set(verdicts(*((click(n), "f") for n in range(50)))) == {Verdict.FINE}


def test_a_cycle_is_found() -> None:
    cycle = [(click(1), "a"), (click(2), "b"), (click(3), "c")]
    found = verdicts(*cycle * GIVE_UP)
    assert Verdict.NUDGE in found
    assert found[-1] is Verdict.GIVE_UP


def test_waiting_for_something_is_given_more_time() -> None:
    found = verdicts(*[(LOOK, "f")] * (GIVE_UP * PATIENCE))
    assert found.index(Verdict.NUDGE) == NUDGE * PATIENCE - 1
    assert found.index(Verdict.GIVE_UP) == GIVE_UP * PATIENCE - 1


def test_something_new_begins_the_count_anew() -> None:
    stuck = [(click(1), "f")] * (GIVE_UP - 1)
    assert Verdict.GIVE_UP not in verdicts(*stuck, (click(2), "g"), *stuck)


@given(st.lists(st.tuples(st.integers(0, 2).map(click), st.sampled_from("ab")), max_size=80))
def test_giving_up_is_never_without_a_nudge_before(steps: list[tuple[list[ToolCall], str]]) -> None:
    found = verdicts(*steps)
    if Verdict.GIVE_UP in found:
        assert Verdict.NUDGE in found[: found.index(Verdict.GIVE_UP)]
