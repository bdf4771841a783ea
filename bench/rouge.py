"""ROUGE-1, ROUGE-2 and ROUGE-L for any script.

Tokens are words where blanks part them, single characters in Chinese and Japanese, as their collections are scored in
the literature, and words of ICU's dictionaries in Thai, Lao, Khmer and Burmese, whose letters alone say too little.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence

import regex
from icu4py.breakers import WordBreaker

_CHARACTERS = r"\p{Han}\p{Hiragana}\p{Katakana}"
_UNSPACED = r"\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_TOKEN = regex.compile(
    rf"(?P<run>[{_UNSPACED}][{_UNSPACED}\p{{M}}]*)|[{_CHARACTERS}]\p{{M}}*|[\p{{L}}\p{{N}}\p{{M}}--[{_CHARACTERS}{_UNSPACED}]]+",
    flags=regex.V1,
)
_SHOWN = regex.compile(r"[\p{L}\p{N}]")


def tokens(text: str) -> list[str]:
    """Return the tokens of a text: lower case, compatibility forms made equal, no punctuation, no stemming."""
    found: list[str] = []
    for match in _TOKEN.finditer(unicodedata.normalize("NFKC", text).lower()):
        if match["run"]:
            # The dictionaries are chosen by script; any language serves.
            found += filter(_SHOWN.search, WordBreaker(match["run"], "th"))
        else:
            found.append(match[0])
    return found


def _f1(common: int, one: int, other: int) -> float:
    return 2.0 * common / (one + other) if one + other else 0.0


def _common_subsequence(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the length of the longest common subsequence, by bits of one large integer.

    Source: Hyyrö (2004), Bit-parallel LCS-length computation revisited.
    """
    places: dict[str, int] = {}
    for index, token in enumerate(one):
        places[token] = places.get(token, 0) | 1 << index
    full = (1 << len(one)) - 1
    state = full
    for token in other:
        hits = state & places.get(token, 0)
        state = ((state + hits) | (state - hits)) & full
    return len(one) - state.bit_count()


def rouge(summary: str, reference: str) -> tuple[float, float, float]:
    """Return the F-measures of ROUGE-1, ROUGE-2 and ROUGE-L (whole text as one sequence), 0 to 1."""
    one, other = tokens(summary), tokens(reference)
    scores = []
    for size in (1, 2):
        grams = [Counter(zip(*(text[shift:] for shift in range(size)), strict=False)) for text in (one, other)]
        scores.append(_f1((grams[0] & grams[1]).total(), grams[0].total(), grams[1].total()))
    return scores[0], scores[1], _f1(_common_subsequence(one, other), len(one), len(other))
