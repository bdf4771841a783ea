"""Blocks of a Markdown text, line by line, with exact places: what is a paragraph and what stays as it is.

Quotes and lists are followed as CommonMark does, so that code, tables and HTML are told apart inside of them too.
Source: https://spec.commonmark.org/0.31.2/#blocks-and-inlines, and GFM for tables
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from service.pipeline.formats import html_tables
from service.pipeline.formats.md_containers import ITEM, QUOTE, RULE, Containers, indented
from service.pipeline.formats.md_links import DEFINITION

BlockKind = Literal["paragraph", "heading", "row", "html", "definition"]

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r|$)")
_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})")
_HEADING = re.compile(r" {0,3}#{1,6}(?:[ \t]+|$)")
_HEADING_END = re.compile(r"(?:^|[ \t]+)#*[ \t]*(?:\{[^{}]*\}[ \t]*)?$")
_SETEXT = re.compile(r" {0,3}(?:=+|-+)[ \t]*$")
_FOOTNOTE = re.compile(r" {0,3}\[\^[^\s\[\]]+\]:[ \t]*")
# Lines of common extensions: containers, admonitions, alerts, tables of contents, block attributes, templates.
_VERBATIM = re.compile(
    r" {0,3}(?::::.*|(?:!!!|\?\?\?\+?)\s.*|\[![A-Za-z]+\][+-]?[ \t]*|\[\[?_?TOC_?\]?\]|\{:?[.#:][^{}]*\}|"
    r"\{%.*%\}|\{\{.*\}\})[ \t]*$"
)
_DEFINED = re.compile(r"[ \t]{0,3}:[ \t]+")
_DIVIDER = re.compile(r" {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_FRONT = re.compile(r"\ufeff?(---|\+\+\+)[ \t]*$")
_TAGS = "|".join(sorted(html_tables.BLOCK - {"pre", "textarea", "plaintext", "xmp"}))
_HTML_STARTS: tuple[tuple[re.Pattern[str], re.Pattern[str] | None], ...] = (
    (
        re.compile(r" {0,3}<(?:script|pre|style|textarea)(?:[\s>]|$)", re.I),
        re.compile(r"</(?:script|pre|style|textarea)>", re.I),
    ),
    (re.compile(r" {0,3}<!--"), re.compile(r"-->")),
    (re.compile(r" {0,3}<\?"), re.compile(r"\?>")),
    (re.compile(r" {0,3}<![A-Za-z]"), re.compile(r">")),
    (re.compile(r" {0,3}<!\[CDATA\["), re.compile(r"\]\]>")),
    (re.compile(rf" {{0,3}}</?(?:{_TAGS})(?:[\s>]|/>|$)", re.I), None),
)
_HTML_ALONE = re.compile(
    r" {0,3}(?:<[A-Za-z][\w-]*(?:\s+[A-Za-z_:][\w.:-]*(?:\s*=\s*(?:[^\s\"'=<>`]+|'[^']*'|\"[^\"]*\"))?)*\s*/?>|"
    r"</[A-Za-z][\w-]*\s*>)[ \t]*$"
)
_MATH = re.compile(r" {0,3}\$\$")


@dataclass(frozen=True, slots=True)
class MdBlock:
    """A block: the places of its lines' content, without what containers put in front of them."""

    kind: BlockKind
    lines: tuple[tuple[int, int], ...]
    quoted: bool = False


def blocks(source: str) -> Iterator[MdBlock]:
    """The blocks of a text that may hold words, in order."""
    scanner = _Scanner(source)
    for match in _LINE.finditer(source, _front_end(source)):
        if match.end() > match.start():
            end = match.end()
            while end > match.start() and source[end - 1] in "\r\n":
                end -= 1
            yield from scanner.line(match.start(), end)
    yield from scanner.end()


def starts_block(line: str) -> bool:
    """Whether a line of a paragraph would begin something else."""
    return bool(
        QUOTE.match(line)
        or (ITEM.match(line))
        or _FENCE.match(line)
        or _HEADING.match(line)
        or _SETEXT.match(line)
        or RULE.match(line)
        or _FOOTNOTE.match(line)
        or _VERBATIM.match(line)
        or _MATH.match(line)
        or DEFINITION.match(line)
        or any(start.match(line) for start, _ in _HTML_STARTS)
    )


def _front_end(source: str) -> int:
    """Where front matter ends; 0 where there is none."""
    first = source.split("\n", 1)[0].rstrip("\r")
    match = _FRONT.match(first)
    if match is None:
        return 0
    close = re.compile(rf"^(?:{re.escape(match[1])}|\.\.\.)[ \t]*\r?$", re.MULTILINE)
    found = close.search(source, len(first) + 1)
    return found.end() if found else 0


class _Scanner:
    """Takes lines; gives back the blocks that have ended."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._containers = Containers(source)
        self._lines: list[tuple[int, int]] = []
        self._html: list[tuple[int, int]] = []
        self._html_end: re.Pattern[str] | None = None
        self._fence = ""
        self._table = False

    def line(self, start: int, end: int) -> Iterator[MdBlock]:
        """Take one line without its break."""
        at, matched = self._containers.enter(start, end)
        rest = self._source[at:end]
        if matched < len(self._containers):
            lazy = self._lines and rest.strip() and not self._breaks(rest)
            if not lazy:
                yield from self._all()
                self._containers.leave(matched)
        if self._fence:
            self._in_fence(rest)
            return
        if self._html:
            if self._html_end is not None or rest.strip():
                self._html.append((at, end))
            if self._html_end.search(rest) if self._html_end is not None else not rest.strip():
                yield from self._html_done()
            return
        yield from self._open(at, end)

    def end(self) -> Iterator[MdBlock]:
        """End everything."""
        yield from self._all()

    def _breaks(self, rest: str) -> bool:
        if indented(rest):
            return False
        return bool(
            QUOTE.match(rest)
            or _FENCE.match(rest)
            or _HEADING.match(rest)
            or RULE.match(rest)
            or ITEM.match(rest)
            or _FOOTNOTE.match(rest)
        )

    def _open(self, at: int, end: int) -> Iterator[MdBlock]:
        at, opened = self._containers.begin(at, end, interrupting=bool(self._lines))
        if opened:
            yield from self._all()
        rest = self._source[at:end]
        if not rest.strip():
            yield from self._all()
            return
        if self._lines and not self._table and self._underline(rest):
            if _DIVIDER.match(rest) and self._is_head(rest):
                self._table = True
                yield from self._row(self._lines.pop())
            else:
                yield from self._all()
            return
        if self._table:
            if not self._breaks(rest):
                yield from self._row((at, end))
                return
            self._table = False
        yield from self._leaf(at, end, rest)

    def _underline(self, rest: str) -> bool:
        return bool(_SETEXT.match(rest)) or (bool(_DIVIDER.match(rest)) and self._is_head(rest))

    def _is_head(self, rest: str) -> bool:
        head = self._source[slice(*self._lines[-1])]
        same = len(cells(head)) == len(cells(rest))
        return len(self._lines) == 1 and same and ("|" in head or "|" in rest)

    def _leaf(self, at: int, end: int, rest: str) -> Iterator[MdBlock]:
        if indented(rest) and not self._lines:
            return  # code
        fence = _FENCE.match(rest)
        if fence is not None or (_MATH.match(rest) and rest.count("$$") == 1):
            yield from self._all()
            self._fence = fence[1] if fence is not None else "$$"
            return
        heading = _HEADING.match(rest)
        if heading is not None:
            yield from self._all()
            close = _HEADING_END.search(rest, heading.end())
            stop = at + (close.start() if close else len(rest))
            yield MdBlock("heading", ((at + heading.end(), max(stop, at + heading.end())),))
            return
        if RULE.match(rest) or _VERBATIM.match(rest):
            yield from self._all()
            return
        for start, close_at in _HTML_STARTS:
            if start.match(rest):
                yield from self._html_begin(at, end, rest, close_at)
                return
        if not self._lines and _HTML_ALONE.match(rest):
            yield from self._html_begin(at, end, rest, None)
            return
        if not self._lines and DEFINITION.match(rest):
            yield MdBlock("definition", ((at, end),))
            return
        mark = _FOOTNOTE.match(rest) or (_DEFINED.match(rest) if self._lines else None)
        if mark is not None:
            yield from self._all()
            at += mark.end()
        content = at + len(self._source[at:end]) - len(self._source[at:end].lstrip(" \t"))
        self._lines.append((content, end))

    def _in_fence(self, rest: str) -> None:
        if self._fence == "$$":
            closed = rest.rstrip().endswith("$$")
        else:
            match = re.match(rf" {{0,3}}{self._fence[0]}{{{len(self._fence)},}}[ \t]*$", rest)
            closed = match is not None
        if closed:
            self._fence = ""

    def _html_begin(self, at: int, end: int, rest: str, close: re.Pattern[str] | None) -> Iterator[MdBlock]:
        yield from self._all()
        self._html = [(at, end)]
        self._html_end = close
        if close is not None and close.search(rest):
            yield from self._html_done()

    def _html_done(self) -> Iterator[MdBlock]:
        lines, self._html, self._html_end = tuple(self._html), [], None
        if lines:
            yield MdBlock("html", lines, self._containers.quoted)

    def _row(self, line: tuple[int, int]) -> Iterator[MdBlock]:
        yield MdBlock("row", (line,))

    def _all(self) -> Iterator[MdBlock]:
        """End the paragraph, the HTML and the fence that are open."""
        self._table = False
        self._fence = ""
        yield from self._html_done()
        lines, self._lines = tuple(self._lines), []
        if lines:
            yield MdBlock("paragraph", lines)


def cells(row: str) -> list[tuple[int, int]]:
    """The places of the cells of a table's row, without outer blanks."""
    found = []
    at = 0
    for match in re.finditer(r"\\.|\||$", row):
        if match[0] not in ("|", ""):
            continue
        piece = row[at : match.start()]
        if piece.strip() or (match[0] and at):
            start = at + len(piece) - len(piece.lstrip())
            found.append((start, start + len(piece.strip())))
        at = match.end()
    return found
