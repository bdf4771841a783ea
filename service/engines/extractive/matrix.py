"""Sentences as rows of a sparse TF-IDF matrix of character n-grams, for any script, without data.

Four-character grams stand for word stems in scripts with spaces; Han, kana and Hangul use pairs. Everything is a few
passes of numpy over the code points, so the cost is linear (one sort) in the length of the text.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

_OTHER, _LETTER, _DENSE = 0, 1, 2
# Hiragana to CJK extension A, unified ideographs, Hangul syllables, compatibility ideographs, planes 2 and 3.
_DENSE_RANGES = ((0x3041, 0x4DC0), (0x4E00, 0xA000), (0xAC00, 0xD7A4), (0xF900, 0xFB00), (0x20000, 0x32000))
_TABLE_END = 0x20000
_GRAM = 4


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows of unit length, as parallel arrays sorted by row; grams that one row alone has are left out.

    Attributes:
        rows: number of rows.
        row, col, weight: one entry per row and gram.
        columns: number of distinct grams.
    """

    rows: int
    row: Ints
    col: Ints
    weight: Floats
    columns: int

    def against(self, direction: Floats) -> Floats:
        """Return the product of each row with `direction` (one number a column)."""
        weights = self.weight * direction[self.col]
        return np.bincount(self.row, weights, minlength=self.rows).astype(np.float64, copy=False)

    def similarity_to(self, index: int) -> Floats:
        """Return the cosine of each row with one row, 0 to 1."""
        first, last = np.searchsorted(self.row, (index, index + 1))
        direction = np.zeros(self.columns)
        direction[self.col[first:last]] = self.weight[first:last]
        return self.against(direction)


@cache
def _classes() -> NDArray[np.uint8]:
    """Return the class of each code point; made once, because the look-ups take longer than many a summary."""
    table = np.full(0x110000, _LETTER, dtype=np.uint8)
    kinds = (unicodedata.category(chr(code))[0] in "LNM" for code in range(_TABLE_END))
    table[:_TABLE_END] = np.fromiter(kinds, dtype=np.uint8, count=_TABLE_END)
    for start, end in _DENSE_RANGES:
        part = table[start:end]
        part[part == _LETTER] = _DENSE
    return table


def warm() -> None:
    """Build the tables that the first text would otherwise wait for."""
    _classes()


def _grams(lowered: Sequence[str]) -> tuple[Ints, NDArray[np.uint64]]:
    """Return the row and the hash of every gram, in order of rows."""
    lengths = np.fromiter(map(len, lowered), dtype=np.int64, count=len(lowered)) + 1
    codes = np.frombuffer(("\n".join(lowered) + "\n").encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    rows = np.repeat(np.arange(len(lowered)), lengths)
    kinds = _classes()[codes]
    word = kinds != _OTHER
    # A run of blanks and marks becomes one gap, so that layout and punctuation make no grams of their own.
    keep = word.copy()
    keep[1:] |= word[:-1]
    letters = np.where(word, codes, np.uint32(32))[keep].astype(np.uint64)
    rows, dense = rows[keep], kinds[keep] == _DENSE
    count = len(letters) - _GRAM + 1
    if count < 1:
        return rows[:0], letters[:0]
    mixed = letters * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    step = np.uint64(0xBF58476D1CE4E5B9)
    pair = mixed[:-1] * step + mixed[1:]
    four = (pair[:count] * step + pair[2 : count + 2]) * step
    two = dense[:count] & dense[1 : count + 1]
    hashes = np.where(two, pair[:count], four)
    inside = rows[:count] == np.where(two, rows[1 : count + 1], rows[_GRAM - 1 :])
    return rows[:count][inside], hashes[inside]


def build(texts: Sequence[str]) -> Matrix:
    """Return the matrix of texts, one row each; a text too short to hold a gram is an empty row.

    Args:
        texts: at least one, of any content.
    """
    row, hashes = _grams([text.lower() for text in texts])
    if not len(row):
        return Matrix(len(texts), row, row, np.zeros(0), 1)
    _, gram = np.unique(hashes, return_inverse=True)
    columns = int(gram.max()) + 1
    pairs, counts = np.unique(row * columns + gram, return_counts=True)
    row, col = np.divmod(pairs, columns)
    spread = np.bincount(col, minlength=columns)[col]
    weight = (1.0 + np.log(counts)) * np.log((len(texts) + 1.0) / spread)
    norm = np.sqrt(np.bincount(row, weight * weight, minlength=len(texts)))
    weight /= norm[row]
    shared = spread > 1
    return Matrix(len(texts), row[shared], col[shared], weight[shared], columns)
