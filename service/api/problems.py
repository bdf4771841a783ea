"""The one table from failure code to HTTP status, and replies for failures (RFC 9457).

Source: RFC 9457, Problem Details for HTTP APIs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from flask import Flask, Response, current_app, g, request
from pydantic_core import to_json
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as WerkzeugMethodNotAllowed

from service import telemetry
from service.errors import (
    BadRequest,
    EngineFailed,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    PrecisError,
    RateLimited,
    UnsupportedMediaType,
)

MEDIA_TYPE = "application/problem+json"
TYPE_BASE = "urn:precis:problem:"
MAX_LISTED = 20


@dataclass(frozen=True, slots=True)
class Kind:
    """How a code looks over HTTP; `retry_after_s` is the wait told where the failure itself names none."""

    status: int
    title: str
    retry_after_s: int | None = None


# The documented error table of the API: /openapi.json is made from it too.
TABLE: Mapping[str, Kind] = {
    "bad_request": Kind(400, "The request is not valid"),
    "unauthorized": Kind(401, "A key is needed"),
    "forbidden": Kind(403, "The key may not do this"),
    "not_found": Kind(404, "There is nothing here"),
    "method_not_allowed": Kind(405, "This path does not take this method"),
    "idempotency_conflict": Kind(409, "The idempotency key was used with another body"),
    "payload_too_large": Kind(413, "The body is too large"),
    "unsupported_media_type": Kind(415, "The body is of a type that is not read here"),
    "no_text": Kind(422, "There is no text to work on"),
    "unsupported_language": Kind(422, "No engine serves this language"),
    "too_long": Kind(422, "The text is too long"),
    "rate_limited": Kind(429, "Too many requests", 1),
    "overloaded": Kind(429, "The queue is full", 1),
    "engine_failed": Kind(500, "The request failed"),
    "unavailable": Kind(503, "The model cannot be reached", 1),
    "draining": Kind(503, "The service is shutting down", 1),
    "deadline": Kind(504, "The time given has run out"),
}

# Nobody reads this reply: its caller has gone.
_GONE = Kind(499, "The caller has gone")

_HTTP_ERRORS: Mapping[int, PrecisError] = {
    404: NotFound("no such path"),
    405: MethodNotAllowed("this path does not take this method; see the `Allow` header"),
    413: PayloadTooLarge("the body is over the limit"),
    415: UnsupportedMediaType("the body is of a type that is not read here"),
}
INTERNAL = EngineFailed("the request failed inside the service; its id is in the log")


class InvalidFields(BadRequest):
    """Several fields are wrong; `errors` names each, `detail` tells the first."""

    def __init__(self, detail: str, *, field: str | None, errors: tuple[tuple[str, str], ...]) -> None:
        super().__init__(detail, field=field)
        self.errors = errors


class Limited(RateLimited):
    """A limit of the caller's key is in the way; `quota` tells which, its size and what is left."""

    def __init__(self, detail: str, *, retry_after_s: float, quota: Mapping[str, object]) -> None:
        super().__init__(detail, retry_after_s=retry_after_s)
        self.quota = quota


def kind_of(error: PrecisError) -> Kind:
    """Status and title of a failure."""
    return TABLE.get(error.code, _GONE)


def problem_object(error: PrecisError, request_id: str) -> dict[str, object]:
    """What a caller is told of a failure."""
    kind = kind_of(error)
    body: dict[str, object] = {
        "type": TYPE_BASE + error.code,
        "title": kind.title,
        "status": kind.status,
        "code": error.code,
        "detail": error.detail,
        "request_id": request_id,
    }
    if error.field is not None:
        body["field"] = error.field
    if isinstance(error, InvalidFields):
        body["errors"] = [{"field": field, "detail": detail} for field, detail in error.errors[:MAX_LISTED]]
    if isinstance(error, Limited):
        body["quota"] = error.quota
    if error.supported:
        body["supported"] = error.supported
    retry_after = error.retry_after_s if error.retry_after_s is not None else kind.retry_after_s
    if retry_after is not None:
        body["retry_after_s"] = max(1, math.ceil(retry_after))
    return body


def respond(error: PrecisError, request_id: str) -> Response:
    """The reply that tells a caller of a failure."""
    body = problem_object(error, request_id)
    response = Response(to_json(body), status=kind_of(error).status, content_type=MEDIA_TYPE)
    if "retry_after_s" in body:
        response.headers["Retry-After"] = str(body["retry_after_s"])
    return response


def register(app: Flask) -> None:
    """Make every failure of the app a problem reply."""
    app.register_error_handler(PrecisError, _on_failure)
    app.register_error_handler(HTTPException, _on_http_error)
    app.register_error_handler(Exception, _on_unexpected)


def _on_failure(error: PrecisError) -> Response:
    g.call.code = error.code
    return respond(error, g.call.request_id)


def _on_http_error(raised: HTTPException) -> Response:
    status = raised.code or 500
    if status >= 500:
        return _on_unexpected(raised)
    error = _HTTP_ERRORS.get(status, BadRequest("the request is not valid HTTP for this service"))
    response = _on_failure(error)
    if isinstance(raised, WerkzeugMethodNotAllowed):
        response.headers["Allow"] = ", ".join(sorted(raised.valid_methods or _allowed()))
    return response


def _allowed() -> set[str]:
    adapter = current_app.create_url_adapter(request)
    return set(adapter.allowed_methods()) if adapter else set()


def _on_unexpected(raised: Exception) -> Response:
    telemetry.logger().error("unexpected failure", exc_info=raised)
    return _on_failure(INTERNAL)
