"""How a translation job is cut into rows and put together again; what is not translated keeps every character."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from service.engines.apertium.text import has_words
from service.records import Segment

# Rows of one size let jobs take turns; a pipeline holds this many characters for some tens of milliseconds.
ROW_CHARACTERS = 2000
_PARAGRAPHS = re.compile(r"(\s*\n\s*\n\s*)")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a segment; kept as it is, or translated."""

    text: str
    translate: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """The pieces of each segment, and the texts of each row: in order, the pieces that are translated."""

    segments: tuple[tuple[Piece, ...], ...]
    rows: tuple[tuple[str, ...], ...]


def make_plan(segments: Sequence[Segment]) -> Plan:
    """Cut segments into rows of about `ROW_CHARACTERS`; at least one row, at least one piece a row if there are any."""
    planned = tuple(tuple(_pieces(segment.text)) for segment in segments)
    rows: list[list[str]] = [[]]
    size = 0
    for pieces in planned:
        for piece in pieces:
            if not piece.translate:
                continue
            if rows[-1] and size + len(piece.text) > ROW_CHARACTERS:
                rows.append([])
                size = 0
            rows[-1].append(piece.text)
            size += len(piece.text)
    return Plan(planned, tuple(tuple(row) for row in rows))


def assemble(plan: Plan, outputs: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Put translated pieces in their places.

    Args:
        plan: what `make_plan` gave.
        outputs: for each row its translated texts, in order.
    Returns:
        One text a segment.
    """
    translated = iter([text for row in outputs for text in row])
    return tuple(
        "".join(next(translated) if piece.translate else piece.text for piece in pieces) for pieces in plan.segments
    )


def outer(text: str) -> tuple[str, str, str]:
    """Leading whitespace, the rest, trailing whitespace."""
    body = text.lstrip()
    start = len(text) - len(body)
    core = body.rstrip()
    return text[:start], core, body[len(core) :]


def _pieces(text: str) -> Iterator[Piece]:
    for at, part in enumerate(_PARAGRAPHS.split(text)):
        before, core, after = outer(part)
        if at % 2 or not has_words(core):
            if part:
                yield Piece(part, translate=False)
            continue
        if before:
            yield Piece(before, translate=False)
        yield from _bounded(core)
        if after:
            yield Piece(after, translate=False)


def _bounded(text: str) -> Iterator[Piece]:
    """Cut a long text near sentence ends, else at blanks, else anywhere."""
    start = 0
    while len(text) - start > ROW_CHARACTERS:
        end = start + ROW_CHARACTERS
        window = text[start:end]
        cut = max(window.rfind(stop) for stop in (". ", "! ", "? ", "\n"))
        cut = cut + 1 if cut > ROW_CHARACTERS // 2 else window.rfind(" ")
        end = start + cut if cut > 0 else end
        yield from _framed(text[start:end])
        start = end
    yield from _framed(text[start:])


def _framed(text: str) -> Iterator[Piece]:
    before, core, after = outer(text)
    if before:
        yield Piece(before, translate=False)
    if core:
        yield Piece(core, translate=has_words(core))
    if after:
        yield Piece(after, translate=False)
