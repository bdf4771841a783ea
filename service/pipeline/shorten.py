"""Sentences made fit to print: layout smoothed, and cut at a clause or a word where a bound leaves no choice."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Callable

from service.pipeline import words
from service.pipeline.endings import announces
from service.records import Span

ELLIPSIS = "…"
_CLAUSE_ENDS = ",;:—–，；：、،؛"
_COLONS = (": ", "：")
_COMMAS = re.compile("[,，、،]")
_LOOSE_END = " ,;:—–-，；：、،؛.。।…\"“„«‹「『(（[【'‘"
_BLANKS = re.compile(r"\s+")
_WRAPPED_HYPHEN = re.compile(r"(?<=[^\W\d_])-\s*\n\s*(?=[^\W\d_])")
# A line break between two characters of a script without blanks was layout and nothing else.
_DENSE = r"[\u3001-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uff65]"
_WRAPPED_DENSE = re.compile(rf"(?<={_DENSE})\s*\n\s*(?={_DENSE})")
_PAIRS = (("“", "”"), ("«", "»"), ("「", "」"), ("『", "』"), ("(", ")"), ("（", "）"))

_LOOK_BACK = 40  # words
_PEEK = 60  # characters past a bound, so that a word that crosses it is seen as one

Fits = Callable[[str], bool]


def smooth(text: str) -> str:
    """Return a sentence on one line: a run of blanks or a line break becomes one blank, or none between ideographs."""
    if "\n" in text:
        text = _WRAPPED_DENSE.sub("", _WRAPPED_HYPHEN.sub("-", text))
    return _BLANKS.sub(" ", text).strip()


def balanced(text: str) -> bool:
    """Tell whether every quotation mark and bracket that opens also closes."""
    return text.count('"') % 2 == 0 and all(text.count(opening) == text.count(closing) for opening, closing in _PAIRS)


def clause(text: str, language: str, least_words: int, most_words: int, most_characters: int) -> str | None:
    """Return the longest beginning of a sentence that ends where a clause does, or None.

    Args:
        text: a smooth sentence.
        language: its BCP-47 tag.
        least_words, most_words: bounds on the clause, both included.
        most_characters: bound on the clause, in code points.
    """
    spans = words.word_spans(opening(text, language, most_words, most_characters), language)
    best: str | None = None
    for count, (here, after) in enumerate(itertools.pairwise(spans), start=1):
        if count >= least_words and _parts_clauses(text, here, after):
            piece = text[: here.end].rstrip(_LOOSE_END)
            # Behind a colon, between dashes or after several commas a piece is part of a list or an aside.
            aside = any(mark in piece for mark in _COLONS) or piece.count("—") % 2 or len(_COMMAS.findall(piece)) > 1
            whole = balanced(piece) and not aside
            if whole and len(piece) <= most_characters and not announces(text[here.start : here.end], language):
                best = piece
    return best


def opening(text: str, language: str, most_words: int | None, most_characters: int | None) -> str:
    """Return a beginning of a sentence that is sure to hold all that a bound lets through, so that no more is read."""
    if most_characters is not None:
        text = text[: most_characters + _PEEK]
    return text if most_words is None else words.cut_words(text, language, most_words + 1)


def shorten(text: str, language: str, fits: Fits) -> str:
    """Return the longest good beginning of a sentence for which `fits` holds, with an ellipsis at its end.

    A clause boundary is taken when it keeps at least half of what a word boundary would; inside a word only when not
    even the first one fits. Quotations and brackets are left whole, and no article, preposition or the like is left at
    the end, where that is possible.

    Args:
        text: a smooth sentence.
        language: its BCP-47 tag.
        fits: whether a finished text, ellipsis included, is within the bound; must hold for every beginning of a text
            for which it holds.
    Returns:
        At least the ellipsis, also when not even that fits.
    """
    spans = words.word_spans(text, language)
    low, high = 0, len(spans)
    while low < high:
        middle = (low + high + 1) // 2
        if fits(_finish(text[: spans[middle - 1].end])):
            low = middle
        else:
            high = middle - 1
    if low == 0:
        return _cut_word(text, fits)
    word_cut = loose_cut = None
    for count in range(low, max(low // 2, low - _LOOK_BACK), -1):
        end = spans[count - 1].end
        piece = text[:end]
        # A shorter beginning can hold more words where a dictionary finds them, hence the second look.
        if not balanced(piece) or not fits(_finish(piece)):
            continue
        loose_cut = loose_cut or piece
        if announces(text[spans[count - 1].start : end], language):
            continue
        word_cut = word_cut or piece
        if count < len(spans) and _parts_clauses(text, spans[count - 1], spans[count]):
            return _finish(piece)
    if loose_cut is None:  # rather far too short than with half a quotation
        pieces = (text[: spans[count - 1].end].rstrip(_CLAUSE_ENDS) for count in range(low, 1, -1))
        closed = next((piece for piece in pieces if balanced(piece) and fits(piece + ELLIPSIS)), None)
        if closed is not None:
            return closed + ELLIPSIS
    return _finish(word_cut or loose_cut or text[: spans[low - 1].end])


def _parts_clauses(text: str, here: Span, after: Span) -> bool:
    """Tell whether a clause ends between two neighbouring words; marks may touch the first of them."""
    return any(mark in _CLAUSE_ENDS for mark in text[here.end - 1 : after.start])


def _cut_word(text: str, fits: Fits) -> str:
    """Return the longest run of characters that fits, never parting a letter from its marks."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if fits(_finish(text[:middle])):
            low = middle
        else:
            high = middle - 1
    while 0 < low < len(text) and _joined(text[low - 1], text[low]):
        low -= 1
    return _finish(text[:low])


def _joined(before: str, after: str) -> bool:
    """Tell whether two code points belong to one character: a mark, a joiner, a skin tone, a variation."""
    joiner = "\u200d"
    return (
        after == joiner
        or before == joiner
        or unicodedata.category(after)[0] == "M"
        or 0x1F3FB <= ord(after) <= 0x1F3FF
        or (0x1F1E6 <= ord(before) <= 0x1F1FF and 0x1F1E6 <= ord(after) <= 0x1F1FF)
    )


def _finish(piece: str) -> str:
    return piece.rstrip(_LOOSE_END) + ELLIPSIS
