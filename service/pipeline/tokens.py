"""Words of a sentence as two sentences are compared by."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

from icu4py.breakers import WordBreaker

_SURROGATES = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Words:
    """A text and its words: spans, and how they compare."""

    text: str
    spans: tuple[tuple[int, int], ...]
    keys: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.spans)

    def before(self, offset: int) -> int:
        """How many words end at or before an offset."""
        return bisect_right(self.spans, offset, key=lambda span: span[1])

    def within(self, start: int, end: int) -> tuple[int, int]:
        """The words that a stretch touches, as a half-open range."""
        first = self.before(start)
        last = bisect_right(self.spans, end - 1, lo=first, key=lambda span: span[0]) if end > start else first
        return first, max(first, last)


def words_of(text: str) -> Words:
    """The words of a text by ICU, in any script; no word boundary cuts a letter from its marks."""
    spans: list[tuple[int, int]] = []
    end = 0
    for piece in WordBreaker(_SURROGATES.sub("\ufffd", text), "en"):
        start, end = end, end + len(piece)
        if any(character.isalnum() for character in piece):
            spans.append((start, end))
    return Words(text, tuple(spans), tuple(text[start:end].casefold() for start, end in spans))
