"""How well and how fast the extractive engine picks: ROUGE by collection, against the lead and peers.

`python -m bench.extractive DATA_DIR` reads `DATA_DIR/summarization/*.jsonl.gz`. All systems see the same sentences and
return as many as the reference has. Peers are run when `sumy` can be imported; it is no dependency of the service.
"""

from __future__ import annotations

import argparse
import gzip
import html
import json
import re
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.rouge import rouge, tokens
from service.engines.extractive.engine import ExtractiveEngine
from service.pipeline.segment import sentences
from service.records import Block, Job, Segment, SummaryParams, SummaryResult, Task

Pick = Callable[["Item"], Iterable[int]]


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


def collections(data: Path) -> Iterator[tuple[str, list[Item]]]:
    """Yield each collection's name and articles."""
    for path in sorted((data / "summarization").glob("*.jsonl.gz")):
        name = path.name.split(".")[0]
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            items = [_read(name, json.loads(line)) for line in lines]
        yield name, [item for item in items if item is not None and item.sentences]


def lead(item: Item) -> Iterable[int]:
    """Pick the first sentences."""
    return range(min(item.count, len(item.sentences)))


def own(titles: bool) -> Pick:
    """Return the engine as a picker, with or without the article's title."""
    engine = ExtractiveEngine()
    engine.warm()

    def pick(item: Item) -> Iterable[int]:
        segments = tuple(Segment(text) for text in item.sentences)
        params = SummaryParams(item.title if titles else "", item.count)
        job = Job(Task.SUMMARIZE, "extractive", item.language, "", segments, params)
        (row,) = engine.prepare(job)
        engine.admit([(0, row)])
        (done,) = engine.step()
        if not isinstance(done.output, SummaryResult):
            raise TypeError("the engine gave no summary")
        return [sentence.sources[0] for sentence in done.output.sentences]

    return pick


def peers() -> dict[str, Pick]:
    """Return sumy's summarizers with a tokenizer that is right for every script, or nothing when it is not there."""
    try:
        from sumy.models.dom import ObjectDocumentModel, Paragraph, Sentence
        from sumy.summarizers.lex_rank import LexRankSummarizer
        from sumy.summarizers.lsa import LsaSummarizer
        from sumy.summarizers.luhn import LuhnSummarizer
        from sumy.summarizers.text_rank import TextRankSummarizer
    except ImportError:
        return {}

    class Words:
        def to_words(self, text: str) -> tuple[str, ...]:
            return tuple(tokens(text))

    def picker(summarizer: Any) -> Pick:
        def pick(item: Item) -> Iterable[int]:
            parts = [Sentence(text, Words()) for text in item.sentences]
            places = {id(part): index for index, part in enumerate(parts)}
            chosen = summarizer(ObjectDocumentModel([Paragraph(parts)]), item.count)
            return [places[id(part)] for part in chosen]

        return pick

    return {
        "sumy LexRank": picker(LexRankSummarizer()),
        "sumy TextRank": picker(TextRankSummarizer()),
        "sumy LSA": picker(LsaSummarizer()),
        "sumy Luhn": picker(LuhnSummarizer()),
    }


def measure(pick: Pick, items: list[Item]) -> tuple[tuple[float, ...], float]:
    """Return mean ROUGE-1/2/L over articles (and their references), and milliseconds an article."""
    scores, spent = [], 0.0
    for item in items:
        start = time.perf_counter()
        chosen = sorted(pick(item))
        spent += time.perf_counter() - start
        text = " ".join(item.sentences[index] for index in chosen)
        each = [rouge(text, reference) for reference in item.references]
        scores.append(tuple(map(statistics.mean, zip(*each, strict=True))))
    return tuple(map(statistics.mean, zip(*scores, strict=True))), spent / len(items) * 1e3


def report_speed() -> None:
    """Print what one step costs by the size of the text."""
    pick = own(titles=False)
    words = (
        "council harbour tram line vote river bridge school market budget " + "winter report team city plan road"
    ).split()
    for count in (5, 17, 100, 1000, 5000, 10000):
        texts = tuple(
            " ".join(words[(n * 7 + k * k + n // 5 * k) % len(words)] for k in range(14)) + f" {n}."
            for n in range(count)
        )
        item = Item("en", "", texts, (), 8)
        runs = []
        for _ in range(5):
            start = time.perf_counter()
            pick(item)
            runs.append(time.perf_counter() - start)
        print(f"{count:6d} sentences {sum(map(len, texts)):8d} characters {min(runs) * 1e3:9.2f} ms")


def main() -> None:
    """Print a table of ROUGE by collection and system, then a table of speed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path, help="folder that holds `summarization`")
    data = dict(collections(parser.parse_args().data))
    systems = {"lead": lead, **peers(), "own, no title": own(titles=False), "own": own(titles=True)}
    table = {name: {key: measure(pick, items) for key, items in data.items()} for name, pick in systems.items()}
    print("collection (articles)".ljust(26), *(name.rjust(18) for name in systems), "   ROUGE-1/2/L")
    for key, items in data.items():
        cells = ("/".join(f"{score:.3f}" for score in table[name][key][0]).rjust(18) for name in systems)
        print(f"{key} ({len(items)})".ljust(26), *cells)
    means = (map(statistics.mean, zip(*(table[name][key][0] for key in data), strict=True)) for name in systems)
    print("mean of collections".ljust(26), *("/".join(f"{score:.3f}" for score in mean).rjust(18) for mean in means))
    spent = (statistics.mean(table[name][key][1] for key in data) for name in systems)
    print("ms an article".ljust(26), *(f"{value:.2f}".rjust(18) for value in spent))
    report_speed()


if __name__ == "__main__":
    main()
