"""Emphasis: which runs of `*`, `_` and `~` open and which close it.

Source: https://spec.commonmark.org/0.31.2/#emphasis-and-strong-emphasis
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.pipeline.formats.layout import Atom

if TYPE_CHECKING:
    from service.pipeline.formats.md_inline import Node


@dataclass(slots=True)
class Delimiter:
    """A run of one character that may begin or end emphasis."""

    character: str
    length: int
    opens: bool
    closes: bool


def flanking(text: str, start: int, end: int) -> Delimiter:
    """What a run may do, by what stands on both sides of it."""
    before = text[start - 1] if start else "\n"
    after = text[end] if end < len(text) else "\n"
    left = not after.isspace() and (not _is_sign(after) or before.isspace() or _is_sign(before))
    right = not before.isspace() and (not _is_sign(before) or after.isspace() or _is_sign(after))
    character = text[start]
    if character == "_":
        return Delimiter(
            character, end - start, left and (not right or _is_sign(before)), right and (not left or _is_sign(after))
        )
    return Delimiter(character, end - start, left, right)


def pair_up(nodes: list[Node], name: Callable[[str], str]) -> None:
    """Turn the runs among some nodes into pairs of marks, in place; what finds no partner stays text."""
    runs = [node for node in nodes if node.delimiter is not None]
    opened: list[_Run] = []
    made: list[_Run] = []
    bottom: dict[tuple[str, bool, int], int] = {}
    for node in runs:
        delimiter = node.delimiter
        if delimiter is None:
            continue
        run = _Run(node, delimiter)
        made.append(run)
        if delimiter.closes:
            _close(run, opened, bottom, name)
        if delimiter.opens and run.left < run.right:
            opened.append(run)
        node.delimiter = None
    for run in made:
        run.settle(nodes)


class _Run:
    """What is left of a run, from both ends, and the marks cut from it."""

    def __init__(self, node: Node, delimiter: Delimiter) -> None:
        self.node = node
        self.delimiter = delimiter
        self.left, self.right = node.atom.start, node.atom.end
        self.before: list[Atom] = []
        self.after: list[Atom] = []

    def settle(self, nodes: list[Node]) -> None:
        """Leave the marks where the run stood."""
        if not self.before and not self.after:
            return
        self.node.bracket = ""
        text = self.node.atom.text[: self.right - self.left]
        self.node.atom = Atom("text", self.left, self.right, text)
        self.node.parts = [*self.before, self.node.atom, *reversed(self.after)]


def _close(
    closer: _Run,
    opened: list[_Run],
    bottom: dict[tuple[str, bool, int], int],
    name: Callable[[str], str],
) -> None:
    while closer.left < closer.right:
        key = (closer.delimiter.character, closer.delimiter.opens, closer.delimiter.length % 3)
        low = bottom.get(key, 0)
        place = next((at for at in range(len(opened) - 1, low - 1, -1) if _fits(opened[at], closer)), None)
        if place is None:
            bottom[key] = len(opened)
            return
        opener = opened[place]
        size = min(opener.right - opener.left, closer.right - closer.left)
        size = size if closer.delimiter.character == "~" else min(size, 2)
        mark = name(f"{closer.delimiter.character}{size}")
        opener.after.append(Atom("open", opener.right - size, opener.right, name=mark))
        opener.right -= size
        closer.before.append(Atom("close", closer.left, closer.left + size, name=mark))
        closer.left += size
        del opened[place + 1 :]
        if opener.left == opener.right:
            opened.pop()
        for other, lowest in bottom.items():
            bottom[other] = min(lowest, len(opened))


def _fits(opener: _Run, closer: _Run) -> bool:
    one, other = opener.delimiter, closer.delimiter
    if one.character != other.character:
        return False
    if one.character == "~":
        return opener.right - opener.left == closer.right - closer.left
    if (one.closes or other.opens) and (one.length + other.length) % 3 == 0:
        return one.length % 3 == 0 and other.length % 3 == 0
    return True


def _is_sign(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"
