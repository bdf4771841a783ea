"""GET /v1/languages and GET /v1/models."""

from __future__ import annotations

from flask import Response

from service.api import render
from service.api.context import services
from service.api.replies_about import LanguagesReplyShape, ModelsReplyShape
from service.api.resource import KEY_ERRORS, Operation, Resource, json_reply

resource = Resource("catalog", __name__)


@resource.serves(
    Operation(
        method="GET",
        path="/v1/languages",
        name="languages",
        summary="Every language, and what can be done with it now",
        reply=LanguagesReplyShape,
        errors=(*KEY_ERRORS, "engine_failed", "unavailable"),
    )
)
def languages() -> Response:
    """Answer with all languages."""
    return json_reply(render.catalogue_languages(services().pipeline.languages()))


@resource.serves(
    Operation(
        method="GET",
        path="/v1/models",
        name="models",
        summary="Every model that is loaded",
        reply=ModelsReplyShape,
        errors=(*KEY_ERRORS, "engine_failed", "unavailable"),
    )
)
def models() -> Response:
    """Answer with all models."""
    return json_reply(render.catalogue_models(services().pipeline.models()))
