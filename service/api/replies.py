"""Shapes of the replies, for /openapi.json and for tests.

Replies are rendered without these models, because checking our own output on every request would cost more than making
it; the tests hold the two together.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from service.api.shapes import Offset, ProvenanceShape, Shape, Share, SpanShape, TimingShape, UsageShape, WarningShape


class LanguageShape(Shape):
    """The language of the source; `detected` is false when the caller named it."""

    code: str
    confidence: Share
    detected: bool


class ArticleShape(Shape):
    """All visible text of the HTML sent; every offset of the reply indexes it."""

    text: str


class SourceShape(SpanShape):
    """A sentence of the source; `score` is the share of the summary's sentence that it holds, 1 if word for word."""

    score: Share


class SummarySentenceShape(Shape):
    """A sentence of the summary and what supports it in the source, most telling first; empty where nothing does."""

    text: str
    sources: list[SourceShape]


Action = Annotated[
    Literal["redecoded", "flagged"],
    Field(description="`redecoded`: the doubted output was replaced; `flagged`: it is the one delivered"),
]
TextAction = Annotated[
    Literal["redecoded", "flagged", "piecewise"],
    Field(
        description="`redecoded`: the doubted output was replaced; `flagged`: it is the one delivered; `piecewise`: "
        "the sentence was translated in parts, between what is protected or between its tags"
    ),
]
CheckName = Annotated[
    str,
    Field(
        description="`loop`, `too_short`, `too_long`, `untranslated`, `wrong_script`, `no_end`; of texts with "
        "protected terms or markup `protected_lost`, `marks_misnested`, `marks_guessed`; more may come"
    ),
]


class SummaryCheckShape(Shape):
    """A doubt about an output on the way to the summary, in the step that `task` names."""

    task: Literal["summarize", "translate"]
    check: CheckName
    action: Action


class TextCheckShape(SpanShape):
    """A doubt about one segment; `start:end` is the segment in the translation's own text."""

    check: CheckName
    action: TextAction
    segment: Offset


class UnsupportedShape(SpanShape):
    """Something an output says that its source does not; `start:end` is its place in the output's own text."""

    kind: Literal["number", "date", "amount", "percentage", "name", "quote", "negation"]
    text: str


class FaithfulnessShape(Shape):
    """What was looked up in the source of an output, and what is not there.

    `unchecked`: there was nothing to look up, or no means in these languages; `checked` says what could be looked up.
    """

    verdict: Literal["supported", "unsupported", "unchecked"]
    checked: list[Literal["quantities", "names", "quotes", "negation"]]
    unsupported: list[UnsupportedShape]


class SummaryShape(Shape):
    """The summary.

    `degraded` says what it was degraded to, or is null; `route` lists the languages passed through, the article's
    first and the summary's last. `faithfulness` is against the article, left out where it was turned off.
    """

    text: str
    language: str
    format: Literal["paragraph", "bullets", "headline"]
    engine: str
    degraded: str | None
    route: list[str]
    checks: list[SummaryCheckShape]
    sentences: list[SummarySentenceShape]
    faithfulness: FaithfulnessShape | None = None


class ItemErrorShape(Shape):
    """Why one item failed, with a code of the error table."""

    code: str
    detail: str
    field: str | None = None
    supported: list[str] = Field(default_factory=list)
    retry_after_s: int | None = None


class SummaryTranslationShape(Shape):
    """The summary in another language; `faithfulness` is against the summary."""

    language: str
    status: Literal["ok"]
    text: str
    engine: str
    route: list[str]
    quality: str
    checks: list[TextCheckShape]
    faithfulness: FaithfulnessShape | None = None


class SummaryTranslationErrorShape(Shape):
    """A translation of the summary that failed, alone."""

    language: str
    status: Literal["error"]
    error: ItemErrorShape


class TranslationShape(Shape):
    """One text in one target language."""

    index: Offset
    source: str
    target: str
    status: Literal["ok"]
    text: str
    engine: str
    route: list[str]
    quality: str
    checks: list[TextCheckShape]


class TranslationErrorShape(Shape):
    """A translation that failed, alone."""

    index: Offset
    source: str
    target: str
    status: Literal["error"]
    error: ItemErrorShape


class RemovedShape(SpanShape):
    """A stretch that cleaning dropped."""

    rule: str
    text: str


class CleaningShape(Shape):
    """What cleaning dropped, in order of the source."""

    removed: list[RemovedShape]


class CoverageShape(Shape):
    """How much of the input was read."""

    input_characters: Offset
    used_characters: Offset
    chunks: Offset
    truncated: bool


class ScoredSentenceShape(SpanShape):
    """A sentence of the source; its score is null where the engine did not pick it."""

    score: float | None


class ExplainShape(Shape):
    """How the summary came about."""

    cleaned_text: str
    chunks: list[SpanShape]
    sentences: list[ScoredSentenceShape]


class SummarizeReplyShape(Shape):
    """A summary and its translations."""

    id: str
    language: LanguageShape
    title: str | None
    article: ArticleShape | None = None
    summary: SummaryShape
    translations: list[SummaryTranslationShape | SummaryTranslationErrorShape]
    cleaning: CleaningShape
    coverage: CoverageShape
    usage: UsageShape
    timing_ms: TimingShape
    provenance: ProvenanceShape
    warnings: list[WarningShape]
    explain: ExplainShape | None = None


class TextLanguageShape(LanguageShape):
    """The language of one of the texts."""

    index: Offset


class TranslateReplyShape(Shape):
    """All translations: every target of text 0, then of text 1."""

    id: str
    translations: list[TranslationShape | TranslationErrorShape]
    languages: list[TextLanguageShape]
    usage: UsageShape
    timing_ms: TimingShape
    provenance: ProvenanceShape
    warnings: list[WarningShape]


class CandidateShape(Shape):
    """One possible language."""

    language: str
    confidence: Share


class DetectionShape(CandidateShape):
    """The language of one text; `und` where an honest answer is not possible."""

    index: Offset
    alternatives: list[CandidateShape]


class DetectReplyShape(Shape):
    """One detection a text, in order."""

    results: list[DetectionShape]
