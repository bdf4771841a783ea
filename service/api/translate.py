"""POST /v1/translate."""

from __future__ import annotations

from functools import partial

from flask import Response

from service.api import guards, streaming, work
from service.api.context import services
from service.api.replies import TranslateReplyShape
from service.api.replies_events import TRANSLATE_EVENTS
from service.api.resource import BODY_ERRORS, Operation, Resource, current_call, json_reply
from service.api.schemas import TranslateBody
from service.api.telling import TranslationEvents
from service.api.validation import parse

resource = Resource("translate", __name__)


@resource.serves(
    Operation(
        method="POST",
        path="/v1/translate",
        name="translate",
        summary="Translate texts into one language or several",
        request=TranslateBody,
        reply=TranslateReplyShape,
        events=TRANSLATE_EVENTS,
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
    body = parse(TranslateBody, guards.json_body(streams=True))
    serving = services()
    if guards.wants_stream():
        task = partial(work.translate, body, serving)
        return streaming.respond(task, lambda stream: TranslationEvents(stream, body.offsets))
    done = work.translate(body, serving, guards.call_context())
    done.note(current_call())
    return json_reply(done.body)
