"""How well and how fast Apertium translates: chrF2 and BLEU by direction against FLORES-200 and NTREX-128.

`python -m bench.translation DATA_DIR [--lines 60] [--pairs en-es,es-fr]` reads `DATA_DIR/flores/<tag>.txt` and
`DATA_DIR/ntrex/<code>.txt`, one sentence a line, aligned across languages, and prints a Markdown table: direction,
route, chrF2, BLEU, chrF2 of leaving the source as it is, characters a second, share of words copied.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import sacrebleu

from service import config, languages
from service.engines.apertium.engine import ApertiumEngine, create
from service.records import Job, Segment, Task, TranslateResult


def corpora(data: Path) -> dict[str, dict[str, list[str]]]:
    """Sentences by corpus and canonical tag; files whose name is no tag of ours are skipped."""
    found: dict[str, dict[str, list[str]]] = {}
    for name in ("ntrex", "flores"):
        by_tag = found.setdefault(name, {})
        for path in sorted((data / name).glob("*.txt")):
            tag = languages.canonical(path.stem)
            if tag and "README" not in path.stem:
                by_tag.setdefault(tag, path.read_text("utf-8").splitlines())
    return found


def translate(engine: ApertiumEngine, source: str, target: str, lines: Sequence[str]) -> TranslateResult:
    """Run one job through the engine, as the loop does."""
    job = Job(Task.TRANSLATE, "apertium", source, target, tuple(Segment(line) for line in lines))
    waiting = list(enumerate(engine.prepare(job)))
    outputs: list[object] = [None] * len(waiting)
    left = len(waiting)
    while left:
        free = engine.free_rows()
        engine.admit(waiting[:free])
        waiting = waiting[free:]
        for done in engine.step():
            if done.error:
                raise done.error
            outputs[done.row_id] = done.output
            left -= 1
    result = engine.finish(job, outputs)[0]
    if not isinstance(result, TranslateResult):
        raise TypeError("not a translation")
    return result


def measure(engine: ApertiumEngine, ends: tuple[str, str], lines: list[str], references: list[str]) -> str:
    """One row of the table."""
    source, target = ends
    translate(engine, source, target, lines[:1])
    start = time.perf_counter()
    result = translate(engine, source, target, lines)
    elapsed = time.perf_counter() - start
    output = list(result.segments)
    chrf = sacrebleu.corpus_chrf(output, [references]).score
    bleu = sacrebleu.corpus_bleu(output, [references]).score
    copied = sacrebleu.corpus_chrf(lines, [references]).score
    characters = sum(map(len, lines))
    words = sum(len(line.split()) for line in lines)
    return (
        f"| {source}→{target} | {' '.join(result.route)} | {chrf:.1f} | {bleu:.1f} | {copied:.1f} "
        f"| {characters / elapsed:,.0f} | {result.unknown_words / words:.1%} |"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--lines", type=int, default=40)
    parser.add_argument("--pairs", default="")
    options = parser.parse_args(arguments)
    wanted = {tuple(pair.split("-", 1)) for pair in options.pairs.split(",") if pair}
    engine = create(config.load())
    sets = corpora(options.data)
    print("| direction | route | chrF2 | BLEU | source copied, chrF2 | characters/s, warm | copied words |")
    print("|---|---|---|---|---|---|---|")
    for direction in engine.models()[0].directions:
        ends = (direction.source, direction.target)
        if wanted and ends not in wanted:
            continue
        for name, by_tag in sets.items():
            if ends[0] in by_tag and ends[1] in by_tag:
                lines, references = (by_tag[tag][: options.lines] for tag in ends)
                print(measure(engine, ends, lines, references).replace(" |", f" ({name}) |", 1), flush=True)
                break
    engine.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
