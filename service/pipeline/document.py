"""A text of any format on its way through translation: read into sentences, written again around what they became."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from service import languages
from service.pipeline import stretches
from service.pipeline.formats import html_units, markdown, plain_lines, spelling
from service.pipeline.formats.layout import Atom, Layout, Unit
from service.pipeline.inline import is_blank
from service.pipeline.place import Written
from service.pipeline.requests import TextFormat
from service.pipeline.stretches import STAND_IN, Stretch
from service.pipeline.terms import Terms
from service.records import Span

_READERS: dict[TextFormat, Callable[[str], Layout]] = {
    "text": plain_lines.read,
    "html": html_units.read,
    "markdown": markdown.read,
}


@dataclass(frozen=True, slots=True)
class Document:
    """A text with its sentences, in order of its units; `owners[i]` is the unit of sentence i."""

    layout: Layout
    sentences: tuple[Stretch, ...]
    owners: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Rendered:
    """A written text, where each sentence stands in it, and the units that had to stay as they were."""

    text: str
    spans: tuple[Span, ...]
    kept: frozenset[int]


def layout_of(source: str, form: TextFormat) -> Layout:
    """Read the units of a text."""
    return _READERS[form](source)


def read(layout: Layout, language: str, terms: Terms) -> Document:
    """Cut the units of a text into sentences of its language."""
    sentences: list[Stretch] = []
    owners: list[int] = []
    for number, unit in enumerate(layout.units):
        found = stretches.read(unit, language, terms)
        sentences += found
        owners += [number] * len(found)
    return Document(layout, tuple(sentences), tuple(owners))


def write(document: Document, outputs: Sequence[Written | None], source: str, target: str) -> Rendered:
    """Write a text around its sentences.

    Args:
        document: what was read.
        outputs: for every sentence what it became; None where it stays as it is, byte for byte.
        source, target: tags of the languages; a lone blank between sentences follows the habit of the target's script.
    """
    writer = _Writer(document, outputs, _spaces(source), _spaces(target))
    writer.copy(0, len(document.layout.source))
    spans = [writer.spans.get(number, Span(0, 0)) for number in range(len(outputs))]
    return Rendered("".join(writer.parts), tuple(spans), frozenset(writer.kept))


class _Writer:
    """Copies the source and puts units and sentences in their places. One pass, left to right."""

    def __init__(
        self, document: Document, outputs: Sequence[Written | None], spaces_in: bool, spaces_out: bool
    ) -> None:
        self._layout = document.layout
        self._source = document.layout.source
        self._units = document.layout.units
        self._document = document
        self._outputs = outputs
        self._habits = (spaces_in, spaces_out)
        self._sentences: dict[int, list[int]] = {}
        for number, owner in enumerate(document.owners):
            self._sentences.setdefault(owner, []).append(number)
        self._owners = sorted(self._sentences, key=lambda owner: (self._units[owner].start, -self._units[owner].end))
        self._starts = [self._units[owner].start for owner in self._owners]
        self.parts: list[str] = []
        self.spans: dict[int, Span] = {}
        self.kept: set[int] = set()
        self._length = 0
        self._line = -1
        self._shown: list[str] = []
        self._free: frozenset[str] = frozenset()

    def copy(self, start: int, end: int, within: int = -1) -> None:
        """Copy a range of the source with the units in it as they are now; `within` is the unit it is copied for."""
        at = start
        for place in range(bisect_left(self._starts, start), len(self._starts)):
            owner = self._owners[place]
            unit = self._units[owner]
            if unit.start >= end:
                break
            if unit.start < at or unit.end > end or owner == within:
                continue
            self._put(self._source[at : unit.start])
            self._unit(owner)
            at = unit.end
        self._put(self._source[at:end])

    def _put(self, text: str) -> None:
        if text:
            self.parts.append(text)
            self._length += len(text)

    def _unit(self, owner: int) -> None:
        # A unit inside a mark of another one is no part of what that one shows.
        kept = self._shown, self._line, self._free
        self._shown = []
        self._write_unit(owner)
        self._shown, self._line, self._free = kept

    def _write_unit(self, owner: int) -> None:
        unit = self._units[owner]
        numbers = self._sentences[owner]
        if all(self._outputs[number] is None for number in numbers):
            self._sentences_of(unit, owner, numbers, keep=True)
            return
        if unit.quote == "" and unit.spelling == "attribute":
            # Without quotation marks a value ends at its first blank.
            self._put('"')
            self._sentences_of(unit, owner, numbers)
            self._put('"')
            return
        if unit.spelling not in spelling.CHECKED:
            self._sentences_of(unit, owner, numbers)
            return
        before, length = len(self.parts), self._length
        self._free = spelling.as_they_are(unit, self._source)
        for effort in (0, 1):
            self._shown = []
            self._sentences_of(unit, owner, numbers, effort=effort)
            if markdown.reads_as("".join(self.parts[before:]), unit, self._layout, "".join(self._shown)):
                return
            del self.parts[before:]
            self._length = length
        self.kept.add(owner)
        self._sentences_of(unit, owner, numbers, keep=True)

    def _sentences_of(
        self, unit: Unit, owner: int, numbers: Sequence[int], *, effort: int = 0, keep: bool = False
    ) -> None:
        """Write the sentences of a unit and what is between them."""
        at = unit.start
        self._line = len(self.parts)
        for number in numbers:
            sentence, output = self._document.sentences[number], self._outputs[number]
            self._gap(at, sentence.start, owner, first=number == numbers[0], keep=keep)
            begin = self._length
            if output is None or keep:
                self._copy_own(sentence.start, sentence.end, owner, keep=True)
            else:
                self._sentence(unit, owner, sentence, output, effort)
            self.spans[number] = Span(begin, self._length)
            at = sentence.end
        self._copy_own(at, unit.end, owner, keep=keep)

    def _copy_own(self, start: int, end: int, owner: int, *, keep: bool) -> None:
        """Copy a part of a unit; with `keep` nothing around it has changed."""
        unit = self._units[owner]
        if unit.spelling in spelling.CHECKED:
            self._shown.append(unit.seen(start, end))
        if not keep:
            # A mark that is written in another way where its words have changed.
            for atom in unit.rewritten(start, end):
                self.copy(start, atom.start, owner)
                self._put(atom.raw or "")
                start = atom.end
        self.copy(start, end, owner)

    def _gap(self, start: int, end: int, owner: int, *, first: bool, keep: bool) -> None:
        gap = self._source[start:end]
        if not (first or keep) and self._habits[0] != self._habits[1] and gap in ("", " "):
            self._put(" " if self._habits[1] else "")
        else:
            self._copy_own(start, end, owner, keep=keep)

    def _sentence(self, unit: Unit, owner: int, sentence: Stretch, output: Written, effort: int) -> None:
        begun = False
        for part in output.parts:
            if isinstance(part, Atom) and part.glossary is None:
                self._atom(part, owner)
                begun = begun or part.kind == "mask"
                continue
            text = part if isinstance(part, str) else _term(part, sentence, first=not begun)
            line_start = unit.line_start and len(self.parts) == self._line
            self._put(spelling.spell(text, unit, self._free, effort, line_start=line_start))
            self._shown.append(text)
            begun = begun or any(character.isalnum() for character in text)

    def _atom(self, atom: Atom, owner: int) -> None:
        self._shown.append(atom.text)
        if atom.raw is not None:
            self._put(atom.raw)
            return
        self.copy(atom.start, atom.end, owner)
        if is_blank(atom) and "\n" in self._source[atom.start : atom.end]:
            self._line = len(self.parts)


def _term(atom: Atom, sentence: Stretch, *, first: bool) -> str:
    """What a term of the glossary becomes, with the capital of its place."""
    key, target = atom.glossary or ("", "")
    begins = STAND_IN.search(sentence.text)
    front = sentence.text[: begins.start()] if begins is not None else ""
    words = front if any(character.isalnum() for character in front) else sentence.masks[0][1].text
    lead = next((character for character in words if character.isalnum()), "")
    at_start = first and lead.isupper()
    inside = atom.text[:1].isupper() and key[:1].islower() and (words is front or sentence.masks[0][1] is not atom)
    return target[:1].upper() + target[1:] if at_start or inside else target


def _spaces(tag: str) -> bool:
    language = languages.get(tag)
    return language.spaces if language else True
