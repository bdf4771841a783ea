"""JSON objects into dataclasses: unknown fields of newer servers are kept aside, missing ones have defaults."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, cast, get_args, get_origin

from precis_client.errors import InvalidReply

T = TypeVar("T")
Decoder = Callable[[Any, str], Any]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An object of a reply. `raw` is that object as it came, with fields that this version does not know."""

    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


def decode(kind: type[T], value: object, where: str = "") -> T:
    """A dataclass from a JSON object.

    Raises:
        InvalidReply: a field that has no default is missing, or one has another type; names its place.
    """
    if not isinstance(value, Mapping):
        raise _wrong(where, "an object", value)
    given: dict[str, Any] = {}
    for name, (decoder, required) in _plan(cast(Any, kind)).items():
        found = value.get(name)
        place = f"{where}.{name}" if where else name
        if found is None and not required:
            continue
        if found is None and name not in value:
            raise InvalidReply(f"the reply has no `{place}`")
        given[name] = decoder(found, place)
    if issubclass(kind, Reply):
        given["raw"] = value
    return kind(**given)


@cache
def _plan(kind: type) -> dict[str, tuple[Decoder, bool]]:
    hints = typing.get_type_hints(kind)
    plan: dict[str, tuple[Decoder, bool]] = {}
    for one in dataclasses.fields(kind):
        if one.name == "raw" or not one.init:
            continue
        required = one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING
        plan[one.name] = (_decoder(hints[one.name]), required)
    return plan


def _decoder(hint: Any) -> Decoder:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (types.UnionType, typing.Union):
        (inner,) = (_decoder(one) for one in arguments if one is not type(None))
        return lambda value, where: None if value is None else inner(value, where)
    if origin is tuple:
        each = _decoder(arguments[0])
        return lambda value, where: _many(each, value, where)
    if origin in (dict, Mapping):
        return lambda value, where: _checked(Mapping, "an object", value, where)
    if dataclasses.is_dataclass(hint):
        return lambda value, where: decode(cast(type, hint), value, where)
    if hint is datetime:
        return _time
    if hint is Any:
        return lambda value, where: value
    return _SCALARS[hint]


def _many(each: Decoder, value: object, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise _wrong(where, "a list", value)
    return tuple(each(one, f"{where}[{index}]") for index, one in enumerate(value))


def _time(value: object, where: str) -> datetime:
    try:
        return datetime.fromisoformat(_checked(str, "a time", value, where))
    except ValueError:
        raise _wrong(where, "a time", value) from None


def _number(value: object, where: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise _wrong(where, "a number", value)


def _whole(value: object, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or int(value) != value:
        raise _wrong(where, "a whole number", value)
    return int(value)


def _checked(kind: type, name: str, value: object, where: str) -> Any:
    if not isinstance(value, kind):
        raise _wrong(where, name, value)
    return value


def _wrong(where: str, wanted: str, value: object) -> InvalidReply:
    return InvalidReply(f"the reply's `{where or 'body'}` is not {wanted} but of type {type(value).__name__}")


_SCALARS: dict[Any, Decoder] = {
    str: lambda value, where: _checked(str, "a text", value, where),
    bool: lambda value, where: _checked(bool, "true or false", value, where),
    int: _whole,
    float: _number,
}
