"""Shapes of what the service says of itself: languages, models, probes and failures. See `replies`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from service.api.shapes import Shape


class TargetShape(Shape):
    """A language that can be reached, how and with which model."""

    code: str
    engine: str
    route: list[str]
    quality: str


class LanguageEntryShape(Shape):
    """A language and what can be done with it now."""

    code: str
    name: str
    native: str
    direction: Literal["ltr", "rtl"]
    detect: bool
    engines: list[str]
    targets: list[TargetShape]


class LanguagesReplyShape(Shape):
    """Every language known. `missing` says what would add more, for people."""

    languages: list[LanguageEntryShape]
    missing: list[str]


class DirectionShape(Shape):
    """A translation direction and the languages it passes through."""

    source: str
    target: str
    route: list[str]


class ModelShape(Shape):
    """A model that is loaded.

    A model that translates from each of `sources` into every other one of `targets` names them instead of directions.
    """

    id: str
    task: Literal["summarize", "translate"]
    revision: str
    digest: str
    quality: str
    rank: int
    licence: str
    languages: list[str]
    directions: list[DirectionShape]
    sources: list[str]
    targets: list[str]
    missing: list[str]


class ModelsReplyShape(Shape):
    """Every model loaded, best rank first."""

    models: list[ModelShape]


class StatusReplyShape(Shape):
    """What a probe answers."""

    status: Literal["live", "ready"]


class FieldErrorShape(Shape):
    """One wrong field."""

    field: str
    detail: str


class QuotaShape(Shape):
    """The limit of a key that was in the way; `left` is what is left of it now."""

    limit: Literal["second", "minute", "concurrency", "day", "month"]
    unit: Literal["requests", "concurrent-requests", "characters"]
    quota: int
    left: int


class ProblemShape(Shape):
    """Why a request failed (RFC 9457). `code` is stable, `detail` is for people."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    field: str = Field(default_factory=str)
    errors: list[FieldErrorShape] = Field(default_factory=list)
    supported: list[str] = Field(default_factory=list)
    retry_after_s: int = Field(default_factory=int)
    quota: QuotaShape = Field(default_factory=QuotaShape.model_construct)
