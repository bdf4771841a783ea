"""Blueprints that know what they serve, so that /openapi.json is made from the routes themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, Response, g
from pydantic import BaseModel

from service.api.context import Call

View = Callable[..., Response]

# What every endpoint behind a key can answer.
KEY_ERRORS = ("unauthorized", "rate_limited")

# What every endpoint that reads a body can answer, beside its own failures.
BODY_ERRORS = (
    "bad_request",
    *KEY_ERRORS,
    "forbidden",
    "idempotency_conflict",
    "payload_too_large",
    "unsupported_media_type",
    "too_long",
    "overloaded",
    "engine_failed",
    "draining",
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A part of the path (`{name}`) or of the query, as it is documented; `where` is `path` or `query`."""

    name: str
    where: str
    schema: Mapping[str, object]
    about: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path, as it is documented.

    Attributes:
        reply: shape of the 200 reply, or the content type where it is not JSON.
        events: by name, the shapes of the events that the same is told in where a stream is asked for.
        errors: codes of the error table this operation can answer.
        examples: by name, bodies to try.
        statuses: of good replies; all of them have that shape.
        parameters: beside the headers that every operation reads.
    """

    method: str
    path: str
    name: str
    summary: str
    reply: type[BaseModel] | str
    request: type[BaseModel] | None = None
    events: Mapping[str, type[BaseModel]] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    examples: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    statuses: tuple[int, ...] = (200,)
    parameters: tuple[Parameter, ...] = ()


class Resource(Blueprint):
    """The routes of one file."""

    def __init__(self, name: str, import_name: str) -> None:
        super().__init__(name, import_name)
        self.operations: list[Operation] = []

    def serves(self, operation: Operation) -> Callable[[View], View]:
        """Route a view and document it."""

        def keep(view: View) -> View:
            self.operations.append(operation)
            rule = operation.path.replace("{", "<").replace("}", ">")
            self.add_url_rule(rule, operation.name, view, methods=[operation.method])
            return view

        return keep


def json_reply(body: bytes) -> Response:
    """A 200 reply with JSON that is rendered already."""
    return Response(body, content_type="application/json")


def current_call() -> Call:
    """The record of the request being answered."""
    call: Call = g.call
    return call
