"""Rows of embedding tables, read from a file where there is one.

A table of a large vocabulary is as large as all layers of a decoder, and a step needs a few rows of it. Rows that are
read from the file cost no memory of this process; the system keeps the pages that are used, once for all processes.
A mapping would do so too, but each row that was touched would count, with its neighbours, and a file that somebody
cuts short would kill the process instead of failing a row.
"""

from __future__ import annotations

import json
import os
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

Rows = Callable[[Tensor], Tensor]
"""Token ids, int64 of any shape -> their rows in float32, [..., width]."""

_TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
_LONGEST_HEADER = 100_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a table [count, width] lies in a safetensors file: `offset` in bytes from the file's begin."""

    path: Path
    offset: int
    count: int
    width: int
    kind: torch.dtype


def find_place(path: Path, name: str) -> Place:
    """Return where a matrix lies in a safetensors file.

    Raises:
        KeyError: the file has no floating point matrix of this name.
        OSError, ValueError: the file cannot be read, or is none of this format.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > _LONGEST_HEADER:
            raise ValueError("not a safetensors file")
        entry = json.loads(file.read(length))[name]
    shape = entry["shape"]
    if len(shape) != 2 or entry["dtype"] not in _TYPES:
        raise KeyError(name)
    return Place(path, 8 + length + entry["data_offsets"][0], shape[0], shape[1], _TYPES[entry["dtype"]])


def rows_in_memory(table: Tensor) -> Rows:
    """Return the rows of a table that is held in memory, in any floating point type."""
    return lambda ids: functional.embedding(ids, table).float()


class RowsInFile:
    """The rows of a table in a file, which stays open; several threads may read.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._bytes = place.width * place.kind.itemsize
        self._file = os.open(place.path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._file)

    def __call__(self, ids: Tensor) -> Tensor:
        """Return rows in float32, [..., width].

        Raises:
            IndexError: an id outside the table. OSError: the file was cut short or cannot be read any more.
        """
        wanted = ids.flatten().tolist()
        size, place = self._bytes, self._place
        found = torch.empty(len(wanted) * size, dtype=torch.uint8)
        if wanted and not 0 <= min(wanted) <= max(wanted) < place.count:
            raise IndexError(f"a token outside the {place.count} rows of the table")
        view = found.numpy().data
        for index, row in enumerate(wanted):
            at = index * size
            if os.preadv(self._file, [view[at : at + size]], place.offset + row * size) != size:
                raise OSError(f"{place.path.name} was cut short")
        return found.view(place.kind).view(*ids.shape, place.width).float()
