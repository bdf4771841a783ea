"""The OpenAPI 3.1 document, made from the routes, the body models and the error table.

Plain Flask and pydantic's own JSON Schema are enough here; the extensions that do this for Flask read bodies through
`request.get_json`, which accepts duplicate keys and coerces, and document validation errors of their own shape.

Source: OpenAPI Specification 3.1.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from service.api import examples
from service.api.guards import EVENTS
from service.api.problems import MEDIA_TYPE, TABLE, TYPE_BASE
from service.api.replies_about import ProblemShape
from service.api.resource import Operation
from service.config import Settings
from service.version import VERSION

Object = dict[str, Any]

JSON = "application/json"
_REF = "#/components/schemas/{model}"
_ABOUT = """Summaries of news articles, and their translations.

Every reply carries `X-Request-Id` and `Server-Timing`. Every failure is `application/problem+json` (RFC 9457) with a
stable `code`:

| code | status | meaning |
|---|---|---|
"""


def document(operations: Iterable[Operation], settings: Settings) -> Object:
    """The whole document, ready to be rendered as JSON.

    Args:
        operations: what is served.
        settings: limits that are told.
    """
    served = list(operations)
    models: list[type[BaseModel]] = [ProblemShape]
    for operation in served:
        models += [m for m in (operation.request, operation.reply, *operation.events.values()) if isinstance(m, type)]
    inputs: list[tuple[type[BaseModel], JsonSchemaMode]] = [(model, "validation") for model in dict.fromkeys(models)]
    _, schemas = models_json_schema(inputs, ref_template=_REF)
    paths: Object = {}
    for operation in served:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, settings)
    rows = "".join(f"| `{code}` | {kind.status} | {kind.title} |\n" for code, kind in TABLE.items())
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Précis",
            "version": VERSION,
            "description": _ABOUT + rows,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": _without_null_defaults(schemas["$defs"]),
            "headers": _HEADERS,
            "securitySchemes": _SECURITY,
        },
    }


def _operation(operation: Operation, settings: Settings) -> Object:
    made: Object = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": ["work" if operation.request else "about"],
        "parameters": _parameters(operation, settings),
        "responses": _responses(operation),
    }
    if "unauthorized" in operation.errors:
        # The empty entry: a service without a file of keys is open.
        made["security"] = [{name: []} for name in _SECURITY] + [{}]
    if operation.request:
        made["requestBody"] = {
            "required": True,
            "content": {
                JSON: {
                    "schema": _reference(operation.request),
                    "examples": {name: {"value": value} for name, value in operation.examples.items()},
                }
            },
        }
    return made


def _parameters(operation: Operation, settings: Settings) -> list[Object]:
    longest = int(settings.max_deadline_s * 1000)
    request_id: Object = {
        "name": "X-Request-Id",
        "in": "header",
        "description": "taken over into the reply and the logs; made anew when it is absent or not of 1 to 64 letters, "
        "digits, dots, dashes and underscores",
        "schema": {"type": "string"},
    }
    deadline: Object = {
        "name": "X-Deadline-Ms",
        "in": "header",
        "description": f"time for the whole request; default {int(settings.request_timeout_s * 1000)}",
        "schema": {"type": "integer", "minimum": 1, "maximum": longest},
    }
    repeated: Object = {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "the same request sent again with the same key is answered with the same reply, marked by "
        "`Idempotent-Replay: true`; kept are successful replies",
        "schema": {"type": "string", "pattern": '^("[!#-~]{1,255}"|[!#-~]{1,255})$'},
    }
    own: list[Object] = [
        {
            "name": one.name,
            "in": one.where,
            "required": one.where == "path",
            "description": one.about,
            "schema": dict(one.schema),
        }
        for one in operation.parameters
    ]
    return [*own, request_id, deadline, repeated] if operation.request else [*own, request_id]


def _responses(operation: Operation) -> Object:
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", "Server-Timing")}
    if "rate_limited" in operation.errors:
        headers |= {name: {"$ref": f"#/components/headers/{name}"} for name in ("RateLimit", "RateLimit-Policy")}
    made: Object = {
        str(status): {"description": "Success", "headers": headers, "content": _content(operation, status)}
        for status in operation.statuses
    }
    by_status: dict[int, list[str]] = {}
    for code in operation.errors:
        by_status.setdefault(TABLE[code].status, []).append(code)
    for status in sorted(by_status):
        codes = by_status[status]
        told = dict(headers)
        if any(TABLE[code].retry_after_s for code in codes):
            told["Retry-After"] = {"$ref": "#/components/headers/Retry-After"}
        if status == 401:
            told["WWW-Authenticate"] = {"$ref": "#/components/headers/WWW-Authenticate"}
        made[str(status)] = {
            "description": "; ".join(f"`{code}`: {TABLE[code].title}" for code in codes),
            "headers": told,
            "content": {
                MEDIA_TYPE: {
                    "schema": _reference(ProblemShape),
                    "examples": {code: {"value": _example(code)} for code in codes},
                }
            },
        }
    return made


def _content(operation: Operation, status: int) -> Object:
    """What a good reply with this status holds, by media type, with what the service really answered."""
    if isinstance(operation.reply, str):
        content: Object = {operation.reply: {"schema": {"type": "string"}}}
    else:
        content = {JSON: {"schema": _reference(operation.reply)}}
    if operation.events:
        content[EVENTS] = _events(operation.events)
    for media_type, told in content.items():
        found = examples.of(operation.name, status, media_type)
        if found:
            told["examples"] = found
    return content


def _events(events: Mapping[str, type[BaseModel]]) -> Object:
    """The media type object of a stream. OpenAPI 3.1 cannot tell the shapes of single events: an extension does."""
    names = ", ".join(f"`{name}`" for name in events)
    return {
        "schema": {
            "type": "string",
            "description": "Server-sent events, where `Accept` names this type and likes it no less than JSON: "
            f"{names}. Each has an `id`, an `event` and one line of `data`, a JSON object of the shape that "
            "`x-event-schemas` names. The last one is `result` or `error`. Comments fill silence.",
        },
        "x-event-schemas": {name: _reference(model) for name, model in events.items()},
    }


def _example(code: str) -> Object:
    kind = TABLE[code]
    made: Object = {
        "type": TYPE_BASE + code,
        "title": kind.title,
        "status": kind.status,
        "code": code,
        "detail": f"{kind.title}.",
        "request_id": "5f0c1b7e9a3d42d8b1c6e0aa",
    }
    if kind.retry_after_s:
        made["retry_after_s"] = kind.retry_after_s
    return made


def _reference(model: type[BaseModel]) -> Object:
    return {"$ref": _REF.format(model=model.__name__)}


def _without_null_defaults(node: Any) -> Any:
    # `null` stands for "left out" in our models; as a documented default it would contradict the type beside it.
    if isinstance(node, dict):
        found = cast(Object, node)
        return {
            key: _without_null_defaults(value)
            for key, value in found.items()
            if not (key == "default" and value is None)
        }
    if isinstance(node, list):
        return [_without_null_defaults(item) for item in node]
    return node


_HEADERS: Object = {
    "X-Request-Id": {"description": "id of the request, in every log line of it", "schema": {"type": "string"}},
    "Server-Timing": {"description": "milliseconds: `total`, `queue`, `model`", "schema": {"type": "string"}},
    "Retry-After": {"description": "seconds to wait", "schema": {"type": "integer", "minimum": 1}},
    "RateLimit": {"description": "what is left of the limits of the key, if it has any", "schema": {"type": "string"}},
    "RateLimit-Policy": {"description": "the limits of the key, if it has any", "schema": {"type": "string"}},
    "WWW-Authenticate": {"description": "how to send a key", "schema": {"type": "string"}},
}
_SECURITY: Object = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
