"""Articles with reference summaries, each collection by its own rules, as sentences."""

from __future__ import annotations

import gzip
import html
import json
import re
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.pipeline.segment import sentences
from service.records import Block


@dataclass(frozen=True, slots=True)
class Item:
    """An article as sentences, its reference summaries, and how many sentences those have on average."""

    language: str
    title: str
    sentences: tuple[str, ...]
    references: tuple[str, ...]
    count: int


def split(text: str, language: str) -> tuple[str, ...]:
    """Return the sentences of a text as the service finds them, one block a line."""
    blocks, at = [], 0
    for line in text.split("\n"):
        if line.strip():
            start = at + len(line) - len(line.lstrip())
            blocks.append(Block(start, start + len(line.strip())))
        at += len(line) + 1
    return tuple(text[one.start : one.end] for one in sentences(text, blocks, language))


def collections(data: Path) -> Iterator[tuple[str, list[tuple[str, Item]]]]:
    """Yield each collection's name, and its lines with the article each holds."""
    for path in sorted((data / "summarization").glob("*.jsonl.gz")):
        name = path.name.split(".")[0]
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            rows = [(line, _read(name, json.loads(line))) for line in lines]
        yield name, [(line, item) for line, item in rows if item is not None and item.sentences]


def _item(language: str, text: str, references: Iterable[str], title: str = "") -> Item:
    kept = tuple(reference for reference in references if reference)
    count = max(1, round(statistics.mean(len(split(reference, language)) for reference in kept)))
    return Item(language, title, split(text, language), kept, count)


def _read(name: str, row: dict[str, Any]) -> Item | None:
    """Return one row of a collection; None when nobody marked a sentence in it."""
    if name == "tr_tes":
        lines = row["Sentences"]
        marked = [picks for picks in row["Annotations"]["Indexes"].values() if picks]
        if not marked:
            return None
        references = tuple(" ".join(lines[pick] for pick in picks if pick < len(lines)) for picks in marked)
        return Item("tr", row["Title"], tuple(lines), references, round(statistics.mean(map(len, marked))))
    if name == "xl_dialogsumx_dev":
        return _item("en", row["en_dialogue"], [row[key] for key in row if key.startswith("en_summary")])
    if name == "ru_ria":
        return _item("ru", html.unescape(re.sub(r"<[^>]+>", "", row["text"])), [row["title"]])
    if name == "vi_vietnews":
        row = {key: value.replace("_", " ") if isinstance(value, str) else value for key, value in row.items()}
    if name == "en_cnndm":
        row["text"] = row["text"].replace(" . ", " .\n")
    if name == "en_bbc":  # its sentences are glued together
        row["summary"] = re.sub(r'([.!?"])(?=[A-Z"])', r"\1 ", row["summary"])
    return _item(row["lang"], row["text"], row.get("summaries") or [row["summary"]], row.get("title", ""))
