"""Counters of results that model processes share through a store."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

_first = threading.Lock()


def count(how: str) -> None:
    """What came of the store: `found`, `missed`, `refused` (no result of ours), `kept`, `too_large` or `failed`."""
    _series()[0].labels(how).inc()


def store_up(up: bool) -> None:
    """Whether the store answers this process."""
    _series()[1].set(1 if up else 0)


def _series() -> tuple[Any, Any]:
    # The registry takes a name once, and two threads may come first.
    with _first:
        return _made()


@cache
def _made() -> tuple[Any, Any]:
    from prometheus_client import Counter, Gauge

    return (
        Counter("precis_shared_results", "results asked of or given to the shared store", ["how"]),
        Gauge("precis_shared_results_up", "whether the store of results answers", multiprocess_mode="livemin"),
    )
