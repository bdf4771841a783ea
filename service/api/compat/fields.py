"""Parameters of foreign dialects: from JSON, a form or the query string, also on GET with a form in its body."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import cast
from urllib.parse import parse_qsl

from flask import g, request
from werkzeug.formparser import FormDataParser

from service.api import guards
from service.api.context import services

_MOST_FIELDS = 2000
_FORM = "application/x-www-form-urlencoded"


class NotJson(Exception):
    """The body says that it is JSON and is none, or no object."""


class Fields:
    """The parameters of one request.

    Args:
        values: a JSON object, or for each name of a form all its values.
        is_json: whether values have types of their own.
    """

    def __init__(self, values: Mapping[str, object], *, is_json: bool) -> None:
        self._values = values
        self.is_json = is_json

    def get(self, name: str) -> object:
        """A value as it came: of any JSON type, or the last string of a form; None when it is not there."""
        value = self._values.get(name)
        if self.is_json or value is None:
            return value
        return cast(Sequence[str], value)[-1]

    def text(self, name: str) -> str | None:
        """A string, or None when it is missing or of another type."""
        value = self.get(name)
        return value if isinstance(value, str) else None

    def texts(self, name: str) -> list[str] | None:
        """One string or several as a list; None when missing or when any is of another type."""
        value = self._values.get(name)
        if isinstance(value, str):
            return [value]
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return value
        return None


def read() -> Fields:
    """The parameters of the request that is being answered, where new work is taken.

    Raises:
        NotJson, PayloadTooLarge, BadRequest: as `given`.
        Draining, UnsupportedMediaType: as for any body.
    """
    guards.plain_body()
    return given()


def given() -> Fields:
    """The parameters of the request that is being answered; read once, and kept for whoever asks again.

    A JSON body counts alone; else the query string, and over it the form in the body, whatever the method.

    Raises:
        NotJson: the body is not the JSON object it is said to be.
        PayloadTooLarge, BadRequest: as for any body.
    """
    fields: Fields | None = g.get("fields")
    if fields is None:
        fields = g.fields = _parse(guards.raw_body())
    return fields


def _parse(body: bytes) -> Fields:
    kind = request.mimetype
    if kind == "application/json" or (kind.endswith("+json")):
        return Fields(_json(body), is_json=True)
    values: dict[str, list[str]] = {}
    pairs = list(request.args.items(multi=True))
    if kind == "multipart/form-data":
        parser = FormDataParser(max_form_memory_size=services().settings.max_body_bytes, max_form_parts=_MOST_FIELDS)
        _, form, _ = parser.parse(io.BytesIO(body), kind, len(body), dict(request.mimetype_params))
        pairs += list(form.items(multi=True))
    elif kind == _FORM or not kind:
        try:
            pairs += parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
        except ValueError:
            raise NotJson from None
    for name, value in pairs:
        values.setdefault(name, []).append(value.replace("\x00", ""))
    return Fields(values, is_json=False)


def _json(body: bytes) -> Mapping[str, object]:
    try:
        found = json.loads(body)
        # A lone surrogate is no text: refused here rather than where it meets an engine.
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise NotJson from None
    if not isinstance(found, dict):
        raise NotJson
    return found
