"""Strict reading of JSON bodies, with errors that name the field and never repeat what the caller sent."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from typing import ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from service.api.problems import MAX_LISTED, InvalidFields
from service.errors import BadRequest, PrecisError
from service.observability.stages import stage

# Marks a branch of a union, which is no part of a field's path.
BRANCH = "~"

_FIELD_NAME = re.compile(r"[A-Za-z0-9_.-]{1,40}")
# Telling errors costs more than finding them; a body with more than this is no mistake of a person.
_MOST_EXPLAINED = 2000
_NO_JSON = "the body is not valid JSON in UTF-8"
_NO_OBJECT = "the body must be a JSON object"
_MESSAGES = {
    "missing": "is required",
    "string_type": "must be a string",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "model_type": "must be an object",
    "dict_type": "must be an object",
    "model_attributes_type": "must be an object",
    "string_too_short": "must not be empty",
}


class Body(BaseModel):
    """A request body: no coercion, no unknown fields.

    `planned` are fields of the contract whose feature does not exist yet: they are refused by name, with this ending.
    `nested` are fields that hold objects with fields of their own; `maps` those whose keys are the caller's words.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    planned: ClassVar[Mapping[str, str]] = {}
    nested: ClassVar[Mapping[str, type[BaseModel]]] = {}
    maps: ClassVar[frozenset[str]] = frozenset()


B = TypeVar("B", bound=Body)


def parse(model: type[B], body: bytes) -> B:
    """Read a body.

    Args:
        model: what the endpoint takes.
        body: the bytes as they came.
    Raises:
        BadRequest: not JSON, or not what the model says; names every wrong field.
    """
    with stage("parse"):
        try:
            parsed = model.model_validate_json(body)
        except ValidationError as error:
            raise _refusal(model, error) from None
        # The reader above keeps the last of two equal keys; two readers that disagree are a way past checks.
        json.loads(body, object_pairs_hook=_pairs)
        return parsed


def validated(model: type[B], value: object, place: str = "") -> B:
    """Check a part of a body that is decoded already.

    Args:
        model: what the part must be.
        value: decoded JSON.
        place: path of the part in the body, for errors.
    Raises:
        BadRequest: not what the model says; names every wrong field.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        refused = _refusal(model, error)
        if place and refused.field is not None:
            refused.field = f"{place}.{refused.field}"
        if refused.detail == _NO_OBJECT:
            refused.field = place
            refused.detail = f"`{place or 'request'}` must be an object"
        raise refused from None


def wrong(field: str, detail: str) -> InvalidFields:
    """A refusal of one field, in the form all refusals of bodies have."""
    message = f"`{field}` {detail}"
    return InvalidFields(message, field=field, errors=((field, message),))


def _refusal(model: type[Body], error: ValidationError) -> PrecisError:
    if error.error_count() > _MOST_EXPLAINED:
        return BadRequest(f"{error.error_count()} fields of the body are wrong or unknown; too many to name")
    found = error.errors(include_url=False, include_input=False)
    if found[0]["type"] == "json_invalid":
        return BadRequest(_NO_JSON)
    if not found[0]["loc"] and found[0]["type"] != "value_error":
        return BadRequest(_NO_OBJECT)
    errors = tuple(_explain(model, item) for item in found[:MAX_LISTED])
    first_field, first_detail = errors[0]
    return InvalidFields(first_detail, field=first_field, errors=errors)


def _explain(model: type[Body], item: ErrorDetails) -> tuple[str, str]:
    kind = item["type"]
    # The name of an unknown field is the caller's and may look like anything.
    named = len(item["loc"]) - 1 if kind == "extra_forbidden" else None
    loc = [
        part
        for place, part in enumerate(item["loc"])
        if place == named or not (isinstance(part, str) and part.startswith(BRANCH))
    ]
    if loc and loc[0] in model.maps and len(loc) > 1:
        field = str(loc[0])
        return field, _explain(model, {**item, "loc": (field,)})[1].replace(f"`{field}`", f"an entry of `{field}`", 1)
    path = _path(loc)
    if kind == "extra_forbidden":
        return path, _unknown(model, loc, path)
    if kind in _MESSAGES:
        return path, f"`{path}` {_MESSAGES[kind]}"
    if kind == "value_error":
        # Raised by validators of our own, whose messages are written for callers.
        told = str(item["ctx"]["error"])
        # A rule over several fields has no path of its own: it is told at the first field of the body.
        return (path, f"`{path}` {told}") if path else (next(iter(model.model_fields)), told)
    message = (
        item["msg"].removeprefix("Input ").removeprefix("String ").removeprefix("List ").removeprefix("Dictionary ")
    )
    return path, f"`{path}` {message}"


def _unknown(model: type[Body], loc: list[int | str], path: str) -> str:
    name = str(loc[-1])
    if not _FIELD_NAME.fullmatch(name):
        return "unknown field"
    if len(loc) == 1 and name in model.planned:
        return f"`{name}` {model.planned[name]}"
    known = _fields_at(model, loc[:-1])
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f"did you mean `{near[0]}`?" if near else f"known are {', '.join(known)}"
    return f"unknown field `{path}`; {hint}"


def _fields_at(model: type[Body], loc: list[int | str]) -> list[str]:
    owner = model.nested.get(str(loc[0]), model) if loc else model
    return list(owner.model_fields)


def _path(loc: list[int | str]) -> str:
    path = ""
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            name = part if _FIELD_NAME.fullmatch(part) else "?"
            path += f".{name}" if path else name
    return path


def _pairs(pairs: list[tuple[str, object]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        name = twice if _FIELD_NAME.fullmatch(twice) else "?"
        raise InvalidFields(f"`{name}` is given twice", field=name, errors=((name, f"`{name}` is given twice"),))
