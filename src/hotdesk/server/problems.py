"""Errors as the world sees them: `application/problem+json` with one sentence and a code such as `not_found:session`.

Promises: every error of ours, of validation and of routing leaves the server in this one shape. What nobody foresaw is logged with its
traceback and told to the caller as a sentence without details.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hotdesk.errors import (
    BadInput,
    Conflict,
    DeskGone,
    DeskUnavailable,
    HotdeskError,
    LogError,
    MissingRequirement,
    NotFound,
    Refused,
    SessionBusy,
)

__all__ = [
    "NoSuchAgent",
    "NoSuchFile",
    "NoSuchFrame",
    "NotOpen",
    "Problem",
    "Shield",
    "TakenByAnother",
    "TooLarge",
    "answer",
    "install",
    "problem_of",
    "sentence",
]

MEDIA_TYPE = "application/problem+json"

logger = logging.getLogger(__name__)


class Problem(BaseModel):
    """What went wrong (RFC 9457). `detail` is one sentence for a person; `code` is `kind:surface` for a program."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str


class NoSuchAgent(NotFound):
    """The session has no such agent."""


class NoSuchFile(NotFound):
    """The session has no such artifact."""


class NoSuchFrame(NotFound):
    """The session has no such screenshot."""


class TakenByAnother(Conflict):
    """Somebody else has the desk."""


class NotOpen(Conflict):
    """The agent's desk is not open (yet, or any more)."""


class TooLarge(HotdeskError):
    """The request's body is larger than what is taken."""


_KINDS: tuple[tuple[type[HotdeskError], int, str], ...] = (
    (NoSuchAgent, 404, "not_found:agent"),
    (NoSuchFile, 404, "not_found:artifact"),
    (NoSuchFrame, 404, "not_found:frame"),
    (NotFound, 404, "not_found:session"),
    (BadInput, 422, "bad_input:request"),
    (TakenByAnother, 409, "taken:agent"),
    (NotOpen, 409, "not_open:desk"),
    (Conflict, 409, "conflict:session"),
    (SessionBusy, 409, "busy:session"),
    (Refused, 403, "refused:server"),
    (TooLarge, 413, "too_large:request"),
    (LogError, 503, "unavailable:log"),
    (DeskGone, 409, "gone:desk"),
    (DeskUnavailable, 503, "unavailable:desk"),
    (MissingRequirement, 503, "missing:server"),
)
"""What each error is, the first that fits; anything else is 500."""


def problem_of(error: Exception) -> Problem:
    """The problem an error is told as. What is no error of ours is logged and told without details."""
    for kind, status, code in _KINDS:
        if isinstance(error, kind):
            return _problem(status, str(error), code)
    if isinstance(error, HotdeskError):
        return _problem(500, str(error), "failed:server")
    logger.error("Something that was not foreseen went wrong.", exc_info=error)
    return _problem(500, "Something went wrong inside the server; its log says what.", "failed:server")


def answer(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    """The problem as a response."""
    return Response(problem.model_dump_json(), problem.status, headers, MEDIA_TYPE)


def sentence(error: ValidationError | RequestValidationError) -> str:
    """What is wrong with an input, in one sentence."""
    said = []
    for one in error.errors():
        place = ".".join(str(part) for part in one["loc"] if part not in ("body", "query", "path"))
        said.append(f"{place or 'the request'}: {one['msg'][:1].lower()}{one['msg'][1:]}")
    return "The request cannot be used: " + "; ".join(said) + "."


def install(app: FastAPI) -> None:
    """Let every error of `app` leave as a problem."""
    app.add_exception_handler(HotdeskError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _ours)


class Shield:
    """What nobody foresaw is told as a problem, wherever it happens. An answer that was already being sent is broken off."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = done = False

        async def noting(message: Message) -> None:
            nonlocal begun, done
            begun = True
            done = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:
            if not begun:
                await answer(problem_of(error))(scope, receive, send)
            elif not done:  # else it was told already
                raise


def _problem(status: int, detail: str, code: str) -> Problem:
    return Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, code=code)


async def _ours(_: Request, error: Exception) -> Response:
    return answer(problem_of(error))


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    return answer(_problem(422, sentence(error), "bad_input:request"))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    details: dict[int, tuple[str, str]] = {
        404: (f"There is nothing at {request.url.path}; /api/docs lists what there is.", "not_found:server"),
        405: (f"{request.method} is not possible at {request.url.path}; /api/docs lists what is.", "not_allowed:server"),
        413: (str(error.detail), "too_large:request"),
    }
    detail, code = details.get(error.status_code, (_ended(str(error.detail)), "bad_input:request"))
    headers: dict[str, Any] = dict(error.headers or {})
    return answer(_problem(error.status_code, detail, code), headers)


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else text + "."
