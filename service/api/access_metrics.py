"""Counters of keys, limits and kept replies. No label names a caller."""

from __future__ import annotations

from typing import Any

from service.observability.series import once


def limited(limit: str) -> None:
    """A request was refused by one of its key's limits."""
    _series()["limited"].labels(limit).inc()


def reloaded(outcome: str) -> None:
    """A changed file of keys was read: `ok` or `broken`."""
    _series()["reloads"].labels(outcome).inc()


def idempotent(outcome: str) -> None:
    """What an `Idempotency-Key` led to: `kept`, `replayed`, `joined`, `conflict` or `lost` (could not be kept)."""
    _series()["idempotent"].labels(outcome).inc()


def redis_up(up: bool) -> None:
    """Whether the shared store answers this process."""
    state, failures = _redis()
    state.set(1 if up else 0)
    if not up:
        failures.inc()


@once
def _redis() -> tuple[Any, Any]:
    # Apart from the others: where there is no Redis, nothing is to say that it does not answer.
    from prometheus_client import Counter, Gauge

    return (
        Gauge("precis_redis_up", "whether the shared store answers", multiprocess_mode="livemin"),
        Counter("precis_redis_failures", "times the shared store was found not to answer"),
    )


@once
def _series() -> dict[str, Any]:
    from prometheus_client import Counter

    return {
        "limited": Counter("precis_limited", "requests refused by a limit of their key", ["limit"]),
        "reloads": Counter("precis_keys_reloads", "times a changed file of keys was read", ["outcome"]),
        "idempotent": Counter("precis_idempotent_requests", "requests with an Idempotency-Key", ["outcome"]),
    }
