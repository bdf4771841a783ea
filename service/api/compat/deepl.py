"""DeepL's API, version 2, at `/v2/`.

What only tunes a translation (`context`, `split_sentences`, …) is accepted and has no effect; what promises something
that could be seen (`formality`, `glossary_id`, …) is refused by name.
Source: DeepL's OpenAPI document 3.11, its mock server and its Python library; docs/DIALECTS.md.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import Response

from service.api.access import current_access, current_entry
from service.api.compat import dialect
from service.api.compat.dialect import Refusal, reply
from service.api.compat.fields import Fields, read
from service.api.compat.ignored import IgnoredTags
from service.api.context import services
from service.api.resource import Resource, current_call
from service.pipeline.requests import AUTO, TextFormat

resource = Resource("deepl", __name__)

MOST_TEXTS = 50
_NO_LIMIT = 1_000_000_000_000
_STATUS: Mapping[str, int] = {
    "unauthorized": 403, "no_text": 400, "unsupported_language": 400, "too_long": 413, "bad_request": 400,
}  # fmt: skip
# Regional variants that DeepL has as languages of their own and that are one language here.
_TARGETS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "en": (("EN-GB", "English (British)"), ("EN-US", "English (American)")),
    "pt": (("PT-BR", "Portuguese (Brazilian)"), ("PT-PT", "Portuguese (European)")),
}
_REFUSED = (
    "glossary_id", "glossary_ids", "style_id", "translation_memory_id", "custom_instructions", "splitting_tags",
    "non_splitting_tags",
)  # fmt: skip
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "split_sentences": ("0", "1", "nonewlines"),
    "formality": ("default", "prefer_more", "prefer_less", "more", "less"),
    "model_type": ("quality_optimized", "prefer_quality_optimized", "latency_optimized"),
    "tag_handling": ("html", "xml"),
    "tag_handling_version": ("v1", "v2"),
}

dialect.tell_errors(resource, lambda status, message: {"message": message, "code": str(status)}, _STATUS)


@resource.after_request
def trace(response: Response) -> Response:
    """Every reply carries the id under the name that its clients log."""
    response.headers["X-Trace-ID"] = current_call().request_id
    return response


@resource.post("/v2/translate")
def translate() -> Response:
    """Texts into one language."""
    fields = read()
    texts = fields.texts("text")
    if not texts:
        raise Refusal(400, "Parameter 'text' not specified.")
    target = _language(fields, "target_lang", required=True)
    source = _language(fields, "source_lang", required=False)
    handling, ignored = _choices(fields), _tags(fields)
    if len(texts) > MOST_TEXTS:
        raise Refusal(400, f"Too many texts: {len(texts)}; the limit is {MOST_TEXTS}.")
    dialect.check_texts(
        texts, lambda count, limit: Refusal(413, f"Request too large: {count}; limit {limit}.", "too_long")
    )
    mask = IgnoredTags(ignored if handling == "html" else ())
    found = dialect.translate(mask.hidden(texts), source, target, handling)
    translations = [
        {
            "detected_source_language": _code(language.language) if language.language != "und" else _code(target),
            "text": mask.shown(one.text),
            "billed_characters": len(text),
            "model_type_used": fields.text("model_type") or "quality_optimized",
        }
        for text, one, language in zip(texts, found.translations, found.languages, strict=True)
    ]
    return reply({"translations": translations})


@resource.route("/v2/languages", methods=["GET", "POST"])
def languages() -> Response:
    """Source languages, or target languages where `type=target` says so, also in the body of a GET."""
    wanted = read().text("type") or "source"
    if wanted not in ("source", "target"):
        raise Refusal(400, "Value for 'type' not supported.")
    entries = services().pipeline.languages().languages
    if wanted == "source":
        sources = {_code(entry.code): entry.name for entry in entries if entry.targets}
        return reply([{"language": code, "name": name} for code, name in sorted(sources.items())])
    reached = {target.code for entry in entries for target in entry.targets}
    return reply(
        [
            {"language": code, "name": name, "supports_formality": False}
            for entry in entries
            if entry.code in reached
            for code, name in _TARGETS.get(entry.code, ((entry.code.upper(), entry.name),))
        ]
    )


@resource.route("/v2/usage", methods=["GET", "POST"])
def usage() -> Response:
    """What the caller's key has used of its characters: of the month's, or the day's where that is all that is limited.

    Without keys nothing is counted.
    """
    access, entry = current_access(), current_entry()
    if access is None or entry is None:
        return reply({"character_count": 0, "character_limit": _NO_LIMIT})
    used, limits = access.limiter.used(entry.key.id), entry.key.limits
    if limits.characters_per_month is None and limits.characters_per_day is not None:
        return reply({"character_count": used.day_characters, "character_limit": limits.characters_per_day})
    most = _NO_LIMIT if limits.characters_per_month is None else limits.characters_per_month
    return reply({"character_count": used.month_characters, "character_limit": most})


@resource.get("/v2/glossary-language-pairs")
def glossary_pairs() -> Response:
    """No glossaries are kept."""
    return reply({"supported_languages": []})


@resource.get("/v2/glossaries")
@resource.get("/v3/glossaries")
def glossaries() -> Response:
    """No glossaries are kept."""
    return reply({"glossaries": []})


@resource.route("/v2/<path:rest>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
def other(rest: str) -> Response:
    """What this dialect does not have, told as its clients read it."""
    raise Refusal(404, "Not found: this server translates texts only.", "not_found")


def _language(fields: Fields, name: str, *, required: bool) -> str:
    given = fields.text(name)
    if not given:
        if required:
            raise Refusal(400, f"Parameter '{name}' not specified.")
        return AUTO
    tag = dialect.known(given)
    if tag is None:
        raise Refusal(400, f"Value for '{name}' not supported.", "unsupported_language")
    return tag


def _choices(fields: Fields) -> TextFormat:
    """The format to translate in, after a look at every parameter that could promise something."""
    for name in _REFUSED:
        if fields.get(name) not in (None, "", []):
            raise Refusal(400, f"Parameter '{name}' is not supported by this server.")
    for name, known in _CHOICES.items():
        given = fields.get(name)
        if given not in (None, "") and str(given) not in known:
            raise Refusal(400, f"Value for '{name}' not supported.")
    if fields.get("formality") in ("more", "less"):
        raise Refusal(400, "'formality' is not supported for given 'target_lang'.")
    return "html" if fields.text("tag_handling") else "text"


def _tags(fields: Fields) -> tuple[str, ...]:
    given = fields.texts("ignore_tags") or []
    return tuple(tag.strip() for item in given for tag in item.split(",") if tag.strip())


def _code(tag: str) -> str:
    """A source language as DeepL writes it: without script or region."""
    return tag.partition("-")[0].upper()
