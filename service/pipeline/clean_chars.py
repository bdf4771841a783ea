"""Counts of kinds of characters in every line of a text, all lines at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.pipeline.clean_lines import Line

_LETTER, _UPPER, _LOWER, _DIGIT, _BLANK, _STOP, _WIDE_STOP, _COMMA, _QUOTE, _DIVIDER, _ADDRESS = (
    1 << i for i in range(11)
)
_KINDS = {
    _STOP: ".!?…؟۔।॥።",
    _WIDE_STOP: "。！？｡",
    _COMMA: ",;،؛、，；",
    _QUOTE: '"“”„«»「『‘',
    _DIVIDER: "|•·»→←›",
    _ADDRESS: "@#/",
}
_SIGNS = {character: kind for kind, characters in _KINDS.items() for character in characters}


@dataclass(frozen=True, slots=True)
class Signs:
    """One number a line in each field; `length` in characters, `pieces` are what blanks divide."""

    length: NDArray[np.int64]
    letters: NDArray[np.int64]
    upper: NDArray[np.int64]
    lower: NDArray[np.int64]
    digits: NDArray[np.int64]
    pieces: NDArray[np.int64]
    capitals: NDArray[np.int64]
    stops: NDArray[np.int64]
    commas: NDArray[np.int64]
    quotes: NDArray[np.int64]
    dividers: NDArray[np.int64]
    addresses: NDArray[np.int64]
    links: NDArray[np.int64]


def count_signs(text: str, lines: Sequence[Line]) -> Signs:
    """Return the counts of every line.

    Args:
        text: what the lines index; lone surrogates are allowed.
        lines: in order, none overlapping, none empty.
    """
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    table = np.zeros(int(codes.max()) + 1, dtype=np.uint16)
    for character in set(text):
        table[ord(character)] = _kind(character)
    kinds = np.append(table[codes], np.uint16(_BLANK))
    codes = np.append(codes, np.uint32(0))
    starts = np.array([line.start for line in lines])
    ends = np.array([line.end for line in lines])
    bounds = np.stack([starts, ends], axis=1).ravel()

    def total(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
        sums: NDArray[np.int64] = np.add.reduceat(mask, bounds, dtype=np.int64)[::2]
        return sums

    def has(kind: int) -> NDArray[np.bool_]:
        result: NDArray[np.bool_] = (kinds & kind) != 0
        return result

    blank = has(_BLANK)
    opens = ~blank
    opens[1:] &= blank[:-1]
    opens[starts] = True
    stop = has(_STOP)
    stop[:-1] &= blank[1:]
    stop |= has(_WIDE_STOP)
    stop[ends - 1] = False
    link = codes == ord("]")
    link[:-1] &= codes[1:] == ord("(")
    upper = has(_UPPER)
    return Signs(
        ends - starts, total(has(_LETTER)), total(upper), total(has(_LOWER)), total(has(_DIGIT)), total(opens),
        total(opens & upper), total(stop), total(has(_COMMA)), total(has(_QUOTE)), total(has(_DIVIDER)),
        total(has(_ADDRESS)), total(link),
    )  # fmt: skip


def _kind(character: str) -> int:
    if character.isalpha():
        return _LETTER | (_UPPER if character.isupper() else _LOWER if character.islower() else 0)
    if character.isdigit():
        return _DIGIT
    return _BLANK if character.isspace() else _SIGNS.get(character, 0)
