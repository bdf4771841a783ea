"""What ICU knows about how a language words numbers, months, currencies and units."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from icu4py.messageformat import MessageFormat

_NUMBER_WORDS = Path(__file__).parents[2] / "data" / "number_words.toml"

# Gregorian months and plain digits wherever a locale would use others.
_EXTENSION = "-u-ca-gregory-nu-latn"
# Where months have other names than in the language's main country.
_MONTH_LOCALES = {"ar": ("ar-SY", "ar-DZ", "ar-MA"), "pt": ("pt-PT",), "fa": ("fa-AF",), "ms": ("id",)}

_INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u061c]")
_FIGURES = re.compile(r"[\d.,]*\d")


def _formatter(pattern: str, language: str) -> MessageFormat:
    return MessageFormat(pattern, language + _EXTENSION)


def spelled_numbers(language: str) -> dict[str, dict[int, tuple[str, ...]]]:
    """Spellings of `cardinals` and `ordinals` by value, the base form first; nothing where ICU has no words."""
    text = _NUMBER_WORDS.read_text(encoding="utf-8")
    start = text.find(f"\n[{language}]\n")
    if start < 0:
        return {}
    # One section of a large table: reading all of it would take a hundred times as long.
    end = text.find("\n[", start + 1)
    section = tomllib.loads(text[start : end if end > 0 else None])[language]
    return {name: dict(_numbered(rows)) for name, rows in section.items()}


def _numbered(rows: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    for row in rows.split("\n"):
        number, _, words = row.partition(" ")
        if words:
            yield int(number), tuple(words.split(" | "))


def months(language: str) -> Iterator[tuple[str, int, bool]]:
    """Names of months: name, 1 to 12, and whether it is written out in full."""
    for locale in (language, *_MONTH_LOCALES.get(language, ())):
        for form in ("MMMM", "LLLL", "MMM", "LLL"):
            formatter = _formatter(f"{{d,date,{form}}}", locale)
            for month in range(1, 13):
                yield formatter.format({"d": datetime(2024, month, 5)}), month, len(form) > 3


def magnitudes(language: str) -> Iterator[tuple[str, int]]:
    """Words such as `Millionen`, `Mio.` and `lakh`, with what they multiply by."""
    for width in ("compact-long", "compact-short"):
        formatter = _formatter(f"{{n,number,:: {width}}}", language)
        for power in (3, 4, 5, 6, 7, 8, 9, 10, 11, 12):
            for factor in (1, 2, 5, 1.5):
                written = _INVISIBLE.sub("", formatter.format({"n": factor * 10**power}))
                figures = _FIGURES.search(written)
                words = _FIGURES.sub(" ", written).strip(" .\u00a0")
                # A longer number would be a grouped one.
                if figures and words and len(figures[0]) < 4:
                    shown = float(figures[0].replace(",", "."))
                    yield words, round(factor * 10**power / shown)


def units(language: str, identifiers: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Names of units in full, in the forms that go with numbers: name and CLDR identifier (`kilometer`, `EUR`)."""
    for identifier in identifiers:
        if identifier.isupper():
            yield from _unit_names(language, f"currency/{identifier}", " precision-integer", (1, 2, 5), identifier)
        else:
            yield from _unit_names(language, f"unit/{identifier}", " precision-integer", (1, 2, 5), identifier)
            yield from _unit_names(language, f"unit/{identifier}", " .0", (1.5,), identifier)


def _unit_names(
    language: str, unit: str, precision: str, amounts: tuple[float, ...], identifier: str
) -> Iterator[tuple[str, str]]:
    formatter = _formatter(f"{{n,number,:: {unit} unit-width-full-name{precision}}}", language)
    names = {_FIGURES.sub(" ", _INVISIBLE.sub("", formatter.format({"n": amount}))).strip() for amount in amounts}
    yield from ((name, identifier) for name in sorted(names) if name)
