"""Offsets in the unit a caller counts in."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable

_ASTRAL = re.compile(r"[\U00010000-\U0010ffff]")


def utf16_map(text: str) -> Callable[[int], int]:
    """A function from code point offsets into `text` to UTF-16 offsets, as JavaScript, Java and C# count.

    Setting it up reads the text once; a look-up is logarithmic in the number of characters outside the basic plane,
    and the identity where there is none.
    """
    if text.isascii():
        return _same
    wide = [match.start() for match in _ASTRAL.finditer(text)]
    if not wide:
        return _same
    return lambda offset: offset + bisect_left(wide, offset)


def _same(offset: int) -> int:
    return offset
