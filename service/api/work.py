"""The three tasks from a body to rendered JSON, for requests of their own and for items of a batch alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from service.api import guards, render
from service.api.context import Call, Services
from service.api.schemas import DetectBody, SummarizeBody, TranslateBody
from service.api.validation import validated
from service.config import Settings
from service.observability.stages import stage
from service.pipeline.progress import SILENT, Progress
from service.pipeline.requests import AUTO, DetectRequest, SummarizeReply, SummarizeRequest, TranslateRequest
from service.records import CallContext
from service.telemetry import HttpMetrics


@dataclass(frozen=True, slots=True)
class Done:
    """A finished task: the JSON of its reply, and what logs and metrics tell of it."""

    body: bytes
    task: str
    language: str = ""
    engine: str = ""
    queue_ms: float | None = None
    model_ms: float | None = None

    def note(self, call: Call) -> None:
        """Write into the record of the request that this was all of."""
        call.task, call.language, call.engine = self.task, self.language, self.engine
        call.queue_ms, call.model_ms = self.queue_ms, self.model_ms


def summarize(body: SummarizeBody, serving: Services, context: CallContext, progress: Progress = SILENT) -> Done:
    """A summary and its translations."""
    reply = serving.pipeline.summarize(body.to_request(serving.settings), context, progress)
    count_unsupported(reply, serving.metrics)
    with stage("render"):
        rendered = render.summarize(reply, guards.new_id(), body.offsets)
    return Done(
        rendered,
        "summarize",
        reply.language.language,
        reply.summary.engine,
        reply.timing.queue,
        reply.timing.model,
    )


def translate(body: TranslateBody, serving: Services, context: CallContext, progress: Progress = SILENT) -> Done:
    """Every text in every target language."""
    wanted = body.to_request(serving.settings)
    reply = serving.pipeline.translate(wanted, context, progress)
    first = next((made for made in reply.translations if made.error is None), None)
    with stage("render"):
        rendered = render.translate(reply, guards.new_id(), body.offsets, detected=wanted.source == AUTO)
    return Done(
        rendered,
        "translate",
        reply.languages[0].language if reply.languages else "",
        first.engine if first is not None else "",
        reply.timing.queue,
        reply.timing.model,
    )


def detect(body: DetectBody, serving: Services, context: CallContext) -> Done:
    """The language of every text."""
    return Done(render.detect(serving.pipeline.detect(body.to_request(serving.settings))), "detect")


def count_unsupported(reply: SummarizeReply, metrics: HttpMetrics) -> None:
    """Count what is doubted of a summary and of its translations, by kind, and that it is degraded, by reason."""
    if reply.summary.degraded:
        metrics.degraded(reply.summary.degraded)
    for judged in (reply.summary.faithfulness, *(one.faithfulness for one in reply.translations)):
        for item in judged.unsupported if judged is not None else ():
            metrics.unsupported(item.kind)


AnyBody = SummarizeBody | TranslateBody | DetectBody


@dataclass(frozen=True, slots=True)
class Run:
    """A task whose body has been read: to be run now, or kept for later."""

    body: AnyBody
    _task: Callable[..., Done]

    def __call__(self, serving: Services, context: CallContext) -> Done:
        """Do it."""
        return self._task(self.body, serving, context)

    def request(self, settings: Settings) -> SummarizeRequest | TranslateRequest | DetectRequest:
        """What the pipeline will be asked.

        Raises:
            PrecisError: the body is over a limit, or asks for what does not exist.
        """
        return self.body.to_request(settings)


def _runner(model: type[AnyBody], task: Callable[..., Done]) -> Callable[[object], Run]:
    return lambda value: Run(validated(model, value), task)


# By name: a function from the decoded JSON of a request body to what runs it; it raises BadRequest.
TASKS: Mapping[str, Callable[[object], Run]] = {
    "summarize": _runner(SummarizeBody, summarize),
    "translate": _runner(TranslateBody, translate),
    "detect": _runner(DetectBody, detect),
}
