"""Figures of sentence segmentation: boundaries found again in documents joined to running text, and speed."""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Iterator
from pathlib import Path

from service import languages
from service.pipeline.segment import MAX_CHARACTERS, sentences
from service.records import Block

_TAGS = {"zho-CN": "zh-Hans", "zho-TW": "zh-Hant"}


def documents(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the language tag and the sentences of each document of the parallel news collection."""
    ids = (folder / "DOCUMENT_IDS.tsv").read_text(encoding="utf-8").split()
    for path in sorted(folder.glob("*.txt")):
        tag = _TAGS.get(path.stem) or languages.canonical(path.stem)
        if tag is None:
            continue
        lines = path.read_text(encoding="utf-8").splitlines()
        for _, group in itertools.groupby(zip(ids, lines, strict=False), key=lambda pair: pair[0]):
            yield tag, [line.strip() for _, line in group if line.strip()]


def measure(tag: str, lines: list[str]) -> tuple[int, int, int]:
    """Count found, expected and common boundaries inside one document joined to one paragraph."""
    language = languages.get(tag)
    glue = "" if language is not None and language.script in ("Hans", "Hant", "Jpan") else " "
    expected = set()
    position = 0
    for line in lines[:-1]:
        position += len(line)
        expected.add(position)
        position += len(glue)
    text = glue.join(lines)
    found = {sentence.end for sentence in sentences(text, [Block(0, len(text))], tag)} - {len(text)}
    return len(found), len(expected), len(found & expected)


def report(data: Path) -> None:
    """Print precision, recall and F1 for each language and their mean."""
    totals: dict[str, list[int]] = {}
    for tag, lines in documents(data / "ntrex"):
        row = totals.setdefault(tag, [0, 0, 0])
        for index, value in enumerate(measure(tag, lines)):
            row[index] += value
    print("language  precision  recall  F1")
    scores = []
    for tag, (found, expected, common) in sorted(totals.items()):
        precision, recall = common / max(found, 1), common / max(expected, 1)
        scores.append((precision, recall, 2 * common / max(found + expected, 1)))
        print(f"{tag:9} {precision:.3f}      {recall:.3f}   {scores[-1][2]:.3f}")
    print("mean      " + "      ".join(f"{sum(column) / len(scores):.3f}" for column in zip(*scores, strict=True)))


def report_speed() -> None:
    """Print the time for texts that are large or have no boundary."""
    ordinary = 'The council met on Monday, said Dr. Lee. "We agreed. It took long." Nothing else was decided. '
    for name, unit in (("news", ordinary), ("one word", "a"), ("han", "好"), ("blanks", "word "), ("stops", "A. ")):
        text = unit * (500_000 // len(unit))
        start = time.perf_counter()
        found = sentences(text, [Block(0, len(text))], "en")
        longest = max(sentence.end - sentence.start for sentence in found)
        print(
            f"{name:9} {time.perf_counter() - start:.2f} s, {len(found)} spans, longest {longest} of {MAX_CHARACTERS}"
        )


def main() -> None:
    """Print all tables for the data in the folder named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with ntrex/DOCUMENT_IDS.tsv and ntrex/<language>.txt")
    report(parser.parse_args().data)
    report_speed()


if __name__ == "__main__":
    main()
