"""How well the sentences that support another are found: word for word, in a paraphrase, in another language.

`python -m bench.provenance DATA_DIR` reads `summarization/*.jsonl.gz`, `ntrex/*.txt` and `flores/*.txt` below it. Rows
and documents are parted in two halves by a hash; the constants of the look-up were settled on half 0, so 1 counts.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import time
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from bench.quality.articles import Item, collections, split
from bench.rouge import rouge, tokens
from service.pipeline.provenance import SupportIndex, support

_FLORES_DOCUMENT = 20  # lines taken for one text
_WRITTEN = ("en_cnndm", "fr_orangesum", "multi_news", "vi_vietnews", "xl_dialogsumx_dev", "de_klexikon")
_TAGS = {"arb": "ar", "zho-CN": "zh", "zho-TW": "zh", "por-BR": "pt", "fra-CA": "fr"}


def half(text: str) -> int:
    """Which half a text belongs to, by its hash: 0 to tune on, 1 to report."""
    return hashlib.sha256(text.encode()).digest()[0] % 2


def oracle(reference: str, sentences: Sequence[str], most: int = 3) -> list[int]:
    """The sentences that together are likest to a reference, taken greedily by ROUGE-1 and ROUGE-2, in that order."""
    chosen: list[int] = []
    best = 0.0
    words = set(tokens(reference))
    near = [index for index, text in enumerate(sentences) if words.intersection(tokens(text))]
    while len(chosen) < most:
        scored = []
        for index in near:
            if index not in chosen:
                text = " ".join(sentences[one] for one in sorted([*chosen, index]))
                scored.append((sum(rouge(text, reference)[:2]), -index))
        if not scored or max(scored)[0] <= best:
            break
        best, place = max(scored)
        chosen.append(-place)
    return chosen


def verbatim(items: Sequence[Item]) -> tuple[int, int]:
    """How many sentences of articles are looked up, and how many are found at their own place or an equal one."""
    asked = found = 0
    for item in items:
        index = SupportIndex(item.sentences, item.language)
        for text in item.sentences:
            asked += 1
            got = support(text, item.language, index)
            found += bool(got) and got[0].score == 1.0 and item.sentences[got[0].index] == text
    return asked, found


def written(items: Sequence[Item]) -> tuple[int, float, float, float, float, float]:
    """Sentences of references: how many, share whose first source is the oracle's first, is among the oracle's, whose
    sources hold the oracle's first, that have no source, and with a source in an article they were not written about.
    """
    first = among = holds = none = strange = asked = 0
    for place, item in enumerate(items):
        index = SupportIndex(item.sentences, item.language)
        other = items[place - 1]
        stranger = SupportIndex(other.sentences, other.language) if other.language == item.language else None
        for text in split(item.references[0], item.language):
            want = oracle(text, item.sentences)
            if len(tokens(text)) < 4 or not want:
                continue
            asked += 1
            got = [one.index for one in support(text, item.language, index)]
            first += got[:1] == want[:1]
            among += bool(got) and got[0] in want
            holds += want[0] in got
            none += not got
            strange += stranger is not None and bool(support(text, item.language, stranger))
    return asked, first / asked, among / asked, holds / asked, none / asked, strange / asked


def documents(data: Path, half_: int) -> Iterator[tuple[str, list[tuple[str, ...]], list[tuple[str, ...]]]]:
    """Yield a language with its documents and the same ones in English, line by line."""
    names = (data / "ntrex" / "DOCUMENT_IDS.tsv").read_text("utf-8").split("\n")
    for folder, english in (("ntrex", "eng"), ("flores", "en")):
        source = (data / folder / f"{english}.txt").read_text("utf-8").splitlines()
        keys = names[: len(source)] if folder == "ntrex" else [str(n // _FLORES_DOCUMENT) for n in range(len(source))]
        spans = [[n for n, _ in group] for _, group in groupby(enumerate(keys), lambda one: one[1])]
        spans = [span for span in spans if len(span) > 2 and half(source[span[0]]) == half_]
        for path in sorted((data / folder).glob("*.txt")):
            lines = path.read_text("utf-8").splitlines()
            if path.stem in ("README", english) or len(lines) != len(source):
                continue
            tag = _TAGS.get(path.stem, path.stem)
            yield (
                f"{folder} {path.stem}",
                [(tag, *(lines[n] for n in span)) for span in spans],
                [("en", *(source[n] for n in span)) for span in spans],
            )


def abroad(texts: Sequence[Sequence[str]], sources: Sequence[Sequence[str]], placed: bool) -> list[float]:
    """Recall of a sentence's original at 1 and at 3, share without a source, and with one in another document."""
    at_one = at_three = none = strange = asked = 0
    for place, (text, source) in enumerate(zip(texts, sources, strict=True)):
        index, other = (SupportIndex(one[1:], one[0]) for one in (source, sources[place - 1]))
        for number, sentence in enumerate(text[1:]):
            where = number / (len(text) - 2) if placed else None
            got = [one.index for one in support(sentence, text[0], index, place=where)]
            asked += 1
            at_one += got[:1] == [number]
            at_three += number in got
            none += not got
            strange += bool(support(sentence, text[0], other))
    return [asked, *(value / asked for value in (at_one, at_three, none, strange))]


def main() -> None:
    """Print the three tables and what a look-up costs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path, help="folder that holds `summarization`, `ntrex` and `flores`")
    parser.add_argument("--half", type=int, default=1, help="which half of the rows; 0 was tuned on")
    given = parser.parse_args()
    sets = {
        name: [item for _, item in items if half("\n".join(item.sentences)) == given.half]
        for name, items in collections(given.data)
    }
    print("word for word: sentences, share found exactly")
    for name, items in sets.items():
        asked, found = verbatim(items)
        print(f"{name:20s} {asked:6d} {found / asked:.4f}")
    print("written: sentences; first is the oracle's first, is one of the oracle's; oracle's first is one of ours;")
    print("         no source; with a source in another article")
    for name in _WRITTEN:
        asked, *shares = written(sets[name])
        print(f"{name:20s} {asked:6d}", *(f"{share:.3f}" for share in shares))
    print("another language: sentences; without place: recall@1 @3, none, strange; with place: recall@1 @3")
    table = []
    for name, texts, sources in documents(given.data, given.half):
        plain, placed = abroad(texts, sources, False), abroad(texts, sources, True)
        table.append((name.split()[0], plain + placed))
        print(f"{name:20s} {plain[0]:6.0f}", *(f"{value:.3f}" for value in plain[1:] + placed[1:3]))
    for folder in ("ntrex", "flores"):
        rows = [values for name, values in table if name == folder]
        means = [statistics.mean(column) for column in zip(*rows, strict=True)]
        print(f"{'mean of ' + folder:20s}", *(f"{value:.3f}" for value in means[1:5] + means[6:8]))
    item = max(sets["en_cnndm"], key=lambda one: len(one.sentences))
    start = time.perf_counter()
    index = SupportIndex(item.sentences, "en")
    for text in split(item.references[0], "en"):
        support(text, "en", index)
    print(f"{(time.perf_counter() - start) * 1e3:.1f} ms for {sum(map(len, item.sentences))} characters")


if __name__ == "__main__":
    main()
