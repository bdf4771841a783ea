"""The guards of neural outputs: how often they doubt good translations, and how often they notice spoilt ones."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.quality.corpora import aligned
from bench.quality.intervals import Floats, bootstrap, mean
from bench.quality.request import Request
from bench.quality.runs import Made, run_all
from bench.tables import Table

MODULE = "bench.quality.systems.guards"
Spoiler = Callable[[str, str, random.Random], str]
_LINES = 20  # good lines of a direction
_SPOILT = 2  # of them spoilt, in every way
_GOOD = "good"


def _spaced(text: str) -> bool:
    return text.count(" ") * 15 > len(text)


def _units(text: str) -> tuple[list[str], str]:
    return (text.split(), " ") if _spaced(text) else (list(text), "")


def end_loop(source: str, good: str, chance: random.Random) -> str:
    """Good so far, then the last few words over and over up to twice the length."""
    units, blank = _units(good)
    keep = max(1, len(units) * 2 // 3)
    period = units[max(0, keep - chance.randint(1, 6)) : keep]
    return blank.join(units[:keep] + period * max(5, len(units) // len(period)))


def short_loop(source: str, good: str, chance: random.Random) -> str:
    """The last three words four times, the length stays about right."""
    units, blank = _units(good)
    keep = max(3, len(units) - 9)
    return blank.join(units[:keep] + units[keep - 3 : keep] * 3)


def twice(source: str, good: str, chance: random.Random) -> str:
    """The whole sentence twice."""
    return f"{good} {good}"


def copy(source: str, good: str, chance: random.Random) -> str:
    """The source as it is."""
    return source


def near_copy(source: str, good: str, chance: random.Random) -> str:
    """The source with every tenth word changed."""
    units, blank = _units(source)
    return blank.join(unit if i % 10 != 5 else unit[::-1] for i, unit in enumerate(units))


def cut(share: float) -> Spoiler:
    """Only the beginning is there."""

    def spoil(source: str, good: str, chance: random.Random) -> str:
        units, blank = _units(good)
        return blank.join(units[: max(1, round(len(units) * share))])

    return spoil


SPOILERS: dict[str, Spoiler] = {
    "loop at the end": end_loop,
    "short loop": short_loop,
    "said twice": twice,
    "copy": copy,
    "near copy": near_copy,
    "cut to 15 %": cut(0.15),
    "cut to 30 %": cut(0.3),
    "cut to 50 %": cut(0.5),
}


@dataclass(frozen=True, slots=True)
class Sample:
    """An output, good or spoilt in a way that `kind` names."""

    kind: str
    source: str
    target: str
    given: str
    output: str


def samples(request: Request) -> list[Sample]:
    """Return references of all pairs of languages, and some of them spoilt in every way."""
    found: list[Sample] = []
    for corpus, by_tag in aligned(request.data).items():
        if not by_tag:
            continue
        english = by_tag.get("en") or next(iter(by_tag.values()))
        places = request.pick((line, place) for place, line in enumerate(english))
        for source in sorted(by_tag):
            for target in sorted(set(by_tag) - {source}):
                chance = random.Random(f"{corpus} {source} {target}")
                count = min(len(by_tag[source]), len(by_tag[target]))
                there = [place for place in places if place < count]
                picked = chance.sample(there, min(_LINES, len(there)))
                for number, place in enumerate(picked):
                    given, good = by_tag[source][place], by_tag[target][place]
                    found.append(Sample(_GOOD, source, target, given, good))
                    if number < _SPOILT:
                        found += (
                            Sample(kind, source, target, given, spoil(given, good, chance))
                            for kind, spoil in SPOILERS.items()
                        )
    return found


def tables(request: Request) -> list[Table]:
    """Return false alarms, what is noticed, and the directions with most false alarms."""
    chosen = samples(request)
    if not chosen:
        return []
    rows = [{"given": one.given, "output": one.output, "source": one.source, "target": one.target} for one in chosen]
    (made,), notes = run_all(MODULE, rows, request)
    return [_whole_table(chosen, made, notes), _reasons_table(chosen, made), _worst_table(chosen, made)]


def _whole_table(chosen: Sequence[Sample], made: Made, notes: tuple[str, ...]) -> Table:
    hits: dict[str, list[float]] = defaultdict(list)
    for one, reasons in zip(chosen, made.outputs, strict=True):
        hits[one.kind].append(float(bool(reasons)))
    alarms = mean([hits[_GOOD]])
    spoilt = [hits[kind] for kind in SPOILERS]
    rows = [("references doubted (false alarms)", f"{alarms.shown(2, 100)} %", str(len(hits[_GOOD])))]
    rows += [
        (f"noticed: {kind}", f"{mean([some]).shown(1, 100)} %", str(len(some)))
        for kind, some in zip(SPOILERS, spoilt, strict=True)
    ]
    rows.append(("recall, mean of the ways", f"{mean(spoilt).shown(1, 100)} %", str(sum(map(len, spoilt)))))
    precision = _precision(spoilt, hits[_GOOD])
    rows.append(("precision, were one output in two spoilt", f"{precision} %", str(len(chosen))))
    told = f"{made.milliseconds() * 1e3:.0f} µs an output, {made.memory_mb:.0f} MB."
    title = (
        f"Guards of outputs ({len({(one.source, one.target) for one in chosen})} directions of FLORES-200 and NTREX)"
    )
    return Table(title, ("", "share", "outputs"), tuple(rows), (told, *notes))


def _precision(spoilt: Sequence[Sequence[float]], good: Sequence[float]) -> str:
    flat = [(hit, 1.0, 0.0, 0.0) for some in spoilt for hit in some]
    rows = flat + [(0.0, 0.0, hit, 1.0) for hit in good]

    def statistic(sums: Floats) -> Floats:
        recall, alarms = sums[:, 0] / sums[:, 1], sums[:, 2] / sums[:, 3]
        below = recall + alarms
        return recall / below.clip(min=1e-9)

    return bootstrap([rows], statistic).shown(1, 100)


def _reasons_table(chosen: Sequence[Sample], made: Made) -> Table:
    counts: Counter[str] = Counter()
    good = 0
    for one, reasons in zip(chosen, made.outputs, strict=True):
        if one.kind == _GOOD:
            good += 1
            counts.update(reasons)
    rows = tuple((reason, f"{100 * count / good:.2f} %") for reason, count in counts.most_common())
    return Table("False alarms by reason", ("", "of references"), rows)


def _worst_table(chosen: Sequence[Sample], made: Made) -> Table:
    by_pair: dict[str, list[float]] = defaultdict(list)
    for one, reasons in zip(chosen, made.outputs, strict=True):
        if one.kind == _GOOD:
            by_pair[f"{one.source}→{one.target}"].append(float(bool(reasons)))
    worst = sorted(by_pair, key=lambda pair: (-sum(by_pair[pair]) / len(by_pair[pair]), pair))[:8]
    rows = tuple((pair, f"{mean([by_pair[pair]]).shown(0, 100)} %", str(len(by_pair[pair]))) for pair in worst)
    return Table("Directions with most false alarms", ("", "false alarms", "outputs"), rows, folded=True)
