"""Units of an HTML text: blocks with their inline marks, titles, and the attributes that people read.

Works on tokens with their places and on a small part of the standard's tree construction: which elements are open.
Nothing is parsed into a tree and written again, so what is not translated stays byte for byte, broken or not.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from html import unescape
from html.entities import html5

from service.pipeline.formats import html_tables as tables
from service.pipeline.formats.html_scan import Attribute, Token, scan
from service.pipeline.formats.layout import Atom, Layout, Unit

_ENTITY = re.compile(r"&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[A-Za-z][A-Za-z0-9]*;?)")
# How far down the open elements are searched: no page of people nests deeper, and it bounds the time.
_DEEPEST = 256


@dataclass(slots=True)
class _Open:
    """An open element: whether attributes and whether text in it may be translated."""

    name: str
    attributes: bool
    text: bool
    inline: bool


def read(source: str) -> Layout:
    """The units of a page or a fragment."""
    reader = _Reader(source)
    for token in scan(source):
        reader.take(token)
    reader.flush()
    reader.units.sort(key=lambda unit: (unit.start, -unit.end))
    return Layout(source, tuple(reader.units))


def text_atoms(source: str, start: int, end: int, *, attribute: bool = False) -> list[Atom]:
    """The atoms of a stretch of text: entities are read, everything else stands for itself."""
    atoms: list[Atom] = []
    at = start
    for match in _ENTITY.finditer(source, start, end):
        if (
            attribute
            and not match[0].endswith(";")
            and not _ends_bare(match[0][1:], source[match.end() : match.end() + 1])
        ):
            continue
        text = unescape(match[0])
        if text == match[0]:
            continue
        if match.start() > at:
            atoms.append(Atom("text", at, match.start(), source[at : match.start()]))
        atoms.append(Atom("text", match.start(), match.end(), text))
        at = match.end()
    if at < end:
        atoms.append(Atom("text", at, end, source[at:end]))
    return atoms


def _ends_bare(name: str, following: str) -> bool:
    """Whether an entity without a semicolon counts in an attribute, where `&copy=1` is part of an address."""
    return name.startswith("#") or (name in html5 and following != "=")


class _Reader:
    """Takes tokens in order; gathers atoms until a block begins or ends."""

    def __init__(self, source: str) -> None:
        self._source = source
        self.units: list[Unit] = []
        self._atoms: list[Atom] = []
        self._stack: list[_Open] = [_Open("", True, True, False)]
        self._names: Counter[str] = Counter()
        # The untranslated inline element that is being passed over: where it began, how deep, and what it shows.
        self._masked: tuple[int, int] | None = None
        self._shown: list[str] = []

    def take(self, token: Token) -> None:
        """Take one token."""
        if token.kind == "open":
            self._open(token)
        elif token.kind == "close":
            self._close(token)
        elif token.kind == "rcdata" and token.name == "title":
            if self._stack[-1].text and self._masked is None:
                atoms = text_atoms(self._source, token.start, token.end)
                self.units.append(Unit(token.start, token.end, tuple(atoms), "html"))
        elif token.kind in ("raw", "rcdata"):
            pass
        elif self._masked is not None:
            if token.kind == "text":
                self._shown.append(self._source[token.start : token.end])
        elif token.kind == "other":
            self._add(Atom("point", token.start, token.end))
        elif self._stack[-1].text:
            self._atoms += text_atoms(self._source, token.start, token.end)
        else:
            self.flush()

    def flush(self) -> None:
        """End the unit that is being gathered."""
        atoms, self._atoms = self._atoms, []
        if any(atom.kind == "text" and not atom.text.isspace() for atom in atoms):
            self.units.append(Unit(atoms[0].start, atoms[-1].end, tuple(atoms), "html"))

    def _add(self, atom: Atom) -> None:
        if self._masked is None and (self._stack[-1].text or atom.kind == "close"):
            self._atoms.append(atom)

    def _open(self, token: Token) -> None:
        name = token.name
        if self._masked is not None:
            if not (token.closed or name in tables.VOID):
                self._push(_Open(name, False, False, True))
            return
        self._imply_ends(name)
        parent = self._stack[-1]
        opened = _opened(token, self._source, parent)
        if opened.attributes:
            self._read_attributes(token)
        alone = name in tables.VOID or (token.closed and (not tables.is_known(name) or name in ("svg", "math")))
        if alone:
            self._void(token)
            return
        if opened.inline and opened.text:
            self._add(Atom("open", token.start, token.end, name=name))
        elif opened.inline and parent.text:
            self._push(opened)
            self._masked = (token.start, len(self._stack))
            return
        else:
            self.flush()
        self._push(opened)

    def _void(self, token: Token) -> None:
        if token.name == "br":
            self._add(Atom("break", token.start, token.end))
        elif token.name in tables.VOID_INLINE or not tables.is_known(token.name) or token.closed:
            if token.name in tables.BLOCK:
                self.flush()
            else:
                self._add(Atom("point", token.start, token.end))
        else:
            self.flush()

    def _close(self, token: Token) -> None:
        name = token.name
        if name == "br":
            self._add(Atom("break", token.start, token.end))
            return
        depth = self._depth_of(name)
        if depth is None:
            if self._masked is not None:
                return
            if tables.is_inline(name):
                self._add(Atom("close", token.start, token.end, name=name))
            else:
                self.flush()
            return
        if self._masked is not None and depth + 1 < self._masked[1]:
            self._unmask(token.start)
        masked = self._masked is not None
        shown = self._stack[depth]
        while len(self._stack) > depth:
            self._pop()
        if masked:
            if self._masked is not None and len(self._stack) < self._masked[1]:
                self._unmask(token.end)
            return
        if shown.inline and shown.text:
            self._add(Atom("close", token.start, token.end, name=name))
        else:
            self.flush()

    def _unmask(self, end: int) -> None:
        start = self._masked[0] if self._masked is not None else end
        self._masked = None
        text = unescape("".join(self._shown))
        self._shown = []
        solid = any(character.isalnum() for character in text)
        self._atoms.append(Atom("mask" if solid else "point", start, end, " ".join(text.split())))

    def _push(self, opened: _Open) -> None:
        self._stack.append(opened)
        self._names[opened.name] += 1

    def _pop(self) -> None:
        self._names[self._stack.pop().name] -= 1

    def _depth_of(self, name: str) -> int | None:
        """Where the element is that an end tag ends."""
        if not self._names[name]:
            return None
        for depth in range(len(self._stack) - 1, max(0, len(self._stack) - _DEEPEST), -1):
            one = self._stack[depth].name
            if one == name:
                return depth
            if one in tables.BARRIERS and name not in tables.BARRIERS and name not in tables.ENDED_BY:
                return None
        return None

    def _imply_ends(self, name: str) -> None:
        """End what a start tag ends without saying so."""
        if name in tables.ENDS_PARAGRAPH and self._names["p"]:
            self._end_open(frozenset(("p",)), tables.BARRIERS)
        wanted = _ENDS.get(name)
        while wanted and any(self._names[one] for one in wanted) and self._end_open(wanted, tables.LIST_BARRIERS):
            pass

    def _end_open(self, names: frozenset[str], barriers: frozenset[str]) -> bool:
        for depth in range(len(self._stack) - 1, max(0, len(self._stack) - _DEEPEST), -1):
            if self._stack[depth].name in names:
                self.flush()
                while len(self._stack) > depth:
                    self._pop()
                return True
            if self._stack[depth].name in barriers:
                return False
        return False

    def _read_attributes(self, token: Token) -> None:
        known = {attribute.name: attribute for attribute in reversed(token.attributes)}
        for name, attribute in known.items():
            wanted = name in tables.ATTRIBUTES or token.name in tables.ELEMENT_ATTRIBUTES.get(name, ())
            if token.name == "meta":
                wanted = name == "content" and self._kind_of(known) in tables.META
            if wanted and attribute.end > attribute.start:
                atoms = text_atoms(self._source, attribute.start, attribute.end, attribute=True)
                self.units.append(Unit(attribute.start, attribute.end, tuple(atoms), "attribute", attribute.quote))

    def _kind_of(self, known: dict[str, Attribute]) -> str:
        for name in ("name", "property", "itemprop"):
            attribute = known.get(name)
            if attribute is not None:
                return self._source[attribute.start : attribute.end].strip().lower()
        return ""


_ENDS: dict[str, frozenset[str]] = {
    starter: frozenset(name for name, by in tables.ENDED_BY.items() if starter in by)
    for starter in {one for by in tables.ENDED_BY.values() for one in by}
}


def _opened(token: Token, source: str, parent: _Open) -> _Open:
    """What a start tag opens: `translate` and `notranslate` hold inside, until another one says more."""
    attributes, text = parent.attributes, parent.text
    if token.name in tables.UNTRANSLATED:
        text = False
    for attribute in token.attributes:
        value = source[attribute.start : attribute.end].strip().lower()
        if attribute.name == "translate":
            if value == "no":
                attributes = text = False
            elif value in ("", "yes"):
                attributes = text = True
        elif attribute.name == "class" and "notranslate" in value.split():
            attributes = text = False
    raw = token.name in tables.RAW_TEXT or token.name in ("textarea", "svg", "math")
    return _Open(token.name, attributes, text and not raw, tables.is_inline(token.name))
