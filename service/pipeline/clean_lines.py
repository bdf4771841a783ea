"""A text as the lines that cleaning judges: wrapped lines joined, each with the few facts that rules ask for."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE = re.compile(r"[^\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+")
# Scripts written without spaces between words, and how many characters make about one word.
_HAN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
_SOUTH_EAST = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
_HAN_PER_WORD = 2
_SOUTH_EAST_PER_WORD = 5
_STOPLESS = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u0f00-\u0fff]")
_ARMENIAN = re.compile(r"[\u0530-\u058f]")

_ITEM = re.compile(r"(?:[-*•‣◦●■▪–—·+✓✔➤►]|\(?(?:\d{1,3}|[a-zA-Z])[.)]|#\d+|#{1,6}|={2,6})\s")
_STOPS = frozenset(".!?…。！？．｡؟۔।॥։។៕။၏‽⁇⁈⁉")
_CLOSERS = "\"'”’»›“)]}」』）】〉》*_ \u00a0\u200b\u200e\u200f\ufeff"

# Longest line that a text wrapped by hand or by a mail program has.
_WRAP_WIDTH = 120
_WRAP_LINES = 3


@dataclass(slots=True)
class Line:
    """A line, or several that were wrapped, as the half-open range `start:end` of the text.

    Attributes:
        text: the line itself, without outer blanks.
        words: how many words it has; about that many where a script has no spaces.
        closed: it ends as a sentence ends, or as well as its script and text let one tell.
        item: it opens with a bullet or a number.
        rule: the rule that drops it, or None while it is kept.
    """

    start: int
    end: int
    text: str
    words: int
    closed: bool
    item: bool
    rule: str | None = None

    @property
    def prose(self) -> bool:
        """Whether it reads like a sentence of running text."""
        return self.words >= 25 or (self.closed and self.words >= 8)


@dataclass(frozen=True, slots=True)
class Script:
    """What the text as a whole says about how its sentences end and its words divide."""

    dense: bool
    stopless: bool
    stops: frozenset[str]


def script_of(text: str) -> Script:
    """Return how sentences and words can be told apart in `text`, from its first 20 000 characters."""
    if text.isascii():
        return Script(False, False, _STOPS)
    sample = text[:20_000]
    letters = len(sample)
    south_east = len(_SOUTH_EAST.findall(sample))
    dense = south_east > letters // 50 or _HAN.search(sample) is not None
    stopless = len(_STOPLESS.findall(sample)) > letters // 4
    # Armenian may close a sentence with a colon from a Latin keyboard.
    stops = _STOPS | {":"} if len(_ARMENIAN.findall(sample)) > letters // 4 else _STOPS
    return Script(dense, stopless, stops)


def count_words(text: str, dense: bool) -> int:
    """Return how many words `text` has, counting characters where words are not spaced."""
    words = len(text.split())
    if dense and not text.isascii():
        estimate = len(_HAN.findall(text)) // _HAN_PER_WORD + len(_SOUTH_EAST.findall(text)) // _SOUTH_EAST_PER_WORD
        return max(words, estimate)
    return words


def ends_closed(text: str, stops: frozenset[str]) -> bool:
    """Return whether `text` ends as a sentence does, quotes and brackets aside."""
    last = text[-1:]
    if last in stops:
        return True
    core = text.rstrip(_CLOSERS)
    return bool(core) and core[-1] in stops


def make_line(text: str, start: int, end: int, script: Script) -> Line:
    """Return the line at `start:end` with its facts."""
    content = text[start:end]
    words = count_words(content, script.dense)
    closed = ends_closed(content, script.stops) or (script.stopless and words >= 10)
    return Line(start, end, content, words, closed, _ITEM.match(content) is not None)


def split_lines(text: str) -> list[Line]:
    """Return the lines of `text` that hold anything, wrapped ones joined.

    Args:
        text: plain text of any length.

    Returns:
        Lines in order, none overlapping; together they hold every character of `text` that is not white space.
    """
    script = script_of(text)
    runs: list[list[tuple[int, int]]] = []
    previous_end = -1
    for match in _LINE.finditer(text):
        raw = match.group()
        content = raw.strip()
        if not content:
            continue
        start = match.start() + len(raw) - len(raw.lstrip())
        # One line break, whatever it is made of, is at most two characters.
        gap = text[previous_end:start] if previous_end >= 0 else ""
        if runs and gap.count("\n") <= 1 and len(gap) <= 4 and "\u2029" not in gap:
            runs[-1].append((start, start + len(content)))
        else:
            runs.append([(start, start + len(content))])
        previous_end = start + len(content)
    column = _wrap_column(text, runs, script)
    lines: list[Line] = []
    for run in runs:
        spans = run if len(run) == 1 else _join_wrapped(text, run, script, column)
        lines.extend(make_line(text, start, end, script) for start, end in spans)
    return lines


def _wrap_column(text: str, runs: list[list[tuple[int, int]]], script: Script) -> int:
    """The column at which the text as a whole was broken, or 0."""
    width = max((end - start for run in runs for start, end in run), default=0)
    if not 30 <= width <= _WRAP_WIDTH:
        return 0
    pairs = [(run, i) for run in runs for i in range(len(run) - 1)]
    full = sum(_is_full(text, run, i, width) for run, i in pairs)
    is_open = any(not ends_closed(text[run[i][0] : run[i][1]], script.stops) for run, i in pairs)
    return width if len(pairs) >= _WRAP_LINES and full >= 0.6 * len(pairs) and is_open else 0


def _join_wrapped(text: str, run: list[tuple[int, int]], script: Script, column: int) -> list[tuple[int, int]]:
    """Join the lines of one run that are the same paragraph, broken at a column or inside a sentence."""
    width = column or max(end - start for start, end in run)
    full = [_is_full(text, run, i, width) for i in range(len(run) - 1)]
    wrapped = column > 0 or (
        len(run) >= _WRAP_LINES
        and 30 <= width <= _WRAP_WIDTH
        and sum(full) >= 0.6 * len(full)
        and any(not ends_closed(text[start:end], script.stops) for start, end in run[:-1])
    )
    joined = [run[0]]
    for i in range(1, len(run)):
        start, end = run[i]
        before = text[run[i - 1][0] : run[i - 1][1]]
        after = text[start:end]
        glue = wrapped and full[i - 1] and not _ITEM.match(after)
        if not glue and after[0].islower() and not ends_closed(before, script.stops) and before[-1] not in ":;,|":
            glue = len(before.split()) >= 4 or len(after.split()) >= 6
        if glue:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _is_full(text: str, run: list[tuple[int, int]], i: int, width: int) -> bool:
    """Whether the next line's first word would not have fitted on line `i`."""
    start, end = run[i]
    next_start, next_end = run[i + 1]
    head = text[next_start : min(next_end, next_start + 40)].split(maxsplit=1)
    return (end - start) + 1 + len(head[0] if head else "") > width * 0.97
