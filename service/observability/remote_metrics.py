"""What the `remote` engine counts of the server it asks."""

from __future__ import annotations

from typing import Any

from service.observability.series import SECONDS, once


def answered(code: str, seconds: float) -> None:
    """A question has its answer, or the failure that stays: `ok` or a code of `errors`."""
    _series()["requests"].labels(code).inc()
    _series()["seconds"].observe(seconds)


def retried(code: str) -> None:
    """An attempt failed and another one follows; `code` is what it would have been."""
    _series()["retries"].labels(code).inc()


@once
def _series() -> dict[str, Any]:
    from prometheus_client import Counter, Histogram

    return {
        "requests": Counter("precis_remote_requests", "questions to the remote server", ["code"]),
        "retries": Counter("precis_remote_retries", "questions sent again to the remote server", ["code"]),
        "seconds": Histogram(
            "precis_remote_seconds", "time of a question to the remote server, retries included", buckets=SECONDS
        ),
    }
