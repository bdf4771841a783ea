"""Which sentences say most of a text, chosen one after the other so that none says what is said already.

A sentence's worth is a weighted sum of its features (`features.py`); likeness to those chosen is taken from it. Source
of the choice: Carbonell & Goldstein, MMR (1998). The weights are fitted, see `bench/weights.py`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from service.engines.extractive.features import ENOUGH, NAMES, QUESTION, features
from service.engines.extractive.matrix import Flags, Floats, Ints, Matrix, build
from service.openers import dangles

TABLE = Path(__file__).parents[2] / "data" / "extractive.toml"

# In the unit of the weights, in which the sentences of a text lie about 10 apart.
_REDUNDANCY = 15.0
_DANGLING = 6.0
# What editors do not print, whatever it is worth: half a quotation, a question, the head of a list.
_HALF, _TORN, _ASKING, _HEADING = 30.0, 12.0, 4.0, 6.0
_NOT_FIRST = 7.0
_SCALE = 30.0
_REPEAT = 0.6  # cosine from which two sentences count as the same one
_LEAST = 1e-6
_QUOTES = (("“", "”"), ("«", "»"), ("「", "」"), ("『", "』"), ("„", "“"))


@dataclass(frozen=True, slots=True)
class Pick:
    """A chosen sentence and its score at the time of the choice, above 0; comparable within one text only."""

    index: int
    score: float


@dataclass(frozen=True, slots=True)
class Needs:
    """What sentences need beside them, one entry a sentence.

    Attributes:
        leaning: needs the sentence before it.
        torn: half of a quotation whose other half is the next sentence (1), the one before (-1) or nowhere (2), else 0.
    """

    leaning: Flags
    torn: Ints


@cache
def weights() -> Floats:
    """Return the weights of the columns of `features.NAMES`."""
    with TABLE.open("rb") as file:
        table = tomllib.load(file)["weights"]
    return np.array([float(table[name]) for name in NAMES])


def rank(texts: Sequence[str], title: str, at_most: int, language: str, likely: int = 0) -> list[Pick]:
    """Return the sentences to take for a summary, best first.

    Args:
        texts: the sentences in text order; any content.
        title: the headline, or empty.
        at_most: how many to return, at least 1.
        language: tag of the text; decides which openings lean on the sentence before.
        likely: how many of them will be printed, where that is known to be fewer than `at_most`; 0 where it is not.
    Returns:
        Up to `at_most` picks with distinct indices; fewer when sentences repeat. Empty only when `texts` holds no
        visible character. The same input always gives the same picks.
    """
    kept, own = distinct(texts)
    if not kept:
        return []
    matrix = build([*own, title] if title else own)
    values = features(own, matrix, bool(title), likely or at_most) @ weights()
    picks = choose(matrix, values - unfit(own), needs(own, language), at_most)
    best = picks[0][1]
    return [Pick(kept[row], max(_LEAST, float(np.exp(min((value - best) / _SCALE, 5.0))))) for row, value in picks]


def unfit(texts: Sequence[str]) -> Floats:
    """Return what is taken off each sentence, 0 or more, in the unit of the weights.

    It is for its form, and in a text of very few sentences for not being the first.
    """
    costs = (_ASKING * text.endswith(QUESTION) + _HEADING * text.endswith((":", "：")) for text in texts)
    result = np.fromiter(costs, dtype=np.float64, count=len(texts))
    result[1:] += _NOT_FIRST * max(0.0, 1.0 - len(texts) / ENOUGH)
    return result


def needs(texts: Sequence[str], language: str) -> Needs:
    """Return what sentences need beside them."""
    size = len(texts)
    leaning = np.fromiter((dangles(text, language) for text in texts), dtype=bool, count=size)
    leaning[:1] = False
    torn = np.zeros(size, dtype=np.int64)
    open_before = 0
    for row, text in enumerate(texts):
        side = _torn(text, open_before > 0)
        # The other half is the neighbour that is torn the other way.
        if side < 0 and open_before > 0:
            torn[row - 1], torn[row] = 1, -1
        open_before = side if side > 0 else 0
        if side and not torn[row]:
            torn[row] = 2
    return Needs(leaning, torn)


def _torn(text: str, opened: bool) -> int:
    """Tell whether a quotation is left open at the end of a sentence (1), or at its beginning (-1), or neither (0).

    Args:
        opened: the sentence before left one open, so a mark that looks the same on both sides closes it.
    """
    for opening, closing in _QUOTES:
        odds = text.count(opening) - text.count(closing)
        if odds:
            return 1 if odds > 0 else -1
    if text.count('"') % 2:
        return -1 if opened else 1
    return 0


def distinct(texts: Sequence[str]) -> tuple[list[int], list[str]]:
    """Return the indices of the visible texts that are not the repeat of one before, and those texts without blanks."""
    stripped = [text.strip() for text in texts]
    first_seen: dict[str, int] = {}
    for index, text in enumerate(stripped):
        if text:
            first_seen.setdefault(text.lower(), index)
    kept = list(first_seen.values())
    return kept, [stripped[index] for index in kept]


def choose(matrix: Matrix, values: Floats, needs: Needs, at_most: int) -> list[tuple[int, float]]:
    """Return rows and what they were worth when chosen, each the best of those left given the ones before it.

    Args:
        matrix: of the sentences; more rows may follow.
        values: of the sentences by themselves.
        needs: of the sentences; whoever has not what it needs is worth less.
        at_most: how many are wanted.
    """
    count = len(values)
    halves = np.abs(needs.torn) == 1
    worth = values - _DANGLING * needs.leaning - _HALF * halves - _TORN * (needs.torn == 2)
    said = np.zeros(count)
    left = np.ones(count, dtype=bool)
    chosen: list[tuple[int, float]] = []
    while len(chosen) < at_most and left.any():
        now = np.where(left, worth - said, -np.inf)
        best = int(np.argmax(now))
        chosen.append((best, float(now[best])))
        left[best] = False
        if len(chosen) == at_most:
            break
        likeness = matrix.similarity_to(best)[:count]
        said = np.maximum(said, _REDUNDANCY * likeness)
        left &= likeness < _REPEAT
        if best + 1 < count and needs.leaning[best + 1]:
            worth[best + 1] += _DANGLING  # what leaned on this sentence now stands
        if halves[best]:
            worth[best + int(needs.torn[best])] += 2 * _HALF  # and half a quotation wants its other half
    return chosen
