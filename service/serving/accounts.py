"""What logs and traces tell of the jobs of one call, in the words of its caller's request."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from service import telemetry
from service.observability import tracing
from service.records import Job, Outcome
from service.serving.waits import Planned, Wait

# What a caller sent wrong, or is told to do without: no news for whoever runs the service.
_EXPECTED = frozenset({"unsupported_language", "no_text", "too_long", "bad_request", "cancelled"})


def watch(waits: Sequence[Wait], planned: Sequence[Planned]) -> None:
    """Write spans of these jobs below the current one, when each has ended."""
    if not tracing.on():
        return
    asked_s = time.monotonic()
    for wait, (job, work, _, _) in zip(waits, planned, strict=True):
        rows = len(work) if isinstance(work, list) else 0
        # Called in the context of the call, whose span is the parent.
        wait.future.add_done_callback(partial(_trace, wait, job, rows, asked_s))


def _trace(wait: Wait, job: Job, rows: int, asked_s: float, future: object) -> None:
    if wait.future.cancelled():
        return
    outcome = wait.future.result()
    now_s = time.monotonic()
    about = {
        "precis.engine": job.engine,
        "precis.task": job.task.value,
        "precis.source": job.source,
        "precis.target": job.target,
        "precis.rows": rows,
    }
    if wait.computation is None or not outcome.timing.model_ms:
        how = {"precis.kept": True} if outcome.result is not None else {}
        tracing.record("job", asked_s, now_s, about | how, _code(outcome))
        return
    # One that joined a running computation waited for less of it than there was.
    began_s = max(asked_s, now_s - outcome.timing.model_ms / 1000)
    joined = {"precis.joined": True} if wait.joined else {}
    tracing.record("queue", asked_s, began_s, about | joined)
    used = outcome.usage
    tokens = {"precis.input_tokens": used.input_tokens, "precis.output_tokens": used.output_tokens}
    tracing.record("decode", began_s, now_s, about | joined | tokens, _code(outcome))


def note(job: Job, outcome: Outcome, slow_s: float) -> None:
    """Log a job that failed inside the service, ran out of time or was slow; the context holds the request's id."""
    took_s = (outcome.timing.queue_ms + outcome.timing.model_ms) / 1000
    code = _code(outcome)
    if code in _EXPECTED or (not code and took_s < slow_s):
        return
    telemetry.logger().warning(
        "job failed" if code else "slow job",
        code=code or "ok",
        task=job.task.value,
        engine=job.engine,
        source=job.source,
        target=job.target,
        queue_ms=round(outcome.timing.queue_ms, 2),
        model_ms=round(outcome.timing.model_ms, 2),
        input_tokens=outcome.usage.input_tokens,
        output_tokens=outcome.usage.output_tokens,
    )


def _code(outcome: Outcome) -> str:
    return outcome.error.code if outcome.error is not None else ""
