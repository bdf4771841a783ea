"""Immutable records that cross layers, with no behaviour beyond what a record knows of itself.

Offsets are Unicode code points into the text named, half-open, unless a record says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from service.errors import PrecisError


class Task(StrEnum):
    """What a job asks of an engine."""

    SUMMARIZE = "summarize"
    TRANSLATE = "translate"


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of code points."""

    start: int
    end: int


# ---- what the text layer finds -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Removed:
    """A stretch of the caller's text that cleaning dropped, and the rule that dropped it."""

    start: int
    end: int
    rule: str


@dataclass(frozen=True, slots=True)
class Block:
    """A kept paragraph, heading or list item; `start:end` index the original text, without outer whitespace."""

    start: int
    end: int
    kind: str = "paragraph"  # "paragraph" | "heading" | "item"


@dataclass(frozen=True, slots=True)
class Article:
    """What cleaning leaves of a text.

    Every offset indexes `text`: for plain input exactly what the caller sent, for HTML all visible text.
    `title` is a span that is neither in `blocks` nor in `removed`, or None.
    """

    text: str
    title: Span | None
    blocks: tuple[Block, ...]
    removed: tuple[Removed, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One possible language and its probability, 0 to 1."""

    language: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Detection:
    """The language of a text: a BCP-47 tag, or `und` where an honest answer is not possible."""

    language: str
    confidence: float
    alternatives: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence as a span of the original text; `paragraph` counts blocks from 0."""

    start: int
    end: int
    paragraph: int


# ---- what crosses the process line ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of text an engine works on as a whole: a sentence or a short paragraph."""

    text: str
    paragraph: int = 0


@dataclass(frozen=True, slots=True)
class SummaryParams:
    """How many sentences a summary has at most and will likely keep (0: all); an `attempt` is written another way."""

    title: str = ""
    max_sentences: int = 8
    likely_sentences: int = 0
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Job:
    """One task for one engine. `engine` is a model id of the catalogue; `target` is empty for summaries."""

    task: Task
    engine: str
    source: str
    target: str
    segments: tuple[Segment, ...]
    summary: SummaryParams = SummaryParams()

    @property
    def characters(self) -> int:
        """Total length of the segments, in code points."""
        return sum(len(segment.text) for segment in self.segments)


class Action(StrEnum):
    """What became of an output that a guard doubted."""

    REDECODED = "redecoded"
    FLAGGED = "flagged"
    PIECEWISE = "piecewise"


@dataclass(frozen=True, slots=True, order=True)
class Check:
    """A doubt about one output.

    Attributes:
        segment: which segment of a translation it is about, or which chunk of a summary.
        check: `loop`, `too_short`, `too_long`, `untranslated`, `wrong_script`, `no_end`, or another name.
        action: `redecoded` when another output is delivered that is not doubted so, `flagged` when it is the doubted
            one, `piecewise` when its parts were translated one by one.
    """

    segment: int
    check: str
    action: str


@dataclass(frozen=True, slots=True)
class SummarySentence:
    """A sentence of a summary.

    `text` is None when the sentence is the source segment itself (extractive): then `sources` holds that one index.
    `sources` are indices into the job's segments; `chunk` is the number of the chunk it was made from.
    """

    text: str | None
    sources: tuple[int, ...]
    score: float
    chunk: int = 0


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of a job that was read as a whole.

    It goes from code point `start` of segment `first` to code point `end` of segment `last`, with what is between.
    """

    first: int
    start: int
    last: int
    end: int


@dataclass(frozen=True, slots=True)
class SummaryResult:
    """Sentences in the engine's order of preference, best first: take from the front until the bound is reached.

    `chunks` says what was read as a whole, in order; it is empty where the text was not cut. Of several chunks all the
    sentences are given, whatever `max_sentences` says, for who asked to make one summary of; not when `condensed`.
    """

    sentences: tuple[SummarySentence, ...]
    chunks: tuple[Chunk, ...] = ()
    checks: tuple[Check, ...] = ()
    condensed: bool = False


@dataclass(frozen=True, slots=True)
class TranslateResult:
    """One output per input segment, in order.

    `route` lists the languages passed through, both ends included; `unknown_words` counts source words just copied.
    """

    segments: tuple[str, ...]
    route: tuple[str, ...]
    unknown_words: int = 0
    checks: tuple[Check, ...] = ()


Result = SummaryResult | TranslateResult


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds a job waited for its engine and ran in it."""

    queue_ms: float = 0.0
    model_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the engine counts them; words for engines without a tokenizer."""

    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one job ended: exactly one of `result` and `error` is set. `model`: its revision and digest, where told."""

    result: Result | None = None
    error: PrecisError | None = None
    timing: Timing = Timing()
    usage: Usage = Usage()
    model: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class Direction:
    """A translation direction and the languages it passes through, both ends included."""

    source: str
    target: str
    route: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model as the model process reports it.

    `languages` holds source tags, `("*",)` for any. A translation model lists its `directions`, or it goes from any of
    `sources` into any other of `targets`. `quality` is a label from the catalogue (`gist`, `standard`, `extractive`).
    `missing` says what would load more, for people.
    """

    id: str
    task: Task
    revision: str
    digest: str
    quality: str
    rank: int
    licence: str
    languages: tuple[str, ...] = ()
    directions: tuple[Direction, ...] = ()
    missing: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything the model process has loaded, best rank first; `missing` says for people what else was asked for."""

    models: tuple[ModelInfo, ...]
    server_version: str = ""
    missing: tuple[str, ...] = ()


# ---- one request on its way through ----------------------------------------------------------------------------------


def never_gone() -> bool:
    """A caller that never hangs up."""
    return False


@dataclass(frozen=True, slots=True)
class CallContext:
    """Who asks, and until when.

    Attributes:
        request_id: joins logs across processes.
        deadline_s: on `time.monotonic()`; crosses process lines as remaining time, never as a timestamp.
        caller: stable id of the caller for fairness and sharing; empty when callers are not told apart.
        gone: true once nobody waits for the answer; polled, so it must be cheap.
    """

    request_id: str
    deadline_s: float
    caller: str = ""
    gone: Callable[[], bool] = never_gone
