"""Offsets of replies into texts.

The service counts in code points, as Python does, unless it is asked for `offsets="utf16"`, as JavaScript, Java and C#
count. These helpers read either.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import Protocol

from precis_client.options import Offsets

_WIDE = re.compile("[\U00010000-\U0010ffff]")


class Range(Protocol):
    """Anything with a start and an end, such as `Span`."""

    @property
    def start(self) -> int:
        """The first place."""
        ...

    @property
    def end(self) -> int:
        """The place after the last."""
        ...


def slice_text(text: str, span: Range, unit: Offsets = "codepoint") -> str:
    """The part of `text` that a span of a reply names.

    Args:
        text: exactly as it was sent; for `html`, `reply.article.text`.
        span: such as `reply.summary.sentences[0].sources[0]`.
        unit: the `offsets` that were asked for.
    """
    return slices(text, [span], unit)[0]


def slices(text: str, spans: Sequence[Range], unit: Offsets = "codepoint") -> list[str]:
    """As `slice_text`, for many spans of one text."""
    if unit == "codepoint":
        return [text[span.start : span.end] for span in spans]
    # Where in UTF-16 each character begins that takes two units there.
    wide = [match.start() + before for before, match in enumerate(_WIDE.finditer(text))]
    return [text[_codepoint(wide, span.start) : _codepoint(wide, span.end)] for span in spans]


def to_codepoint(text: str, offset: int) -> int:
    """The code point offset of a UTF-16 offset. One inside a pair counts as its beginning."""
    return _codepoint([match.start() + before for before, match in enumerate(_WIDE.finditer(text))], offset)


def to_utf16(text: str, offset: int) -> int:
    """The UTF-16 offset of a code point offset."""
    return offset + sum(1 for _ in _WIDE.finditer(text, 0, offset))


def _codepoint(wide: Sequence[int], offset: int) -> int:
    return offset - bisect_left(wide, offset)
