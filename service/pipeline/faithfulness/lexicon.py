"""The words of a language that say a quantity or go with one, looked up with their endings, prefixes and compounds."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from service.pipeline.faithfulness.letters import key
from service.pipeline.faithfulness.meanings import (
    CARDINAL,
    HINT,
    MAGNITUDE,
    MONTH,
    ORDINAL,
    UNIT,
    Meaning,
    Meanings,
    Phrase,
)
from service.pipeline.faithfulness.numerals import Value
from service.pipeline.faithfulness.vocabulary import SHORTEST_STEM, Vocabulary

_LONGEST_STEM = 30
_LONGEST_ENDING = 5
_LONGEST_HINT = 14
_LONGEST_JOINED = 60
_MOST_LOOKED_UP = 50_000


class Entry(NamedTuple):
    """What a lexicon has under a word.

    Attributes:
        meanings: of the word.
        phrases: of the word with those behind it, the longest first.
    """

    meanings: Meanings
    phrases: list[Phrase]


_NEW = Entry((), [])


class Lexicon:
    """Looks words up in the vocabulary of a language.

    Attributes:
        vocabulary: what it looks them up in.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        """Args: the words of a language."""
        self.vocabulary = self._words = vocabulary
        self._symbols = {
            symbol: tuple(Meaning(UNIT, name, True) for name in names)
            for symbol, names in vocabulary.units.symbols.items()
        }
        self._found: dict[str, Entry | None] = {}

    def lookup(self, word: str) -> Entry | None:
        """What a folded word means, alone and as the first of several; None for words without a quantity."""
        found = self._found.get(word, _NEW)
        if found is _NEW:
            if len(self._found) >= _MOST_LOOKED_UP:
                self._found.clear()
            plain = key(word)
            phrases = self._phrases_from(plain)
            meanings = self._look_up(plain) or self._symbols.get(word, ())
            found = self._found[word] = Entry(meanings, phrases) if meanings or phrases else None
        return found

    def _look_up(self, word: str) -> Meanings:
        known = self._words
        found = known.words.get(word) or self._without_prefix(word)
        if found:
            return found
        if named := known.units.named(word):
            return tuple(Meaning(UNIT, name, True) for name in named)
        if known.joined and (value := self._join(word)) is not None:
            return (Meaning(CARDINAL, value, True),)
        if stem := self._stem(word):
            return stem
        if hints := self._hint(word):
            return tuple(Meaning(HINT, hint, False) for hint in hints)
        for ending, value in known.endings:
            if word.endswith(ending) and len(word) > len(ending) + 1:
                return (Meaning(HINT, value, False),)
        return ()

    def _without_prefix(self, word: str) -> Meanings:
        """What the word is behind an article, a preposition or a conjunction that is written together with it."""
        for prefix in self._words.prefixes:
            rest = word[len(prefix) :] if word.startswith(prefix) else ""
            if len(rest) > 1 and (found := self._words.words.get(rest)):
                return tuple(
                    meaning._replace(sure=False) if meaning.kind in (ORDINAL, CARDINAL, MONTH) else meaning
                    for meaning in found
                )
            if len(rest) > 2 and (hints := self._hint(rest)):
                return tuple(Meaning(HINT, hint, False) for hint in hints)
        return ()

    def _stem(self, word: str) -> Meanings:
        """What a word with an ending means."""
        for length in range(min(len(word), _LONGEST_STEM), SHORTEST_STEM - 1, -1):
            if stem := self._words.stems.get(word[:length]):
                if len(word) - length <= _LONGEST_ENDING:
                    return stem
                if length > SHORTEST_STEM and (month := tuple(each for each in stem if each.kind == MONTH)):
                    return month  # Oktoberhälfte
        return ()

    def _hint(self, word: str) -> tuple[Value, ...]:
        """The numbers that the beginning of a word may stand for: three in `dreijährig`, 37 in `sedmatřicetiletý`."""
        value, length = self._hint_at(word, 0)
        if value is None:
            return ()
        small, tens = value in range(1, 10), value in range(20, 100, 10)
        if small or tens:
            for start in range(length, min(len(word) - 2, length + _LONGEST_ENDING)):
                other, _ = self._hint_at(word, start)
                if (small and other in range(20, 100, 10)) or (tens and other in range(1, 10)):
                    return value, value + other  # type: ignore[operator]
        return (value,)

    def _hint_at(self, word: str, start: int) -> tuple[Value | None, int]:
        for end in range(min(len(word), start + _LONGEST_HINT), start, -1):
            if (value := self._words.hints.get(word[start:end])) is not None:
                return value, end
        return None, start

    def symbol(self, sign: str) -> Meanings:
        """What a sign such as `US$` means."""
        return self._symbols.get(sign) or self._symbols.get(sign[-1], ())

    def is_currency(self, names: Iterable[str]) -> bool:
        """Whether classes of unit are currencies."""
        return any(map(self._words.units.is_currency, names))

    def _phrases_from(self, first: str) -> list[Phrase]:
        """Meanings of several words of which this is the first, the longest first."""
        known = self._words.phrases
        if first in known:
            return known[first]
        for prefix in self._words.prefixes:
            if first.startswith(prefix) and (found := known.get(first[len(prefix) :])):
                return found
        return []

    def _join(self, word: str) -> Value | None:
        """The value of numbers written as one word, `zweihundertfünfzig`."""
        if len(word) > _LONGEST_JOINED:
            return None
        total, group, start = 0, 0, 0
        while start < len(word):
            for end in range(min(len(word), start + 20), start + 1, -1):
                meanings = self._words.words.get(word[start:end], ())
                numbers = [each for each in meanings if each.kind in (CARDINAL, MAGNITUDE)]
                if numbers:
                    break
            else:
                return None
            best = numbers[0]
            if best.kind == MAGNITUDE and best.value >= 1000:
                total, group = total + (group or 1) * best.value, 0
            elif best.kind == MAGNITUDE or (best.value == 100 and group):
                group = (group or 1) * best.value
            else:
                group += best.value
            start = end
        return total + group


@lru_cache(maxsize=64)
def lexicon(language: str) -> Lexicon:
    """The lexicon of a tag of the table of languages; for any other one without words, which knows figures only."""
    return Lexicon(Vocabulary(language))
