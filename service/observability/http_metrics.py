"""What an API process counts."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from service.observability.series import MAX_LABELS, OTHER, SECONDS, bounded

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram

UNSUPPORTED_KINDS = frozenset({"number", "date", "amount", "percentage", "name", "quote", "negation"})


class HttpMetrics:
    """What an API process counts. Children are looked up once and kept, because a look-up costs more than the count.

    Args:
        known_language: whether a tag is one of our table; others are counted as `other`.
    """

    def __init__(self, known_language: Callable[[str], bool]) -> None:
        series = _http_series()
        self._known_language = known_language
        self._requests, self._seconds, self._items = series[0], series[1], series[2]
        self.in_flight, self._unsupported = series[3], series[4]
        self._request_children: dict[tuple[str, int, str], tuple[Counter, Histogram]] = {}
        self._item_children: dict[tuple[str, str, str], Counter] = {}
        self._engines: set[str] = set()

    def request(self, endpoint: str, status: int, code: str, seconds: float) -> None:
        """Count a finished request. `endpoint` is the name of a route, `code` one of `errors` or `ok`."""
        key = (endpoint, status, code)
        found = self._request_children.get(key)
        if found is None:
            found = (self._requests.labels(endpoint, str(status), code), self._seconds.labels(endpoint))
            self._request_children[key] = found
        found[0].inc()
        found[1].observe(seconds)

    def item(self, task: str, engine: str, language: str) -> None:
        """Count a summary or a translation by who made it and the language it came from."""
        key = (task, engine, language)
        child = self._item_children.get(key)
        if child is None:
            tag = language if self._known_language(language) else OTHER
            child = self._items.labels(task, bounded(self._engines, engine), tag)
            if len(self._item_children) < MAX_LABELS * MAX_LABELS:
                self._item_children[key] = child
        child.inc()

    def unsupported(self, kind: str) -> None:
        """Count something that an output says and its source does not, by what it is."""
        self._unsupported.labels(kind if kind in UNSUPPORTED_KINDS else OTHER).inc()


@cache
def _http_series() -> tuple[Any, Any, Any, Any, Any]:
    from prometheus_client import Counter, Gauge, Histogram

    return (
        Counter("precis_http_requests", "finished requests", ["endpoint", "status", "code"]),
        Histogram("precis_http_request_seconds", "time to answer a request", ["endpoint"], buckets=SECONDS),
        Counter("precis_items", "summaries and translations made", ["task", "engine", "language"]),
        Gauge("precis_http_requests_in_flight", "requests being answered", multiprocess_mode="livesum"),
        Counter("precis_unsupported", "things that outputs say and their sources do not", ["kind"]),
    )
