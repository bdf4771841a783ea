"""The three tasks from a body to rendered JSON, for requests of their own and for items of a batch alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from service.api import guards, render
from service.api.context import Call, PipelineLike
from service.api.schemas import DetectBody, SummarizeBody, TranslateBody
from service.api.validation import Body, validated
from service.config import Settings
from service.pipeline.requests import AUTO
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
    unsupported: tuple[str, ...] = ()

    def count(self, metrics: HttpMetrics) -> None:
        """Count what was doubted of it, by kind."""
        for kind in self.unsupported:
            metrics.unsupported(kind)

    def note(self, call: Call) -> None:
        """Write into the record of the request that this was all of."""
        call.task, call.language, call.engine = self.task, self.language, self.engine
        call.queue_ms, call.model_ms = self.queue_ms, self.model_ms


def summarize(body: SummarizeBody, settings: Settings, pipeline: PipelineLike, context: CallContext) -> Done:
    """A summary and its translations."""
    reply = pipeline.summarize(body.to_request(settings), context)
    judged = (reply.summary.faithfulness, *(one.faithfulness for one in reply.translations))
    return Done(
        render.summarize(reply, guards.new_id(), body.offsets),
        "summarize",
        reply.language.language,
        reply.summary.engine,
        reply.timing.queue,
        reply.timing.model,
        tuple(item.kind for faith in judged if faith is not None for item in faith.unsupported),
    )


def translate(body: TranslateBody, settings: Settings, pipeline: PipelineLike, context: CallContext) -> Done:
    """Every text in every target language."""
    wanted = body.to_request(settings)
    reply = pipeline.translate(wanted, context)
    first = next((made for made in reply.translations if made.error is None), None)
    return Done(
        render.translate(reply, guards.new_id(), body.offsets, detected=wanted.source == AUTO),
        "translate",
        reply.languages[0].language if reply.languages else "",
        first.engine if first is not None else "",
        reply.timing.queue,
        reply.timing.model,
    )


def detect(body: DetectBody, settings: Settings, pipeline: PipelineLike, context: CallContext) -> Done:
    """The language of every text."""
    return Done(render.detect(pipeline.detect(body.to_request(settings))), "detect")


B = TypeVar("B", bound=Body)
Run = Callable[[Settings, PipelineLike, CallContext], Done]


def _runner(model: type[B], task: Callable[[B, Settings, PipelineLike, CallContext], Done]) -> Callable[..., Run]:
    def prepare(value: object) -> Run:
        body = validated(model, value)
        return lambda settings, pipeline, context: task(body, settings, pipeline, context)

    return prepare


# By name: a function from the decoded JSON of a request body to what runs it; it raises BadRequest.
TASKS: Mapping[str, Callable[[object], Run]] = {
    "summarize": _runner(SummarizeBody, summarize),
    "translate": _runner(TranslateBody, translate),
    "detect": _runner(DetectBody, detect),
}
