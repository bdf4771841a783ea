"""The tokens of an HTML text with their exact places: what the tokenizer of the HTML standard finds, nothing decoded.

Every character of the text is in exactly one token, whatever the text is; time is linear in its length.
Source: https://html.spec.whatwg.org/multipage/parsing.html#tokenization
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from service.pipeline.formats.html_tables import RAW_TEXT, RCDATA

TokenKind = Literal["text", "open", "close", "other", "raw", "rcdata"]

_BLANK = r"[\t\n\f\r ]"
_MARK = re.compile(r"<(?:(?P<open>[a-zA-Z][^\t\n\f\r />]*)|/(?P<close>[a-zA-Z][^\t\n\f\r />]*)|(?P<other>!|\?|/))")
_COMMENT_END = re.compile(r"--!?>")
_BETWEEN = re.compile(r"[\t\n\f\r /]*")
_ATTRIBUTE = re.compile(
    rf"(?P<name>=?[^\t\n\f\r />=]*)(?:{_BLANK}*={_BLANK}*"
    r"(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|(?P<open>[\"'])|(?P<bare>[^\t\n\f\r >]*)))?"
)
_SCRIPT = re.compile(r"<!--|-->|<(/?)script(?=[\t\n\f\r />])", re.IGNORECASE)
_FOREIGN = ("svg", "math")


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute: its name in lower case, the place of its value, and the quotation mark around that."""

    name: str
    start: int
    end: int
    quote: str


@dataclass(frozen=True, slots=True)
class Token:
    """A token: `text`, a tag, the content of an element that holds no markup, or another mark such as a comment."""

    kind: TokenKind
    start: int
    end: int
    name: str = ""
    attributes: tuple[Attribute, ...] = ()
    closed: bool = False


def scan(source: str) -> Iterator[Token]:
    """The tokens of a text, in order. A tag that never ends is a mark that reaches to the end, as parsers drop it."""
    at = 0
    foreign = 0
    while at < len(source):
        match = _MARK.search(source, at)
        if match is None:
            yield Token("text", at, len(source))
            return
        start = match.start()
        if match["other"]:
            end = _other(source, start, foreign > 0)
            if end == start:  # `</` at the very end is text
                yield Token("text", at, len(source))
                return
            token = Token("other", start, end)
        else:
            token = _tag(source, match)
        if start > at:
            yield Token("text", at, start)
        yield token
        at = token.end
        if token.name in _FOREIGN and not token.closed:
            foreign = max(0, foreign + (1 if token.kind == "open" else -1))
        elif token.kind == "open" and not foreign and token.name in _ENDS:
            end = _content_end(source, at, token.name)
            if end > at:
                yield Token("rcdata" if token.name in RCDATA else "raw", at, end, token.name)
            at = end


def _other(source: str, start: int, foreign: bool) -> int:
    """The end of a comment, a declaration or what parsers take for one."""
    if source.startswith("<!--", start):
        for short in ("<!-->", "<!--->"):
            if source.startswith(short, start):
                return start + len(short)
        match = _COMMENT_END.search(source, start + 4)
        return match.end() if match else len(source)
    if foreign and source.startswith("<![CDATA[", start):
        end = source.find("]]>", start)
        return len(source) if end < 0 else end + 3
    if source.startswith("</", start) and start + 2 >= len(source):
        return start
    end = source.find(">", start)
    return len(source) if end < 0 else end + 1


def _tag(source: str, match: re.Match[str]) -> Token:
    kind: TokenKind = "open" if match["open"] else "close"
    name = (match["open"] or match["close"]).lower()
    found: list[Attribute] = []
    at = match.end()
    while True:
        gap = _BETWEEN.match(source, at)
        at = gap.end() if gap else at
        if at >= len(source):
            return Token("other", match.start(), len(source))
        if source[at] == ">":
            slash = gap is not None and gap.group().endswith("/")
            return Token(kind, match.start(), at + 1, name, tuple(found), slash)
        one = _ATTRIBUTE.match(source, at)
        if one is None or one["open"]:
            return Token("other", match.start(), len(source))
        for group, quote in (("double", '"'), ("single", "'"), ("bare", "")):
            if one[group] is not None:
                found.append(Attribute(one["name"].lower(), *one.span(group), quote))
        if one.end() == len(one["name"]) + at:
            found.append(Attribute(one["name"].lower(), one.end(), one.end(), ""))
        at = one.end()


def _content_end(source: str, start: int, name: str) -> int:
    if name == "plaintext":
        return len(source)
    if name == "script":
        return _script_end(source, start)
    match = _ENDS[name].search(source, start)
    return match.start() if match else len(source)


def _script_end(source: str, start: int) -> int:
    """Scripts end at `</script`, but not inside `<!-- <script`."""
    escaped = doubly = False
    for match in _SCRIPT.finditer(source, start):
        if match[0] == "<!--":
            escaped = True
        elif match[0] == "-->":
            escaped = doubly = False
        elif match[1] and not doubly:
            return match.start()
        elif match[1]:
            doubly = False
        elif escaped:
            doubly = True
    return len(source)


_ENDS = {name: re.compile(rf"</{name}(?=[\t\n\f\r />])", re.IGNORECASE) for name in (*RAW_TEXT, *RCDATA, "plaintext")}
