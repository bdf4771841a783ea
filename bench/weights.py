"""Fits the weights of the extractive engine, and says how well weights fitted on other rows do.

`python -m bench.weights DATA_DIR` parts the rows into folds by a hash of their text, measures ROUGE-L of each fold with
weights fitted on the others, and prints the mean of all rows beside that of the first sentences; then
weights fitted on all rows, which `--write` puts into `service/data/extractive.toml`.

Gradient ascent raises the expected gain of a choice that takes each sentence with a probability, as many as the
reference has on average. What a sentence gains is at first ROUGE-L among as many sentences as good as the best; then,
for about half, ROUGE-L when it is swapped into the summary that the first weights make. Collections count by their
size, but the largest not much more than the smallest; an article with a title counts with it and without.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from bench.quality.articles import Item, collections
from bench.rouge import _common_subsequence, rouge, tokens
from service.engines.extractive import rank
from service.engines.extractive.features import NAMES, features
from service.engines.extractive.matrix import Floats, Matrix, build

_SWAPPED = 0.55  # share of the second view
_DECAY = 1e-5
_SHRINK = 20.0  # rows at which a collection counts half
_STEPS, _RATE = 1500, 0.3
_MOST_SWAPS = 80


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """An article made ready: what it was, its features, and what each of its sentences gains among good ones."""

    name: str
    item: Item
    kept: tuple[int, ...]
    matrix: Matrix
    features: Floats
    costs: Floats
    needs: rank.Needs
    gains: Floats

    @property
    def count(self) -> int:
        """How many sentences can be taken."""
        return min(self.item.count, len(self.kept))


def fold(item: Item, folds: int) -> int:
    """Which part of the rows an article belongs to, by its hash."""
    return hashlib.sha256("\n".join(item.sentences).encode()).digest()[0] % folds


@cache
def score(item: Item, picks: tuple[int, ...]) -> float:
    """Mean ROUGE-L of sentences, in text order, over the references."""
    text = " ".join(item.sentences[index] for index in sorted(picks))
    return statistics.mean(rouge(text, reference)[2] for reference in item.references)


def case(name: str, item: Item) -> Case:
    """Make an article ready."""
    kept, own = rank.distinct(item.sentences)
    matrix = build([*own, item.title] if item.title else own)
    rows = features(own, matrix, bool(item.title), item.count)
    return Case(
        name, item, tuple(kept), matrix, rows, rank.unfit(own), rank.needs(own, item.language), _among_good(item, own)
    )


def _among_good(item: Item, own: Sequence[str]) -> Floats:
    """ROUGE-L of each sentence together with others that are as good as the best are on average."""
    count = min(item.count, len(own))
    found = [tokens(text) for text in own]
    lengths = np.array([len(words) for words in found], dtype=np.float64)
    gains = np.zeros(len(own))
    for reference in map(tokens, item.references):
        common = np.array([_common_subsequence(words, reference) for words in found], dtype=np.float64)
        best = np.argsort(-(common - 0.15 * lengths), kind="stable")[:count]
        rest = count - 1
        total = lengths + rest * lengths[best].mean() + len(reference)
        gains += 2.0 * (common + rest * common[best].mean()) / np.maximum(total, 1.0)
    return gains / len(item.references)


def _swapped(one: Case, values: Floats) -> Floats:
    """ROUGE-L of a summary with each sentence in it: in the place of the last chosen, or kept where it is."""
    size = len(one.kept)

    def of(rows: Sequence[int]) -> float:
        return score(one.item, tuple(sorted(one.kept[row] for row in rows)))

    chosen = [row for row, _ in rank.choose(one.matrix, values, one.needs, one.count)]
    chosen = [*chosen, *(row for row in range(size) if row not in chosen)][: one.count]
    others = sorted(set(range(size)) - set(chosen), key=lambda row: -values[row])[:_MOST_SWAPS]
    gains = np.full(size, np.nan)
    for row in others:
        gains[row] = of([*chosen[:-1], row])
    rival = max(others, key=lambda row: gains[row])
    whole = of(chosen)
    for row in chosen:
        gains[row] = whole - of([rival, *(kept for kept in chosen if kept != row)]) + gains[rival]
    gains[chosen[-1]] = whole
    return np.where(np.isnan(gains), np.nanmin(gains), gains)


def fit(cases: Sequence[Case]) -> Floats:
    """Return the weights that make the best summaries of these articles."""
    cases = [one for one in cases if len(one.kept) > one.item.count]
    weights = _ascend(cases, [one.gains for one in cases])
    gains = [(1.0 - _SWAPPED) * one.gains + _SWAPPED * _swapped(one, one.features @ weights) for one in cases]
    return _ascend(cases, gains)


def _ascend(cases: Sequence[Case], each: Sequence[Floats]) -> Floats:
    """Return the weights that raise the expected gain most, given what each sentence of each article gains."""
    rows = np.concatenate([one.features for one in cases])
    gains = np.concatenate([one - one.mean() for one in each])
    sizes = np.array([len(one.kept) for one in cases])
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    case_of = np.repeat(np.arange(len(cases)), sizes)
    wanted = np.array([min(one.count, len(one.kept) - 0.5) for one in cases])
    rows_of = {one.name: sum(other.name == one.name for other in cases) for one in cases}
    parts = np.array([1.0 / (rows_of[one.name] + _SHRINK) for one in cases])
    weights, slope, square, bar = np.zeros(len(NAMES)), np.zeros(len(NAMES)), np.zeros(len(NAMES)), np.zeros(len(cases))
    for step in range(1, _STEPS + 1):
        values = rows @ weights
        bar, taken = _expected(values, starts, case_of, wanted, bar)
        spread = taken * (1.0 - taken)
        mean = np.add.reduceat(spread * gains, starts) / (np.add.reduceat(spread, starts) + 1e-12)
        gradient = rows.T @ (parts[case_of] * spread * (gains - mean[case_of])) - 2.0 * _DECAY * weights
        # Adam (Kingma & Ba 2015), its rate falling to nothing.
        slope = 0.9 * slope + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        rate = _RATE * (1.0 - step / _STEPS)
        weights += rate * (slope / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-9)
    return weights


def _expected(
    values: Floats, starts: np.ndarray, case_of: np.ndarray, wanted: Floats, bar: Floats
) -> tuple[Floats, Floats]:
    """Return the bar of each article, and how likely each sentence is over it, so that `wanted` are on average."""
    low, high = np.minimum.reduceat(values, starts) - 8.0, np.maximum.reduceat(values, starts) + 8.0
    bar = np.clip(bar, low, high)
    for _ in range(40):
        taken = 1.0 / (1.0 + np.exp(-np.clip(values - bar[case_of], -40.0, 40.0)))
        over = np.add.reduceat(taken, starts) - wanted
        if np.abs(over).max() < 1e-4:
            break
        low, high = np.where(over > 0, bar, low), np.where(over < 0, bar, high)
        newton = bar + over / np.maximum(np.add.reduceat(taken * (1.0 - taken), starts), 1e-9)
        bar = np.where((newton > low) & (newton < high), newton, (low + high) / 2.0)
    return bar, taken


def picks(one: Case, weights: Floats) -> tuple[int, ...]:
    """The sentences that the engine would take with these weights, in text order."""
    chosen = rank.choose(one.matrix, one.features @ weights - one.costs, one.needs, one.item.count)
    return tuple(sorted(one.kept[row] for row, _ in chosen))


def baselines(cases: Sequence[Case]) -> dict[str, dict[Item, float]]:
    """ROUGE-L of each baseline and article."""
    items = dict.fromkeys(one.item for one in cases if not one.item.title)
    return {
        name: {item: score(item, tuple(sorted(pick(item)))) for item in items}
        for name, pick in {"lead": lambda item: range(min(item.count, len(item.sentences)))}.items()
    }


def report(cases: Sequence[Case], ours: dict[int, float], others: dict[str, dict[Item, float]]) -> None:
    """Print mean ROUGE-L by collection: the baselines; ours without and with titles; how far the first is from the
    best baseline, with the standard error of that.
    """
    print("collection".ljust(20), "rows", *(name.rjust(13) for name in others), "    no title      titles  from best")
    table = []
    for name in dict.fromkeys(one.name for one in cases):
        plain = [one for one in cases if one.name == name and not one.item.title]
        titled = {one.item.sentences: one for one in cases if one.name == name and one.item.title}
        known = [titled.get(one.item.sentences, one) for one in plain]
        row = [statistics.mean(found[one.item] for one in plain) for found in others.values()]
        best = list(others.values())[row.index(max(row))]
        apart = [ours[id(one)] - best[one.item] for one in plain]
        row += [statistics.mean(ours[id(one)] for one in group) for group in (plain, known)]
        table.append(row)
        error = statistics.stdev(apart) / len(apart) ** 0.5
        cells = (f"{value:13.4f}" for value in row)
        print(name.ljust(20), f"{len(plain):4d}", *cells, f"  {statistics.mean(apart):+.4f} ± {error:.4f}")
    print("mean".ljust(25), *(f"{statistics.mean(column):13.4f}" for column in zip(*table, strict=True)))


def main() -> None:
    """Print how weights of other rows do, and the weights of all rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path, help="folder that holds `summarization`")
    parser.add_argument("--folds", type=int, nargs="*", default=[2, 4], help="into how many parts rows are parted")
    parser.add_argument("--write", action="store_true", help="put the weights of all rows into the service")
    given = parser.parse_args()
    cases = []
    for name, items in collections(given.data):
        for _, item in items:
            cases.append(case(name, replace(item, title="")))
            if item.title:
                cases.append(case(name, item))
    others = baselines(cases) if given.folds else {}
    for folds in given.folds:
        ours: dict[int, float] = {}
        for part in range(folds):
            weights = fit([one for one in cases if fold(one.item, folds) != part])
            here = (one for one in cases if fold(one.item, folds) == part)
            ours.update({id(one): score(one.item, picks(one, weights)) for one in here})
        print(f"{folds} folds, each measured with weights fitted on the others")
        report(cases, ours, others)
    lines = [f"{name} = {weight:.2f}" for name, weight in zip(NAMES, fit(cases), strict=True)]
    print("fitted on all rows", *lines, sep="\n")
    if given.write:
        head = rank.TABLE.read_text("utf-8").partition("[weights]")[0]
        rank.TABLE.write_text(f"{head}[weights]\n" + "\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
