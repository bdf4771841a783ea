"""The table of neural models, from the model list itself: `python -m scripts.models_table [--write]`.

`--write` puts it into docs/MODELS.md between its two marks; a test holds that it is current.
"""

from __future__ import annotations

from pathlib import Path

from scripts import tables
from service.models.progress import human
from service.models.rows import NeuralRow, all_rows

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "MODELS.md"
START, END = "<!-- models -->", "<!-- /models -->"


def table() -> str:
    """The Markdown table, one row a model."""
    lines = [
        "| id | task | languages | licence | parameters | fp32 | bf16 | int8 | rank |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in all_rows():
        memory = " | ".join(human(row.weight_bytes(precision)) for precision in ("fp32", "bf16", "int8"))
        licence = row.licence if row.commercial_use else f"**{row.licence}**"
        lines.append(
            f"| `{row.id}` | {row.task} | {_languages(row)} | {licence} | {row.parameters // 10**6} M | {memory} "
            f"| {row.rank} |"
        )
    return "\n".join(lines)


def _languages(row: NeuralRow) -> str:
    if row.languages:
        return _few(row.languages)
    return f"{_few(tuple(row.sources))} → {_few(tuple(row.targets))}"


def _few(tags: tuple[str, ...]) -> str:
    return ", ".join(tags) if len(tags) <= 7 else str(len(tags))


def embedded(text: str) -> str:
    """A document with the table in its place.

    Raises:
        ValueError: the marks are missing.
    """
    return tables.embedded(DOCUMENT, text, (START, END), table())


if __name__ == "__main__":
    tables.main(DOCUMENT, embedded, table)
