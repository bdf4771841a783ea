"""Translation by rules: Apertium's programs and data, installed as Debian packages, kept running in pipelines.

Good between close languages, rough between others (label `gist`). It needs no weights, and a row's output depends on
nothing but the row.
Source: Forcada et al. 2011, "Apertium: a free/open-source platform for rule-based machine translation".
"""

from __future__ import annotations

import contextlib
import os
import selectors
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from service.config import Settings
from service.engines.apertium.modes import Mode, digest, load, revision
from service.engines.apertium.pipes import Pipeline, PipelineBroken
from service.engines.apertium.plan import assemble, make_plan
from service.engines.apertium.pool import Pool
from service.engines.apertium.routes import Route, find_routes
from service.engines.apertium.row import RowState
from service.engines.base import RowDone, RowWork
from service.engines.catalogue import rows_for
from service.errors import EngineFailed, UnsupportedLanguage
from service.processes import memory_granted_bytes
from service.records import Direction, Job, ModelInfo, Result, Task, TranslateResult, Usage

# Waiting rows cost nothing here, and rows of many directions must be in view for none to wait behind another's.
_MOST_ROWS = 64
_MOST_PIPELINES = 12
_MOST_BYTES = 2 * 2**30
_LONGEST_WAIT_S = 0.5


@dataclass(frozen=True, slots=True)
class _Payload:
    route: Route
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Output:
    texts: tuple[str, ...]
    unknown: int


class ApertiumEngine:
    """An engine whose rows each pass through one pipeline a step of their route; see `base.Engine`.

    Args:
        directory: where Apertium's data is installed.
        pairs: pairs to load, as in the package names after `apertium-`; those not installed are only reported.
        pipes_per_direction: pipelines of one direct direction that may run at a time.
        idle_s: seconds after which an unused pipeline is ended.
        timeout_s: seconds one row may spend in one pipeline.
        memory_bytes: memory of all pipelines together.
    """

    def __init__(
        self,
        *,
        directory: Path,
        pairs: Sequence[str],
        pipes_per_direction: int,
        idle_s: float,
        timeout_s: float,
        memory_bytes: int,
    ) -> None:
        modes, missing = load(directory, pairs)
        self._routes = find_routes(modes)
        self._models = _describe(modes, missing, self._routes)
        self._pool = Pool(per_mode=pipes_per_direction, most=_MOST_PIPELINES, budget_bytes=memory_bytes, idle_s=idle_s)
        self._timeout_s = timeout_s
        self._rows: dict[int, RowState] = {}
        self._done: list[RowDone] = []
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._selector.register(self._wake_read, selectors.EVENT_READ)

    def models(self) -> tuple[ModelInfo, ...]:
        """The catalogue entries, with every direction that the installed packages reach."""
        return self._models

    def prepare(self, job: Job) -> list[RowWork]:
        """Split a job into rows of about 2 000 characters; the cost is characters times steps.

        Raises:
            UnsupportedLanguage: no installed package, nor two or three in a row, leads from source to target.
            EngineFailed: not a translation.
        """
        if job.task is not Task.TRANSLATE:
            raise EngineFailed("Apertium translates; it does not summarize.")
        route = self._routes.get((job.source, job.target))
        if route is None:
            targets = sorted(target for source, target in self._routes if source == job.source)
            raise UnsupportedLanguage(
                f"Apertium does not translate from {job.source} to {job.target} with the packages installed.",
                supported=tuple(targets),
            )
        steps = len(route.modes)
        return [
            RowWork(max(1, steps * sum(map(len, texts))), _Payload(route, texts))
            for texts in make_plan(job.segments).rows
        ]

    def finish(self, job: Job, outputs: Sequence[object]) -> tuple[Result, Usage]:
        """Put the rows' texts together; usage is in words."""
        rows = cast(Sequence[_Output], outputs)
        texts = assemble(make_plan(job.segments), [row.texts for row in rows])
        route = self._routes[job.source, job.target].languages
        usage = Usage(
            input_tokens=sum(len(segment.text.split()) for segment in job.segments),
            output_tokens=sum(len(text.split()) for text in texts),
        )
        return TranslateResult(texts, route, sum(row.unknown for row in rows)), usage

    def warm(self) -> None:
        """Nothing: a pipeline starts in 20 to 500 ms when first needed, and most are never needed."""

    def free_rows(self) -> int:
        """How many more rows fit."""
        return _MOST_ROWS - len(self._rows)

    def admit(self, rows: Sequence[tuple[int, RowWork]]) -> None:
        """Take rows in; they get a pipeline in the order they came."""
        for row_id, work in rows:
            payload = cast(_Payload, work.payload)
            self._rows[row_id] = RowState(row_id, payload.route, payload.texts)

    def step(self) -> list[RowDone]:
        """Move what the pipes have ready, waiting at most half a second for one of them."""
        self._assign()
        for key, mask in self._selector.select(self._wait_s()):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake_read, 4096)
                continue
            row = self._rows.get(key.data)
            if row is not None and row.pipeline is not None:
                self._move(row, row.pipeline, mask)
        self._end_late()
        done, self._done = self._done, []
        return done

    def evict(self, row_ids: Sequence[int]) -> None:
        """Forget rows; a pipeline in the middle of one is ended, because its reply would go to the next."""
        for row_id in row_ids:
            row = self._rows.pop(row_id, None)
            if row is not None:
                self._drop(row)

    def interrupt(self) -> None:
        """Wake a waiting `step`."""
        with contextlib.suppress(OSError):
            os.write(self._wake_write, b"!")

    def close(self) -> None:
        """End all pipelines."""
        self._rows.clear()
        self._selector.close()
        self._pool.close()
        for end in (self._wake_read, self._wake_write):
            with contextlib.suppress(OSError):
                os.close(end)

    def _assign(self) -> None:
        """Give pipelines to the rows that wait for one, oldest first."""
        taken: set[str] = set()
        for row in list(self._rows.values()):
            if row.pipeline is not None:
                continue
            if row.ended:
                self._settle(row, output=_Output(tuple(row.texts), row.unknown.total()))
                continue
            if row.mode.name in taken:
                continue
            try:
                pipeline = self._pool.take(row.mode)
            except PipelineBroken as error:
                self._settle(row, error=_failure(row, str(error)))
                continue
            if pipeline is None:
                taken.add(row.mode.name)
                continue
            row.pipeline = pipeline
            pipeline.begin(row.batch())
            self._selector.register(pipeline.read_fd, selectors.EVENT_READ, row.row_id)
            self._selector.register(pipeline.write_fd, selectors.EVENT_WRITE, row.row_id)

    def _move(self, row: RowState, pipeline: Pipeline, mask: int) -> None:
        try:
            if mask & selectors.EVENT_WRITE and pipeline.writing:
                pipeline.write()
                if not pipeline.writing:
                    self._selector.unregister(pipeline.write_fd)
            if not mask & selectors.EVENT_READ or not pipeline.read():
                return
            replies = pipeline.results()
        except PipelineBroken as error:
            self._drop(row)
            if row.retried:
                self._settle(row, error=_failure(row, str(error)))
            row.retried = True
            return
        self._release(row, pipeline)
        self._pool.give_back(pipeline)
        row.take(replies)
        if row.ended:
            self._settle(row, output=_Output(tuple(row.texts), row.unknown.total()))

    def _end_late(self) -> None:
        """Fail the rows whose pipeline has had its time; trying again would only take as long."""
        oldest = time.monotonic() - self._timeout_s
        for row in list(self._rows.values()):
            if row.pipeline is not None and row.pipeline.started_s < oldest:
                self._drop(row)
                self._settle(row, error=_failure(row, f"no answer within {self._timeout_s:g} s"))

    def _wait_s(self) -> float:
        """Seconds until a row is late, at most `_LONGEST_WAIT_S`; 0 while there is something to say."""
        if self._done:
            return 0.0
        starts = [row.pipeline.started_s for row in self._rows.values() if row.pipeline is not None]
        late = min(starts, default=time.monotonic()) + self._timeout_s - time.monotonic()
        return max(0.0, min(_LONGEST_WAIT_S, late))

    def _settle(self, row: RowState, *, output: _Output | None = None, error: EngineFailed | None = None) -> None:
        del self._rows[row.row_id]
        self._done.append(RowDone(row.row_id, output, error))

    def _drop(self, row: RowState) -> None:
        """End the pipeline a row holds, if any."""
        pipeline = row.pipeline
        if pipeline is not None:
            self._release(row, pipeline)
            self._pool.discard(pipeline)

    def _release(self, row: RowState, pipeline: Pipeline) -> None:
        row.pipeline = None
        for end in (pipeline.read_fd, pipeline.write_fd):
            with contextlib.suppress(KeyError):
                self._selector.unregister(end)


def create(settings: Settings) -> ApertiumEngine:
    """Make the engine as the settings say; without any package it loads with no direction."""
    return ApertiumEngine(
        directory=settings.apertium_dir,
        pairs=settings.apertium_pairs.replace(",", " ").split(),
        pipes_per_direction=settings.apertium_pipes,
        idle_s=settings.apertium_idle_s,
        timeout_s=settings.apertium_timeout_s,
        memory_bytes=settings.apertium_memory_mb * 2**20 or min(_MOST_BYTES, memory_granted_bytes() // 3),
    )


def _failure(row: RowState, why: str) -> EngineFailed:
    return EngineFailed(f"Apertium failed from {row.mode.source} to {row.mode.target}: {why}.")


def _describe(
    modes: Sequence[Mode], missing: tuple[str, ...], routes: Mapping[tuple[str, str], Route]
) -> tuple[ModelInfo, ...]:
    directions = tuple(Direction(*ends, routes[ends].languages) for ends in sorted(routes))
    used = {mode.name: mode for route in routes.values() for mode in route.modes}
    versions, data = revision(tuple(modes)), digest(used.values())
    return tuple(
        ModelInfo(
            id=row.id,
            task=row.task,
            revision=versions,
            digest=data,
            quality=row.quality,
            rank=row.rank,
            licence=row.licence,
            languages=tuple(sorted({source for source, _ in routes})),
            directions=directions,
            missing=missing,
        )
        for row in rows_for("apertium")
    )
