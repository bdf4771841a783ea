"""A second opinion on short texts: weights of whole words and of the letter groups in them, hashed into one table.

Where the identification model reads bytes across a text, this table was trained on single words, languages drawn
equally, and has a class for what is no word of any language. `scripts/language_grams.py` makes it and says from what.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

TABLE = Path(__file__).parents[1] / "data" / "language_grams.npz"
NONE = "none"
LONGEST_GRAM = 5
# A longer text is told well enough without.
_SAMPLE_CHARACTERS = 240

# Marks of these scripts belong to words but are no `\w`.
_BETWEEN_WORDS = re.compile(r"(?:[^\w\u0300-\u036f\u064b-\u0655\u0670\u0900-\u0963\u0970-\u097f]|[\d_])+")
_BLANK = 32
_LONGEST_WORD = 64
_U = np.uint64
_PRIME = _U(0x9E3779B97F4A7C15)
_POWERS = np.array([pow(0x100000001B3, i, 1 << 64) for i in range(_LONGEST_WORD)], dtype=np.uint64)


def words(text: str) -> list[str]:
    """The words of a text as the table knows them: lower case, composed, without signs and digits."""
    return _BETWEEN_WORDS.sub(" ", unicodedata.normalize("NFC", text.lower())).split()


def code_points(spaced: str) -> NDArray[np.uint64]:
    """Code points of words between blanks, with a blank at both ends."""
    return np.frombuffer(spaced.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64)


def hashes(points: NDArray[np.uint64], bits: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Table rows of all letter groups and whole words, and where each begins.

    Args:
        points: of `code_points`. A group is up to five letters of one word, its blanks included.
        bits: of a row number.
    """
    blank = points == _BLANK
    count = len(points)
    letters = points + _U(1)
    place = np.arange(count)
    broken = np.zeros(count, dtype=bool)
    value = np.zeros(count, dtype=np.uint64)
    rows, places = [], []
    for size in range(min(LONGEST_GRAM, count)):
        left = count - size
        value = value[:left] * _PRIME + letters[size:]
        value ^= value >> _U(31)
        if size == 0:
            wanted = ~blank
        else:
            broken = broken[:left] | blank[size - 1 : size - 1 + left] if size > 1 else broken[:left]
            wanted = ~broken if size > 1 else ~(blank[:left] & blank[size:])
        rows.append(value[wanted])
        places.append(place[:left][wanted])
    ends = np.flatnonzero(blank)
    if len(ends) > 1:
        starts, lengths = ends[:-1], np.diff(ends)
        within = place - np.repeat(ends, np.append(lengths, count - ends[-1]))
        signs = _mixed(letters * _U(0xD6E8FEB86659FD93)) * _POWERS[np.minimum(within, _LONGEST_WORD - 1)]
        whole = np.add.reduceat(signs, ends)[:-1]
        rows.append(whole[lengths > 1])
        places.append(starts[lengths > 1])
    found = (_mixed(np.concatenate(rows)) >> _U(64 - bits)).astype(np.intp)
    return found, np.concatenate(places)


def _mixed(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    value = value ^ (value >> _U(29))
    value = value * _U(0xBF58476D1CE4E5B9)
    return value ^ (value >> _U(32))


@cache
def _arrays() -> dict[str, NDArray[np.generic]]:
    with np.load(TABLE, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


class WordGrams:
    """The part of the table for one script, in the order of its candidates."""

    def __init__(self, script: str, codes: list[str]) -> None:
        """Args: ISO 15924 code; the candidates' tags. A script or tag the table has not gets no say."""
        arrays = _arrays()
        self.known = script in arrays
        if not self.known:
            return
        labels = [str(label) for label in arrays[f"{script}-labels"]]
        self._table = arrays[script]
        self._step = float(arrays[f"{script}-step"])
        self._bits = len(self._table).bit_length() - 1
        self._columns = np.array([labels.index(code) if code in labels else -1 for code in codes], dtype=np.intp)
        self._none = labels.index(NONE)

    def scores(self, text: str) -> tuple[NDArray[np.float32], float] | None:
        """Log odds of each candidate, and the probability that these are no words at all; None without words."""
        spaced = " ".join(words(text[:_SAMPLE_CHARACTERS]))
        if not self.known or not spaced:
            return None
        rows, _ = hashes(code_points(f" {spaced} "), self._bits)
        total = self._table[rows].sum(axis=0, dtype=np.float32) * np.float32(self._step / len(rows) ** 0.5)
        chances = np.exp(total - total.max())
        found: NDArray[np.float32] = np.where(self._columns < 0, total.max() - 2, total[self._columns]).astype(
            np.float32
        )
        return found, float(chances[self._none] / chances.sum())
