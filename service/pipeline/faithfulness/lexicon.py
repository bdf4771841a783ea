"""The words of one language that say a quantity or go with one, ready to be looked up."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from service import languages
from service.pipeline.faithfulness import wording
from service.pipeline.faithfulness.letters import WORDS, fold, key
from service.pipeline.faithfulness.numerals import Value, plain
from service.pipeline.faithfulness.units import Units

_TABLE = Path(__file__).parents[2] / "data" / "quantities.toml"

# Kinds of meaning.
CARDINAL, ORDINAL, MAGNITUDE, DOZEN = "cardinal", "ordinal", "magnitude", "dozen"
PART, UNIT, MONTH, WEEKDAY = "part", "unit", "month", "weekday"
AND, ABOUT, CLOCK, HINT = "and", "about", "clock", "hint"


class Meaning(NamedTuple):
    """One meaning of a word.

    Attributes:
        kind: CARDINAL and ORDINAL (value: the number), MAGNITUDE (what it multiplies), DOZEN (a magnitude that is often
            left out of translations: dozen, decade), PART (a fraction that may follow: a half), UNIT (class of unit),
            MONTH, WEEKDAY (its number), AND (joins numbers), ABOUT (says that a number is rounded), CLOCK (says that
            it is an hour) or HINT (a number that may be meant).
        value: as the kind says.
        sure: whether the word always means this.
    """

    kind: str
    value: Any
    sure: bool


Meanings = tuple[Meaning, ...]
Phrase = tuple[tuple[str, ...], Meaning]

_NUMERALS = {"zh-Hans": "han", "zh-Hant": "han", "ja": "han", "ko": "hangul"}
_SHORTEST_STEM = 4
_LONGEST_ENDING = 5
_LONGEST_HINT = 14
_MOST_LOOKED_UP = 50_000


@cache
def _table() -> dict[str, Any]:
    with _TABLE.open("rb") as file:
        return tomllib.load(file)


class Lexicon:
    """What the words of a language mean where quantities are concerned.

    Attributes:
        words: every word that stands alone, by `key`.
        spaced: whether blanks separate words.
        numerals: `han` or `hangul`, where numbers are also written with such characters; otherwise empty.
        numbers: whether spelled numbers are known at all.
        trusted: whether a spelled number of an output may be doubted.
        units: the table of units.
        symbols: signs and codes with the classes of unit each may mean.
        before_month: words before a name that is certainly a month then.
        conjunction: the "and" that is written together with the next word; empty where there is none.
    """

    def __init__(self, language: str) -> None:
        """Args: tag of the table of languages."""
        row = _table()["language"].get(language, {})
        self.words: dict[str, Meanings] = {}
        self.phrases: dict[str, list[Phrase]] = {}
        self.spaced = language not in _table()["unspaced"]
        self.numerals = _NUMERALS.get(language, "")
        self.trusted = bool(row.get("trusted", False))
        self.units = Units.of(_table())
        self.symbols = self.units.symbols
        self._unsure = {key(fold(word)) for word in row.get("unsure", "").split()}
        self._prefixes = tuple(map(key, row.get("prefixes", "").split()))
        self.before_month = frozenset(row.get("before_month", "").split())
        self.conjunction = row.get("conjunction", "")
        self._stems: dict[str, Meanings] = {}
        self._hints: dict[str, Value] = {}
        self._found: dict[str, Meanings] = {}
        self._joined = False
        self._endings = [(key(fold(ending)), value) for ending, value in _pairs(row.get("endings", ""))]
        self._add_numbers(language, row)
        self.numbers = bool(self.numerals) or any(
            each.kind == CARDINAL for found in self.words.values() for each in found
        )
        self._add_months(language, row)
        self._add_units(language, row)
        for kind, name in ((ABOUT, "about"), (CLOCK, "clock"), (AND, "and")):
            for word in row.get(name, "").split():
                self._add(word.replace("_", " "), Meaning(kind, name, True))
        for phrases in self.phrases.values():
            phrases.sort(key=lambda phrase: -len(phrase[0]))

    # ---- what a text says -------------------------------------------------------------------------------------------

    def lookup(self, word: str) -> Meanings:
        """What a folded word means; empty for the words that have nothing to do with quantities."""
        found = self._found.get(word)
        if found is None:
            if len(self._found) >= _MOST_LOOKED_UP:
                self._found.clear()
            found = self._found[word] = self._look_up(key(word))
        return found

    def _look_up(self, word: str) -> Meanings:
        found = self.words.get(word)
        if found is not None:
            return found
        for prefix in self._prefixes:
            rest = word[len(prefix) :] if word.startswith(prefix) else ""
            if len(rest) > 1 and rest in self.words:
                return tuple(
                    meaning._replace(sure=False) if meaning.kind in (ORDINAL, CARDINAL) else meaning
                    for meaning in self.words[rest]
                )
            if len(rest) > 2 and (hints := self._hint(rest)):
                return tuple(Meaning(HINT, hint, False) for hint in hints)
        named = self.units.named(word)
        if named:
            return tuple(Meaning(UNIT, name, True) for name in named)
        if self._joined and (value := self._join(word)) is not None:
            return (Meaning(CARDINAL, value, True),)
        for length in range(min(len(word), 30), _SHORTEST_STEM - 1, -1):
            if (stem := self._stems.get(word[:length])) is not None:
                if len(word) - length <= _LONGEST_ENDING:
                    return stem
                if length > _SHORTEST_STEM and (month := tuple(each for each in stem if each.kind == MONTH)):
                    return month  # Oktoberhälfte
        if hints := self._hint(word):
            return tuple(Meaning(HINT, hint, False) for hint in hints)
        for ending, value in self._endings:
            if word.endswith(ending) and len(word) > len(ending) + 1:
                return (Meaning(HINT, value, False),)
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
            if (value := self._hints.get(word[start:end])) is not None:
                return value, end
        return None, start

    def is_currency(self, names: Iterable[str]) -> bool:
        """Whether classes of unit are currencies."""
        return any(map(self.units.is_currency, names))

    def phrases_from(self, word: str) -> list[Phrase]:
        """Meanings of several words of which a folded word is the first, the longest first."""
        first = key(word)
        found = self.phrases.get(first)
        if found is None and self._prefixes:
            found = next(
                (
                    phrases
                    for prefix in self._prefixes
                    if first.startswith(prefix) and (phrases := self.phrases.get(first[len(prefix) :])) is not None
                ),
                None,
            )
        return found or []

    def _join(self, word: str) -> Value | None:
        """The value of numbers written as one word, `zweihundertfünfzig`."""
        if len(word) > 60:
            return None
        total, group, start = 0, 0, 0
        while start < len(word):
            for end in range(min(len(word), start + 20), start + 1, -1):
                meanings = self.words.get(word[start:end], ())
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

    # ---- how it is built --------------------------------------------------------------------------------------------

    def _add(self, words: str, meaning: Meaning) -> None:
        found = [key(word) for word in WORDS.findall(fold(words))]
        if not found:
            return
        if len(found) == 1 or not self.spaced:
            word = "".join(found)
            if word in self._unsure:
                meaning = meaning._replace(sure=False)
            old = self.words.get(word, ())
            if all((each.kind, each.value) != (meaning.kind, meaning.value) for each in old):
                self.words[word] = (*old, meaning)
        else:
            phrase = (tuple(found), meaning)
            known = self.phrases.setdefault(found[0], [])
            if phrase not in known:
                known.append(phrase)

    def _add_numbers(self, language: str, row: dict[str, Any]) -> None:
        spelled = wording.spelled_numbers(language) if self.spaced or not bool(self.numerals) else {}
        cardinals = spelled.get("cardinals", {})
        self._joined = bool(cardinals) and len(WORDS.findall(cardinals[23][0])) == 1
        for number, spellings in cardinals.items():
            if number <= 100:
                for position, spelling in enumerate(spellings):
                    self._add(spelling, Meaning(CARDINAL, number, position < 8))
        for number, spellings in spelled.get("ordinals", {}).items():
            for spelling in spellings:
                self._add(spelling, Meaning(ORDINAL, number, number > 2))
        for number, spellings in cardinals.items():
            if number >= 100:
                for spelling in spellings:
                    self._add_large(spelling, number)
        for words, factor in wording.magnitudes(language):
            parts = [key(word) for word in WORDS.findall(fold(words))]
            if (
                len("".join(parts)) > 1
                and not self.units.is_short(words)
                and not (len(parts) > 1 and all(part in self.words for part in parts))
            ):
                self._add(words, Meaning(MAGNITUDE, factor, True))
        for kind, name in ((CARDINAL, "numbers"), (ORDINAL, "ordinals"), (MAGNITUDE, "magnitudes"), (DOZEN, "dozens")):
            for words, value in _pairs(row.get(name, "")):
                self._add(words, Meaning(kind, value, kind != CARDINAL or bool(row.get("numbers_sure"))))
        for kind, name in ((PART, "parts"), (HINT, "hints")):
            for words, value in _pairs(row.get(name, "")):
                self._add(words, Meaning(kind, value, False))
        for word, meanings in list(self.words.items()):
            for meaning in meanings:
                if meaning.kind == HINT or (meaning.kind in (CARDINAL, ORDINAL) and len(word) >= _SHORTEST_STEM):
                    self._hints.setdefault(word, meaning.value)
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
        if len(word) >= _SHORTEST_STEM:
            for stem in {word, word[:-1]} if len(word) > _SHORTEST_STEM else {word}:
                known = self._stems.get(stem, ())
                if meaning not in known:
                    self._stems[stem] = (*known, meaning)

    def _add_months(self, language: str, row: dict[str, Any]) -> None:
        named: Iterable[tuple[str, int, bool]] = () if bool(self.numerals) else wording.months(language)
        for name, month, full in (*named, *((words, value, True) for words, value in _pairs(row.get("months", "")))):
            words = [word for word in WORDS.findall(fold(name)) if len(word) > 2 or not word.isascii()]
            if words and not any(character.isdigit() for character in name):
                meaning = Meaning(MONTH, month, full)
                self._add(" ".join(words), meaning)
                if len(words) == 1:
                    self._add_stem(key(words[0]), meaning._replace(sure=False))

    def _add_units(self, language: str, row: dict[str, Any]) -> None:
        for name, unit in self.units.names(language, spaced=self.spaced):
            words = [key(word) for word in WORDS.findall(fold(name))]
            meaning = Meaning(UNIT, unit, True)
            if words and (len(name) > 1 or not name.isascii()):
                self._add(name, meaning)
                if len(words) == 1 and not self.units.has_pattern(unit):
                    self._add_stem(words[0], meaning)
        for unit, names in row.get("units", {}).items():
            for name in names.split():
                self._add(name.replace("_", " "), Meaning(UNIT, unit, True))


def _pairs(text: str) -> Iterator[tuple[str, Value]]:
    """Words and values of an entry such as `twice=2 half_a=0.5`."""
    for entry in text.split():
        words, _, value = entry.partition("=")
        yield words.replace("_", " "), plain(Decimal(value))


@lru_cache(maxsize=64)
def lexicon(language: str) -> Lexicon:
    """The lexicon of a tag in any spelling; one without words, for figures only, where the language is not known."""
    return Lexicon(languages.canonical(language) or "")
