"""Which lines of a scraped text are the article: structure first, wording second.

A line that says what it is ("Read more:", "© 2021") goes for that. Which of the others are the article is judged by
their structure, over all lines at once (`clean_model`): whole pages and articles with little around them alike.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set

import numpy as np

from service.pipeline.clean_cues import find_cue
from service.pipeline.clean_features import DATE, features
from service.pipeline.clean_lines import Line
from service.pipeline.clean_model import BODY, HEAD, TAIL, parts

_TITLE_REACH = 40
_TITLE_WORDS = (2, 32)
_LABEL_WORDS = 4
_LINKS = 8
_LINK_WORDS = 22
# How much an extractor's word counts beside the weights of the text alone.
_EXTRACTED, _LEFT_OUT = 4.0, -3.0

_TITLE_OPENERS = "\"'“‘«„「『《【¿¡(#$€£@"
_LONG_WORD = re.compile(r"\w{4,}")
_DIVIDER = re.compile(r" [|•·»/>←→] |https?:|@\w+\.|\.(?:com|org|net)\b")
_CLOCK_OR_DAY = re.compile(r"\d[:.h]\d\d|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\b\d{1,2},? (?:19|20)\d\d\b")
_LETTER = re.compile(r"[^\W\d_]")
_CREDIT = re.compile(
    r"©|\((?:[^()]*[/|][^()]*|AP|AFP|Reuters|EPA)\)\s*$"
    r"|\b(?:Getty Images|Shutterstock|iStock|AFP|Reuters|EPA|dpa)\)?\s*$"
)


def judge(text: str, lines: Sequence[Line]) -> int | None:
    """Set the rule of every line that goes, and return the index of the title.

    Args:
        text: what the lines index.
        lines: the lines of a text in order; their `rule` fields are written.

    Returns:
        The index of the title's line, or None where nothing reads like one. The title's own rule is None.
    """
    if len(lines) < 2:
        return None
    for line in lines:
        line.rule = own_rule(line)
    if not any(line.prose and line.rule is None for line in lines):
        return _without_prose(lines)
    found = parts(*features(text, lines))
    _drop_related(lines)
    title = find_title(lines, _opening(lines, found))
    for i, (line, part) in enumerate(zip(lines, found, strict=True)):
        if i == title:
            line.rule = None
        elif line.rule is None:
            line.rule = _name(line, part) if part != BODY else _above_title(line) if i < (title or 0) else None
    return title


def judge_blocks(text: str, lines: Sequence[Line], extracted: Set[int], title: int | None) -> None:
    """Set the rule of every block of a page that goes, by its text and by what an extractor made of the mark-up.

    Args:
        text: what the lines index.
        lines: one for each block of the page; their `rule` fields are written.
        extracted: indices of the blocks that the extractor took for the article.
        title: index of the title's block, which keeps no rule.
    """
    for line in lines:
        line.rule = own_rule(line)
    lean = np.array([_EXTRACTED if i in extracted else _LEFT_OUT for i in range(len(lines))], dtype=np.float32)
    for i, (line, part) in enumerate(zip(lines, parts(*features(text, lines), lean), strict=True)):
        if i == title:
            line.rule = None
        elif part != BODY and line.rule is None:
            line.rule = _name(line, part) if i in extracted else "html_boilerplate"


def _opening(lines: Sequence[Line], found: Sequence[int]) -> int:
    """The first sentence of the body; of the text where the body has none."""
    sentences = [i for i, line in enumerate(lines) if line.prose and line.rule is None]
    return next((i for i in sentences if found[i] == BODY), sentences[0] if sentences else 0)


def _above_title(line: Line) -> str | None:
    """The section that a short line above the headline names is none of the story."""
    label = line.words <= _LABEL_WORDS and not line.closed and not line.item and line.text[-1] not in ":,;"
    return "section_label" if label else None


def _name(line: Line, part: int) -> str:
    """The rule that names why the model leaves a line out."""
    if part == HEAD:
        return "page_head"
    if part == TAIL:
        return "page_tail"
    if line.words <= 9 and DATE.search(line.text):
        return "timestamp"
    return "aside"


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
    return not (line.words <= 14 and DATE.search(text) and (line.words <= 8 or _CLOCK_OR_DAY.search(text)))


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
