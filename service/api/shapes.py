"""Parts that the shapes of several replies have in common. See `replies`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Offset = Annotated[int, Field(ge=0)]
Milliseconds = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Shape(BaseModel):
    """A JSON object whose fields are all known. Fields with a default may be left out."""

    model_config = ConfigDict(extra="forbid", strict=True)


class SpanShape(Shape):
    """A half-open range, in the unit asked for."""

    start: Offset
    end: Offset


class UsageShape(Shape):
    """Tokens, or words for engines without a tokenizer."""

    input_tokens: Offset
    output_tokens: Offset


class TimingShape(Shape):
    """Milliseconds: all, waiting for engines, in engines."""

    total: Milliseconds
    queue: Milliseconds
    model: Milliseconds


class UsedModelShape(Shape):
    """A model that took part."""

    id: str
    revision: str
    digest: str


class ProvenanceShape(Shape):
    """What made the reply, so that it can be made again."""

    service_version: str
    models: list[UsedModelShape]
    config_digest: str


class WarningShape(Shape):
    """Something to know of a reply that is good otherwise."""

    code: str
    detail: str
