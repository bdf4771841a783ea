"""What a reader of a format finds in a text: units to translate, made of text and marks, over the caller's own string.

Everything outside the units, and every mark inside them, is copied from the caller's string, so a format needs no
writer of its own: only how plain text is spelled inside a unit.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["text", "open", "close", "point", "mask", "break"]
Spelling = Literal["plain", "html", "attribute", "markdown", "cell", "title"]


@dataclass(frozen=True, slots=True)
class Atom:
    """A stretch of the source inside a unit.

    Attributes:
        kind: `text` is read and may be translated; `open` and `close` are the two ends of an inline element; `point` is
            a mark without text that goes along with its neighbours; `mask` is text that stays as it is and has its
            place in the sentence; `break` ends a sentence.
        start, end: place in the source.
        text: what a reader sees; as long as the source range when characters stand for themselves.
        name: joins `open` and `close`.
        raw: written in place of the source range where the sentence around it has changed.
        glossary: the term this mask was found by, with what it becomes.
    """

    kind: Kind
    start: int
    end: int
    text: str = ""
    name: str = ""
    raw: str | None = None
    glossary: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Unit:
    """A block, a cell or an attribute: what is translated by itself. Its atoms cover `start:end` without gaps.

    `quote` is the quotation mark around an attribute's value, empty where it has none. `line_start` says that the unit
    begins a line, where Markdown reads more characters as markup.
    """

    start: int
    end: int
    atoms: tuple[Atom, ...]
    spelling: Spelling = "plain"
    quote: str = ""
    line_start: bool = False

    def rewritten(self, start: int, end: int) -> list[Atom]:
        """The marks in a range of the source that are written in another way where the words around them change."""
        if self.spelling not in ("markdown", "cell"):
            return []
        return [atom for atom in self.atoms if atom.raw is not None and start <= atom.start and atom.end <= end]

    def seen(self, start: int, end: int) -> str:
        """What a reader sees of a range of the source."""
        parts = []
        first = max(0, bisect_right(self.atoms, start, key=lambda atom: atom.start) - 1)
        for atom in self.atoms[first:]:
            if atom.start >= end:
                break
            if atom.kind not in ("text", "mask") or atom.end <= start:
                continue
            if len(atom.text) == atom.end - atom.start:
                parts.append(atom.text[max(0, start - atom.start) : end - atom.start])
            elif atom.start >= start:
                parts.append(atom.text)
        return "".join(parts)


@dataclass(frozen=True, slots=True)
class Layout:
    """A source with its units, by start. A unit inside a mark of another one (an `alt` text) comes after that one.

    `references` are the labels that a Markdown text defines, as a parser compares them.
    """

    source: str
    units: tuple[Unit, ...]
    references: frozenset[str] = field(default_factory=frozenset)

    @property
    def visible(self) -> str:
        """What a reader sees, a unit a line; attributes only where there is nothing else."""
        shown = [_seen(unit) for unit in self.units if unit.spelling != "attribute"]
        if not any(line.strip() for line in shown):
            shown = [_seen(unit) for unit in self.units]
        return "\n".join(line for line in shown if line.strip())


def _seen(unit: Unit) -> str:
    return "".join(
        atom.text if atom.kind == "text" else "\n" if atom.kind == "break" else "" for atom in unit.atoms
    ).strip()
