"""Visible text of an HTML page, block by block, in document order.

One walk over the tree, without recursion, so that neither depth nor size can hurt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape

from selectolax.lexbor import LexborHTMLParser, LexborNode

# fmt: off
_HIDDEN_TAGS = frozenset((
    "head", "script", "style", "noscript", "template", "svg", "math", "iframe", "object", "embed", "canvas", "audio",
    "video", "select", "textarea", "datalist", "title", "meta", "link", "base", "area", "map", "rt", "rp",
    "-comment", "-doctype",
))
_INLINE_TAGS = frozenset((
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "img",
    "input", "ins", "kbd", "label", "mark", "nobr", "q", "ruby", "s", "samp", "small", "span", "strike", "strong",
    "sub", "sup", "time", "tt", "u", "var", "wbr",
))
# Tags that end by themselves or that the next of their kind ends: they do not nest.
_FLAT_TAGS = frozenset((
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr", "param",
    "p", "li", "td", "th", "tr", "option", "dd", "dt", "tbody", "thead", "tfoot", "html", "body", "head", "path",
))
# fmt: on
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
BLOCK_GAP = "\n\n"

_BLANKS = re.compile(r"[\s\x00\u200b\ufeff]+")
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)(?=[\s/>])")
_MARKUP = re.compile(r"<([!?/]?[a-zA-Z-][a-zA-Z0-9-]*)[^<>]*>")
_LONG_TAG = re.compile(r"<([a-zA-Z][a-zA-Z0-9]*)\b[^<>]{10000,}>")

# Parsers and extractors take time that grows with the square of the depth; people's pages stay below a hundred.
MAX_DEPTH = 400


@dataclass(frozen=True, slots=True)
class PageBlock:
    """A stretch of visible text between two block boundaries, and the innermost block element it stands in."""

    text: str
    tag: str


@dataclass(frozen=True, slots=True)
class Page:
    """What a reader of the page sees, the titles its head gives, and the mark-up it was read from.

    Attributes:
        source: nothing where the mark-up nests too deep for any parser.
    """

    blocks: tuple[PageBlock, ...]
    titles: tuple[str, ...]
    source: str = ""

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
    html = sane(html)
    if depth_of(html) > MAX_DEPTH:
        return Page(tuple(_read_flat(html)), ())
    parser = LexborHTMLParser(html)
    root = parser.root
    if root is None:
        return Page((), (), html)
    # Some pages hide everything and let a script show it; their text is all there is.
    blocks = _Reader(skip_unshown=True).read(root) or _Reader(skip_unshown=False).read(root)
    return Page(tuple(blocks), tuple(_titles(parser)), html)


def sane(html: str) -> str:
    """Return `html` without what parsers stumble over: NULs, lone surrogates, tags of ten thousand characters."""
    html = html.replace("\x00", " ").encode("utf-8", "replace").decode("utf-8")
    return _LONG_TAG.sub(r"<\1>", html)


def depth_of(html: str) -> int:
    """Return about how deep the elements of `html` nest; never less by much than a parser would find."""
    depth = deepest = 0
    for slash, name in _TAG.findall(html):
        if name.lower() in _FLAT_TAGS:
            continue
        if slash:
            depth = max(0, depth - 1)
        else:
            depth += 1
            if depth > deepest:
                deepest = depth
    return deepest


def _read_flat(html: str) -> list[PageBlock]:
    """Read a page as tags and text in a row, without a tree."""
    blocks: list[PageBlock] = []
    pieces: list[str] = []
    unread = ""
    parts = _MARKUP.split(html)
    for i, part in enumerate(parts):
        if i % 2 == 0:
            if not unread:
                pieces.append(unescape(part))
            continue
        tag = part.lower()
        if unread:
            unread = "" if tag == "/" + unread else unread
        elif tag in ("script", "style", "title", "noscript", "template", "svg"):
            unread = tag
        elif tag.lstrip("/") not in _INLINE_TAGS:
            _flush(pieces, blocks, "body")
    _flush(pieces, blocks, "body")
    return blocks


def _flush(pieces: list[str], blocks: list[PageBlock], tag: str) -> None:
    if pieces:
        text = _BLANKS.sub(" ", "".join(pieces)).strip()
        pieces.clear()
        if text:
            blocks.append(PageBlock(text, tag))


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


class _Reader:
    """One walk over a tree: text goes to the block it stands in, and a block ends where an element of its kind does."""

    def __init__(self, *, skip_unshown: bool) -> None:
        self._skip_unshown = skip_unshown
        self._blocks: list[PageBlock] = []
        self._pieces: list[str] = []
        self._open_tags: list[str] = []
        self._open_blocks: list[str] = ["body"]

    def read(self, root: LexborNode) -> list[PageBlock]:
        """Return the blocks under `root`."""
        node: LexborNode | None = root
        while node is not None:
            child = self._enter(node)
            node = child if child is not None else self._leave(node)
        self._flush()
        return self._blocks

    def _enter(self, node: LexborNode) -> LexborNode | None:
        """Take in one node; return its first child if it is to be read."""
        tag = node.tag or ""
        if tag == "-text":
            self._pieces.append(node.text_content or "")
            return None
        if tag in ("br", "hr"):
            self._flush()
            return None
        if _hidden(node, tag, self._skip_unshown):
            return None
        if tag not in _INLINE_TAGS:
            self._flush()
        child = node.child
        if child is not None:
            self._open_tags.append(tag)
            if tag not in _INLINE_TAGS:
                self._open_blocks.append(tag)
        return child

    def _leave(self, node: LexborNode) -> LexborNode | None:
        """Close what ends with `node`; return the node that follows, or None at the end of the tree."""
        at: LexborNode | None = node
        while at is not None and self._open_tags and at.next is None:
            if self._open_tags.pop() not in _INLINE_TAGS:
                self._flush()
                self._open_blocks.pop()
            at = at.parent
        return at.next if at is not None and self._open_tags else None

    def _flush(self) -> None:
        _flush(self._pieces, self._blocks, self._open_blocks[-1])
