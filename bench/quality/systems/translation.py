"""Translators that run here.

A row is `{"source", "target", "lines"}`; an output is `{"lines", "route", "copied", "seconds"}`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from bench.quality.worker import Run, System


def _apertium() -> Run:
    from service import config
    from service.engines.apertium.engine import ApertiumEngine, create
    from service.records import Job, Segment, Task, TranslateResult

    engine: ApertiumEngine = create(config.load())

    def translate(source: str, target: str, lines: Sequence[str]) -> TranslateResult:
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

    def run(row: dict[str, Any]) -> dict[str, Any]:
        ends = (row["source"], row["target"])
        translate(*ends, row["lines"][:1])
        start = time.perf_counter()
        result = translate(*ends, row["lines"])
        return {
            "lines": result.segments,
            "route": result.route,
            "copied": result.unknown_words,
            "seconds": time.perf_counter() - start,
        }

    return run


SYSTEMS = {"precis": System("Précis, Apertium", _apertium, own=True)}
