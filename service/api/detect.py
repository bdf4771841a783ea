"""POST /v1/detect."""

from __future__ import annotations

from flask import Response

from service.api import guards, render
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
    serving = services()
    wanted = parse(DetectBody, guards.json_body()).to_request(serving.settings)
    guards.call_context()  # a wrong deadline is refused here as everywhere
    return json_reply(render.detect(serving.pipeline.detect(wanted)))
