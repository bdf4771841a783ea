"""Translation: chrF2 and BLEU of what is installed here, beside outputs of others and the untranslated source."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import sacrebleu

from bench.quality.corpora import aligned
from bench.quality.intervals import Interval
from bench.quality.request import Request
from bench.quality.runs import run_all
from bench.tables import Table
from service import config
from service.engines.apertium.engine import create

MODULE = "bench.quality.systems.translation"
FLOOR = "source as it is"
OWN = "Précis, Apertium"
_LINES = 100  # of each direction that nobody else's output is there for
_DRAWS = 500
# Scripts without blanks between words have no words that n-grams could be made of; `zh` and `char` do without.
_TOKENIZERS = {"zh": "zh", "ja": "char", "ko": "char", "th": "char", "lo": "char", "km": "char", "my": "char"}


@dataclass(frozen=True, slots=True)
class Direction:
    """Lines of one corpus in two languages, and other systems' outputs for the same lines."""

    corpus: str
    source: str
    target: str
    lines: tuple[str, ...]
    references: tuple[str, ...]
    outputs: Mapping[str, tuple[str, ...]]

    @property
    def name(self) -> str:
        """How tables call it."""
        return f"{self.source}→{self.target}"


def tables(request: Request) -> list[Table]:
    """Return a table of the directions others' outputs are there for, and one of all directions of ours."""
    installed = _installed()
    plan = _directions(request, installed)
    if not plan:
        return []
    ours = [one for one in plan if (one.source, one.target) in installed]
    rows = [{"source": one.source, "target": one.target, "lines": one.lines} for one in ours]
    made, notes = run_all(MODULE, rows, request) if rows else ([], ())
    done = {id(one): output for one, output in zip(ours, made[0].outputs, strict=True) if output} if made else {}
    memory = f"{made[0].memory_mb:.0f} MB at most, all pipelines that were open together" if made else "nothing ran"
    found = []
    beside = [one for one in plan if one.outputs]
    if beside:
        found.append(_beside_table(beside, done, notes))
    if ours:
        found.append(_own_table(ours, done, memory))
    return found


def _installed() -> set[tuple[str, str]]:
    engine = create(config.load())
    found = {(one.source, one.target) for model in engine.models() for one in model.directions}
    engine.close()
    return found


def _directions(request: Request, installed: set[tuple[str, str]]) -> list[Direction]:
    found = []
    for corpus, by_tag in aligned(request.data).items():
        if not by_tag:
            continue
        english = by_tag.get("en") or next(iter(by_tag.values()))
        places = request.pick((line, place) for place, line in enumerate(english))
        for source in sorted(by_tag):
            for target in sorted(set(by_tag) - {source}):
                outputs = _outputs(request, corpus, source, target)
                if not outputs and (source, target) not in installed:
                    continue
                count = min(len(by_tag[source]), len(by_tag[target]), *map(len, outputs.values()))
                kept = [place for place in places if place < count][: None if outputs else _LINES]
                if not kept:
                    continue
                lines, references, *rest = (
                    tuple(text[place] for place in kept) for text in (by_tag[source], by_tag[target], *outputs.values())
                )
                others = dict(zip(outputs, rest, strict=True))
                found.append(Direction(corpus, source, target, lines, references, others))
    return found


def _outputs(request: Request, corpus: str, source: str, target: str) -> dict[str, list[str]]:
    """Others' outputs by name. Some were stored as HTML, so that entities stand for characters."""
    if corpus != "flores" or request.peers == frozenset():
        return {}
    folder: Path = request.data / "flores" / "outputs" / f"{source.split('-')[0]}-{target.split('-')[0]}"
    return {
        path.stem: html.unescape(path.read_text("utf-8")).splitlines()
        for path in sorted(folder.glob("*.txt"))
        if request.wants(path.stem)
    }


def scores(output: Sequence[str], references: Sequence[str], target: str) -> tuple[Interval, Interval]:
    """Return chrF2 and BLEU of a corpus, BLEU over the tokens that suit the target language."""
    tokenizer = _TOKENIZERS.get(target.split("-")[0], "13a")
    found = []
    for metric in (sacrebleu.CHRF(), sacrebleu.BLEU(tokenize=tokenizer)):
        score = metric.corpus_score(list(output), [list(references)], n_bootstrap=_DRAWS)
        middle, width = score._mean, score._ci
        found.append(Interval(score.score, middle - width, middle + width))
    return found[0], found[1]


def _cell(output: Sequence[str] | None, one: Direction) -> str:
    if output is None:
        return "–"
    chrf, bleu = scores(output, one.references, one.target)
    return f"{chrf.shown(1)}; {bleu.value:.1f}"


def _beside_table(
    plan: Sequence[Direction], done: Mapping[int, Mapping[str, Sequence[str]]], notes: tuple[str, ...]
) -> Table:
    names = sorted({name for one in plan for name in one.outputs})
    rows = []
    for one in plan:
        own = done[id(one)]["lines"] if id(one) in done else None
        columns = (own, *(one.outputs.get(name) for name in names), one.lines)
        rows.append((f"{one.name} ({len(one.lines)})", *(_cell(column, one) for column in columns)))
    told = ("Each cell is chrF2 with its interval, then BLEU; – where there is no such direction or output.",)
    title = f"Translation of FLORES-200 beside others' outputs ({len(plan)} directions; lines in brackets)"
    return Table(title, ("chrF2; BLEU", OWN, *names, FLOOR), tuple(rows), told + notes)


def _own_table(plan: Sequence[Direction], done: Mapping[int, Mapping[str, object]], memory: str) -> Table:
    rows = []
    for one in plan:
        output = done.get(id(one))
        if output is None:
            rows.append((f"{one.name} ({one.corpus}, {len(one.lines)})", *("failed" for _ in range(6))))
            continue
        made = list(map(str, output["lines"]))  # type: ignore[call-overload]
        chrf, bleu = scores(made, one.references, one.target)
        floor = sacrebleu.corpus_chrf(list(one.lines), [list(one.references)]).score
        spent = float(str(output["seconds"]))
        size, words = sum(map(len, one.lines)), sum(len(line.split()) for line in one.lines)
        rows.append(
            (
                f"{one.name} ({one.corpus}, {len(one.lines)})",
                " ".join(output["route"]),  # type: ignore[arg-type]
                chrf.shown(1),
                bleu.shown(1),
                f"{floor:.1f}",
                f"{size / spent:,.0f}",
                f"{int(str(output['copied'])) / words:.1%}",
            )
        )
    columns = ("", "route", "chrF2", "BLEU", "source as it is, chrF2", "characters/s", "words copied")
    return Table(
        "Translation by rules, every installed direction", columns, tuple(rows), (f"Memory: {memory}.",), folded=True
    )
