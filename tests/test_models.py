"""Names of models, who is chosen and why, what is missing, and the call that checks a key."""

from __future__ import annotations

import pytest

from hotdesk import models
from hotdesk.brains.choose import BRAIN_LABELS, choose_brain
from hotdesk.errors import BadInput, MissingRequirement
from hotdesk.models import ModelName, Patience, Trouble, check, chosen_brain, chosen_planner, label, names, price
from hotdesk.settings import MindSettings, environment, read
from tests.brains.asking import ALL
from tests.equipment.model_server import environment as pretend
from tests.equipment.model_server import model_server

pytestmark = pytest.mark.anyio

KEYS = {"DEDALUS_API_KEY": "dedalus", "ANTHROPIC_API_KEY": "anthropic", "OPENAI_API_KEY": "openai", "GEMINI_API_KEY": "google"}


def test_names_are_read_in_order() -> None:
    assert names("dedalus:anthropic/claude-x, ollama:qwen3:8b") == (
        ModelName("dedalus", "anthropic/claude-x"),
        ModelName("ollama", "qwen3:8b"),
    )
    assert names("rehearsal") == ()


@pytest.mark.parametrize("text", ["claude", "anthropic:", "nobody-knows:x", "", "anthropic:x,rehearsal", ","])
def test_a_name_that_cannot_be_says_what_can(text: str) -> None:
    with pytest.raises(BadInput):
        names(text)


@pytest.mark.parametrize(
    ("keys", "brain", "planner"),
    [
        ([], "rehearsal", "rehearsal"),
        (["DEDALUS_API_KEY"], "dedalus", "dedalus"),
        (["DEDALUS_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_API_KEY"], "dedalus", "anthropic"),
        (["ANTHROPIC_API_KEY", "OPENAI_API_KEY"], "anthropic", "anthropic"),
        (["OPENAI_API_KEY", "GEMINI_API_KEY"], "openai", "openai"),
        (["GEMINI_API_KEY"], "google", "google"),
    ],
)
def test_the_keys_choose_who_thinks_and_who_plans(monkeypatch: pytest.MonkeyPatch, keys: list[str], brain: str, planner: str) -> None:
    for key in keys:
        monkeypatch.setenv(key, "k")
    mind = read(MindSettings)
    assert mind.brain.partition(":")[0] == chosen_brain(mind).name.partition(":")[0] == brain
    assert chosen_planner(mind).name.partition(":")[0] == planner
    assert chosen_brain(mind).why.endswith(".")
    assert chosen_planner(mind).why.endswith(".")
    assert chosen_brain(mind).rehearsal == (not keys)


def test_what_is_said_wins_over_the_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEDALUS_API_KEY", "k")
    monkeypatch.setenv("HOTDESK_BRAIN", "ollama:qwen")
    mind = read(MindSettings, planner="rehearsal")
    assert (chosen_brain(mind).name, chosen_planner(mind).name) == ("ollama:qwen", "rehearsal")
    assert "HOTDESK_BRAIN" in chosen_brain(mind).why


def test_a_worker_reads_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in pretend("http://x").items():
        monkeypatch.setenv(name, value)
    mind = read(MindSettings, brain="openai:a,google:b")
    for name, value in environment(mind).items():
        monkeypatch.setenv(name, value)
    assert read(MindSettings).model_dump() == mind.model_dump()


@pytest.mark.parametrize(("name", "variable"), [(vendor, v.variable) for vendor, v in models.VENDORS.items() if v.variable])
def test_a_missing_key_is_named(name: str, variable: str) -> None:
    with pytest.raises(MissingRequirement, match=variable):
        choose_brain(read(MindSettings, brain=f"{name}:x"))


def test_a_missing_address_is_named() -> None:
    with pytest.raises(MissingRequirement, match="HOTDESK_BASE_URL"):
        choose_brain(read(MindSettings, brain="compatible:x"))


@pytest.mark.parametrize(("name", "extra"), [("dedalus:a/b", "dedalus"), ("anthropic:x", "models"), ("ollama:x", "models")])
def test_a_missing_package_is_named_with_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch, name: str, extra: str) -> None:
    monkeypatch.setattr(models, "find_spec", lambda _: None)
    with pytest.raises(MissingRequirement, match=f"--extra {extra}"):
        choose_brain(read(MindSettings, brain=name))


def test_every_name_has_a_label() -> None:
    assert BRAIN_LABELS["rehearsal"] == "Rehearsal, without a model"
    assert BRAIN_LABELS["anthropic:claude-x"] == "Claude (claude-x)"
    assert label("dedalus:a/b,openai:c") == "Dedalus (a/b), or OpenAI (c)"


def test_prices_are_dollars_or_unknown() -> None:
    assert price(ModelName("anthropic", "claude-sonnet-5-5"), 1_000_000, 0, 0, 0) == 2.0
    assert price(ModelName("dedalus", "anthropic/claude-sonnet-5-5"), 1_000_000, 0, 0, 0) == 2.0
    assert price(ModelName("dedalus", "nobody/nothing"), 1_000_000, 0, 0, 0) is None
    assert price(ModelName("compatible", "gpt-5.6-sol"), 1_000_000, 0, 0, 0) is None


def test_patience_has_an_end_and_does_not_try_what_cannot_be_mended() -> None:
    busy, hopeless = Trouble("retryable", "it is busy", "It is busy."), Trouble("fallback", "no", "No.")
    patience = Patience(tries=4)
    assert [patience.wait(busy) is None for _ in range(4)] == [False, False, False, True]
    assert Patience().wait(hopeless) is None
    assert Patience(longest=10).wait(Trouble("retryable", "", "", after=11)) is None


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    ("turn", "ok", "says"),
    [
        ({"text": "OK"}, True, "answers with"),
        ({"status": 401, "error": "invalid x-api-key"}, False, "did not accept the key"),
        ({"status": 404, "error": "no such model"}, False, "has no model"),
        ({"status": 402, "error": "no credit left"}, False, "quota"),
        ({"status": 529}, True, "overloaded just now"),
        ({"status": 500}, False, "trouble of its own"),
    ],
)
async def test_one_cheap_call_says_whether_work_can_begin(
    monkeypatch: pytest.MonkeyPatch, name: str, turn: dict[str, object], ok: bool, says: str
) -> None:
    async with model_server([turn]) as server:
        for variable, value in pretend(server.url).items():
            monkeypatch.setenv(variable, value)
        found = await check(name, read(MindSettings, brain=name))
        assert (found.ok, says in found.says) == (ok, True), found
        assert len(server.requests) == 1
        assert not server.requests[0].tools


async def test_a_key_that_is_missing_costs_no_call() -> None:
    found = await check("anthropic:claude-sonnet-5-5", read(MindSettings))
    assert not found.ok
    assert "ANTHROPIC_API_KEY" in found.says


async def test_a_rehearsal_needs_no_check() -> None:
    assert (await check("rehearsal", read(MindSettings))).ok
