"""LibreTranslate's API at the root paths.

Differences on purpose: each text of a list has its own detected language, markup that was escaped stays escaped, and a
full queue is 429.
Source: LibreTranslate 1.9.6, its server and its tests; docs/DIALECTS.md.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import Response

from service.api import guards
from service.api.compat import dialect
from service.api.compat.casing import as_source
from service.api.compat.dialect import Refusal, reply
from service.api.compat.fields import Fields, read
from service.api.context import services
from service.api.resource import Resource
from service.errors import UnsupportedLanguage
from service.pipeline.requests import AUTO, DetectRequest, LanguageEntry, TextFormat
from service.pipeline.translate import has_letters
from service.records import Detection

resource = Resource("libretranslate", __name__)

MOST_ALTERNATIVES = 10
MOST_CANDIDATES = 3
_FORMATS: Mapping[str, TextFormat] = {"text": "text", "html": "html"}
# Its own codes: everything else is 403 or 500 there, and 429 stands for both kinds of too much.
_STATUS: Mapping[str, int] = {"no_text": 400, "unsupported_language": 400, "too_long": 400, "unauthorized": 403}
_NOTHING = {"confidence": 0.0, "language": "en"}
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Max-Age": "1728000",
}

dialect.tell_errors(resource, lambda status, message: {"error": message}, _STATUS)


@resource.after_request
def allow_browsers(response: Response) -> Response:
    """Any page may call this dialect, as its pages expect."""
    response.headers.update(_CORS)
    return response


@resource.post("/translate")
def translate() -> Response:
    """One text or a list into one language."""
    fields = read()
    texts = _texts(fields)
    source, target = _language(fields, "source"), _language(fields, "target")
    wanted = _FORMATS.get(given := fields.text("format") or "text")
    if wanted is None:
        raise Refusal(400, f"{given[:40]} format is not supported")
    alternatives = _alternatives(fields)
    if target == AUTO:
        raise Refusal(400, "auto is not supported as a target language", "unsupported_language")
    dialect.check_texts(texts, _over)
    try:
        found = dialect.translate(texts, source, target, wanted)
    except UnsupportedLanguage:
        if source == AUTO:
            raise
        raise _not_available(source, target) from None
    translated = [one.text for one in found.translations]
    if wanted == "text":
        translated = [as_source(given, made) for given, made in zip(texts, translated, strict=True)]
    many = isinstance(fields.get("q"), list)
    body: dict[str, object] = {"translatedText": translated if many else translated[0]}
    if source == AUTO:
        detected = [_detected(text, one) for text, one in zip(texts, found.languages, strict=True)]
        body["detectedLanguage"] = detected if many else detected[0]
    if alternatives:
        body["alternatives"] = [[] for _ in texts] if many else []
    return reply(body)


@resource.post("/detect")
def detect() -> Response:
    """At most three languages of a text, likeliest first, with confidences from 0 to 100."""
    fields = read()
    text = "\n".join(_texts(fields))
    dialect.check_texts([text], _over)
    guards.call_context()
    (found,) = services().pipeline.detect(DetectRequest((text,), MOST_CANDIDATES)).results
    if found.language == "und":
        return reply([_NOTHING])
    return reply(
        [{"confidence": round(one.confidence * 100, 1), "language": one.language} for one in found.alternatives]
        or [_percent(found)]
    )


@resource.get("/languages")
def list_languages() -> Response:
    """What translates into what, now."""
    entries = services().pipeline.languages().languages
    reached = {target.code for entry in entries for target in entry.targets}
    return reply([_entry(entry) for entry in entries if entry.targets or entry.code in reached])


@resource.get("/frontend/settings")
def frontend_settings() -> Response:
    """What its web page asks first."""
    settings = services().settings
    return reply(
        {
            "apiKeys": settings.keys_file is not None,
            "charLimit": settings.max_text_characters,
            "filesTranslation": False,
            "frontendTimeout": 500,
            "keyRequired": settings.keys_file is not None,
            "language": {
                "source": {"code": "auto", "name": "Auto Detect"},
                "target": {"code": "en", "name": "English"},
            },
            "suggestions": False,
            "supportedFilesFormat": [],
        }
    )


@resource.post("/suggest")
def suggest() -> Response:
    """Suggestions are not kept."""
    raise Refusal(403, "Suggestions are disabled on this server.", "forbidden")


@resource.post("/translate_file")
def translate_file() -> Response:
    """Files are not translated."""
    raise Refusal(403, "Files translation is disabled on this server.", "forbidden")


@resource.get("/health")
def health() -> Response:
    """Alive; whether a model answers is said by `/readyz`."""
    return reply({"status": "ok"})


def _texts(fields: Fields) -> list[str]:
    texts = fields.texts("q")
    if not texts:
        raise Refusal(400, "Invalid request: missing q parameter")
    if fields.is_json:
        return texts
    # A form carries one text, with its line ends as HTTP forms write them.
    return [texts[-1].replace("\r\n", "\n")]


def _language(fields: Fields, name: str) -> str:
    given = fields.text(name)
    if not given:
        raise Refusal(400, f"Invalid request: missing {name} parameter")
    if given.lower() == AUTO:
        return AUTO
    tag = dialect.known(given)
    if tag is None:
        raise Refusal(400, f"{given[:40]} is not supported", "unsupported_language")
    return tag


def _alternatives(fields: Fields) -> int:
    given = fields.get("alternatives")
    if given is None or given == "":
        return 0
    if isinstance(given, bool) or not str(given).isdecimal():
        raise Refusal(400, "Invalid request: alternatives parameter is not a number")
    count = int(str(given)[:9])
    if count > MOST_ALTERNATIVES:
        raise Refusal(400, f"Invalid request: alternatives parameter must be <= {MOST_ALTERNATIVES}")
    return count


def _not_available(source: str, target: str) -> Refusal:
    """The refusal of a direction has words of its own."""
    name = dialect.display_name
    message = f"{name(target)} ({target}) is not available as a target language from {name(source)} ({source})"
    return Refusal(400, message, UnsupportedLanguage.code)


def _detected(text: str, found: Detection) -> dict[str, object]:
    return _percent(found) if found.language != "und" and has_letters(text) else dict(_NOTHING)


def _percent(found: Detection) -> dict[str, object]:
    return {"confidence": round(found.confidence * 100, 1), "language": found.language}


def _entry(entry: LanguageEntry) -> dict[str, object]:
    return {
        "code": entry.code,
        "name": entry.name,
        "targets": sorted({target.code for target in entry.targets} | {entry.code}),
    }


def _over(count: int, limit: int) -> Refusal:
    return Refusal(400, f"Invalid request: request ({count}) exceeds text limit ({limit})", "too_long")
