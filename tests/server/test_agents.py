"""What a person does with an agent."""

from __future__ import annotations

import anyio
import pytest

from hotdesk import events as ev

from .conftest import World, ready

A1 = "/api/sessions/s1/agents/a1"


async def types(world: World) -> list[str]:
    return [event.type for event in (await world.events("s1"))[3:]]  # type: ignore[attr-defined]


async def test_an_agent_is_paused_told_something_and_let_go_on(world: World) -> None:
    await world.session(*ready())
    assert (await world.web.post(f"{A1}/pause")).status_code == 204
    assert (await world.web.post(f"{A1}/steer", json={"text": "Use the other file"})).status_code == 204
    assert (await world.web.post(f"{A1}/resume")).status_code == 204
    assert await types(world) == ["agent:paused", "agent:steered", "agent:resumed"]


@pytest.mark.parametrize("words", ["", "x" * 10_001])
async def test_an_agent_is_told_neither_nothing_nor_a_book(world: World, words: str) -> None:
    await world.session(*ready())
    assert (await world.web.post(f"{A1}/steer", json={"text": words})).status_code == 422
    assert await types(world) == []


async def test_what_makes_no_sense_is_a_conflict_and_leaves_no_trace(world: World) -> None:
    await world.session(*ready())
    assert (await world.web.post(f"{A1}/resume")).status_code == 409
    await world.web.post(f"{A1}/pause")
    assert (await world.web.post(f"{A1}/pause")).status_code == 409
    assert (await world.web.post(f"{A1}/release", json={"control": "x"})).status_code == 409
    assert await types(world) == ["agent:paused"]


async def test_a_desk_is_taken_and_handed_back(world: World) -> None:
    await world.session(*ready())
    taken = await world.web.post(f"{A1}/take", json={"by": "tab 1"})
    assert taken.status_code == 200
    assert len(taken.json()["control"]) >= 32
    assert (await world.web.post(f"{A1}/release", json=taken.json())).status_code == 204
    assert await types(world) == ["agent:taken", "agent:released"]
    assert (await world.web.post(f"{A1}/release", json=taken.json())).status_code == 409


async def test_a_second_person_is_told_who_has_it_and_may_steal_it(world: World) -> None:
    await world.session(*ready())
    first = (await world.web.post(f"{A1}/take", json={"by": "tab 1"})).json()
    refused = await world.web.post(f"{A1}/take", json={"by": "tab 2"})
    assert (refused.status_code, refused.json()["code"]) == (409, "taken:agent")
    assert "tab 1" in refused.json()["detail"]
    stolen = (await world.web.post(f"{A1}/take", json={"by": "tab 2", "steal": True})).json()
    assert (await world.web.post(f"{A1}/release", json=first)).json()["code"] == "taken:agent"
    assert (await world.web.post(f"{A1}/release", json=stolen)).status_code == 204
    assert [(e.type, e.by) for e in (await world.events("s1"))[3:]] == [  # type: ignore[attr-defined]
        ("agent:taken", "tab 1"),
        ("agent:taken", "tab 2"),
        ("agent:released", "tab 2"),
    ]


async def test_of_many_who_take_a_desk_at_once_one_has_it(world: World) -> None:
    await world.session(*ready())
    codes: list[int] = []

    async def take(n: int) -> None:
        codes.append((await world.web.post(f"{A1}/take", json={"by": f"tab {n}"})).status_code)

    async with anyio.create_task_group() as tasks:
        for n in range(10):
            tasks.start_soon(take, n)
    assert sorted(codes) == [200, *[409] * 9]
    assert await types(world) == ["agent:taken"]


async def test_a_desk_that_was_taken_before_the_server_restarted_can_be_released_by_anybody(world: World) -> None:
    await world.session(*ready(), ev.AgentTaken(agent="a1", by="tab 1"))
    assert (await world.web.post(f"{A1}/release", json={"control": ""})).status_code == 204
    assert await types(world) == ["agent:taken", "agent:released"]


@pytest.mark.parametrize(
    "events",
    [
        ready()[:1],
        [*ready(), ev.AgentTerminated(agent="a1", reason="Done.")],
        [*ready(), ev.AgentLost(agent="a1", reason="Killed.")],
    ],
    ids=["starting", "terminated", "lost"],
)
async def test_an_agent_without_a_desk_cannot_be_handled(world: World, events: list[ev.Event]) -> None:
    await world.session(*events)
    before = len(await world.events("s1"))
    for do in ("pause", "resume", "steer", "take", "release"):
        got = await world.web.post(f"{A1}/{do}", json={"text": "Hello", "by": "tab"})
        assert (got.status_code, got.json()["code"]) == (409, "not_open:desk")
    assert len(await world.events("s1")) == before


async def test_agents_of_a_session_that_is_not_under_way_here_are_left_alone(world: World) -> None:
    await world.session(*ready(), conducted=False)
    for do in ("pause", "resume", "steer", "take", "release"):
        got = await world.web.post(f"{A1}/{do}", json={"text": "Hello", "by": "tab", "control": "x"})
        assert (got.status_code, got.json()["code"]) == (409, "conflict:session")
    assert await types(world) == []


async def test_an_unknown_agent_or_session_is_not_found(world: World) -> None:
    await world.session(*ready())
    got = await world.web.post("/api/sessions/s1/agents/a9/pause")
    assert (got.status_code, got.json()["code"]) == (404, "not_found:agent")
    got = await world.web.post("/api/sessions/s9/agents/a1/pause")
    assert (got.status_code, got.json()["code"]) == (404, "not_found:session")
