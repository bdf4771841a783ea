"""Cleaning: how near to the article's own text, on pages, on scraped plain text, and on text that is clean already."""

from __future__ import annotations

import collections
import gzip
import html as entities
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.quality.corpora import Page, documents, pages, visible
from bench.quality.intervals import Interval, bootstrap, mean, ratio
from bench.quality.request import Request
from bench.quality.runs import Made, run_all
from bench.tables import Table

MODULE = "bench.quality.systems.cleaning"
ON_PAGES = ("precis", "trafilatura", "trafilatura-precision", "resiliparse", "readability", "justext")
ON_TEXT = ("precis", "everything", "justext", "trafilatura")
_TOKEN = re.compile(r"\w+")
_PAGE_COLUMNS = (
    "",
    "token F1",
    "Précis ahead by, points of F1",
    "precision",
    "recall",
    "wanted phrases kept",
    "unwanted phrases let in",
    "ms a page",
    "memory, MB",
)


def tables(request: Request) -> list[Table]:
    """Return the tables of pages, of scraped text and of clean articles."""
    chosen = request.pick((page.html, page) for page in pages(request.data))
    gold = sum(bool(page.body) for page in chosen)
    told = f"{gold} pages with gold text, {len(chosen) - gold} with phrases"
    found = []
    if chosen:
        made, notes = run_all(MODULE, [{"html": page.html} for page in chosen], request, ON_PAGES)
        found.append(Table(f"HTML pages ({told})", _PAGE_COLUMNS, _page_rows(made, chosen), notes))
        made, notes = run_all(MODULE, [{"text": visible(page.html)} for page in chosen], request, ON_TEXT)
        title = f"Scraped plain text: all visible text, one block a line ({told})"
        found.append(Table(title, _PAGE_COLUMNS, _page_rows(made, chosen), notes))
    articles = _by_collection(request)
    if articles:
        found.append(_clean_table(articles, request))
    return found


def token_scores(got: str, gold: str) -> tuple[float, float, float]:
    """Return F1, precision and recall of words, order aside."""
    one, other = (collections.Counter(_TOKEN.findall(text.lower())) for text in (got, gold))
    common = (one & other).total()
    if not common:
        return 0.0, 0.0, 0.0
    return 2 * common / (one.total() + other.total()), common / one.total(), common / other.total()


def _page_rows(made: Sequence[Made], chosen: Sequence[Page]) -> tuple[tuple[str, ...], ...]:
    rows, first = [], None
    for one in made:
        scores, phrases = _scores(one, chosen)
        first = first or scores
        rows.append(_page_row(one, scores, phrases, first))
    return tuple(rows)


def _scores(
    made: Made, chosen: Sequence[Page]
) -> tuple[list[tuple[float, float, float]], list[tuple[int, int, int, int]]]:
    """F1, precision and recall of pages with gold text; wanted, of all, unwanted, of all for the others."""
    scores, phrases = [], []
    for page, output in zip(chosen, made.outputs, strict=True):
        body = output["body"] if output else ""
        if page.body:
            scores.append(token_scores(body, page.body))
        else:
            text = " ".join(f"{output['title']} {body}".split()) if output else ""
            kept = [sum(" ".join(phrase.split()) in text for phrase in some) for some in (page.wanted, page.unwanted)]
            phrases.append((kept[0], len(page.wanted), kept[1], len(page.unwanted)))
    return scores, phrases


def _page_row(
    made: Made,
    scores: Sequence[tuple[float, float, float]],
    phrases: Sequence[tuple[int, int, int, int]],
    ours: Sequence[tuple[float, float, float]],
) -> tuple[str, ...]:
    """One row; pages are compared one by one, which tells more than two intervals do."""
    ahead = mean([[own[0] - one[0] for own, one in zip(ours, scores, strict=True)]]) if scores else None
    told = "–" if ahead is None or scores is ours else ahead.shown(1, 100)
    f1, precision, recall = (mean([column]).shown() for column in zip(*scores, strict=True)) if scores else ("–",) * 3
    wanted, unwanted = (
        (_share([(row[at], row[at + 1]) for row in phrases]).shown(1, 100) + " %" for at in (0, 2))
        if phrases
        else ("–", "–")
    )
    speed = f"{made.milliseconds():.1f}" if made.milliseconds() >= 0.05 else f"{made.milliseconds():.3f}"
    return made.title, f1, told, precision, recall, wanted, unwanted, speed, f"{made.memory_mb:.0f}"


def _share(rows: Sequence[tuple[float, float]]) -> Interval:
    return bootstrap([rows], ratio)


def clean_articles(data: Path) -> Iterator[tuple[str, str]]:
    """Yield the name of a collection and each of its articles, which hold no boilerplate."""
    for path in sorted((data / "summarization").glob("*.jsonl.gz")):
        for row in map(json.loads, gzip.decompress(path.read_bytes()).decode("utf-8").splitlines()):
            text = row.get("text") or row.get("en_dialogue")
            if "Sentences" in row:
                text = "\n".join(row["Sentences"])
            if "ria" in path.name:
                text = entities.unescape(re.sub(r"<[^>]+>", "", text))
            yield path.name.split(".")[0], text
    for name, _, lines in documents(data):
        yield f"ntrex {name}", "\n".join(lines)


def _by_collection(request: Request) -> dict[str, list[str]]:
    rows: dict[str, list[str]] = {}
    for name, text in clean_articles(request.data):
        rows.setdefault(name, []).append(text)
    return {name: picked for name, texts in rows.items() if (picked := request.pick((text, text) for text in texts))}


def _clean_table(articles: dict[str, list[str]], request: Request) -> Table:
    texts = [text for some in articles.values() for text in some]
    made, notes = run_all(
        MODULE, [{"text": text} for text in texts], request, [n for n in ON_TEXT if n != "everything"]
    )
    rows = []
    for one in made:
        outputs = iter(one.outputs)
        lost = [[_loss(text, next(outputs)) for text in some] for some in articles.values()]
        share = bootstrap(lost, ratio, pooled=True)
        touched = mean([[float(gone > 0) for gone, _ in some] for some in lost], pooled=True)
        worst = max(zip(articles, lost, strict=True), key=lambda pair: _of(pair[1]))
        rows.append(
            (
                one.title,
                f"{share.shown(3, 100)} %",
                f"{touched.shown(1, 100)} %",
                f"{worst[0]} {100 * _of(worst[1]):.2f} %",
                f"{sum(one.seconds) / sum(len(text.encode()) for text in texts) * 1e6:.2f}",
                f"{one.memory_mb:.0f}",
            )
        )
    size = sum(map(len, texts))
    title = f"Clean articles: what is lost ({len(texts)} articles of {len(articles)} collections, {size} characters)"
    columns = ("", "characters removed", "articles touched", "collection with the largest loss", "s/MB", "memory, MB")
    return Table(title, columns, tuple(rows), notes)


def _loss(text: str, output: dict[str, str] | None) -> tuple[int, int]:
    """Characters that are no blanks: lost, and all."""
    kept = sum(len("".join(part.split())) for part in output.values()) if output else 0
    total = len("".join(text.split()))
    return max(0, total - kept), total


def _of(rows: Sequence[tuple[int, int]]) -> float:
    return sum(row[0] for row in rows) / max(1, sum(row[1] for row in rows))
