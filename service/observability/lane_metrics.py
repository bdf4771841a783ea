"""What the loop of one engine counts."""

from __future__ import annotations

import math
from typing import Any

from service.observability.series import PART_SECONDS, SECONDS, once

PARTS, KINDS = ("prefill", "decode"), ("self", "cross")
ROW_ENDINGS = ("finished", "failed", "cancelled")

_STEP_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
_OF_ENGINE = (
    "rows", "cost", "oldest", "admitted", "step", "coalesced", "kept", "missed", "queue_s", "run_s", "first_s",
    "running", "slots", "step_rows", "input", "output", "broken",
)  # fmt: skip


class LaneMetrics:
    """What the loop of one engine counts.

    Args:
        engine: its name.
        measured: whether it tells what its steps are made of.
    """

    def __init__(self, engine: str, *, measured: bool = False) -> None:
        series = _model_series()
        self._engine = engine
        self._own = {name: series[name].labels(engine) for name in _OF_ENGINE}
        self._ended = {how: series["ended"].labels(engine, how) for how in ROW_ENDINGS}
        self._refused, self._checks = series["refused"], series["checks"]
        self._parts = {part: series["part"].labels(engine, part) for part in PARTS if measured}
        self._tokens = {part: series["tokens"].labels(engine, part) for part in PARTS if measured}
        self._own |= {kind: series["held"].labels(engine, kind) for kind in KINDS if measured}
        self._shown: dict[str, float] = {}
        self.queue(0, 0)
        self.batch(0, 0)

    def queue(self, rows: int, cost: int, oldest_s: float = math.inf) -> None:
        """Rows and cost waiting now, and since when the oldest waits, on `time.monotonic()`."""
        self._show("rows", rows)
        self._show("cost", cost)
        self._show("oldest", oldest_s)

    def batch(self, rows: int, slots: int) -> None:
        """Rows that run now, and how many could."""
        self._show("running", rows)
        self._show("slots", slots)

    def admitted(self, rows: int) -> None:
        """Rows that joined the batch."""
        self._own["admitted"].inc(rows)

    def ended(self, how: str, rows: int) -> None:
        """Rows that left: one of `ROW_ENDINGS`."""
        self._ended[how].inc(rows)

    def refused(self, code: str) -> None:
        """A computation that was not admitted, by code of `errors`."""
        self._refused.labels(self._engine, code).inc()

    def stepped(self, seconds: float, rows: int = 0) -> None:
        """One engine step, and the rows in it."""
        self._own["step"].observe(seconds)
        if rows:
            self._own["step_rows"].inc(rows)

    def worked(self, part: str, seconds: float, tokens: int) -> None:
        """The part of a step that read sources (`prefill`) or wrote tokens (`decode`)."""
        self._parts[part].observe(seconds)
        self._tokens[part].inc(tokens)

    def memory(self, own: int, cross: int) -> None:
        """Bytes of keys and values: of the rows' own tokens, and of their sources."""
        self._show("self", own)
        self._show("cross", cross)

    def waited(self, seconds: float) -> None:
        """A computation's first row was admitted so long after it was queued."""
        self._own["queue_s"].observe(seconds)

    def began(self, seconds: float) -> None:
        """A computation's first token was written so long after it was queued."""
        self._own["first_s"].observe(seconds)

    def finished(self, seconds: float, input_tokens: int, output_tokens: int) -> None:
        """A computation ended well: time since it was admitted, and its tokens."""
        self._own["run_s"].observe(seconds)
        self._own["input"].inc(input_tokens)
        self._own["output"].inc(output_tokens)

    def coalesced(self) -> None:
        """A request joined a computation that was running already."""
        self._own["coalesced"].inc()

    def kept(self) -> None:
        """A job whose result was kept from before."""
        self._own["kept"].inc()

    def missed(self) -> None:
        """A job that must be computed, though its result might have been kept."""
        self._own["missed"].inc()

    def checked(self, check: str, action: str) -> None:
        """A guard doubted an output: which one, and what became of it; both names are an engine's own."""
        self._checks.labels(self._engine, check, action).inc()

    def broken(self) -> None:
        """The engine broke, and with it its process ends."""
        self._own["broken"].inc()

    def _show(self, gauge: str, value: float) -> None:
        if self._shown.get(gauge) != value:  # a gauge costs more to set than to compare
            self._shown[gauge] = value
            self._own[gauge].set(value)


@once
def _model_series() -> dict[str, Any]:
    from prometheus_client import Counter, Gauge, Histogram

    engine = ["engine"]

    def gauge(name: str, what: str, labels: list[str] = engine, mode: Any = "livesum") -> Gauge:
        return Gauge(name, what, labels, multiprocess_mode=mode)

    def times(name: str, what: str, labels: list[str] = engine, buckets: tuple[float, ...] = SECONDS) -> Histogram:
        return Histogram(name, what, labels, buckets=buckets)

    return {
        "rows": gauge("precis_queue_rows", "rows waiting"),
        "cost": gauge("precis_queue_cost", "cost waiting"),
        "oldest": gauge("precis_queue_oldest_seconds", "age of the oldest row waiting", mode="livemin"),
        "running": gauge("precis_batch_rows", "rows running"),
        "slots": gauge("precis_batch_slots", "rows that could run at a time"),
        "held": gauge("precis_kv_bytes", "keys and values of running rows", [*engine, "kind"]),
        "admitted": Counter("precis_rows_admitted", "rows that joined a batch", engine),
        "ended": Counter("precis_rows_ended", "rows that left a batch", [*engine, "how"]),
        "refused": Counter("precis_refusals", "computations not admitted", [*engine, "code"]),
        "kept": Counter("precis_cache_hits", "requests answered from results that were kept", engine),
        "missed": Counter("precis_cache_misses", "requests whose result was not kept", engine),
        "coalesced": Counter("precis_coalesced", "requests that joined a running computation", engine),
        "checks": Counter("precis_checks", "outputs that a guard doubted", [*engine, "check", "action"]),
        "broken": Counter("precis_engine_failures", "times an engine broke and ended its process", engine),
        "input": Counter("precis_input_tokens", "tokens of finished computations' sources", engine),
        "output": Counter("precis_output_tokens", "tokens of finished computations' outputs", engine),
        "step_rows": Counter("precis_step_rows", "rows advanced, added up over steps", engine),
        "tokens": Counter("precis_step_tokens", "tokens read and written, padding included", [*engine, "part"]),
        "step": times("precis_step_seconds", "time of an engine step", buckets=_STEP_SECONDS),
        "part": times(
            "precis_step_part_seconds", "time of reading and writing in steps", [*engine, "part"], _STEP_SECONDS
        ),
        "queue_s": times("precis_queue_seconds", "time of a computation in the queue", buckets=PART_SECONDS),
        "first_s": times("precis_first_token_seconds", "time from queue to first token of a computation"),
        "run_s": times("precis_run_seconds", "time of a computation from admission to end", buckets=PART_SECONDS),
    }
