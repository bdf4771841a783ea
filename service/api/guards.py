"""Checks before a view runs: who asks, what comes, how large it is and how long it may take."""

from __future__ import annotations

import os
import re
import time

from flask import g, request

from service import telemetry
from service.api import bodies
from service.api.context import Call, Services, gone_probe, services
from service.errors import BadRequest, Draining, PayloadTooLarge, UnsupportedMediaType
from service.observability import stages, tracing
from service.records import CallContext

# Set where the rest of a body is not read: nothing can follow it on its connection, and the reply says so.
CLOSE_FLAG = "precis.close"

PROBES = frozenset({"health.livez", "health.readyz", "health.metrics"})

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_DEADLINE = re.compile(r"[0-9]{1,12}")
_CHUNK = 64 * 1024
EVENTS = "text/event-stream"


def new_id() -> str:
    """A random id of 24 characters."""
    return os.urandom(12).hex()


def begin() -> None:
    """Open the record of a request and refuse a body that is announced too large, whatever the path."""
    serving = services()
    environ = request.environ
    given = environ.get("HTTP_X_REQUEST_ID", "")
    trusted = serving.settings.trust_request_id and _REQUEST_ID.fullmatch(given)
    call = Call(request_id=given if trusted else new_id(), started=time.monotonic())
    g.call = call
    call.times = stages.begin()
    call.span = _span(call)
    call.span.__enter__()
    telemetry.bind_request(call.request_id, call.span.ids())
    serving.metrics.in_flight.inc()
    g.counted = True
    announced = environ.get("CONTENT_LENGTH") or "0"
    if announced != "0" and (not announced.isdecimal() or int(announced) > _limit(serving)):
        raise _too_large(serving)


def _span(call: Call) -> tracing.Span:
    """The span of this request; probes have none."""
    if not tracing.on() or request.endpoint in PROBES:
        return tracing.NOTHING
    route = request.url_rule.rule if request.url_rule is not None else ""
    method = request.method if request.method in _METHODS else "_OTHER"
    return tracing.span(
        f"{method} {route}".strip(),
        {"http.request.method": method, "http.route": route, "precis.request_id": call.request_id},
        kind=tracing.SERVER,
        carrier={name: value for name in tracing.HEADERS if (value := request.headers.get(name))},
    )


def wants_stream() -> bool:
    """Whether this request asks for events: it names them, and likes them no less than JSON."""
    if "event-stream" not in request.environ.get("HTTP_ACCEPT", "").lower():
        return False  # as nearly always; reading the header costs more than this look
    accepted = request.accept_mimetypes
    named = [quality for kind, quality in accepted if kind.partition(";")[0].strip().lower() == EVENTS]
    return bool(named) and max(named) > 0 and max(named) >= accepted["application/json"]


def json_body(*, streams: bool = False) -> bytes:
    """The body of this request, after every check that can be made without parsing it.

    Args:
        streams: events can be told of what is asked for.
    Raises:
        Draining: new work is turned away.
        UnsupportedMediaType: not JSON, or compressed.
        PayloadTooLarge: over the path's limit; nothing is read past it.
        BadRequest: a header asks for what does not exist, or the body ended early.
    """
    if not streams and wants_stream() and not request.accept_mimetypes.accept_json:
        raise BadRequest("this is answered as JSON only, not as `text/event-stream`", field="Accept")
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("send the body as `Content-Type: application/json`")
    if request.mimetype_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise UnsupportedMediaType("JSON is read as UTF-8 only")
    return plain_body()


def plain_body() -> bytes:
    """The body of this request, of any type, once new work is taken at all.

    Raises:
        Draining: new work is turned away.
        UnsupportedMediaType: it is compressed.
        PayloadTooLarge: over the path's limit; nothing is read past it.
        BadRequest: the body ended early.
    """
    serving = services()
    if serving.refusing():
        raise Draining("the service is shutting down; send the request again")
    if request.environ.get("HTTP_CONTENT_ENCODING", "identity").lower() not in ("", "identity"):
        raise UnsupportedMediaType("compressed bodies are not read; send the body without `Content-Encoding`")
    return raw_body()


def raw_body() -> bytes:
    """The body of this request as it came; read once, and kept for whoever asks again.

    Raises:
        PayloadTooLarge: over the path's limit; nothing is read past it.
        BadRequest: the body ended early.
    """
    body: bytes | None = g.get("body")
    if body is None:
        body = g.body = _read(services())
    return body


def call_context() -> CallContext:
    """Deadline, id, caller and hang-up check of this request.

    Raises:
        BadRequest: `X-Deadline-Ms` is not a whole number between 1 and the longest deadline.
    """
    call: Call = g.call
    return CallContext(call.request_id, deadline_s(), call.caller, gone_probe(request.environ))


def deadline_s() -> float:
    """Until when this request must be answered, on `time.monotonic()`.

    Raises:
        BadRequest: as `call_context`.
    """
    settings = services().settings
    call: Call = g.call
    seconds = settings.request_timeout_s
    wish = request.environ.get("HTTP_X_DEADLINE_MS")
    if wish is not None:
        longest = int(settings.max_deadline_s * 1000)
        if not _DEADLINE.fullmatch(wish) or not 1 <= int(wish) <= longest:
            raise BadRequest(f"`X-Deadline-Ms` must be a whole number from 1 to {longest}", field="X-Deadline-Ms")
        seconds = int(wish) / 1000
    return call.started + seconds


def _read(serving: Services) -> bytes:
    environ = request.environ
    stream = environ["wsgi.input"]
    length = environ.get("CONTENT_LENGTH")
    if length:
        wanted = int(length)
        body: bytes = stream.read(wanted)
        while len(body) < wanted:
            more = stream.read(wanted - len(body))
            if not more:
                raise BadRequest("the body ended before its announced length")
            body += more
        return body
    if not environ.get("HTTP_TRANSFER_ENCODING"):
        return b""
    limit = _limit(serving)
    pieces: list[bytes] = []
    size = 0
    while piece := stream.read(min(_CHUNK, limit + 1 - size)):
        size += len(piece)
        if size > limit:
            raise _too_large(serving)
        pieces.append(piece)
    return b"".join(pieces)


def _limit(serving: Services) -> int:
    return bodies.limit(serving.settings, request.method, request.path)


def _too_large(serving: Services) -> PayloadTooLarge:
    request.environ[CLOSE_FLAG] = True
    return PayloadTooLarge(f"the body is over the limit of {_limit(serving)} bytes")
