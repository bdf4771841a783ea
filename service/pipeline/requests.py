"""What the pipeline is asked and what it answers, free of JSON and HTTP; all offsets are code points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from service.errors import PrecisError
from service.pipeline.faithfulness.items import Faithfulness
from service.records import Detection, Removed, Span, Task, Usage

AUTO = "auto"

Unit = Literal["sentences", "words", "characters"]
Format = Literal["paragraph", "bullets", "headline"]
TextFormat = Literal["text", "html", "markdown"]
Faith = Literal["flag", "strict", "off"]


@dataclass(frozen=True, slots=True)
class Length:
    """An upper bound on a summary, kept exactly."""

    unit: Unit
    at_most: int


LENGTHS: dict[str, Length] = {
    "short": Length("sentences", 2),
    "medium": Length("sentences", 4),
    "long": Length("sentences", 8),
}


@dataclass(frozen=True, slots=True)
class SummarizeRequest:
    """One article to summarize. Exactly one of `text` and `html` is set; tags are canonical BCP-47."""

    text: str | None = None
    html: str | None = None
    language: str = AUTO
    length: Length = LENGTHS["short"]
    format: Format = "paragraph"
    summary_language: str | None = None
    translate_to: tuple[str, ...] = ()
    engine: str = AUTO
    translate_engine: str = AUTO
    clean: bool = True
    explain: bool = False
    faithfulness: Faith = "flag"


@dataclass(frozen=True, slots=True)
class Source:
    """A sentence of the original text that supports one of the summary.

    `score` is the share of the summary's sentence that it holds, above 0; 1 where it stands there word for word.
    """

    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class ReplySentence:
    """A sentence of the summary and what supports it, the most telling first; empty where nothing does."""

    text: str
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class SummaryCheck:
    """A doubt about an output on the way to a summary: in which step, which one, and what was done (see `Check`)."""

    task: Task
    check: str
    action: str


@dataclass(frozen=True, slots=True)
class TextCheck:
    """A doubt about one segment of a translation; `start:end` is the segment in the translation's text."""

    check: str
    action: str
    segment: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Summary:
    """The summary.

    Attributes:
        engine: the model, or all of them joined by `+` in the order of their work.
        degraded: names what it was degraded to, or is None.
        route: the languages passed through, the article's first and the summary's last.
        checks: what was doubted on the way.
        faithfulness: what the article does not say of it; None when that was not asked for.
    """

    text: str
    language: str
    format: Format
    engine: str
    degraded: str | None
    sentences: tuple[ReplySentence, ...]
    route: tuple[str, ...] = ()
    checks: tuple[SummaryCheck, ...] = ()
    faithfulness: Faithfulness | None = None


@dataclass(frozen=True, slots=True)
class Translation:
    """One text in one target language: either `text` with how it was made and what was doubted, or `error`.

    `faithfulness` is of a summary's translation: what the summary does not say of it.
    """

    index: int
    source: str
    target: str
    text: str = ""
    engine: str = ""
    route: tuple[str, ...] = ()
    quality: str = ""
    error: PrecisError | None = None
    checks: tuple[TextCheck, ...] = ()
    faithfulness: Faithfulness | None = None


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of the input was read. `truncated` is true when text was left out for its length."""

    input_characters: int
    used_characters: int
    chunks: int
    truncated: bool


@dataclass(frozen=True, slots=True)
class TimingTotals:
    """Milliseconds: the whole request, waiting for engines, running in engines."""

    total: float
    queue: float
    model: float


@dataclass(frozen=True, slots=True)
class UsedModel:
    """A model that took part in a reply, so that the reply can be reproduced."""

    id: str
    revision: str
    digest: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """What made a reply: `config_digest` changes when a setting that can change output does."""

    service_version: str
    models: tuple[UsedModel, ...]
    config_digest: str


@dataclass(frozen=True, slots=True)
class Warn:
    """Something the caller should know of a reply that is good otherwise."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class ScoredSentence:
    """A sentence of the article with the engine's score, None where the engine did not pick it."""

    start: int
    end: int
    score: float | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a summary came about: the cleaned text, its chunks (spans of the original text), its sentences."""

    cleaned_text: str
    chunks: tuple[Span, ...]
    sentences: tuple[ScoredSentence, ...]


@dataclass(frozen=True, slots=True)
class SummarizeReply:
    """A summary. `source` is what `removed` and all `sources` index; `detected`: the caller named no language."""

    source: str
    from_html: bool
    language: Detection
    detected: bool
    title: str | None
    summary: Summary
    translations: tuple[Translation, ...]
    removed: tuple[Removed, ...]
    coverage: Coverage
    usage: Usage
    timing: TimingTotals
    provenance: Provenance
    warnings: tuple[Warn, ...]
    explain: Explanation | None


@dataclass(frozen=True, slots=True)
class TranslateRequest:
    """Texts to translate into every target. Tags are canonical BCP-47; `source` may be `auto`.

    Attributes:
        format: what all texts are written in.
        keep: terms that stay as they are, in their exact case.
        glossary: pairs of a source term and what it becomes, in every target.
        guess: where the language of a text cannot be told, the likeliest that can be translated is taken.
    """

    texts: tuple[str, ...]
    targets: tuple[str, ...]
    source: str = AUTO
    engine: str = AUTO
    format: TextFormat = "text"
    keep: tuple[str, ...] = ()
    glossary: tuple[tuple[str, str], ...] = ()
    guess: bool = False


@dataclass(frozen=True, slots=True)
class TranslateReply:
    """All translations, input-major: every target of text 0, then of text 1. `languages` has one entry a text."""

    translations: tuple[Translation, ...]
    languages: tuple[Detection, ...]
    usage: Usage
    timing: TimingTotals
    provenance: Provenance
    warnings: tuple[Warn, ...]


@dataclass(frozen=True, slots=True)
class DetectRequest:
    """Texts to identify, with the number of candidates wanted for each."""

    texts: tuple[str, ...]
    top: int = 3


@dataclass(frozen=True, slots=True)
class DetectReply:
    """One detection a text, in order; each carries up to `top` candidates, best first."""

    results: tuple[Detection, ...]


@dataclass(frozen=True, slots=True)
class LanguageEntry:
    """A language the service knows and what it can do with it now.

    `engines` are the summary models for it, those reached through a translator included; `targets` the languages it can
    be translated into, with route and model.
    """

    code: str
    name: str
    native: str
    direction: Literal["ltr", "rtl"]
    detect: bool
    engines: tuple[str, ...]
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """A language that can be reached from another."""

    code: str
    engine: str
    route: tuple[str, ...]
    quality: str


@dataclass(frozen=True, slots=True)
class LanguagesReply:
    """All languages, by code. `missing` says what would add more, for people."""

    languages: tuple[LanguageEntry, ...]
    missing: tuple[str, ...]
