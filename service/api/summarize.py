"""POST /v1/summarize."""

from __future__ import annotations

from functools import partial

from flask import Response

from service.api import guards, streaming, work
from service.api.context import services
from service.api.replies import SummarizeReplyShape
from service.api.replies_events import SUMMARIZE_EVENTS
from service.api.resource import BODY_ERRORS, Operation, Resource, current_call, json_reply
from service.api.schemas import SummarizeBody
from service.api.telling import SummaryEvents
from service.api.validation import parse

resource = Resource("summarize", __name__)

_ARTICLE = (
    "The town library of Eastbrook reopened on Monday after two years of repairs. "
    "The roof had let in rain since the storm of 2024, and half of the reading room was closed. "
    "The council paid most of the bill; readers gave the rest.\n\n"
    "Read more: Ten gardens to visit this spring"
)
_PARAGRAPHS = "".join(f"<p>{paragraph}</p>" for paragraph in _ARTICLE.split("\n\n"))


@resource.serves(
    Operation(
        method="POST",
        path="/v1/summarize",
        name="summarize",
        summary="Summarize an article and translate the summary",
        request=SummarizeBody,
        reply=SummarizeReplyShape,
        events=SUMMARIZE_EVENTS,
        errors=(*BODY_ERRORS, "no_text", "unsupported_language", "unavailable", "deadline"),
        examples={
            "short": {"text": _ARTICLE},
            "translated": {"text": _ARTICLE, "length": {"words": 40}, "translate_to": ["es", "fr"]},
            "html": {"html": f"<article><h1>Library reopens</h1>{_PARAGRAPHS}</article>", "format": "bullets"},
        },
    )
)
def summarize() -> Response:
    """Answer with a summary and its translations."""
    body = parse(SummarizeBody, guards.json_body(streams=True))
    serving = services()
    if guards.wants_stream():
        task = partial(work.summarize, body, serving)
        return streaming.respond(task, lambda stream: SummaryEvents(stream, body.offsets))
    done = work.summarize(body, serving, guards.call_context())
    done.note(current_call())
    return json_reply(done.body)
