"""Quotations of an output that its source does not have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from itertools import islice

from service.pipeline.faithfulness.items import Unsupported
from service.pipeline.faithfulness.wordforms import WORD, plain
from service.records import Span

# Opening mark -> the marks that may close it. Marks that open in one language close in another.
_PAIRS = {
    "“": "”“", "„": "“”‟\"", "‟": "”", "«": "»", "»": "«»", "「": "」", "『": "』", "《": "》", "〈": "〉",
    "‹": "›", "”": "”", '"': '"”', "‘": "’", "‚": "‘’", "〝": "〟", "＂": "＂",
}  # fmt: skip
_TWO = re.compile(r"''|``")
_MARKS = re.compile("[" + "".join({*_PAIRS, *"".join(_PAIRS.values())} - {"’"}) + "]")
# Titles of works are marked so in Chinese, not speech.
_TITLES = "《〈"
MOST_QUOTES = 100
_LONGEST = 3000
# A word or two in quotation marks is a term or a title; only longer ones are somebody's words.
_FEW = 3
_DENSE = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_DENSE_PER_WORD = 2
# The share of a quotation's words that have to stand in one place of the source: forms change, words are left out.
_SHARE = 0.75
_STEM = 4
_LONGEST_STEM = 24
_MOST_PLACES = 40
_MOST_WORDS = 200
# Dialogue without marks: a dash at the beginning of a line, a colon before a capital; and marks of any kind.
_SPEECH = re.compile(r"(?:^|\n)\s*[-–—]\s|[:：]\s*\S|['’‘\"“”«»„「」『』‹›＂]")
_GAPS = re.compile(r"\.\.\.|…|\[[^\[\]]{0,80}\]|\([^()]{0,80}\)")


def quotations(text: str) -> Iterator[Span]:
    """What stands between quotation marks, without them, in order; a mark without a partner is passed over."""
    text = _TWO.sub('" ', text)
    at = 0
    for _ in range(MOST_QUOTES * 4):
        opening = _MARKS.search(text, at)
        if opening is None:
            return
        at = opening.end()
        closing = _PAIRS.get(opening.group())
        if closing is None or (opening.group() in '‘‚”"' and not _opens(text, opening.start())):
            continue
        end = _closed(text, at, closing, opening.group())
        if end < 0:
            continue
        if text[at:end].strip():
            yield Span(at, end)
        at = end + 1


def _opens(text: str, place: int) -> bool:
    """Whether a mark that can be either begins something: nothing but a blank or a sign stands before it."""
    return place == 0 or not text[place - 1].isalnum()


def _closed(text: str, at: int, closing: str, opening: str) -> int:
    """Where the partner of a mark stands, -1 when there is none near."""
    for place in range(at, min(len(text), at + _LONGEST)):
        if text[place] in closing:
            apostrophe = opening in "‘‚" and place + 1 < len(text) and text[place + 1].isalnum()
            if not apostrophe:
                return place
        elif text[place] == "\n" and text[place : place + 2] == "\n\n":
            return -1
    return -1


class QuoteIndex:
    """The words of a source in order, for finding quotations.

    Args:
        text: the source.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    def unsupported(self, output: str, *, same: bool) -> tuple[Unsupported, ...]:
        """The quotations of an output that the source does not have.

        Args:
            output: any text.
            same: it is in the source's language, so that its quotations must be word for word in the source; else only
                that the source quotes anybody at all is looked at.
        """
        found = []
        for count, span in enumerate(quotations(output)):
            if count >= MOST_QUOTES:
                break
            quoted = output[span.start : span.end]
            if output[span.start - 1] in _TITLES or (not same and _length(quoted) < _FEW):
                continue
            if not (self._says(quoted) if same else self._quotes):
                found.append(Unsupported(span.start, span.end, "quote", quoted))
        return tuple(found)

    def _says(self, quoted: str) -> bool:
        if _DENSE.search(quoted):
            return all(_squeezed(piece) in self._squeezed or _length(piece) < _FEW for piece in _pieces(quoted))
        return all(self._run(piece) for piece in _GAPS.split(quoted))

    def _run(self, piece: str) -> bool:
        """Whether the words of a piece stand in one place of the source, all but a few of them."""
        wanted = [plain(match.group()) for match in islice(WORD.finditer(piece), _MOST_WORDS)]
        if f" {' '.join(wanted)} " in self._joined:
            return True
        if len(wanted) < _FEW:
            return all(word in self._places or word[: max(_STEM, len(word) - 2)] in self._stems for word in wanted)
        least = _SHARE * len(wanted)
        # The place is told by the words that are found; every word votes for where the quotation would begin.
        votes: dict[int, set[int]] = {}
        for offset, word in enumerate(wanted):
            for place in self._places.get(word, ())[:_MOST_PLACES]:
                for begin in ((place - offset) // len(wanted), (place - offset) // len(wanted) + 1):
                    votes.setdefault(begin, set()).add(offset)
        return any(len(offsets) >= least for offsets in votes.values())

    @cached_property
    def _quotes(self) -> bool:
        marks = next(quotations(self._text), None) is not None
        return marks or _SPEECH.search(self._text) is not None

    @cached_property
    def _words(self) -> list[str]:
        return [plain(match.group()) for match in WORD.finditer(self._text)]

    @cached_property
    def _joined(self) -> str:
        return f" {' '.join(self._words)} "

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        places: dict[str, list[int]] = {}
        for place, word in enumerate(self._words):
            places.setdefault(word, []).append(place)
        return places

    @cached_property
    def _stems(self) -> frozenset[str]:
        """Every beginning of every word, from a few letters on: a term may be inflected."""
        return frozenset(word[:end] for word in self._places for end in range(_STEM, min(len(word), _LONGEST_STEM) + 1))

    @cached_property
    def _squeezed(self) -> str:
        return _squeezed(self._text)


def _pieces(quoted: str) -> list[str]:
    return [piece for piece in re.split(r"[…\s]|\.\.\.", quoted) if piece]


def _squeezed(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def _length(quoted: str) -> int:
    """Words of a quotation; of scripts without blanks two characters are taken for one."""
    dense = len(_DENSE.findall(quoted))
    return len(quoted.split()) if dense < 2 else dense // _DENSE_PER_WORD
