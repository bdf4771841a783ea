"""The inside of a Markdown paragraph with exact places: emphasis, links, code and HTML, as CommonMark and GFM read it.

Source: https://spec.commonmark.org/0.31.2/#inlines
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape

from service.pipeline.formats import md_links
from service.pipeline.formats.html_tables import UNTRANSLATED, VOID, VOID_INLINE
from service.pipeline.formats.layout import Atom, Unit
from service.pipeline.formats.md_delimiters import Delimiter, flanking, pair_up

_TICKS = re.compile("`+")
PUNCTUATION = r"!-/:-@\[-`{-~"
_ATTRIBUTES = r"(?:\s+[A-Za-z_:][\w.:-]*(?:\s*=\s*(?:[^\s\"'=<>`]+|'[^']*'|\"[^\"]*\"))?)*"
_TOKEN = re.compile(
    rf"(?P<escape>\\[{PUNCTUATION}])"
    r"|(?P<hard> {2,}\n|\\\n)"
    r"|(?P<soft> ?\n)"
    r"|(?P<code>`+)"
    r"|(?P<auto><[A-Za-z][A-Za-z0-9.+-]{1,31}:[^\s<>]*>|<[\w.!#$%&'*+/=?^`{|}~-]+@[\w.-]+>)"
    rf"|(?P<comment><!--)|(?P<html><\?[^<>]*\?>|<![A-Za-z][^<>]*>|</[A-Za-z][\w-]*\s*>|<[A-Za-z][\w-]*{_ATTRIBUTES}\s*/?>)"
    r"|(?P<entity>&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{0,31});)"
    r"|(?P<bare>(?<![\w/])(?:https?://|www\.)[^\s<\[\]]*[^\s<\[?!.,:*_~'\")\]]|\{\{[^{}\n]*\}\}|\{%[^\n]{0,200}?%\})"
    r"|(?P<math>\$\$[^$]+\$\$|(?<![\w$\\])\$(?![\s$])[^$\n]{0,200}(?<![\s\\])\$(?![\w$]))"
    r"|(?P<note>\[\^[^\s\[\]]+\](?!:))"
    r"|(?P<image>!\[)|(?P<open>\[)|(?P<close>\])"
    r"|(?P<run>\*+|_+|(?<!~)~~?(?!~))"
)


@dataclass(slots=True)
class Node:
    """A piece of a paragraph while it is read; becomes an atom."""

    atom: Atom
    delimiter: Delimiter | None = None
    bracket: str = ""
    active: bool = True
    parts: list[Atom] = field(default_factory=list)

    @property
    def atoms(self) -> list[Atom]:
        """The atoms it became."""
        return self.parts or [self.atom]


@dataclass(slots=True)
class Inline:
    """What a paragraph holds: its atoms, and units inside its marks (texts of images, titles)."""

    atoms: list[Atom] = field(default_factory=list)
    units: list[Unit] = field(default_factory=list)


def read(text: str, references: frozenset[str], *, cell: bool = False) -> Inline:
    """Read the inside of a paragraph; offsets are those of `text`."""
    reader = _Reader(text, references, cell)
    reader.run()
    return Inline(_joined(text, [atom for node in reader.nodes for atom in node.atoms]), reader.units)


class _Reader:
    def __init__(self, text: str, references: frozenset[str], cell: bool) -> None:
        self._text = text
        self._references = references
        self._cell = cell
        self.nodes: list[Node] = []
        self.units: list[Unit] = []
        self._brackets: list[int] = []
        self._number = 0
        # Lengths of runs of backticks that no other run matches, and whether comments end: each is looked for once.
        self._missing: set[int] = set()
        self._unended = False

    def run(self) -> None:
        """Read all of it."""
        at = 0
        text = self._text
        while True:
            match = _TOKEN.search(text, at)
            if match is None:
                break
            self._plain(at, match.start())
            at = self._take(match)
        self._plain(at, len(text))
        pair_up(self.nodes, self._name)

    def _name(self, kind: str) -> str:
        self._number += 1
        return f"{kind}#{self._number}"

    def _plain(self, start: int, end: int) -> None:
        if start < end:
            self.nodes.append(Node(Atom("text", start, end, self._text[start:end])))

    def _add(self, atom: Atom) -> int:
        self.nodes.append(Node(atom))
        return atom.end

    def _take(self, match: re.Match[str]) -> int:
        """Take one token; returns where reading goes on."""
        kind, (start, end) = match.lastgroup or "", match.span()
        text = match.group()
        if kind == "escape":
            return self._add(Atom("text", start, end, text[1]))
        if kind == "hard":
            return self._add(Atom("break", start, end))
        if kind == "soft":
            return self._add(Atom("text", start, end, "\n"))
        if kind == "entity":
            return self._add(Atom("text", start, end, unescape(text)))
        if kind == "code":
            return self._code(start, end)
        if kind in ("auto", "bare", "math"):
            return self._add(Atom("mask", start, end, text))
        if kind == "note":
            return self._add(Atom("point", start, end))
        if kind == "comment":
            return self._comment(start, end)
        if kind == "html":
            return self._html(match)
        if kind == "run":
            node = Node(Atom("text", start, end, text))
            node.delimiter = flanking(self._text, start, end)
            self.nodes.append(node)
            return end
        return self._bracket(kind, start, end)

    def _code(self, start: int, end: int) -> int:
        size = end - start
        if size not in self._missing:
            for match in _TICKS.finditer(self._text, end):
                if len(match[0]) == size:
                    shown = self._text[end : match.start()].strip()
                    return self._add(Atom("mask", start, match.end(), shown))
            self._missing.add(size)
        return self._add(Atom("text", start, end, self._text[start:end]))

    def _comment(self, start: int, end: int) -> int:
        close = self._text.find("-->", end) if not self._unended else -1
        if close < 0:
            self._unended = True
            return self._add(Atom("text", start, end, self._text[start:end]))
        return self._add(Atom("point", start, close + 3))

    def _html(self, match: re.Match[str]) -> int:
        start, end = match.span()
        text = match.group()
        named = re.match(r"<(/?)([A-Za-z][\w-]*)", text)
        if named is None:
            return self._add(Atom("point", start, end))
        name = named[2].lower()
        if name == "br":
            return self._add(Atom("break", start, end))
        if name in VOID or name in VOID_INLINE or text.endswith("/>"):
            self._attributes(start, end)
            return self._add(Atom("point", start, end))
        if named[1]:
            return self._add(Atom("close", start, end, name=name))
        if name in UNTRANSLATED or re.search(r"""translate=["']?no\b|\bnotranslate\b""", text):
            close = re.compile(rf"</{re.escape(name)}\s*>", re.IGNORECASE).search(self._text, end)
            if close is not None:
                shown = unescape(re.sub(r"<[^<>]*>", "", self._text[end : close.start()])).strip()
                kind = "mask" if any(one.isalnum() for one in shown) and name not in ("script", "style") else "point"
                return self._add(Atom(kind, start, close.end(), shown))  # type: ignore[arg-type]
        self._attributes(start, end)
        return self._add(Atom("open", start, end, name=name))

    def _attributes(self, start: int, end: int) -> None:
        self.units += md_links.html_attributes(self._text, start, end)

    def _bracket(self, kind: str, start: int, end: int) -> int:
        if kind != "close":
            node = Node(Atom("text", start, end, self._text[start:end]), bracket=kind)
            self._brackets.append(len(self.nodes))
            self.nodes.append(node)
            return end
        if not self._brackets:
            return self._add(Atom("text", start, end, "]"))
        opened = self._brackets.pop()
        bracket = self.nodes[opened]
        inside = bracket.atom.end
        found = md_links.tail(self._text, inside, start, self._references) if bracket.active else None
        if found is None:
            return self._add(Atom("text", start, end, "]"))
        pair_up(self.nodes[opened + 1 :], self._name)
        self.units += found.title
        if bracket.bracket == "image":
            return self._image(opened, start, found.end)
        name = self._name(f"link {found.target}")
        bracket.atom = Atom("open", bracket.atom.start, inside, name=name)
        for index in self._brackets:
            # A link holds no other link.
            if self.nodes[index].bracket == "open":
                self.nodes[index].active = False
        return self._add(Atom("close", start, found.end, name=name, raw=found.raw))

    def _image(self, opened: int, start: int, end: int) -> int:
        inner = _joined(self._text, [atom for node in self.nodes[opened + 1 :] for atom in node.atoms])
        first = self.nodes[opened].atom
        if inner and all(atom.kind != "break" for atom in inner):
            spelling = "cell" if self._cell else "markdown"
            self.units.append(Unit(first.end, start, tuple(inner), spelling))  # type: ignore[arg-type]
        del self.nodes[opened:]
        return self._add(Atom("point", first.start, end))


def _joined(text: str, atoms: list[Atom]) -> list[Atom]:
    """The same atoms, with neighbouring plain texts as one."""
    result: list[Atom] = []
    for atom in _parted(atoms):
        last = result[-1] if result else None
        if last is not None and _is_plain(text, last) and _is_plain(text, atom):
            result[-1] = Atom("text", last.start, atom.end, last.text + atom.text)
        else:
            result.append(atom)
    return result


def _parted(atoms: list[Atom]) -> Iterator[Atom]:
    return (atom for atom in atoms if atom.start < atom.end)


def _is_plain(text: str, atom: Atom) -> bool:
    return atom.kind == "text" and atom.text != "\n" and text[atom.start : atom.end] == atom.text
