"""Figures of language identification: accuracy, coverage and calibration for each length, errors, speed, memory."""

from __future__ import annotations

import argparse
import collections
import time
from collections.abc import Iterator
from pathlib import Path

from service import languages
from service.pipeline import detect
from service.records import Detection

_KINDS = ("sentences", "word-pairs", "single-words")


def samples(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the canonical tag and each line of `<tag>.txt`."""
    for path in sorted(folder.glob("*.txt")):
        tag = languages.canonical(path.stem)
        for line in path.read_text(encoding="utf-8").splitlines():
            if tag is not None and line.strip():
                yield tag, line


def same(expected: str, got: str) -> bool:
    """Whether two tags name the same language, script aside."""
    return expected.split("-")[0] == got.split("-")[0]


def report(folder: Path, worst: int) -> None:
    """Print the table of one length of text."""
    rows: list[tuple[str, Detection]] = []
    spent = 0.0
    for tag, line in samples(folder):
        start = time.perf_counter()
        found = detect.detect(line)
        spent += time.perf_counter() - start
        rows.append((tag, found))
    each: dict[str, list[bool]] = collections.defaultdict(list)
    answered: list[bool] = []
    errors: collections.Counter[tuple[str, str]] = collections.Counter()
    bins: dict[int, list[bool]] = collections.defaultdict(list)
    best: list[bool] = []
    for tag, found in rows:
        right = same(tag, found.language)
        each[tag].append(right)
        if found.alternatives:
            first = same(tag, found.alternatives[0].language)
            best.append(first)
            bins[min(int(found.alternatives[0].confidence * 10), 9)].append(first)
        if found.language != detect.UNDETERMINED:
            answered.append(right)
            if not right:
                errors[tag, found.language] += 1
    accuracy = {tag: sum(values) / len(values) for tag, values in each.items()}
    print(f"\n{folder.name}: {len(rows)} texts, {len(each)} languages, {spent / max(len(rows), 1) * 1e6:.0f} µs each")
    print(f"  macro accuracy, und counted as wrong  {sum(accuracy.values()) / len(accuracy):.4f}")
    print(f"  best candidate right                  {sum(best) / max(len(best), 1):.4f}")
    print(f"  answered                              {len(answered) / max(len(rows), 1):.4f}")
    print(f"  answered and right                    {sum(answered) / max(len(answered), 1):.4f}")
    print(
        "  right by confidence  "
        + "  ".join(f".{b}: {sum(v) / len(v):.2f} ({len(v)})" for b, v in sorted(bins.items()))
    )
    print("  worst  " + ", ".join(f"{t} {a:.2f}" for t, a in sorted(accuracy.items(), key=lambda x: x[1])[:worst]))
    print("  errors " + ", ".join(f"{a}→{b} {n}" for (a, b), n in errors.most_common(worst)))


def report_cost() -> None:
    """Print the time of an article of 2 kB and the memory of the process."""
    article = "The town council met on Monday to talk about the new bridge, which will open in the spring. " * 22
    start = time.perf_counter()
    for _ in range(500):
        detect.detect(article)
    print(f"\n{len(article)} characters: {(time.perf_counter() - start) / 500 * 1e6:.0f} µs")
    for line in Path("/proc/self/smaps_rollup").read_text(encoding="utf-8").splitlines():
        if line.startswith(("Rss", "Pss:")):
            print(line)


def main() -> None:
    """Print all tables for the data in the folder named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with langid/{sentences,word-pairs,single-words}/<tag>.txt")
    parser.add_argument("--worst", type=int, default=16, help="how many languages and confusions to list")
    arguments = parser.parse_args()
    start = time.perf_counter()
    detect.warm()
    print(f"loaded in {time.perf_counter() - start:.2f} s")
    for kind in _KINDS:
        report(arguments.data / "langid" / kind, arguments.worst)
    report_cost()


if __name__ == "__main__":
    main()
