"""What `data/markup.toml` says of HTML's elements and attributes."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

_TABLE: dict[str, Any] = tomllib.loads((files("service") / "data" / "markup.toml").read_text(encoding="utf-8"))

INLINE = frozenset(_TABLE["inline"])
BLOCK = frozenset(_TABLE["block"])
VOID = frozenset(_TABLE["void"])
VOID_INLINE = frozenset(_TABLE["void_inline"])
UNTRANSLATED = frozenset(_TABLE["untranslated"])
RAW_TEXT = frozenset(_TABLE["raw_text"])
RCDATA = frozenset(_TABLE["rcdata"])
ATTRIBUTES = frozenset(_TABLE["attributes"])
ELEMENT_ATTRIBUTES = {name: frozenset(elements) for name, elements in _TABLE["element_attributes"].items()}
META = frozenset(_TABLE["meta"])
ENDS_PARAGRAPH = frozenset(_TABLE["ends_paragraph"])
ENDED_BY = {name: frozenset(by) for name, by in _TABLE["ended_by"].items()}
# A search for an open element stops at these.
BARRIERS = frozenset(("table", "td", "th", "caption", "template", "object", "marquee", "applet", "html", "button"))
LIST_BARRIERS = frozenset(("ul", "ol", "menu", "dl", "table", "select", "template"))


def is_inline(name: str) -> bool:
    """Whether an element stands inside a line of text."""
    return name in INLINE or not (name in BLOCK or "-" in name)


def is_known(name: str) -> bool:
    """Whether HTML has such an element."""
    return name in INLINE or name in BLOCK or name in VOID
