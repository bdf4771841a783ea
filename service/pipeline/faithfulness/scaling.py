"""A number of a text, and the words that make it larger: magnitudes and halves."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal

from service.pipeline.faithfulness import numerals
from service.pipeline.faithfulness.lexicon import Lexicon
from service.pipeline.faithfulness.meanings import AND, DOZEN, MAGNITUDE, PART
from service.pipeline.faithfulness.numerals import Value, times
from service.pipeline.faithfulness.records import Atom, singles
from service.pipeline.faithfulness.scan import FRACTION, FRACTIONS, Token

_CLOSE = re.compile(r"[ \n]{0,2}-?[ ]?|\.[ ]?")
_BEFORE_PART = re.compile(r"[ ]?-?(?:[^\W\d_]{1,4}[ -]){0,2}")
BEFORE_MAGNITUDE = re.compile(r"[ ]?-?(?:[^\W\d_]{1,3}[ ])?")


@dataclass(slots=True)
class Number:
    """A number of a text.

    Attributes:
        first, last: its first and last token.
        start, end: its code points.
        options: ways to read it.
        facts: what else it says in a source.
        factor: the product of its magnitudes; 1 without.
        sure: whether it is certainly a number.
        figures: whether it begins with figures.
        plain: whether it is figures and nothing else.
    """

    first: int
    last: int
    start: int
    end: int
    options: list[tuple[Atom, ...]]
    facts: list[Atom] = field(default_factory=list)
    factor: Value = 1
    sure: bool = True
    figures: bool = False

    @property
    def plain(self) -> bool:
        """Whether it is one run of figures and nothing else."""
        return self.figures and self.first == self.last and self.factor == 1


class Scaling:
    """Looks for what follows a number in the tokens of a text."""

    def __init__(self, tokens: list[Token], folded: str, lexicon: Lexicon) -> None:
        """Args: the tokens, the folded text they point into, the words of its language."""
        self._tokens = tokens
        self._folded = folded
        self._lexicon = lexicon

    def part_after(self, index: int) -> tuple[Value | None, int]:
        """The fraction that follows a token, `½` or "and a half", and its token."""
        for at in (index + 1, index + 2):
            if at < len(self._tokens):
                token = self._tokens[at]
                gap = self._folded[self._tokens[index].end : token.start]
                if token.kind == FRACTION and gap in ("", " ") and at == index + 1:
                    return fraction(token.text), at
                part = token.first(PART)
                if part is not None and part.value > 0 and len(gap) < 14 and _BEFORE_PART.fullmatch(gap):
                    return part.value, at
                if token.first(AND) is None:
                    break
        return None, index

    def magnitudes(self, last: int, end: int) -> tuple[Value, int, int, bool]:
        """The product of the magnitudes that follow a token, the last of them, its end, and whether none is a dozen."""
        factor: Value = 1
        known = True
        while last + 1 < len(self._tokens):
            token = self._tokens[last + 1]
            meaning = token.first(MAGNITUDE) or token.first(DOZEN)
            gap = self._folded[end : token.start]
            if meaning is None or not (_CLOSE.fullmatch(gap) or (factor != 1 and BEFORE_MAGNITUDE.fullmatch(gap))):
                break
            if factor != 1 and meaning.kind == DOZEN:
                break
            factor = times(factor, meaning.value)
            known = known and meaning.kind == MAGNITUDE
            last, end = last + 1, token.end
        return factor, last, end, known

    def scale_words(self, number: Number) -> None:
        """Takes the magnitudes that follow a number."""
        factor, last, end, known = self.magnitudes(number.last, number.end)
        if factor != 1:
            number.last, number.end, number.factor = last, end, factor
            scaled: list[tuple[Atom, ...]] = [(times(value, factor),) for value in singles(number.options)]
            number.options = scaled if known else [*scaled, *number.options]


def fraction(character: str) -> Value:
    """The value of a sign such as `½`."""
    above, _, below = FRACTIONS[character].partition("/")
    return numerals.plain(Decimal(above) / Decimal(below or 1))


def plus(value: Value, more: Value) -> Value:
    """The exact sum of two numbers."""
    if isinstance(value, int) and isinstance(more, int):
        return value + more
    return numerals.plain(Decimal(value) + Decimal(more))
