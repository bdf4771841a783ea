"""Plain text as units: every line that is not blank."""

from __future__ import annotations

import re

from service.pipeline.formats.layout import Atom, Layout, Unit

_LINE = re.compile(r"[^\r\n\u2028\u2029]+")


def read(source: str) -> Layout:
    """The lines of a text without their outer blanks."""
    units = []
    for line in _LINE.finditer(source):
        body = line.group().strip()
        if body:
            start = line.start() + line.group().index(body)
            units.append(Unit(start, start + len(body), (Atom("text", start, start + len(body), body),)))
    return Layout(source, tuple(units))
