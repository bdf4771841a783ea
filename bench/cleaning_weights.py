"""Fit the weights of the cleaning model: `python -m bench.cleaning_weights DATA --fundus DIR --readability DIR`.

Pages with known articles are turned into text as several scrapers do it; each line is labelled by where its characters
stand in the article; a softmax regression over the lines is fitted, a line counting by its share of the words.
Only pages of fold 0 (a hash of the page's name) are used, so that those of fold 1 can be measured. Clean articles teach
what is to be kept. Needs beautifulsoup4, html2text and inscriptis besides the project's own packages.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import random
import re
import sys
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from bench.quality.cleaning import clean_articles
from bench.quality.corpora import decode
from service.pipeline.clean_features import features
from service.pipeline.clean_lines import Line, split_lines
from service.pipeline.clean_rules import own_rule
from service.pipeline.formats.html_doc import lay_over
from service.pipeline.formats.html_page import read_page

OUT = Path(__file__).parent.parent / "service" / "data" / "cleaning_weights.toml"
HEADING = """\
# Weights of the cleaning model (service/pipeline/clean_model.py), fitted by `python -m bench.cleaning_weights`: how
# much each feature of a line (service/pipeline/clean_features.py) speaks for it being head, aside or tail and not body.
# They are measurements of pages, not text of them.

# What each change from one part of the text to the next costs.
change = 0.5

# feature = [head, aside, tail]
[weights]
"""
_NOISE = re.compile(r"[\W_]+")
_LINK = re.compile(r"\]\([^)\s]*(?:\s+\"[^\"]*\")?\)|<https?://[^>]*>")
_WORD = re.compile(r"\w+")
STYLES_PER_PAGE, ITERATIONS, DECAY = 4, 130, 1e-5
MOST_LINES = 900


@dataclass(frozen=True, slots=True)
class Sample:
    """A page with its article; `weight` says how far its labels are trusted."""

    name: str
    html: str
    gold: str
    title: str
    weight: float


def fold(name: str) -> int:
    """Return the half, 0 or 1, that a page or article belongs to."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % 2


def key(text: str) -> str:
    """Return the letters and digits of `text`."""
    return _NOISE.sub("", text)


def covered(page: str, gold: str) -> float:
    """Return the share of the gold words that the page shows."""
    shown, wanted = (Counter(_WORD.findall(text.lower())) for text in (page, gold))
    return (shown & wanted).total() / max(1, wanted.total())


def pages(data: Path, fundus: Path | None, readability: Path | None) -> Iterator[Sample]:
    """Yield pages whose article is known and shown."""
    for name, row in json.loads((data / "html/aeb/ground-truth.json").read_text("utf-8")).items():
        html = decode(gzip.decompress((data / f"html/aeb/{name}.html.gz").read_bytes()))
        yield Sample(name, html, row["articleBody"], "", 1.0)
    for path in sorted(fundus.glob("tests/resources/parser/test_data/*/*.html.gz")) if fundus else ():
        publisher = re.sub(r"_\d{4}_\d\d_\d\d.*", "", path.name)
        html = decode(gzip.decompress(path.read_bytes()))
        shown = read_page(html).text
        found = []
        for version in json.loads((path.parent / f"{publisher}.json").read_text("utf-8")).values():
            body = version.get("body") or {"summary": [], "sections": []}
            gold = "\n".join(body["summary"] + [p for s in body["sections"] for p in s["headline"] + s["paragraphs"]])
            found.append((covered(shown, gold) if len(gold) >= 150 else 0.0, gold, version.get("title") or ""))
        best = max(found)
        if best[0] >= 0.93:
            yield Sample(publisher, html, best[1], best[2], 1.0)
    for folder in sorted(readability.glob("test/test-pages/*/")) if readability else ():
        html, wanted = ((folder / f"{part}.html").read_text("utf-8") for part in ("source", "expected"))
        gold = "\n".join(block.text for block in read_page(wanted).blocks)
        title = json.loads((folder / "expected-metadata.json").read_text("utf-8")).get("title") or ""
        if len(gold) > 300 and covered(read_page(html).text, gold) > 0.93:
            yield Sample(folder.name, html, gold, title, 0.5)


def scrapers() -> dict[str, Callable[[str], str]]:
    """Return the ways a page is turned into text."""
    import html2text
    import inscriptis
    from bs4 import BeautifulSoup

    def stripped(html: str) -> str:
        soup = BeautifulSoup(html, "lxml")
        for tag in soup(["script", "style", "noscript", "head"]):
            tag.decompose()
        return soup.get_text("\n", strip=True)

    def plain(html: str) -> str:
        maker = html2text.HTML2Text(bodywidth=0)
        maker.ignore_links = maker.ignore_images = maker.ignore_emphasis = True
        return maker.handle(html)

    return {
        "blocks": lambda html: "\n".join(block.text for block in read_page(html).blocks),
        "nodes": lambda html: BeautifulSoup(html, "lxml").get_text("\n"),
        "stripped": stripped,
        "markdown": lambda html: html2text.HTML2Text().handle(html),
        "plain": plain,
        "layout": inscriptis.get_text,
    }


def label(sample: Sample, lines: Sequence[Line]) -> list[float]:
    """Return for each line the share of it that is article, or -1 for the title.

    The lines' characters are aligned with those of the page's blocks: lines that occur once are anchors, the others are
    looked for between them.
    """
    blocks = read_page(sample.html).blocks
    kept = lay_over(sample.gold, blocks)
    title = key(sample.title)
    keys = [key(block.text) for block in blocks]
    marks = np.array([-1 if k == title else int(i in kept) for i, k in enumerate(keys) for _ in k] + [0])
    whole = "".join(keys)
    texts = [key(_LINK.sub(" ", line.text)) for line in lines]
    chain = anchors(texts, whole)
    limits = [len(whole)] * (len(texts) + 1)
    for i in range(len(texts) - 1, -1, -1):
        limits[i] = chain.get(i, limits[i + 1])
    labels: list[float | None] = []
    position = 0
    for i, text in enumerate(texts):
        reach = 60 if len(text) <= 4 else 400 if len(text) <= 20 else len(whole)
        at = chain.get(i, whole.find(text, position, min(limits[i], position + reach + len(text)))) if text else -1
        if at < 0:
            labels.append(0.0 if len(text) > 6 else None)
            continue
        part = marks[at : at + len(text)]
        labels.append(-1.0 if (part == -1).mean() > 0.5 else float((part == 1).mean()))
        position = at + len(text)
    known = [value if value is not None else 0.0 for value in labels]
    for i, value in enumerate(labels):
        if value is None:
            above = next((v for v in reversed(labels[:i]) if v is not None and v >= 0), 0.0)
            below = next((v for v in labels[i + 1 :] if v is not None and v >= 0), 0.0)
            known[i] = float(above > 0.5 and below > 0.5)
    return known


def anchors(texts: Sequence[str], whole: str) -> dict[int, int]:
    """Return where in `whole` the long lines that occur there once stand, as many as keep their order."""
    places = [(i, whole.find(text)) for i, text in enumerate(texts) if len(text) >= 20 and whole.count(text) == 1]
    tails: list[int] = []
    owners: list[int] = []
    before: list[int] = []
    for n, (_, at) in enumerate(places):
        slot = bisect_left(tails, at)
        before.append(owners[slot - 1] if slot else -1)
        tails[slot : slot + 1], owners[slot : slot + 1] = [at], [n]
    chain: dict[int, int] = {}
    n = owners[-1] if owners else -1
    while n >= 0:
        chain[places[n][0]] = places[n][1]
        n = before[n]
    return chain


def allowed(labels: Sequence[float]) -> np.ndarray:
    """Return which of head, body, aside and tail each line may be."""
    body = [i for i, value in enumerate(labels) if value > 0.5]
    rows = np.zeros((len(labels), 4), dtype=bool)
    for i, value in enumerate(labels):
        if not body or i < body[0]:
            rows[i, 0] = True
        elif i > body[-1]:
            rows[i, 3] = True
        else:
            rows[i, 1] = value > 0.3
            rows[i, 2] = value <= 0.7
    return rows


@dataclass(frozen=True, slots=True)
class Rows:
    """Lines of one text as the fit wants them."""

    values: np.ndarray
    allowed: np.ndarray
    weights: np.ndarray


def prepare(text: str, label_of: Callable[[Sequence[Line]], Sequence[float]], trust: float) -> Rows | None:
    """Return the rows of a text, or None where it is too short or too long to learn from."""
    lines = split_lines(text)
    if not 2 <= len(lines) <= MOST_LINES:
        return None
    for line in lines:
        line.rule = own_rule(line)
    labels = label_of(lines)
    words = np.array([line.words for line in lines], dtype=np.float32)
    share = np.minimum((words + 2) / (words[np.array(labels) > 0.5].sum() + 60), 1.0) * trust
    share[np.array(labels) < 0] *= 0.1
    return Rows(features(text, lines)[1], allowed(labels), share)


def texts(samples: Sequence[Sample], rng: random.Random) -> Iterator[list[Rows]]:
    """Yield the texts of each page: as scrapers deliver it, and cut down to the article and a few lines around it."""
    ways = scrapers()
    for sample in samples:
        made = []
        for name, scrape in ways.items():
            text = scrape(sample.html)
            rows = prepare(text, lambda lines, s=sample: label(s, lines), sample.weight)
            if rows is None:
                continue
            made.append(rows)
            body = np.flatnonzero(~rows.allowed[:, (0, 3)].any(axis=1))
            if name in ("blocks", "stripped", "plain") and len(body):
                first = max(0, body[0] - rng.choice((0, 1, 1, 2, 3, 5, 8)))
                last = body[-1] + 1 + rng.choice((0, 0, 1, 2, 3, 5, 8, 12))
                cut = "\n".join(line.text for line in split_lines(text)[first:last])
                rows = prepare(cut, lambda lines, s=sample: label(s, lines), sample.weight)
                made += [rows] if rows else []
        yield made


def fit(groups: Sequence[Sequence[Rows]], rng: random.Random) -> np.ndarray:
    """Return the weights, one row a feature, one column a part."""
    picked = []
    for group in groups:
        chosen = group if len(group) <= STYLES_PER_PAGE else rng.sample(group, STYLES_PER_PAGE)
        picked += [(rows, 1 / len(chosen)) for rows in chosen]
    values = torch.from_numpy(np.concatenate([rows.values for rows, _ in picked]))
    barred = torch.where(torch.from_numpy(np.concatenate([rows.allowed for rows, _ in picked])), 0.0, -1e4)
    share = torch.from_numpy(np.concatenate([rows.weights * part for rows, part in picked]).astype(np.float32))
    share /= share.sum()
    found = torch.zeros(values.shape[1], 4, requires_grad=True)
    optimizer = torch.optim.LBFGS([found], max_iter=ITERATIONS, history_size=12, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        scores = values @ found
        wrong = torch.logsumexp(scores, 1) - torch.logsumexp(scores + barred, 1)
        total = (wrong * share).sum() + DECAY * (found**2).sum()
        total.backward()
        return total

    optimizer.step(loss)
    return found.detach().numpy()


def main() -> int:
    """Fit and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--fundus", type=Path, help="a checkout of flairNLP/fundus, for its test pages")
    parser.add_argument("--readability", type=Path, help="a checkout of mozilla/readability, for its test pages")
    parser.add_argument("--fold", type=int, default=0, help="the half to learn from")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    rng = random.Random(5)
    samples = [s for s in pages(options.data, options.fundus, options.readability) if fold(s.name) == options.fold]
    groups = list(texts(samples, rng))
    seen: defaultdict[str, int] = defaultdict(int)
    for collection, text in clean_articles(options.data):
        seen[collection] += 1
        if seen[collection] <= 24 and fold(text[:500]) == options.fold:
            rows = prepare(text, lambda lines: [1.0] * len(lines), 0.5)
            groups += [[rows]] if rows else []
    weights = fit(groups, rng)
    weights = weights - weights[:, 1:2]
    names = features("One line.", split_lines("One line."))[0]
    rows_out = [f'"{name}" = [{w[0]:.3f}, {w[2]:.3f}, {w[3]:.3f}]' for name, w in zip(names, weights, strict=True)]
    options.out.write_text(HEADING + "\n".join(rows_out) + "\n", encoding="utf-8")
    print(f"{len(samples)} pages, {len(groups)} texts -> {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
