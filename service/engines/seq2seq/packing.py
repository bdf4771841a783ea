"""Texts cut to a number of tokens without losing a character, and packed into chunks."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

# No word is longer than 48 letters, but scripts without blanks have no words, only marks.
_ATOMS = re.compile(r"\s*(?:[^\s。．！？；，、：]{1,48}[。．！？；，、：]*|[。．！？；，、：]{1,48})\s*|\s+")
_SENTENCE_END = re.compile(r"[.!?…。．！？।։؟۔]['\"”’»)\]]*\s*$")
_MARK = re.compile(r"[,;:，、；：،–—-]\s*$")
_BLANK = re.compile(r"\s$")


def cut_text(text: str, limit: int, count: Callable[[Sequence[str]], list[int]]) -> list[str]:
    """Return parts of a text that follow each other without a gap, each at most `limit` tokens long.

    Cuts lie behind the end of a sentence where that leaves a part half full, else behind a mark, else at a blank, else
    anywhere. Parts of the same words may count fewer tokens together than apart, never noticeably more.

    Args:
        text: of any length.
        limit: tokens of one part, at least 1.
        count: gives the tokens of each of several texts.
    """
    if count([text])[0] <= limit:
        return [text]
    atoms = _ATOMS.findall(text)
    sizes = count(atoms)
    parts: list[str] = []
    begin, used = 0, 0
    for index, size in enumerate(sizes):
        while index > begin and used + size > limit:
            end = _best_cut(atoms, sizes, begin, index)
            parts.append("".join(atoms[begin:end]))
            begin, used = end, sum(sizes[end:index])
        used += size
    parts.append("".join(atoms[begin:]))
    return [piece for part in parts for piece in _halved(part, limit, count)]


def _best_cut(atoms: Sequence[str], sizes: Sequence[int], begin: int, end: int) -> int:
    """The place of the best cut at or before `end`, in the second half of what lies behind `begin`."""
    half, seen = sum(sizes[begin:end]) / 2, 0
    found = {0: end, 1: 0, 2: 0, 3: 0}
    for index in range(begin, end):
        seen += sizes[index]
        if seen < half or index + 1 == begin:
            continue
        for worth, pattern in ((3, _SENTENCE_END), (2, _MARK), (1, _BLANK)):
            if pattern.search(atoms[index]):
                found[worth] = index + 1
                break
    return found[3] or found[2] or found[1] or found[0]


def _halved(part: str, limit: int, count: Callable[[Sequence[str]], list[int]]) -> list[str]:
    """A part as it is, or in halves where its tokens were more together than apart, which is rare."""
    if len(part) < 2 or count([part])[0] <= limit:
        return [part]
    middle = len(part) // 2
    return [*_halved(part[:middle], limit, count), *_halved(part[middle:], limit, count)]


def pack(sizes: Sequence[int], limit: int) -> list[range]:
    """Return ranges of neighbours whose sizes add up to at most `limit`, about equally full.

    Args:
        sizes: of each piece, each at most `limit`.
        limit: of one range.
    """
    total = sum(sizes)
    chunks = max(1, -(-total // limit))
    aim = -(-total // chunks)
    packed: list[range] = []
    begin, used = 0, 0
    for index, size in enumerate(sizes):
        if index > begin and (used + size > limit or used >= aim):
            packed.append(range(begin, index))
            begin, used = index, 0
        used += size
    if begin < len(sizes):
        packed.append(range(begin, len(sizes)))
    return packed
