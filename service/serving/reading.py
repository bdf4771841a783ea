"""The text of a job that somebody reads along with, in reading order though its rows run side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.records import Result, TranslateResult


@dataclass(frozen=True, slots=True)
class Said:
    """More text of a segment; with `replaces` it stands for all that was said of that segment."""

    segment: int
    text: str
    replaces: bool = False


class Reading:
    """What is said of one job: its first row that runs is read along with, those behind it wait for their turn.

    For each segment the pieces, put together, are the segment of the result.

    Args:
        segments: which segment each row of the job belongs to, in the order of the rows.
    """

    def __init__(self, segments: Sequence[int]) -> None:
        self._segments = tuple(segments)
        self._texts = [""] * len(self._segments)
        self._ended = [False] * len(self._segments)
        self._said: dict[int, str] = {}
        self._at = 0

    def more(self, row: int, text: str, *, replaces: bool = False) -> list[Said]:
        """Take in new text of a row, or all of it anew, and return what can be said now."""
        self._texts[row] = text if replaces else self._texts[row] + text
        if row != self._at:
            return []
        segment = self._segments[row]
        if not replaces:
            return self._say(segment, text)
        first = self._segments.index(segment)
        return self._say(segment, "".join(self._texts[first : row + 1]), replaces=True)

    def row_ended(self, row: int) -> list[Said]:
        """Note that a row is complete and return what those behind it have waited to say."""
        self._ended[row] = True
        said: list[Said] = []
        while self._at < len(self._segments) and self._ended[self._at]:
            self._at += 1
            if self._at < len(self._segments):
                said += self._say(self._segments[self._at], self._texts[self._at])
        return said

    def ended(self, result: Result) -> list[Said]:
        """Return what is missing of the result; all of a translation where the engine showed nothing before the end."""
        if not isinstance(result, TranslateResult):
            return []
        said: list[Said] = []
        for segment, text in enumerate(result.segments):
            before = self._said.get(segment, "")
            if text.startswith(before):
                said += self._say(segment, text[len(before) :])
            else:
                said += self._say(segment, text, replaces=True)
        return said

    def _say(self, segment: int, text: str, *, replaces: bool = False) -> list[Said]:
        if not text and not replaces:
            return []
        self._said[segment] = text if replaces else self._said.get(segment, "") + text
        return [Said(segment, text, replaces)]
