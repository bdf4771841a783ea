"""What the loop of one engine counts."""

from __future__ import annotations

from functools import cache
from typing import Any

ROW_ENDINGS = ("finished", "failed", "cancelled")

_STEP_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class LaneMetrics:
    """What the loop of one engine counts."""

    def __init__(self, engine: str) -> None:
        series = _model_series()
        self._engine = engine
        self._rows, self._cost = series["rows"].labels(engine), series["cost"].labels(engine)
        self._admitted = series["admitted"].labels(engine)
        self._ended = {how: series["ended"].labels(engine, how) for how in ROW_ENDINGS}
        self._refused = series["refused"]
        self._step = series["step"].labels(engine)
        self._coalesced = series["coalesced"].labels(engine)
        self._kept = series["kept"].labels(engine)
        self._checks = series["checks"]

    def queue(self, rows: int, cost: int) -> None:
        """Rows and cost waiting now."""
        self._rows.set(rows)
        self._cost.set(cost)

    def admitted(self, rows: int) -> None:
        """Rows that joined the batch."""
        self._admitted.inc(rows)

    def ended(self, how: str, rows: int) -> None:
        """Rows that left: one of `ROW_ENDINGS`."""
        self._ended[how].inc(rows)

    def refused(self, code: str) -> None:
        """A computation that was not admitted, by code of `errors`."""
        self._refused.labels(self._engine, code).inc()

    def stepped(self, seconds: float) -> None:
        """One engine step."""
        self._step.observe(seconds)

    def coalesced(self) -> None:
        """A request joined a computation that was running already."""
        self._coalesced.inc()

    def kept(self) -> None:
        """A job whose result was kept from before."""
        self._kept.inc()

    def checked(self, check: str, action: str) -> None:
        """A guard doubted an output: which one, and what became of it; both names are an engine's own."""
        self._checks.labels(self._engine, check, action).inc()


@cache
def _model_series() -> dict[str, Any]:
    from prometheus_client import Counter, Gauge, Histogram

    engine = ["engine"]
    return {
        "rows": Gauge("precis_queue_rows", "rows waiting", engine, multiprocess_mode="livesum"),
        "cost": Gauge("precis_queue_cost", "cost waiting", engine, multiprocess_mode="livesum"),
        "admitted": Counter("precis_rows_admitted", "rows that joined a batch", engine),
        "ended": Counter("precis_rows_ended", "rows that left a batch", [*engine, "how"]),
        "refused": Counter("precis_refusals", "computations not admitted", [*engine, "code"]),
        "step": Histogram("precis_step_seconds", "time of an engine step", engine, buckets=_STEP_SECONDS),
        "kept": Counter("precis_cache_hits", "requests answered from results that were kept", engine),
        "coalesced": Counter("precis_coalesced", "requests that joined a running computation", engine),
        "checks": Counter("precis_checks", "outputs that a guard doubted", [*engine, "check", "action"]),
    }
