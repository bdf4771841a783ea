"""Probes and metrics. None of them runs a model or waits behind one."""

from __future__ import annotations

from flask import Response

from service import telemetry
from service.api.context import services
from service.api.replies_about import StatusReplyShape
from service.api.resource import Operation, Resource, json_reply
from service.errors import Draining, Unavailable

resource = Resource("health", __name__)


@resource.serves(
    Operation(
        method="GET",
        path="/livez",
        name="livez",
        summary="Whether this process works",
        reply=StatusReplyShape,
        errors=("unavailable",),
    )
)
def livez() -> Response:
    """Answer 200 while the process works, 503 once it is stuck."""
    if not services().live():
        raise Unavailable("the process has stopped working")
    return json_reply(b'{"status":"live"}')


@resource.serves(
    Operation(
        method="GET",
        path="/readyz",
        name="readyz",
        summary="Whether this process takes new requests",
        reply=StatusReplyShape,
        errors=("draining",),
    )
)
def readyz() -> Response:
    """Answer 200 unless draining; a missing model gives typed errors, not a vanished process."""
    if services().draining():
        raise Draining("the service is shutting down")
    return json_reply(b'{"status":"ready"}')


@resource.serves(
    Operation(
        method="GET",
        path="/metrics",
        name="metrics",
        summary="Metrics in the text format of Prometheus",
        reply="text/plain",
    )
)
def metrics() -> Response:
    """Answer with the series of all API processes."""
    body, content_type = telemetry.render_metrics(services().settings.run_folder / "heartbeats")
    return Response(body, content_type=content_type)
