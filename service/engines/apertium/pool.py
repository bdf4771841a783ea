"""The pipelines that run: started when first needed, kept while used, bounded in number and in memory."""

from __future__ import annotations

import threading
import time

from service.engines.apertium.modes import Mode
from service.engines.apertium.pipes import Pipeline

_REAP_EVERY_S = 0.2
# What a pipeline is taken to need before one of its mode has been measured: the median of the default pairs.
_UNKNOWN_BYTES = 80 * 2**20


class Pool:
    """Pipelines by mode, never more than `most` at a time.

    The loop's thread takes and gives back; a thread of its own ends what has been idle for `idle_s` seconds, because
    the loop does not run while there is nothing to do.

    Args:
        per_mode: pipelines of one mode that may run at a time.
        most: pipelines that may run at a time.
        budget_bytes: memory of all pipelines together. Idle ones are ended to keep it; one that is over it alone runs
            alone.
        idle_s: seconds after which an unused pipeline is ended.
    """

    def __init__(self, *, per_mode: int, most: int, budget_bytes: int, idle_s: float) -> None:
        self._per_mode, self._most, self._idle_s = per_mode, most, idle_s
        self._budget_bytes = budget_bytes
        self._sizes: dict[str, int] = {}
        self._lock = threading.Lock()
        self._idle: list[Pipeline] = []
        self._busy: list[Pipeline] = []
        self._closed = threading.Event()
        self._reaper: threading.Thread | None = None

    def take(self, mode: Mode) -> Pipeline | None:
        """A pipeline for the caller alone, or None while all that are allowed are busy.

        Raises:
            PipelineBroken: it cannot be started.
        """
        ended: list[Pipeline] = []
        try:
            with self._lock:
                ended = [pipeline for pipeline in self._idle if not pipeline.alive()]
                self._idle = [pipeline for pipeline in self._idle if pipeline not in ended]
                for at in range(len(self._idle) - 1, -1, -1):
                    if self._idle[at].mode.name == mode.name:
                        self._busy.append(self._idle.pop(at))
                        return self._busy[-1]
                if sum(pipeline.mode.name == mode.name for pipeline in self._busy) >= self._per_mode:
                    return None
                if not self._fits(self._busy, mode):
                    return None
                self._idle.sort(key=lambda pipeline: pipeline.used_s)
                while self._idle and not self._fits([*self._busy, *self._idle], mode):
                    ended.append(self._idle.pop(0))
                for pipeline in ended:  # before the new one starts, so that both are never there together
                    pipeline.kill()
                self._busy.append(Pipeline(mode))
                self._start_reaper()
                return self._busy[-1]
        finally:
            for pipeline in ended:
                pipeline.kill()

    def give_back(self, pipeline: Pipeline) -> None:
        """Keep a pipeline whose batch has come back whole for the next caller."""
        pipeline.used_s = time.monotonic()
        if pipeline.mode.name not in self._sizes:
            self._sizes[pipeline.mode.name] = pipeline.memory_bytes() or _UNKNOWN_BYTES
        ended: list[Pipeline] = []
        with self._lock:
            self._busy.remove(pipeline)
            # It may have turned out larger than it was taken for.
            while self._idle and self._needed([*self._busy, *self._idle, pipeline]) > self._budget_bytes:
                self._idle.sort(key=lambda one: one.used_s)
                ended.append(self._idle.pop(0))
            self._idle.append(pipeline)
        for one in ended:
            one.kill()

    def discard(self, pipeline: Pipeline) -> None:
        """End a pipeline that is broken, stuck or in the middle of a batch."""
        with self._lock:
            self._busy.remove(pipeline)
        pipeline.kill()

    def pipelines(self) -> tuple[Pipeline, ...]:
        """All that run now."""
        with self._lock:
            return (*self._busy, *self._idle)

    def close(self) -> None:
        """End everything."""
        self._closed.set()
        with self._lock:
            ended = (*self._busy, *self._idle)
            self._busy, self._idle = [], []
        for pipeline in ended:
            pipeline.kill()
        if self._reaper is not None:
            self._reaper.join(timeout=5)

    def _fits(self, running: list[Pipeline], mode: Mode) -> bool:
        """Whether one more of this mode may run beside these; alone it always may."""
        if not running:
            return True
        needed = self._needed(running) + self._sizes.get(mode.name, _UNKNOWN_BYTES)
        return len(running) < self._most and needed <= self._budget_bytes

    def _needed(self, pipelines: list[Pipeline]) -> int:
        return sum(self._sizes.get(pipeline.mode.name, _UNKNOWN_BYTES) for pipeline in pipelines)

    def _start_reaper(self) -> None:
        if self._reaper is None:
            self._reaper = threading.Thread(target=self._reap, name="apertium-reaper", daemon=True)
            self._reaper.start()

    def _reap(self) -> None:
        while not self._closed.wait(max(_REAP_EVERY_S, self._idle_s / 10)):
            oldest = time.monotonic() - self._idle_s
            with self._lock:
                ended = [pipeline for pipeline in self._idle if pipeline.used_s < oldest]
                self._idle = [pipeline for pipeline in self._idle if pipeline not in ended]
            for pipeline in ended:
                pipeline.kill()
