"""docs/MODELS.md shows the list as it is."""

from __future__ import annotations

import pytest

from scripts import models_table


def test_the_table_of_models_is_current() -> None:
    """`python -m scripts.models_table --write` makes it."""
    text = models_table.DOCUMENT.read_text(encoding="utf-8")
    assert models_table.embedded(text) == text


def test_a_document_without_marks_is_refused() -> None:
    """Nothing is written where nobody asked for it."""
    with pytest.raises(ValueError, match="<!-- models -->"):
        models_table.embedded("# no marks")
