"""Extractive summaries: ROUGE against references at their number of sentences, and at their number of words."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from bench.quality.articles import Item, collections
from bench.quality.intervals import mean
from bench.quality.request import Request
from bench.quality.runs import Made, run_all
from bench.rouge import rouge, tokens
from bench.tables import Table

MODULE = "bench.quality.systems.summaries"
# For each article: ROUGE-1, ROUGE-2, ROUGE-L, length in words.
Scores = dict[str, list[tuple[float, float, float, float]]]


def tables(request: Request) -> list[Table]:
    """Return a table of means and one of collections, for each way of making lengths equal."""
    found = {name: request.pick(rows) for name, rows in collections(request.data)}
    sets = {name: items for name, items in found.items() if items}
    if not sets:
        return []
    rows = [
        {
            "language": item.language,
            "title": item.title,
            "sentences": item.sentences,
            "words": [tokens(text) for text in item.sentences],
            "count": item.count,
        }
        for items in sets.values()
        for item in items
    ]
    made, notes = run_all(MODULE, rows, request)
    counted = sum(map(len, sets.values()))
    made_tables = []
    for told, text in (("at the reference's number of sentences", chosen), ("at the reference's number of words", cut)):
        scores = [score(one, sets, text) for one in made]
        title = f"Extractive summaries {told} ({counted} articles, {len(sets)} collections)"
        means = tuple(_mean_row(one, each) for one, each in zip(made, scores, strict=True))
        columns = ("", "ROUGE-1", "ROUGE-2", "ROUGE-L", "words", "ms an article", "memory, MB")
        made_tables.append(Table(title, columns, means, (*_lead_note(made, scores), *notes)))
        made_tables.append(_set_table(told, sets, made, scores))
    return made_tables


def chosen(item: Item, output: dict[str, list[int]]) -> str:
    """Return the summary that the system made of as many sentences as the reference has."""
    return " ".join(item.sentences[place] for place in output["chosen"])


def cut(item: Item, output: dict[str, list[int]]) -> str:
    """Return the best ranked sentences up to the mean length of the references in words, the last one cut."""
    left = max(1, round(statistics.mean(len(tokens(reference)) for reference in item.references)))
    taken: dict[int, str] = {}
    for place in output["order"]:
        words = tokens(item.sentences[place])
        taken[place] = item.sentences[place] if len(words) <= left else " ".join(words[:left])
        left -= len(words)
        if left <= 0:
            break
    return " ".join(taken[place] for place in sorted(taken))


def score(made: Made, sets: dict[str, list[Item]], text: Callable[[Item, dict[str, list[int]]], str]) -> Scores:
    """Return the scores of each article, by collection; several references count by their mean."""
    outputs = iter(made.outputs)
    found: Scores = {}
    for name, items in sets.items():
        found[name] = []
        for item in items:
            output = next(outputs)
            summary = text(item, output) if output else ""
            each = [rouge(summary, reference) for reference in item.references]
            one, two, longest = (statistics.fmean(column) for column in zip(*each, strict=True))
            found[name].append((one, two, longest, float(len(tokens(summary)))))
    return found


def _mean_row(made: Made, scores: Scores) -> tuple[str, ...]:
    columns = [mean([[row[at] for row in rows] for rows in scores.values()]) for at in range(4)]
    figures = (*(one.shown() for one in columns[:3]), columns[3].shown(0))
    return (made.title, *figures, f"{made.milliseconds():.1f}", f"{made.memory_mb:.0f}")


def _lead_note(made: Sequence[Made], scores: Sequence[Scores]) -> tuple[str, ...]:
    """How far the first system is ahead of the best one that is not ours, article by article."""
    others = [at for at, one in enumerate(made) if not one.name.startswith("precis")]
    if not others:
        return ()
    best = max(others, key=lambda at: mean([[row[2] for row in rows] for rows in scores[at].values()]).value)
    ahead = [
        [own[2] - other[2] for own, other in zip(scores[0][name], scores[best][name], strict=True)]
        for name in scores[0]
    ]
    told = f"{made[0].title} is {mean(ahead).shown(1, 100)} points of ROUGE-L ahead of {made[best].title}, the best of"
    return (f"{told} the others, article by article.",)


def _set_table(told: str, sets: dict[str, list[Item]], made: Sequence[Made], scores: Sequence[Scores]) -> Table:
    rows = []
    for name, items in sets.items():
        longest = [mean([[row[2] for row in each[name]]]) for each in scores]
        best = max((one.value for one in longest[2:]), default=0.0)
        difference = f"{100 * (longest[0].value - best):+.1f}" if len(longest) > 2 else "–"
        rows.append((f"{name} ({len(items)})", *(one.shown() for one in longest), difference))
    columns = ("", *(one.title for one in made), f"{made[0].title} against the best other, points")
    return Table(f"ROUGE-L {told}, by collection", columns, tuple(rows))
