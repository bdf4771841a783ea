"""Spelled numbers, word by word."""

from __future__ import annotations

import re

from service.pipeline.faithfulness.meanings import AND, CARDINAL, DOZEN, MAGNITUDE, ORDINAL, Meaning
from service.pipeline.faithfulness.numerals import Value, times
from service.pipeline.faithfulness.records import singles
from service.pipeline.faithfulness.scaling import BEFORE_MAGNITUDE, Number, Scaling, plus
from service.pipeline.faithfulness.scan import WORDS, Token

_JOIN = re.compile(r"[ ]?-?[ ]?")


class Spelled(Scaling):
    """Reads spelled numbers off the tokens of a text."""

    def words(self, index: int) -> Number:
        """The spelled number that begins with a token."""
        composed = Composed(self._tokens[index])
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
        part, at = self.part_after(last)
        if part is not None:
            number.facts += [*singles(number.options), part]
            step = times(part, composed.factor)
            number.options = [*number.options, (plus(composed.value, step),), (plus(composed.value, part),)]
            number.last, number.end, number.sure = at, tokens[at].end, False
            self.scale_words(number)
        return number

    def _next_word(self, last: int, composed: Composed) -> tuple[int, Meaning | None]:
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
        if not _JOIN.fullmatch(gap) and not (composed.factor != 1 and BEFORE_MAGNITUDE.fullmatch(gap)):
            return last, None
        conjunction = self._lexicon.vocabulary.conjunction
        joined = joined or bool(conjunction and tokens[at].text.startswith(conjunction))
        for meaning in tokens[at].meanings:
            if composed.accepts(meaning, joined):
                return at, meaning
        return last, None


class Composed:
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
        """What the words so far say."""
        return plus(self._total, self._group or 0)

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
            self._group = plus(self._group or 0, value)
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
                self._total = times(plus(self._total, self._group or 0), value)
            else:
                self._total = plus(self._total, times(self._group or 1, value))
            self._group = None
        if value >= 1000:
            self._smallest = min(self._smallest, value)
