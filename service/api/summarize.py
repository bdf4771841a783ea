"""POST /v1/summarize."""

from __future__ import annotations

from flask import Response

from service.api import guards, render
from service.api.context import services
from service.api.replies import SummarizeReplyShape
from service.api.resource import BODY_ERRORS, Operation, Resource, current_call, json_reply
from service.api.schemas import SummarizeBody
from service.api.validation import parse

resource = Resource("summarize", __name__)

_ARTICLE = (
    "The town library of Eastbrook reopened on Monday after two years of repairs. "
    "The roof had let in rain since the storm of 2024, and half of the reading room was closed. "
    "The council paid most of the bill; readers gave the rest. "
    "Read more: Ten gardens to visit this spring"
)


@resource.serves(
    Operation(
        method="POST",
        path="/v1/summarize",
        name="summarize",
        summary="Summarize an article and translate the summary",
        request=SummarizeBody,
        reply=SummarizeReplyShape,
        errors=(*BODY_ERRORS, "no_text", "unsupported_language", "unavailable", "deadline"),
        examples={
            "short": {"text": _ARTICLE},
            "translated": {"text": _ARTICLE, "length": {"words": 40}, "translate_to": ["es", "fr"]},
            "html": {"html": f"<article><h1>Library reopens</h1><p>{_ARTICLE}</p></article>", "format": "bullets"},
        },
    )
)
def summarize() -> Response:
    """Answer with a summary and its translations."""
    serving, call = services(), current_call()
    body = parse(SummarizeBody, guards.json_body())
    wanted = body.to_request(serving.settings)
    reply = serving.pipeline.summarize(wanted, guards.call_context())
    call.task, call.language, call.engine = "summarize", reply.language.language, reply.summary.engine
    call.queue_ms, call.model_ms = reply.timing.queue, reply.timing.model
    for faith in (reply.summary.faithfulness, *(one.faithfulness for one in reply.translations)):
        for item in faith.unsupported if faith is not None else ():
            serving.metrics.unsupported(item.kind)
    return json_reply(render.summarize(reply, guards.new_id(), body.offsets))
