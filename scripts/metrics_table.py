"""The table of metrics, from the series themselves: `python -m scripts.metrics_table [--write]`.

`--write` puts it into docs/OBSERVABILITY.md between its two marks; a test holds that it is current.
"""

from __future__ import annotations

import importlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

from scripts import tables
from service.heartbeat import Heartbeat
from service.observability import process_metrics, series

PAGE = Path(__file__).resolve().parents[1] / "docs/OBSERVABILITY.md"
START, END = "<!-- metrics -->", "<!-- /metrics -->"
MODULES = (
    "service.api.access_metrics",
    "service.api.stream_slots",
    "service.jobs.metrics",
    "service.observability.cache_metrics",
    "service.observability.call_metrics",
    "service.observability.http_metrics",
    "service.observability.lane_metrics",
    "service.observability.process_metrics",
    "service.observability.remote_metrics",
    "service.observability.shared_metrics",
    "service.observability.stages",
    "service.observability.trace_metrics",
)


@dataclass(frozen=True, order=True)
class Metric:
    """A metric: its name as it is queried, its kind, its labels and its meaning."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str

    @property
    def samples(self) -> tuple[str, ...]:
        """The names it has in the text format."""
        if self.kind == "histogram":
            return tuple(f"{self.name}_{part}" for part in ("bucket", "sum", "count"))
        return (self.name,)


def metrics() -> list[Metric]:
    """Every metric of the service, by name. Makes all series of this process."""
    from prometheus_client import REGISTRY
    from prometheus_client.metrics import MetricWrapperBase

    for module in MODULES:
        importlib.import_module(module)
    for make in series.makers:
        make()
    found = set()
    for collector in set(REGISTRY._names_to_collectors.values()):
        if isinstance(collector, MetricWrapperBase) and collector._name.startswith("precis_"):
            found.add(_metric(collector._name, collector._type or "", collector._labelnames, collector._documentation))
    with tempfile.TemporaryDirectory() as folder:
        beat = Heartbeat(Path(folder), "api")
        for told in process_metrics.about_processes(Path(folder)):
            labels = tuple(told.samples[0].labels)
            found.add(_metric(told.name, told.type, labels, told.documentation))
        beat.close()
    return sorted(found)


def _metric(name: str, kind: str, labels: tuple[str, ...], meaning: str) -> Metric:
    return Metric(f"{name}_total" if kind == "counter" else name, kind, tuple(labels), meaning)


def table() -> str:
    """The Markdown table, one row a metric."""
    rows = ["| metric | kind | labels | meaning |", "|---|---|---|---|"]
    for one in metrics():
        labels = ", ".join(f"`{label}`" for label in one.labels)
        rows.append(f"| `{one.name}` | {one.kind} | {labels} | {one.meaning} |")
    return "\n".join(rows)


def embedded(text: str) -> str:
    """A page with the table in its place.

    Raises:
        ValueError: the marks are missing.
    """
    return tables.embedded(PAGE, text, (START, END), table())


if __name__ == "__main__":
    tables.main(PAGE, embedded, table)
