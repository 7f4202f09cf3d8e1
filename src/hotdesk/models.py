"""Models: names of models → clients of their vendors, what a call costs, and what a vendor's error means.

A name is `vendor:model` (`VENDORS`), or several with commas between, of which a later one steps in when an earlier one cannot. Vendors'
packages are imported only when a name of theirs is used; one that is not installed is `MissingRequirement` with the extra that brings it,
a key that is not set `MissingRequirement` with the variable's name. Vendors' exceptions end here: `trouble()` turns each into a `Trouble`
that says in words what happened and whether to try again, try another model, or give up.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import anyio

from hotdesk.errors import BadInput, HotdeskError, MissingRequirement
from hotdesk.settings import BRAIN_MODELS, PLANNER_MODEL, MindSettings

if TYPE_CHECKING:
    from dedalus_labs import AsyncDedalus
    from pydantic_ai.messages import ModelResponse
    from pydantic_ai.models import Model
    from pydantic_ai.settings import ModelSettings

__all__ = [
    "SCRIPTED",
    "VENDORS",
    "Checked",
    "Chosen",
    "Cut",
    "Declined",
    "ModelName",
    "Patience",
    "Tokens",
    "Trouble",
    "Vendor",
    "check",
    "chosen_brain",
    "chosen_planner",
    "counted",
    "dedalus_client",
    "label",
    "model",
    "model_settings",
    "names",
    "price",
    "ready",
    "trouble",
]

QUIET = 120.0
"""Seconds a vendor may say nothing at all before the call is given up: thinking models are silent for a while, but not for minutes."""
CHECKING = 20.0
"""Seconds the call that checks a key may take."""

SCRIPTED = {"rehearsal": "Rehearsal, without a model", "nobody": "Nobody: the desk is yours", "one": "None: the prompt is one task"}
"""Names that are no model's."""


@dataclass(frozen=True, slots=True)
class Vendor:
    """Who serves models. `variable` is the environment variable of its key, `package` what must be installed, by `extra`."""

    label: str
    variable: str | None
    package: str
    extra: str


VENDORS = {
    "dedalus": Vendor("Dedalus", "DEDALUS_API_KEY", "dedalus_labs", "dedalus"),
    "anthropic": Vendor("Claude", "ANTHROPIC_API_KEY", "anthropic", "models"),
    "openai": Vendor("OpenAI", "OPENAI_API_KEY", "openai", "models"),
    "google": Vendor("Gemini", "GOOGLE_API_KEY", "google.genai", "models"),
    "openrouter": Vendor("OpenRouter", "OPENROUTER_API_KEY", "openai", "models"),
    "ollama": Vendor("Ollama", None, "openai", "models"),
    "compatible": Vendor("The model server", None, "openai", "models"),
}


# Names ------------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ModelName:
    """One model of one vendor; `str(name)` is how settings name it."""

    vendor: str
    model: str

    def __str__(self) -> str:
        return f"{self.vendor}:{self.model}"

    @property
    def who(self) -> str:
        """For a sentence: «Claude»."""
        return VENDORS[self.vendor].label

    @property
    def listed(self) -> tuple[str, ...]:
        """The models between which Dedalus may choose (`a/b|c/d`); of other vendors there is always one."""
        parts = self.model.split("|") if self.vendor == "dedalus" else [self.model]
        return tuple(stripped for part in parts if (stripped := part.strip()))

    @property
    def asked(self) -> str | list[str]:
        """The model as the vendor is asked for it."""
        return self.listed[0] if len(self.listed) == 1 else list(self.listed)

    def answered(self, said: str | None) -> ModelName:
        """Which of the listed models it was that answered, by what the vendor `said`; itself where that does not tell."""
        fits = (listed for listed in self.listed if len(self.listed) == 1 or (said and said in (listed, listed.partition("/")[2])))
        return replace(self, model=next(fits, self.model))


def names(text: str, what: str = "brain") -> tuple[ModelName, ...]:
    """The models that `text` names, in order; none for a name of `SCRIPTED`. Raises `BadInput`."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if len(parts) == 1 and parts[0] in SCRIPTED:
        return ()
    found = []
    for part in parts:
        vendor, _, model_name = part.partition(":")
        if part in SCRIPTED:
            raise BadInput(f"«{part}» is no model and stands alone; it cannot step in for one.")
        if vendor not in VENDORS or not model_name.strip():
            raise BadInput(
                f"There is no {what} «{part}». HOTDESK_{what.upper()} can be rehearsal or a model: "
                f"{', '.join(f'{name}:MODEL' for name in VENDORS)}; several with commas between."
            )
        name = ModelName(vendor, model_name.strip())
        if not name.listed:
            raise BadInput(f"«{part}» names no model.")
        found.append(name)
    if not found:
        raise BadInput(f"HOTDESK_{what.upper()} names nothing.")
    return tuple(found)


def label(text: str) -> str:
    """What a page or a person calls the brain or planner of this name."""
    if text in SCRIPTED:
        return SCRIPTED[text]
    try:
        first, *others = names(text)
    except BadInput:
        return text  # in the log of another version, say
    said = f"{first.who} ({first.model})"
    return f"{said}, or {', '.join(f'{other.who} ({other.model})' for other in others)}" if others else said


@dataclass(frozen=True, slots=True)
class Chosen:
    """Who it is (`name`), and one sentence why."""

    name: str
    why: str

    @property
    def label(self) -> str:
        return label(self.name)

    @property
    def rehearsal(self) -> bool:
        return self.name == "rehearsal"


def chosen_brain(mind: MindSettings) -> Chosen:
    """Who thinks, and why."""
    if not mind.left_open("brain"):
        return Chosen(mind.brain, "HOTDESK_BRAIN or a flag says so.")
    if mind.brain == "rehearsal":
        keys = ", ".join(filter(None, (VENDORS[name].variable for name in ("dedalus", "anthropic", "openai"))))
        return Chosen(mind.brain, f"No key is set ({keys} or GOOGLE_API_KEY), so agents rehearse.")
    vendor = VENDORS[mind.brain.partition(":")[0]]
    return Chosen(mind.brain, f"{vendor.variable} is set, and HOTDESK_BRAIN is not.")


def chosen_planner(mind: MindSettings) -> Chosen:
    """Who plans, and why."""
    if not mind.left_open("planner"):
        return Chosen(mind.planner, "HOTDESK_PLANNER or a flag says so.")
    if mind.planner == "rehearsal":
        return Chosen(mind.planner, "The agents have no model either, so the plan is made by rules.")
    if mind.planner == mind.brain:
        return Chosen(mind.planner, "It is the model that the agents think with; there is no ANTHROPIC_API_KEY for Claude.")
    return Chosen(mind.planner, "ANTHROPIC_API_KEY is set: Claude plans.")


def choices(mind: MindSettings) -> list[str]:
    """Names that a person can choose from without more ado: a model of each vendor whose key is here, and the rehearsal."""
    keyed = [name for vendor, name in BRAIN_MODELS.items() if _key(mind, vendor)]
    return list(dict.fromkeys([mind.brain, mind.planner, *keyed, *([PLANNER_MODEL] if _key(mind, "anthropic") else []), "rehearsal"]))


# Clients ----------------------------------------------------------------------------------------------------------------------------


def ready(name: ModelName, mind: MindSettings) -> None:
    """Raise `MissingRequirement` unless the package and the key for `name` are here. No network."""
    vendor = VENDORS[name.vendor]
    wanted = (vendor.package,) if name.vendor == "dedalus" else ("pydantic_ai", vendor.package)
    for package in wanted:
        if not _installed(package):
            raise MissingRequirement(
                f"{name} needs the package {package.replace('_', '-')}, which is not installed.",
                f"Install it: uv sync --extra {vendor.extra} (or: pip install 'hotdesk[{vendor.extra}]').",
            )
    if vendor.variable is not None and not mind.has_key(name.vendor):
        raise MissingRequirement(
            f"{name} needs a key, and {vendor.variable} is not set.",
            f"Set {vendor.variable} in the environment or in .env, or choose another model.",
        )
    if name.vendor == "compatible" and not mind.base_url:
        raise MissingRequirement(f"{name} needs an address, and HOTDESK_BASE_URL is not set.", "Set it, like http://127.0.0.1:8080/v1.")


def _installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False


def _key(mind: MindSettings, vendor: str) -> str:
    secret = mind.api_key if vendor == "compatible" else getattr(mind, f"{vendor}_key", None)
    return secret.get_secret_value() if secret is not None else ""


def dedalus_client(mind: MindSettings) -> AsyncDedalus:
    """A client of Dedalus that does not try again on its own: `Patience` does, where a person sees it."""
    from dedalus_labs import AsyncDedalus, Timeout  # noqa: PLC0415

    url = mind.dedalus_url or "https://api.dedaluslabs.ai"
    return AsyncDedalus(api_key=_key(mind, "dedalus"), base_url=url, max_retries=0, timeout=Timeout(QUIET, connect=10.0))


def model(name: ModelName, mind: MindSettings) -> Model:
    """pydantic-ai's model of this name; for Dedalus its OpenAI-shaped address. Raises `MissingRequirement`."""
    ready(name, mind)
    if name.vendor == "dedalus" and not _installed("pydantic_ai"):
        raise MissingRequirement("Planning with Dedalus needs the package pydantic-ai.", "Install it: uv sync --extra models.")
    return _MAKERS[name.vendor](name.model, mind)


def _anthropic(name: str, mind: MindSettings) -> Model:
    from pydantic_ai.models.anthropic import AnthropicModel  # noqa: PLC0415
    from pydantic_ai.providers.anthropic import AnthropicProvider  # noqa: PLC0415

    return AnthropicModel(name, provider=AnthropicProvider(api_key=_key(mind, "anthropic"), base_url=mind.anthropic_url))


def _openai(name: str, mind: MindSettings) -> Model:
    from pydantic_ai.models.openai import OpenAIChatModel  # noqa: PLC0415
    from pydantic_ai.providers.openai import OpenAIProvider  # noqa: PLC0415

    return OpenAIChatModel(name, provider=OpenAIProvider(api_key=_key(mind, "openai"), base_url=mind.openai_url))


def _google(name: str, mind: MindSettings) -> Model:
    from pydantic_ai.models.google import GoogleModel  # noqa: PLC0415
    from pydantic_ai.providers.google import GoogleProvider  # noqa: PLC0415

    return GoogleModel(name, provider=GoogleProvider(api_key=_key(mind, "google"), base_url=mind.google_url))


def _openrouter(name: str, mind: MindSettings) -> Model:
    from openai import AsyncOpenAI  # noqa: PLC0415
    from pydantic_ai.models.openrouter import OpenRouterModel  # noqa: PLC0415
    from pydantic_ai.providers.openrouter import OpenRouterProvider  # noqa: PLC0415

    client = AsyncOpenAI(api_key=_key(mind, "openrouter"), base_url=mind.openrouter_url or "https://openrouter.ai/api/v1")
    return OpenRouterModel(name, provider=OpenRouterProvider(openai_client=client))


def _like_openai(who: str, name: str, url: str, key: str, settings: ModelSettings | None = None) -> Model:
    from pydantic_ai.models.openai import OpenAIChatModel  # noqa: PLC0415
    from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider  # noqa: PLC0415

    return OpenAIChatModel(name, provider=OpenAICompatibleProvider(who, base_url=url, api_key=key or "none"), settings=settings)


def _dedalus(name: str, mind: MindSettings) -> Model:
    url = (mind.dedalus_url or "https://api.dedaluslabs.ai").rstrip("/")
    asked = ModelName("dedalus", name)
    several: ModelSettings | None = {"extra_body": {"model": asked.asked}} if len(asked.listed) > 1 else None
    return _like_openai("dedalus", asked.listed[0], f"{url}/v1", _key(mind, "dedalus"), several)


_MAKERS: dict[str, Callable[[str, MindSettings], Model]] = {
    "dedalus": _dedalus,
    "anthropic": _anthropic,
    "openai": _openai,
    "google": _google,
    "openrouter": _openrouter,
    "ollama": lambda name, mind: _like_openai("ollama", name, mind.ollama_url, ""),
    "compatible": lambda name, mind: _like_openai("compatible", name, mind.base_url or "", _key(mind, "compatible")),
}


def model_settings(name: ModelName, thinking: bool) -> ModelSettings:
    """How a brain calls the model: no retries of the SDK's own, cache breakpoints where they are asked for, thinking that is shown."""
    settings: dict[str, Any] = {"max_retries": 0, "timeout": QUIET}
    if name.vendor == "anthropic":
        settings |= {"anthropic_cache_instructions": True, "anthropic_cache_tool_definitions": True, "anthropic_cache_messages": True}
    if name.vendor in ("anthropic", "google", "openrouter"):
        settings["thinking"] = thinking
    if name.vendor == "anthropic" and thinking and _thinks_as_needed(name.model):
        settings["anthropic_thinking"] = {"type": "adaptive", "display": "summarized"}
    return settings  # type: ignore[return-value] # the vendors' settings are one dictionary to pydantic-ai


def _thinks_as_needed(name: str) -> bool:
    from pydantic_ai.profiles.anthropic import anthropic_model_profile  # noqa: PLC0415

    profile: Mapping[str, Any] = anthropic_model_profile(name) or {}
    return bool(profile.get("anthropic_supports_adaptive_thinking"))


# Prices -----------------------------------------------------------------------------------------------------------------------------


class Tokens(NamedTuple):
    """What one call took: all prompt tokens, those of them read from and written to a cache, the answer's, and dollars by the vendor's
    list price: None where it is not known."""

    input: int = 0
    cached: int = 0
    written: int = 0
    output: int = 0
    dollars: float | None = None


def price(name: ModelName, input: int, cached: int, written: int, output: int) -> float | None:
    """Dollars by the vendor's list price (for Dedalus that of the vendor behind it); None where it is not known, as where a list of
    models does not say which of them answered."""
    vendor, model_name = name.vendor, name.model
    if vendor == "dedalus":
        vendor, _, model_name = model_name.partition("/")
    if vendor in ("compatible", "ollama") or not model_name or not _installed("genai_prices"):
        return None
    from genai_prices import Usage, calc_price  # noqa: PLC0415

    usage = Usage(input_tokens=input, cache_read_tokens=cached, cache_write_tokens=written, output_tokens=output)
    try:
        return float(calc_price(usage, model_name, provider_id=vendor).total_price)
    except (LookupError, ValueError):
        return None


def counted(name: ModelName, response: ModelResponse) -> Tokens | None:
    """What pydantic-ai's response took; None if the vendor did not say."""
    usage = response.usage
    if not (usage.input_tokens or usage.output_tokens):
        return None
    counts = (usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens, usage.output_tokens)
    return Tokens(*counts, price(name.answered(response.model_name), *counts))


# Trouble ----------------------------------------------------------------------------------------------------------------------------


class Declined(Exception):
    """The model answered, and its answer is that it will not. An adapter raises it; `trouble` knows it."""


class Cut(Exception):
    """The answer ended before its end. An adapter raises it; `trouble` knows it."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a vendor's error means. `retryable`: the same again, after `after` seconds if the vendor said. `fallback`: not with this
    model, but perhaps with another. `fatal`: with none. `why` ends «…: it is overloaded»; `sentence` stands alone."""

    kind: Literal["retryable", "fallback", "fatal"]
    why: str
    sentence: str
    after: float | None = None
    lasting: bool = False
    """Whether it will be so until a person does something: a key, a quota, a name."""
    broken: bool = False
    """Whether it was the connection, rather than an answer."""


def trouble(error: BaseException, name: ModelName) -> Trouble | None:
    """What `error` means, or None if it is no vendor's: a bug, or a cancellation."""
    if isinstance(error, Declined):
        return Trouble("fallback", "it declined", f"{name.who} declined the request{_because(str(error))}.")
    if isinstance(error, Cut):
        return Trouble("retryable", "its answer was cut off", f"{name.who}'s answer was cut off again and again.", broken=True)
    if isinstance(error, MissingRequirement):
        return Trouble("fallback", "something is missing", str(error))
    module = type(error).__module__.partition(".")[0]
    known = _of_pydantic_ai(error, name) if module == "pydantic_ai" else _of_dedalus(error, name) if module == "dedalus_labs" else None
    if known is None and (module in _FOREIGN or _raised_in(error) in _FOREIGN):
        known = _unreachable(name, "its answer could not be read")
    return known


_FOREIGN = frozenset(
    [
        "anthropic",
        "dedalus_labs",
        "genai_prices",
        "google",
        "h11",
        "httpcore",
        "httpcore2",
        "httpx",
        "httpx2",
        "json",
        "openai",
        "pydantic",
        "pydantic_ai",
        "pydantic_core",
    ]
)
"""Packages between a vendor's bytes and us. What a server that keeps to no protocol makes them raise is not our bug."""


def _raised_in(error: BaseException) -> str:
    """The package in whose code the error was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0] if trace is not None else ""


def _of_pydantic_ai(error: BaseException, name: ModelName) -> Trouble | None:
    from pydantic_ai import exceptions as pe  # noqa: PLC0415

    said, code = _message(getattr(error, "body", None))
    said = said or getattr(error, "message", "") or str(error)
    after = getattr(error, "retry_after", None)
    known: tuple[tuple[type[BaseException], Any], ...] = (
        (pe.ModelContextWindowExceededError, lambda: _too_long(name)),
        (pe.ModelAuthenticationError, lambda: _wrong_key(name, said)),
        (pe.ModelNotFoundError, lambda: _no_such_model(name, said)),
        (pe.ModelQuotaExceededError, lambda: _no_money(name, said)),
        (pe.ModelRateLimitError, lambda: _limited(name, after)),
        (pe.ModelOverloadedError, lambda: _overloaded(name, after)),
        (pe.ModelConnectionError, lambda: _unreachable(name, "it cannot be reached" if _refused(error) else "the connection broke")),
        (pe.ModelRequestTimeout, lambda: _unreachable(name, "it does not answer")),
        (pe.ContentFilterError, lambda: trouble(Declined(said), name)),
        (pe.UserError, lambda: Trouble("fatal", "the request cannot be made", f"{name} cannot be asked: {said}")),
    )
    for kind, made in known:
        if isinstance(error, kind):
            return made()  # type: ignore[no-any-return]
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        return _by_status(name, status, said, after, code)
    if isinstance(error, pe.ModelAPIError):
        return _by_words(name, said, code)
    return _unreachable(name, "its answer makes no sense") if isinstance(error, pe.UnexpectedModelBehavior) else None


def _refused(error: BaseException) -> bool:
    return getattr(error, "phase", None) == "connect"


def _of_dedalus(error: BaseException, name: ModelName) -> Trouble | None:
    import dedalus_labs as dl  # noqa: PLC0415

    if isinstance(error, dl.APITimeoutError):
        return _unreachable(name, "it does not answer")
    if isinstance(error, dl.APIConnectionError):
        return _unreachable(name, "it cannot be reached")
    said, code = _message(getattr(error, "body", None))
    said = said or str(error)
    if isinstance(error, dl.APIStatusError):
        if error.status_code < 400:  # inside a stream that had begun well
            return _by_words(name, said, code)
        return _by_status(name, error.status_code, said, _retry_after(error.response.headers), code)
    return _by_words(name, said, code) if isinstance(error, dl.APIError) else None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        return max(0.0, float(headers["retry-after"])) if "retry-after" in headers else None
    except ValueError:
        return None


_TOO_LONG = ("context length", "context window", "context_length", "too long", "maximum context", "too many tokens")
_NO_MONEY = ("quota", "billing", "credit", "balance", "payment")


def _by_status(name: ModelName, status: int, said: str, after: float | None, code: str = "") -> Trouble:  # noqa: PLR0911 - a line each
    lower = f"{said} {code}".lower()
    if status in (400, 413, 422) and any(words in lower for words in _TOO_LONG):
        return _too_long(name)
    if status == 402 or (status in (400, 403, 429) and any(word in lower for word in _NO_MONEY)):
        return _no_money(name, said)
    found = {401: _wrong_key, 403: _wrong_key, 404: _no_such_model}.get(status)
    if found is not None:
        return found(name, said)
    if status == 429:
        return _limited(name, after)
    if status in (529, 503):
        return _overloaded(name, after)
    if status in (408, 409, 425) or status >= 500:
        own = f"trouble of its own ({status})"
        return Trouble("retryable", f"it has {own}", f"{name.who} has {own}{_because(said)}.", after)
    return Trouble("fallback", "it rejected the request", f"{name.who} rejected the request ({status}){_because(said)}.")


_WORDS = (("rate limit", 429), ("rate_limit", 429), ("overload", 529), ("authentication", 401), ("api key", 401), ("invalid_request", 400))


def _by_words(name: ModelName, said: str, code: str) -> Trouble:
    """An error without a status: inside a stream, say."""
    lower = f"{said} {code}".lower()
    return _by_status(name, next((status for words, status in _WORDS if words in lower), 500), said, None, code)


def _wrong_key(name: ModelName, said: str) -> Trouble:
    variable = VENDORS[name.vendor].variable or "HOTDESK_API_KEY"
    sentence = f"{name.who} did not accept the key{_because(said)}. Check {variable}."
    return Trouble("fallback", "it did not accept the key", sentence, lasting=True)


def _no_such_model(name: ModelName, said: str) -> Trouble:
    return Trouble(
        "fallback", "it has no such model", f"{name.who} has no model «{name.model}» for this key{_because(said)}.", lasting=True
    )


def _no_money(name: ModelName, said: str) -> Trouble:
    sentence = f"The quota of the account at {name.who} is used up{_because(said)}."
    return Trouble("fallback", "the account's quota is used up", sentence, lasting=True)


def _limited(name: ModelName, after: float | None) -> Trouble:
    return Trouble("retryable", "its rate limit is reached", f"{name.who}'s rate limit stayed reached.", after)


def _overloaded(name: ModelName, after: float | None) -> Trouble:
    return Trouble("retryable", "it is overloaded", f"{name.who} stayed overloaded.", after)


def _too_long(name: ModelName) -> Trouble:
    return Trouble("fallback", "the task has grown too long for it", f"The task has grown too long for {name.model} to take in.")


def _unreachable(name: ModelName, why: str) -> Trouble:
    return Trouble("retryable", why, f"{name.who} could not be asked: {why}.", broken=True)


def _because(said: str) -> str:
    said = " ".join(said.split()).rstrip(".")
    return f" ({said[:200]})" if said else ""


def _message(body: object) -> tuple[str, str]:
    """The words and the code in a vendor's error body, whatever its shape."""
    if not isinstance(body, Mapping):
        return (body, "") if isinstance(body, str) else ("", "")
    inner = body.get("error", body)
    if not isinstance(inner, Mapping):
        return str(inner), ""
    return str(inner.get("message") or ""), " ".join(str(inner[key]) for key in ("type", "code", "status") if inner.get(key))


# Patience ---------------------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Patience:
    """How often and how long one call is waited for. `wait(trouble)` says for how many seconds, or None when patience is over."""

    tries: int = 6
    longest: float = 120.0
    """Longest single wait that is taken, even if the vendor names a longer one: then it is as good as down."""
    _tried: int = field(default=0, init=False)

    def wait(self, trouble: Trouble) -> float | None:
        self._tried += 1
        if trouble.kind != "retryable" or self._tried >= self.tries:
            return None
        if trouble.after is not None:
            return trouble.after if trouble.after <= self.longest else None
        # Agents that were turned away together must not come back together.
        return min(2.0 ** (self._tried - 1), 30.0) * (0.75 + random.random() / 2)  # noqa: S311


# Checking a key ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Checked:
    """Whether work can begin with the chosen model, and a sentence for a person."""

    ok: bool
    says: str


async def check(chosen: Chosen | str, mind: MindSettings) -> Checked:
    """Ask each model that is named for one word, before a desk is opened. It is ok if at least one can be used; a model that is merely
    busy can. Never raises."""
    text = chosen if isinstance(chosen, str) else chosen.name
    try:
        which = names(text)
    except BadInput as error:
        return Checked(False, str(error))
    if not which:
        return Checked(True, f"{label(text)}.")
    found = [await _check(name, mind) for name in which]
    return Checked(any(one.ok for one in found), " ".join(one.says for one in found))


async def _check(name: ModelName, mind: MindSettings) -> Checked:
    try:
        ready(name, mind)
        with anyio.fail_after(CHECKING):
            await _ask_for_a_word(name, mind)
    except TimeoutError:
        return Checked(False, f"{name.who} did not answer within {CHECKING:.0f} seconds.")
    except HotdeskError as error:
        return Checked(False, str(error))
    except Exception as error:
        found = trouble(error, name)
        if found is None:
            raise
        busy = found.kind == "retryable" and found.why in ("it is overloaded", "its rate limit is reached")
        return Checked(True, f"{name.who} answers, though {found.why} just now.") if busy else Checked(False, found.sentence)
    return Checked(True, f"{name.who} answers with {name.model}.")


async def _ask_for_a_word(name: ModelName, mind: MindSettings) -> None:
    if name.vendor == "dedalus":
        async with dedalus_client(mind) as client:
            word: Any = [{"role": "user", "content": "Say OK."}]
            await client.chat.completions.create(model=name.asked, messages=word, max_tokens=16, stream=False)
        return
    from pydantic_ai.direct import model_request  # noqa: PLC0415
    from pydantic_ai.exceptions import UnexpectedModelBehavior  # noqa: PLC0415
    from pydantic_ai.messages import ModelRequest  # noqa: PLC0415

    async with model(name, mind) as asked:
        with suppress(UnexpectedModelBehavior):  # it answered; what it said does not matter
            await model_request(asked, [ModelRequest.user_text_prompt("Say OK.")], model_settings={"max_tokens": 16, "max_retries": 0})
