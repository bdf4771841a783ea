"""Article text of an HTML page: which of its visible blocks are the article, and which one is its title.

Extractors return text of their own making. It is laid back over the visible blocks, so that every span a caller gets
indexes one text: all that a reader of the page sees.
"""

from __future__ import annotations

import html as entities
import re
from collections import Counter
from collections.abc import Sequence

from service.pipeline.formats.html_page import Page, PageBlock

_TAG = re.compile(r"<(?:[a-zA-Z][^<>]*>|/[a-zA-Z]|!--|!doctype|\?xml)", re.IGNORECASE)
_NOISE = re.compile(r"[\W_]+")
_WORD = re.compile(r"\w+")
# Below this an extractor has most likely missed the article (measured: it fails on short and on odd input).
_ENOUGH_CHARACTERS = 200
# Above this the thorough extractor takes seconds; the fast one still takes milliseconds.
_THOROUGH_CHARACTERS = 1_000_000
_THOROUGH_TAGS = 40_000
_SHINGLE = 12
_STRIDE = 5
_COVERED = 0.6
_EXTRACTOR_ERRORS = (ValueError, TypeError, AttributeError, LookupError, RecursionError, AssertionError)


def looks_like_html(text: str) -> bool:
    """Return whether `text` holds any mark-up at all."""
    return _TAG.search(text) is not None


def plain_text(text: str) -> str:
    """Return text that was sent as HTML but has no mark-up, entities decoded."""
    return entities.unescape(text)


def article_blocks(page: Page) -> frozenset[int]:
    """Return the indices of the blocks that an extractor takes for the article, or none when it cannot tell."""
    source = page.source
    if not source:
        return frozenset()
    visible = sum(len(block.text) for block in page.blocks)
    best = ""
    if len(source) <= _THOROUGH_CHARACTERS and source.count("<") <= _THOROUGH_TAGS:
        best = _thorough(source)
    if len(best) < min(_ENOUGH_CHARACTERS, visible // 2):
        best = max(best, _fast(source), key=len)
    if len(best) < min(_ENOUGH_CHARACTERS, visible // 2):
        return frozenset()
    return lay_over(best, page.blocks)


def lay_over(extracted: str, blocks: Sequence[PageBlock]) -> frozenset[int]:
    """Return the indices of the blocks whose text is in `extracted`.

    A short block counts only as a whole line of the extract; a longer one when most of its characters, taken in runs,
    are there. Of equal blocks as many are taken as the extract has, those that stand among the others first.
    """
    lines = Counter(_key(piece) for line in extracted.splitlines() for piece in _pieces(line))
    whole = _key(extracted)
    known = {whole[i : i + _SHINGLE] for i in range(len(whole) - _SHINGLE + 1)}
    keys = [_key(block.text) for block in blocks]
    found = [i for i, key in enumerate(keys) if key and (key in lines or _coverage(key, known) >= _COVERED)]
    shown = Counter(keys[i] for i in found)
    sure = [i for i in found if shown[keys[i]] <= max(1, lines[keys[i]])]
    kept = set(sure)
    rivals: dict[str, list[int]] = {}
    for i in found:
        if i not in kept:
            rivals.setdefault(keys[i], []).append(i)
    nearest = _distances(len(blocks), sure)
    for key, indices in rivals.items():
        indices.sort(key=lambda i: (nearest[i], i))
        kept.update(indices[: max(1, lines[key])])
    return frozenset(kept)


def find_title(page: Page, kept: frozenset[int]) -> int | None:
    """Return the index of the block that is the page's title, or None when no block surely is.

    Args:
        page: the visible blocks and the titles its head gives.
        kept: the blocks of the article.
    """
    if not page.blocks:
        return None
    wanted = [frozenset(_WORD.findall(title.casefold())) for title in page.titles]
    first = min(kept, default=len(page.blocks))
    best: tuple[float, int] | None = None
    for i, block in enumerate(page.blocks):
        if len(block.text) > 300:
            continue
        heading = 2.0 if block.tag == "h1" else 0.5 if block.tag in ("h2", "h3") else 0.0
        words = frozenset(_WORD.findall(block.text.casefold()))
        if not words or (len(words) < 2 and heading < 2.0):
            continue
        # Head titles often add the site's name, so what counts is how much of the block they hold, then how much of
        # the title the block fills.
        likeness = max(
            (len(words & title) / len(words) + len(words & title) / len(words | title) for title in wanted), default=0.0
        )
        if likeness < 1.2 and (wanted or heading < 2.0):
            continue
        score = likeness + heading - (0.5 if i > first else 0.0) - 0.001 * abs(first - i)
        if best is None or score > best[0]:
            best = (score, i)
    return best[1] if best else None


def warm() -> None:
    """Load the extractors now rather than at the first page."""
    _thorough("<html><body><p>A page.</p></body></html>")
    _fast("<html><body><p>A page.</p></body></html>")


def _thorough(html: str) -> str:
    from trafilatura import extract

    try:
        # Without its own second opinion: ours, on the lines of the page, is better and takes a fraction of the time.
        return extract(html, fast=True, favor_precision=True, include_comments=False, include_formatting=False) or ""
    except _EXTRACTOR_ERRORS:
        return ""


def _fast(html: str) -> str:
    from resiliparse.extract.html2text import extract_plain_text

    try:
        return str(extract_plain_text(html, main_content=True, alt_texts=False))
    except _EXTRACTOR_ERRORS:
        return ""


def _pieces(line: str) -> list[str]:
    """A line of the extract, or the cells of a row: on the page each is a block."""
    return line.split("|") if line.startswith("|") else [line]


def _key(text: str) -> str:
    return _NOISE.sub("", text)


def _coverage(key: str, known: set[str]) -> float:
    last = len(key) - _SHINGLE
    if last < 0:
        return 0.0
    starts = range(0, last + 1, _STRIDE)
    return sum(key[i : i + _SHINGLE] in known for i in starts) / len(starts)


def _distances(count: int, sure: Sequence[int]) -> list[int]:
    """How far each index is from the nearest sure one."""
    far = count + 1
    distances = [far] * count
    for order in (range(count), range(count - 1, -1, -1)):
        marks = frozenset(sure)
        distance = far
        for i in order:
            distance = 0 if i in marks else distance + 1
            distances[i] = min(distances[i], distance)
    return distances
