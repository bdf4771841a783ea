"""The vocabulary of one language for quantities, put together from ICU, `number_words.toml` and `quantities.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from service.pipeline.faithfulness import wording
from service.pipeline.faithfulness.letters import WORDS, fold, key
from service.pipeline.faithfulness.meanings import (
    ABOUT,
    AND,
    CARDINAL,
    CLOCK,
    DOZEN,
    HINT,
    MAGNITUDE,
    MONTH,
    ORDINAL,
    PART,
    UNIT,
    Meaning,
    Meanings,
    Phrase,
)
from service.pipeline.faithfulness.numerals import Value, plain
from service.pipeline.faithfulness.units import Units

_TABLE = Path(__file__).parents[2] / "data" / "quantities.toml"

# Shorter words have no endings.
SHORTEST_STEM = 4

# Entries of the table: kind, name, and whether such a word may be reported.
_ENTRIES = (
    (CARDINAL, "numbers", False),
    (ORDINAL, "ordinals", True),
    (MAGNITUDE, "magnitudes", True),
    (DOZEN, "dozens", True),
    (PART, "parts", False),
    (HINT, "hints", False),
)


@cache
def _table() -> dict[str, Any]:
    with _TABLE.open("rb") as file:
        return tomllib.load(file)


class Vocabulary:
    """What the words of a language mean where quantities are concerned.

    Attributes:
        words: what stands alone, by `letters.key`.
        phrases: what is several words, by the first of them, the longest first.
        stems: months, magnitudes and units by beginnings that keep their meaning.
        hints: numbers by beginnings of words that may stand for them.
        endings: numbers by endings of words that may stand for them.
        joined: whether a spelled number is one word.
        spaced: whether blanks separate words.
        numerals: `han` or `hangul`, where numbers are also written with such characters; otherwise empty.
        numbers: whether spelled numbers are known at all.
        trusted: whether a spelled number of an output may be doubted.
        units: the table of units.
        prefixes: what may be written together with the next word.
        before_month: words before a name that is certainly a month then.
        conjunction: the "and" that is written together with the next word; empty where there is none.
    """

    def __init__(self, language: str) -> None:
        """Args: tag of the table of languages; empty for none."""
        table = _table()
        row = table["language"].get(language, {})
        self._language = language
        self._unsure = {
            "".join(key(part) for part in WORDS.findall(fold(word))) for word in row.get("unsure", "").split()
        }
        self.words: dict[str, Meanings] = {}
        self.phrases: dict[str, list[Phrase]] = {}
        self.stems: dict[str, Meanings] = {}
        self.hints: dict[str, Value] = {}
        self.endings = [(key(fold(ending)), value) for ending, value in pairs(row.get("endings", ""))]
        self.joined = False
        self.spaced = language not in table["unspaced"]
        self.numerals: str = table["numerals"].get(language, "")
        self.trusted = bool(row.get("trusted", False))
        self.units = Units.of(table)
        self.prefixes = tuple(map(key, row.get("prefixes", "").split()))
        self.before_month = frozenset(row.get("before_month", "").split())
        self.conjunction: str = row.get("conjunction", "")
        if language:
            self._add_all(row)
        self.numbers = bool(self.numerals) or any(
            each.kind == CARDINAL for found in self.words.values() for each in found
        )

    def _add_all(self, row: dict[str, Any]) -> None:
        self._add_numbers(row)
        self._add_beginnings()
        self._add_months(row)
        self._add_units(row)
        for kind, name in ((ABOUT, "about"), (CLOCK, "clock"), (AND, "and")):
            for word in row.get(name, "").split():
                self._add(word.replace("_", " "), Meaning(kind, name, True))
        for phrases in self.phrases.values():
            phrases.sort(key=lambda phrase: -len(phrase[0]))

    def _add(self, words: str, meaning: Meaning) -> None:
        found = [key(word) for word in WORDS.findall(fold(words))]
        if not found:
            return
        if "".join(found) in self._unsure:
            meaning = meaning._replace(sure=False)
        if len(found) == 1 or not self.spaced:
            word = "".join(found)
            old = self.words.get(word, ())
            if all((each.kind, each.value) != (meaning.kind, meaning.value) for each in old):
                self.words[word] = (*old, meaning)
        else:
            phrase = (tuple(found), meaning)
            known = self.phrases.setdefault(found[0], [])
            if phrase not in known:
                known.append(phrase)

    def _add_numbers(self, row: dict[str, Any]) -> None:
        spelled = wording.spelled_numbers(self._language)
        cardinals = spelled.get("cardinals", {})
        self.joined = bool(cardinals) and len(WORDS.findall(cardinals[23][0])) == 1
        for number, spellings in cardinals.items():
            if number <= 100:
                for spelling in spellings:
                    self._add(spelling, Meaning(CARDINAL, number, True))
        for number, spellings in spelled.get("ordinals", {}).items():
            for spelling in spellings:
                self._add(spelling, Meaning(ORDINAL, number, True))
        for number in (number for number in cardinals if number >= 100):
            for spelling in cardinals[number]:
                self._add_large(spelling, number)
        for words, factor in wording.magnitudes(self._language):
            parts = [key(word) for word in WORDS.findall(fold(words))]
            composed = len(parts) > 1 and all(part in self.words for part in parts)
            if len("".join(parts)) > 1 and not composed and not self.units.is_short(words):
                self._add(words, Meaning(MAGNITUDE, factor, True))
        for kind, name, sure in _ENTRIES:
            for words, value in pairs(row.get(name, "")):
                self._add(words, Meaning(kind, value, sure))

    def _add_beginnings(self) -> None:
        """What the beginnings of longer words may stand for."""
        for word, meanings in list(self.words.items()):
            for meaning in meanings:
                if meaning.kind == HINT or (meaning.kind in (CARDINAL, ORDINAL) and len(word) >= SHORTEST_STEM):
                    self.hints.setdefault(word, meaning.value)
                elif meaning.kind == DOZEN or (meaning.kind == MAGNITUDE and meaning.value >= 1000):
                    self._add_stem(word, meaning)

    def _add_large(self, spelling: str, number: int) -> None:
        """A hundred and more: the whole where it is one word, and the word that stands for the magnitude."""
        words = [key(word) for word in WORDS.findall(fold(spelling))]
        digits = str(number)
        factor, magnitude = int(digits[0]), 10 ** (len(digits) - 1)
        if len(words) == 1:
            kind = MAGNITUDE if factor == 1 else CARDINAL
            self._add(spelling, Meaning(kind, number, True))
            return
        if factor == 1:
            rest = [word for word in words if word not in self.words]
            rest = rest[-1:] if len(rest) == len(words) else rest
        else:
            rest = [word for word in words if not self._means(word, factor)]
        if len(rest) == 1 and len(words) == 2:
            self._add(rest[0], Meaning(MAGNITUDE, magnitude, True))

    def _means(self, word: str, number: int) -> bool:
        return any(each.kind == CARDINAL and each.value == number for each in self.words.get(word, ()))

    def _add_stem(self, word: str, meaning: Meaning) -> None:
        if len(word) >= SHORTEST_STEM:
            for stem in {word, word[:-1]} if len(word) > SHORTEST_STEM else {word}:
                known = self.stems.get(stem, ())
                if meaning not in known:
                    self.stems[stem] = (*known, meaning)

    def _add_months(self, row: dict[str, Any]) -> None:
        named: Iterable[tuple[str, int, bool]] = () if self.numerals else wording.months(self._language)
        for name, month, full in (*named, *((words, value, True) for words, value in pairs(row.get("months", "")))):
            words = [word for word in WORDS.findall(fold(name)) if len(word) > 2 or not word.isascii()]
            if words and not any(character.isdigit() for character in name):
                meaning = Meaning(MONTH, month, full)
                self._add(" ".join(words), meaning)
                if len(words) == 1:
                    self._add_stem(key(words[0]), meaning._replace(sure=False))

    def _add_units(self, row: dict[str, Any]) -> None:
        for name, unit in self.units.names(self._language, spaced=self.spaced):
            words = [key(word) for word in WORDS.findall(fold(name))]
            meaning = Meaning(UNIT, unit, True)
            if words and (len(name) > 1 or not name.isascii()):
                self._add(name, meaning)
                if len(words) == 1 and not self.units.has_pattern(unit):
                    self._add_stem(words[0], meaning)
        for unit, names in row.get("units", {}).items():
            for name in names.split():
                self._add(name.replace("_", " "), Meaning(UNIT, unit, True))


def pairs(text: str) -> Iterator[tuple[str, Value]]:
    """Words and values of an entry such as `twice=2 half_a=0.5`."""
    for entry in text.split():
        words, _, value = entry.partition("=")
        yield words.replace("_", " "), plain(Decimal(value))
