"""Which sentences say most of a text: centrality, position, form and likeness to the title.

Source: Erkan & Radev, LexRank (2004), for centrality in the sentence graph; Carbonell & Goldstein, MMR (1998), for the
choice that avoids saying a thing twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from service.engines.extractive_matrix import Floats, build
from service.openers import dangles

_LEAD_WEIGHT, _LEAD_DECAY = 4.0, 2.0
_TITLE_WEIGHT = 0.5
_LENGTH_POWER, _LENGTH_CAP = 0.2, 300
_REPEAT = 0.75  # cosine from which two sentences count as the same one
_REDUNDANCY = 0.5
_DANGLING = 0.7

_TERMINAL = ".!?…。！？．｡।॥؟۔؛።፧។៕။։;:»”’\"'」』)）"
_QUESTION = ("?", "？", "؟", "፧", "՞")


@dataclass(frozen=True, slots=True)
class Pick:
    """A chosen sentence and its score; scores fall from pick to pick of equal form but need not be strictly ordered."""

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
    scores = _scores(own, matrix.against(matrix.mean_direction(_ones(matrix.rows, len(own)))))
    if title:
        scores *= 1.0 + _TITLE_WEIGHT * matrix.similarity_to(len(own))[: len(own)]
    leaning = np.fromiter((dangles(text, language) for text in own), dtype=bool, count=len(own))
    penalty = np.where(leaning, _DANGLING, 1.0)
    novelty = np.ones(len(own))
    picks: list[Pick] = []
    while len(picks) < min(at_most, len(own)):
        value = scores * penalty * novelty
        best = int(np.argmax(value))
        if value[best] <= 0.0:
            break
        picks.append(Pick(kept[best], float(value[best])))
        likeness = matrix.similarity_to(best)[: len(own)]
        novelty = np.minimum(novelty, np.where(likeness >= _REPEAT, 0.0, 1.0 - _REDUNDANCY * likeness))
        novelty[best] = 0.0
        if best + 1 < len(own) and kept[best + 1] == kept[best] + 1:
            penalty[best + 1] = 1.0
    return picks


def _ones(rows: int, own: int) -> Floats:
    """Return a weight of 1 for sentences and 0 for the title after them."""
    weights = np.zeros(rows)
    weights[:own] = 1.0
    return weights


def _scores(own: Sequence[str], degree: Floats) -> Floats:
    """Return the scores before redundancy and title are looked at, all above 0."""
    count = len(own)
    central = np.maximum(degree[:count] - 0.0, 1e-6)
    central = central / central.mean()
    lead = 1.0 + _LEAD_WEIGHT * np.exp(-np.arange(count) / _LEAD_DECAY)
    lengths = np.fromiter(map(len, own), dtype=np.float64, count=count)
    ends = sum(text[-1] in _TERMINAL for text in own) * 2 > count
    form = np.fromiter((form_factor(text, ends) for text in own), dtype=np.float64, count=count)
    result: Floats = central * lead * form * np.minimum(lengths, _LENGTH_CAP) ** _LENGTH_POWER
    return result
