"""Results as JSON lines, to standard output or to a file that a later run can go on with."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from precis_client.cli_inputs import Entry, UsageError

Record = dict[str, Any]


def encoded(record: Mapping[str, Any]) -> bytes:
    """A record as a line."""
    # Lone surrogates cannot be written as UTF-8; escaped they are JSON all the same.
    try:
        return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(record, separators=(",", ":")).encode("ascii") + b"\n"


class StandardOutput:
    """Lines on standard output."""

    resumable = False

    def write(self, record: Record) -> None:
        """One line, at once."""
        sys.stdout.buffer.write(encoded(record))
        sys.stdout.buffer.flush()

    def has(self, entry: Entry) -> bool:
        """Whether there is a result already."""
        return False

    def finish(self, *, ordered: bool) -> None:
        """All results are there."""

    def close(self) -> None:
        """Nothing more comes."""


class OutputFile:
    """A file of lines. Each is written whole and at once, so what an interruption leaves can be used.

    Args:
        path: of the file.
        resume: go on with what is there: results are kept, failures and a cut last line are not.
        overwrite: throw away what is there.
        order: names of the texts in order, where they are known by name; else they are known by `index`.
    Raises:
        UsageError: it is there and nothing says what to do with it, or it is no output of this command.
        OSError: it cannot be written.
    """

    resumable = True

    def __init__(self, path: str, *, resume: bool, overwrite: bool, order: Mapping[str, int] | None) -> None:
        self._path = Path(path).resolve()
        self._order = order
        self._done: dict[int, str | None] = {}
        self._last = -1
        self._sorted = True
        if self._path.exists() and not self._path.is_file():
            if resume:
                raise UsageError(f"{path} is no file that a run could go on with")
        elif resume and self._path.exists():
            self._take_up()
        elif self._path.exists() and self._path.stat().st_size and not overwrite:
            raise UsageError(f"{path} is there already: --resume goes on with it, --overwrite begins it anew")
        self._file = self._path.open("ab" if resume else "wb", buffering=0)

    @property
    def kept(self) -> int:
        """Results that were there already."""
        return len(self._done)

    def has(self, entry: Entry) -> bool:
        """Whether there is a result already.

        Raises:
            UsageError: the one that is there is of another text.
        """
        if entry.index not in self._done:
            return False
        found = self._done[entry.index]
        if found != entry.id:
            raise UsageError(
                f"{self._path} holds results of other texts: number {entry.index} was {found!r} and is {entry.id!r}"
            )
        return True

    def write(self, record: Record) -> None:
        """One line, at once."""
        self._sorted = self._sorted and record["index"] > self._last
        self._last = record["index"]
        data = memoryview(encoded(record))
        while data:
            data = data[self._file.write(data) or 0 :]

    def finish(self, *, ordered: bool) -> None:
        """All results are there; put them into order where a resumed run has left them out of it."""
        if not ordered or self._sorted or not self._path.is_file():
            return
        places: list[tuple[int, int, int]] = []
        with self._path.open("rb") as file:
            start = 0
            for line in file:
                places.append((json.loads(line)["index"], start, len(line)))
                start += len(line)
            places.sort()
            with self._temporary().open("wb") as made:
                for _, start, length in places:
                    file.seek(start)
                    made.write(file.read(length))
        self._temporary().replace(self._path)

    def close(self) -> None:
        """Nothing more comes."""
        self._file.close()

    def _temporary(self) -> Path:
        return self._path.with_name(self._path.name + ".part")

    def _take_up(self) -> None:
        """Read what is there and leave only results, each once."""
        changed = False
        with self._path.open("rb") as file, self._temporary().open("wb") as made:
            for number, line in enumerate(file, 1):
                record = self._record(number, line)
                index = None if record is None else self._place(record)
                if record is None or index is None or index in self._done:
                    changed = True
                    continue
                if index != record["index"]:
                    line, changed = encoded({**record, "index": index}), True
                self._done[index] = record.get("id")
                self._sorted = self._sorted and index > self._last
                self._last = index
                made.write(line)
            made.flush()
            os.fsync(made.fileno())
        if changed:
            self._temporary().replace(self._path)
        else:
            self._temporary().unlink()

    def _record(self, number: int, line: bytes) -> Record | None:
        """The result on a line; None where it is a failure or was cut off."""
        if not line.endswith(b"\n"):
            return None
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict) or not isinstance(record.get("index"), int) or "status" not in record:
            self._temporary().unlink()
            raise UsageError(f"line {number} of {self._path} is no result of this command")
        return record if record["status"] == "ok" else None

    def _place(self, record: Record) -> int | None:
        if self._order is None:
            return int(record["index"])
        name = record.get("id")
        if not isinstance(name, str) or name not in self._order:
            self._temporary().unlink()
            raise UsageError(f"{self._path} holds a result of {name}, which is not among the files given")
        return self._order[name]
