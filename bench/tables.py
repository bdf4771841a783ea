"""Tables as the measurements print them and as documents keep them between markers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text cells.

    Attributes:
        title: what is measured on what, with the number of rows.
        columns: heads of the columns; the first column names the row.
        rows: cells, as many in each row as there are columns.
        notes: sentences below the table.
        folded: long and for looking up: documents show its title only, until asked.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    folded: bool = False


def markdown(table: Table) -> str:
    """Return a table as Markdown: its title in bold, the table, its notes as a paragraph."""
    head = f"<details><summary>{table.title}</summary>" if table.folded else f"**{table.title}**"
    lines = [head, "", _line(table.columns), "|" + "---|" * len(table.columns)]
    lines += [_line(row) for row in table.rows]
    if table.notes:
        lines += ["", " ".join(table.notes)]
    return "\n".join([*lines, "", "</details>"] if table.folded else lines)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def plain(table: Table) -> str:
    """Return a table for a terminal, its columns lined up."""
    rows = [table.columns, *table.rows]
    widths = [max(len(row[index]) for row in rows) for index in range(len(table.columns))]
    lines = [table.title]
    for row in rows:
        first, *rest = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        lines.append("  ".join([first, *rest]).rstrip())
    return "\n".join([*lines, *table.notes])


def _section(name: str) -> re.Pattern[str]:
    mark = re.escape(name)
    return re.compile(rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)", re.DOTALL)


def missing(document: str, names: Iterable[str]) -> list[str]:
    """Return which names have no pair of markers `<!-- NAME -->`, `<!-- /NAME -->` in a document."""
    return [name for name in names if not _section(name).search(document)]


def rewrite(path: Path, name: str, body: str) -> None:
    """Put text between the markers of a name in a document, in place of what was there.

    Raises:
        ValueError: the document has no such markers.
    """
    document = path.read_text("utf-8")
    found, times = _section(name).subn(lambda match: f"{match[1]}\n{body.strip()}\n\n{match[2]}", document)
    if times != 1:
        raise ValueError(f"{path} has {times} pairs of markers <!-- {name} -->")
    path.write_text(found, "utf-8")
