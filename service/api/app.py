"""The Flask application: which resources it has, and what happens around every request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from flask import Flask, Response, g, request

from service import languages, telemetry
from service.api import (
    access,
    batch,
    browsers,
    catalog,
    detect,
    docs,
    guards,
    health,
    idempotency,
    jobs,
    problems,
    stores,
    summarize,
    translate,
    usage,
)
from service.api.compat import deepl, huggingface, libretranslate
from service.api.context import EXTENSION, Call, PipelineLike, Services, services
from service.api.metering import MeteredPipeline
from service.api.resource import Resource
from service.api.stores import Callers
from service.api.stream_slots import Streams
from service.config import Settings
from service.jobs.store import Store
from service.telemetry import HttpMetrics

RESOURCES: tuple[Resource, ...] = (
    summarize.resource,
    translate.resource,
    detect.resource,
    batch.resource,
    jobs.resource,
    catalog.resource,
    usage.resource,
    health.resource,
    docs.resource,
)

DIALECTS: Mapping[str, Resource] = {
    "libretranslate": libretranslate.resource,
    "deepl": deepl.resource,
    "huggingface": huggingface.resource,
}

_LONGEST_METHOD = 16


def create_app(
    settings: Settings,
    pipeline: PipelineLike,
    *,
    draining: Callable[[], bool],
    live: Callable[[], bool],
    refusing: Callable[[], bool] | None = None,
    callers: Callers | None = None,
    store: Store | None = None,
) -> Flask:
    """The HTTP API as a WSGI application.

    Args:
        settings: limits and times.
        pipeline: does the work.
        draining: true once the process is to be unready.
        live: false once the process is stuck.
        refusing: true once new work is turned away; default is `draining`. Given apart, requests that balancers still
            send during `drain_delay_s` are served.
        callers: keys, limits and kept replies; default is what the settings name, kept by this instance.
        store: of durable jobs; None where there are none.
    """
    callers = callers or stores.callers_of(settings)
    gate = callers.access
    app = Flask(__name__, static_folder=None)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.extensions[EXTENSION] = Services(
        settings=settings,
        pipeline=MeteredPipeline(pipeline, gate) if gate else pipeline,
        draining=draining,
        refusing=refusing or draining,
        live=live,
        metrics=HttpMetrics(lambda tag: languages.canonical(tag) == tag, by_caller=settings.metrics_by_key),
        streams=Streams(settings.max_streams),
        jobs=store,
    )
    problems.register(app)
    app.before_request(guards.begin)
    app.after_request(_finish)
    app.teardown_request(_leave)
    browsers.register(app, settings)
    access.register(app, gate)
    idempotency.register(app, callers.replies)
    for resource in RESOURCES:
        app.register_blueprint(resource)
    for name in settings.dialects_effective:
        app.register_blueprint(DIALECTS[name])
    docs.prepare(app, RESOURCES)
    return app


def _finish(response: Response) -> Response:
    call: Call = g.call
    elapsed = call.elapsed_ms
    timing = f"total;dur={elapsed:.2f}"
    if call.queue_ms is not None and call.model_ms is not None:
        timing += f", queue;dur={call.queue_ms:.2f}, model;dur={call.model_ms:.2f}"
    headers = response.headers
    headers["X-Request-Id"] = call.request_id
    headers["Server-Timing"] = timing
    headers.setdefault("Cache-Control", "no-store")
    if guards.CLOSE_FLAG in request.environ:
        headers["Connection"] = "close"
    size = response.content_length
    # Run by the server once the last byte is sent: the caller does not wait for its own log line.
    response.call_on_close(
        partial(_account, services(), call, request.endpoint or "none", request.method, response.status_code, size)
    )
    return response


def _account(serving: Services, call: Call, endpoint: str, method: str, status: int, size: int | None) -> None:
    elapsed = call.elapsed_ms
    name = endpoint.rpartition(".")[2]
    serving.metrics.request(name, status, call.code, elapsed / 1000, call.caller)
    if call.engine:
        serving.metrics.item(call.task, call.engine, call.language)
    log = telemetry.logger()
    # A thread may have taken up another request between the reply and its close.
    telemetry.bind_request(call.request_id, _end_span(call, status))
    slow = elapsed >= serving.settings.slow_s * 1000
    (log.debug if endpoint in guards.PROBES else log.warning if slow else log.info)(
        "slow request" if slow else "request",
        method=method[:_LONGEST_METHOD],
        endpoint=name,
        status=status,
        code=call.code,
        ms=round(elapsed, 2),
        bytes=size,
        language=call.language,
        engine=call.engine,
        caller=call.caller,
        queue_ms=call.queue_ms if call.queue_ms is None else round(call.queue_ms, 2),
        model_ms=call.model_ms if call.model_ms is None else round(call.model_ms, 2),
        stages=call.times.told() if call.times else {},
    )


def _end_span(call: Call, status: int) -> dict[str, str]:
    """End the span of a request; returns its ids."""
    span = call.span
    if span is None:
        return {}
    told = {"http.response.status_code": status, "precis.code": call.code}
    span.set(told | {"precis.task": call.task, "precis.engine": call.engine, "precis.language": call.language})
    if status >= 500:
        span.fail(call.code)
    span.__exit__(None, None, None)
    return span.ids()


def _leave(_error: BaseException | None) -> None:
    if g.pop("counted", False):
        services().metrics.in_flight.dec()
        if g.call.span is not None:
            g.call.span.leave()
