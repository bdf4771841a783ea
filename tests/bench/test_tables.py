"""Tables as text: lined up for a terminal, and kept between markers in a document."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.tables import Table, markdown, missing, plain, rewrite

TABLE = Table("Heights (2 hills)", ("", "m"), (("Brock", "512"), ("a|b", "9")), ("Measured on foot.",))


def test_markdown_has_title_table_and_notes() -> None:
    """A bar in a cell does not end it."""
    assert markdown(TABLE) == "\n".join(
        [
            "**Heights (2 hills)**",
            "",
            "|  | m |",
            "|---|---|",
            "| Brock | 512 |",
            "| a\\|b | 9 |",
            "",
            "Measured on foot.",
        ]
    )


def test_long_tables_are_folded() -> None:
    """A document shows the title of one that is for looking up."""
    told = markdown(replace(TABLE, folded=True)).splitlines()
    assert (told[0], told[-1]) == ("<details><summary>Heights (2 hills)</summary>", "</details>")


def test_plain_lines_up() -> None:
    """Columns begin at the same place in every line."""
    lines = plain(TABLE).splitlines()
    assert lines == ["Heights (2 hills)", "       m", "Brock  512", "a|b    9", "Measured on foot."]


def test_rewriting_keeps_the_rest(tmp_path: Path) -> None:
    """Only what stands between the markers changes, and a second time changes nothing."""
    page = tmp_path / "page.md"
    page.write_text("# Head\n<!-- q:a -->\nold\n<!-- /q:a -->\ntext\n<!-- q:b -->\nkept\n<!-- /q:b -->\n", "utf-8")
    rewrite(page, "q:a", "a \\1 new")
    once = page.read_text("utf-8")
    assert once == ("# Head\n<!-- q:a -->\n\na \\1 new\n\n<!-- /q:a -->\ntext\n<!-- q:b -->\nkept\n<!-- /q:b -->\n")
    rewrite(page, "q:a", "a \\1 new")
    assert page.read_text("utf-8") == once


def test_a_document_without_markers_is_told(tmp_path: Path) -> None:
    """Nothing is written where there is no place for it."""
    page = tmp_path / "page.md"
    page.write_text("<!-- q:a -->\n<!-- /q:a -->\n", "utf-8")
    assert missing(page.read_text("utf-8"), ["q:a", "q:b"]) == ["q:b"]
    with pytest.raises(ValueError, match="q:b"):
        rewrite(page, "q:b", "x")
