"""Language identification: right by language and by length, how much is answered, how honest the confidence is."""

from __future__ import annotations

import collections
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.quality.corpora import aligned
from bench.quality.intervals import Floats, bootstrap, mean, ratio
from bench.quality.request import Request
from bench.quality.runs import Made, run_all
from bench.quality.systems.langid import ONLY_WHEN_NAMED, SYSTEMS
from bench.tables import Table
from service import languages

MODULE = "bench.quality.systems.langid"
KINDS = ("sentences", "word-pairs", "single-words")
CHINESE = "Chinese by script"
CLOSE = (
    ("uk", "ru", "be", "bg", "mk", "sr"),
    ("es", "pt", "gl", "ca"),
    ("id", "ms"),
    ("nb", "nn", "da", "sv"),
    ("hi", "mr", "ne"),
    ("hr", "bs", "sr"),
    ("cs", "sk"),
    ("zh-Hans", "zh-Hant"),
)
# What is in no language; ours, because no collection has it.
NO_LANGUAGE = (
    "12345", "3.14159", "2026-11-25", "+43 1 5333 2211", "€ 1.299,00", "100 %", "18:45", "€$£¥", "...", "?!", "---", "",
    "😀😀😀", "👍🏽 🎉", "🇫🇷", "→ ✓ ✗", "https://example.org/a/b?c=1", "www.example.com", "info@example.org", "@a #1",
)  # fmt: skip
_BINS = 10
SURE = 0.95


@dataclass(frozen=True, slots=True)
class Row:
    """A text and the tag of its language; `kind` is its length, or `CHINESE`, or empty where it has no language."""

    kind: str
    tag: str
    text: str


def tables(request: Request) -> list[Table]:
    """Return a table for each length, then close languages, what is no language, and every language."""
    rows = _rows(request)
    if not rows:
        return []
    names = [name for name in SYSTEMS if name not in ONLY_WHEN_NAMED or name in (request.peers or ())]
    made, notes = run_all(MODULE, [{"text": row.text} for row in rows], request, names)
    found = [_length_table(kind, rows, made) for kind in KINDS if any(row.kind == kind for row in rows)]
    found += [_close_table(rows, made), _none_table(rows, made), _language_table(rows, made)]
    return [replace(found[0], notes=notes), *found[1:]]


def _rows(request: Request) -> list[Row]:
    rows: list[Row] = []
    for kind in KINDS:
        for path in sorted((request.data / "langid" / kind).glob("*.txt")):
            tag = languages.canonical(path.stem)
            lines = [line for line in path.read_text(encoding="utf-8").splitlines() if tag and line.strip()]
            rows += request.pick((line, Row(kind, tag or "", line)) for line in lines)
    for tag, lines in aligned(request.data)["ntrex"].items():
        if tag.startswith("zh-"):
            rows += request.pick((line, Row(CHINESE, tag, line)) for line in lines)
    return rows + [Row("", "", text) for text in NO_LANGUAGE] if rows else []


def base(code: str) -> str:
    """Return the language of a code of any system, script and region aside."""
    return (languages.canonical(code) or code).split("-")[0]


def _right(row: Row, code: str) -> bool:
    if row.kind == CHINESE:
        return languages.canonical(code) == row.tag
    return base(code) == base(row.tag)


def _of(kind: str, rows: Sequence[Row], made: Made) -> Iterator[tuple[Row, tuple[str, str, float | None], float]]:
    for row, output, spent in zip(rows, made.outputs, made.seconds, strict=True):
        if row.kind == kind:
            yield row, tuple(output) if output else ("", "", None), spent


def _known(made: Made) -> set[str]:
    """The languages a system has answered at all."""
    return {base(output[0]) for output in made.outputs if output and output[0]}


def _length_table(kind: str, rows: Sequence[Row], made: Sequence[Made]) -> Table:
    found = []
    for one in made:
        by_tag: dict[str, list[tuple[float, float]]] = collections.defaultdict(list)
        sure: list[tuple[float, bool]] = []
        spent = []
        for row, (answer, best, confidence), seconds in _of(kind, rows, one):
            by_tag[row.tag].append((float(_right(row, answer)), float(answer != "")))
            spent.append(seconds)
            if best and confidence is not None:
                sure.append((confidence, _right(row, best)))
        known = _known(one)
        groups = list(by_tag.values())
        own = [group for tag, group in by_tag.items() if base(tag) in known]
        found.append(
            (
                one.title,
                mean([[right for right, _ in group] for group in groups]).shown(),
                f"{len(own)}: {np.mean([np.mean([right for right, _ in group]) for group in own]):.3f}",
                mean([[answered for _, answered in group] for group in groups], pooled=True).shown(),
                bootstrap(groups, ratio, pooled=True).shown(),
                coverage(sure, len(spent)),
                calibration(sure),
                f"{np.mean(spent) * 1e6:.0f}",
                f"{one.memory_mb:.0f}",
            )
        )
    count = sum(row.kind == kind for row in rows)
    tags = len({row.tag for row in rows if row.kind == kind})
    columns = (
        "",
        "macro accuracy",
        "languages it answers: accuracy on those",
        "answered",
        "right when answered",
        f"could answer at {SURE:.0%} right",
        "ECE of the best candidate",
        "µs a text",
        "memory, MB",
    )
    return Table(
        f"Language identification, {kind.replace('-', ' ')} ({count} texts, {tags} languages)", columns, tuple(found)
    )


def coverage(sure: Sequence[tuple[float, bool]], texts: int) -> str:
    """Return the largest share of texts that could be answered, most confident first, with so many of them right."""
    if not sure:
        return "–"
    ordered = sorted(sure, key=lambda one: -one[0])
    right, best = 0, 0
    for place, (confidence, hit) in enumerate(ordered, start=1):
        right += hit
        ends_here = place == len(ordered) or ordered[place][0] < confidence
        if ends_here and right >= SURE * place:
            best = place
    return f"{best / texts:.3f}"


def calibration(sure: Sequence[tuple[float, bool]]) -> str:
    """Return the expected calibration error of confidences, ten bins, with its interval; a dash without confidences.

    Source: Naeini, Cooper, Hauskrecht (2015), Obtaining well calibrated probabilities using Bayesian binning.
    """
    if not sure:
        return "–"
    columns = np.zeros((len(sure), 2 * _BINS))
    for index, (confidence, right) in enumerate(sure):
        place = min(int(confidence * _BINS), _BINS - 1)
        columns[index, place], columns[index, _BINS + place] = confidence, right

    def error(sums: Floats) -> Floats:
        return np.asarray(np.abs(sums[:, :_BINS] - sums[:, _BINS:]).sum(axis=1) / len(sure))

    return bootstrap([columns], error).shown()


def _close_table(rows: Sequence[Row], made: Sequence[Made]) -> Table:
    found = []
    for group in CLOSE:
        kind = CHINESE if "zh-Hans" in group else "sentences"
        there = [tag for tag in group if any(row.kind == kind and row.tag == tag for row in rows)]
        if len(there) < 2:
            continue
        cells = []
        for one in made:
            right: dict[str, list[float]] = collections.defaultdict(list)
            for row, (answer, _, _), _ in _of(kind, rows, one):
                if row.tag in there:
                    right[row.tag].append(float(_right(row, answer)))
            cells.append(mean(list(right.values())).shown())
        found.append((" ".join(there), *cells, _confusions(there, kind, rows, made[0])))
    columns = ("macro accuracy", *(one.title for one in made), f"most frequent errors of {made[0].title}")
    return Table("Close languages, sentences", columns, tuple(found))


def _confusions(tags: Sequence[str], kind: str, rows: Sequence[Row], made: Made) -> str:
    errors: collections.Counter[str] = collections.Counter()
    count: collections.Counter[str] = collections.Counter()
    for row, (answer, _, _), _ in _of(kind, rows, made):
        if row.tag in tags:
            count[row.tag] += 1
            if not _right(row, answer):
                errors[f"{row.tag}→{answer or 'und'}"] += 1
    told = (f"{pair} {100 * times / count[pair.split('→')[0]]:.1f} %" for pair, times in errors.most_common(4))
    return ", ".join(told) or "none"


def _none_table(rows: Sequence[Row], made: Sequence[Made]) -> Table:
    found = []
    for one in made:
        silent = [answer == "" for _, (answer, _, _), _ in _of("", rows, one)]
        found.append((one.title, f"{sum(silent)} of {len(silent)}"))
    return Table("Numbers, emoji, addresses: no language named", ("", "right"), tuple(found))


def _language_table(rows: Sequence[Row], made: Sequence[Made]) -> Table:
    cells: dict[str, list[str]] = {}
    plan = [(one, "sentences") for one in made] + [(made[0], kind) for kind in KINDS[1:]]
    tags = sorted({row.tag for row in rows if row.kind in KINDS})
    for one, kind in plan:
        right: dict[str, list[bool]] = collections.defaultdict(list)
        for row, (answer, _, _), _ in _of(kind, rows, one):
            right[row.tag].append(_right(row, answer))
        for tag in tags:
            cells.setdefault(tag, []).append(f"{np.mean(right[tag]):.2f}" if right[tag] else "–")
    counts = collections.Counter(row.tag for row in rows if row.kind == "sentences")
    columns = ("", "sentences", *(one.title for one in made), *(f"{made[0].title}, {kind}" for kind in KINDS[1:]))
    body = tuple((tag, str(counts[tag]), *cells[tag]) for tag in tags)
    return Table("Accuracy by language, sentences unless said otherwise", columns, body, folded=True)
