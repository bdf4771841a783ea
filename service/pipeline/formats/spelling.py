"""How plain text is spelled where a format reads some characters as markup."""

from __future__ import annotations

import re

from service.pipeline.formats.layout import Spelling, Unit

# Where spelling alone cannot promise that text stays text: what was written is read again.
CHECKED: frozenset[Spelling] = frozenset(("markdown", "cell"))

_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_QUOTED = {
    quote: str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", **marks})
    for quote, marks in {'"': {'"': "&quot;"}, "'": {"'": "&#39;"}, "": {'"': "&quot;"}}.items()
}
_IN_TITLE = {
    '"': re.compile(r"[\\\"]|&(?=#?\w+;)"),
    "'": re.compile(r"[\\']|&(?=#?\w+;)"),
    ")": re.compile(r"[\\()]|&(?=#?\w+;)"),
}
# What is markup more often than not, and what could be in some place.
_LIKELY = re.compile(r"[`*\[\]]|\\(?=[!-/:-@\[-`{-~])|<(?=[A-Za-z/!?])|(?<!\w)_|_(?!\w)|~(?=~)|&(?=#?\w+;)")
_POSSIBLE = re.compile(r"[\\`*_\[\]<>~$]|&(?=#?\w+;)")
_LINE_START = re.compile(r"(?:#{1,6}(?=\s|$)|[-+*](?=\s|$)|>|=+\s*$|-{2,}\s*$|:(?=\s)|:::|~~~|```)")
_NUMBERED = re.compile(r"(\d{1,9})([.)])(?=\s|$)")


def spell(text: str, unit: Unit, free: frozenset[str], effort: int, *, line_start: bool) -> str:
    """Text as it has to be written in a unit so that it reads as itself.

    Args:
        text: plain text without line breaks.
        unit: where it goes.
        free: characters that Markdown takes for text in this unit, as they stand in it unescaped (`as_they_are`).
        effort: 0 leaves these characters alone; 1 escapes whatever Markdown
            could read as markup.
        line_start: whether a line begins here.
    """
    if unit.spelling == "plain":
        return text
    if unit.spelling == "html":
        return text.translate(_HTML)
    if unit.spelling == "attribute":
        return text.translate(_QUOTED[unit.quote])
    if unit.spelling == "title":
        return _IN_TITLE[unit.quote].sub(lambda match: f"\\{match[0]}", text)
    common = frozenset() if effort else free
    pattern = _POSSIBLE if effort else _LIKELY
    spelled = pattern.sub(lambda match: match[0] if match[0] in common else f"\\{match[0]}", text)
    if unit.spelling == "cell":
        spelled = spelled.replace("|", "\\|")
    if line_start:
        body = spelled.lstrip()
        numbered = _NUMBERED.match(body)
        if numbered:
            return f"{numbered[1]}\\{body[len(numbered[1]) :]}"
        if _LINE_START.match(body):
            return f"\\{body}"
    return spelled


def as_they_are(unit: Unit, source: str) -> frozenset[str]:
    """Characters that the text of a unit holds unescaped, so that a parser takes them for text there."""
    return frozenset(
        character
        for atom in unit.atoms
        if atom.kind == "text" and source[atom.start : atom.end] == atom.text
        for character in "`*_[]<>~$&"
        if character in atom.text
    )
