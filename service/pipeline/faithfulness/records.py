"""What the modules of this folder hand to one another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from service.pipeline.faithfulness.numerals import Value

# A fact that a text states: a number, or a tagged tuple such as ("day", month, day); "half" is a half.
Atom = Value | str | tuple[str | int, ...]


class Found(NamedTuple):
    """A quantity of a text.

    Attributes:
        start: first code point.
        end: code point after the last one.
        kind: `number`, `date`, `amount` or `percentage`.
        options: ways to read it; it is supported where all atoms of one of them are facts of the source.
        units: classes of unit it may be in; empty where it names none.
        facts: what it says besides its options when it stands in a source.
        about: whether it is said to be rounded.
        sure: whether it may be reported; words that are only sometimes quantities may not.
        loose: whether the unit is another's, as that of the first number in "10 to 12 %".
        text: folded.
    """

    start: int
    end: int
    kind: str
    options: tuple[tuple[Atom, ...], ...]
    units: tuple[str, ...] = ()
    facts: tuple[Atom, ...] = ()
    about: bool = False
    sure: bool = True
    loose: bool = False
    text: str = ""


def singles(options: Iterable[tuple[Atom, ...]]) -> list[Value]:
    """The numbers of those options that are one number."""
    return [option[0] for option in options if len(option) == 1 and not isinstance(option[0], tuple | str)]
