"""An article out of what scrapers deliver: title, paragraphs, and a report of what was left out.

Nothing is rewritten: the result is a set of spans of the caller's own text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from service.pipeline import clean_cues, clean_model
from service.pipeline.clean_lines import Line, make_line, script_of, split_lines
from service.pipeline.clean_rules import find_title, judge, judge_blocks
from service.pipeline.formats import html_doc
from service.pipeline.formats.html_page import BLOCK_GAP, Page, read_page
from service.records import Article, Block, Removed, Span

_HEADING_WORDS = 12
_KINDS = {"li": "item", "dd": "item", "dt": "item"} | dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), "heading")


def clean_text(text: str, *, clean: bool = True) -> Article:
    """Return `text` divided into title, kept blocks and removed boilerplate.

    Args:
        text: plain text, as it was scraped; kept as it is.
        clean: False keeps everything and only looks for the title.

    Returns:
        Spans of `text` that do not overlap and hold every character that is not white space.
    """
    lines = split_lines(text)
    if clean:
        title = judge(text, lines)
        if lines and all(line.rule is not None or i == title for i, line in enumerate(lines)):
            restore(lines)
    else:
        first = next((i for i, line in enumerate(lines) if line.prose), 0)
        title = find_title(lines, first) if len(lines) > 1 else None
    return assemble(text, lines, title)


def clean_html(html: str, *, clean: bool = True) -> Article:
    """Return the visible text of a page divided into title, kept blocks and removed boilerplate.

    Args:
        html: a page or a fragment, whole or broken; text without any mark-up is taken for plain text.
        clean: False keeps all visible text and only looks for the title.

    Returns:
        An article whose `text` is all visible text, one block a paragraph, and spans of it.
    """
    if not html_doc.looks_like_html(html):
        return clean_text(html_doc.plain_text(html), clean=clean)
    page = read_page(html)
    text = page.text
    lines = _page_lines(page, text)
    kept = html_doc.article_blocks(page) if clean else frozenset()
    title = html_doc.find_title(page, kept)
    if clean and not any(i != title for i in kept):
        title = judge(text, lines) if title is None else title
    elif clean:
        judge_blocks(text, lines, kept, title)
    if clean and lines and all(line.rule is not None or i == title for i, line in enumerate(lines)):
        restore(lines)
    article = assemble(text, lines, title)
    kinds = {lines[i].start: _KINDS.get(block.tag) for i, block in enumerate(page.blocks)}
    blocks = tuple(replace(block, kind=kinds[block.start] or "paragraph") for block in article.blocks)
    return replace(article, blocks=blocks)


def _page_lines(page: Page, text: str) -> list[Line]:
    script = script_of(text)
    lines: list[Line] = []
    start = 0
    for block in page.blocks:
        end = start + len(block.text)
        lines.append(make_line(text, start, end, script))
        start = end + len(BLOCK_GAP)
    return lines


def restore(lines: Sequence[Line]) -> None:
    """Keep every sentence after all, or every line where there is no sentence: cleaning never leaves nothing."""
    sentences = [line for line in lines if line.prose]
    for line in sentences or lines:
        line.rule = None


def assemble(text: str, lines: Sequence[Line], title: int | None) -> Article:
    """Return the article that judged lines make.

    Args:
        text: what the lines index.
        lines: all lines in order, each with the rule that drops it or None.
        title: index of the title's line, or None.
    """
    blocks: list[Block] = []
    removed: list[Removed] = []
    span = None
    for i, line in enumerate(lines):
        if i == title:
            span = Span(line.start, line.end)
        elif line.rule is not None:
            removed.append(Removed(line.start, line.end, line.rule))
        else:
            blocks.append(Block(line.start, line.end, _kind(lines, i)))
    return Article(text, span, tuple(blocks), tuple(removed))


def warm() -> None:
    """Load phrase lists and extractors now rather than at the first request."""
    clean_cues.warm()
    clean_model.warm()
    html_doc.warm()


def _kind(lines: Sequence[Line], i: int) -> str:
    line = lines[i]
    if line.item:
        return "heading" if line.text[0] in "=#" else "item"
    short = not line.closed and line.words <= _HEADING_WORDS and line.text[-1] not in ":,;"
    return "heading" if short and i + 1 < len(lines) and lines[i + 1].prose else "paragraph"
