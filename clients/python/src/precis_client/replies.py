"""What comes back. Fields are those of the service's replies; each object keeps what it was made of in `raw`.

Words from closed lists (`verdict`, `kind`, `quality` …) are plain strings, because newer servers know more of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from precis_client.decoding import Reply
from precis_client.errors import ApiError, from_problem
from precis_client.replies_parts import Provenance, Timing, TokenUsage, Warned


@dataclass(frozen=True, kw_only=True)
class Span(Reply):
    """A half-open range of a text, in the unit asked for (`offsets`)."""

    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class Language(Reply):
    """A language; `detected` is false where the caller named it. `index` is that of the text, in translations."""

    code: str
    confidence: float = 1.0
    detected: bool = False
    index: int = 0


@dataclass(frozen=True, kw_only=True)
class Article(Reply):
    """All visible text of the HTML sent; offsets index it."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Source(Span):
    """A sentence of the article; `score` is the share of the summary's sentence that it holds."""

    score: float = 0.0


@dataclass(frozen=True, kw_only=True)
class SummarySentence(Reply):
    """A sentence of the summary and where it stands in the article."""

    text: str
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Check(Reply):
    """A doubt about an output; of translations `start:end` is the segment in their own text."""

    check: str
    action: str = "flagged"
    task: str | None = None
    start: int | None = None
    end: int | None = None
    segment: int | None = None


@dataclass(frozen=True, kw_only=True)
class Unsupported(Span):
    """Something that an output says and its source does not."""

    kind: str = ""
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Faithfulness(Reply):
    """What was looked up in the source of an output, and what is not there."""

    verdict: str
    checked: tuple[str, ...] = ()
    unsupported: tuple[Unsupported, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Summary(Reply):
    """The summary; `degraded` says what it was degraded to, `faithfulness` is None where it was turned off."""

    text: str
    language: str = ""
    format: str = "paragraph"
    engine: str = ""
    degraded: str | None = None
    route: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    sentences: tuple[SummarySentence, ...] = ()
    faithfulness: Faithfulness | None = None


@dataclass(frozen=True, kw_only=True)
class ItemError(Reply):
    """Why one item failed, alone."""

    code: str
    detail: str = ""
    field: str | None = None
    supported: tuple[str, ...] = ()
    retry_after_s: float | None = None

    def exception(self) -> ApiError:
        """The same as an error that can be raised."""
        return from_problem(self.raw)


@dataclass(frozen=True, kw_only=True)
class _Outcome(Reply):
    """Something that was done, or failed alone."""

    status: str = "ok"
    error: ItemError | None = None

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return self.status == "ok"


@dataclass(frozen=True, kw_only=True)
class SummaryTranslation(_Outcome):
    """The summary in another language, or why not (`ok`, `error`)."""

    language: str
    text: str = ""
    engine: str = ""
    route: tuple[str, ...] = ()
    quality: str = ""
    checks: tuple[Check, ...] = ()
    faithfulness: Faithfulness | None = None


@dataclass(frozen=True, kw_only=True)
class Translation(_Outcome):
    """Text number `index` in the language `target`, or why not (`ok`, `error`)."""

    index: int = 0
    source: str = ""
    target: str
    text: str = ""
    engine: str = ""
    route: tuple[str, ...] = ()
    quality: str = ""
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Removed(Span):
    """A stretch that cleaning dropped, and by which rule."""

    rule: str = ""
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Cleaning(Reply):
    """What cleaning dropped."""

    removed: tuple[Removed, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Coverage(Reply):
    """How much of the input was read."""

    input_characters: int = 0
    used_characters: int = 0
    chunks: int = 0
    truncated: bool = False


@dataclass(frozen=True, kw_only=True)
class SummarizeReply(Reply):
    """A summary and its translations; `explain` is the raw object where it was asked for."""

    summary: Summary
    id: str = ""
    language: Language
    title: str | None = None
    article: Article | None = None
    translations: tuple[SummaryTranslation, ...] = ()
    cleaning: Cleaning = field(default_factory=Cleaning)
    coverage: Coverage = field(default_factory=Coverage)
    usage: TokenUsage = field(default_factory=TokenUsage)
    timing_ms: Timing = field(default_factory=Timing)
    provenance: Provenance = field(default_factory=Provenance)
    warnings: tuple[Warned, ...] = ()
    explain: Any = None

    def translation(self, language: str) -> SummaryTranslation:
        """The translation into this language, done or not.

        Raises:
            KeyError: it was not asked for.
        """
        for one in self.translations:
            if one.language == language:
                return one
        raise KeyError(language)


@dataclass(frozen=True, kw_only=True)
class TranslateReply(Reply):
    """All translations: every target of text 0, then of text 1. `languages` has an entry a text."""

    translations: tuple[Translation, ...]
    id: str = ""
    languages: tuple[Language, ...] = ()
    usage: TokenUsage = field(default_factory=TokenUsage)
    timing_ms: Timing = field(default_factory=Timing)
    provenance: Provenance = field(default_factory=Provenance)
    warnings: tuple[Warned, ...] = ()

    @property
    def text(self) -> str:
        """The one translation of one text into one language.

        Raises:
            ValueError: there are several.
            ApiError: it failed.
        """
        if len(self.translations) != 1:
            raise ValueError(f"the reply holds {len(self.translations)} translations; go through `translations`")
        (only,) = self.translations
        if only.error is not None:
            raise only.error.exception()
        return only.text


@dataclass(frozen=True, kw_only=True)
class Candidate(Reply):
    """One possible language."""

    language: str
    confidence: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Detection(Candidate):
    """The language of one text; `und` where an honest answer is not possible."""

    index: int = 0
    alternatives: tuple[Candidate, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DetectReply(Reply):
    """One detection a text, in order."""

    results: tuple[Detection, ...]

    @property
    def language(self) -> str:
        """The language of the first text."""
        return self.results[0].language
