"""Ends of sentences where a blank is all there is: Thai.

Each blank has odds, from the words around it, and each stretch has odds from its length; the division that is most
probable as a whole is taken (a semi-Markov segmentation). Linear in the length of the text.
"""

from __future__ import annotations

import math
import re
import tomllib
from functools import cache
from pathlib import Path

_TABLE = Path(__file__).parents[1] / "data" / "unstopped.toml"

# Length of a sentence: its logarithm is about normal. Fitted by bench/segmentation.py, flat around these values.
_USUAL_CHARACTERS = 90
_SPREAD = 0.8
_PRIOR = 0.7
# A stretch longer than this is one sentence only where it has no blank.
_LONGEST_CHARACTERS = 600
# Nor one of more stretches than this; bounds the work for a text of single letters.
_MOST_STRETCHES = 40

_WORDS = re.compile(r"\S+")
_NOT_BEFORE = frozenset(",(-–:/&[")
_NOT_AFTER = frozenset("(-–%&/)]")


def languages() -> frozenset[str]:
    """Base tags of the languages this module can divide."""
    return frozenset(language for language, _ in _cues())


def ends(text: str, language: str) -> list[int]:
    """Where the sentences of a text end: after the last letter of each, the last one included.

    Args:
        text: without line breaks.
        language: one of `languages()`.
    """
    spans = [match.span() for match in _WORDS.finditer(text)]
    count = len(spans)
    gains = [0.0] * (count + 1)
    for i in range(1, count):
        (start, end), (following, after) = spans[i - 1], spans[i]
        gains[i] = _PRIOR + _odds(text[start:end], text[following:after], language)
    best = [0.0] + [-math.inf] * count
    origin = [0] * (count + 1)
    starts, costs = [start for start, _ in spans], _length_costs()
    for j in range(1, count + 1):
        end, highest = spans[j - 1][1], -math.inf
        for i in range(j - 1, max(-1, j - 1 - _MOST_STRETCHES), -1):
            length = end - starts[i]
            if length > _LONGEST_CHARACTERS:
                if i == j - 1:
                    highest, origin[j] = best[i] - costs[-1], i
                break
            score = best[i] - costs[length]
            if score > highest:
                highest, origin[j] = score, i
        best[j] = highest + gains[j]
    found = []
    j = count
    while j > 0:
        found.append(spans[j - 1][1])
        j = origin[j]
    return found[::-1]


@cache
def _length_costs() -> list[float]:
    """What a sentence of each length costs, in units of the odds."""
    lengths = range(1, _LONGEST_CHARACTERS + 1)
    return [0.0, *(math.log(length / _USUAL_CHARACTERS) ** 2 / (2 * _SPREAD**2) for length in lengths)]


def _odds(before: str, after: str, language: str) -> float:
    """Log of the odds that a sentence ends between two stretches without a blank."""
    last, first = before[-1], after[0]
    odds = _cue(after, "after", language) + _cue(before, "before", language)
    if first.isdigit() or first in _NOT_AFTER or last in _NOT_BEFORE:
        odds -= 4.0
    latin_before, latin_after = (sign.isascii() and sign.isalpha() for sign in (last, first))
    if latin_after:
        odds -= 2.0 if latin_before else 1.0
    elif latin_before or last.isdigit():
        odds -= 0.5
    if last in "?!":
        odds += 2.0
    elif last in '"”':
        odds += 0.5
    return odds


def _cue(word: str, side: str, language: str) -> float:
    for cue, weight in _cues()[language, side]:
        if word.startswith(cue) if side == "after" else word.endswith(cue):
            return weight
    return 0.0


@cache
def _cues() -> dict[tuple[str, str], list[tuple[str, float]]]:
    """Words with their weights, longest first, for each language and side."""
    with _TABLE.open("rb") as file:
        rows = tomllib.load(file)["cue"]
    found: dict[tuple[str, str], list[tuple[str, float]]] = {}
    for row in rows:
        words = found.setdefault((row["language"], row["side"]), [])
        words.extend((word, row["weight"]) for word in row["words"].split())
    return {key: sorted(words, key=lambda pair: -len(pair[0])) for key, words in found.items()}
