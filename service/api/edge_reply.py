"""Replies that the edge gives itself, before any application code sees the request.

Source: RFC 9457 (problem details); RFC 9110, section 15.5.9 (408) and 15.5.14 (413); RFC 6585 (429, 431).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from http import HTTPStatus

from service.api import problems
from service.api.edge_buffer import Verdict
from service.api.guards import new_id

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_REQUEST_ID = re.compile(rb"\r\nx-request-id[ \t]*:[ \t]*([A-Za-z0-9._-]{1,64})[ \t]*\r\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the edge refuses a request.

    Attributes:
        status: HTTP status.
        code: stable code, one of `service.errors`.
        detail: one sentence for a person; holds nothing of the request.
        retry_after_s: seconds after which a retry is sensible, 0 when it is not.
    """

    status: int
    code: str
    detail: str
    retry_after_s: int = 0


MALFORMED = Refusal(400, "bad_request", "This is not a well-formed HTTP/1.1 request.")
FORBIDDEN = Refusal(403, "forbidden", "This address may not send such a request.")
TIMEOUT = Refusal(408, "bad_request", "The request did not arrive in full within the time allowed.")
PAYLOAD_TOO_LARGE = Refusal(413, "payload_too_large", "The body is over the limit of this service.")
LINE_TOO_LARGE = Refusal(414, "bad_request", "The request line is too long.")
EXPECTATION = Refusal(417, "bad_request", "The only expectation that can be met is 100-continue.")
OVERLOADED = Refusal(429, "overloaded", "Too many requests are waiting; nothing was admitted.", retry_after_s=1)
HEAD_TOO_LARGE = Refusal(431, "bad_request", "The header fields are too large.")
FAILED = Refusal(500, "engine_failed", "The request could not be answered.")
UNKNOWN_CODING = Refusal(501, "bad_request", "The only transfer coding that is understood is chunked.")

BY_VERDICT = {
    Verdict.HEAD_TOO_LARGE: HEAD_TOO_LARGE,
    Verdict.BODY_TOO_LARGE: PAYLOAD_TOO_LARGE,
    Verdict.MALFORMED: MALFORMED,
}


def request_id_of(head: bytes, trusted: bool) -> str:
    """The id of a request: the caller's when it is well formed and may be trusted, else a new one.

    Args:
        head: the request's head, possibly empty or incomplete.
        trusted: whether the caller may name the id.
    """
    match = _REQUEST_ID.search(head) if trusted else None
    return match[1].decode("ascii") if match else new_id()


def render(refusal: Refusal, request_id: str, *, with_body: bool = True) -> bytes:
    """A whole reply that closes the connection.

    Args:
        refusal: what to say.
        request_id: id for header and body.
        with_body: False for a reply to HEAD.
    """
    problem: dict[str, object] = {
        "type": problems.TYPE_BASE + refusal.code,
        "title": problems.TABLE[refusal.code].title,
        "status": refusal.status,
        "code": refusal.code,
        "detail": refusal.detail,
        "request_id": request_id,
    }
    retry = ""
    if refusal.retry_after_s:
        problem["retry_after_s"] = refusal.retry_after_s
        retry = f"Retry-After: {refusal.retry_after_s}\r\n"
    body = json.dumps(problem).encode()
    head = (
        f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}\r\nContent-Type: {problems.MEDIA_TYPE}\r\n"
        f"Content-Length: {len(body)}\r\n{retry}X-Request-Id: {request_id}\r\nConnection: close\r\n\r\n"
    )
    return head.encode("ascii") + (body if with_body else b"")
