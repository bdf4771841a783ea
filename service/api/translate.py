"""POST /v1/translate."""

from __future__ import annotations

from flask import Response

from service.api import guards, render
from service.api.context import services
from service.api.replies import TranslateReplyShape
from service.api.resource import BODY_ERRORS, Operation, Resource, current_call, json_reply
from service.api.schemas import TranslateBody
from service.api.validation import parse
from service.pipeline.requests import AUTO

resource = Resource("translate", __name__)


@resource.serves(
    Operation(
        method="POST",
        path="/v1/translate",
        name="translate",
        summary="Translate texts into one language or several",
        request=TranslateBody,
        reply=TranslateReplyShape,
        errors=(*BODY_ERRORS, "no_text", "unsupported_language", "unavailable", "deadline"),
        examples={
            "one": {"text": "The library is open again.", "source": "en", "target": "es"},
            "html": {
                "html": "<p>Visit <a href='/help'>our help</a>, or write to <b>Acme Desk</b>.</p>",
                "source": "en",
                "target": "es",
                "keep": ["Acme Desk"],
            },
            "several": {"text": ["Good morning.", "The train is late."], "target": ["es", "ca"]},
        },
    )
)
def translate() -> Response:
    """Answer with every text in every target language."""
    serving, call = services(), current_call()
    body = parse(TranslateBody, guards.json_body())
    wanted = body.to_request(serving.settings)
    reply = serving.pipeline.translate(wanted, guards.call_context())
    first = next((made for made in reply.translations if made.error is None), None)
    call.task = "translate"
    call.language = reply.languages[0].language if reply.languages else ""
    call.engine = first.engine if first is not None else ""
    call.queue_ms, call.model_ms = reply.timing.queue, reply.timing.model
    return json_reply(render.translate(reply, guards.new_id(), body.offsets, detected=wanted.source == AUTO))
