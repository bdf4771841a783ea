"""All series of an instance as text: those that processes count, and those that are looked up when somebody asks."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from service.observability.process_metrics import about_processes
from service.observability.series import MULTIPROCESS_VARIABLE

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric

# Kept as a moment on the clock that all processes of a machine share, and shown as the time since: a thread that is
# stuck cannot count how long it has been so.
SINCE = frozenset({"precis_queue_oldest_seconds"})


def render_metrics(heartbeats: Path | None = None) -> tuple[bytes, str]:
    """All series as text, over all processes that share them, with the content type.

    Args:
        heartbeats: folder of the heartbeats of this instance's processes; None leaves out what is told of processes.
    """
    from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest, multiprocess

    counted: CollectorRegistry = REGISTRY
    if os.environ.get(MULTIPROCESS_VARIABLE):
        counted = CollectorRegistry()
        multiprocess.MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
    shown = CollectorRegistry()
    shown.register(_Shown(counted, heartbeats))
    return generate_latest(shown), CONTENT_TYPE_LATEST


class _Shown:
    def __init__(self, counted: CollectorRegistry, heartbeats: Path | None) -> None:
        self._counted = counted
        self._heartbeats = heartbeats

    def collect(self) -> Iterator[Metric]:
        now_s = time.monotonic()
        for metric in self._counted.collect():
            if metric.name in SINCE:
                metric.samples = [sample._replace(value=max(0.0, now_s - sample.value)) for sample in metric.samples]
            yield metric
        yield from about_processes(self._heartbeats)
