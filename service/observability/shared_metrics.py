"""Counters of results that model processes share through a store."""

from __future__ import annotations

from typing import Any

from service.observability.series import once


def count(how: str) -> None:
    """What came of the store: `found`, `missed`, `refused` (no result of ours), `kept`, `too_large` or `failed`."""
    _series()[0].labels(how).inc()


def store_up(up: bool) -> None:
    """Whether the store answers this process."""
    _series()[1].set(1 if up else 0)


@once
def _series() -> tuple[Any, Any]:
    from prometheus_client import Counter, Gauge

    return (
        Counter("precis_shared_results", "results asked of or given to the shared store", ["how"]),
        Gauge("precis_shared_results_up", "whether the store of results answers", multiprocess_mode="livemin"),
    )
