"""Figures of article cleaning: what survives on clean articles, what is found in scraped pages, and how fast."""

from __future__ import annotations

import argparse
import collections
import gzip
import html as entities
import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from service.pipeline.clean import clean_html, clean_text
from service.pipeline.formats.html_page import read_page
from service.records import Article

_TOKEN = re.compile(r"\w+")


def token_f1(got: str, gold: str) -> float:
    """Return the harmonic mean of precision and recall of words, order aside."""
    a, b = collections.Counter(_TOKEN.findall(got.lower())), collections.Counter(_TOKEN.findall(gold.lower()))
    common = sum((a & b).values())
    return 2 * common / (sum(a.values()) + sum(b.values())) if common else 0.0


def kept(article: Article) -> str:
    """Return the kept blocks as text."""
    return "\n".join(article.text[b.start : b.end] for b in article.blocks)


def clean_articles(data: Path) -> Iterator[tuple[str, str]]:
    """Yield the name of a collection and each of its articles."""
    for path in sorted((data / "summarization").glob("*.jsonl.gz")):
        for row in map(json.loads, gzip.decompress(path.read_bytes()).decode("utf-8").splitlines()):
            text = row.get("text") or row.get("en_dialogue")
            if "Sentences" in row:
                text = "\n".join(row["Sentences"])
            if "ria" in path.name:
                text = entities.unescape(re.sub(r"<[^>]+>", "", text))
            yield path.name.split(".")[0], text
    ids = (data / "ntrex" / "DOCUMENT_IDS.tsv").read_text(encoding="utf-8").split()
    for path in sorted((data / "ntrex").glob("*.txt")):
        if path.name == "README.txt":
            continue
        documents: dict[str, list[str]] = {}
        for key, line in zip(ids, path.read_text(encoding="utf-8").splitlines(), strict=False):
            documents.setdefault(key, []).append(line)
        for lines in documents.values():
            yield "ntrex-" + path.stem, "\n".join(lines)
            yield "ntrex-" + path.stem, "\n\n".join(lines)


def report_losses(data: Path, show: bool) -> None:
    """Print the share of characters removed from articles that hold no boilerplate."""
    total: collections.Counter[str] = collections.Counter()
    lost: collections.Counter[str] = collections.Counter()
    for name, text in clean_articles(data):
        article = clean_text(text)
        total[name] += len(text)
        for r in article.removed:
            lost[name] += r.end - r.start
            if show:
                print(f"  {name} {r.rule}: {text[r.start : r.end][:150]!r}")
    for name in total:
        if lost[name]:
            print(f"{name:24} {100 * lost[name] / total[name]:.3f} %")
    print(f"clean articles: {100 * sum(lost.values()) / sum(total.values()):.3f} % of {sum(total.values())} characters")


def decode(raw: bytes) -> str:
    """Return a page's text, by the encoding it names."""
    named = re.search(rb"charset=[\"']?([\w-]+)", raw[:4096])
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        try:
            return raw.decode(named.group(1).decode() if named else "cp1252", "replace")
        except LookupError:
            return raw.decode("utf-8", "replace")


def report_pages(data: Path, show: bool, as_html: bool) -> None:
    """Print token F1 against the article bodies, and phrases kept and let in, for page text or for the pages."""
    what = "html" if as_html else "scraped text"
    gold = json.loads((data / "html" / "aeb" / "ground-truth.json").read_text(encoding="utf-8"))
    before, after = [], []
    for key, row in sorted(gold.items()):
        path = data / "html" / "aeb" / f"{key}.html.gz"
        if not path.exists():
            continue
        article = _article(path, as_html)
        before.append(token_f1(article.text, row["articleBody"]))
        after.append(token_f1(kept(article), row["articleBody"]))
        if show:
            title = article.title and article.text[article.title.start : article.title.end]
            print(f"  {key[:8]} {before[-1]:.3f} -> {after[-1]:.3f} title: {title}")
    print(f"{what}, aeb ({len(after)} pages): F1 {sum(before) / len(before):.3f} -> {sum(after) / len(after):.3f}")
    truth = json.loads((data / "html" / "traf" / "evaldata.json").read_text(encoding="utf-8"))
    good = wanted = bad = unwanted = 0
    for row in truth.values():
        path = data / "html" / "traf" / (row["file"] + ".gz")
        if not path.exists():
            continue
        article = _article(path, as_html)
        out = " ".join(kept(article).split())
        wanted += len(row["with"])
        unwanted += len(row["without"])
        good += sum(" ".join(phrase.split()) in out for phrase in row["with"])
        bad += sum(" ".join(phrase.split()) in out for phrase in row["without"])
    print(f"{what}, traf: kept {good}/{wanted} wanted phrases, {bad}/{unwanted} unwanted")


def _article(path: Path, as_html: bool) -> Article:
    html = decode(gzip.decompress(path.read_bytes()))
    return clean_html(html) if as_html else clean_text("\n".join(block.text for block in read_page(html).blocks))


def report_speed(data: Path) -> None:
    """Print the time per text, for the sample article and for half a million characters."""
    sample = (data / "article.txt").read_text(encoding="utf-8")
    clean_text(sample)
    began = time.perf_counter()
    for _ in range(500):
        clean_text(sample)
    print(f"{len(sample)} characters: {(time.perf_counter() - began) * 2:.3f} ms")
    for name, long in (("article", sample * (500_000 // len(sample))), ("lines", "Some words here\n" * 31_250)):
        began = time.perf_counter()
        clean_text(long)
        print(f"{len(long)} characters ({name}): {time.perf_counter() - began:.3f} s")


def main() -> int:
    """Run the measurements that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--show", action="store_true", help="print each removal and each page")
    parser.add_argument("--only", choices=("losses", "pages", "html", "speed"))
    options = parser.parse_args()
    if options.only in (None, "losses"):
        report_losses(options.data, options.show)
    if options.only in (None, "pages"):
        report_pages(options.data, options.show, as_html=False)
    if options.only in (None, "html"):
        report_pages(options.data, options.show, as_html=True)
    if options.only in (None, "speed"):
        report_speed(options.data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
