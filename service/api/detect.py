"""POST /v1/detect."""

from __future__ import annotations

from flask import Response

from service.api import guards, work
from service.api.context import services
from service.api.replies import DetectReplyShape
from service.api.resource import BODY_ERRORS, Operation, Resource, json_reply
from service.api.schemas import DetectBody
from service.api.validation import parse

resource = Resource("detect", __name__)


@resource.serves(
    Operation(
        method="POST",
        path="/v1/detect",
        name="detect",
        summary="Identify the language of texts",
        request=DetectBody,
        reply=DetectReplyShape,
        errors=tuple(code for code in BODY_ERRORS if code != "overloaded"),
        examples={
            "one": {"text": "La biblioteca ha vuelto a abrir sus puertas esta semana."},
            "several": {"text": ["The library is open again.", "Die Bücherei ist wieder offen."], "top": 2},
        },
    )
)
def detect() -> Response:
    """Answer with the language of every text."""
    body = parse(DetectBody, guards.json_body())
    return json_reply(work.detect(body, services(), guards.call_context()).body)
