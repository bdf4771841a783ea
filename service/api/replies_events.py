"""Shapes of the events of a stream, by name. See `replies`; docs/STREAMING.md tells when each comes."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from service.api.replies import (
    LanguageShape,
    SummarizeReplyShape,
    SummaryShape,
    SummaryTranslationErrorShape,
    SummaryTranslationShape,
    TextLanguageShape,
    TranslateReplyShape,
    TranslationErrorShape,
    TranslationShape,
)
from service.api.replies_about import ProblemShape
from service.api.shapes import Offset, Shape


class _EventShape(Shape):
    seq: Offset


class LanguageEventShape(_EventShape):
    """The language of the article."""

    language: LanguageShape


class SummaryDeltaEventShape(_EventShape):
    """Text to be put behind that of the deltas before; with `reset` it stands for all of theirs.

    `index` is the sentence of the summary that it belongs to.
    """

    text: str
    index: Offset
    reset: bool = False


class SummaryEventShape(_EventShape):
    """The summary as the reply has it."""

    summary: SummaryShape


class SummaryTranslationEventShape(_EventShape):
    """A translation of the summary that has ended; `index` is its place in `translate_to`."""

    index: Offset
    translation: SummaryTranslationShape | SummaryTranslationErrorShape


class SummarizeResultEventShape(_EventShape):
    """The last event: the reply as it would have come without a stream."""

    result: SummarizeReplyShape


class TextLanguageEventShape(_EventShape):
    """The language of the text with this number."""

    index: Offset
    language: TextLanguageShape


class TranslationEventShape(_EventShape):
    """A translation that has ended; `index` is its place in `translations`."""

    index: Offset
    translation: TranslationShape | TranslationErrorShape


class TranslateResultEventShape(_EventShape):
    """The last event: the reply as it would have come without a stream."""

    result: TranslateReplyShape


class ErrorEventShape(_EventShape):
    """The last event where there is no result: the problem, as a reply of its own would have told it."""

    error: ProblemShape


SUMMARIZE_EVENTS: Mapping[str, type[BaseModel]] = {
    "language": LanguageEventShape,
    "summary.delta": SummaryDeltaEventShape,
    "summary": SummaryEventShape,
    "translation": SummaryTranslationEventShape,
    "result": SummarizeResultEventShape,
    "error": ErrorEventShape,
}
TRANSLATE_EVENTS: Mapping[str, type[BaseModel]] = {
    "language": TextLanguageEventShape,
    "translation": TranslationEventShape,
    "result": TranslateResultEventShape,
    "error": ErrorEventShape,
}
