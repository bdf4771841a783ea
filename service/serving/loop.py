"""The engine loop: one thread that owns one engine and its queue.

Each turn admits, evicts, steps and settles. A failing row ends its own job only; an exception from the engine, or from
the loop itself, is a broken engine: it is reported once through `on_crash` and the thread ends.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from service import telemetry
from service.engines.base import Engine, RowDone, RowText, RowWork, Streaming
from service.errors import EngineFailed, Overloaded, PrecisError
from service.records import Job, Outcome
from service.serving.meter import Meter
from service.serving.reading import Reading, Said
from service.serving.running import Running, begin
from service.serving.scheduler import Asker, QueuedRow, Scheduler

IDLE_BEAT_S = 1.0

Settled = list[tuple[int, Outcome]]
Told = list[tuple[int, Said]]


class EngineLoop:
    """Runs computations on one engine.

    Args:
        name: of the engine, for logs and metrics.
        engine: owned by the loop's thread from `start` on, but for `prepare` and `interrupt`.
        scheduler: the queue; guarded by this object's lock.
        on_settled: called on the loop's thread with computations that ended.
        on_told: called on the loop's thread, before `on_settled`, with new text of followed computations.
        on_crash: called once on the loop's thread when the engine is broken.
        beat: called at least once a second while the loop is alive.
    """

    def __init__(
        self,
        name: str,
        engine: Engine,
        scheduler: Scheduler,
        *,
        on_settled: Callable[[Settled], None],
        on_told: Callable[[Told], None],
        on_crash: Callable[[str, BaseException], None],
        beat: Callable[[], None],
    ) -> None:
        self.name = name
        self.engine = engine
        self._scheduler = scheduler
        self._on_settled = on_settled
        self._on_told = on_told
        self._written = engine.written if isinstance(engine, Streaming) else _nothing_written
        self._on_crash = on_crash
        self._beat = beat
        self._changed = threading.Condition()
        self._running: dict[int, Running] = {}
        self._row_owner: dict[int, tuple[int, int]] = {}
        self._readings: dict[int, Reading] = {}  # of the followed computations among them
        self._cancelled: set[int] = set()
        self._stopping = False
        self._row_ids = itertools.count(1)
        self._meter = Meter(name, engine)
        self._thread = threading.Thread(target=self._main, name=f"engine-{name}", daemon=True)

    # ---- called from the event loop's thread -------------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(
        self,
        computations: Sequence[tuple[int, Job, Sequence[RowWork]]],
        asker: Asker = Asker(),  # noqa: B008 - immutable
        *,
        followed: bool = False,
    ) -> None:
        """Queue computations, given as (id, job, rows of the job): all of them or none.

        Args:
            computations: of this engine.
            asker: whose turn the rows take.
            followed: somebody reads along.
        Raises:
            Overloaded, TooLong: nothing was queued.
        """
        rows = [
            QueuedRow(next(self._row_ids), id_, replace(work, followed=True) if followed else work, asker)
            for id_, _, works in computations
            for work in works
        ]
        with self._changed:
            try:
                self._refuse_late(rows, asker)
                self._scheduler.offer(rows)
            except PrecisError as error:
                self._meter.metrics.refused(error.code)
                raise
            now_s = time.monotonic()
            for computation_id, job, works in computations:
                self._running[computation_id] = begin(job, works, now_s, asker.request)
                if followed:
                    self._readings[computation_id] = Reading([work.segment for work in works])
            for row in rows:
                row_ids = self._running[row.computation_id].row_ids
                self._row_owner[row.row_id] = (row.computation_id, len(row_ids))
                row_ids.append(row.row_id)
            self._meter.queue(self._scheduler, self._running)
            self._changed.notify()
        self.engine.interrupt()

    def _refuse_late(self, rows: Sequence[QueuedRow], asker: Asker) -> None:
        """Work that would not be done in time is refused now, with when there is time for it; an idle engine tries."""
        if not self._scheduler.queued_rows:
            return
        takes_s = self._meter.seconds_for(self._scheduler, asker, sum(row.work.cost for row in rows))
        if takes_s > asker.remaining_s:
            raise Overloaded("the queue is too long for the time given", retry_after_s=takes_s - asker.remaining_s)

    def spared(self, *, finished: bool) -> None:
        """Count a job that needs no computation of its own: it joined one, or its result was kept."""
        (self._meter.metrics.kept if finished else self._meter.metrics.coalesced)()

    def missed(self, *, shared: bool) -> None:
        """Count a job that is computed, `shared` where its result might have been kept."""
        if shared:
            self._meter.metrics.missed()

    def cancel(self, computation_id: int) -> None:
        """Drop a computation: its rows leave the batch before the next step and nothing is reported for it."""
        with self._changed:
            if computation_id not in self._running:
                return
            self._cancelled.add(computation_id)
            self._changed.notify()
        self.engine.interrupt()

    def stop(self, timeout_s: float) -> bool:
        """End the thread after the current step and close the engine. Returns False if it did not end in time."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self.engine.interrupt()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    # ---- the loop's own thread ---------------------------------------------------------------------------------------

    def _main(self) -> None:
        try:
            while self._turn():
                self._beat()
        except BaseException as error:  # noqa: BLE001 - whatever it is, callers must be told and the process must end
            self._meter.metrics.broken()
            self._on_crash(self.name, error)
        else:
            self.engine.close()

    def _turn(self) -> bool:
        """One round of admit, evict, step, settle. Returns False when the loop is to end."""
        with self._changed:
            if not self._scheduler.queued_rows and not self._cancelled and not self._row_owner and not self._stopping:
                self._meter.idle()
                self._changed.wait(IDLE_BEAT_S)
            if self._stopping:
                return False
            evicted = self._drop_cancelled()
            taken = self._scheduler.take(self.engine.free_rows())
            self._meter.admitted([self._running[row.computation_id] for row in taken])
            self._meter.queue(self._scheduler, self._running)
            queued = self._scheduler.queued_rows
            busy = len(self._row_owner) > queued
        if evicted:
            self.engine.evict(evicted)
        if taken:
            self.engine.admit([(row.row_id, row.work) for row in taken])
        if busy:
            started_s = time.monotonic()
            done = self.engine.step()
            self._meter.stepped(time.monotonic() - started_s, done, self._running, self._row_owner, queued)
            if self._readings:
                self._tell(self._written(), done)
            if done:
                self._settle(done)
        return True

    def _drop_cancelled(self) -> list[int]:
        """Forget cancelled computations; returns their rows that the engine holds."""
        if not self._cancelled:
            return []
        cancelled = frozenset(self._cancelled)
        self._cancelled.clear()
        waiting = {row.row_id for row in self._scheduler.cancel(cancelled)}
        evicted: list[int] = []
        for computation_id in cancelled:
            running = self._running.pop(computation_id, None)
            self._readings.pop(computation_id, None)
            if running is None:
                continue
            held = [row_id for row_id in running.row_ids if self._row_owner.pop(row_id, None) is not None]
            evicted += [row_id for row_id in held if row_id not in waiting]
            self._meter.metrics.ended("cancelled", len(running.row_ids))
        return evicted

    def _tell(self, written: Sequence[RowText], done: Sequence[RowDone]) -> None:
        """Report what followed computations have written, in reading order."""
        told: Told = []
        with self._changed:
            for row in written:
                computation_id, index = self._row_owner.get(row.row_id, (0, 0))
                if (reading := self._readings.get(computation_id)) is not None:
                    said = reading.more(index, row.text, replaces=row.replaces)
                    told += [(computation_id, one) for one in said]
            for ended in done:
                computation_id, index = self._row_owner.get(ended.row_id, (0, 0))
                if (reading := self._readings.get(computation_id)) is not None and ended.error is None:
                    told += [(computation_id, one) for one in reading.row_ended(index)]
        if told:
            self._on_told(told)

    def _settle(self, done: Sequence[RowDone]) -> None:
        settled: Settled = []
        complete: list[tuple[int, Running]] = []
        evict: list[int] = []
        with self._changed:
            for row in done:
                owner = self._row_owner.pop(row.row_id, None)
                if owner is None:
                    continue
                computation_id, index = owner
                running = self._running[computation_id]
                running.outputs[index] = row.output
                running.left -= 1
                if row.error is not None:
                    evict += self._abandon(computation_id, running)
                    settled.append((computation_id, Outcome(error=row.error, timing=running.timing())))
                elif running.left == 0:
                    complete.append((computation_id, self._running.pop(computation_id)))
        if evict:
            self.engine.evict(evict)
        for computation_id, running in complete:
            outcome = self._finish(running)
            settled.append((computation_id, outcome))
            reading = self._readings.pop(computation_id, None)
            if reading is not None and outcome.result is not None:
                self._on_told([(computation_id, one) for one in reading.ended(outcome.result)])
        if settled:
            self._on_settled(settled)

    def _finish(self, running: Running) -> Outcome:
        timing = running.timing()
        try:
            result, usage = self.engine.finish(running.job, running.outputs)
        except PrecisError as error:
            return Outcome(error=error, timing=timing)
        except Exception as error:  # noqa: BLE001 - one job's output cannot be put together: its failure alone
            told = telemetry.logger().bind(engine=self.name, request_id=running.request)
            told.error("an engine's outputs could not be put together", exc_info=error)
            self._meter.metrics.ended("failed", len(running.row_ids))
            return Outcome(error=EngineFailed(f"the {self.name} engine failed on this item"), timing=timing)
        self._meter.finished(running, result, usage)
        return Outcome(result=result, timing=timing, usage=usage)

    def _abandon(self, computation_id: int, running: Running) -> list[int]:
        """A row failed: take its siblings out of the queue and return those in the engine."""
        del self._running[computation_id]
        self._readings.pop(computation_id, None)
        self._meter.metrics.ended("failed", len(running.row_ids))
        waiting = {row.row_id for row in self._scheduler.cancel(frozenset((computation_id,)))}
        held = [row_id for row_id in running.row_ids if self._row_owner.pop(row_id, None) is not None]
        return [row_id for row_id in held if row_id not in waiting]


def _nothing_written() -> list[RowText]:
    """What an engine tells that shows nothing before the end."""
    return []


def broken(name: str) -> EngineFailed:
    """What callers are told when an engine broke."""
    return EngineFailed(f"the {name} engine failed and is being restarted", retry_after_s=1.0)
