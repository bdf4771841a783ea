"""Units of a Markdown text: paragraphs, headings, cells, HTML blocks, and what people read inside links and images.

Own code, because the parsers at hand forget where inline marks stood, and what is not translated has to stay byte for
byte. A written paragraph is read again before it counts (`reads_as`).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence

from service.pipeline.formats import html_units, md_blocks, md_inline
from service.pipeline.formats.layout import Atom, Layout, Unit
from service.pipeline.formats.md_links import DEFINITION, label_of, shifted, title_of

_BREAK = re.compile(r"[ \t]*\n[ \t>]*")
_BLANKS = re.compile(r"\s+")


def read(source: str) -> Layout:
    """The units of a text."""
    found = list(md_blocks.blocks(source))
    references = frozenset(_labels(source, found))
    units: list[Unit] = []
    for block in found:
        units += _units(source, block, references)
    units.sort(key=lambda unit: (unit.start, -unit.end))
    return Layout(source, tuple(units), references)


def reads_as(written: str, unit: Unit, layout: Layout, shown: str) -> bool:
    """Whether a written unit has the marks that it had, and reads as it should.

    Args:
        written: what stands in its place now.
        unit: what it was.
        layout: of the whole text.
        shown: what a reader is to see.
    """
    breaks = [atom for atom in unit.atoms if atom.text == "\n" or atom.kind == "break"]
    for prefix in sorted({layout.source[atom.start : atom.end] for atom in breaks}, key=len, reverse=True):
        if "\n" in prefix:
            written = written.replace(prefix, f"{prefix.split(chr(10))[0]}\n")
    if unit.line_start and any(map(md_blocks.starts_block, written.split("\n"))):
        return False
    now = md_inline.read(written, layout.references, cell=unit.spelling == "cell").atoms
    if _marks(now, written) != _marks(unit.atoms, layout.source):
        return False
    read_now = "".join(atom.text for atom in now if atom.kind in ("text", "mask"))
    return _BLANKS.sub("", read_now) == _BLANKS.sub("", shown)


def _marks(atoms: Sequence[Atom], source: str) -> Counter[tuple[str, ...]]:
    """The marks of a unit, each with those it stands in, whatever their order."""
    found: Counter[tuple[str, ...]] = Counter()
    path: list[str] = []
    for atom in atoms:
        name = atom.name.rsplit("#", 1)[0]
        if atom.kind == "close" and path and path[-1] == name:
            path.pop()
        if atom.kind in ("open", "close"):
            found[*path, atom.kind, name] += 1
        elif atom.kind == "break":
            found[*path, "break"] += 1
        elif atom.kind == "point" and source.startswith("![", atom.start):
            found[*path, "image"] += 1  # its text may have changed
        elif atom.kind != "text":
            found[*path, atom.kind, _BREAK.sub(" ", source[atom.start : atom.end])] += 1
        if atom.kind == "open":
            path.append(name)
    return found


def _labels(source: str, found: Sequence[md_blocks.MdBlock]) -> list[str]:
    labels = []
    for block in found:
        if block.kind == "definition":
            match = DEFINITION.match(source[slice(*block.lines[0])])
            if match is not None:
                labels.append(label_of(match["label"]))
    return labels


def _units(source: str, block: md_blocks.MdBlock, references: frozenset[str]) -> list[Unit]:
    if block.kind == "html":
        start, end = block.lines[0][0], block.lines[-1][1]
        if block.quoted and len(block.lines) > 1:
            return []  # the quotation marks stand between the tags
        return [shifted(unit, start) for unit in html_units.read(source[start:end]).units]
    if block.kind == "definition":
        start, end = block.lines[0]
        match = DEFINITION.match(source[start:end])
        return [shifted(unit, start) for unit in title_of(match)] if match is not None else []
    if block.kind == "row":
        start, end = block.lines[0]
        places = [((start + first, start + last),) for first, last in md_blocks.cells(source[start:end])]
        return [unit for lines in places for unit in _inline(source, lines, references, cell=True)]
    return _inline(source, block.lines, references, line_start=block.kind == "paragraph")


def _inline(
    source: str,
    lines: Sequence[tuple[int, int]],
    references: frozenset[str],
    *,
    cell: bool = False,
    line_start: bool = False,
) -> list[Unit]:
    """The unit of a paragraph and those inside its marks. Offsets go through the paragraph's lines joined."""
    text = "\n".join(source[start:end] for start, end in lines)
    if not any(character.isalpha() for character in text):
        return []
    place = _Places(lines)
    inline = md_inline.read(text, references, cell=cell)
    atoms = tuple(place.atom(atom) for atom in inline.atoms)
    if not atoms:
        return []
    own = Unit(atoms[0].start, atoms[-1].end, atoms, "cell" if cell else "markdown", line_start=line_start)
    return [own, *(place.unit(unit) for unit in inline.units)]


class _Places:
    """From offsets into the joined lines of a paragraph to places in the source."""

    def __init__(self, lines: Sequence[tuple[int, int]]) -> None:
        self._starts: list[int] = []
        self._lines = lines
        at = 0
        for start, end in lines:
            self._starts.append(at)
            at += end - start + 1

    def __call__(self, offset: int) -> int:
        line = bisect_right(self._starts, offset) - 1
        return self._lines[line][0] + offset - self._starts[line]

    def unit(self, unit: Unit) -> Unit:
        """A unit at its place in the source."""
        atoms = tuple(self.atom(atom) for atom in unit.atoms)
        return Unit(self(unit.start), self(unit.end), atoms, unit.spelling, unit.quote)

    def atom(self, atom: Atom) -> Atom:
        """An atom at its place in the source; a line break takes with it what containers put behind it."""
        start = self(atom.start)
        end = self(atom.end - 1) + 1 if atom.end > atom.start else start
        if atom.end in self._starts and atom.end > 0:
            end = self(atom.end)
        return Atom(atom.kind, start, end, atom.text, atom.name, atom.raw)
