"""An engine that computes nothing, with scripted speed and faults: for tests of serving only.

A row advances by one step a call, whatever shares its batch. Its text steers it: words of the form `fake:NAME` or
`fake:NAME=VALUE`. `steps=N` and `step_ms=N` set the speed, `fail` fails the row, `raise` breaks the engine, `exit` ends
the process, `hang` blocks a step for ever, `bad_finish` fails when results are put together, `again` says something
else first to those who read along.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from service.config import Settings
from service.engines.base import RowDone, RowText, RowWork
from service.errors import EngineFailed, TooLong, UnsupportedLanguage
from service.records import (
    Direction,
    Job,
    ModelInfo,
    Result,
    SummaryResult,
    SummarySentence,
    Task,
    TranslateResult,
    Usage,
)

_DIRECTIVE = re.compile(r"fake:(\w+)(?:=(\d+))?")
TARGETS = ("ca", "de", "en", "es", "fr")


@dataclass(slots=True)
class _Row:
    text: str
    whole: str
    steps: int
    steps_left: int
    step_s: float
    orders: dict[str, int]
    followed: bool
    said: int = 0


class FakeEngine:
    """Answers every job with its own text.

    Args:
        rows: rows that may run at a time.
        steps: steps a row takes unless its text says otherwise.
        step_ms: milliseconds a step takes, the longest wish of its rows.
    """

    def __init__(self, *, rows: int = 8, steps: int = 1, step_ms: int = 0) -> None:
        self._rows = rows
        self._steps = steps
        self._step_ms = step_ms
        self._active: dict[int, _Row] = {}
        self._interrupted = threading.Event()
        self._told: list[RowText] = []
        self.evicted: list[int] = []
        self.widths: list[int] = []

    def models(self) -> tuple[ModelInfo, ...]:
        """Two models: any language to summarize, any two of TARGETS to translate."""
        directions = tuple(Direction(a, b, (a, b)) for a in TARGETS for b in TARGETS if a != b)
        return (
            ModelInfo("fake-summary", Task.SUMMARIZE, "1", "0" * 64, "fake", 1, "Apache-2.0", languages=("*",)),
            ModelInfo(
                "fake-translation", Task.TRANSLATE, "1", "0" * 64, "fake", 1, "Apache-2.0", directions=directions
            ),
        )

    def prepare(self, job: Job) -> list[RowWork]:
        """One row a segment for translations, one row for a summary."""
        texts = [segment.text for segment in job.segments]
        if "fake:too_long" in texts[0]:
            raise TooLong("the fake engine finds this too long")
        if job.task is Task.TRANSLATE and (job.target not in TARGETS or job.source not in TARGETS):
            raise UnsupportedLanguage("no such direction", supported=TARGETS)
        if job.task is Task.SUMMARIZE:
            texts = ["\n".join(texts)]
        head = f"[{job.target}] " if job.task is Task.TRANSLATE else ""
        return [RowWork(max(1, len(text)), (text, head), index) for index, text in enumerate(texts)]

    def finish(self, job: Job, outputs: Sequence[object]) -> tuple[Result, Usage]:
        """The first sentences as the summary; the text with the target before it as the translation."""
        words = sum(len(segment.text.split()) for segment in job.segments)
        if any("fake:bad_finish" in segment.text for segment in job.segments):
            raise ValueError("told to")
        if job.task is Task.SUMMARIZE:
            count = min(job.summary.max_sentences, len(job.segments))
            sentences = tuple(SummarySentence(None, (index,), 1.0 / (index + 1)) for index in range(count))
            return SummaryResult(sentences), Usage(words, words)
        texts = tuple(f"[{job.target}] {output}" for output in outputs)
        return TranslateResult(texts, (job.source, job.target)), Usage(words, words)

    def warm(self) -> None:
        """Nothing to warm."""

    def free_rows(self) -> int:
        """Rows left of `rows`."""
        return self._rows - len(self._active)

    def admit(self, rows: Sequence[tuple[int, RowWork]]) -> None:
        """Read the orders of each row's text."""
        for row_id, work in rows:
            if not isinstance(work.payload, tuple):
                raise TypeError("not a row of this engine")
            text, head = work.payload
            orders = {name: int(value or 1) for name, value in _DIRECTIVE.findall(text)}
            step_s = orders.get("step_ms", self._step_ms) / 1000
            steps = orders.get("steps", self._steps)
            self._active[row_id] = _Row(text, head + text, steps, steps, step_s, orders, work.followed)

    def step(self) -> list[RowDone]:
        """Advance every row by one step."""
        self.widths.append(len(self._active))
        done = []
        for row in self._active.values():
            _obey(row)
        wait_s = max(row.step_s for row in self._active.values())
        if wait_s:
            self._interrupted.wait(wait_s)
            self._interrupted.clear()
        for row_id, row in list(self._active.items()):
            row.steps_left -= 1
            if row.followed:
                self._say(row_id, row)
            if "fail" in row.orders:
                done.append(RowDone(row_id, error=EngineFailed("the fake engine was told to fail")))
            elif row.steps_left <= 0:
                done.append(RowDone(row_id, row.text))
        for ended in done:
            del self._active[ended.row_id]
        return done

    def written(self) -> list[RowText]:
        """An equal share of the text at every step."""
        told, self._told = self._told, []
        return told

    def _say(self, row_id: int, row: _Row) -> None:
        end = len(row.whole) * (row.steps - row.steps_left) // row.steps
        if "again" not in row.orders:
            self._told.append(RowText(row_id, row.whole[row.said : end]))
        elif row.steps_left:
            self._told.append(RowText(row_id, "?" * (end - row.said)))
        else:
            self._told.append(RowText(row_id, row.whole, replaces=True))
        row.said = end

    def evict(self, row_ids: Sequence[int]) -> None:
        """Forget rows, and remember that they were evicted."""
        for row_id in row_ids:
            if self._active.pop(row_id, None) is not None:
                self.evicted.append(row_id)

    def interrupt(self) -> None:
        """Steps are as short as they are told to be."""

    def close(self) -> None:
        """Nothing to release."""


def _obey(row: _Row) -> None:
    if "raise" in row.orders:
        raise RuntimeError("the fake engine was told to break")
    if "exit" in row.orders:
        os._exit(9)
    if "hang" in row.orders:
        time.sleep(3600)


def create(settings: Settings) -> FakeEngine:
    """A fake engine with the speed that `PRECIS_FAKE_SCRIPT` gives, as `rows=8 steps=1 step_ms=0`."""
    options = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", settings.fake_script)}
    return FakeEngine(**options)
