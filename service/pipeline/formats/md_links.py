"""What follows the text of a Markdown link or image: its destination and title, or the label of a definition."""

from __future__ import annotations

import re
from dataclasses import dataclass

from service.pipeline.formats.html_units import read as read_html
from service.pipeline.formats.html_units import text_atoms
from service.pipeline.formats.layout import Atom, Unit

_DESTINATION = r"<(?:[^<>\n\\]|\\.)*>|(?:[^\s()\\<]|\\.|\((?:[^\s()\\]|\\.|\((?:[^\s()\\]|\\.)*\))*\))(?:[^\s()\\]|\\.|\((?:[^\s()\\]|\\.|\((?:[^\s()\\]|\\.)*\))*\))*|"  # noqa: E501
_TITLE = r"\"(?P<double>(?:[^\"\\]|\\.)*)\"|'(?P<single>(?:[^'\\]|\\.)*)'|\((?P<round>(?:[^()\\]|\\.)*)\)"
_INLINE = re.compile(rf"\(\s*(?P<to>{_DESTINATION})(?:\s+(?:{_TITLE}))?\s*\)", re.DOTALL)
_LABEL = re.compile(r"\[((?:[^\[\]\\]|\\.){0,999})\]")
DEFINITION = re.compile(
    rf" {{0,3}}\[(?!\^)(?P<label>(?:[^\[\]\\]|\\.){{1,999}})\]:[ \t]*(?P<to>{_DESTINATION})"
    rf"(?:[ \t]+(?:{_TITLE}))?[ \t]*$"
)
_QUOTES = {"double": '"', "single": "'", "round": ")"}
_BLANKS = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Tail:
    """How a link ends: where, what it points to, its title as a unit, and `raw` for where its text changes."""

    end: int
    target: str
    title: tuple[Unit, ...] = ()
    raw: str | None = None


def label_of(text: str) -> str:
    """A label as labels are compared."""
    return _BLANKS.sub(" ", text.strip()).casefold()


def tail(text: str, inside: int, close: int, references: frozenset[str]) -> Tail | None:
    """What follows the `]` at `close`; None when the brackets are no link.

    Args:
        text: of the paragraph.
        inside: where the text in the brackets begins.
        close: where it ends.
        references: labels that are defined.
    """
    match = _INLINE.match(text, close + 1)
    if match is not None:
        return Tail(match.end(), f"({match['to']}", title_of(match))
    label = _LABEL.match(text, close + 1)
    if label is not None and label[1].strip():
        return Tail(label.end(), label_of(label[1])) if label_of(label[1]) in references else None
    own = text[inside:close]
    if label_of(own) in references and "[" not in own:
        # The text is the label: once it is translated the label has to be written out.
        return Tail(label.end() if label is not None else close + 1, label_of(own), raw=f"][{own}]")
    return None


def title_of(match: re.Match[str]) -> tuple[Unit, ...]:
    """The title of a link as a unit, if there is one."""
    for group, quote in _QUOTES.items():
        start, end = match.span(group)
        if start < end:
            return (Unit(start, end, tuple(_title_atoms(match.string, start, end)), "title", quote),)
    return ()


def _title_atoms(text: str, start: int, end: int) -> list[Atom]:
    atoms: list[Atom] = []
    at = start
    for match in re.compile(r"\\([!-/:-@\[-`{-~])").finditer(text, start, end):
        atoms += text_atoms(text, at, match.start())
        atoms.append(Atom("text", match.start(), match.end(), match[1]))
        at = match.end()
    return atoms + text_atoms(text, at, end)


def html_attributes(text: str, start: int, end: int) -> list[Unit]:
    """The attributes of an inline tag that people read."""
    units = read_html(text[start:end]).units
    return [shifted(unit, start) for unit in units if unit.spelling == "attribute"]


def shifted(unit: Unit, by: int) -> Unit:
    """A unit at another place."""
    atoms = tuple(
        Atom(atom.kind, atom.start + by, atom.end + by, atom.text, atom.name, atom.raw) for atom in unit.atoms
    )
    return Unit(unit.start + by, unit.end + by, atoms, unit.spelling, unit.quote, unit.line_start)
