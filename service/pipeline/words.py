"""Words: between blanks where a script has them, by ICU's dictionaries where it has none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from icu4py.breakers import WordBreaker

from service.records import Span

_RUN = re.compile(r"\S+")
_LETTER_OR_DIGIT = re.compile(r"[^\W_]")
# Han, kana, Thai, Lao, Burmese and Khmer: written without blanks between words. Hangul is not.
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    r"\uf900-\ufaff\uff66-\uff9f\U00020000-\U000323af]"
)
_SURROGATES = re.compile(r"[\ud800-\udfff]")


def word_spans(text: str, language: str) -> list[Span]:
    """Where the words of a text are, in order.

    A word is a run between blanks that holds a letter or a digit, with the punctuation that touches it; in a run of a
    script without blanks it is a word of ICU's dictionary. Punctuation alone is no word.

    Args:
        text: any string; the script is looked up in it, so mixed text is counted by each script's own rule.
        language: tag of the text; a hint for the dictionaries only.
    """
    return list(_spans(text, language))


def count_words(text: str, language: str) -> int:
    """How many words `word_spans` finds."""
    if text.isascii():
        return sum(1 for run in text.split() if _LETTER_OR_DIGIT.search(run))
    return sum(1 for _ in _spans(text, language))


def cut_words(text: str, language: str, at_most: int) -> str:
    """The longest prefix that ends with a word and has at most `at_most` of them; all of `text` when it has no more."""
    if at_most <= 0:
        return ""
    first = list(islice(_spans(text, language), at_most + 1))
    return text[: first[at_most - 1].end] if len(first) > at_most else text


def _spans(text: str, language: str) -> Iterator[Span]:
    for run in _RUN.finditer(text):
        start, end = run.span()
        if _UNSPACED.search(text, start, end):
            yield from _dictionary_spans(run.group(), start, language)
        elif _LETTER_OR_DIGIT.search(text, start, end):
            yield Span(start, end)


def _dictionary_spans(run: str, offset: int, language: str) -> Iterator[Span]:
    # ICU counts UTF-16 units, so offsets are summed up from the pieces; it refuses lone surrogates.
    for piece in WordBreaker(_SURROGATES.sub("\ufffd", run), language):
        end = offset + len(piece)
        if _LETTER_OR_DIGIT.search(piece):
            yield Span(offset, end)
        offset = end
