"""Logs and metrics. Neither ever holds article text, keys or addresses of callers.

Logs are one JSON object a line on stderr. Metrics are Prometheus series whose names start with `precis_`; every label
takes its values from a closed list, so that no caller can make series without end.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Callable, MutableMapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import structlog

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter, Histogram

MULTIPROCESS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
OTHER = "other"
UNSUPPORTED_KINDS = frozenset({"number", "date", "amount", "percentage", "name", "quote", "negation"})
ROW_ENDINGS = ("finished", "failed", "cancelled")

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_STEP_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
_MAX_FRAMES = 40
_MAX_LABELS = 64

Event = MutableMapping[str, Any]


# ---- logs ------------------------------------------------------------------------------------------------------------


def configure_logging(role: str, level: str, stream: TextIO | None = None) -> None:
    """One JSON object a line from here on: `ts`, `level`, `event`, `role`, and `request_id` where one is bound.

    Lines of libraries (the standard `logging`) take the same form.

    Args:
        role: which process this is: `api`, `model`, `serve`.
        level: least level written: `debug`, `info`, `warning` or `error`.
        stream: where lines go instead of stderr, for tests.
    """
    target = stream or sys.stderr
    threshold = logging.getLevelNamesMapping()[level.upper()]

    def add_role(_logger: object, _method: str, event: Event) -> Event:
        event["role"] = role
        return event

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        add_role,
        _traceback_without_values,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=target),
        cache_logger_on_first_use=stream is None,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
            keep_exc_info=False,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(threshold, logging.INFO))


def logger() -> structlog.typing.FilteringBoundLogger:
    """The logger of this process; `configure_logging` decides what becomes of its lines."""
    made: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return made


def bind_request(request_id: str) -> None:
    """Put the id on every line this thread writes until the next call."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id)


def _traceback_without_values(_logger: object, _method: str, event: Event) -> Event:
    # The message of an exception may quote what was being worked on: only types and places are logged.
    given = event.pop("exc_info", None)
    if not given:
        return event
    if isinstance(given, BaseException):
        error: BaseException | None = given
    else:
        error = given[1] if isinstance(given, tuple) else sys.exc_info()[1]
    chain: list[dict[str, object]] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        frames = traceback.extract_tb(error.__traceback__)[-_MAX_FRAMES:]
        places = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
        chain.append({"type": type(error).__qualname__, "frames": places})
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    event["exception"] = chain
    return event


# ---- metrics ---------------------------------------------------------------------------------------------------------


def share_metrics(folder: Path, *, fresh: bool) -> None:
    """Let several processes add to one set of series, kept in files of `folder`.

    To be called before the first metric is made: the client library looks at its environment once, when imported.

    Args:
        folder: made when it does not exist.
        fresh: remove what an earlier run left, for the one process that starts the others.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if fresh:
        for left in folder.glob("*.db"):
            left.unlink(missing_ok=True)
    os.environ[MULTIPROCESS_VARIABLE] = str(folder)


def forget_process(pid: int) -> None:
    """Drop the live gauges of a process that has ended; without it they are counted for ever."""
    if os.environ.get(MULTIPROCESS_VARIABLE):
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]


def render_metrics() -> tuple[bytes, str]:
    """All series as text, over all processes that share them, with the content type."""
    from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest, multiprocess

    registry: CollectorRegistry = REGISTRY
    if os.environ.get(MULTIPROCESS_VARIABLE):
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry), CONTENT_TYPE_LATEST


def _bounded(values: set[str], value: str) -> str:
    if value in values:
        return value
    if len(values) >= _MAX_LABELS:
        return OTHER
    values.add(value)
    return value


def count_restart(process: str) -> None:
    """A process that had ended was started anew; `process` is the name of a role."""
    _restart_series().labels(process).inc()


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
            child = self._items.labels(task, _bounded(self._engines, engine), tag)
            if len(self._item_children) < _MAX_LABELS * _MAX_LABELS:
                self._item_children[key] = child
        child.inc()

    def unsupported(self, kind: str) -> None:
        """Count something that an output says and its source does not, by what it is."""
        self._unsupported.labels(kind if kind in UNSUPPORTED_KINDS else OTHER).inc()


class LaneMetrics:
    """What the loop of one engine counts."""

    def __init__(self, engine: str) -> None:
        series = _model_series()
        self._engine = engine
        self._rows, self._cost = series["rows"].labels(engine), series["cost"].labels(engine)
        self._admitted = series["admitted"].labels(engine)
        self._ended = {how: series["ended"].labels(engine, how) for how in ROW_ENDINGS}
        self._refused = series["refused"]
        self._step = series["step"].labels(engine)
        self._coalesced = series["coalesced"].labels(engine)
        self._kept = series["kept"].labels(engine)
        self._checks = series["checks"]

    def queue(self, rows: int, cost: int) -> None:
        """Rows and cost waiting now."""
        self._rows.set(rows)
        self._cost.set(cost)

    def admitted(self, rows: int) -> None:
        """Rows that joined the batch."""
        self._admitted.inc(rows)

    def ended(self, how: str, rows: int) -> None:
        """Rows that left: one of `ROW_ENDINGS`."""
        self._ended[how].inc(rows)

    def refused(self, code: str) -> None:
        """A computation that was not admitted, by code of `errors`."""
        self._refused.labels(self._engine, code).inc()

    def stepped(self, seconds: float) -> None:
        """One engine step."""
        self._step.observe(seconds)

    def coalesced(self) -> None:
        """A request joined a computation that was running already."""
        self._coalesced.inc()

    def kept(self) -> None:
        """A job whose result was kept from before."""
        self._kept.inc()

    def checked(self, check: str, action: str) -> None:
        """A guard doubted an output: which one, and what became of it; both names are an engine's own."""
        self._checks.labels(self._engine, check, action).inc()


@cache
def _restart_series() -> Any:
    from prometheus_client import Counter

    return Counter("precis_process_restarts", "processes started anew", ["process"])


@cache
def _http_series() -> tuple[Any, Any, Any, Any, Any]:
    from prometheus_client import Counter, Gauge, Histogram

    return (
        Counter("precis_http_requests", "finished requests", ["endpoint", "status", "code"]),
        Histogram("precis_http_request_seconds", "time to answer a request", ["endpoint"], buckets=_SECONDS),
        Counter("precis_items", "summaries and translations made", ["task", "engine", "language"]),
        Gauge("precis_http_requests_in_flight", "requests being answered", multiprocess_mode="livesum"),
        Counter("precis_unsupported", "things that outputs say and their sources do not", ["kind"]),
    )


@cache
def _model_series() -> dict[str, Any]:
    from prometheus_client import Counter, Gauge, Histogram

    engine = ["engine"]
    return {
        "rows": Gauge("precis_queue_rows", "rows waiting", engine, multiprocess_mode="livesum"),
        "cost": Gauge("precis_queue_cost", "cost waiting", engine, multiprocess_mode="livesum"),
        "admitted": Counter("precis_rows_admitted", "rows that joined a batch", engine),
        "ended": Counter("precis_rows_ended", "rows that left a batch", [*engine, "how"]),
        "refused": Counter("precis_refusals", "computations not admitted", [*engine, "code"]),
        "step": Histogram("precis_step_seconds", "time of an engine step", engine, buckets=_STEP_SECONDS),
        "kept": Counter("precis_cache_hits", "requests answered from results that were kept", engine),
        "coalesced": Counter("precis_coalesced", "requests that joined a running computation", engine),
        "checks": Counter("precis_checks", "outputs that a guard doubted", [*engine, "check", "action"]),
    }
