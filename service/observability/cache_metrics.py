"""What the model process counts of the results it keeps."""

from __future__ import annotations

from typing import Any

from service.observability.series import once


def evicted() -> None:
    """A result had to go because there was no room."""
    _series()["evictions"].inc()


def holds(entries: int, size: float) -> None:
    """How many results are kept, and their bytes by estimate."""
    _series()["entries"].set(entries)
    _series()["bytes"].set(size)


@once
def _series() -> dict[str, Any]:
    from prometheus_client import Counter, Gauge

    return {
        "evictions": Counter("precis_cache_evictions", "kept results that had to go for others"),
        "entries": Gauge("precis_cache_entries", "results that are kept", multiprocess_mode="livesum"),
        "bytes": Gauge("precis_cache_bytes", "bytes of kept results, by estimate", multiprocess_mode="livesum"),
    }
