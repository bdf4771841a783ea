"""A translated sentence with its marks: what to write, in order."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from service.pipeline.align import Alignment
from service.pipeline.formats.layout import Atom
from service.pipeline.rooms import Node
from service.pipeline.stretches import STAND_IN, Point, Stretch
from service.pipeline.tokens import words_of

_FRONT, _MIDDLE, _BACK = -1, 1 << 30, 1 << 31


@dataclass(frozen=True, slots=True)
class Written:
    """A translated sentence: texts and atoms in order; `guessed` when an element stands where proportion put it."""

    parts: tuple[str | Atom, ...]
    guessed: bool = False


def recovered(stretch: Stretch, text: str) -> str | None:
    """A translation with its stand-ins in their exact form; None when one is missing or doubled, or all is empty."""
    if not any(character.isalnum() for character in text):
        return None  # a paragraph that says nothing would be gone
    if not stretch.masks:
        return text
    wanted = {stand_in for stand_in, _ in stretch.masks}
    prefix = stretch.masks[0][0][0]
    found: list[str] = []

    def exact(match: re.Match[str]) -> str:
        if match[1].upper() != prefix:
            return match[0]
        found.append(f"{prefix}_{int(match[2])}")
        return found[-1]

    text = STAND_IN.sub(exact, text)
    return text if len(found) == len(wanted) and set(found) == wanted else None


def place(stretch: Stretch, text: str, known: Mapping[str, str]) -> Written | None:
    """Put the marks of a sentence into its translation; None when they cannot all have a place of their own.

    Args:
        stretch: the sentence.
        text: its translation, with every stand-in once.
        known: what texts of its elements become when they are translated alone.
    """
    masks = dict(stretch.masks)
    if not (masks or stretch.elements or stretch.points or stretch.blanks):
        return Written((text,))
    if not (stretch.elements or stretch.points or stretch.blanks):
        return _complete(stretch, Written(tuple(_filled(text, masks, ()))))
    alignment = Alignment(words_of(stretch.text), words_of(text), stretch.elements, known, tuple(masks))
    if not alignment.whole:
        return None
    writer = _Writer(stretch, text, alignment)
    return _complete(stretch, Written(tuple(writer.parts()), any(node.guessed for node in alignment.root.walk())))


def _complete(stretch: Stretch, written: Written) -> Written | None:
    """What was written, when every mark is there once; a slip of ours must cost a sentence, not a tag."""
    wanted = Counter(atom.start for _, atom in stretch.masks)
    wanted.update(point.atom.start for point in stretch.points)
    for element in stretch.elements:
        wanted.update(mark.start for mark in (element.opening, element.closing) if mark is not None)
    blanks = {id(atom) for _, atom in stretch.blanks}
    found = Counter(part.start for part in written.parts if isinstance(part, Atom) and id(part) not in blanks)
    return written if found == wanted else None


@dataclass(frozen=True, slots=True)
class _Mark:
    """A mark at an offset of the translation."""

    offset: int
    atom: Atom
    point: Point | None = None


class _Writer:
    """Offsets of all marks, and the text between them."""

    def __init__(self, stretch: Stretch, text: str, alignment: Alignment) -> None:
        self._stretch = stretch
        self._text = text
        self._alignment = alignment
        self._source, self._target = alignment.source, alignment.target
        self._points: dict[int, list[Point]] = {}
        nodes = list(alignment.root.walk())
        for point in stretch.points:
            holder = [node for node in nodes if _inside(point.atom, node)][-1]
            self._points.setdefault(id(holder), []).append(point)

    def parts(self) -> list[str | Atom]:
        """Texts and atoms in order."""
        marks: list[_Mark] = []
        self._emit(self._alignment.root, marks)
        masks = dict(self._stretch.masks)
        blanks = self._blank_places()
        result: list[str | Atom] = []
        at = 0
        for mark in marks:
            # The order of the marks is what keeps elements whole; an offset never goes back behind it.
            end = max(at, mark.offset)
            result += _filled(self._text[at:end], masks, [(o - at, atom) for o, atom in blanks if at <= o < end])
            at = end
            self._add(result, mark, self._text[at : at + 1])
        result += _filled(self._text[at:], masks, [(offset - at, atom) for offset, atom in blanks if offset >= at])
        return result

    def _add(self, result: list[str | Atom], mark: _Mark, following: str) -> None:
        point = mark.point
        if point is None:
            result.append(mark.atom)
            return
        last = next((part for part in reversed(result) if isinstance(part, str)), "")
        if point.before and last and not last[-1].isspace():
            result.append(" ")
        result.append(mark.atom)
        if point.after and following and not following.isspace() and (following.isalnum() or point.before):
            result.append(" ")

    def _emit(self, node: Node, marks: list[_Mark]) -> None:
        if node.element is not None and node.element.opening is not None:
            marks.append(_Mark(self._opening(node), node.element.opening))
        inside: list[tuple[tuple[int, int, int, int], Node | Point, int]] = []
        for number, child in enumerate(node.children):
            rank = _FRONT if child.early else _BACK if child.late else _MIDDLE
            spot = child.low if rank == _MIDDLE else rank
            inside.append(((spot, 1, child.high, number), child, 0))
        for number, point in enumerate(self._points.get(id(node), ())):
            boundary, offset = self._spot(point, node)
            inside.append(((boundary, 0, boundary, number), point, offset))
        inside.sort(key=lambda item: item[0])
        for _, item, offset in inside:
            if isinstance(item, Node):
                self._emit(item, marks)
            else:
                marks.append(_Mark(offset, item.atom, item))
        if node.element is not None and node.element.closing is not None:
            marks.append(_Mark(self._closing(node), node.element.closing))

    def _opening(self, node: Node) -> int:
        """Before the first word, with the punctuation that the element began with."""
        if node.low >= len(self._target):
            return len(self._text)
        offset = self._target.spans[node.low][0]
        if node.element is None or node.first >= len(self._source):
            return offset
        word = self._source.spans[node.first][0]
        inside = _signs_before(self._stretch.text, word, node.element.start)
        outside = _signs_before(self._stretch.text, node.element.start, 0)
        before = _signs_before(self._text, offset, self._target.spans[node.low - 1][1] if node.low else 0)
        return offset - (before if inside and not outside else min(inside, max(0, before - outside)))

    def _closing(self, node: Node) -> int:
        """Behind the last word, with the punctuation that the element ended with."""
        if not node.high:
            return 0
        offset = self._target.spans[node.high - 1][1]
        if node.element is None or not node.last or node.low == node.high:
            return offset
        word = self._source.spans[node.last - 1][1]
        inside = _signs_after(self._stretch.text, word, node.element.end)
        outside = _signs_after(self._stretch.text, node.element.end, len(self._stretch.text))
        last = node.high == len(self._target)
        after = _signs_after(self._text, offset, len(self._text) if last else self._target.spans[node.high][0])
        return offset + (after if inside and not outside else min(inside, max(0, after - outside)))

    def _spot(self, point: Point, holder: Node) -> tuple[int, int]:
        """The boundary and the offset of a point in the translation, inside its element and outside all others."""
        text = self._stretch.text
        words = self._source.before(point.at)
        behind = not point.before and words > 0
        sure = self._alignment.beside(words - 1) if behind else None
        boundary = self._alignment.boundary(words) if sure is None else sure + 1
        if words == holder.last and holder.last > holder.first:
            boundary = holder.high
        elif words == holder.first:
            boundary = holder.low
        boundary = self._outside(point, holder, min(max(boundary, holder.low), holder.high))
        if behind and boundary:
            offset = self._target.spans[boundary - 1][1]
            signs = _signs_after(text, self._source.spans[words - 1][1], point.at)
            limit = self._target.spans[boundary][0] if boundary < len(self._target) else len(self._text)
            return boundary, offset + min(signs, _signs_after(self._text, offset, limit))
        if boundary < len(self._target):
            return boundary, self._target.spans[boundary][0]
        return boundary, len(self._text)

    @staticmethod
    def _outside(point: Point, holder: Node, boundary: int) -> int:
        for child in holder.children:
            if child.early and boundary < child.high:
                boundary = child.high
            elif child.late and boundary > child.low:
                boundary = child.low
            elif child.low < boundary < child.high:
                opening = child.element.opening if child.element is not None else None
                earlier = opening is not None and point.atom.start < opening.start
                boundary = child.low if earlier else child.high
        return boundary

    def _blank_places(self) -> list[tuple[int, Atom]]:
        """For every blank of the source that is not one plain space a blank of the translation, while there are any."""
        spans = self._target.spans
        free = [at for at, character in enumerate(self._text) if character == " "]
        places: list[tuple[int, Atom]] = []
        for at, atom in self._stretch.blanks:
            if not free:
                break
            words = self._source.before(at)
            sure = self._alignment.beside(words - 1) if words else None
            boundary = self._alignment.boundary(words) if sure is None else sure + 1
            wanted = spans[boundary - 1][1] if 0 < boundary <= len(spans) else 0
            spot = bisect_left(free, wanted)
            if spot == len(free) or (spot and wanted - free[spot - 1] <= free[spot] - wanted):
                spot -= 1
            places.append((free.pop(spot), atom))
        return sorted(places, key=lambda place: place[0])


def _inside(atom: Atom, node: Node) -> bool:
    element = node.element
    if element is None:
        return True
    begun = element.opening is None or element.opening.start < atom.start
    return begun and (element.closing is None or atom.start < element.closing.start)


def _signs_after(text: str, start: int, limit: int) -> int:
    """How many signs follow without a blank."""
    end = start
    while end < limit and not text[end].isspace() and not text[end].isalnum():
        end += 1
    return end - start


def _signs_before(text: str, end: int, limit: int) -> int:
    start = end
    while start > limit and not text[start - 1].isspace() and not text[start - 1].isalnum():
        start -= 1
    return end - start


def _filled(text: str, masks: Mapping[str, Atom], blanks: list[tuple[int, Atom]] | tuple[()]) -> list[str | Atom]:
    """A text with the atoms of its stand-ins and blanks."""
    cuts = [(offset, offset + 1, atom) for offset, atom in blanks]
    if masks:
        for match in STAND_IN.finditer(text):
            atom = masks.get(match[0])
            if atom is not None:
                cuts.append((match.start(), match.end(), atom))
    if not cuts:
        return [text] if text else []
    parts: list[str | Atom] = []
    at = 0
    for start, end, atom in sorted(cuts, key=lambda cut: cut[0]):
        if start > at:
            parts.append(text[at:start])
        parts.append(atom)
        at = end
    if at < len(text):
        parts.append(text[at:])
    return parts
