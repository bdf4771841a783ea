"""Sentences of a unit as an engine gets them: words and stand-ins for what is protected, with every mark's place.

A stand-in is a word such as `X_1`: of the forms tried it is the one that every tokenizer at hand spells without an
unknown piece and that Apertium copies. Whether it came back is checked, never assumed.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from service.pipeline import segment
from service.pipeline.formats.layout import Atom, Unit
from service.pipeline.inline import ALONE, is_blank, normal, ordinary
from service.pipeline.terms import Terms
from service.records import Block

# Above this a sentence is no sentence of a person: its marks stay where they are.
_MOST_MARKS = 200
_PREFIXES = "XZQWKJ"
STAND_IN = re.compile(r"(?<![A-Za-z0-9])([XZQWKJ]) ?_ ?(\d{1,4})(?![0-9])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Element:
    """An inline element of a sentence, by code points of its text; None for an end that lies in another sentence."""

    start: int
    end: int
    opening: Atom | None
    closing: Atom | None


@dataclass(frozen=True, slots=True)
class Point:
    """A mark without text at a place in the sentence, with whether a blank stood before and after it."""

    at: int
    atom: Atom
    before: bool
    after: bool


@dataclass(frozen=True, slots=True)
class Stretch:
    """A sentence.

    Attributes:
        start, end: place in the source.
        text: what an engine gets.
        elements: outer before inner, by start.
        points: in order.
        blanks: blanks of the text that are not one plain space, by place.
        masks: stand-ins by their number; a mark that does not nest has one too.
        parts: where marks do not nest, words and marks in turn: only the words between two marks are translated.
    """

    start: int
    end: int
    text: str
    elements: tuple[Element, ...] = ()
    points: tuple[Point, ...] = ()
    blanks: tuple[tuple[int, Atom], ...] = ()
    masks: tuple[tuple[str, Atom], ...] = ()
    parts: tuple[str | Atom, ...] = ()

    @property
    def rewrites(self) -> bool:
        """Whether a term of the glossary is in it, so that it changes even where the translation does not."""
        return any(atom.glossary is not None for _, atom in self.masks)


def has_words(text: str, terms: frozenset[str] = frozenset()) -> bool:
    """Whether anything besides stand-ins can be translated, or a stand-in is one of a term with a translation."""
    if "_" in text:
        if terms and any(match[0] in terms for match in STAND_IN.finditer(text)):
            return True
        text = STAND_IN.sub(" ", text)
    return any(character.isalpha() for character in text)


def read(unit: Unit, language: str, terms: Terms) -> list[Stretch]:
    """The sentences of a unit that can be translated or hold a term that has a translation, in order."""
    if len(unit.atoms) == 1 and unit.atoms[0].kind == "text":
        text, start = unit.atoms[0].text, unit.start
        if not any(character.isalpha() for character in text):
            return []
        if not terms and unit.end - start == len(text) and ordinary(text):
            whole = [Block(len(text) - len(text.lstrip()), len(text.rstrip()))]
            spans = segment.sentences(text, whole, language)
            pieces = ((one.start, one.end, text[one.start : one.end]) for one in spans)
            return [Stretch(start + first, start + last, piece) for first, last, piece in pieces if has_words(piece)]
    atoms, partners = normal(unit, terms)
    flat = _Flat(atoms, partners)
    found = segment.sentences(flat.text, flat.blocks, language)
    made = (flat.stretch(one.start, one.end) for one in found if has_words(flat.text[one.start : one.end], flat.terms))
    return list(made)


class _Flat:
    """The text of a unit with the place of every atom in it."""

    def __init__(self, atoms: Sequence[Atom], partners: Sequence[int]) -> None:
        self._atoms = atoms
        self._partners = partners
        shown = "".join(atom.text for atom in atoms if atom.kind == "text")
        self._prefix = next((one for one in _PREFIXES if f"{one}_" not in shown.upper()), _PREFIXES[0])
        parts: list[str] = []
        self._at: list[int] = []
        self._stand_ins: dict[int, str] = {}
        ends = [0]
        length = 0
        for index, atom in enumerate(atoms):
            self._at.append(length)
            if atom.kind == "mask":
                piece = self._stand_ins[index] = f"{self._prefix}_{len(self._stand_ins) + 1}"
            elif atom.kind == "break":
                ends.append(length)
                piece = ""
            else:
                piece = atom.text if atom.kind == "text" else ""
                # One blank is enough between words; the rest of it is written only where nothing has changed.
                if piece.isspace() and parts and parts[-1].endswith(" "):
                    piece = ""
                elif piece.startswith(" ") and parts and parts[-1].endswith(" "):
                    piece = piece[1:]
            if piece:
                parts.append(piece)
                length += len(piece)
        self.text = "".join(parts)
        self.terms = frozenset(name for at, name in self._stand_ins.items() if atoms[at].glossary is not None)
        ends.append(length)
        self.blocks = _blocks(self.text, ends)
        self._at.append(length)

    def _width(self, index: int) -> int:
        return self._at[index + 1] - self._at[index]

    def stretch(self, start: int, end: int) -> Stretch:
        """The sentence at a place of the text."""
        first, last = self._reach(start, end)
        inner = range(first, last)
        loose = any(self._atoms[i].kind in ("open", "close") and self._partners[i] == ALONE for i in inner)
        marks = sum(self._atoms[i].kind in ("open", "point") for i in inner)
        places = self._source(first, last, start, end)
        if loose or marks > _MOST_MARKS:
            return self._loose(inner, start, end, places)
        text = self.text[start:end]
        masks = tuple((self._stand_ins[i], self._atoms[i]) for i in inner if i in self._stand_ins)
        blanks = tuple((self._at[i] - start, self._atoms[i]) for i in inner if self._wide(i))
        points = tuple(self._point(i, start, end) for i in inner if self._atoms[i].kind == "point")
        elements = tuple(self._elements(inner, start, end))
        return Stretch(*places, text, elements, points, blanks, masks)

    def _wide(self, index: int) -> bool:
        return is_blank(self._atoms[index]) and self._width(index) == 1

    def _reach(self, start: int, end: int) -> tuple[int, int]:
        """The atoms of a sentence: those with text in it, and at its edges the marks whose partner is inside."""
        core = bisect_right(self._at, start) - 1, bisect_left(self._at, end)
        first, last = core
        while first and self._at[first - 1] == start and self._atoms[first - 1].kind != "break":
            first -= 1
        while last < len(self._atoms) and self._at[last + 1] == end and self._atoms[last].kind != "break":
            last += 1
        opens = [i for i in range(first, core[0]) if self._ends_in(i, start, core[1])]
        closes = [i for i in range(core[1], last) if self._begins_in(i, core[0])]
        return min(opens, default=core[0]), max(closes, default=core[1] - 1) + 1

    def _ends_in(self, index: int, start: int, after: int) -> bool:
        """Whether an element that begins at the start of a sentence ends in it, before its end."""
        partner = self._partners[index]
        return self._atoms[index].kind == "open" and start < self._at[partner] and index < partner < after

    def _begins_in(self, index: int, before: int) -> bool:
        """Whether an element that ends at the end of a sentence begins in it, behind its start."""
        return self._atoms[index].kind == "close" and self._partners[index] >= before

    def _source(self, first: int, last: int, start: int, end: int) -> tuple[int, int]:
        head, tail = self._atoms[first], self._atoms[last - 1]
        skipped = start - self._at[first] if head.kind == "text" and len(head.text) == head.end - head.start else 0
        begin = head.start + max(0, skipped) + self._swallowed(first)
        finish = tail.end
        if tail.kind == "text" and len(tail.text) == tail.end - tail.start and self._at[last] > end:
            finish = tail.end - (self._at[last] - end)
        return begin, finish

    def _swallowed(self, index: int) -> int:
        """How many characters at an atom's front are not in the text, because a blank stood there already."""
        atom = self._atoms[index]
        return len(atom.text) - self._width(index) if atom.kind == "text" else 0

    def _point(self, index: int, start: int, end: int) -> Point:
        at = self._at[index]
        before = self.text[at - 1 : at].isspace()
        after = self.text[at : at + 1].isspace() or self._blank_follows(index)
        return Point(min(max(at - start, 0), end - start), self._atoms[index], before, after)

    def _blank_follows(self, index: int) -> bool:
        for atom in self._atoms[index + 1 : index + 65]:
            if atom.kind == "text":
                return atom.text[:1].isspace()
            if atom.kind in ("mask", "break"):
                return False
        return True

    def _elements(self, inner: range, start: int, end: int) -> list[Element]:
        found: list[Element] = []
        for index in inner:
            atom, partner = self._atoms[index], self._partners[index]
            if atom.kind == "open":
                closing = self._atoms[partner] if partner in inner else None
                stop = self._at[partner] - start if closing is not None else end - start
                found.append(Element(self._at[index] - start, stop, atom, closing))
            elif atom.kind == "close" and partner not in inner:
                found.append(Element(0, self._at[index] - start, None, atom))
        # Of those that began in an earlier sentence the outer ones end last.
        early = [one for one in reversed(found) if one.opening is None]
        return early + [one for one in found if one.opening is not None]

    def _loose(self, inner: range, start: int, end: int, places: tuple[int, int]) -> Stretch:
        """A sentence with marks that do not nest: all of them keep their place, and so do the words between."""
        parts: list[str | Atom] = []
        for index in inner:
            atom = self._atoms[index]
            if atom.kind != "text":
                parts.append(atom)
                continue
            piece = self.text[max(self._at[index], start) : min(self._at[index + 1], end)]
            if parts and isinstance(parts[-1], str):
                parts[-1] += piece
            else:
                parts.append(piece)
        masks = tuple((self._stand_ins[i], self._atoms[i]) for i in inner if i in self._stand_ins)
        return Stretch(*places, self.text[start:end], masks=masks, parts=tuple(parts))


def _blocks(text: str, ends: Sequence[int]) -> list[Block]:
    blocks = []
    for start, end in pairwise(ends):
        body = text[start:end].strip()
        if body:
            first = start + text[start:end].index(body)
            blocks.append(Block(first, first + len(body)))
    return blocks
