"""How often the check of faithfulness notices mistakes, and how often it doubts what is true.

`python -m bench.faithfulness DATA_DIR [--half tune|held|all] [--lines 250]` reads `DATA_DIR/flores/<tag>.txt` and
`DATA_DIR/ntrex/<code>.txt` (one sentence a line, aligned across languages, with `ntrex/DOCUMENT_IDS.tsv`) and
`DATA_DIR/summarization/*.jsonl.gz`. Untouched translations from and into English give the false alarms. Mistakes are
put into sentences of documents (checked against their document), into summaries (against their article) and into
translations (against the sentence they translate). Rows are halved by a hash of the English line or the article; the
checks were tuned on the half `tune`, and `held` is what is printed otherwise.
"""

from __future__ import annotations

import argparse
import functools
import gzip
import itertools
import json
import random
import statistics
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench.corruption import Corruptor, negation, quantity
from bench.tables import Table, markdown
from service import languages
from service.pipeline.faithfulness.verify import Source

Spoil = Callable[[str, str, random.Random], str | None]
Tally = dict[tuple[str, str], list[int]]

_TAGS = {"zho-CN": "zh-Hans", "zho-TW": "zh-Hant", "zh": "zh-Hans"}
_SKIPPED = {"fra-CA", "por-BR"}  # the same languages twice
_SUMMARIES = ("en_bbc", "fr_orangesum", "multi_news", "de_klexikon")
_CASED = {"Latn", "Cyrl", "Grek", "Armn"}


def corpus(folder: Path) -> dict[str, list[str]]:
    """Read aligned lines, by tag."""
    found = {}
    for path in sorted(folder.glob("*.txt")):
        tag = _TAGS.get(path.stem) or languages.canonical(path.stem)
        if tag is not None and path.stem not in _SKIPPED:
            found[tag] = [line.strip() for line in path.read_text(encoding="utf-8").split("\n")]
    return found


def chosen(line: str, half: str) -> bool:
    """Whether a row is of a half: `tune`, `held` or `all`."""
    return half == "all" or (zlib.crc32(line.encode()) % 2 == 0) == (half == "tune")


@functools.lru_cache(maxsize=256)
def source(text: str, language: str) -> Source:
    """Index a text once for all that is checked against it."""
    return Source(text, language)


def alarms(
    data: Path, name: str, half: str, most: int, cost: list[float]
) -> Iterator[tuple[str, str, int, int, dict[str, int]]]:
    """Yield source, target, sentences with an alarm, sentences, and alarms by kind, for pairs with English."""
    lines = corpus(data / name)
    for tag in sorted(lines):
        for one, other in (("en", tag), (tag, "en")) if tag != "en" else ():
            doubted = 0
            kinds: dict[str, int] = defaultdict(int)
            rows = [
                (a, b)
                for a, b, english in zip(lines[one], lines[other], lines["en"], strict=False)
                if a and b and english and chosen(english, half)
            ][:most]
            for a, b in rows:
                start = time.process_time()
                found = Source(a, one).check(b, other).unsupported
                cost.append(time.process_time() - start)
                doubted += bool(found)
                for kind in {item.kind for item in found}:
                    kinds[kind] += 1
            yield one, other, doubted, len(rows), kinds


def _noticed(good: str, bad: str, text: str, tags: tuple[str, str]) -> bool:
    """Whether something is doubted where the mistake is, which is not so without the mistake."""
    start = next((at for at, (a, b) in enumerate(zip(good, bad, strict=False)) if a != b), min(len(good), len(bad)))
    tail = next((at for at, (a, b) in enumerate(zip(good[::-1], bad[::-1], strict=False)) if a != b), 0)
    end = max(start + 1, len(bad) - tail)
    found = source(text, tags[0]).check(bad, tags[1]).unsupported
    before = {item.text for item in source(text, tags[0]).check(good, tags[1]).unsupported}
    return any(item.text not in before and item.start < end and start < item.end for item in found)


def recall(rows: Sequence[tuple[str, str]], tags: tuple[str, str], spoils: dict[str, Spoil], tally: Tally) -> None:
    """Put each mistake into each output and count how many are noticed.

    Args:
        rows: source and output.
        tags: their languages.
        spoils: mistakes by name.
        tally: (language, name) -> noticed, made.
    """
    for text, good in rows:
        chance = random.Random(zlib.crc32(good.encode()))
        for kind, spoil in spoils.items():
            bad = spoil(good, text, chance)
            if bad is not None and bad != good:
                count = tally.setdefault((tags[1], kind), [0, 0])
                count[0] += _noticed(good, bad, text, tags)
                count[1] += 1


def documents(data: Path, half: str, most: int) -> tuple[Tally, Tally]:
    """Return recall on sentences against their documents, and on translations against the English sentence."""
    lines = corpus(data / "ntrex")
    ids = (data / "ntrex" / "DOCUMENT_IDS.tsv").read_text(encoding="utf-8").split()
    english = Corruptor.of(lines["en"])
    inside: Tally = {}
    across: Tally = {}
    for tag, sentences in lines.items():
        if languages.all_languages() and (language := languages.get(tag)) and language.script not in _CASED:
            continue
        corruptor = Corruptor.of(sentences, english.names if tag == "de" else None)
        texts = defaultdict(list)
        for document, line in zip(ids, sentences, strict=False):
            texts[document].append(line)
        rows = [
            ("\n".join(texts[document]), line, original)
            for document, line, original in zip(ids, sentences, lines["en"], strict=False)
            if line and chosen(original, half)
        ][:most]
        spoils: dict[str, Spoil] = {
            "name": corruptor.name,
            "quote": corruptor.quote,
            "negation": negation(tag),
            "quantity": quantity(tag),
        }
        recall([(text, line) for text, line, _ in rows], (tag, tag), spoils, inside)
        if tag != "en":
            recall(
                [(original, line) for _, line, original in rows],
                ("en", tag),
                {"name": corruptor.name, "quantity": quantity(tag)},
                across,
            )
    return inside, across


def summaries(data: Path, half: str) -> tuple[Tally, dict[str, list[int]]]:
    """Return recall on reference summaries, and how many of the untouched ones are doubted."""
    tally: Tally = {}
    doubted: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    english = Corruptor.of(corpus(data / "ntrex")["en"])
    for name in _SUMMARIES:
        with gzip.open(data / "summarization" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
            articles = [json.loads(line) for line in file]
        for tag, group in itertools.groupby(sorted(articles, key=lambda row: row["lang"]), key=lambda row: row["lang"]):
            rows = [(f"{row.get('title', '')}\n{row['text']}", row["summary"]) for row in group]
            lines = [line for pair in rows for text in pair for line in text.split("\n")]
            corruptor = Corruptor.of(lines, english.names if tag == "de" else None)
            wanted = [row for row in rows if chosen(row[0], half)]
            language = languages.get(tag)
            for text, summary in wanted:
                count = doubted[f"{name} {tag}"]
                count[0] += bool(source(text, tag).check(summary, tag).unsupported)
                count[1] += 1
            if language is not None and language.script in _CASED:
                spoils = {"name": corruptor.name, "quote": corruptor.quote, "quantity": quantity(tag)}
                recall(wanted, (tag, tag), spoils, tally)
    return tally, doubted


def speed() -> None:
    """Print the time of a check, of ordinary and of very long texts."""
    sentence = "The council of Eastbrook met Mayor Anna Lindqvist on Monday, and {} people came to hear her. "
    article = "".join(sentence.format(at) for at in range(22))
    summary = "Mayor Anna Lindqvist met the council of Eastbrook. Some 21 people heard Boris Feldmann."
    for name, text in (("2 kB", article), ("500 kB", article * 250)):
        times = []
        for _ in range(20 if len(text) < 10_000 else 3):
            start = time.process_time()
            Source(text, "en").check(summary, "en")
            times.append(time.process_time() - start)
        print(f"{name:7} {statistics.median(times) * 1000:.2f} ms of CPU")


def tables(data: Path, rows: str, most: int = 10_000) -> list[Table]:
    """Measure on `DATA`.

    Args:
        data: the folder.
        rows: `tune`, `held` or `all`.
        most: rows of a language, at most.
    """
    cost: list[float] = []
    alarmed = [_alarm_rows(data, name, rows, most, cost) for name in ("flores", "ntrex")]
    check = f"A check takes a median of {statistics.median(cost) * 1000:.2f} ms of CPU."
    columns = ("translations", "sentences", "with any alarm", "by kind", "worst")
    made = [
        Table(
            "False alarms on untouched reference translations from and into English", columns, tuple(alarmed), (check,)
        )
    ]
    inside, across = documents(data, rows, most)
    tally, unsure = summaries(data, rows)
    for title, found in (
        ("Mistakes noticed: a sentence of a document, against that document", inside),
        ("Mistakes noticed: a translation, against the English sentence", across),
        ("Mistakes noticed: a reference summary, against its article", tally),
    ):
        made.append(Table(title, ("mistake", "made", "noticed", "by language, noticed of made"), _recalled(found)))
    doubted = tuple((name, str(of), _share(hits, of)) for name, (hits, of) in unsure.items())
    made.append(
        Table("Untouched reference summaries that are doubted, rightly or wrongly", ("set", "n", "doubted"), doubted)
    )
    return made


def _alarm_rows(data: Path, name: str, rows: str, most: int, cost: list[float]) -> tuple[str, ...]:
    total = count = 0
    by_kind: dict[str, int] = defaultdict(int)
    pairs: list[tuple[float, str]] = []
    for one, other, doubted, sentences, kinds in alarms(data, name, rows, most, cost):
        total, count = total + doubted, count + sentences
        for kind, times in kinds.items():
            by_kind[kind] += times
        pairs.append((doubted / max(1, sentences), f"{one}→{other}"))
    kinds_told = ", ".join(f"{kind} {times / max(1, count):.2%}" for kind, times in sorted(by_kind.items()))
    worst = ", ".join(f"{pair} {share:.1%}" for share, pair in sorted(pairs, reverse=True)[:5])
    return name, str(count), _share(total, count), kinds_told, worst


def _recalled(tally: Tally) -> tuple[tuple[str, ...], ...]:
    found = []
    for kind in sorted({kind for _, kind in tally}):
        cells = {tag: count for (tag, of_kind), count in sorted(tally.items()) if of_kind == kind}
        hits, made = (sum(column) for column in zip(*cells.values(), strict=True))
        each = ", ".join(f"{tag} {hit}/{of}" for tag, (hit, of) in cells.items())
        found.append((kind, str(made), _share(hits, made), each))
    return tuple(found)


def _share(hits: int, of: int) -> str:
    """A share with its 95 % interval (Wilson, 1927)."""
    if not of:
        return "–"
    share, z = hits / of, 1.96
    middle, scale = (share + z * z / (2 * of)), 1 + z * z / of
    half = z * (share * (1 - share) / of + z * z / (4 * of * of)) ** 0.5
    return f"{share:.1%} [{max(0.0, middle - half) / scale:.1%}, {min(scale, middle + half) / scale:.1%}]"


def main() -> None:
    """Print all tables for the data in the folder named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--half", choices=("tune", "held", "all"), default="held")
    parser.add_argument("--lines", type=int, default=250, help="at most so many rows of a language")
    options = parser.parse_args()
    print(*map(markdown, tables(options.data, options.half, options.lines)), sep="\n\n")
    speed()


if __name__ == "__main__":
    main()
