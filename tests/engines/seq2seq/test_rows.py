"""Embedding rows that are read from a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from service.engines.seq2seq.rows import RowsInFile, find_place, rows_in_memory


@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.bfloat16])
def test_rows_are_those_of_the_table(kind: torch.dtype, tmp_path: Path) -> None:
    """Ids of any shape give the rows that a table in memory gives, in float32."""
    path = tmp_path / "tables.safetensors"
    table = torch.randn(50, 12).to(kind)
    save_file(
        {"before": torch.ones(3), "table": table, "vector": torch.ones(4), "whole": torch.ones(2, 2).long()}, path
    )
    rows, held = RowsInFile(find_place(path, "table")), rows_in_memory(table)
    for ids in (torch.tensor([7]), torch.tensor([[0, 49], [3, 3]]), torch.zeros(2, 0, dtype=torch.int64)):
        found = rows(ids)
        assert found.dtype == torch.float32
        assert found.shape == (*ids.shape, 12)
        assert torch.equal(found, held(ids))
    for ids in (torch.tensor([50]), torch.tensor([1, -1])):
        with pytest.raises(IndexError, match="50 rows"):
            rows(ids)
    for name in ("absent", "vector", "whole"):
        with pytest.raises(KeyError):
            find_place(path, name)


def test_a_file_that_is_cut_short_fails_the_row(tmp_path: Path) -> None:
    """The process lives on; rows that are still there are read."""
    path = tmp_path / "tables.safetensors"
    save_file({"table": torch.ones(50, 12)}, path)
    rows = RowsInFile(find_place(path, "table"))
    os.truncate(path, path.stat().st_size - 4)
    assert torch.equal(rows(torch.tensor([48])), torch.ones(1, 12))
    with pytest.raises(OSError, match="cut short"):
        rows(torch.tensor([49]))


def test_an_open_table_outlives_its_name(tmp_path: Path) -> None:
    """A model that is replaced or removed on disk goes on in the processes that have it."""
    path = tmp_path / "tables.safetensors"
    save_file({"table": torch.ones(5, 2)}, path)
    rows = RowsInFile(find_place(path, "table"))
    path.unlink()
    assert torch.equal(rows(torch.tensor([4])), torch.ones(1, 2))
