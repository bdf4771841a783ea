"""What the check of quantities reports on good translations, and what it finds in corrupted texts.

    python -m bench.quantities DATA_DIR [tune|held-out|all]

Rows are split by a hash of their English text or article; the tables of words were made on `tune`.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from bench.corrupt_quantities import corrupt_quantities
from service import languages
from service.pipeline.faithfulness.quantities import QuantityIndex

# Source, its language, output, its language.
Row = tuple[str, str, str, str]

_ACROSS = ["de-fr", "fr-de", "ru-zh", "zh-ru", "es-ar", "ar-es", "ja-ko", "hi-tr", "tr-hi", "pl-uk", "uk-pl", "it-pt"]
_SUMMARIES = (
    *("ar_easc", "de_klexikon", "en_bbc", "en_cnndm", "fr_orangesum", "multi_news", "multi_wikilingua"),
    *("vi_vietnews", "zh_lcsts"),
)


def _kept(text: str, part: str) -> bool:
    held_out = hashlib.sha256(text.encode()).digest()[0] & 1 == 1
    return part == "all" or held_out == (part == "held-out")


def _pairs(folder: Path, part: str) -> Iterator[tuple[str, list[Row]]]:
    """Lines of translations by direction, to and from English and some others."""
    texts = {path.stem: path.read_text("utf-8").splitlines() for path in folder.glob("*.txt") if path.stem != "README"}
    english = "en" if "en" in texts else "eng"
    numbers = [number for number, line in enumerate(texts[english]) if _kept(line, part)]
    directions = [pair for name in sorted(texts) if name != english for pair in ((english, name), (name, english))]
    if english == "en":
        directions += [(pair[:2], pair[3:]) for pair in _ACROSS]
    for source, target in directions:
        tags = [languages.canonical(name) or name for name in (source, target)]
        yield (
            f"{source}→{target}",
            [(texts[source][number], tags[0], texts[target][number], tags[1]) for number in numbers],
        )


def _articles(folder: Path, part: str) -> Iterator[tuple[str, list[Row]]]:
    """Reference summaries, and sentences of the articles themselves."""
    for name in _SUMMARIES:
        rows: dict[str, list[Row]] = defaultdict(list)
        with gzip.open(folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
            for record in map(json.loads, file):
                article, tag = record["text"], record["lang"]
                if not isinstance(article, str) or not _kept(article, part):
                    continue
                rows["summary"].append((article, tag, str((record.get("summaries") or [record["summary"]])[0]), tag))
                sentences = [each for each in re.split(r"(?<=[.!?。])\s+", article) if re.search(r"\d", each)]
                rows["sentence"] += [(article, tag, each, tag) for each in sentences[:3]]
        for kind, found in rows.items():
            yield f"{name} {kind}", found


def alarms(rows: Iterable[Row]) -> int:
    """How many outputs have a quantity that is said to be unsupported."""
    return sum(bool(QuantityIndex(source, tag).unsupported(output, other)) for source, tag, output, other in rows)


def recall(rows: Iterable[Row]) -> Counter[tuple[str, bool]]:
    """How many corruptions of each kind were reported at their place, and how many were not."""
    found: Counter[tuple[str, bool]] = Counter()
    for source, tag, output, other in rows:
        index = QuantityIndex(source, tag)
        for text, start, end, kind in corrupt_quantities(output, other, 1, source if tag == other else ""):
            # A sign or unit belongs to the number beside it.
            hit = any(item.start <= end + 3 and item.end + 3 >= start for item in index.unsupported(text, other))
            found[kind, hit] += 1
    return found


def _table(title: str, groups: Iterable[tuple[str, list[Row]]], write: Callable[[str], object]) -> None:
    reported = total = 0
    found: Counter[tuple[str, bool]] = Counter()
    for name, rows in groups:
        wrong = alarms(rows)
        reported, total = reported + wrong, total + len(rows)
        found += recall(rows)
        write(f"{title} {name}: {wrong} of {len(rows)} untouched outputs reported")
    write(f"{title}: {reported} of {total} untouched outputs reported ({100 * reported / max(1, total):.2f} %)")
    for kind in sorted({kind for kind, _ in found}):
        hit, all_ = found[kind, True], found[kind, True] + found[kind, False]
        write(f"{title}: {kind}: {hit} of {all_} corruptions found ({100 * hit / all_:.1f} %)")


def main(arguments: list[str]) -> int:
    """Print the tables for a data folder."""
    data = Path(arguments[0])
    part = arguments[1] if len(arguments) > 1 else "held-out"
    _table("FLORES", _pairs(data / "flores", part), print)
    _table("NTREX", _pairs(data / "ntrex", part), print)
    _table("summarization", _articles(data / "summarization", part), print)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
