"""What is counted of traces."""

from __future__ import annotations

from typing import Any

from service.observability.series import once


def sent(spans: int, *, ok: bool) -> None:
    """Spans that went to the collector, or were lost on the way."""
    _series().labels("sent" if ok else "lost").inc(spans)


@once
def _series() -> Any:
    from prometheus_client import Counter

    return Counter("precis_spans", "spans sent to the collector, or lost on the way", ["outcome"])
