"""The result of one item among many as JSON: the same in a reply to a batch and in what a job keeps. A leaf."""

from __future__ import annotations

import math

from pydantic_core import to_json

from service.errors import PrecisError


def item_error(error: PrecisError) -> dict[str, object]:
    """The `error` object of one item, inside a reply that is good otherwise."""
    body: dict[str, object] = {"code": error.code, "detail": error.detail}
    if error.field is not None:
        body["field"] = error.field
    if error.supported:
        body["supported"] = error.supported
    if error.retry_after_s is not None:
        body["retry_after_s"] = max(1, math.ceil(error.retry_after_s))
    return body


def done(index: int, name: str | None, result: bytes) -> bytes:
    """The result of an item that was done; `result` is JSON already."""
    return to_json({"index": index, "id": name, "status": "ok"})[:-1] + b',"result":' + result + b"}"


def failed(index: int, name: str | None, error: PrecisError) -> bytes:
    """The result of an item that has failed."""
    return to_json({"index": index, "id": name, "status": "error", "error": item_error(error)})
