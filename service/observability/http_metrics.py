"""What an API process counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from service.observability.series import MAX_LABELS, OTHER, PART_SECONDS, SECONDS, bounded, once

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram

UNSUPPORTED_KINDS = frozenset({"number", "date", "amount", "percentage", "name", "quote", "negation"})
# Why a summary is less than what was asked for: the sentences of the article instead, those of chunks, another model's.
DEGRADED = frozenset({"extractive", "chunks", "gist", "standard", "llm"})
# Keys of a file are the operator's; a series is made for each of so many.
MAX_CALLERS = 500


class HttpMetrics:
    """What an API process counts. Children are looked up once and kept, because a look-up costs more than the count.

    Args:
        known_language: whether a tag is one of our table; others are counted as `other`.
        by_caller: whether requests are counted by the names of keys too.
    """

    def __init__(self, known_language: Callable[[str], bool], *, by_caller: bool = False) -> None:
        series = _http_series()
        self._known_language = known_language
        self._series = series
        self.in_flight = series["in_flight"]
        self._by_caller = by_caller
        self._request_children: dict[tuple[str, int, str], tuple[Counter, Histogram]] = {}
        self._item_children: dict[tuple[str, str, str], Counter] = {}
        self._caller_children: dict[tuple[str, str], tuple[Counter, Counter]] = {}
        self._engines: set[str] = set()
        self._callers: set[str] = set()

    def request(self, endpoint: str, status: int, code: str, seconds: float, caller: str = "") -> None:
        """Count a finished request. `endpoint` is the name of a route, `code` one of `errors` or `ok`."""
        key = (endpoint, status, code)
        found = self._request_children.get(key)
        if found is None:
            found = (
                self._series["requests"].labels(endpoint, str(status), code),
                self._series["seconds"].labels(endpoint),
            )
            self._request_children[key] = found
        found[0].inc()
        found[1].observe(seconds)
        if self._by_caller and caller:
            self._caller(caller, code, seconds)

    def item(self, task: str, engine: str, language: str) -> None:
        """Count a summary or a translation by who made it and the language it came from."""
        key = (task, engine, language)
        child = self._item_children.get(key)
        if child is None:
            tag = language if self._known_language(language) else OTHER
            child = self._series["items"].labels(task, bounded(self._engines, engine), tag)
            if len(self._item_children) < MAX_LABELS * MAX_LABELS:
                self._item_children[key] = child
        child.inc()

    def unsupported(self, kind: str) -> None:
        """Count something that an output says and its source does not, by what it is."""
        self._series["unsupported"].labels(kind if kind in UNSUPPORTED_KINDS else OTHER).inc()

    def degraded(self, reason: str) -> None:
        """Count a summary that was made in a lesser way than asked for, by which."""
        self._series["degraded"].labels(reason if reason in DEGRADED else OTHER).inc()

    def waited(self, seconds: float) -> None:
        """A complete request waited so long for a thread."""
        self._series["waited"].observe(seconds)

    def _caller(self, caller: str, code: str, seconds: float) -> None:
        found = self._caller_children.get((caller, code))
        if found is None:
            name = bounded(self._callers, caller, MAX_CALLERS)
            found = (self._series["of_caller"].labels(name, code), self._series["time_of_caller"].labels(name))
            if len(self._caller_children) < MAX_CALLERS * MAX_LABELS:
                self._caller_children[caller, code] = found
        found[0].inc()
        found[1].inc(seconds)


@once
def _http_series() -> dict[str, Any]:
    from prometheus_client import Counter, Gauge, Histogram

    return {
        "requests": Counter("precis_http_requests", "finished requests", ["endpoint", "status", "code"]),
        "seconds": Histogram("precis_http_request_seconds", "time to answer a request", ["endpoint"], buckets=SECONDS),
        "items": Counter("precis_items", "summaries and translations made", ["task", "engine", "language"]),
        "in_flight": Gauge("precis_http_requests_in_flight", "requests being answered", multiprocess_mode="livesum"),
        "unsupported": Counter("precis_unsupported", "things that outputs say and their sources do not", ["kind"]),
        "degraded": Counter("precis_degraded", "summaries made in a lesser way than asked for", ["reason"]),
        "waited": Histogram(
            "precis_http_wait_seconds", "time a complete request waited for a thread", buckets=PART_SECONDS
        ),
        "of_caller": Counter("precis_caller_requests", "finished requests by name of key", ["caller", "code"]),
        "time_of_caller": Counter("precis_caller_seconds", "time of answering by name of key", ["caller"]),
    }
