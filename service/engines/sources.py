"""Which segments of a text a written sentence comes from, by the n-grams they share."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Sequence

from service.covering import cover

_MOST_SOURCES = 3
# A further segment is a source when it adds this share of a sentence's weight to what those before it hold.
_LEAST_GAIN = 0.1
# A sentence of which the whole text holds less is not from this text.
_LEAST_SUPPORT = 0.25

_WORD = re.compile(r"\w+")
_DENSE = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
_GRAM = 5


def _grams(text: str) -> set[str]:
    """Pairs of characters of scripts without blanks; beginnings, middles and ends of words elsewhere."""
    found: set[str] = set()
    for word in _WORD.findall(text.casefold()):
        for run in _DENSE.findall(word):
            found.update(run[at : at + 2] for at in range(max(1, len(run) - 1)))
        bare = _DENSE.sub("", word)
        if bare:
            found.update(bare[at : at + _GRAM] for at in range(max(1, len(bare) - _GRAM + 1)))
    return found


def _telling(gram: str) -> float:
    """How much a gram says at best, 0 to 1: short words are in every text."""
    if gram[0].isdigit() or _DENSE.match(gram):
        return 1.0
    return (len(gram) / _GRAM) ** 2


class SourceIndex:
    """The n-grams of a text's segments, built once; a gram weighs more the fewer segments hold it.

    Args:
        segments: of the text, in order.
    """

    def __init__(self, segments: Sequence[str]) -> None:
        self._where: dict[str, list[int]] = defaultdict(list)
        for index, segment in enumerate(segments):
            for gram in _grams(segment):
                self._where[gram].append(index)
        self._count = max(1, len(segments))

    def supports(self, sentence: str) -> bool:
        """Whether the text holds enough of a sentence for it to be about the text."""
        return bool(self._known(sentence)[0])

    def sources(self, sentence: str) -> tuple[int, ...]:
        """Indices of the segments that support a sentence, in order; empty when the text does not support it."""
        known, total = self._known(sentence)
        # What every tenth segment of a long text holds tells segments apart no more, unless there is nothing else.
        rare = {gram: weight for gram, weight in known.items() if len(self._where[gram]) <= max(20, self._count // 10)}
        return tuple(
            sorted(
                index for index, _ in cover(rare or known, self._where, least=_LEAST_GAIN * total, most=_MOST_SOURCES)
            )
        )

    def _known(self, sentence: str) -> tuple[dict[str, float], float]:
        """Weights of a sentence's grams that the text holds, none when they are too few, and of all its grams."""
        weights = {
            gram: _telling(gram) * (math.log1p(self._count / (1 + len(self._where.get(gram, ())))) + 0.05)
            for gram in _grams(sentence)
        }
        total = sum(weights.values())
        known = {gram: weight for gram, weight in weights.items() if gram in self._where}
        return (known if sum(known.values()) >= _LEAST_SUPPORT * total else {}), total
