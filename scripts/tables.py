"""Generated tables between two marks of a document."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path


def embedded(document: Path, text: str, marks: tuple[str, str], table: str) -> str:
    """The text of a document with the table in its place.

    Raises:
        ValueError: the marks are missing.
    """
    start, end = marks
    before, mark, rest = text.partition(start)
    _, close, after = rest.partition(end)
    if not mark or not close:
        raise ValueError(f"{document.name} has no {start} and {end}")
    return f"{before}{start}\n{table}\n{end}{after}"


def main(document: Path, fill: Callable[[str], str], table: Callable[[], str]) -> None:
    """Print the table, or with `--write` put it into the document."""
    if "--write" in sys.argv:
        document.write_text(fill(document.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(table())
