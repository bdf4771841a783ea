"""The summary as the caller reads it: which sentences, in which order, within the bound exactly."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from service import languages, openers
from service.pipeline import words
from service.pipeline.provenance import Support
from service.pipeline.requests import Format, Length, ReplySentence, Source, Warn
from service.pipeline.shorten import clause, opening, shorten, smooth
from service.records import Segment, Sentence, SummaryResult

BULLET = "- "
HEADLINE_WORDS = 12
HEADLINE_CHARACTERS = 200
_HEADLINE_LEAST = 4
# Below this share of the best score a sentence is not taken only because it is short enough to fill the bound.
_FILL_SHARE = 0.25
# So many sentences tell how long those of an article are.
_SAMPLE = 40
# How many sentences that lean on one left out are passed over for the first place.
_TRIES = 3
_DENSE_END = "。！？…」』）”；｡"
_STOPS = ".。।۔։።｡"
_SHORTENED = Warn("shortened", "no whole sentence fits the length bound; the best one was cut")


@dataclass(frozen=True, slots=True)
class Composed:
    """A finished summary: its text, its sentences in reading order, and what the caller should know of it."""

    text: str
    sentences: tuple[ReplySentence, ...]
    warnings: tuple[Warn, ...] = ()


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the sentences of a result come from.

    Attributes:
        written: an engine wrote them, so they are read in its order, chunk by chunk, instead of the order of the text.
        supports: of each sentence, which ones of the article support it.
    """

    written: bool
    supports: Sequence[Sequence[Support]]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A sentence that may be taken. `place` orders the reading; `leans` when it needs the sentence before it."""

    text: str
    sources: tuple[Source, ...]
    place: int
    score: float
    leans: bool


def compose(
    text: str,
    sentences: Sequence[Sentence],
    result: SummaryResult,
    *,
    length: Length,
    format: Format,
    language: str,
    title: str,
    origin: Origin | None = None,
) -> Composed:
    """Return the summary within `length`, in reading order.

    Args:
        text: the article that the spans of `sentences` index.
        sentences: the spans that were sent to the engine, in its order.
        result: the engine's sentences, best first.
        length: bound on the whole text, separators and bullets included; at least 1.
        format: `paragraph` (sentences joined), `bullets` (one line each, after `- `) or `headline` (at most
            12 words and 200 characters, no full stop).
        language: tag of the summary's language; decides words and separators.
        title: the article's headline as it stands in `text`, or empty.
        origin: of the result; None: as the engine says.
    Returns:
        The text is empty only when `result` holds no visible text. `shortened` is among the warnings when no whole
        sentence fits.
    """
    origin = origin or said_by_engine(result)
    candidates = _candidates(text, sentences, result, origin, language)
    if not candidates:
        return Composed("", ())
    if format == "headline":
        own = all(sentence.text is None for sentence in result.sentences)
        return _headline(text, candidates, title if own else "", length, language)
    chosen = _choose(candidates, length, format, language)
    if not chosen:
        return _cut(_stand_alone(candidates), length, format, language)
    return Composed(_join(chosen, format, language), tuple(ReplySentence(one.text, one.sources) for one in chosen))


def said_by_engine(result: SummaryResult) -> Origin:
    """The origin of a result as the engine gives it."""
    supports = [[Support(index, 1.0) for index in one.sources] for one in result.sentences]
    return Origin(any(one.text is not None for one in result.sentences), supports)


def likely_sentences(length: Length, segments: Sequence[Segment], language: str) -> int:
    """About how many sentences a summary within a bound will have, at least 1.

    Args:
        segments: the sentences of the article.
        language: their tag.
    """
    if length.unit == "sentences" or not segments:
        return max(1, length.at_most)
    sample = segments[:_SAMPLE]
    if length.unit == "words":
        size = sum(words.count_words(one.text, language) for one in sample) / len(sample)
    else:
        size = sum(len(one.text) for one in sample) / len(sample)
    return max(1, round(length.at_most / max(1.0, size)))


def _candidates(
    text: str, sentences: Sequence[Sentence], result: SummaryResult, origin: Origin, language: str
) -> tuple[_Candidate, ...]:
    """Return the distinct visible sentences of a result, best first."""
    most = len(result.sentences)
    found: dict[str, _Candidate] = {}
    for order, sentence in enumerate(result.sentences):
        sources = tuple(
            Source(sentences[one.index].start, sentences[one.index].end, one.score) for one in origin.supports[order]
        )
        first = min(sentence.sources, default=0)
        raw = " ".join(text[one.start : one.end] for one in sources) if sentence.text is None else sentence.text
        clean = smooth(raw)
        if not clean or clean in found:
            continue
        leans = sentence.text is None and first > 0 and openers.dangles(clean, language)
        found[clean] = _Candidate(
            clean, sources, sentence.chunk * most + order if origin.written else first, sentence.score, leans
        )
    return tuple(found.values())


def _choose(candidates: Sequence[_Candidate], length: Length, format: Format, language: str) -> list[_Candidate]:
    """Return the whole sentences to take, in reading order; empty when none fits."""
    chosen = trial = _fill(candidates, length, format, language)
    left = list(candidates)
    for _ in range(_TRIES):
        if not trial or not trial[0].leans:
            break
        left.remove(trial[0])
        trial = _fill(left, length, format, language)
    stands = len(trial) >= max(1, len(chosen)) and not trial[0].leans
    return trial if stands else chosen


def _fill(candidates: Sequence[_Candidate], length: Length, format: Format, language: str) -> list[_Candidate]:
    """Take from the front what fits, then make sure of the bound on the text as it will be."""
    taken: list[_Candidate] = []
    spent = 0
    best = candidates[0].score if candidates else 0.0
    floor = best * _FILL_SHARE if best > 0 else -math.inf
    mark = len(BULLET) if format == "bullets" else 0
    separator = 1 if mark or _spaced(language) else 0
    for candidate in candidates:
        if length.unit == "sentences":
            price = 1
        elif taken and candidate.score < floor:
            break
        elif length.unit == "words":
            price = words.count_words(candidate.text, language)
        else:
            price = mark + len(candidate.text) + (separator if taken else 0)
        if spent + price <= length.at_most:
            taken.append(candidate)
            spent += price
        if length.unit == "sentences" and spent == length.at_most:
            break
    ordered = sorted(taken, key=lambda one: one.place)
    # Joining adds separators, and words can flow together where scripts have no blanks: the least wanted go.
    while taken and not within(_join(ordered, format, language), length, language, len(ordered)):
        ordered.remove(taken.pop())
    return ordered


def within(text: str, length: Length, language: str, sentences: int) -> bool:
    """Tell whether a finished text of so many sentences keeps its bound."""
    if length.unit == "sentences":
        return sentences <= length.at_most
    if length.unit == "words":
        return words.count_words(text, language) <= length.at_most
    return len(text) <= length.at_most


def _join(chosen: Sequence[_Candidate], format: Format, language: str) -> str:
    """Return sentences as one text."""
    if format == "bullets":
        return "\n".join(BULLET + one.text for one in chosen)
    spaced = _spaced(language)
    parts: list[str] = []
    for one in chosen:
        # Thai and its neighbours have no blanks between words but do between sentences.
        if parts and (spaced or parts[-1][-1] not in _DENSE_END):
            parts.append(" ")
        parts.append(one.text)
    return "".join(parts)


def _spaced(language: str) -> bool:
    """Tell whether blanks separate words; of an unknown language they do."""
    known = languages.get(language)
    return known is None or known.spaces


def _stand_alone(candidates: Sequence[_Candidate]) -> _Candidate:
    """Return the best sentence that does not lean on another, or the best of all."""
    return next((one for one in candidates if not one.leans), candidates[0])


def _cut(candidate: _Candidate, length: Length, format: Format, language: str) -> Composed:
    """Return one sentence cut to the bound; a bound too small for a bullet goes without."""
    prefix = BULLET if format == "bullets" else ""
    if length.unit == "characters" and length.at_most <= len(prefix):
        prefix = ""
    fits = _fits(prefix, length, language)
    most = (length.at_most, None) if length.unit == "words" else (None, length.at_most)
    short = shorten(opening(candidate.text, language, *most), language, fits)
    return Composed(prefix + short, (ReplySentence(short, candidate.sources),), (_SHORTENED,))


def _fits(prefix: str, length: Length, language: str) -> Callable[[str], bool]:
    return lambda piece: within(prefix + piece, length, language, 1)


def _headline(text: str, candidates: Sequence[_Candidate], title: str, length: Length, language: str) -> Composed:
    """Return the title when it can serve, else the best sentence or its first clause, else that sentence cut."""
    bound = length if length.unit == "words" else Length("words", HEADLINE_WORDS)
    bound = replace(bound, at_most=min(bound.at_most, HEADLINE_WORDS))
    characters = min(length.at_most, HEADLINE_CHARACTERS) if length.unit == "characters" else HEADLINE_CHARACTERS

    def fits(piece: str) -> bool:
        return len(piece) <= characters and within(piece, bound, language, 1)

    heading = _without_stop(smooth(title))
    if heading and heading[-1] not in ":：" and words.count_words(heading, language) >= 2 and fits(heading):
        start = text.find(title)
        sources = (Source(start, start + len(title), 1.0),) if start >= 0 else ()
        return Composed(heading, (ReplySentence(heading, sources),))
    best = _stand_alone(candidates)
    whole = _without_stop(best.text)
    piece = whole if fits(whole) else clause(best.text, language, _HEADLINE_LEAST, bound.at_most, characters)
    if piece is not None and fits(piece):
        return Composed(piece, (ReplySentence(piece, best.sources),))
    short = shorten(opening(best.text, language, bound.at_most, characters), language, fits)
    return Composed(short, (ReplySentence(short, best.sources),), (_SHORTENED,))


def _without_stop(sentence: str) -> str:
    """Return a sentence without its full stop; an abbreviation's or an ellipsis's dots stay."""
    if sentence[-2:-1] in _STOPS and sentence[-2:-1]:
        return sentence
    return sentence[:-1].rstrip() if sentence and sentence[-1] in _STOPS and len(sentence) > 1 else sentence
