"""Long texts in pieces under a bound, with nothing left out."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Iterable, Sequence

from service.records import Chunk, Segment

# Where a text that is too long is cut, best first: after these, seen from the end of the window.
_JOINTS = ("\n", ". ", "。", "! ", "? ", "; ", ", ", "，", "、", " ")


def slices(text: str, most: int) -> list[str]:
    """Return pieces of at most `most` characters that together are the text, cut where a reader would pause."""
    found: list[str] = []
    start = 0
    while len(text) - start > most:
        end = _joint(text, start, start + most)
        found.append(text[start:end])
        start = end
    found.append(text[start:])
    return found


def _joint(text: str, start: int, end: int) -> int:
    middle = (start + end) // 2
    for joint in _JOINTS:
        at = text.rfind(joint, middle, end)
        if at >= 0:
            return at + len(joint)
    return end


def lines(segments: Iterable[Segment]) -> list[str]:
    """The paragraphs that segments make, each a line."""
    found: list[list[str]] = []
    paragraph = -1
    for segment in segments:
        if not found or segment.paragraph != paragraph:
            found.append([])
            paragraph = segment.paragraph
        found[-1].append(segment.text)
    return [" ".join(parts) for parts in found]


def pack(texts: Sequence[str], most: int) -> list[str]:
    """Return the texts joined by line breaks into pieces of at most `most` characters; longer ones are cut."""
    packed: list[list[str]] = []
    room = 0
    for text in texts:
        for piece in slices(text, most):
            if not packed or len(piece) + 1 > room:
                packed.append([])
                room = most
            packed[-1].append(piece)
            room -= len(piece) + 1
    return ["\n".join(parts) for parts in packed]


def spans(segments: Sequence[Segment], packed: Sequence[str]) -> tuple[Chunk, ...]:
    """Return which stretch of the segments each packed piece holds, told by the characters that are not blank."""
    ends = list(itertools.accumulate(_visible(segment.text) for segment in segments))

    def place(number: int) -> tuple[int, int]:
        index = bisect_right(ends, number)
        text = segments[index].text
        left = number - (ends[index - 1] if index else 0)
        return index, next(itertools.islice((at for at, one in enumerate(text) if not one.isspace()), left, None))

    found: list[Chunk] = []
    begin = 0
    for piece in packed:
        end = begin + _visible(piece)
        if end > begin:
            (first, start), (last, stop) = place(begin), place(end - 1)
            found.append(Chunk(first, start, last, stop + 1))
        begin = end
    return tuple(found)


def _visible(text: str) -> int:
    return sum(map(len, text.split()))
