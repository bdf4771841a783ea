"""Visible text of an HTML page, block by block, in document order.

One walk over the tree, without recursion, so that neither depth nor size can hurt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode

_HIDDEN_TAGS = frozenset(
    "head script style noscript template svg math iframe object embed canvas audio video select textarea datalist "
    "title meta link base area map rt rp -comment -doctype".split()
)
_INLINE_TAGS = frozenset(
    "a abbr acronym b bdi bdo big cite code data del dfn em font i img input ins kbd label mark nobr q ruby s samp "
    "small span strike strong sub sup time tt u var wbr".split()
)
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
BLOCK_GAP = "\n\n"

_BLANKS = re.compile(r"[\s\x00\u200b\ufeff]+")
# A page may not choose how much memory its mere nesting costs.
_MAX_NODES = 1_000_000


@dataclass(frozen=True, slots=True)
class PageBlock:
    """A stretch of visible text between two block boundaries, and the innermost block element it stands in."""

    text: str
    tag: str


@dataclass(frozen=True, slots=True)
class Page:
    """What a reader of the page sees, and the titles its head gives."""

    blocks: tuple[PageBlock, ...]
    titles: tuple[str, ...]

    @property
    def text(self) -> str:
        """All blocks, one a paragraph."""
        return BLOCK_GAP.join(block.text for block in self.blocks)


def read_page(html: str) -> Page:
    """Return the visible text of `html` as blocks, with entities decoded and blanks collapsed.

    Args:
        html: a page or a fragment; may be broken, cut off or empty.

    Returns:
        The blocks in document order, never empty ones, and the titles of the head (`og:title`, then `<title>`).
    """
    parser = LexborHTMLParser(html.replace("\x00", " ").encode("utf-8", "replace"))
    root = parser.root
    if root is None:
        return Page((), ())
    # Some pages hide everything and let a script show it; their text is all there is.
    blocks = _walk(root, skip_unshown=True) or _walk(root, skip_unshown=False)
    return Page(tuple(blocks), tuple(_titles(parser)))


def _titles(parser: LexborHTMLParser) -> list[str]:
    found: list[str] = []
    for node in parser.css('meta[property="og:title"], meta[name="twitter:title"]'):
        content = node.attributes.get("content")
        if content:
            found.append(_BLANKS.sub(" ", content).strip())
    title = parser.css_first("head title")
    if title is not None:
        found.append(_BLANKS.sub(" ", title.text()).strip())
    return [title for title in found if title]


def _hidden(node: LexborNode, tag: str, skip_unshown: bool) -> bool:
    if tag in _HIDDEN_TAGS:
        return True
    if not skip_unshown or tag in ("html", "body"):
        return False
    attributes = node.attributes
    if not attributes:
        return False
    if "hidden" in attributes:
        return True
    style = attributes.get("style")
    return bool(style and _HIDDEN_STYLE.search(style))


def _walk(root: LexborNode, *, skip_unshown: bool) -> list[PageBlock]:
    blocks: list[PageBlock] = []
    pieces: list[str] = []
    open_blocks: list[str] = ["body"]

    def flush() -> None:
        if pieces:
            text = _BLANKS.sub(" ", "".join(pieces)).strip()
            pieces.clear()
            if text:
                blocks.append(PageBlock(text, open_blocks[-1]))

    node: LexborNode | None = root
    open_tags: list[str] = []
    for _ in range(_MAX_NODES):
        if node is None:
            break
        tag = node.tag or ""
        child = None
        if tag == "-text":
            pieces.append(node.text_content or "")
        elif tag in ("br", "hr"):
            flush()
        elif not _hidden(node, tag, skip_unshown):
            child = node.child
            if tag not in _INLINE_TAGS:
                flush()
                if child is not None:
                    open_blocks.append(tag)
        if child is not None:
            open_tags.append(tag)
            node = child
            continue
        while node is not None and node.next is None and open_tags:
            if open_tags.pop() not in _INLINE_TAGS:
                flush()
                open_blocks.pop()
            node = node.parent
        node = node.next if node is not None and open_tags else None
    flush()
    return blocks
