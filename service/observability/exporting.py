"""Sends spans to an OpenTelemetry collector, from a thread that no request waits for.

Imported only where tracing is on. To be started after a fork: the thread and its connection belong to one process.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from service.errors import PrecisError
from service.observability import trace_metrics
from service.observability.tracing import Attributes
from service.version import VERSION

# Spans that wait to be sent; those that find no room are dropped and nobody waits.
QUEUE = 4096
BATCH = 512
DELAY_S = 1.0
EXPORT_S = 5.0
# What a process that ends gives to spans that are left.
STOP_S = 2.0

_W3C = TraceContextTextMapPropagator()


def make_tracer(endpoint: str, role: str, *, ratio: float, headers_file: Path | None = None) -> OtelTracer:
    """A tracer that sends to a collector.

    Args:
        endpoint: its OTLP port for gRPC, `http://HOST:PORT`, or `https://…` for TLS.
        role: of this process.
        ratio: share of the traces begun here that is kept; who calls with a trace has decided already.
        headers_file: lines `name: value` to send along, as a collector may ask for a token.
    Raises:
        OSError: the file cannot be read.
    """
    # Each failed batch would be a few lines: they are counted instead (`precis_spans`).
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    exporter = OTLPSpanExporter(
        endpoint=endpoint,
        insecure=not endpoint.startswith("https:"),
        headers=_headers(headers_file),
        timeout=EXPORT_S,
    )
    resource = Resource.create({"service.name": "precis", "service.version": VERSION, "precis.role": role})
    provider = TracerProvider(sampler=ParentBased(TraceIdRatioBased(ratio)), resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(
        BatchSpanProcessor(
            _Counted(exporter),
            max_queue_size=QUEUE,
            max_export_batch_size=BATCH,
            schedule_delay_millis=DELAY_S * 1000,
            export_timeout_millis=EXPORT_S * 1000,
        )
    )
    return OtelTracer(provider)


def _headers(path: Path | None) -> tuple[tuple[str, str], ...]:
    lines = path.read_text("utf-8").splitlines() if path else []
    pairs = (line.partition(":") for line in lines if line.strip())
    return tuple((name.strip().lower(), value.strip()) for name, _, value in pairs)


class _Counted(SpanExporter):
    """Counts what an exporter sends."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        trace_metrics.sent(len(spans), ok=result is SpanExportResult.SUCCESS)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._exporter.force_flush(timeout_millis)


class OtelTracer:
    """Implements `tracing.Tracer` with the SDK of OpenTelemetry."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("precis", VERSION)

    def span(self, name: str, attributes: Attributes, kind: str, carrier: Mapping[str, str] | None) -> OtelSpan:
        """See `tracing.Tracer`."""
        parent = None if carrier is None else _W3C.extract(carrier, otel_context.Context())
        return OtelSpan(self._tracer.start_span(name, parent, kind=trace.SpanKind[kind], attributes=_known(attributes)))

    def record(self, name: str, start_ns: int, end_ns: int, attributes: Attributes, error: str) -> None:
        """See `tracing.Tracer`."""
        made = self._tracer.start_span(name, start_time=start_ns, attributes=_known(attributes))
        if error:
            _fail(made, error)
        made.end(end_ns)

    def carrier(self) -> dict[str, str]:
        """See `tracing.Tracer`."""
        found: dict[str, str] = {}
        _W3C.inject(found)
        return found

    def stop(self) -> None:
        """Send what is left; a collector that does not answer is not waited for."""
        thread = threading.Thread(target=self._provider.shutdown, name="traces-end", daemon=True)
        thread.start()
        thread.join(STOP_S)


class OtelSpan:
    """Implements `tracing.Span`."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self._token: Any = None

    def __enter__(self) -> OtelSpan:
        self._token = otel_context.attach(trace.set_span_in_context(self._span))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, place: TracebackType | None
    ) -> None:
        self.leave()
        # The message of an exception may quote what was worked on: its kind is all that is told.
        if isinstance(error, PrecisError):
            _fail(self._span, error.code)
        elif kind is not None and error is not None and not isinstance(error, GeneratorExit):
            _fail(self._span, kind.__qualname__)
        self._span.end()

    def leave(self) -> None:
        """Be the current span no longer, without an end."""
        token, self._token = self._token, None
        if token is not None:
            with contextlib.suppress(ValueError):
                otel_context.detach(token)

    def set(self, attributes: Attributes) -> None:
        """See `tracing.Span`."""
        self._span.set_attributes(_known(attributes))

    def fail(self, code: str) -> None:
        """See `tracing.Span`."""
        _fail(self._span, code)

    def ids(self) -> dict[str, str]:
        """See `tracing.Span`."""
        found = self._span.get_span_context()
        return {"trace_id": trace.format_trace_id(found.trace_id), "span_id": trace.format_span_id(found.span_id)}


def _known(attributes: Attributes) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if value is not None and value != ""}


def _fail(span: trace.Span, kind: str) -> None:
    span.set_status(trace.Status(trace.StatusCode.ERROR))
    span.set_attribute("error.type", kind)
