"""POST /v1/translate."""

from __future__ import annotations

from flask import Response

from service.api import guards, work
from service.api.context import services
from service.api.replies import TranslateReplyShape
from service.api.resource import BODY_ERRORS, Operation, Resource, current_call, json_reply
from service.api.schemas import TranslateBody
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
    body = parse(TranslateBody, guards.json_body())
    done = work.translate(body, services(), guards.call_context())
    done.note(current_call())
    return json_reply(done.body)
