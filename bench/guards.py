"""How often the guards doubt good translations, and how often they notice bad ones.

`python -m bench.guards DATA_DIR [--lines 150] [--targets en,de,…]` reads `DATA_DIR/flores/<tag>.txt` and
`DATA_DIR/ntrex/<code>.txt`, one sentence a line, aligned across languages. Reference translations between all pairs of
languages give the false alarms; loops, copies and cuts made from them give the share noticed.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.translation import corpora
from service.engines.seq2seq import guards

Spoiler = Callable[[str, str, random.Random], str]


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


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--lines", type=int, default=60)
    parser.add_argument("--targets", default="")
    parser.add_argument("--show", type=int, default=0, help="print that many false alarms of each reason")
    chosen = parser.parse_args(arguments)
    targets = {tag for tag in chosen.targets.split(",") if tag}
    alarms: Counter[str] = Counter()
    by_pair: dict[str, list[bool]] = defaultdict(list)
    noticed: dict[str, list[bool]] = defaultdict(list)
    shown: Counter[str] = Counter()
    chance = random.Random(1)
    spent = 0.0
    for name, by_tag in corpora(chosen.data).items():
        for source in sorted(by_tag):
            for target in sorted((targets or set(by_tag)) & set(by_tag) - {source}):
                picked = chance.sample(range(len(by_tag[source])), min(chosen.lines, len(by_tag[source])))
                for line in picked:
                    given, good = by_tag[source][line], by_tag[target][line]
                    start = time.perf_counter()
                    verdicts = guards.check(given, good, source, target)
                    spent += time.perf_counter() - start
                    by_pair[f"{name} {source}→{target}"].append(bool(verdicts))
                    for verdict in verdicts:
                        alarms[verdict.reason] += 1
                        shown[verdict.reason] += 1
                        if shown[verdict.reason] <= chosen.show:
                            print(f"{name} {source}→{target} {verdict}\n   {given}\n   {good}")
                given, good = by_tag[source][picked[0]], by_tag[target][picked[0]]
                for kind, spoil in SPOILERS.items():
                    noticed[kind].append(bool(guards.check(given, spoil(given, good, chance), source, target)))
    total = sum(map(len, by_pair.values()))
    print(f"{total} reference translations, {len(by_pair)} directions, {spent / total * 1e6:.0f} µs each")
    print(f"| false alarms | {sum(map(sum, by_pair.values())) / total:.2%} |\n|---|---|")
    for reason, count in alarms.most_common():
        print(f"| {reason} | {count / total:.2%} |")
    worst = sorted(by_pair, key=lambda pair: -sum(by_pair[pair]) / len(by_pair[pair]))[:8]
    print("worst: " + ", ".join(f"{pair} {sum(by_pair[pair]) / len(by_pair[pair]):.0%}" for pair in worst))
    with_english = [hit for pair, hits in by_pair.items() if "en" in pair.split()[1].split("→") for hit in hits]
    print(f"from and into English: {sum(with_english) / max(1, len(with_english)):.2%} of {len(with_english)}")
    print("\n| spoilt | noticed | of |\n|---|---|---|")
    for kind, hits in noticed.items():
        print(f"| {kind} | {sum(hits) / len(hits):.0%} | {len(hits)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
