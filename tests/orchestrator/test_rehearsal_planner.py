"""The rehearsal planner's rules, by example."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotdesk.orchestrator.planner import PlannedTask, checked
from hotdesk.orchestrator.rehearsal import plan


def titles(prompt: str) -> list[str]:
    return [task.title for task in plan(prompt).tasks]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("- buy milk\n- read mail", ["Buy milk", "Read mail"]),
        ("Please do:\n1. one thing\n2) another thing\n", ["One thing", "Another thing"]),
        ("Write a poem and make a table", ["Write a poem", "Make a table"]),
        ("Write a poem, draw a cat, and make a table. Open the browser.", ["Write a poem, draw a cat", "Make a table", "Open the browser"]),
        ("Collect data. Finally, draw a chart!", ["Collect data", "Draw a chart"]),
    ],
)
def test_lists_sentences_and_orders_joined_by_and_become_tasks(prompt: str, expected: list[str]) -> None:
    assert titles(prompt) == expected


def test_things_joined_by_and_are_no_tasks_of_their_own() -> None:
    assert len([title for title in titles("Compare salt and pepper") if title.lower() == "pepper"]) == 0


def test_then_makes_the_later_task_wait_for_the_earlier() -> None:
    first, second = plan("Collect data and then draw a chart").tasks
    assert (first.needs, second.needs) == ((), (0,))


def test_a_single_goal_becomes_parallel_parts_and_a_last_task_that_needs_them_all() -> None:
    *parts, last = plan("Write a research paper about the rise of Dedalus Labs").tasks
    assert len(parts) == 3
    assert all(part.needs == () for part in parts)
    assert last.needs == (0, 1, 2)
    assert all("the rise of Dedalus Labs" in task.instructions for task in [*parts, last])


@settings(max_examples=200, deadline=None)
@given(st.text(min_size=1, max_size=300).filter(str.strip))
def test_any_prompt_gives_a_plan_that_can_stand(prompt: str) -> None:
    planned = plan(prompt)
    tasks = checked(planned.tasks, (), 30)
    assert planned.says
    for number, task in enumerate(tasks):
        assert task.title
        assert all(isinstance(need, int) and need < number for need in task.needs)


def test_a_plan_is_bounded_and_its_needs_are_mended() -> None:
    tasks = [
        PlannedTask("  ", "nothing"),
        PlannedTask("a", ""),
        PlannedTask("b", "do b", (1, 2, 0, 9, "t7", "t8", 1)),
        PlannedTask("c", "do c", (2,)),
    ]
    assert checked(tasks, ["t7"], 2) == [PlannedTask("a", "a"), PlannedTask("b", "do b", (0, "t7"))]
