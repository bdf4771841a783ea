"""Which sentences say most of a text: centrality, position, form and likeness to the title.

Source: Erkan & Radev, LexRank (2004), for centrality in the sentence graph; Carbonell & Goldstein, MMR (1998), for the
choice that avoids saying a thing twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from service.engines.extractive.matrix import Flags, Floats, Matrix, build
from service.openers import dangles

# Settled on news, encyclopedias, how-tos and dialogues in 18 languages, see docs/BENCHMARKS.md: all lie on
# broad plateaus, none is tuned to one collection.
_CENTRAL_POWER = 0.8
_FEW = 5.0  # sentences at which chance and likeness count the same
_LEAD_WEIGHT, _LEAD_FADE = (
    4.0,
    0.3,
)  # of the position prior at the first pick, and how much less it counts at each later
_LEAD_SENTENCES, _LEAD_SHARE = 2.0, 0.1  # reach of the prior: sentences, or this share of a long text's sentences
_TITLE_WEIGHT = 0.5
_FULL_LENGTH = 130  # characters from which a sentence is not too short to say something; half of it without blanks
_REPEAT = 0.75  # cosine from which two sentences count as the same one
_REDUNDANCY = 0.5
_DANGLING = 0.8

_TERMINAL = ".!?…。！？．｡।॥؟۔؛።፧។៕။։;:»”’\"'」』)）"
_QUESTION = ("?", "？", "؟", "፧", "՞")


@dataclass(frozen=True, slots=True)
class Pick:
    """A chosen sentence and its score at the time of the choice, above 0; comparable within one text only."""

    index: int
    score: float


def form_factor(text: str, ends_expected: bool) -> float:
    """Return how fit a sentence is to stand in a summary by its form alone, above 0 and at most 1.

    Args:
        text: the sentence, without outer blanks.
        ends_expected: true when the sentences of this text end in punctuation as a rule.
    """
    if not text:
        return 0.01
    factor = 1.0
    blanks = text.count(" ")
    letters = sum(map(str.isalpha, text))
    size = blanks + 1 if blanks * 12 > len(text) or len(text) < 12 else max(blanks + 1, len(text) // 2)
    if size < 4:
        factor *= 0.25
    if len(text) > 450:
        factor *= 0.6
    if letters < 0.5 * (len(text) - blanks):
        factor *= 0.3
    if text.endswith(_QUESTION):
        factor *= 0.5
    elif ends_expected and text[-1] not in _TERMINAL:
        factor *= 0.6
    if text.count('"') % 2 or text.count("“") != text.count("”") or text.count("«") != text.count("»"):
        factor *= 0.85
    elif text[0] in '"“„«「『' and text[-1] in '"”“»」』':
        factor *= 0.7
    return factor


def rank(texts: Sequence[str], title: str, at_most: int, language: str) -> list[Pick]:
    """Return the sentences to take for a summary, best first.

    Args:
        texts: the sentences in text order; any content.
        title: the headline, or empty.
        at_most: how many to return, at least 1.
        language: tag of the text; decides which openings lean on the sentence before.
    Returns:
        Up to `at_most` picks with distinct indices; fewer when sentences repeat. Empty only when `texts` holds no
        visible character. The same input always gives the same picks.
    """
    stripped = [text.strip() for text in texts]
    first_seen: dict[str, int] = {}
    for index, text in enumerate(stripped):
        if text:
            first_seen.setdefault(text.lower(), index)
    kept = list(first_seen.values())
    if not kept:
        return []
    own = [stripped[index] for index in kept]
    matrix = build([*own, title] if title else own)
    weights = np.ones(matrix.rows)
    weights[len(own) :] = 0.0
    scores = _scores(own, matrix.against(matrix.mean_direction(weights))[: len(own)])
    if title:
        scores *= 1.0 + _TITLE_WEIGHT * matrix.similarity_to(len(own))[: len(own)]
    leaning = np.fromiter((dangles(text, language) for text in own), dtype=bool, count=len(own))
    return [Pick(kept[best], value) for best, value in _greedy(matrix, scores, leaning, at_most)]


def _greedy(matrix: Matrix, scores: Floats, leaning: Flags, at_most: int) -> list[tuple[int, float]]:
    """Return rows and their values, each the best of those left given the ones before it."""
    count = len(scores)
    reach = max(_LEAD_SENTENCES, _LEAD_SHARE * count)
    lead = _LEAD_WEIGHT * np.exp(-np.arange(count) / reach)
    fit = np.where(leaning, _DANGLING, 1.0)
    novelty = np.ones(count)
    chosen: list[tuple[int, float]] = []
    while len(chosen) < min(at_most, count):
        value = scores * (1.0 + lead / (1.0 + _LEAD_FADE * len(chosen))) * fit * novelty
        best = int(np.argmax(value))
        if value[best] <= 0.0:
            break
        chosen.append((best, float(value[best])))
        likeness = matrix.similarity_to(best)[:count]
        novelty = np.minimum(novelty, np.where(likeness >= _REPEAT, 0.0, 1.0 - _REDUNDANCY * likeness))
        novelty[best] = 0.0
        fit[best + 1 : best + 2] = 1.0  # what leaned on this sentence now stands
    return chosen


def _scores(own: Sequence[str], degree: Floats) -> Floats:
    """Return the scores before position, redundancy and title are looked at, all above 0."""
    count = len(own)
    # In a handful of sentences likeness to the whole is mostly chance, so the mean stands beside it.
    central = np.maximum(degree + degree.mean() * (_FEW / count) ** 3, 1e-6) ** _CENTRAL_POWER
    lengths = np.fromiter(map(len, own), dtype=np.float64, count=count)
    spaced = sum(text.count(" ") for text in own) * 12 >= lengths.sum()
    fullness = np.minimum(lengths / (_FULL_LENGTH if spaced else _FULL_LENGTH / 2), 1.0)
    ends = sum(text[-1] in _TERMINAL for text in own) * 2 > count
    form = np.fromiter((form_factor(text, ends) for text in own), dtype=np.float64, count=count)
    result: Floats = central / central.mean() * fullness * form
    return result
