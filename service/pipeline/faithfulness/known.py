"""Names that differ from language to language: territories, languages and large cities, by the tables of CLDR.

A language's names are read when it is first met and kept as little more than words and codes.
"""

from __future__ import annotations

import pickle
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from babel import localedata
from babel.core import get_global

from service.pipeline.faithfulness.wordforms import WORD, plain

_ALIASES = Path(__file__).resolve().parents[2] / "data" / "names.toml"
_FILES = {"zh-Hans": "zh", "zh-Hant": "zh_Hant", "sr-Latn": "sr_Latn", "nb": "no", "tl": "fil"}
# Words of this many letters or less are no part of a name that must be there: of, la, du, und.
_SMALL = 3
_LEAST_STEM = 4
# From this length on the last letter of a name may be another: России, Polski.
_DECLINED = 6
_HANGUL = "\uac00"
_TERRITORY = re.compile(r"(?!EU|UN)[A-Z]{2}\Z")
_FRONTS = ("ال", "و", "ב", "ה", "ל", "מ", "ו", "ש", "ل", "ب", "ك", "ف")
_UNSPACED = frozenset({"zh", "ja", "th", "km", "lo", "my", "ko"})


@dataclass(frozen=True, slots=True)
class Part:
    """A word of a name: of what, of how many words that count, and whether it alone is the name of a country.

    `people` is true where the name is of those who live there or of their language, `hint` where it only tells the
    country, as its cities do.
    """

    word: str
    code: str
    size: int
    country: bool
    people: bool
    hint: bool


@dataclass(frozen=True, slots=True)
class Known:
    """The names of one language.

    Attributes:
        words: first letters of a word of a name -> the names it is in.
        whole: for scripts without blanks: name -> code.
        calendar: months and weekdays, which are no names.
    """

    words: Mapping[str, tuple[Part, ...]]
    whole: Mapping[str, str]
    calendar: frozenset[str]

    def codes(self, word: str, *, hints: bool = True) -> set[str]:
        """What a word can be a form of, or a part of, as codes; `word` as `wordforms.plain` gives it."""
        return {
            part.code
            for form in _forms(word)
            for part in self._parts(form)
            if (hints or not part.hint) and same_stem(form, part.word)
        }

    def country(self, word: str) -> bool:
        """Whether a word alone is the name of a country or of who lives there, and hardly anything else."""
        return any(part.country and _nearly(form, part) for form in _forms(word) for part in self._parts(form))

    def evidence(self, words: Iterable[str], text: str = "", *, hints: bool = True) -> set[str]:
        """The codes of names all of whose words are among those of a text; with `hints` of what tells them, too."""
        found: dict[tuple[str, int], set[str]] = defaultdict(set)
        for word in words:
            for form in _forms(word):
                for part in self._parts(form):
                    if (hints or not part.hint) and same_stem(form, part.word):
                        found[part.code, part.size].add(part.word)
        codes = {code for (code, size), seen in found.items() if len(seen) >= size}
        if hints:
            codes.update(code for sign, owners in _table("signs").items() if sign in text for code in owners)
        if self.whole:
            codes.update(code for name, code in self.whole.items() if name in text)
        return codes

    def inside(self, codes: set[str], text: str) -> bool:
        """Whether a word of one of these codes is part of another, as in compounds; `text` is of plain words."""
        return any(
            part.word[: max(_LEAST_STEM, len(part.word) - 2)] in text
            for parts in self.words.values()
            for part in parts
            if part.code in codes and len(part.word) > _LEAST_STEM
        ) or any(name[:2] in text for name, code in self.whole.items() if code in codes and len(name) > 3)

    def _parts(self, word: str) -> tuple[Part, ...]:
        return self.words.get(_bucket(word), ())


def _bucket(word: str) -> str:
    """The first letters of a word, by which it is looked up; two syllables of Hangul are a word already."""
    return word[: _SMALL - 1] if word[:1] >= _HANGUL else word[:_SMALL]


def _forms(word: str) -> tuple[str, ...]:
    """A word, and without the particles that Arabic and Hebrew write in front of it."""
    if not word or word[0] < "\u0590" or word[0] > "\u06ff":
        return (word,)
    forms = [word]
    for _ in range(3):
        shorter = next((forms[-1][len(front) :] for front in _FRONTS if forms[-1].startswith(front)), "")
        if len(shorter) < _SMALL:
            break
        forms.append(shorter)
    return tuple(forms)


def _nearly(word: str, part: Part) -> bool:
    """Whether a word is a known one with at most a short ending."""
    known = part.word
    if word == known:
        return True
    if known[0] >= _HANGUL:
        return len(known) > 1 and word.startswith(known) and len(word) - len(known) <= 3
    if part.people or not _has_case(known):
        return False
    if len(known) <= _LEAST_STEM or not 0 <= len(word) - len(known) <= 2:
        return False
    return word.startswith(known) or (len(known) >= _DECLINED and word.startswith(known[:-1]))


def _has_case(word: str) -> bool:
    return word.upper() != word


def same_stem(word: str, known: str) -> bool:
    """Whether a word is a form of a known one, or of a word made from it: they begin alike."""
    if word == known:
        return True
    if known and known[0] >= _HANGUL:
        return len(known) > 1 and word.startswith(known)
    shared = 0
    for one, two in zip(word, known, strict=False):
        if one != two:
            break
        shared += 1
    rest = len(known) - shared
    if shared >= _LEAST_STEM:
        return rest <= 3 and len(word) - shared <= 7
    return shared == _SMALL and rest <= 1 and len(word) - shared <= 4


@lru_cache(maxsize=16)
def known(language: str) -> Known:
    """The names of a language; of one that CLDR does not have only those that are written alike everywhere.

    Each takes about half a megabyte and a fortieth of a second.
    """
    data = _read(language)
    countries = _countries()
    # A name, what it is of, whether of people, and whether its lack in a source is told.
    names: list[tuple[str, str, bool, bool]] = []
    names += [(name, code, True, True) for code, row in _table("names").items() for name in row]
    territories = data.get("territories", {})
    names += [(name, code, False, True) for code, name in territories.items() if isinstance(name, str)]
    names += [
        (name, countries.get(code, f"lang:{code}"), True, False)
        for code, name in data.get("languages", {}).items()
        if isinstance(name, str) and "_" not in code
    ]
    names += [(name, code, False, False) for name, code in _cities(data)]
    names += [(name, code, False, False) for code, row in _table("hints").items() for name in row]
    calendar = {
        plain(part)
        for field in ("months", "days")
        for form in data.get(field, {}).values()
        if isinstance(form, Mapping)
        for names in form.values()
        if isinstance(names, Mapping)
        for name in names.values()
        for part in WORD.findall(str(name))
    }
    words: dict[str, set[Part]] = defaultdict(set)
    whole: dict[str, str] = {}
    dense = language.partition("-")[0] in _UNSPACED
    for name, code, people, told in names:
        if dense and len(name) > 1 and not name.isascii():
            whole[name] = code
            if name[0] < _HANGUL:
                continue
        parts = {plain(part) for part in WORD.findall(name)}
        alone = told and len(parts) == 1 and _TERRITORY.match(code) is not None
        parts = {part for part in parts if len(part) > _SMALL} or parts
        for part in parts:
            words[_bucket(part)].add(Part(part, code, len(parts), alone, people, not (people or told)))
    if dense:
        whole |= _table("short_han")
    kept = {key: tuple(sorted(value, key=lambda part: (part.word, part.code))) for key, value in words.items()}
    return Known(kept, whole, frozenset(calendar))


@cache
def _table(name: str) -> dict[str, Any]:
    with _ALIASES.open("rb") as file:
        table: dict[str, Any] = tomllib.load(file)[name]
    return table


@cache
def _countries() -> dict[str, str]:
    """Language code -> the territory it is most likely of."""
    found = {}
    for code, full in get_global("likely_subtags").items():
        if len(code) == 2 and code not in ("en", "la", "rm"):
            found[code] = full.rpartition("_")[2]
    return found


def _cities(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    zones = data.get("time_zones", {})
    found = []
    territories = get_global("zone_territories")
    for zone in territories:
        area, _, city = zone.rpartition("/")
        if area and area != "Etc":
            name = zones.get(zone, {}).get("city")
            name = name if isinstance(name, str) else city.replace("_", " ")
            # A country is told by its city as well.
            found += [(name, f"city:{zone}"), (name, territories[zone])]
    return found


def _read(language: str) -> Mapping[str, Any]:
    """CLDR's data of a language; babel's own loader would keep all of it in memory."""
    name = _FILES.get(language, language.replace("-", "_"))
    for tried in (name, name.partition("_")[0]):
        if localedata.exists(tried):
            with Path(localedata.resolve_locale_filename(tried)).open("rb") as file:
                data: Mapping[str, Any] = pickle.load(file)  # noqa: S301 - a file of the package
            return data
    return {}
