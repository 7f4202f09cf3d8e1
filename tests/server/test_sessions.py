"""Sessions over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotdesk import events as ev
from hotdesk.server import openapi
from hotdesk.whiteboard import Whiteboard, fold_all

from .conftest import World, ready


async def test_it_says_that_it_is_there_and_what_is_in_use(world: World) -> None:
    assert (await world.web.get("/healthz")).json() == {"ok": True, "version": "0.1.0"}
    about = (await world.web.get("/api/about")).json()
    assert about["agents"] == {"default": 3, "max": 4}
    assert about["brain"]["rehearsal"] is True
    assert about["notice"] is None


async def test_a_session_begun_can_be_found_and_looked_at(world: World) -> None:
    begun = await world.web.post("/api/sessions", json={"prompt": "Write a poem", "agents": 2})
    assert begun.status_code == 201
    session = begun.json()["id"]
    assert begun.headers["location"] == f"/session/{session}/"
    board = (await world.web.get(f"/api/sessions/{session}")).json()
    assert (board["prompt"], board["agents_wanted"], board["last"]) == ("Write a poem", 2, 1)


async def test_a_session_begun_without_a_number_of_agents_gets_the_default(world: World) -> None:
    session = (await world.web.post("/api/sessions", json={"prompt": "Go"})).json()["id"]
    assert (await world.web.get(f"/api/sessions/{session}")).json()["agents_wanted"] == 3


async def test_the_whiteboard_follows_the_log(world: World) -> None:
    session = await world.session(*ready())
    for step in range(1, 6):
        await world.append(session, ev.AgentThinking(agent="a1", step=step, says=f"Step {step}"))
        got = Whiteboard.model_validate((await world.web.get(f"/api/sessions/{session}")).json())
        assert got == fold_all(await world.events(session))
    assert got.agents["a1"].says == "Step 5"


async def test_events_come_after_the_one_that_is_known(world: World) -> None:
    session = await world.session(*(ev.AgentReasoning(agent="a1", step=1, text=str(n)) for n in range(1200)))
    got = (await world.web.get(f"/api/sessions/{session}/events")).json()
    assert [event["seq"] for event in got["events"]] == list(range(1, 1202))
    assert got["last"] == 1201
    assert got["events"][5]["type"] == "agent:reasoning"
    got = (await world.web.get(f"/api/sessions/{session}/events", params={"after": 1200})).json()
    assert [event["seq"] for event in got["events"]] == [1201]
    assert (await world.web.get(f"/api/sessions/{session}/events", params={"after": 1201})).json() == {"events": [], "last": 1201}


async def test_exactly_full_slices_of_events_are_whole(world: World) -> None:
    session = await world.session(*(ev.AgentReasoning(agent="a1", step=1, text="") for _ in range(499)))
    got = (await world.web.get(f"/api/sessions/{session}/events")).json()
    assert (len(got["events"]), got["last"]) == (500, 500)


async def test_events_come_up_to_the_one_that_is_asked_for(world: World) -> None:
    session = await world.session(*(ev.AgentReasoning(agent="a1", step=1, text="") for _ in range(1299)))
    for after, until, count in ((0, 1200, 1200), (0, 500, 500), (0, 499, 499), (700, 1201, 501), (7, 7, 0), (9, 2, 0), (1290, 9999, 10)):
        got = (await world.web.get(f"/api/sessions/{session}/events", params={"after": after, "until": until})).json()
        assert [event["seq"] for event in got["events"]] == list(range(after + 1, after + 1 + count))
        assert got["last"] == after + count


@pytest.mark.parametrize("count", [0, 1, 498, 499, 999, 1000, 1001, 2600])
async def test_an_opening_is_a_whiteboard_of_the_past_and_every_event_since(world: World, count: int) -> None:
    thinking = [ev.AgentThinking(agent="a1", step=step, says=f"Step {step}") for step in range(1, count + 1)]
    session = await world.session(*ready(), *thinking)
    for _ in range(3):
        got = (await world.web.get(f"/api/sessions/{session}/opening")).json()
        everything = await world.events(session)
        board, since = Whiteboard.model_validate(got["board"]), [ev.event_from_object(event) for event in got["events"]]
        assert board == fold_all(everything[: board.last])
        assert board.last + len(since) == got["last"] == everything[-1].seq
        assert fold_all(since, board) == fold_all(everything)
        assert len(since) >= min(500, len(everything))
        assert len(since) <= 1500
        await world.append(session, *thinking[:700])


async def test_cards_tell_sessions_under_way_and_complete_ones_newest_first(world: World) -> None:
    task = ev.TaskCreated(task="t1", title="T", instructions="Do")
    await world.session(task, name="s1")
    summary = ev.Summary(
        text="Done.",
        tasks=(ev.SummaryTask(task="t1", title="T", status="completed"), ev.SummaryTask(task="t2", title="U", status="not done")),
        agents=(ev.SummaryAgent(agent="a1", name="Ada", steps=3),),
        artifacts=("f1",),
    )
    await world.session(task, ev.SessionComplete(outcome="failed", summary=summary), name="s2")
    for _ in range(2):
        new, old = (await world.web.get("/api/sessions")).json()["sessions"]
        assert (old["id"], old["status"], old["tasks"]) == ("s1", "planning", {"total": 1, "completed": 0, "failed": 0})
        assert (new["id"], new["status"], new["outcome"]) == ("s2", "complete", "failed")
        assert new["tasks"] == {"total": 2, "completed": 1, "failed": 1}
        assert (new["agents"], new["artifacts"]) == (1, 1)
        assert new["ended_at"] >= new["created_at"] > 0


async def test_a_card_changes_when_its_session_completes(world: World) -> None:
    session = await world.session()
    assert (await world.web.get("/api/sessions")).json()["sessions"][0]["status"] == "planning"
    await world.append(session, ev.SessionComplete(outcome="stopped", summary=ev.Summary(text="Stopped.")))
    assert (await world.web.get("/api/sessions")).json()["sessions"][0]["outcome"] == "stopped"


async def test_a_session_can_be_stopped_until_it_is_complete(world: World) -> None:
    session = await world.session()
    assert (await world.web.post(f"/api/sessions/{session}/stop")).status_code == 202
    assert (await world.web.get(f"/api/sessions/{session}")).json()["status"] == "stopping"
    await world.append(session, ev.SessionComplete(outcome="stopped", summary=ev.Summary(text="Stopped.")))
    again = await world.web.post(f"/api/sessions/{session}/stop")
    assert (again.status_code, again.json()["code"]) == (409, "conflict:session")


@pytest.mark.parametrize(
    "path",
    [
        "/api/sessions/none",
        "/api/sessions/none/events",
        "/api/sessions/none/opening",
        "/api/sessions/..%2f..",
        "/api/sessions/none/frames/x",
        "/api/sessions/none/artifacts.zip",
    ],
)
async def test_an_unknown_session_is_a_problem(world: World, path: str) -> None:
    got = await world.web.get(path)
    assert got.status_code == 404
    assert got.headers["content-type"] == "application/problem+json"
    problem = got.json()
    assert problem["code"].startswith("not_found:")
    assert problem["title"] == "Not Found"
    assert problem["detail"].endswith(".")


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"agents": 1}', b'{"prompt": 3}', b'{"prompt": "x", "agents": "many"}', b'{"prompt": " "}', b"\xff\xfe"]
)
async def test_a_request_that_cannot_be_used_is_a_problem_with_a_sentence(world: World, body: bytes) -> None:
    got = await world.web.post("/api/sessions", content=body, headers={"content-type": "application/json"})
    assert got.status_code in (400, 422)
    assert got.headers["content-type"] == "application/problem+json"
    assert got.json()["detail"].endswith(".")


async def test_an_unknown_address_or_method_is_a_problem(world: World) -> None:
    assert (await world.web.get("/api/nothing")).json()["code"] == "not_found:server"
    assert (await world.web.get("/api")).json()["code"] == "not_found:server"
    got = await world.web.delete("/api/sessions")
    assert (got.status_code, got.json()["code"]) == (405, "not_allowed:server")


async def test_a_body_beyond_what_is_taken_is_refused_whether_or_not_its_length_is_told(world: World) -> None:
    body = b'{"prompt": "' + b"x" * (1 << 20) + b'"}'

    async def pieces():  # type: ignore[no-untyped-def]
        for start in range(0, len(body), 1 << 16):
            yield body[start : start + (1 << 16)]

    for content in (body, pieces()):
        got = await world.web.post("/api/sessions", content=content, headers={"content-type": "application/json"})
        assert (got.status_code, got.json()["code"]) == (413, "too_large:request")


async def test_what_nobody_foresaw_is_told_without_details(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails(*_: object) -> str:
        raise RuntimeError("secret details")

    monkeypatch.setattr(world.orchestrator, "submit", fails)
    got = await world.web.post("/api/sessions", json={"prompt": "x", "agents": 1})
    assert (got.status_code, got.json()["code"]) == (500, "failed:server")
    assert "secret" not in got.text
    assert caplog.text.count("Traceback") == 1
    assert "secret details" in caplog.text


async def test_long_answers_of_the_api_are_compressed(world: World) -> None:
    session = await world.session(*(ev.AgentReasoning(agent="a1", step=1, text="again") for _ in range(600)))
    got = await world.web.get(f"/api/sessions/{session}/events")
    assert got.headers["content-encoding"] == "gzip"
    assert got.json()["last"] == 601


async def test_the_description_names_every_shape_and_is_shown_without_the_network(world: World) -> None:
    described = (await world.web.get("/api/openapi.json")).json()
    assert described == openapi()
    schemas = described["components"]["schemas"]
    assert {"Whiteboard", "SessionCard", "About", "Problem", "AnyEvent"} | {kind.__name__ for kind in ev.EVENT_TYPES.values()} <= set(
        schemas
    )
    assert schemas["Events"]["properties"]["events"]["items"] == {"$ref": "#/components/schemas/AnyEvent"}
    assert len(schemas["AnyEvent"]["oneOf"]) == len(ev.EVENT_TYPES)
    page = await world.web.get("/api/docs")
    assert "/api/sessions/{session}/agents/{agent}/take" in page.text
    assert "<script" not in page.text
    assert "http://" not in page.text
    assert "https://" not in page.text


async def test_hundreds_of_complete_sessions_are_listed_at_once(world: World) -> None:
    end = ev.SessionComplete(outcome="completed", summary=ev.Summary(text="Done."))
    for n in range(300):
        await world.session(end, name=f"s{n:03}")
    got = await world.web.get("/api/sessions")
    assert len(got.json()["sessions"]) == 300
    again = await world.web.get("/api/sessions")
    assert again.elapsed.total_seconds() < 1


async def test_a_session_whose_log_is_broken_does_not_hide_the_others(world: World, tmp_path: Path) -> None:
    await world.session(name="s1")
    (tmp_path / "sessions" / "s2").mkdir()
    (tmp_path / "sessions" / "s2" / "log.sqlite").write_bytes(b"this is no database" * 100)
    assert [card["id"] for card in (await world.web.get("/api/sessions")).json()["sessions"]] == ["s1"]
    got = await world.web.get("/api/sessions/s2")
    assert (got.status_code, got.json()["code"]) == (503, "unavailable:log")
