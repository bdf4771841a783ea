"""Terms of the caller: those that stay as they are, and those that have a translation of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from icu4py.breakers import WordBreaker

_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    r"\uf900-\ufaff\uff66-\uff9f\U00020000-\U000323af]"
)
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_START = re.compile(r"(?<!\w)\S|(?<=\w)[^\w\s]|" + _UNSPACED.pattern)


@dataclass(frozen=True, slots=True)
class Found:
    """A term in a text; `target` is None for a term that stays as it is. `key` is the term as the caller wrote it."""

    start: int
    end: int
    key: str
    target: str | None


class Terms:
    """Finds terms as whole words, the longest first; a kept term in its exact case, a glossary term in any.

    Args:
        keep: terms that stay as they are.
        glossary: from a term of the source language to what it becomes. Words are not inflected.
    """

    def __init__(self, keep: Sequence[str] = (), glossary: Mapping[str, str] | None = None) -> None:
        self._exact: dict[str, list[tuple[str, str | None]]] = {}
        self._folded: dict[str, list[tuple[str, str, str]]] = {}
        for term in keep:
            self._exact.setdefault(term[:2], []).append((term, None))
        for term, target in (glossary or {}).items():
            self._exact.setdefault(term[:2], []).append((term, target))
            folded = _lower(term)
            self._folded.setdefault(folded[:2], []).append((folded, term, target))

    def __bool__(self) -> bool:
        return bool(self._exact)

    def find(self, text: str) -> Iterator[Found]:
        """The terms of a text, in order and not overlapping."""
        if not self._exact:
            return
        folded = _lower(text)
        words = _Boundaries(text)
        at = 0
        for match in _START.finditer(text):
            start = match.start()
            if start < at:
                continue
            found = self._at(text, folded, start, words)
            if found is not None:
                yield found
                at = found.end

    def _at(self, text: str, folded: str, start: int, words: _Boundaries) -> Found | None:
        best: Found | None = None
        for size in (2, 1):
            for term, target in self._exact.get(text[start : start + size], ()):
                longer = best is None or len(term) > best.end - start
                if len(term) >= size and longer and text.startswith(term, start) and words.around(start, term):
                    best = Found(start, start + len(term), term, target)
            for lowered, key, target in self._folded.get(folded[start : start + size], ()):
                longer = best is None or len(lowered) > best.end - start
                if longer and folded.startswith(lowered, start) and words.around(start, lowered):
                    best = Found(start, start + len(lowered), key, target)
        return best


class _Boundaries:
    """Whether a stretch of a text is made of whole words; a script without blanks is asked of ICU, once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._ends: frozenset[int] | None = None

    def around(self, start: int, term: str) -> bool:
        """Whether neither end of a term that stands at `start` cuts a word."""
        return self._whole(start) and self._whole(start + len(term))

    def _whole(self, at: int) -> bool:
        before, after = self._text[at - 1 : at], self._text[at : at + 1]
        if not before or not after or not (_is_word(before) and _is_word(after)):
            return True
        if not (_UNSPACED.match(before) or _UNSPACED.match(after)):
            return False
        if self._ends is None:
            end = 0
            ends = set()
            for piece in WordBreaker(_SURROGATES.sub("\ufffd", self._text), "en"):
                end += len(piece)
                ends.add(end)
            self._ends = frozenset(ends)
        return at in self._ends


def joins(character: str) -> bool:
    """Whether a character would make one word with a letter that it touches."""
    return character.isalnum() and not _UNSPACED.match(character)


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _lower(text: str) -> str:
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(one if len(one) == 1 else character for character in text for one in (character.lower(),))
