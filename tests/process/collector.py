"""An OpenTelemetry collector for tests: a real gRPC server that keeps the spans it is sent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as rpc

from tests.process.service import wait_until


@dataclass(frozen=True)
class SpanSent:
    """A span as it came over the wire."""

    name: str
    role: str
    trace_id: str
    id: str
    parent: str
    start_ns: int
    end_ns: int
    attributes: dict[str, Any]
    failed: bool


@dataclass
class Collector(rpc.TraceServiceServicer):
    """Keeps what it is sent."""

    spans: list[SpanSent] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    metadata: list[dict[str, str]] = field(default_factory=list)
    port: int = 0

    def Export(self, request: Any, context: Any) -> Any:
        """Take a batch."""
        self.raw.append(request.SerializeToString())
        self.metadata.append(dict(context.invocation_metadata()))
        for resource in request.resource_spans:
            about = _attributes(resource.resource.attributes)
            for scope in resource.scope_spans:
                self.spans += [_span(span, about["precis.role"]) for span in scope.spans]
        return pb.ExportTraceServiceResponse()

    @property
    def url(self) -> str:
        """The endpoint to set."""
        return f"http://127.0.0.1:{self.port}"

    def of(self, trace_id: str) -> list[SpanSent]:
        """The spans of one trace so far."""
        return [span for span in self.spans if span.trace_id == trace_id]

    def wait_for(self, condition: Callable[[list[SpanSent]], bool], trace_id: str, what: str) -> list[SpanSent]:
        """The spans of a trace once the condition holds for them."""
        wait_until(lambda: condition(self.of(trace_id)), what)
        return self.of(trace_id)


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


def _span(span: Any, role: str) -> SpanSent:
    return SpanSent(
        span.name,
        role,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        _attributes(span.attributes),
        span.status.code == 2,
    )


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a free port, ended afterwards with its threads."""
    with ThreadPoolExecutor(1, thread_name_prefix="collector") as pool:
        pool.submit(int).result()  # its thread belongs to no test
        server = grpc.server(pool)
        collector = Collector()
        rpc.add_TraceServiceServicer_to_server(collector, server)
        collector.port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        ended: threading.Event | None = None
        try:
            yield collector
        finally:
            ended = server.stop(0)
            ended.wait(5)
