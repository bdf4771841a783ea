"""The words of one language that say a quantity or go with one, ready to be looked up."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from service import languages
from service.pipeline.faithfulness import wording
from service.pipeline.faithfulness.numerals import Value, fold, plain
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

_MARKS = "".join(
    chr(code)
    for block in (range(0x300, 0x2000), range(0xA800, 0xAC00))
    for code in block
    if unicodedata.category(chr(code)) in ("Mn", "Mc")
)
LETTER = rf"[^\W\d_{_MARKS}]"
# A word with its vowel signs, joiners and soft hyphens; the apostrophe belongs to it in Cyrillic.
WORD = rf"{LETTER}(?:{LETTER}|[{_MARKS}\u00ad\u200c\u200d]|(?<=[\u0400-\u04ff])['\"](?=[\u0400-\u04ff]))*+"
_WORD = re.compile(WORD)

_LETTERS = {
    **{"أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ی": "ي", "ک": "ك", "ة": "ه", "ۀ": "ه", "ہ": "ه"},
    **{"ँ": "ं", "'": "", '"': "", "\u00ad": "", "\u200c": "", "\u200d": "", "ـ": "", "\u093c": "", "\u09bc": ""},
    **dict.fromkeys(map(chr, (0x301, 0x300, *range(0x64B, 0x653), 0x670, *range(0x591, 0x5C8))), ""),
}
_LETTER_TABLE = {ord(letter): plain_letter for letter, plain_letter in _LETTERS.items()}

_SHORTEST_STEM = 4
_LONGEST_ENDING = 5
_LONGEST_HINT = 14
_MOST_LOOKED_UP = 50_000


def key(word: str) -> str:
    """A folded word as it is looked up: without what is only sometimes written."""
    if word.isascii():
        return word.replace("'", "")
    return unicodedata.normalize("NFC", word).translate(_LETTER_TABLE)


@cache
def _table() -> dict[str, Any]:
    with _TABLE.open("rb") as file:
        return tomllib.load(file)


class Lexicon:
    """What the words of a language mean where quantities are concerned.

    Attributes:
        words: every word that stands alone, by `key`.
        spaced: whether blanks separate words.
        numbers: whether spelled numbers are known at all.
        trusted: whether a spelled number of an output may be doubted.
        units: the table of units.
        symbols: signs and codes with the classes of unit each may mean.
        conjunction: the "and" that is written together with the next word; empty where there is none.
    """

    def __init__(self, language: str) -> None:
        """Args: tag of the table of languages."""
        row = _table()["language"].get(language, {})
        self.words: dict[str, Meanings] = {}
        self.phrases: dict[str, list[Phrase]] = {}
        self.spaced = language not in _table()["unspaced"]
        self.east_asian = language.startswith(("zh", "ja", "ko"))
        self.trusted = bool(row.get("trusted", False))
        self.units = Units.of(_table())
        self.symbols = self.units.symbols
        self._unsure = {key(fold(word)) for word in row.get("unsure", "").split()}
        self._prefixes = tuple(map(key, row.get("prefixes", "").split()))
        self.conjunction = row.get("conjunction", "")
        self._stems: dict[str, Meanings] = {}
        self._hints: dict[str, Value] = {}
        self._found: dict[str, Meanings] = {}
        self._joined = False
        self._endings = [(key(fold(ending)), value) for ending, value in _pairs(row.get("endings", ""))]
        self._add_numbers(language, row)
        self.numbers = self.east_asian or any(each.kind == CARDINAL for found in self.words.values() for each in found)
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
            if len(rest) > 2 and (hint := self._hint(rest)) is not None:
                return (Meaning(HINT, hint, False),)
        currency = self.units.currency(word)
        if currency:
            return tuple(Meaning(UNIT, name, True) for name in currency)
        if self._joined and (value := self._join(word)) is not None:
            return (Meaning(CARDINAL, value, True),)
        for length in range(min(len(word), 30), _SHORTEST_STEM - 1, -1):
            if (stem := self._stems.get(word[:length])) is not None:
                if len(word) - length <= _LONGEST_ENDING:
                    return stem
                if length > _SHORTEST_STEM and (month := tuple(each for each in stem if each.kind == MONTH)):
                    return month  # Oktoberhälfte
        if (hint := self._hint(word)) is not None:
            return (Meaning(HINT, hint, False),)
        for ending, value in self._endings:
            if word.endswith(ending) and len(word) > len(ending) + 1:
                return (Meaning(HINT, value, False),)
        return ()

    def _hint(self, word: str) -> Value | None:
        """The number that the beginning of a word may stand for."""
        for length in range(min(len(word), _LONGEST_HINT), 0, -1):
            if (value := self._hints.get(word[:length])) is not None:
                return value
        return None

    def is_currency(self, names: Iterable[str]) -> bool:
        """Whether classes of unit are currencies."""
        return any(map(self.units.is_currency, names))

    def phrases_from(self, word: str) -> list[Phrase]:
        """Meanings of several words of which a folded word is the first, the longest first."""
        return self.phrases.get(key(word), [])

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
        found = [key(word) for word in _WORD.findall(fold(words))]
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
        spelled = wording.spelled_numbers(language) if self.spaced or not self.east_asian else {}
        cardinals = spelled.get("cardinals", {})
        self._joined = bool(cardinals) and len(_WORD.findall(cardinals[23][0])) == 1
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
            parts = [key(word) for word in _WORD.findall(fold(words))]
            if len("".join(parts)) > 1 and not self.units.is_short(words) and not (len(parts) > 1 and all(part in self.words for part in parts)):
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
        words = [key(word) for word in _WORD.findall(fold(spelling))]
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
        named: Iterable[tuple[str, int, bool]] = () if self.east_asian else wording.months(language)
        for name, month, full in (*named, *((words, value, True) for words, value in _pairs(row.get("months", "")))):
            words = [word for word in _WORD.findall(fold(name)) if len(word) > 2 or not word.isascii()]
            if words and not any(character.isdigit() for character in name):
                meaning = Meaning(MONTH, month, full)
                self._add(" ".join(words), meaning)
                if len(words) == 1:
                    self._add_stem(key(words[0]), meaning._replace(sure=False))

    def _add_units(self, language: str, row: dict[str, Any]) -> None:
        for name, unit in self.units.names(language, spaced=self.spaced):
            words = [key(word) for word in _WORD.findall(fold(name))]
            meaning = Meaning(UNIT, unit, True)
            if words and (len(name) > 1 or not name.isascii()):
                self._add(name, meaning)
                if len(words) == 1 and not self.units.is_currency(unit):  # those have patterns of their own
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
