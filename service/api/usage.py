"""GET /v1/usage: what the caller's own key has used and may use."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

from flask import Response
from pydantic_core import to_json

from service.api.access import current_access, current_entry
from service.api.keys import SCOPES
from service.api.resource import Operation, Resource, json_reply
from service.api.shapes import Shape
from service.errors import NotFound

resource = Resource("usage", __name__)


class CountsShape(Shape):
    """What was counted in the running day and in the running month, in UTC."""

    day: int
    month: int


class KeyLimitsShape(Shape):
    """The limits of the key; null is without limit."""

    requests_per_second: int | None
    requests_per_minute: int | None
    concurrency: int | None
    characters_per_day: int | None
    characters_per_month: int | None


class UsageReplyShape(Shape):
    """What a key has used and may use. A text to translate counts for each target language, an article once."""

    key: str
    requests: CountsShape
    characters: CountsShape
    running: int
    limits: KeyLimitsShape
    scopes: list[str]
    expires: str | None


@resource.serves(
    Operation(
        method="GET",
        path="/v1/usage",
        name="usage",
        summary="What your key has used and may use",
        reply=UsageReplyShape,
        errors=("unauthorized", "not_found"),
    )
)
def usage() -> Response:
    """Answer with the counts of the caller's key; asking is not counted."""
    access, entry = current_access(), current_entry()
    if access is None or entry is None:
        raise NotFound("this service works without keys, so nothing is counted")
    key = entry.key
    used = access.limiter.used(key.id)
    body = {
        "key": key.id,
        "requests": {"day": used.day_requests, "month": used.month_requests},
        "characters": {"day": used.day_characters, "month": used.month_characters},
        "running": used.running,
        "limits": asdict(key.limits),
        "scopes": [scope for scope in SCOPES if key.scopes is None or scope in key.scopes],
        "expires": datetime.fromtimestamp(key.expires_s, UTC).isoformat() if key.expires_s is not None else None,
    }
    return json_reply(to_json(body))
