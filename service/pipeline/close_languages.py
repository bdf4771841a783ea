"""Evidence between neighbouring languages that n-grams miss: common words, alphabets, the shape of words."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.pipeline.script import script_of

_TABLE = Path(__file__).parents[1] / "data" / "close_languages.toml"

# In units of the log of the odds; fitted by bench/quality/langid.py on coarse steps, the results are flat around them.
WORD_WEIGHT = 1.0
LETTER_WEIGHT = 2.0
PATTERN_WEIGHT = 1.5
_STEM_LENGTHS = range(4, 11)

_TOKEN = re.compile(r"[^\W\d_]+(?:['’\-\u0300-\u036f\u0900-\u0dff]+[^\W\d_]+)*[\u0900-\u0dff]*")


class Evidence:
    """The rows of `close_languages.toml` for candidates in one script, ready to be looked up."""

    def __init__(self, codes: list[str], script: str) -> None:
        """Args: codes of the candidates, in the order of the scores they are added to; the script they share."""
        with _TABLE.open("rb") as file:
            rows = {row["code"]: row for row in tomllib.load(file)["language"]}
        self._script = script
        self._size = len(codes)
        self._words: dict[str, tuple[int, ...]] = {}
        self._stems: dict[str, tuple[int, ...]] = {}
        self._alphabets: list[tuple[int, frozenset[str]]] = []
        self._patterns: list[tuple[int, re.Pattern[str]]] = []
        self._start = np.zeros(self._size, dtype=np.float32)
        for index, code in enumerate(codes):
            row = rows.get(code, {})
            self._start[index] = -row.get("handicap", 0.0)
            for word in set(row.get("words", "").split()):
                self._words[word] = (*self._words.get(word, ()), index)
            for stem in set(row.get("stems", "").split()):
                self._stems[stem] = (*self._stems.get(stem, ()), index)
            if "letters" in row:
                self._alphabets.append((index, frozenset(row["letters"])))
            if "pattern" in row:
                self._patterns.append((index, re.compile(row["pattern"])))

    def scores(self, text: str) -> NDArray[np.float32]:
        """What to add to the score of each candidate for a text, in its original case."""
        found = self._start.copy()
        lowered = text.lower()
        if self._words or self._patterns:
            tokens = _TOKEN.findall(lowered)
            for token in tokens:
                for index in self._words.get(token, ()) or self._of_stem(token):
                    found[index] += WORD_WEIGHT
            for index, pattern in self._patterns:
                matched = sum(1 for token in tokens if pattern.fullmatch(token))
                found[index] += PATTERN_WEIGHT * (matched - 3 * (len(tokens) - matched))
        if self._alphabets:
            letters = Counter(lowered)
            own = [(letter, times) for letter, times in letters.items() if script_of(letter) == self._script]
            for index, alphabet in self._alphabets:
                found[index] -= LETTER_WEIGHT * sum(times for letter, times in own if letter not in alphabet)
        return found

    def _of_stem(self, token: str) -> tuple[int, ...]:
        if self._stems:
            for length in _STEM_LENGTHS:
                found = self._stems.get(token[:length])
                if found or length >= len(token):
                    return found or ()
        return ()
