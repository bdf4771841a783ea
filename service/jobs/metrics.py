"""Series of jobs. No label names a caller or a job."""

from __future__ import annotations

from typing import Any

from service.observability.series import once


def job(state: str) -> None:
    """A job has come into this state."""
    _series()["jobs"].labels(state).inc()


def items_waiting(count: int) -> None:
    """Items of jobs that have not ended, not done yet; of all workers together."""
    _waiting().set(count)


def items_done(status: str) -> None:
    """An item was done: `ok` or `error`."""
    _series()["items"].labels(status).inc()


def waited(code: str) -> None:
    """An item waits because the model process is full or away; `code` is one of `errors`."""
    _series()["waits"].labels(code).inc()


def webhook(outcome: str) -> None:
    """An attempt to deliver: `delivered`, `retried` or `failed`."""
    _series()["webhooks"].labels(outcome).inc()


def taken_over() -> None:
    """The work of a worker that had died was put back into the queue."""
    _series()["takeovers"].inc()


@once
def _waiting() -> Any:
    # Apart from the counters: an API process that counts a job must not show 0 items waiting, which it never looked at.
    from prometheus_client import Gauge

    return Gauge("precis_jobs_items_waiting", "items of jobs, not done yet", multiprocess_mode="livemax")


@once
def _series() -> dict[str, Any]:
    from prometheus_client import Counter

    return {
        "jobs": Counter("precis_jobs", "jobs that have come into a state", ["state"]),
        "items": Counter("precis_jobs_items", "items of jobs that were done", ["status"]),
        "waits": Counter("precis_jobs_item_waits", "times an item waited for the model process", ["code"]),
        "webhooks": Counter("precis_jobs_webhooks", "attempts to deliver a webhook", ["outcome"]),
        "takeovers": Counter("precis_jobs_takeovers", "dead workers whose work was taken over"),
    }
