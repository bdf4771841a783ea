"""`Idempotency-Key`: the same request sent twice is answered once, and its reply given again.

Kept are successful replies only: what failed may be tried again with the same key, also with a better body. Of a stream
all events are kept when it has come to its result, and told again at once.

Source: draft-ietf-httpapi-idempotency-key-header.
"""

from __future__ import annotations

import hashlib
import re
import time

from flask import Flask, Response, g, request

from service import telemetry
from service.api import access_metrics, guards
from service.api.access import is_open
from service.api.context import Call, gone_probe
from service.api.kept_replies import Claim, Kept, Store, Wait
from service.errors import BadRequest, IdempotencyConflict, Unavailable

REPLAY_HEADER = "Idempotent-Replay"

_KEY = re.compile(r'"([!#-~]{1,255})"|([!#-~]{1,255})')
MOST_KEPT_BYTES = 8 * 1024 * 1024
# Shorter than any wait for another request would be.
_JOINED_AFTER_S = 0.02


# What is kept there for good looks after repetitions itself.
_DURABLE = frozenset({"jobs.jobs"})


def register(app: Flask, store: Store) -> None:
    """Honour `Idempotency-Key` on every POST of an app. To be called after what finds out who calls."""

    def begin() -> Response | None:
        given = request.environ.get("HTTP_IDEMPOTENCY_KEY")
        if given is None or request.method != "POST" or request.endpoint is None or is_open():
            return None
        if request.endpoint in _DURABLE:
            return None
        return _begin(store, given)

    app.before_request(begin)
    app.after_request(_keep)
    app.teardown_request(_drop)


def digests(given: str) -> tuple[bytes, bytes]:
    """Of a key and its caller, and of what is asked with it.

    Raises:
        BadRequest: it is no key.
    """
    match = _KEY.fullmatch(given)
    if match is None:
        raise BadRequest(
            "`Idempotency-Key` must be of 1 to 255 visible ASCII characters, in quotes or without",
            field="Idempotency-Key",
        )
    call: Call = g.call
    environ = request.environ
    asked = (
        request.path,
        environ.get("QUERY_STRING", ""),
        environ.get("CONTENT_TYPE", ""),
        str(guards.wants_stream()),
    )
    return _digest(call.caller, match[1] or match[2]), _digest(*asked, guards.raw_body())


def _begin(store: Store, given: str) -> Response | None:
    name, fingerprint = digests(given)
    environ = request.environ
    started_s = time.monotonic()
    try:
        found = store.begin(name, fingerprint, Wait(guards.deadline_s(), gone_probe(environ)))
    except IdempotencyConflict:
        access_metrics.idempotent("conflict")
        raise
    except Unavailable as error:
        _lost(error)
        return None
    if not isinstance(found, Kept):
        g.claim = found
        return None
    access_metrics.idempotent("joined" if time.monotonic() - started_s >= _JOINED_AFTER_S else "replayed")
    response = Response(found.body, status=found.status, content_type=found.content_type)
    response.headers[REPLAY_HEADER] = "true"
    return response


def _digest(*parts: str | bytes) -> bytes:
    made = hashlib.sha256()
    for part in parts:
        content = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        made.update(len(content).to_bytes(8, "big"))
        made.update(content)
    return made.digest()


def _keep(response: Response) -> Response:
    claim = take_claim()
    if claim is None:
        return response
    whole = not response.is_streamed and 200 <= response.status_code < 300
    body = response.get_data() if whole else b""
    if not whole or len(body) > MOST_KEPT_BYTES:
        claim.drop()
        return response
    keep(claim, response.status_code, response.content_type, body)
    return response


def take_claim() -> Claim | None:
    """The right to answer first, if this request has it; from now on the caller keeps or drops it."""
    claim: Claim | None = g.pop("claim", None)
    return claim


def keep(claim: Claim, status: int, content_type: str, body: bytes) -> None:
    """Keep a reply for who sends the request again."""
    try:
        claim.keep(Kept(status, content_type, body))
        access_metrics.idempotent("kept")
    except Unavailable as error:
        _lost(error)


def _drop(_error: BaseException | None) -> None:
    claim = take_claim()
    if claim is not None:
        claim.drop()


def _lost(error: Unavailable) -> None:
    # A request is answered all the same: for what it asks, being done twice does no harm.
    access_metrics.idempotent("lost")
    telemetry.logger().error("Idempotency-Key could not be honoured", detail=error.detail)
