"""What the supervisor counts about the processes it runs."""

from __future__ import annotations

from functools import cache
from typing import Any


def count_restart(process: str) -> None:
    """A process that had ended was started anew; `process` is the name of a role."""
    _restart_series().labels(process).inc()


@cache
def _restart_series() -> Any:
    from prometheus_client import Counter

    return Counter("precis_process_restarts", "processes started anew", ["process"])
