"""Quotes and list items of a Markdown text: what they put in front of the lines inside of them."""

from __future__ import annotations

import re

QUOTE = re.compile(r" {0,3}> ?")
ITEM = re.compile(r"( {0,3})([-+*]|\d{1,9}[.)])(?=[ \t]|$)")
RULE = re.compile(r" {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$")
_TASK = re.compile(r"\[[ xX]\][ \t]+")
_BLANK_LINE = re.compile(r"[ \t]*$")
_BLANKS = re.compile(r"[ \t]*")
# Nobody nests deeper, and it bounds the time for a line.
_DEEPEST = 64
_A_QUOTE = 0


class Containers:
    """The quotes and items that are open: 0 for a quote, for an item the columns its content is indented by."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._open: list[int] = []

    def __len__(self) -> int:
        return len(self._open)

    @property
    def quoted(self) -> bool:
        """Whether a quote is among them."""
        return _A_QUOTE in self._open

    def enter(self, at: int, end: int) -> tuple[int, int]:
        """Pass what the open containers put in front of a line: where its rest begins, and how many of them go on."""
        for matched, width in enumerate(self._open):
            if width == _A_QUOTE:
                match = QUOTE.match(self._source, at, end)
                if match is None:
                    return at, matched
                at = match.end()
                continue
            if _BLANK_LINE.match(self._source, at, end):
                continue
            columns, stop = 0, at
            while stop < end and columns < width and self._source[stop] in " \t":
                columns += 4 - columns % 4 if self._source[stop] == "\t" else 1
                stop += 1
            if columns < width:
                return at, matched
            at = stop
        return at, len(self._open)

    def leave(self, first: int) -> None:
        """End those from one on."""
        del self._open[first:]

    def begin(self, at: int, end: int, *, interrupting: bool) -> tuple[int, bool]:
        """Open the quotes and items that a line begins: where its rest begins, and whether there were any.

        Args:
            at, end: the line, behind what the open containers put there.
            interrupting: whether a paragraph is open, which not every item ends.
        """
        opened = False
        while len(self._open) < _DEEPEST:
            rest = self._source[at:end]
            if indented(rest) or RULE.match(rest):
                break
            match = QUOTE.match(rest)
            if match is not None:
                self._open.append(_A_QUOTE)
                at += match.end()
                opened = True
                continue
            match = ITEM.match(rest)
            if match is None or (interrupting and not opened and not _may_interrupt(match, rest)):
                break
            at += self._item(match, rest)
            task = _TASK.match(self._source, at, end)
            at = task.end() if task else at
            opened = True
        return at, opened

    def _item(self, match: re.Match[str], rest: str) -> int:
        """Open an item; returns how much of the line it takes."""
        gap = _BLANKS.match(rest, match.end())
        blanks = gap.group() if gap is not None else ""
        columns = len(blanks.expandtabs(4))
        empty = match.end() + len(blanks) >= len(rest)
        width = 1 if empty or columns > 4 else max(1, columns)
        self._open.append(match.end() + width)
        return match.end() + (len(blanks) if "\t" in blanks else min(width, len(blanks)))


def indented(rest: str) -> bool:
    """Whether a line is indented enough to be code."""
    blanks = rest[: len(rest) - len(rest.lstrip(" \t"))]
    return len(blanks.expandtabs(4)) >= 4


def _may_interrupt(match: re.Match[str], rest: str) -> bool:
    return bool(rest[match.end() :].strip()) and match[2] in ("-", "+", "*", "1.", "1)")
