"""The neural rows of `data/models.toml`: where a model comes from, what it does, how languages are written for it."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from service.models.failures import UnknownModel
from service.records import Task

Precision = Literal["fp32", "bf16", "int8"]
ENGINE = "seq2seq"
BYTES_PER_PARAMETER: Mapping[Precision, float] = {"fp32": 4.0, "bf16": 2.0, "int8": 1.0}
_CODE = "{code}"


@dataclass(frozen=True, slots=True)
class NeuralRow:
    """One model that is fetched from a hub.

    Attributes:
        revision: commit to fetch; empty: the newest at the first pull.
        family: sort of checkpoint (`m2m100`, `marian`, `t5`, …); the folder's `config.json` has the last word.
        parameters: from the published shapes, to the million.
        max_tokens: longest input of one segment, in tokens.
        files: names of the files needed besides the weights; those the repository lacks are not an error.
        languages: of a summary model, BCP-47; empty for translation.
        sources: source tag -> how the model writes it; an empty string where it takes no code.
        targets: the same for target tags. For summary models with codes both hold their languages.
        target_prefix: put in front of the source text, `{code}` being the target's code; empty: none.
        input_prefix: put in front of the source text as it is; empty: none.
    """

    id: str
    repository: str
    revision: str
    task: Task
    family: str
    rank: int
    quality: str
    licence: str
    commercial_use: bool
    parameters: int
    max_tokens: int
    files: tuple[str, ...]
    languages: tuple[str, ...]
    sources: Mapping[str, str]
    targets: Mapping[str, str]
    target_prefix: str
    input_prefix: str

    def prefix(self, target: str) -> str:
        """What comes before the source text, for a target of `targets`; empty for most models."""
        if self.target_prefix:
            return self.target_prefix.replace(_CODE, self.targets[target])
        return self.input_prefix

    def weight_bytes(self, precision: Precision) -> int:
        """Memory the weights take, computed: parameters times bytes a parameter, nothing else counted."""
        return int(self.parameters * BYTES_PER_PARAMETER[precision])


def parse(text: str) -> tuple[NeuralRow, ...]:
    """Return the neural rows of a model list, best rank first.

    Args:
        text: TOML with `[[model]]`, `[files]` and `[codes.*]` tables.
    Raises:
        ValueError: not TOML, a row without a needed key, or one that names a table that is not there.
    """
    tables = tomllib.loads(text)
    rows = []
    for table in tables.get("model", []):
        if table.get("engine") != ENGINE:
            continue
        try:
            rows.append(_row(table, tables))
        except KeyError as error:
            raise ValueError(f"model {table.get('id', '?')}: no {error.args[0]}") from None
    return tuple(sorted(rows, key=lambda row: (row.task, row.rank, row.id)))


def _row(table: Mapping[str, Any], tables: Mapping[str, Any]) -> NeuralRow:
    task = Task(table["task"])
    languages = tuple(table["languages"]) if task is Task.SUMMARIZE else ()
    sources, targets = _codes(table, tables.get("codes", {}), languages)
    return NeuralRow(
        id=str(table["id"]),
        repository=str(table["repository"]),
        revision=str(table["revision"]),
        task=task,
        family=str(table["family"]),
        rank=int(table["rank"]),
        quality=str(table["quality"]),
        licence=str(table["licence"]),
        commercial_use=bool(table["commercial_use"]),
        parameters=int(table["parameters"]),
        max_tokens=int(table["max_tokens"]),
        files=(*tables["files"]["common"], *tables["files"][table["family"]]),
        languages=languages,
        sources=sources,
        targets=targets,
        target_prefix=str(table.get("target_prefix", "")),
        input_prefix=str(table.get("input_prefix", "")),
    )


def _codes(
    table: Mapping[str, Any], codes: Mapping[str, Any], languages: tuple[str, ...]
) -> tuple[dict[str, str], dict[str, str]]:
    """How source and target tags are written for a row."""
    if "codes" not in table:
        if languages:
            return {}, {}
        return dict.fromkeys(table["sources"], ""), dict.fromkeys(table["targets"], "")
    named = codes[table["codes"]]
    targets = {**{tag: tag for tag in named.get("same", ())}, **named.get("differ", {})}
    sources = {**targets, **named.get("source_only", {})}
    # With a prefix only the target is written; a source outside the table is then no mistake.
    if "sources" in table:
        sources = {tag: sources.get(tag, "") if "target_prefix" in table else sources[tag] for tag in table["sources"]}
    if "targets" in table:
        targets = {tag: targets[tag] for tag in table["targets"]}
    if languages:
        return {tag: sources[tag] for tag in languages}, {tag: targets[tag] for tag in languages}
    return sources, targets


@cache
def all_rows() -> tuple[NeuralRow, ...]:
    """Return every neural row that ships with the service, by task, best rank first."""
    return parse((files("service") / "data" / "models.toml").read_text(encoding="utf-8"))


def get(model_id: str) -> NeuralRow:
    """Return the row of a model.

    Raises:
        UnknownModel: no row has that id; names the nearest one.
    """
    by_id = {row.id: row for row in all_rows()}
    if model_id in by_id:
        return by_id[model_id]
    near = difflib.get_close_matches(model_id.lower(), by_id, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]}?" if near else "; `precis models list` shows them"
    raise UnknownModel(f"no model is called {model_id}{hint}")
