"""HOTDESK_MCP_SERVERS: what it takes, and what it says to what it does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hotdesk.errors import BadInput
from hotdesk.settings import HttpServer, MindSettings, StdioServer, environment, read

BOTH = json.dumps(
    {
        "files": {"command": "npx", "args": ["-y", "server"], "env": {"KEY": "the-env-secret"}},
        "weather": {"type": "http", "url": "https://example.org/mcp?key=the-url-secret", "headers": {"X-Key": "the-header-secret"}},
    }
)
SERVERS = {
    "files": StdioServer(command="npx", args=("-y", "server"), env={"KEY": "the-env-secret"}),
    "weather": HttpServer(url="https://example.org/mcp?key=the-url-secret", headers={"X-Key": "the-header-secret"}),
}


@pytest.mark.parametrize("given", [BOTH, f"  {BOTH}\n", f'{{"mcpServers": {BOTH}}}'])
def test_it_is_json_as_other_programs_have_it(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("HOTDESK_MCP_SERVERS", given)
    assert read(MindSettings).further_servers() == SERVERS


@pytest.mark.parametrize("prefix", ["@", ""])
def test_it_is_the_name_of_a_file_and_a_worker_gets_what_the_file_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, prefix: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("servers.json").write_text(BOTH)
    monkeypatch.setenv("HOTDESK_MCP_SERVERS", f"{prefix}servers.json")
    passed = environment(read(MindSettings))["HOTDESK_MCP_SERVERS"]
    Path("servers.json").unlink()
    monkeypatch.setenv("HOTDESK_MCP_SERVERS", passed)
    assert read(MindSettings).further_servers() == SERVERS


@pytest.mark.parametrize("given", ["", "  ", "{}"])
def test_nothing_is_no_server(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("HOTDESK_MCP_SERVERS", given)
    mind = read(MindSettings)
    assert mind.further_servers() == {}
    assert "HOTDESK_MCP_SERVERS" not in environment(mind)


def test_it_is_not_shown_when_the_settings_are() -> None:
    mind = read(MindSettings, mcp_servers=BOTH)
    assert "secret" not in repr(mind) + str(mind) + repr(mind.further_servers()) + mind.model_dump_json()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("{", "it is no valid JSON"),
        ("[]", "it is no JSON object"),
        ("@no-such-file", "neither JSON nor a file that can be read (No such file or directory)"),
        ("npx server", "neither JSON nor a file"),
        ('{"a": 1}', 'a has to have either a "command" or a "url"'),
        ('{"a": {"command": "x", "url": "http://x"}}', "either"),
        ('{"a": {"command": "x", "disabled": true}}', "a, disabled: extra inputs are not permitted"),
        ('{"a": {"command": ""}}', "a, command"),
        ('{"a": {"command": "x", "args": "a-secret"}}', "a, args"),
        ('{"a": {"command": "x", "env": {"K": ["a-secret"]}}}', "a, env.K: input should be a valid string"),
        ('{"a": {"type": "sse", "url": "http://x"}}', "a, type"),
        ('{"a": {"url": "ftp://a-secret"}}', "a, url"),
        ('{"a": {"url": "http://x", "headers": {"K": "a-secret\\n"}}}', "a, headers.K"),
        ('{"a b": {"command": "x"}}', "'a b' is no name"),
        ("{" + ", ".join(f'"s{n}": {{"command": "x"}}' for n in range(17)) + "}", "more than 16"),
        ('{"a": {"command": "' + "x" * 70_000 + '"}}', "more than 60,000 characters"),
    ],
)
def test_what_it_cannot_be_is_said_in_a_sentence_without_a_secret(monkeypatch: pytest.MonkeyPatch, given: str, says: str) -> None:
    monkeypatch.setenv("HOTDESK_MCP_SERVERS", given)
    with pytest.raises(BadInput) as refused:
        read(MindSettings)
    assert str(refused.value).startswith("A setting cannot be used. HOTDESK_MCP_SERVERS: ")
    assert says in str(refused.value)
    assert "secret" not in str(refused.value) + str(refused.value.__cause__)
