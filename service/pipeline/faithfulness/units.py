"""Units and currencies as classes: what may stand for the same thing has the same name in every language."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Any

from service.pipeline.faithfulness import wording
from service.pipeline.faithfulness.letters import fold, key

PERCENT = "percent"


class Units:
    """The units and currencies of `quantities.toml`.

    Attributes:
        symbols: signs and codes, with the classes each may mean.
        sizes: what a unit measures and how large it is.
    """

    _one: Units | None = None

    def __init__(self, table: dict[str, Any]) -> None:
        """Args: the whole table."""
        self._units: dict[str, str] = {}
        self._codes: dict[str, list[str]] = {}
        self.symbols: dict[str, tuple[str, ...]] = {}
        self._short: dict[str, str] = {}
        self._literal: list[tuple[str, str]] = []
        stems = []
        self.sizes: dict[str, tuple[str, Decimal]] = {}
        for name, row in table["unit"].items():
            if "size" in row:
                measure, size = row["size"].split()
                self.sizes[name] = (measure, Decimal(size))
            self._units.update(dict.fromkeys(row.get("cldr", "").split(), name))
            for symbol in row.get("symbols", "").split():
                self.symbols[symbol] = (*self.symbols.get(symbol, ()), name)
            self._short.update(dict.fromkeys(row.get("short", "").split(), name))
            stems += self._pattern(name, row)
        for name, row in table["currency"].items():
            self._codes[name] = row["codes"].split()
            for symbol in (*row.get("symbols", "").split(), *map(str.lower, row["codes"].split())):
                self.symbols[symbol] = (*self.symbols.get(symbol, ()), name)
            stems += self._pattern(name, row)
        self._patterns = re.compile("|".join(stems))

    def _pattern(self, name: str, row: dict[str, Any]) -> list[str]:
        words = row.get("words", "").split()
        self._literal += [(word, name) for word in words if word.isalpha() and not word.isascii()]
        return [f"(?P<{name}>{'|'.join(key(fold(word)) for word in words)})"] if words else []

    @classmethod
    def of(cls, table: dict[str, Any]) -> Units:
        """The units of the table, read once."""
        if cls._one is None:
            cls._one = cls(table)
        return cls._one

    @lru_cache(maxsize=20_000)  # noqa: B019 - there is one table
    def named(self, word: str) -> tuple[str, ...]:
        """Classes whose name a word is in some language, by the patterns of the table; empty for other words."""
        found = self._patterns.fullmatch(word)
        return (str(found.lastgroup),) if found else ()

    def has_pattern(self, name: str) -> bool:
        """Whether the names of a class are found by a pattern."""
        return name in self._patterns.groupindex

    def is_short(self, name: str) -> bool:
        """Whether a name is the abbreviation of a unit."""
        return fold(name) in self._short

    def convert(self, value: Decimal, unit: str, other: str) -> Decimal | None:
        """A value in another unit of the same measure, or None. Degrees may be Celsius or Fahrenheit: see `degrees`."""
        measure, size = self.sizes.get(unit, ("", Decimal(0)))
        wanted, other_size = self.sizes.get(other, (" ", Decimal(1)))
        return value * size / other_size if measure == wanted else None

    def is_currency(self, name: str) -> bool:
        """Whether a class is one of currencies."""
        return name in self._codes

    def names(self, language: str, *, spaced: bool) -> Iterator[tuple[str, str]]:
        """Names in a language with the class each means."""
        yield from self._short.items()
        if not spaced:  # elsewhere a word is looked up as a whole, by `currency`
            yield from self._literal
        for name, identifier in wording.units(language, self._units):
            yield name, self._units[identifier]
        for currency, codes in self._codes.items():
            if codes:
                yield from self._currency_names(language, currency, codes)

    def _currency_names(self, language: str, currency: str, codes: list[str]) -> Iterator[tuple[str, str]]:
        """Full names, and the words that the names of several currencies of the class share: `dollars`."""
        holders: dict[str, set[str]] = defaultdict(set)
        for name, code in wording.units(language, codes):
            yield name, currency
            for word in fold(name).replace("-", " ").split():
                holders[word].add(code)
        for word, held in holders.items():
            if len(held) > 1 and len(held) * 2 > len(codes) and len(word) > 2:
                yield word, currency
