"""Quantities of an output looked up in its source: numbers, dates, times, amounts and percentages.

A quantity is supported when the source has the same one, in whatever script, format or language: digits, grouping,
magnitudes and number words are read and the values compared; amounts must also be in the same unit where both name one.
What can be read in several ways is supported when one of them is.
"""

from __future__ import annotations

from bisect import bisect_left
from decimal import Decimal
from itertools import pairwise

from service import languages
from service.pipeline.faithfulness.items import Unsupported
from service.pipeline.faithfulness.lexicon import lexicon
from service.pipeline.faithfulness.numerals import Value
from service.pipeline.faithfulness.reading import quantities
from service.pipeline.faithfulness.records import Atom, Found, singles
from service.pipeline.faithfulness.units import PERCENT

# How far a number that is said to be rounded may be from the one of the source.
_ROUNDING = Decimal("0.1")
# Characters between the parts of a height.
_NEAR = 9
# How far a converted amount may be from the exact one; translators round them.
_CONVERSION = Decimal("0.06")


class QuantityIndex:
    """Quantities of a source, looked up for any number of outputs."""

    def __init__(self, text: str, language: str) -> None:
        """Args:
        text: the source.
        language: its tag; with one that is not known only figures are found in it.
        """
        self._language = languages.canonical(language) or ""
        self._facts: set[Atom] = set()
        self._units: dict[Value, set[str]] = {}
        vocabulary = lexicon(self._language).vocabulary
        self._table = vocabulary.units
        self._measured: list[tuple[Value, str]] = []
        every = quantities(text, self._language)
        for found in every:
            self._add(found)
        for found, following in pairwise(every):
            self._add_inches(found, following)
        self._sorted: list[Value] | None = None
        self._knows_words = vocabulary.numbers

    def unsupported(self, output: str, language: str) -> tuple[Unsupported, ...]:
        """The quantities of an output that the source does not have, in order.

        Args:
            output: a summary or translation of the source.
            language: its tag.
        """
        missing = (
            found
            for found in quantities(output, languages.canonical(language) or "")
            if found.sure and found.options and not self._supports(found)
        )
        return tuple(Unsupported(each.start, each.end, each.kind, output[each.start : each.end]) for each in missing)

    def _add(self, found: Found) -> None:
        for option in found.options:
            for atom in option:
                self._facts.add(atom)
                if not isinstance(atom, tuple | str):
                    units = self._units.setdefault(atom, set())
                    units.update(found.units)
                    self._measured += [(atom, unit) for unit in found.units if unit in self._table.sizes]
                    if not found.units or found.loose:
                        units.add("")
        for atom in found.facts:
            self._facts.add(atom)
            if not isinstance(atom, tuple | str):
                self._units.setdefault(atom, set()).add("")

    def _add_inches(self, found: Found, following: Found) -> None:
        """A height such as `6-foot-6`, for outputs that give it in metres."""
        if "foot" in found.units and following.start - found.end < _NEAR:
            feet, inches = singles(found.options[:1]), singles(following.options[:1])
            if feet and inches and inches[0] < 12:
                self._measured.append((Decimal(feet[0]) + Decimal(inches[0]) / 12, "foot"))

    def _supports(self, found: Found) -> bool:
        for option in found.options:
            if all(self._has(atom, found) for atom in option):
                return True
        single = singles(found.options)
        if found.units and any(self._has_converted(atom, found) for atom in single):
            return True
        if found.about and any(self._has_near(atom, found) for atom in single):
            return True
        return self._may_be_spelled(found)

    def _has(self, atom: Atom, found: Found) -> bool:
        return atom in self._facts and (isinstance(atom, tuple | str) or self._same_unit(atom, found))

    def _same_unit(self, value: Value, found: Found) -> bool:
        if not found.units or found.loose:
            return True
        units = self._units.get(value, set())
        if PERCENT in found.units:
            return PERCENT in units or ("" in units and not self._knows_words)
        return "" in units or not units.isdisjoint(found.units)

    def _has_converted(self, amount: Value, found: Found) -> bool:
        """Whether the source has the amount in another unit of the same measure: miles for kilometres."""
        value = Decimal(amount)
        for known, unit in self._measured:
            for wanted in found.units:
                if unit == wanted == "degree":
                    if any(abs(each - value) <= 1 for each in _degrees(Decimal(known))):
                        return True
                elif unit != wanted:
                    converted = self._table.convert(Decimal(known), unit, wanted)
                    if converted is not None and abs(converted - value) <= max(converted, value) * _CONVERSION:
                        return True
        return False

    def _has_near(self, atom: Value, found: Found) -> bool:
        """Whether the source has a number that a rounded one may stand for."""
        if atom < 10:
            return False
        if self._sorted is None:
            self._sorted = sorted(self._units)
        margin = min(Decimal(atom) * _ROUNDING, Decimal(_step(atom)))
        at = bisect_left(self._sorted, Decimal(atom) - margin)
        while at < len(self._sorted) and self._sorted[at] <= Decimal(atom) + margin:
            near = self._sorted[at]
            if _step(near) < _step(atom) and self._same_unit(near, found):
                return True
            at += 1
        return False

    def _may_be_spelled(self, found: Found) -> bool:
        """Whether a source whose number words are not known may have it as a word."""
        if self._knows_words:
            return False
        return any(
            isinstance(value, int) and (value <= 12 or _step(value) == value) for value in singles(found.options)
        )


def _step(value: Value) -> Value:
    """The place of the last figure of a number that is not zero: 100 for 2,900."""
    digits, exponent = Decimal(value).normalize().as_tuple()[1:]
    del digits
    place = Decimal(1).scaleb(int(exponent))
    return int(place) if place >= 1 else place


def _degrees(value: Decimal) -> tuple[Decimal, ...]:
    """A temperature, and a difference of temperatures, in the other scale."""
    scale = Decimal("1.8")
    return (value * scale + 32, (value - 32) / scale, value * scale, value / scale)
