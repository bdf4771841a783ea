"""Whether an output says anything that its source does not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property

from service.pipeline.faithfulness import negation
from service.pipeline.faithfulness.items import SUPPORTED, UNCHECKED, UNSUPPORTED, Faithfulness, Unsupported
from service.pipeline.faithfulness.names import NameIndex
from service.pipeline.faithfulness.quantities import QuantityIndex
from service.pipeline.faithfulness.quotes import QuoteIndex, quotations

QUANTITIES, NAMES, QUOTES, NEGATION = "quantities", "names", "quotes", "negation"
# No summary is longer; of a longer output only this much is looked at.
MOST_CHARACTERS = 50_000
_DIGIT = re.compile(r"\d")


class Source:
    """A text that outputs are checked against; what is looked up is indexed when it is first needed.

    Args:
        text: all of it, with what cleaning dropped: that is still something the source says.
        language: its tag, or `und`.
    """

    def __init__(self, text: str, language: str) -> None:
        self._text = text
        self._language = language

    def check(self, output: str, language: str, sentences: Iterable[str] = ()) -> Faithfulness:
        """Look up everything in an output that can be looked up.

        Args:
            output: the text.
            language: its tag, or `und`.
            sentences: the output's sentences where they are known. If the source has all of them word for word, only
                quotations that two of them make together are looked at.
        """
        looked = output[:MOST_CHARACTERS]
        if self._verbatim(looked, language, sentences):
            found = self._quotes.unsupported(looked, same=True)
            return Faithfulness(UNSUPPORTED if found else SUPPORTED, found, (QUANTITIES, NAMES, QUOTES, NEGATION))
        same = _base(language) == _base(self._language)
        names = self._names.comparable(looked, language)
        turned = same and negation.known(language)
        found = self._quantities.unsupported(looked, language) + self._quotes.unsupported(looked, same=same)
        found += _apart(self._names.unsupported(looked, language), found)
        if turned:
            found += self._negations.unsupported(looked)
        checked = (QUANTITIES, *((NAMES,) if names else ()), QUOTES, *((NEGATION,) if turned else ()))
        if found:
            return Faithfulness(UNSUPPORTED, tuple(sorted(set(found))), checked)
        some = _DIGIT.search(looked) or next(quotations(looked), None) or turned or self._names.any(looked, language)
        return Faithfulness(SUPPORTED if some else UNCHECKED, (), checked)

    def _verbatim(self, output: str, language: str, sentences: Iterable[str]) -> bool:
        given = tuple(sentences)
        return bool(given) and language == self._language and all(_flat(one) in self._flat for one in given)

    @cached_property
    def _flat(self) -> str:
        return _flat(self._text)

    @cached_property
    def _quantities(self) -> QuantityIndex:
        return QuantityIndex(self._text, self._language)

    @cached_property
    def _names(self) -> NameIndex:
        return NameIndex(self._text, self._language)

    @cached_property
    def _quotes(self) -> QuoteIndex:
        return QuoteIndex(self._text)

    @cached_property
    def _negations(self) -> negation.NegationIndex:
        return negation.NegationIndex(self._text, self._language)


def _base(tag: str) -> str:
    return tag.partition("-")[0]


def _flat(text: str) -> str:
    return " ".join(text.split())


def _apart(names: tuple[Unsupported, ...], others: tuple[Unsupported, ...]) -> tuple[Unsupported, ...]:
    """Names that are no part of a quantity that is doubted already."""
    taken = [item for item in others if item.kind != "quote"]
    return tuple(name for name in names if not any(one.start < name.end and name.start < one.end for one in taken))
