"""Sentences of a text as exact spans of it.

sentencex finds the boundaries: it knows abbreviations and keeps quotations whole. What it leaves too long is split
again, each time by the next coarser means: inside quotations, by ICU, at blanks where a script has no full stop, and in
the end anywhere a reader would accept. Every step is linear and works on a copy of the same length, so offsets hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

import sentencex
from icu4py.breakers import CharacterBreaker, SentenceBreaker

from service.pipeline import unstopped
from service.pipeline.joints import ABBREVIATED, continues, more_ends
from service.records import Block, Sentence

# Longest sentence handed on, whatever the text: a bound for engines, far above what people write.
MAX_CHARACTERS = 2000
# Above this a span is more likely several sentences inside quotation marks than one.
_LONG_QUOTED = 120
# Above this ICU may split; it does not know abbreviations, so it is not asked earlier.
_LONG = 400
# Thai and Lao put a blank, not a full stop, between clauses and sentences alike: gather them up to this length.
_PHRASES = 120
_UNSTOPPED = frozenset({"th", "lo"})
# A character of these says about as much as three letters.
_DENSE = frozenset({"zh", "ja"})
# sentencex takes time with the square of the quotation marks in one call, and holds all its boundaries at once.
_WINDOW = 6000

# Wide blanks make sentencex panic, line breaks would split hard-wrapped text.
_BLANK_OF = dict.fromkeys(
    (*range(9, 14), *range(28, 32), 133, 160, 5760, *range(8192, 8203), 8232, 8233, 8239, 8287, 12288),
    " ",
)
_SURROGATES = re.compile("[\ud800-\udfff]")
_QUOTES = re.compile('["“”„‟«»‹›「」『』]')
_OPENING = frozenset("“„‟«‹「『([{（［【《〈¿¡")
_EITHER = frozenset("\"'”»›")
_CLOSING = frozenset('"”»›’」』')
_AFTER_QUOTE = frozenset(' "”»›’」』')
# More marks than this in a row are no quotation.
_MARKS = 8
# Stops that sentencex passes over.
_MORE_STOPS = re.compile(r"[។៕]+[”»\"]?|…[”»\"]?(?=\s+[^\W\d_a-zа-я])")
_LETTER = re.compile(r"[^\W\d_]")
_CLAUSE_END = re.compile(r"[;:,،؛、，；：—–]\s|[、，；：،]|[.!?。！？…]")
_BLANK = re.compile(r"\s+")


def sentences(text: str, blocks: Sequence[Block], language: str) -> tuple[Sentence, ...]:
    """The sentences of the blocks, in order.

    Every character of a block that is no blank is in exactly one sentence, no sentence crosses a block, starts or ends
    with a blank or is longer than `MAX_CHARACTERS`. A line break inside a block is a blank. A heading is one sentence.

    Args:
        text: the text the blocks index.
        blocks: in order, not overlapping.
        language: canonical tag or `und`; decides abbreviations and stops.
    """
    found: list[Sentence] = []
    for number, block in enumerate(blocks):
        piece = text[block.start : block.end]
        ends = [len(piece)] if block.kind == "heading" or not piece else _ends(piece, language)
        for start, end in _trimmed(piece, _bounded(piece, ends)):
            found.append(Sentence(block.start + start, block.start + end, number))
    return tuple(found)


def _ends(text: str, language: str) -> list[int]:
    """Where the sentences of one block end; the last end is the length of the text."""
    plain = _SURROGATES.sub("\ufffd", text.translate(_BLANK_OF))
    base = language.split("-")[0]
    ends = _refine(plain, _windowed(plain, base), 0, lambda span: _more_stops(span, base))
    dense = 3 if base in _DENSE else 1
    ends = _refine(plain, ends, _LONG_QUOTED // dense, lambda span: _inside_quotes(span, base))
    if base in _UNSTOPPED:
        ends = _refine(plain, ends, _PHRASES, lambda span: _phrases(span, base))
    ends = _refine(plain, ends, _LONG // dense, _icu_careful)
    return _joined(plain, sorted({_at_quotes(plain, end) for end in ends}), base)


def _refine(text: str, ends: Iterable[int], longer_than: int, split: Callable[[str], list[int]]) -> list[int]:
    """Split every span that is longer than a bound once more."""
    result: list[int] = []
    start = 0
    for end in ends:
        if end - start > longer_than:
            result.extend(start + inner for inner in split(text[start:end]) if 0 < inner < end - start)
        result.append(end)
        start = end
    return result


def _windowed(text: str, language: str) -> list[int]:
    """Boundaries of a text of any length, found in windows that start at a boundary."""
    ends: list[int] = []
    start = 0
    while len(text) - start > _WINDOW:
        inner = _by_sentencex(text[start : start + _WINDOW], language)
        # The last span was cut by the window, not by its end.
        kept = inner[:-1] or inner
        ends.extend(start + end for end in kept)
        start = ends[-1]
    ends.extend(start + end for end in _by_sentencex(text[start:], language))
    return ends


def _by_sentencex(text: str, language: str) -> list[int]:
    if not text:
        return []
    try:
        found = [boundary["end_index"] for boundary in sentencex.get_sentence_boundaries(language, text)]
    except BaseException as error:
        # A panic in its native code derives from BaseException and has no importable type.
        if type(error).__name__ != "PanicException":
            raise
        found = _by_icu(text)
    if not found or found[-1] != len(text):
        found.append(len(text))
    return found


def _by_icu(text: str) -> list[int]:
    # ICU counts UTF-16 units; the lengths of its pieces add up to code points.
    return _summed(SentenceBreaker(text, "en"))


def _icu_careful(text: str) -> list[int]:
    return [end for end in _by_icu(text) if not ABBREVIATED.search(text, max(0, end - 8), end)]


def _summed(pieces: Iterable[str]) -> list[int]:
    ends = []
    end = 0
    for piece in pieces:
        end += len(piece)
        ends.append(end)
    return ends


def _more_stops(text: str, language: str) -> list[int]:
    return sorted({*(match.end() for match in _MORE_STOPS.finditer(text)), *more_ends(text, language)})


def _inside_quotes(text: str, language: str) -> list[int]:
    """Boundaries with quotation marks taken for blanks, then moved so that a mark stays with what it quotes."""
    blanked = _QUOTES.sub(" ", text)
    if blanked == text:
        return []
    return [_at_quotes(text, end) for end in _by_sentencex(blanked, language)]


def _at_quotes(text: str, end: int) -> int:
    """A boundary moved so that a quotation mark stays with what it quotes."""
    if end >= len(text):
        return end
    start = end
    while end > max(1, start - _MARKS) and (
        text[end - 1] in _OPENING or (text[end - 1] in _EITHER and text[end - 2] == " ")
    ):
        end -= 1
    if end == start and text[end - 1] != " ":
        while (
            end < min(len(text), start + _MARKS)
            and text[end] in _CLOSING
            and (end + 1 == len(text) or text[end + 1] in _AFTER_QUOTE)
        ):
            end += 1
    return end


def _phrases(text: str, language: str) -> list[int]:
    """Boundaries at blanks: by what the words say, else each stretch at least `_PHRASES` long."""
    if language in unstopped.languages():
        return unstopped.ends(text, language)
    ends = []
    start = 0
    for match in _BLANK.finditer(text):
        if match.start() - start >= _PHRASES and len(text) - match.end() >= _PHRASES // 3:
            ends.append(match.end())
            start = match.end()
    return ends


def _joined(text: str, ends: list[int], language: str) -> list[int]:
    """Boundaries without those that leave a piece no reader takes for a sentence."""
    kept: list[int] = []
    start = 0
    for end, following in zip(ends, [*ends[1:], len(text)], strict=True):
        if end >= len(text):
            kept.append(end)
            break
        after = text[end:following].strip()
        lettered = _LETTER.search(text, start, end)
        only_signs = after and _LETTER.search(after) is None and not after[0].isdigit() and len(after) <= 5
        if (lettered or end - start > 8) and not only_signs and not continues(text, start, end, after, language):
            kept.append(end)
            start = end
    return kept


def _bounded(text: str, ends: Iterable[int]) -> Iterator[int]:
    """The same boundaries, with more where a span is over the limit."""
    start = 0
    for end in ends:
        while end - start > MAX_CHARACTERS:
            start = _best_cut(text, start, start + MAX_CHARACTERS)
            yield start
        yield end
        start = end


def _best_cut(text: str, start: int, limit: int) -> int:
    """The best place to cut in the second half of a stretch that has to be cut."""
    half = (start + limit) // 2
    for pattern in (_CLAUSE_END, _BLANK):
        cut = max((match.end() for match in pattern.finditer(text, half, limit)), default=0)
        if cut:
            return cut
    # Do not cut a letter from its marks; a cluster longer than this is no letter.
    tail = limit - 64
    clusters = _summed(CharacterBreaker(_SURROGATES.sub("\ufffd", text[tail:limit]), "en"))
    return tail + clusters[-2] if len(clusters) > 1 else limit


def _trimmed(text: str, ends: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Spans between boundaries without outer blanks; empty ones are left out."""
    start = 0
    for end in ends:
        piece = text[start:end]
        body = piece.strip()
        if body:
            first = start + len(piece) - len(piece.lstrip())
            yield first, first + len(body)
        start = end
