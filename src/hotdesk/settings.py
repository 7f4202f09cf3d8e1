"""The settings: one class per part, each read once, from flags, `HOTDESK_…` in the environment, or a `.env` file, in that order.

`docs/configuration.md` lists them all; a test holds the two together. A value that cannot be is `BadInput` with a sentence
(`read`). Keys are `SecretStr`: they are never printed, logged, sent to a desk or to the browser.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from platformdirs import user_data_path
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from hotdesk.errors import BadInput

__all__ = [
    "BRAIN_MODELS",
    "PLANNER_MODEL",
    "DataSettings",
    "DeskSettings",
    "HttpServer",
    "McpServer",
    "MindSettings",
    "ServerSettings",
    "SessionSettings",
    "StdioServer",
    "environment",
    "read",
]

_CONFIG = SettingsConfigDict(
    env_prefix="HOTDESK_",
    env_file=".env",
    env_ignore_empty=True,
    extra="ignore",
    frozen=True,
    populate_by_name=True,
    hide_input_in_errors=True,
)


BRAIN_MODELS = {
    "dedalus": "dedalus:anthropic/claude-sonnet-5-5",
    "anthropic": "anthropic:claude-sonnet-5-5",
    "openai": "openai:gpt-5.6-terra",
    "google": "google:gemini-3.8-flash",
}
"""The model an agent thinks with when only a key says which vendor, in the order of preference: good at desktops, not the dearest."""
PLANNER_MODEL = "anthropic:claude-opus-5-5"
"""The model that plans when nothing else is said and there is a key for it: a plan is one call, and all else rests on it."""


_Text = Annotated[str, Field(pattern=r"^[^\x00]*$")]
_Name = Annotated[str, Field(pattern=r"^[^=\x00]+$")]
_HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
_HeaderText = Annotated[str, Field(pattern=r"^([!-~]([\t -~]*[!-~])?)?$")]


class StdioServer(BaseModel):
    """A further MCP server that is a program: it is started, and spoken to over its standard input and output."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    type: Literal["stdio"] = "stdio"
    command: Annotated[str, Field(min_length=1, pattern=r"^[^\x00=]*$")]
    args: tuple[_Text, ...] = Field(default=(), repr=False)
    env: dict[_Name, _Text] = Field(default={}, repr=False)


class HttpServer(BaseModel):
    """A further MCP server at an address, over streamable HTTP."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    type: Literal["http", "streamable-http", "streamable_http", "streamableHttp"] = "http"
    url: str = Field(pattern=r"^https?://[^\s/]+[!-~]*$", repr=False)
    headers: dict[_HeaderName, _HeaderText] = Field(default={}, repr=False)


McpServer = StdioServer | HttpServer


class DataSettings(BaseSettings):
    """Where sessions are kept."""

    model_config = _CONFIG

    data_dir: Path = Field(default_factory=lambda: user_data_path("hotdesk", appauthor=False))
    """Folder of all sessions' logs, frames and files. Default: the platform's data folder."""


class ServerSettings(BaseSettings):
    """The web server."""

    model_config = _CONFIG

    host: str = "127.0.0.1"
    """Address to listen on. Anything but loopback requires a token."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """Port to listen on; 0 takes a free one."""
    token: SecretStr | None = None
    """What a browser or client must show when the server is reachable from elsewhere. At least 16 characters."""
    hosts: Annotated[tuple[str, ...], NoDecode] = ()
    """Further host names the server answers to (behind a reverse proxy, say), comma between."""

    @field_validator("hosts", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return _list(value)

    @field_validator("token")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 16:
            raise ValueError("a token has at least 16 characters")
        return value


class SessionSettings(BaseSettings):
    """What one session may use."""

    model_config = _CONFIG

    max_agents: Annotated[int, Field(ge=1, le=64)] = 4
    """Most agents a session may have at work at one time."""
    max_tasks: Annotated[int, Field(ge=1, le=500)] = 30
    """Most tasks a session may have, those added later included."""
    max_steps: Annotated[int, Field(ge=1)] = 100
    """Steps an agent may take in one attempt at one task."""
    attempts: Annotated[int, Field(ge=1, le=10)] = 2
    """Attempts at one task, the first included."""
    max_minutes: Annotated[float | None, Field(gt=0)] = None
    """Minutes a session may take; then it is stopped, and keeps what it has. Default: no bound, as with the two below."""
    max_tokens: Annotated[int | None, Field(gt=0)] = None
    """Tokens, in and out, a session's models may take."""
    max_dollars: Annotated[float | None, Field(gt=0)] = None
    """US dollars a session's models may cost, as far as their prices are known."""
    task_minutes: Annotated[float | None, Field(gt=0)] = 30
    """Minutes of work one attempt at one task may take; time that a person holds the agent up does not count."""
    all_steps: Annotated[int | None, Field(ge=1)] = None
    """Steps all agents of a session may take together. Default: no bound."""
    task_tokens: Annotated[int | None, Field(gt=0)] = None
    """Tokens, in and out, one attempt at one task may take. Default: no bound, as with the one below."""
    task_dollars: Annotated[float | None, Field(gt=0)] = None
    """US dollars one attempt at one task may cost, as far as prices are known."""
    prompt_chars: Annotated[int, Field(ge=1)] = 20_000
    """Longest prompt that is taken."""
    settle_cap: Annotated[float, Field(ge=0, le=60)] = 3.0
    """Seconds a step waits at most for the screen to come to rest."""
    engine: Literal["local", "inprocess"] = "local"
    """Where workers run: each in its own process, or (for tests) in the server's."""
    warm: Annotated[int | None, Field(ge=0, le=64)] = None
    """Workers kept ready while serving, each with its desk open (about 60 MB), so that agents are at work at once. Unset: as many as a
    session's agents, at most 4, if desks are local; otherwise none."""
    forks: bool = True
    """Whether workers are forked from one process that has everything imported, which is quicker and shares memory, or started anew."""


class DeskSettings(BaseSettings):
    """The desks."""

    model_config = _CONFIG

    desks: Literal["local", "e2b", "pretend"] = Field(default=None, validate_default=False)  # type: ignore[call-overload] # `_choose` sees to it
    """Which desks agents get: `local` (sandboxed on this machine), `e2b` (in E2B's cloud), or `pretend` (in memory, for trying things
    out). Unset: `e2b` if there is a key for it, otherwise `local`."""
    size: str = Field(default="1280x800", pattern=r"^[1-9]\d{2,3}x[1-9]\d{2,3}$")
    """Screen size in pixels, WIDTHxHEIGHT."""
    internet: Literal["full", "allow", "none"] = "full"
    """What a desk can reach: the internet (never this machine), only the domains of HOTDESK_ALLOW, or nothing."""
    allow: Annotated[tuple[str, ...], NoDecode] = ()
    """Domains (with their subdomains) a desk can reach with HOTDESK_INTERNET=allow, comma between."""
    desk_memory: Annotated[int, Field(ge=128)] = 2048
    """MiB of memory a desk's processes may use together."""
    desk_disk: Annotated[int, Field(ge=16)] = 1024
    """MiB a desk's home may hold."""
    desk_processes: Annotated[int, Field(ge=32)] = 512
    """Processes and threads a desk may have."""
    run_dir: Path | None = None
    """Folder of the desks' sockets; must be short. Default: /var/tmp/hotdesk-UID."""
    e2b_key: SecretStr | None = Field(default=None, validation_alias=AliasChoices("E2B_API_KEY"))
    """E2B's key."""
    e2b_template: Annotated[str, Field(min_length=1)] = "desktop"
    """The template of E2B desks: E2B's own, or one of yours that was made from it."""
    e2b_timeout: Annotated[int, Field(ge=15, le=86_400)] = 300
    """Seconds an E2B desk lives on when nobody renews it, as its worker does while it is there."""
    e2b_metadata: Annotated[dict[str, str], NoDecode] = Field(default={}, validate_default=True)
    """What E2B desks say of themselves besides what Hotdesk has them say, as JSON or `name=value` with commas between."""
    e2b_domain: str | None = Field(default=None, validation_alias=AliasChoices("E2B_DOMAIN"))
    """The domain of an E2B of your own."""
    e2b_url: str | None = Field(default=None, validation_alias=AliasChoices("E2B_API_URL"))
    """Another address for E2B's API."""
    e2b_sandbox_url: str | None = Field(default=None, validation_alias=AliasChoices("E2B_SANDBOX_URL"))
    """One address at which all E2B sandboxes are reached."""

    @field_validator("allow", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return _list(value)

    @field_validator("e2b_metadata", mode="before")
    @classmethod
    def _pairs(cls, value: Any) -> Any:
        pairs = _named(value)
        if isinstance(pairs, dict) and any(str(name).startswith("hotdesk_") for name in pairs):
            raise ValueError("names that begin with hotdesk_ are Hotdesk's own")
        return pairs

    _left_open: bool = False

    @model_validator(mode="after")
    def _choose(self) -> Self:
        """What was left open is chosen by the key."""
        self._left_open = not self.desks
        if not self.desks:
            self.__dict__["desks"] = "e2b" if self.e2b_key and self.e2b_key.get_secret_value() else "local"
        return self

    @property
    def why(self) -> str:
        """Why it is these desks, as the end of a sentence; nothing if somebody said so."""
        if not self._left_open:
            return ""
        return "because E2B_API_KEY is set" if self.desks == "e2b" else "because there is no E2B_API_KEY"


class MindSettings(BaseSettings):
    """Who plans and who thinks."""

    model_config = _CONFIG

    planner: str = Field(default=None, validate_default=False)  # type: ignore[assignment] # never None: `_choose` sees to it
    """Who breaks the prompt into tasks: as HOTDESK_BRAIN, or `one` (the prompt is the task). Unset: Claude if its key is there,
    otherwise the same model as the agents'."""
    brain: str = Field(default=None, validate_default=False)  # type: ignore[assignment] # never None: `_choose` sees to it
    """Who decides an agent's next actions: `dedalus:provider/model`, `anthropic:model`, `openai:model`, `google:model`,
    `openrouter:model`, `ollama:model`, `compatible:model` (any server that speaks OpenAI's protocol, at HOTDESK_BASE_URL), or
    `rehearsal`. Several with commas between: a later one steps in when an earlier one cannot. Unset: by the key that is there:
    Dedalus, then Claude, OpenAI, Google; without a key the rehearsal."""
    rehearsal_pace: Annotated[float, Field(ge=0, le=10)] = 1.0
    """How slowly the rehearsal thinks: 1 is made to be watched, 0 does not wait at all."""
    thinking: bool = True
    """Whether models that can think before they answer do so, and are shown thinking."""
    base_url: str | None = None
    """Where the server of `compatible:model` is, with its version (http://127.0.0.1:8080/v1)."""
    api_key: SecretStr | None = None
    """Key of the server at HOTDESK_BASE_URL, if it wants one."""
    dedalus_mcp_servers: Annotated[tuple[str, ...], NoDecode] = ()
    """MCP servers that Dedalus runs on its side for its models (owner/server or an https address), comma between."""
    mcp_servers: SecretStr | None = None
    """Further MCP servers whose tools every agent gets, as JSON or the name of a file with it (`@servers.json`):
    `{"name": {"command": "…", "args": […], "env": {…}}}` for a program, `{"name": {"url": "https://…", "headers": {…}}}` for an address
    (streamable HTTP). Programs run on this machine, not on the desk, in your home folder, with PATH, HOME, LANG and what `env` says."""
    anthropic_key: SecretStr | None = Field(default=None, validation_alias=AliasChoices("ANTHROPIC_API_KEY"))
    """Anthropic's key."""
    dedalus_key: SecretStr | None = Field(default=None, validation_alias=AliasChoices("DEDALUS_API_KEY"))
    """Dedalus Labs' key."""
    openai_key: SecretStr | None = Field(default=None, validation_alias=AliasChoices("OPENAI_API_KEY"))
    """OpenAI's key."""
    google_key: SecretStr | None = Field(default=None, validation_alias=AliasChoices("GOOGLE_API_KEY", "GEMINI_API_KEY"))
    """Google's key for Gemini; GEMINI_API_KEY does too."""
    openrouter_key: SecretStr | None = Field(default=None, validation_alias=AliasChoices("OPENROUTER_API_KEY"))
    """OpenRouter's key."""
    anthropic_url: str | None = Field(default=None, validation_alias=AliasChoices("ANTHROPIC_BASE_URL"))
    """Another address for Anthropic's API, a proxy's say. Ends before /v1."""
    dedalus_url: str | None = Field(default=None, validation_alias=AliasChoices("DEDALUS_BASE_URL"))
    """Another address for Dedalus' API. Ends before /v1."""
    openai_url: str | None = Field(default=None, validation_alias=AliasChoices("OPENAI_BASE_URL"))
    """Another address for OpenAI's API. Ends with /v1."""
    google_url: str | None = Field(default=None, validation_alias=AliasChoices("GOOGLE_GEMINI_BASE_URL"))
    """Another address for Gemini's API. Ends before its version."""
    openrouter_url: str | None = Field(default=None, validation_alias=AliasChoices("OPENROUTER_BASE_URL"))
    """Another address for OpenRouter's API. Ends with /v1."""
    ollama_url: str = Field(default="http://127.0.0.1:11434/v1", validation_alias=AliasChoices("OLLAMA_BASE_URL"))
    """Where Ollama is. Ends with /v1."""

    @field_validator("dedalus_mcp_servers", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return _list(value)

    @field_validator("mcp_servers")
    @classmethod
    def _servers_can_be(cls, value: SecretStr | None) -> SecretStr | None:
        """The JSON itself takes a file's place, so that a worker elsewhere reads the same."""
        text = "" if value is None else _text_or_file(value.get_secret_value().strip())
        return SecretStr(text) if _servers(text) else None

    def further_servers(self) -> dict[str, McpServer]:
        """The further MCP servers by name."""
        return _servers(self.mcp_servers.get_secret_value()) if self.mcp_servers else {}

    _left_open: frozenset[str] = frozenset()

    @model_validator(mode="after")
    def _choose(self) -> Self:
        """What was left open is chosen by the keys; `hotdesk.models` says why."""
        self._left_open = frozenset(name for name in ("brain", "planner") if not getattr(self, name))
        if not self.brain:
            keyed = (model for vendor, model in BRAIN_MODELS.items() if self.has_key(vendor))
            self.__dict__["brain"] = next(keyed, "rehearsal")
        if not self.planner:
            alone = self.brain in ("nobody", "rehearsal")
            self.__dict__["planner"] = "rehearsal" if alone else PLANNER_MODEL if self.has_key("anthropic") else self.brain
        return self

    def left_open(self, name: Literal["brain", "planner"]) -> bool:
        """Whether nobody said who it is, so that the keys chose."""
        return name in self._left_open

    def has_key(self, vendor: str) -> bool:
        """Whether there is a key for `vendor`."""
        key: SecretStr | None = getattr(self, f"{vendor}_key", None)
        return key is not None and bool(key.get_secret_value())


MOST_SERVERS = 16
MOST_CHARACTERS = 60_000
"""Of the servers' JSON: it is handed to workers in their environment."""


def _text_or_file(text: str) -> str:
    if not text or text.startswith(("{", "[")):
        return text
    try:
        return Path(text.removeprefix("@")).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, RuntimeError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ValueError(f"it is neither JSON nor a file that can be read ({why})") from error


def _servers(text: str) -> dict[str, McpServer]:
    """Raises `ValueError` with what is wrong, never with a value in it."""
    if not text:
        return {}
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"it has more than {MOST_CHARACTERS:,} characters")
    try:
        given = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no valid JSON ({error.msg}, line {error.lineno}, column {error.colno})") from None
    if isinstance(given, dict) and isinstance(wrapped := given.get("mcpServers"), dict) and not {"command", "url"} & set(wrapped):
        given = wrapped  # as the files of other programs have it
    if not isinstance(given, dict):
        raise ValueError('it is no JSON object of the form {"name": {"command": "…"}}')  # noqa: TRY004 - pydantic wants a ValueError
    if len(given) > MOST_SERVERS:
        raise ValueError(f"it names more than {MOST_SERVERS} servers")
    return {name: _server(name, entry) for name, entry in given.items()}


def _server(name: str, entry: Any) -> McpServer:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,29}", name):
        raise ValueError(f"{name[:40]!r} is no name for a server: a letter, then up to 29 letters, digits, dashes and underscores")
    if not isinstance(entry, dict) or ("command" in entry) == ("url" in entry):
        raise ValueError(f'{name} has to have either a "command" or a "url"')
    try:
        return (StdioServer if "command" in entry else HttpServer).model_validate(entry)
    except ValidationError as error:
        wrong = error.errors(include_input=False)[0]
        raise ValueError(f"{name}, {'.'.join(map(str, wrong['loc']))}: {wrong['msg'][0].lower()}{wrong['msg'][1:]}") from None


def _list(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _named(value: Any) -> Any:
    """JSON, or `name=value` with commas between, as a dictionary. Raises `ValueError`."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("{"):
        try:
            return json.loads(value)
        except json.JSONDecodeError as error:
            raise ValueError(f"it is no valid JSON ({error.msg})") from None
    pairs = [part.partition("=") for part in _list(value)]
    if any(not name.strip() or not sign for name, sign, _ in pairs):
        raise ValueError("it is neither JSON nor name=value with commas between")
    return {name.strip(): text.strip() for name, _, text in pairs}


S = TypeVar("S", bound=BaseSettings)


def read(kind: type[S], **flags: Any) -> S:
    """Read one part's settings; flags that are not None win. Raises `BadInput` with one sentence per wrong value."""
    try:
        return kind(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        wrong = (f"HOTDESK_{str(e['loc'][0]).upper() if e['loc'] else ''}: {e['msg'][0].lower()}{e['msg'][1:]}" for e in error.errors())
        raise BadInput("A setting cannot be used. " + "; ".join(wrong) + ".") from error


def environment(*parts: BaseSettings) -> dict[str, str]:
    """The settings as environment variables, secrets included: what a worker process is started with, so that it reads the same."""
    found: dict[str, str] = {}
    for part in parts:
        for name, field in type(part).model_fields.items():
            value = getattr(part, name)
            if isinstance(value, SecretStr):
                value = value.get_secret_value()
            elif isinstance(value, tuple):
                value = ",".join(value)
            elif isinstance(value, dict):
                value = json.dumps(value)
            alias = field.validation_alias
            key = str(alias.choices[0]) if isinstance(alias, AliasChoices) else f"HOTDESK_{name.upper()}"
            if value is not None:
                found[key] = str(value)
    return found
