"""Which sentences of an article support a sentence that was written about it, in its language or in another.

A sentence that stands in the article word for word, or is cut from one, is found there exactly. Any other is looked up
by what it is made of: in the same language by n-grams of its words, in another by numbers and by the sounds of names.
What few sentences of the article hold says more than what all hold. Sentences are taken one after the other, each for
what those before it do not hold.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from service.covering import cover
from service.pipeline.sounds import skeleton
from service.records import Segment, SummaryResult

MOST = 3
# A sentence of whose weight the whole article holds less has no source in it.
_LEAST_KNOWN = 0.3
_LEAST_KNOWN_ABROAD = 0.15
# A further source must add this share of the sentence's weight to what those before it hold.
_LEAST_GAIN = 0.1
_NUMBER_WEIGHT = 2.0
_NAME_WEIGHT = 1.5
# How much a source counts less at the other end of the article than where the sentence stands in its own text.
_PLACE_SHARE = 0.5
# Shorter stretches of letters stand in too many places to be found word for word; half of it without blanks.
_LEAST_VERBATIM = 12
_GRAM = 5
_SOUNDS = 3

_NUMBER = re.compile(r"\d+(?:[.,'’٫٬ \u00a0\u202f]\d+)*")
_MARKS = r"\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff"
_WORD = re.compile(rf"[^\W\d_][\w{_MARKS}]*")
_DENSE = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
_LAST_PLACES = re.compile(r"[.,٫](\d{1,2})$")


@dataclass(frozen=True, slots=True)
class Support:
    """A sentence of the article that supports one of a summary.

    Attributes:
        index: of the sentence in the article.
        score: which share of the weight of the summary's sentence it holds, above 0 and at most 1; 1 when it holds the
            sentence word for word.
    """

    index: int
    score: float


Supports = tuple[tuple[Support, ...], ...]


class SupportIndex:
    """The sentences of an article, made ready once to look up many.

    Args:
        sentences: in the order of the text.
        language: their BCP-47 tag.
    """

    def __init__(self, sentences: Sequence[str], language: str) -> None:
        self.language = language
        self.sentences = tuple(sentences)

    @cached_property
    def words(self) -> Postings:
        """Where the n-grams and numbers of each sentence stand."""
        return Postings([_terms(text) for text in self.sentences])

    @cached_property
    def sounds(self) -> Postings:
        """Where the numbers and the sounds of the words of each sentence stand."""
        return Postings([_sounds(text) for text in self.sentences])

    @cached_property
    def verbatim(self) -> Verbatim:
        """The letters of the whole article, and of which sentence each is."""
        return Verbatim(self.sentences)


class Postings:
    """The terms of sentences, and the sentences of terms."""

    def __init__(self, terms: Sequence[dict[str, float]]) -> None:
        self.where: dict[str, list[int]] = defaultdict(list)
        for index, found in enumerate(terms):
            for term in found:
                self.where[term].append(index)
        self._count = max(1, len(terms))

    def weights(self, terms: dict[str, float]) -> dict[str, float]:
        """What each term of a sentence says: the more the fewer sentences of the article hold it."""
        return {
            term: weight * (math.log1p(self._count / (1 + len(self.where.get(term, ())))) + 0.05)
            for term, weight in terms.items()
        }


class Verbatim:
    """Finds stretches of letters and digits in an article, whatever stands between them."""

    def __init__(self, sentences: Sequence[str]) -> None:
        keys = [_key(text) for text in sentences]
        self._text = "".join(keys)
        self._starts: list[int] = []
        at = 0
        for key in keys:
            self._starts.append(at)
            at += len(key)
        self._starts.append(at)
        self._exact: dict[str, int] = {}
        for index, text in enumerate(sentences):
            self._exact.setdefault(_one_line(text), index)
        self._whole: dict[str, int] = {}
        for index, key in enumerate(keys):
            self._whole.setdefault(key, index)

    def find(self, sentence: str) -> tuple[Support, ...]:
        """The first place where a sentence stands word for word; empty where it does not or is too short to tell."""
        line, key = _one_line(sentence), _key(sentence)
        found = self._exact.get(line) if line else None
        if found is None and key:
            found = self._whole.get(key)
        if found is not None:
            return (Support(found, 1.0),)
        if len(key) * (2 if _DENSE.search(key) else 1) < _LEAST_VERBATIM:
            return ()
        start = self._text.find(key)
        if start < 0:
            return ()
        end = start + len(key)
        held = [
            Support(index, round((min(end, after) - max(start, before)) / len(key), 4))
            for index, (before, after) in enumerate(zip(self._starts, self._starts[1:], strict=False))
            if before < end and start < after
        ]
        return tuple(sorted(held, key=lambda one: (-one.score, one.index))[:MOST])


def support(
    sentence: str, language: str, index: SupportIndex, *, place: float | None = None, most: int = MOST
) -> tuple[Support, ...]:
    """The sentences of an article that support a sentence, the most telling first.

    Args:
        sentence: of a summary, or of a translation.
        language: its BCP-47 tag; where its primary part is not the article's, only numbers and names are compared.
        index: of the article.
        place: where the sentence stands in its text, 0 (first) to 1, when the text follows the article from beginning
            to end; None when it does not. Heard only between languages.
        most: how many are returned at most.
    Returns:
        Distinct sentences; empty when the article does not support the sentence.
    """
    found = index.verbatim.find(sentence)
    if found:
        return found[:most]
    if _same(language, index.language):
        return _greedy(index.words, _terms(sentence), _LEAST_KNOWN, most, None, len(index.sentences))
    return _greedy(index.sounds, _sounds(sentence), _LEAST_KNOWN_ABROAD, most, place, len(index.sentences))


def supports(result: SummaryResult, segments: Sequence[Segment], language: str) -> Supports:
    """What supports each sentence of a summary, among the segments that were summarized.

    Args:
        language: tag of the segments and of the summary.
    """
    index = SupportIndex([segment.text for segment in segments], language)
    return tuple(
        tuple(Support(source, 1.0) for source in one.sources)
        if one.text is None
        else support(one.text, language, index)
        for one in result.sentences
    )


def _same(one: str, other: str) -> bool:
    """Whether two tags are of one language; an unknown one is taken for the other."""
    first, second = one.split("-", 1)[0].lower(), other.split("-", 1)[0].lower()
    return first == second or "und" in (first, second)


def _greedy(
    postings: Postings, terms: dict[str, float], least: float, most: int, place: float | None, count: int
) -> tuple[Support, ...]:
    """The sentences that hold the most weight, one after the other, while one adds enough."""
    weights = postings.weights(terms)
    total = sum(weights.values())
    left = {term: weight for term, weight in weights.items() if term in postings.where}
    if not left or sum(left.values()) < least * total:
        return ()
    chosen = cover(
        left, postings.where, least=_LEAST_GAIN * total, most=most, favour=lambda index: _nearness(index, place, count)
    )
    return tuple(Support(index, round(min(1.0, held / total), 4)) for index, held in chosen)


def _nearness(index: int, place: float | None, count: int) -> float:
    if place is None or count < 2:
        return 1.0
    return 1.0 - _PLACE_SHARE * abs(index / (count - 1) - place)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _key(text: str) -> str:
    """The letters and digits of a text, folded."""
    return "".join(char for char in unicodedata.normalize("NFKC", text).casefold() if char.isalnum())


def _numbers(text: str) -> Iterator[tuple[str, float]]:
    """The numbers of a text, written one way: no grouping, a point before one or two last places."""
    for found in _NUMBER.finditer(text):
        digits = "".join(str(unicodedata.decimal(char, "")) if char.isdecimal() else char for char in found.group())
        last = _LAST_PLACES.search(digits)
        whole = re.sub(r"\D", "", digits[: last.start()] if last else digits)
        number = whole.lstrip("0") or "0"
        yield f"#{number}.{last[1]}" if last else f"#{number}", _NUMBER_WEIGHT if len(number) > 1 or last else 1.0


def _words(text: str) -> Iterator[tuple[str, bool]]:
    """The words of a text, and whether each looks like a name: a capital that opens no sentence."""
    first = True
    for found in _WORD.finditer(text):
        word = found.group()
        yield word, not first and word[0] != word[0].lower()
        first = False


def _terms(text: str) -> dict[str, float]:
    """Terms of a sentence for a look-up in its own language, with their weights."""
    text = unicodedata.normalize("NFKC", text)
    found = dict(_numbers(text))
    for word, name in _words(text):
        folded = word.casefold()
        for run in _DENSE.findall(folded):
            for at in range(max(1, len(run) - 1)):
                found[run[at : at + 2]] = 1.0
        bare = _DENSE.sub("", folded)
        if bare:
            weight = (min(len(bare), _GRAM) / _GRAM) ** 2 * (_NAME_WEIGHT if name else 1.0)
            for at in range(max(1, len(bare) - _GRAM + 1)):
                found[bare[at : at + _GRAM]] = weight
    return found


def _sounds(text: str) -> dict[str, float]:
    """Terms of a sentence for a look-up in another language, with their weights."""
    text = unicodedata.normalize("NFKC", text)
    found = dict(_numbers(text))
    for word, name in _words(text):
        sounds = skeleton(word)
        if len(sounds) < _SOUNDS:
            continue
        weight = _NAME_WEIGHT if name else 1.0
        for at in range(len(sounds) - _SOUNDS + 1):
            term = sounds[at : at + _SOUNDS]
            found[term] = max(weight, found.get(term, 0.0))
    return found
