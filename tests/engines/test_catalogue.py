"""The model list: every shipped row is readable, and a broken one names itself."""

from __future__ import annotations

import pytest

from service.engines.catalogue import ModelRow, all_rows, parse_rows, rows_for
from service.records import Task

ROW = """
[[model]]
id = "{id}"
engine = "e"
task = "summarize"
rank = {rank}
quality = "extractive"
licence = "Apache-2.0"
"""


def test_shipped_rows_hold_the_extractive_engine() -> None:
    """The list that ships names the extractive engine for every language."""
    (row,) = rows_for("extractive")
    assert row == ModelRow("extractive", "extractive", Task.SUMMARIZE, 900, "extractive", "Apache-2.0", ("*",))
    assert row in all_rows()
    assert rows_for("no such engine") == ()


def test_best_rank_comes_first() -> None:
    """Rows are ordered by rank, whatever the order of the file."""
    rows = parse_rows(ROW.format(id="b", rank=2) + ROW.format(id="a", rank=1))
    assert [row.id for row in rows] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ROW.format(id="a", rank=1) + ROW.format(id="a", rank=2), "twice"),
        (ROW.format(id="a", rank=1).replace('engine = "e"', ""), "model a: no engine"),
        (ROW.format(id="a", rank=1).replace("summarize", "sing"), "sing"),
        ("[[model", "Expected"),
    ],
)
def test_broken_lists_are_refused(text: str, message: str) -> None:
    """A row that cannot be used is an error that names it."""
    with pytest.raises(ValueError, match=message):
        parse_rows(text)
