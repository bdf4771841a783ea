"""Which lines of a scraped text are the article: structure first, wording second.

Two kinds of text come in. A *page* is everything a browser shows, menus and teasers included, one line each: there the
article is the stretch of lines that gathers most running text (a maximum-sum segment, after Pasternack and Roth,
"Extracting article text from the web with maximum subsequence segmentation", WWW 2009). Anything else is taken for an
*article* with some boilerplate around and in it: there a line goes only for a reason of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from service.pipeline.clean_cues import find_cue
from service.pipeline.clean_lines import Line

_PAGE_FRAGMENTS = 10
_TITLE_REACH = 40
_TITLE_WORDS = (2, 32)
_LABEL_WORDS = 4
_LINKS = 8
_LINK_WORDS = 22

_TITLE_OPENERS = "\"'“‘«„「『《【¿¡(#$€£@"
_LONG_WORD = re.compile(r"\w{4,}")
_DIVIDER = re.compile(r" [|•·»/>←→] |https?:|@\w+\.|\.(?:com|org|net)\b")
_CLOCK_OR_DAY = re.compile(r"\d[:.h]\d\d|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\b\d{1,2},? (?:19|20)\d\d\b")
_LETTER = re.compile(r"[^\W\d_]")
_DATE = re.compile(r"\b(?:19|20)\d\d\b|\b\d{1,2}[:.h]\d\d\b|\b\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b|年\d+月|년 ?\d+월")
_CREDIT = re.compile(
    r"©|\((?:[^()]*[/|][^()]*|AP|AFP|Reuters|EPA)\)\s*$"
    r"|\b(?:Getty Images|Shutterstock|iStock|AFP|Reuters|EPA|dpa)\)?\s*$"
)


def judge(lines: Sequence[Line]) -> int | None:
    """Set the rule of every line that goes, and return the index of the title.

    Args:
        lines: the lines of a text in order; their `rule` fields are written.

    Returns:
        The index of the title's line, or None where nothing reads like one. The title's own rule is None.
    """
    if len(lines) < 2:
        return None
    for line in lines:
        line.rule = own_rule(line)
    _drop_related(lines)
    prose = [i for i, line in enumerate(lines) if line.prose and line.rule is None]
    if not prose:
        return _without_prose(lines)
    page = _is_page(lines)
    if page:
        _drop_dates(lines)
    first, last = _body(lines) if page else (prose[0], prose[-1])
    title = find_title(lines, first)
    if page:
        _drop_outside(lines, first, last, title)
        _drop_runs(lines, first, last)
        _drop_repeats(lines, first, last)
    else:
        _drop_head(lines, first, title)
        _drop_tail(lines, last, len(prose))
    if title is not None:
        lines[title].rule = None
    return title


def find_title(lines: Sequence[Line], first: int) -> int | None:
    """Return the index of the line that reads like the headline of the prose that begins at `first`, or None.

    A headline has the length of one, stands close to the story and shares words with how it begins.
    """
    story = frozenset(_LONG_WORD.findall(" ".join(line.text[:600] for line in lines[first : first + 3]).casefold()))
    best: tuple[float, int] | None = None
    for i in range(max(0, first - _TITLE_REACH), first):
        line = lines[i]
        if not _may_be_title(line):
            continue
        shared = len(story.intersection(_LONG_WORD.findall(line.text.casefold())))
        score = min(line.words, 9) + 1.5 * min(shared, 4) - 0.25 * (first - i)
        if _DIVIDER.search(line.text):
            score -= 5
        if best is None or score > best[0]:
            best = (score, i)
    return best[1] if best else None


def _may_be_title(line: Line) -> bool:
    text = line.text
    if line.rule is not None or line.item or not _TITLE_WORDS[0] <= line.words <= _TITLE_WORDS[1]:
        return False
    if line.closed and text[-1] not in '?!？！؟”’"»':
        return False
    if text[-1] in ":：,;" or not (text[0].isalnum() or text[0] in _TITLE_OPENERS) or not _LETTER.search(text):
        return False
    return not (line.words <= 14 and _DATE.search(text) and (line.words <= 8 or _CLOCK_OR_DAY.search(text)))


def own_rule(line: Line) -> str | None:
    """Return the rule a line falls under on its own, wherever it stands, or None."""
    if not _LETTER.search(line.text):
        return "ornament" if not any(c.isdigit() for c in line.text) else None
    rule = find_cue(line.text, line.words, line.closed)
    if rule is None and not line.closed and line.words <= 40 and _CREDIT.search(line.text):
        return "caption"
    return rule


def _without_prose(lines: Sequence[Line]) -> int | None:
    """A text of fragments only: a poem, a list, a chat. Only lines that say what they are may go."""
    if all(line.rule is not None for line in lines):
        for line in lines:
            line.rule = None
    return None


def _is_page(lines: Sequence[Line]) -> bool:
    loose = sum(1 for line in lines if not line.closed and not line.item and line.words < 16)
    return loose >= _PAGE_FRAGMENTS and loose >= 0.35 * len(lines)


def _drop_dates(lines: Sequence[Line]) -> None:
    """Drop lines that are little more than a date: they stand over stories, teasers and comments."""
    for line in lines:
        if line.rule is None and not line.prose and line.words <= 9 and _DATE.search(line.text):
            line.rule = "timestamp"


def _weight(line: Line) -> float:
    if line.rule is not None:
        return -60.0 if line.rule == "comments" else -12.0
    if line.closed:
        return min(line.words, 50) - 6.0
    if line.words >= 25:
        return 0.4 * min(line.words, 50)
    return -6.0


def _body(lines: Sequence[Line]) -> tuple[int, int]:
    """The stretch of lines with the largest sum of weights; both ends are prose."""
    best, best_range = float("-inf"), (0, len(lines) - 1)
    total, start = 0.0, 0
    for i, line in enumerate(lines):
        weight = _weight(line)
        if total <= 0:
            total, start = 0.0, i
        total += weight
        if total > best:
            best, best_range = total, (start, i)
    return best_range


def _drop_outside(lines: Sequence[Line], first: int, last: int, title: int | None) -> None:
    for i, line in enumerate(lines):
        if i < first and i != title:
            line.rule = line.rule or "page_head"
        elif i > last:
            line.rule = line.rule or "page_tail"


def _drop_runs(lines: Sequence[Line], first: int, last: int) -> None:
    """Drop three and more short lines in a row between paragraphs: menus, teasers, boxes."""
    run: list[Line] = []
    for i in range(first, last + 1):
        line = lines[i]
        if not line.closed and line.words < 25 and not line.item:
            run.append(line)
            continue
        # What a colon announces is a list of the story, or a quote.
        announced = first < i - len(run) and lines[i - len(run) - 1].text[-1] in ":："
        if len(run) >= 3 and not announced:
            for loose in run:
                loose.rule = loose.rule or "link_list"
        run = []


def _drop_repeats(lines: Sequence[Line], first: int, last: int) -> None:
    seen: set[str] = set()
    for i in range(first, last + 1):
        line = lines[i]
        if line.rule is None:
            if line.text in seen:
                line.rule = "repeated"
            seen.add(line.text)


def _drop_head(lines: Sequence[Line], first: int, title: int | None) -> None:
    """Drop the section label above a headline, and dates below it."""
    if title is None:
        return
    for i in range(first):
        line = lines[i]
        if line.rule is not None or i == title or line.closed or line.item:
            continue
        if i < title and line.words <= _LABEL_WORDS and line.text[-1] not in ":,;":
            line.rule = "section_label"
        elif line.words <= 10 and _DATE.search(line.text):
            line.rule = "timestamp"


def _drop_tail(lines: Sequence[Line], last: int, prose: int) -> None:
    """Drop what follows the last sentence, where the text before it is made of whole sentences."""
    tail = [line for line in lines[last + 1 :] if line.rule is None]
    if not tail or prose < 3 or len(lines) - last - 1 < 2:
        return
    if any(line.closed or line.item or line.words >= 25 for line in tail):
        return
    before = lines[: last + 1]
    closed = sum(1 for line in before if line.closed)
    if closed < 0.6 * len(before) or sum(len(line.text) for line in tail) > 0.35 * sum(
        len(line.text) for line in before
    ):
        return
    for line in tail:
        line.rule = "loose_tail"


def _drop_related(lines: Sequence[Line]) -> None:
    """Drop the link-like lines that a "read more" stands over; headlines may ask or exclaim, but do not state."""
    listing = False
    taken = 0
    for line in lines:
        if line.rule in ("related_links", "trending") and (line.words <= _LABEL_WORDS or line.text[-1] in ":："):
            listing, taken = True, 0
        elif (
            listing and taken < _LINKS and line.words <= _LINK_WORDS and (not line.closed or line.text[-1] in "?!？！؟")
        ):
            line.rule = line.rule or "related_links"
            taken += 1
        else:
            listing = False
