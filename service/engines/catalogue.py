"""The rows of `service/data/models.toml`, the only place that lists models."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from service.records import Task


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model of the list.

    `languages` is empty when the engine itself reports languages or directions; `auto` picks the lowest
    `rank` loaded. `max_tokens` is the longest source of one segment, 0 where the model alone decides.
    """

    id: str
    engine: str
    task: Task
    rank: int
    quality: str
    licence: str
    languages: tuple[str, ...] = ()
    max_tokens: int = 0


def parse_rows(text: str) -> tuple[ModelRow, ...]:
    """Return the rows of a model list, best rank first.

    Args:
        text: TOML with one `[[model]]` table a row.
    Raises:
        ValueError: not TOML, a row without a needed key, an unknown task, or an id used twice.
    """
    rows = []
    for table in tomllib.loads(text).get("model", []):
        try:
            row = ModelRow(
                id=str(table["id"]),
                engine=str(table["engine"]),
                task=Task(table["task"]),
                rank=int(table["rank"]),
                quality=str(table["quality"]),
                licence=str(table["licence"]),
                languages=tuple(str(tag) for tag in table.get("languages", ())),
                max_tokens=int(table.get("max_tokens", 0)),
            )
        except KeyError as error:
            raise ValueError(f"model {table.get('id', '?')}: no {error.args[0]}") from None
        rows.append(row)
    if len({row.id for row in rows}) < len(rows):
        raise ValueError("a model id is used twice")
    return tuple(sorted(rows, key=lambda row: (row.rank, row.id)))


@cache
def all_rows() -> tuple[ModelRow, ...]:
    """Return every row that ships with the service, best rank first."""
    return parse_rows((files("service") / "data" / "models.toml").read_text(encoding="utf-8"))


def rows_for(engine_name: str) -> tuple[ModelRow, ...]:
    """Return the rows of one engine, best rank first; empty when the list has none."""
    return tuple(row for row in all_rows() if row.engine == engine_name)
