"""What one engine's loop tells of its work: to metrics, to traces, and to itself for guesses of how long work takes."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence

from service.engines.base import Engine, Measured, RowDone
from service.records import Result, Usage
from service.serving.running import Running
from service.serving.scheduler import Asker, Scheduler
from service.serving.speed import Speed
from service.telemetry import LaneMetrics


class Meter:
    """Counts for one loop; the methods are called with its lock held where they look at what it guards.

    Args:
        name: of the engine.
        engine: asked for its measures after a step, if it has any.
    """

    def __init__(self, name: str, engine: Engine) -> None:
        self._engine = engine
        self._measured = engine if isinstance(engine, Measured) else None
        self._speed = Speed()
        self.metrics = LaneMetrics(name, measured=self._measured is not None)

    def seconds_for(self, scheduler: Scheduler, asker: Asker, cost: int) -> float:
        """How long it takes until work of this cost is done; 0 while that cannot be told."""
        return self._speed.seconds_for(scheduler.ahead(asker, cost))

    def queue(self, scheduler: Scheduler, running: Mapping[int, Running]) -> None:
        """What waits now."""
        oldest_s = math.inf
        if scheduler.queued_rows:
            # Computations stand in the order they came in, and those before the first that waits are few: they run.
            oldest_s = next((one.queued_s for one in running.values() if one.waiting), math.inf)
        self.metrics.queue(scheduler.queued_rows, scheduler.queued_cost, oldest_s)

    def admitted(self, taken: Sequence[Running]) -> None:
        """One entry for each row that is admitted: the computation it belongs to."""
        now_s = time.monotonic()
        for running in taken:
            running.waiting -= 1
            if not running.admitted_s:
                running.admitted_s = now_s
                self.metrics.waited(now_s - running.queued_s)
        if taken:
            self.metrics.admitted(len(taken))

    def stepped(
        self,
        seconds: float,
        done: Sequence[RowDone],
        running: Mapping[int, Running],
        owners: Mapping[int, tuple[int, int]],
        queued: int,
    ) -> None:
        """One step of the engine, and what it was made of where the engine tells."""
        rows = len(owners) - queued
        self.metrics.stepped(seconds, rows)
        self.metrics.batch(rows, rows - len(done) + self._engine.free_rows())
        # Rows that were cancelled meanwhile count for nothing.
        ended = [(running[owner[0]], owner[1]) for row in done if (owner := owners.get(row.row_id)) is not None]
        self._speed.worked(seconds, sum(one.costs[index] for one, index in ended))
        first = [one for one, _ in ended]
        if self._measured is not None:
            did = self._measured.measures()
            if did.read_tokens:
                self.metrics.worked("prefill", did.read_s, did.read_tokens)
            if did.written_tokens:
                self.metrics.worked("decode", did.written_s, did.written_tokens)
            self.metrics.memory(did.own_bytes, did.cross_bytes)
            first += [running[owner[0]] for row_id in did.began if (owner := owners.get(row_id)) is not None]
        now_s = time.monotonic()
        for one in first:
            if not one.first_s:
                one.first_s = now_s
                self.metrics.began(now_s - one.queued_s)

    def idle(self) -> None:
        """Nothing runs."""
        self.metrics.batch(0, self._engine.free_rows())

    def finished(self, running: Running, result: Result, usage: Usage) -> None:
        """A computation ended well."""
        self.metrics.ended("finished", len(running.row_ids))
        self.metrics.finished(time.monotonic() - running.admitted_s, usage.input_tokens, usage.output_tokens)
        for check in result.checks:
            self.metrics.checked(check.check, check.action)
