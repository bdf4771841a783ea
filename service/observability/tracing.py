"""Traces, as the rest of the service writes them. Where tracing is off, every function here does next to nothing.

Spans hold names of our own lists and numbers, never text, keys or addresses of callers. W3C Trace Context joins
processes: HTTP headers coming in, metadata of gRPC between API and model process.
Source: W3C Recommendation, Trace Context; OpenTelemetry semantic conventions for HTTP and RPC.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Protocol

INTERNAL, SERVER, CLIENT = "INTERNAL", "SERVER", "CLIENT"
HEADERS = ("traceparent", "tracestate")

Attributes = Mapping[str, Any]


class Span(Protocol):
    """A stretch of work, as a context."""

    def __enter__(self) -> Span: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, place: TracebackType | None
    ) -> None: ...

    def set(self, attributes: Attributes) -> None:
        """Say more about it; None values are left out."""
        ...

    def fail(self, code: str) -> None:
        """Say that it went wrong, by code of `errors`."""
        ...

    def leave(self) -> None:
        """Be the current span no longer, without an end."""
        ...

    def ids(self) -> dict[str, str]:
        """`trace_id` and `span_id` for log lines; empty where nothing is traced."""
        ...


class Tracer(Protocol):
    """What makes spans, while tracing is on (`exporting`)."""

    def span(self, name: str, attributes: Attributes, kind: str, carrier: Mapping[str, str] | None) -> Span:
        """A span below the current one, or below that of another process."""
        ...

    def record(self, name: str, start_ns: int, end_ns: int, attributes: Attributes, error: str) -> None:
        """A span that is over already."""
        ...

    def carrier(self) -> dict[str, str]:
        """The current span as headers."""
        ...

    def stop(self) -> None:
        """Send what is left, for a moment."""
        ...


class _Nothing(AbstractContextManager["_Nothing"]):
    def __exit__(self, *_: object) -> None:
        """Nothing was begun."""

    def set(self, attributes: Attributes) -> None:
        """Nobody reads it."""

    def fail(self, code: str) -> None:
        """Nobody reads it."""

    def leave(self) -> None:
        """It never was."""

    def ids(self) -> dict[str, str]:
        return {}


NOTHING = _Nothing()
_tracer: Tracer | None = None


def use(tracer: Tracer | None) -> None:
    """Write spans with this from here on; None ends tracing in this process."""
    global _tracer
    former, _tracer = _tracer, tracer
    if former is not None and former is not tracer:
        former.stop()


def on() -> bool:
    """Whether this process traces."""
    return _tracer is not None


def span(
    name: str, attributes: Attributes | None = None, *, kind: str = INTERNAL, carrier: Mapping[str, str] | None = None
) -> Span:
    """A span; current while its context is open.

    Args:
        name: of our own list.
        kind: `INTERNAL`, `SERVER` or `CLIENT`.
        carrier: headers of a caller whose trace is continued; None goes on from the current span.
    """
    return NOTHING if _tracer is None else _tracer.span(name, attributes or {}, kind, carrier)


def record(name: str, start_s: float, end_s: float, attributes: Attributes, error: str = "") -> None:
    """Write a span below the current one that is over already; times are those of `time.monotonic()`."""
    if _tracer is not None:
        ahead_ns = time.time_ns() - time.monotonic_ns()
        _tracer.record(name, int(start_s * 1e9) + ahead_ns, int(end_s * 1e9) + ahead_ns, attributes, error)


def outgoing() -> tuple[tuple[str, str], ...] | None:
    """The current span as gRPC metadata; None where nothing is traced."""
    return None if _tracer is None else tuple(_tracer.carrier().items())


def incoming(metadata: Iterable[tuple[str, str | bytes]] | None) -> dict[str, str]:
    """The trace of a caller out of gRPC metadata."""
    return {key: value for key, value in metadata or () if key in HEADERS and isinstance(value, str)}
