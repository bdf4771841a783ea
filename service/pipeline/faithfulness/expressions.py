"""Numbers of a text put together: figures with magnitudes, spelled numbers, mixtures of both."""

from __future__ import annotations

import re
from decimal import Decimal

from service.pipeline.faithfulness import numerals
from service.pipeline.faithfulness.meanings import AND, CARDINAL, DOZEN, MAGNITUDE, ORDINAL, PART
from service.pipeline.faithfulness.numerals import Value, times
from service.pipeline.faithfulness.records import Atom, singles
from service.pipeline.faithfulness.scaling import BEFORE_MAGNITUDE, Number, fraction, plus
from service.pipeline.faithfulness.scan import FIGURE, FRACTION, FRACTIONS, NUMERAL, WORDS, Token
from service.pipeline.faithfulness.spelled import Spelled

# "5m", "5 bn": letters that are magnitudes in most languages, and what they are if they are none.
_ATTACHED = re.compile(r"(k|m|b|bn|mn|mln|mio|tn)(?![^\W_])")
_LETTERS = {"k": 10**3, "m": 10**6, "mn": 10**6, "mln": 10**6, "mio": 10**6, "b": 10**9, "bn": 10**9, "tn": 10**12}


class Numbers(Spelled):
    """Reads numbers off the tokens of a text."""

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
                return self.words(index)
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
        self._scale(number)
        return number

    def _add_fraction(self, number: Number) -> None:
        """`2½` and "2 and a half"."""
        part, at = self.part_after(number.last)
        if part is not None:
            token = self._tokens[at]
            number.options += [(plus(value, part),) for value in singles(number.options) if isinstance(value, int)]
            if token.kind == FRACTION or at + 1 < len(self._tokens):
                number.last, number.end = at, token.end

    def _scale(self, number: Number) -> None:
        """Takes the magnitudes that follow: "1.5 billion", "5 Mio.", "50 लाख", "5k"."""
        letters = _ATTACHED.match(self._folded, number.end)
        if letters is None and self._folded[number.end : number.end + 1] == " ":
            letters = _ATTACHED.match(self._folded, number.end + 1)
            if letters is not None and not self._currency_near(number, letters.end()):
                letters = None
        factor, number.last, number.end, known = self.magnitudes(number.last, number.end)
        plain = [(value,) for value in singles(number.options)]
        if factor != 1:
            number.factor, number.sure = factor, True
            number.options = [(times(value, factor),) for (value,) in plain]
            if not known:
                number.options += plain
            self._add_smaller(number)
        elif letters is not None:
            number.end = letters.end()
            if number.last + 1 < len(self._tokens) and self._tokens[number.last + 1].end == number.end:
                number.last += 1
            number.factor, number.sure = _LETTERS[letters[1]], True
            scaled: list[tuple[Atom, ...]] = [(times(value, number.factor),) for (value,) in plain]
            # "5m" may be five metres; "5bn" is nothing else.
            number.options = [*scaled, *number.options] if letters[1] in ("k", "m", "b", "tn") else scaled

    def _currency_near(self, number: Number, end: int) -> bool:
        """Whether a sign of currency stands before a number or after its letter, "$5 m", "5 M€"."""
        before = self._folded[max(0, number.start - 2) : number.start].strip()
        after = self._folded[end : end + 2].strip()
        return any(
            sign and not sign.isalnum() and sign in self._lexicon.vocabulary.units.symbols
            for sign in (before[-1:], after[:1])
        )

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
            factor, last, end, known = self.magnitudes(at, tokens[at].end)
            read = [option for option in numerals.readings(tokens[at].text) if len(option) == 1]
            if not read or factor == 1 or factor >= below or not known:
                return
            group = times(read[0][0], factor)
            if group >= below:
                return
            number.facts += [group, *singles(number.options)]
            number.options = [(plus(value, group),) for value in singles(number.options)]
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
        part, at = self.part_after(index)
        if part is not None and at == index + 1 and not self._folded[token.end : self._tokens[at].start]:
            number.options.append((plus(value, part),))
        self.scale_words(number)
        return number

    def _certain_numeral(self, token: Token) -> bool:
        """Whether a Chinese numeral without figures can be nothing else; 十分, 万一 and 三 can."""
        text = token.text
        if not "\u3007" <= text[0] <= "\u9fff" or len(text) < 2 or not self._lexicon.vocabulary.trusted:
            return False
        before = self._folded[token.start - 1 : token.start]
        after = self._folded[token.end : token.end + 1]
        if (before in "数幾几好上成" and before) or after in "几幾多余餘来來":
            return False
        places = [character for character in text if character in numerals.PLACES]
        if not places:
            return len(text) > 2
        return len(text) > 2 or (text[0] in "二三四五六七八九两兩" or text[0] == "十")

    def _fraction(self, index: int) -> Number:
        token = self._tokens[index]
        value = fraction(token.text)
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
        self.scale_words(number)
        return number

    # ---- words ------------------------------------------------------------------------------------------------------

    def _part(self, index: int) -> Number:
        """A half, alone or of something: "half a million", "साढ़े तीन"."""
        token = self._tokens[index]
        part = token.first(PART)
        value: Value = part.value if part is not None else Decimal("0.5")
        number = Number(index, index, token.start, token.end, [(value,)], sure=False)
        size = value if value > 0 else -value
        number.facts = [size, "half" if size == Decimal("0.5") else 4]
        at = index + 1
        if at < len(self._tokens):
            following = self._tokens[at]
            gap = self._folded[token.end : following.start]
            magnitude = following.first(MAGNITUDE)
            if magnitude is not None and BEFORE_MAGNITUDE.fullmatch(gap) and value > 0:
                number.last, number.end = at, following.end
                number.options = [(times(value, magnitude.value),)]
                number.factor = magnitude.value
            elif gap == " " and (following.kind == FIGURE or following.first(CARDINAL)):
                whole = self.at(at)
                if whole is not None and whole.factor != 0:
                    step = times(value, whole.factor)
                    number = whole
                    number.first, number.start, number.sure = index, token.start, False
                    number.facts += [size, "half"]
                    number.options += [(plus(each, step),) for each in singles(number.options)]
        return number
