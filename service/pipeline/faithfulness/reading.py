"""All quantities of a text: numbers with their units, dates, times."""

from __future__ import annotations

import re
from functools import lru_cache

from service.pipeline.faithfulness import dates, numerals
from service.pipeline.faithfulness.expressions import Numbers
from service.pipeline.faithfulness.letters import fold
from service.pipeline.faithfulness.lexicon import Lexicon, lexicon
from service.pipeline.faithfulness.meanings import ABOUT, HINT, UNIT
from service.pipeline.faithfulness.numerals import Value, roman, times
from service.pipeline.faithfulness.records import Atom, Found, singles
from service.pipeline.faithfulness.scaling import Number
from service.pipeline.faithfulness.scan import CLOCK_TIME, DATE, FIGURE, ROMAN, SIGN, WORDS, Scanner, Token
from service.pipeline.faithfulness.units import PERCENT

_TO_UNIT = re.compile(r"[ \n]?-?\.?[ ]?")
_TO_CURRENCY = re.compile(r"[ .\-]{0,2}(?:[^\W\d_.]{1,14}[ \-])?(?:[^\W\d_]{1,3}[ '])?")
_TO_NUMBER = re.compile(r"[ .]?")
_RANGE = re.compile(r" ?[-~/+] ?| [^\W\d_]{1,4} |[^\W\d_]{1,2}")
_ABOUT = re.compile(r"[^.!?;\n\d]{0,9}")
_LETTERS_AFTER = re.compile(r"['-]?[^\W\d_]")
# Further numbers of a text are compared by their figures alone: a table, or an attack.
_MOST_IN_FULL = 10_000
_FAR = 25


@lru_cache(maxsize=64)
def _scanner(language: str) -> Scanner:
    return Scanner(lexicon(language))


def quantities(text: str, language: str) -> list[Found]:
    """The quantities of a text in order.

    Args:
        text: any string.
        language: its tag; with one that is not known only figures are found.
    """
    return _Reader(text, language).read()


class _Reader:
    def __init__(self, text: str, language: str) -> None:
        self._lexicon: Lexicon = lexicon(language)
        self._language = language
        self._text = text
        self._folded = fold(text)
        self._tokens = _scanner(language).tokens(text, self._folded)
        self._numbers = Numbers(self._tokens, self._folded, self._lexicon)
        self._taken: set[int] = set()
        self._last_unit = -1  # a sign between two numbers belongs to the first: 5 € 10

    def read(self) -> list[Found]:
        found: list[Found] = []
        if self._lexicon.vocabulary.numerals or self._language == "vi":
            found += dates.patterned(self._folded, self._language)
            spans = [(each.start, each.end) for each in found]
            self._take_within(spans)
        found += dates.named(self._tokens, self._text, self._folded, self._taken, self._lexicon.vocabulary.before_month)
        found += self._all_numbers()
        return sorted(found, key=lambda each: each[:2])

    def _take_within(self, spans: list[tuple[int, int]]) -> None:
        at = 0
        for index, token in enumerate(self._tokens):
            while at < len(spans) and spans[at][1] <= token.start:
                at += 1
            if at < len(spans) and token.end > spans[at][0] and token.start < spans[at][1]:
                self._taken.add(index)

    def _all_numbers(self) -> list[Found]:
        found: list[Found] = []
        numbers: list[tuple[Number, Found]] = []
        index = 0
        while index < len(self._tokens):
            token = self._tokens[index]
            step = 1
            if index in self._taken:
                pass
            elif token.kind == DATE:
                found.append(dates.numeric(token))
            elif token.kind == CLOCK_TIME:
                found.append(dates.clock(token))
            elif token.kind == ROMAN:
                found.append(_roman(token))
            elif len(numbers) >= _MOST_IN_FULL:
                if token.kind == FIGURE:
                    options = numerals.readings(token.text) or ((("figures", token.text),),)
                    found.append(Found(token.start, token.end, "number", options, text=token.text))
            else:
                found += [_hinted(token, hint.value) for hint in token.meanings if hint.kind == HINT]
                slashed = dates.slashed(self._tokens, self._folded, index)
                if slashed is not None:
                    found.append(slashed)
                    index += 2
                    continue
                number = self._numbers.at(index)
                if number is not None:
                    step = max(1, number.last - index + 1)
                    numbers.append((number, self._found(number)))
            index += step
        return found + self._with_ranges(numbers)

    # ---- one number -------------------------------------------------------------------------------------------------

    def _found(self, number: Number) -> Found:
        units = self._units(number)
        options, facts = list(number.options), list(number.facts)
        if number.plain:
            self._add_figures(number, options, facts)
        kind = "number"
        if units:
            kind = "percentage" if PERCENT in units else "amount"
        elif number.plain and self._is_year(number):
            kind = "date"
        elif not number.figures and number.first == number.last:
            facts += [1900 + value for value in singles(options) if value in range(20, 100, 10)]
        # "1" alone is often "a", even of a unit: "1日" is a day.
        said = number.sure or (number.figures and (PERCENT in units or self._lexicon.is_currency(units)))
        sure = said and (number.figures or self._tokens[number.first].kind != WORDS or self._lexicon.vocabulary.trusted)
        return Found(
            start=number.start,
            end=number.end,
            kind=kind,
            options=tuple(options),
            units=units,
            facts=tuple(facts),
            about=self._is_about(number),
            sure=sure,
            text=self._folded[number.start : number.end],
        )

    def _is_year(self, number: Number) -> bool:
        text = self._tokens[number.first].text
        return len(text) == 4 and text.isdigit() and text[0] in "12"

    def _add_figures(self, number: Number, options: list[tuple[Atom, ...]], facts: list[Atom]) -> None:
        """What figures without a magnitude may also be: a time, an hour, a decade, a short year."""
        token = self._tokens[number.first]
        hour = dates.said_with_hour(self._tokens, self._folded, number.first, number.last)
        if (pointed := dates.pointed(token.text)) is not None:
            options.append((dates.at(*pointed),))
            if hour:
                options.append(pointed)
            elif pointed[1] == 0:
                facts += dates.hours(pointed[0])
        elif token.text.isdigit() and len(token.text) <= 4:
            value = int(token.text)
            if hour and value < 25:
                options += [(each,) for each in dates.hours(value)]
                options.append((dates.at(value, 0),))
            elif len(token.text) == 2:
                self._add_short_year(value, token, options, facts)
            elif len(token.text) == 4:
                self._add_year(value, token, options, facts)

    def _add_short_year(self, value: int, token: Token, options: list[tuple[Atom, ...]], facts: list[Atom]) -> None:
        """`'24`, `2023-24`, the 24 of `SS24`, and the eighties."""
        if value % 10 == 0:
            facts.append(1900 + value)
        before = self._folded[max(0, token.start - 5) : token.start]
        if before[-1:].isalpha():
            facts.append(2000 + value)
        if before.endswith("'"):
            options += [(1900 + value,), (2000 + value,)]
        elif len(before) == 5 and before[-1] in "-/" and before[:4].isdigit():
            options.append((int(before[:4]) // 100 * 100 + value,))

    def _add_year(self, value: int, token: Token, options: list[tuple[Atom, ...]], facts: list[Atom]) -> None:
        """The eighties of `1980s`, the nineteenth century of `1800s`, and the years of Thailand."""
        if 1000 <= value < 2200 and value % 10 == 0:
            facts += [value % 100, value // 100 + 1]
            if value % 100 == 0 and _LETTERS_AFTER.match(self._folded, token.end):
                options.append((value // 100 + 1,))
        elif self._language == "th" and 2300 < value < 2700:
            options.append((value - 543,))

    # ---- units ------------------------------------------------------------------------------------------------------

    def _units(self, number: Number) -> tuple[str, ...]:
        before = self._unit_token(number.first - 1)
        if before is not None and before.kind == SIGN and not self._folded[before.end : number.start].strip(" "):
            names = _unit_names(before)
            if self._lexicon.is_currency(names) and before.start != self._last_unit:
                return names
        after = self._unit_token(number.last + 1)
        if after is not None:
            names = _unit_names(after)
            gap = self._folded[number.end : after.start]
            near = _TO_UNIT.fullmatch(gap)
            if near:
                self._last_unit = after.start
            if after.kind == SIGN and (not near or self._leads(after)):
                names = ()
            elif near or (self._lexicon.is_currency(names) and len(gap) < _FAR and _TO_CURRENCY.fullmatch(gap)):
                return names
        if before is not None and _TO_NUMBER.fullmatch(self._folded, before.end, number.start):
            names = _unit_names(before)
            if before.kind == SIGN or self._lexicon.is_currency(names) or PERCENT in names:
                return names
        return ()

    def _leads(self, sign: Token) -> bool:
        """Whether a sign of currency belongs to the next number: "to $5" has no gap behind it."""
        follows = self._folded[sign.end : sign.end + 1].isdigit()
        return (
            follows
            and self._folded[sign.start - 1 : sign.start] == " "
            and self._lexicon.is_currency(_unit_names(sign))
        )

    def _unit_token(self, index: int) -> Token | None:
        if 0 <= index < len(self._tokens) and index not in self._taken and self._tokens[index].first(UNIT):
            return self._tokens[index]
        return None

    def _is_about(self, number: Number) -> bool:
        """Whether a word before a number, or right behind it, says that it is rounded."""
        for index in (number.first - 1, number.first - 2):
            if index >= 0 and self._tokens[index].first(ABOUT):
                return bool(_ABOUT.fullmatch(self._folded, self._tokens[index].end, number.start))
        following = number.last + 1
        if following < len(self._tokens) and self._tokens[following].first(ABOUT):
            return self._tokens[following].start - number.end < 4
        return False

    # ---- ranges -----------------------------------------------------------------------------------------------------

    def _with_ranges(self, numbers: list[tuple[Number, Found]]) -> list[Found]:
        """The first number of "10 to 12 million euros" may be millions and euros as well."""
        found = [each for _, each in numbers]
        for at in range(len(numbers) - 2, -1, -1):
            (first, one), (second, other) = numbers[at], (numbers[at + 1][0], found[at + 1])
            if first.factor != 1 or one.units or (second.factor == 1 and not other.units):
                continue
            if not _RANGE.fullmatch(self._folded, first.end, second.start):
                continue
            scaled: tuple[tuple[Atom, ...], ...] = ()
            if second.factor != 1:
                scaled = tuple((times(value, second.factor),) for value in singles(one.options))
            found[at] = one._replace(options=(*one.options, *scaled), units=other.units, loose=True)
        return found


def _unit_names(token: Token) -> tuple[str, ...]:
    return tuple(meaning.value for meaning in token.meanings if meaning.kind == UNIT)


def _hinted(token: Token, value: Value) -> Found:
    decade: tuple[Atom, ...] = (1900 + value,) if value in range(20, 100, 10) else ()
    return Found(token.start, token.end, "number", (), facts=(value, *decade), sure=False, text=token.text)


def _roman(token: Token) -> Found:
    value = roman(token.text)
    written: Atom = ("figures", token.text)
    options: tuple[tuple[Atom, ...], ...] = ((written,),) if value is None else ((written,), (value,))
    sure = (
        value is not None and len(token.text) > 1 and set(token.text) <= set("ivx") and token.text not in ("vi", "xi")
    )
    return Found(token.start, token.end, "number", options, sure=sure, text=token.text)
