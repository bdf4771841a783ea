"""What views share: the services behind the API, and what is known of the request being answered."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from flask import current_app

from service.api.stream_slots import Streams
from service.config import Settings
from service.jobs.store import Store
from service.observability.stages import Times
from service.observability.tracing import Span
from service.pipeline.progress import SILENT, Progress
from service.pipeline.requests import (
    DetectReply,
    DetectRequest,
    LanguagesReply,
    SummarizeReply,
    SummarizeRequest,
    TranslateReply,
    TranslateRequest,
)
from service.records import CallContext, ModelInfo, never_gone
from service.telemetry import HttpMetrics

EXTENSION = "precis"


class PipelineLike(Protocol):
    """What the API asks of the pipeline."""

    def summarize(self, request: SummarizeRequest, context: CallContext, progress: Progress = SILENT) -> SummarizeReply:
        """Summarize one article and translate the summary; `progress` is told how far it is."""
        ...

    def translate(self, request: TranslateRequest, context: CallContext, progress: Progress = SILENT) -> TranslateReply:
        """Translate every text into every target; `progress` is told how far it is."""
        ...

    def detect(self, request: DetectRequest) -> DetectReply:
        """Identify the language of every text."""
        ...

    def languages(self) -> LanguagesReply:
        """Every language known and what can be done with it now."""
        ...

    def models(self) -> tuple[ModelInfo, ...]:
        """Every model loaded.

        Raises:
            Unavailable: the model process has never answered.
        """
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """What the views work with.

    `draining` turns readiness off, `refusing` turns new work away: the first comes earlier, so that balancers have time
    to look elsewhere before anybody is refused. `jobs` is None where there are none.
    """

    settings: Settings
    pipeline: PipelineLike
    draining: Callable[[], bool]
    refusing: Callable[[], bool]
    live: Callable[[], bool]
    metrics: HttpMetrics
    streams: Streams
    jobs: Store | None = None


@dataclass(slots=True)
class Call:
    """One request on its way; views fill in what the access log and the metrics tell of it."""

    request_id: str
    started: float
    code: str = "ok"
    task: str = ""
    language: str = ""
    engine: str = ""
    caller: str = ""
    queue_ms: float | None = None
    model_ms: float | None = None
    span: Span | None = None
    times: Times | None = None

    @property
    def elapsed_ms(self) -> float:
        """Milliseconds since the request reached the app."""
        return (time.monotonic() - self.started) * 1000


def services() -> Services:
    """The services of the app that answers this request."""
    return cast(Services, current_app.extensions[EXTENSION])


def gone_probe(environ: Mapping[str, Any]) -> Callable[[], bool]:
    """A check that is true once the caller has hung up; at most one system call a use.

    A caller that only closes its sending half counts as gone too: over HTTP the two look the same.
    """
    sock = environ.get("gunicorn.socket")
    if sock is None:
        return never_gone
    poller = select.poll()
    # Polled, not peeked: a peek waits for the socket's timeout, and cannot see a hang-up behind a pipelined request.
    poller.register(sock, select.POLLRDHUP)

    def gone() -> bool:
        try:
            return bool(poller.poll(0))
        except OSError:
            return True

    return gone
