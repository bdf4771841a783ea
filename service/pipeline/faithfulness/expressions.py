"""Numbers of a text put together: figures with magnitudes, spelled numbers, mixtures of both."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal

from service.pipeline.faithfulness import numerals
from service.pipeline.faithfulness.lexicon import (
    AND,
    CARDINAL,
    DOZEN,
    MAGNITUDE,
    ORDINAL,
    PART,
    Lexicon,
    Meaning,
)
from service.pipeline.faithfulness.numerals import Reading, Value, times
from service.pipeline.faithfulness.records import Atom
from service.pipeline.faithfulness.scan import FIGURE, FRACTION, FRACTIONS, NUMERAL, WORDS, Token

_CLOSE = re.compile(r"[ \n]{0,2}-?[ ]?|\.[ ]?")
_JOIN = re.compile(r"[ ]?-?[ ]?")
_BEFORE_PART = re.compile(r"[ ]?-?(?:[^\W\d_]{1,4}[ -]){0,2}")
_BEFORE_MAGNITUDE = re.compile(r"[ ]?-?(?:[^\W\d_]{1,3}[ ])?")
# "5m", "5 bn": letters that are magnitudes in most languages, and what they are if they are none.
_ATTACHED = re.compile(r"(k|m|b|bn|mn|mln|mio|tn)(?![^\W_])")
_LETTERS = {"k": 10**3, "m": 10**6, "mn": 10**6, "mln": 10**6, "mio": 10**6, "b": 10**9, "bn": 10**9, "tn": 10**12}


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


class Numbers:
    """Reads numbers off the tokens of a text."""

    def __init__(self, tokens: list[Token], folded: str, lexicon: Lexicon) -> None:
        """Args: the tokens, the folded text they point into, the words of its language."""
        self._tokens = tokens
        self._folded = folded
        self._lexicon = lexicon

    def at(self, index: int) -> Number | None:
        """The number that begins with a token, or None."""
        token = self._tokens[index]
        if token.kind == FIGURE:
            return self._figures(index)
        if token.kind == NUMERAL:
            return self._numeral(index)
        if token.kind == FRACTION:
            return self._fraction(index)
        if token.kind == WORDS:
            if token.first(CARDINAL) or token.first(MAGNITUDE) or token.first(DOZEN):
                return self._words(index)
            if token.first(PART):
                return self._part(index)
            ordinal = token.first(ORDINAL)
            if ordinal is not None:
                return Number(
                    index, index, token.start, token.end, [(ordinal.value,)], sure=ordinal.sure and ordinal.value > 2
                )
        return None

    # ---- figures ----------------------------------------------------------------------------------------------------

    def _figures(self, index: int) -> Number:
        token = self._tokens[index]
        read = numerals.readings(token.text)
        options: list[tuple[Atom, ...]] = [*read] if read else [(("figures", token.text),)]
        number = Number(index, index, token.start, token.end, options, figures=True, sure=token.text not in ("0", "1"))
        if not read:
            return number
        self._add_fraction(number)
        self._scale(number, list(read))
        return number

    def _add_fraction(self, number: Number) -> None:
        """`2½` and "2 and a half"."""
        part, at = self._part_after(number.last)
        if part is not None:
            token = self._tokens[at]
            whole = [option for option in number.options if len(option) == 1 and isinstance(option[0], int)]
            number.options += [(_plus(option[0], part),) for option in whole]  # type: ignore[arg-type]
            if token.kind == FRACTION or at + 1 < len(self._tokens):
                number.last, number.end = at, token.end

    def _part_after(self, index: int) -> tuple[Value | None, int]:
        for at in (index + 1, index + 2):
            if at < len(self._tokens):
                token = self._tokens[at]
                gap = self._folded[self._tokens[index].end : token.start]
                if token.kind == FRACTION and gap in ("", " ") and at == index + 1:
                    return _fraction(token.text), at
                part = token.first(PART)
                if part is not None and part.value > 0 and len(gap) < 14 and _BEFORE_PART.fullmatch(gap):
                    return part.value, at
                if token.first(AND) is None:
                    break
        return None, index

    def _scale(self, number: Number, read: list[Reading]) -> None:
        """Takes the magnitudes that follow: "1.5 billion", "5 Mio.", "50 लाख", "5k"."""
        attached = _ATTACHED.match(self._folded, number.end)
        spaced = (
            _ATTACHED.match(self._folded, number.end + 1) if self._folded[number.end : number.end + 1] == " " else None
        )
        factor, number.last, number.end, known = self._magnitudes(number.last, number.end)
        if factor == 1 and (attached or (spaced and self._currency_near(number, spaced.end()))):
            letters = (attached or spaced)[1]  # type: ignore[index]
            number.end = (attached or spaced).end()  # type: ignore[union-attr]
            if number.last + 1 < len(self._tokens) and self._tokens[number.last + 1].end == number.end:
                number.last += 1
            number.factor, number.sure = _LETTERS[letters], True
            scaled = [(times(option[0], number.factor),) for option in read if len(option) == 1]
            number.options = [*scaled, *number.options] if letters in ("k", "m", "b", "tn") else list(scaled)
            return
        if factor == 1:
            return
        number.factor, number.sure = factor, True
        plain = [option for option in number.options if len(option) == 1 and not isinstance(option[0], tuple | str)]
        number.options = [(times(option[0], factor),) for option in plain]  # type: ignore[arg-type]
        if not known:
            number.options += plain
        self._add_smaller(number)

    def _currency_near(self, number: Number, end: int) -> bool:
        """Whether a sign of currency stands before a number or after its letter, "$5 m", "5 M€"."""
        before = self._folded[max(0, number.start - 2) : number.start].strip()
        after = self._folded[end : end + 2].strip()
        return any(sign and not sign.isalnum() and sign in self._lexicon.symbols for sign in (before[-1:], after[:1]))

    def _magnitudes(self, last: int, end: int) -> tuple[Value, int, int, bool]:
        """The product of the magnitudes that follow a token, the last of them, its end, and whether none is a dozen."""
        factor: Value = 1
        known = True
        while last + 1 < len(self._tokens):
            token = self._tokens[last + 1]
            meaning = token.first(MAGNITUDE) or token.first(DOZEN)
            gap = self._folded[end : token.start]
            if meaning is None or not (_CLOSE.fullmatch(gap) or (factor != 1 and _BEFORE_MAGNITUDE.fullmatch(gap))):
                break
            if factor != 1 and meaning.kind == DOZEN:
                break
            factor = times(factor, meaning.value)
            known = known and meaning.kind == MAGNITUDE
            last, end = last + 1, token.end
        return factor, last, end, known

    def _add_smaller(self, number: Number) -> None:
        """Smaller groups that follow: "2 crore 50 lakh", "1 milyon 200 bin"."""
        tokens = self._tokens
        below = number.factor
        for _ in range(3):
            at = number.last + 1
            if at < len(tokens) and tokens[at].first(AND):
                at += 1
            if at >= len(tokens) or tokens[at].kind != FIGURE or self._folded[number.end : tokens[at].start].strip(" "):
                return
            factor, last, end, known = self._magnitudes(at, tokens[at].end)
            read = [option for option in numerals.readings(tokens[at].text) if len(option) == 1]
            if not read or factor == 1 or factor >= below or not known:
                return
            group = times(read[0][0], factor)
            if group >= below:
                return
            number.facts += [group, *(value for option in number.options for value in option)]
            number.options = [(_plus(option[0], group),) for option in number.options]  # type: ignore[arg-type]
            number.last, number.end, below = last, end, factor

    def _numeral(self, index: int) -> Number | None:
        token = self._tokens[index]
        value = numerals.east_asian(token.text)
        if value is None:
            return None
        number = Number(index, index, token.start, token.end, [(value,)])
        number.figures = token.text[0].isdigit()
        number.sure = number.figures or self._certain_numeral(token)
        if number.figures and "," in token.text and "." not in token.text:
            number.facts.append(value)
        part, at = self._part_after(index)
        if part is not None and at == index + 1 and not self._folded[token.end : self._tokens[at].start]:
            number.options.append((_plus(value, part),))
        self._scale_words(number)
        return number

    def _certain_numeral(self, token: Token) -> bool:
        """Whether a Chinese numeral without figures can be nothing else; 十分, 万一 and 三 can."""
        text = token.text
        if not "\u3007" <= text[0] <= "\u9fff" or len(text) < 2 or not self._lexicon.trusted:
            return False
        before = self._folded[token.start - 1 : token.start]
        after = self._folded[token.end : token.end + 1]
        if (before in "数幾几好上成" and before) or after in "几幾多余餘来來":
            return False
        places = [character for character in text if character in numerals.PLACES]
        if not places:
            return len(text) > 2
        return len(text) > 2 or (text[0] in "二三四五六七八九两兩" or text[0] == "十")

    def _scale_words(self, number: Number) -> None:
        factor, last, end, known = self._magnitudes(number.last, number.end)
        if factor != 1:
            number.last, number.end, number.factor = last, end, factor
            scaled = [(times(option[0], factor),) for option in number.options]  # type: ignore[arg-type]
            number.options = scaled if known else [*scaled, *number.options]

    def _fraction(self, index: int) -> Number:
        token = self._tokens[index]
        value = _fraction(token.text)
        number = Number(index, index, token.start, token.end, [(value,)], figures=True)
        if FRACTIONS[token.text].startswith(("1/", "2/")):
            above, below = map(int, FRACTIONS[token.text].split("/"))
            number.options.append((below,))
            number.facts += [above, below]
        elif value == Decimal("0.5"):
            number.options.append(("half",))
            number.facts.append("half")
        else:
            number.options.append((4,))
        self._scale_words(number)
        return number

    # ---- words ------------------------------------------------------------------------------------------------------

    def _part(self, index: int) -> Number:
        """A half, alone or of something: "half a million", "साढ़े तीन"."""
        token = self._tokens[index]
        part = token.first(PART)
        value: Value = part.value if part is not None else Decimal("0.5")
        number = Number(index, index, token.start, token.end, [(value,)], sure=False)
        number.facts = [abs(value), *(("half",) if abs(value) == Decimal("0.5") else (4,))]
        at = index + 1
        if at < len(self._tokens):
            following = self._tokens[at]
            gap = self._folded[token.end : following.start]
            magnitude = following.first(MAGNITUDE)
            if magnitude is not None and _BEFORE_MAGNITUDE.fullmatch(gap) and value > 0:
                number.last, number.end = at, following.end
                number.options = [(times(value, magnitude.value),)]
                number.factor = magnitude.value
            elif gap == " " and (following.kind == FIGURE or following.first(CARDINAL)):
                whole = self.at(at)
                if whole is not None and whole.factor != 0:
                    step = times(value, whole.factor)
                    number = whole
                    number.first, number.start, number.sure = index, token.start, False
                    number.facts += [abs(value), "half"]
                    number.options += [
                        (_plus(option[0], step),)  # type: ignore[arg-type]
                        for option in number.options
                        if len(option) == 1 and not isinstance(option[0], tuple | str)
                    ]
        return number

    def _words(self, index: int) -> Number:
        composed = _Composed(self._tokens[index])
        last = index
        while True:
            at, meaning = self._next_word(last, composed)
            if meaning is None:
                break
            composed.take(self._tokens[at], meaning)
            last = at
            if meaning.kind == ORDINAL:
                break
        tokens = self._tokens
        number = Number(index, last, tokens[index].start, tokens[last].end, [(composed.value,)])
        number.factor = composed.factor
        if composed.dozen != 1:
            number.options.append((composed.without_dozen,))
        number.sure = composed.sure
        part, at = self._part_after(last)
        if part is not None:
            number.facts += [*(value for option in number.options for value in option), part]
            step = times(part, composed.factor)
            number.options = [*number.options, (_plus(composed.value, step),), (_plus(composed.value, part),)]
            number.last, number.end, number.sure = at, tokens[at].end, False
            self._scale_words(number)
        return number

    def _next_word(self, last: int, composed: _Composed) -> tuple[int, Meaning | None]:
        """The next word of a spelled number and what it means there; None where the number ends."""
        tokens = self._tokens
        at = last + 1
        joined = False
        if (
            at + 1 < len(tokens)
            and tokens[at].first(AND)
            and _JOIN.fullmatch(self._folded, tokens[last].end, tokens[at].start)
        ):
            at, joined = at + 1, True
        if at >= len(tokens) or tokens[at].kind != WORDS:
            return last, None
        gap_start = tokens[at - 1].end if joined else tokens[last].end
        gap = self._folded[gap_start : tokens[at].start]
        if not _JOIN.fullmatch(gap) and not (composed.factor != 1 and _BEFORE_MAGNITUDE.fullmatch(gap)):
            return last, None
        conjunction = self._lexicon.conjunction
        joined = joined or bool(conjunction and tokens[at].text.startswith(conjunction))
        for meaning in tokens[at].meanings:
            if composed.accepts(meaning, joined):
                return at, meaning
        return last, None


class _Composed:
    """The value of a spelled number, word by word."""

    def __init__(self, token: Token) -> None:
        self._total: Value = 0
        self._group: Value | None = None
        self.factor: Value = 1
        self.dozen: Value = 1
        self.without_dozen: Value = 0
        self.sure = True
        self._words = 0
        self._smallest: Value = 10**30
        first = token.first(CARDINAL) or token.first(MAGNITUDE) or token.first(DOZEN)
        if first is not None:
            self.take(token, first)

    @property
    def value(self) -> Value:
        return _plus(self._total, self._group or 0)

    def accepts(self, meaning: Meaning, joined: bool) -> bool:
        """Whether a meaning can follow; `joined` says that an "and" stands between."""
        if self.dozen != 1:
            return False
        if meaning.kind == MAGNITUDE:
            return not joined and (meaning.value != 10 or (self._group or 0) < 10)
        if meaning.kind == DOZEN:
            return not joined and self._total == 0
        if meaning.kind not in (CARDINAL, ORDINAL) or not isinstance(meaning.value, int) or meaning.value < 1:
            return False
        value = meaning.value
        if self._group is None:
            return bool(self._total) and value < self._smallest
        if joined and self._group < 10 and value in range(20, 100, 10) and self._words == 1:
            return meaning.kind == CARDINAL  # three and twenty
        step = 10 ** len(str(value))
        return isinstance(self._group, int) and self._group >= step and self._group % step == 0 and self._group > 10

    def take(self, token: Token, meaning: Meaning) -> None:
        """Adds a word that was accepted, or the first."""
        self._words += 1
        value = meaning.value
        alone = self._words == 1
        if meaning.kind == DOZEN:
            self.without_dozen, self.dozen = self.value, value
            self._total, self._group = times(self.value or 1, value), None
            self.sure = self.sure and not alone
        elif meaning.kind == MAGNITUDE:
            self.sure = self.sure and not alone
            self._magnify(value)
        else:
            self._group = _plus(self._group or 0, value)
            self.sure = (self.sure or not alone) and meaning.sure and value > 2
        if not alone:
            self.sure = True
        del token

    def _magnify(self, value: Value) -> None:
        self.factor = times(self.factor, value) if self._group is None else value
        if value < 1000:
            self._group = times(self._group or 1, value)
        elif self._group is None and self._total:
            self._total = times(self._total, value)
        else:
            if self._total and value > self._smallest:
                self._total = times(_plus(self._total, self._group or 0), value)
            else:
                self._total = _plus(self._total, times(self._group or 1, value))
            self._group = None
        if value >= 1000:
            self._smallest = min(self._smallest, value)


def _fraction(character: str) -> Value:
    above, _, below = FRACTIONS[character].partition("/")
    return numerals.plain(Decimal(above) / Decimal(below or 1))


def _plus(value: Value, more: Value) -> Value:
    if isinstance(value, int) and isinstance(more, int):
        return value + more
    return numerals.plain(Decimal(value) + Decimal(more))
