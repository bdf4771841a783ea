"""What a word may mean where quantities are concerned."""

from __future__ import annotations

from typing import Any, NamedTuple

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
