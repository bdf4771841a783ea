"""The stages of a request: a histogram, a span, and what the access log tells of this request.

They do not overlap: the time of a stage within another counts for the inner one alone.
"""

from __future__ import annotations

import threading
import time
from contextvars import ContextVar
from types import TracebackType
from typing import Any

from service.observability import tracing
from service.observability.series import PART_SECONDS, once

# In the order they come in. `turn`: a short article waits until another one is read; `summarize` and `translate` hold
# the calls of the model process.
STAGES = (
    "parse", "turn", "clean", "detect", "segment", "summarize", "provenance", "compose", "faithfulness", "translate",
    "render",
)  # fmt: skip


class Times:
    """Milliseconds by stage of one request, whose parts may run on several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spent: dict[str, float] = {}

    def add(self, stage: str, seconds: float) -> None:
        """Add what a stage took."""
        with self._lock:
            self._spent[stage] = self._spent.get(stage, 0.0) + seconds * 1000

    def told(self) -> dict[str, float]:
        """Rounded to hundredths."""
        with self._lock:
            return {stage: round(spent, 2) for stage, spent in self._spent.items()}


_times: ContextVar[Times | None] = ContextVar("precis_stages", default=None)


def begin() -> Times:
    """What the stages take from here on in this context, and in copies of it."""
    times = Times()
    _times.set(times)
    return times


class _Within(threading.local):
    """Seconds of the stages that have ended within the one under way in this thread."""

    seconds = 0.0


_within = _Within()


class stage:
    """One stage, as a context; `name` is one of `STAGES`."""

    __slots__ = ("_before_s", "_name", "_span", "_started_s")

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        self._span = tracing.span(self._name)
        self._span.__enter__()
        self._before_s, _within.seconds = _within.seconds, 0.0
        self._started_s = time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, place: TracebackType | None
    ) -> None:
        whole_s = time.perf_counter() - self._started_s
        seconds = max(0.0, whole_s - _within.seconds)
        _within.seconds = self._before_s + whole_s
        _children()[self._name].observe(seconds)
        times = _times.get()
        if times is not None:
            times.add(self._name, seconds)
        self._span.__exit__(kind, error, place)


@once
def _children() -> dict[str, Any]:
    from prometheus_client import Histogram

    series = Histogram("precis_stage_seconds", "time of a stage of a request", ["stage"], buckets=PART_SECONDS)
    return {name: series.labels(name) for name in STAGES}
