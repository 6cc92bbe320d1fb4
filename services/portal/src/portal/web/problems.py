"""Errors over HTTP: RFC 9457 problem documents with the suite's stable reasons, and what to do next."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.exceptions import HTTPException

from chassis.errors import (
    AlreadyExists,
    Conflict,
    DeadlineExceeded,
    Forbidden,
    Internal,
    InvalidRequest,
    MeterlineError,
    NotFound,
    NotReady,
    OutOfRange,
    Overloaded,
    Reason,
    TooBig,
    Unauthenticated,
    Unavailable,
    Unimplemented,
)
from chassis.logs import get_logger
from portal.domain.views import View

if TYPE_CHECKING:
    from collections.abc import Mapping

MEDIA_TYPE: Final = "application/problem+json"
_STATUSES: Final[Mapping[type[MeterlineError], HTTPStatus]] = {
    InvalidRequest: HTTPStatus.BAD_REQUEST,
    OutOfRange: HTTPStatus.BAD_REQUEST,
    NotFound: HTTPStatus.NOT_FOUND,
    AlreadyExists: HTTPStatus.CONFLICT,
    Conflict: HTTPStatus.CONFLICT,
    NotReady: HTTPStatus.CONFLICT,
    TooBig: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Overloaded: HTTPStatus.TOO_MANY_REQUESTS,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    DeadlineExceeded: HTTPStatus.GATEWAY_TIMEOUT,
    Unimplemented: HTTPStatus.NOT_IMPLEMENTED,
    Internal: HTTPStatus.INTERNAL_SERVER_ERROR,
    MeterlineError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
_log = get_logger(__name__)


class FieldProblem(View):
    """What is wrong with one parameter."""

    field: str
    reason: str
    message: str


class Problem(View):
    """An error, as RFC 9457 has it."""

    type: str = Field(description="Names the reason.", examples=["urn:meterline:reason:WINDOW_INVALID"])
    title: str = Field(description="The reason in one sentence.")
    status: int = Field(description="Status code of the answer.")
    detail: str = Field(description="What happened, for people.")
    reason: str = Field(description="Stable reason.", examples=["WINDOW_INVALID"])
    request_id: str = Field(description="Names this answer in the service's log.")
    do: str = Field(description="What to do next.")
    fields: tuple[FieldProblem, ...] = Field(description="Parameters that are wrong; empty for other errors.")


PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    "default": {"model": Problem, "description": "A problem, with its status code.", "content": {MEDIA_TYPE: {}}}
}
"""What every route of the JSON may answer instead of its view."""


def status_of(error: MeterlineError) -> HTTPStatus:
    """Return the status code of an error; a link that was opened before is gone."""
    if error.reason is Reason.SESSION_REDEEMED:
        return HTTPStatus.GONE
    return next(_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES)


def install(app: FastAPI) -> None:
    """Have all errors of `app` answered as problems."""
    app.add_exception_handler(MeterlineError, _meterline_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _defect)


def answer(error: MeterlineError, *, status: int | None = None) -> JSONResponse:
    """Return the answer that tells of an error."""
    problem = Problem(
        type=f"urn:meterline:reason:{error.reason.value}",
        title=error.reason.meaning,
        status=int(status_of(error)) if status is None else status,
        detail=error.message,
        reason=error.reason.value,
        request_id=str(uuid.uuid4()),
        do=error.reason.remedy,
        fields=tuple(
            FieldProblem(field=found.field, reason=found.reason.value, message=found.message)
            for found in error.violations
        ),
    )
    headers = {"cache-control": "no-store"}
    if error.retry_after_s is not None:
        headers["retry-after"] = str(max(1, round(error.retry_after_s)))
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning(
            "answered with an error", request_id=problem.request_id, reason=problem.reason, detail=problem.detail
        )
    return JSONResponse(
        problem.model_dump(by_alias=True), status_code=problem.status, headers=headers, media_type=MEDIA_TYPE
    )


async def _meterline_error(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, MeterlineError):
        raise error
    return answer(error)


async def _invalid_request(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0]
    if first["loc"][0] == "path":
        return answer(NotFound(Reason.VIEW_NOT_FOUND, "nothing has that name; choose one from its list"))
    # What was sent is not repeated: it may be anything.
    field = ".".join(str(part) for part in first["loc"][1:]) or "request"
    return answer(InvalidRequest(Reason.FIELD_INVALID, f"{field}: {first['msg']}"))


async def _http_error(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == HTTPStatus.NOT_FOUND:
        return answer(NotFound(Reason.VIEW_NOT_FOUND, "there is no such page; see the pages of the session"))
    text = f"{HTTPStatus(error.status_code).phrase}; see the interface's description for what can be asked"
    return answer(InvalidRequest(Reason.REQUEST_INVALID, text), status=error.status_code)


async def _defect(_request: Request, error: Exception) -> JSONResponse:
    _log.error("a request met a defect", exc_info=error)
    return answer(Internal(Reason.INTERNAL, "internal error; the server's log says more"))
