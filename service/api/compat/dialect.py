"""What foreign dialects share: languages by their codes, errors in their form, and the way into the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from flask import Blueprint, Response, g
from pydantic_core import to_json
from werkzeug.exceptions import HTTPException

from service import languages, telemetry
from service.api import guards
from service.api.compat.fields import NotJson
from service.api.context import services
from service.api.problems import kind_of
from service.api.resource import current_call
from service.errors import EngineFailed, PrecisError
from service.pipeline.requests import TextFormat, TranslateReply, TranslateRequest

Json = Mapping[str, object] | list[object]


class Refusal(Exception):
    """A refusal in the words of a dialect.

    Args:
        status: of the reply.
        message: for its error body.
        code: for our own log, a code of the error table.
    """

    def __init__(self, status: int, message: str, code: str = "bad_request") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code


def reply(body: Json, status: int = 200) -> Response:
    """A reply in JSON."""
    return Response(to_json(body), status=status, content_type="application/json")


def tell_errors(dialect: Blueprint, make: Callable[[int, str], Json], status_of: Mapping[str, int]) -> None:
    """Give every failure within a dialect's routes the dialect's own body.

    Args:
        dialect: whose routes.
        make: from status and message to a body.
        status_of: statuses that differ from those of our own error table, by code.
    """

    def answer(status: int, message: str, code: str, retry_after_s: float | None = None) -> Response:
        g.call.code = code
        made = reply(make(status, message), status)
        if retry_after_s is not None:
            made.headers["Retry-After"] = str(max(1, round(retry_after_s)))
        return made

    def on_failure(error: PrecisError) -> Response:
        kind = kind_of(error)
        status = status_of.get(error.code, kind.status)
        wait_s = error.retry_after_s if error.retry_after_s is not None else kind.retry_after_s
        return answer(status, error.detail, error.code, wait_s if status in (429, 503) else None)

    def on_refusal(error: Refusal) -> Response:
        return answer(error.status, error.message, error.code)

    def on_http_error(error: HTTPException) -> Response:
        return answer(error.code or 500, error.name, "bad_request")

    def on_bad_json(error: NotJson) -> Response:
        return answer(400, "Invalid JSON format", "bad_request")

    def on_unexpected(error: Exception) -> Response:
        telemetry.logger().error("unexpected failure", exc_info=error)
        return on_failure(EngineFailed("the request failed inside the service; its id is in the log"))

    dialect.register_error_handler(PrecisError, on_failure)
    dialect.register_error_handler(Refusal, on_refusal)
    dialect.register_error_handler(NotJson, on_bad_json)
    dialect.register_error_handler(HTTPException, on_http_error)
    dialect.register_error_handler(Exception, on_unexpected)


def translate(texts: Sequence[str], source: str, target: str, format: TextFormat = "text") -> TranslateReply:
    """Run a translation and note it in the record of the request.

    Where the language of a text cannot be told it is guessed: the clients of these dialects send words such as "OK"
    and expect some answer.

    Raises:
        PrecisError: as the pipeline, or the first error of a text: these dialects have no errors of single texts.
    """
    call = current_call()
    wanted = TranslateRequest(tuple(texts), (target,), source, format=format, guess=True)
    found = services().pipeline.translate(wanted, guards.call_context())
    failed = next((one.error for one in found.translations if one.error is not None), None)
    if failed is not None:
        raise failed
    call.task, call.language = "translate", found.languages[0].language if found.languages else ""
    call.engine = found.translations[0].engine if found.translations else ""
    call.queue_ms, call.model_ms = found.timing.queue, found.timing.model
    return found


def check_texts(texts: list[str], too_many: Callable[[int, int], Exception]) -> None:
    """Hold the limits on texts.

    Args:
        texts: of one request.
        too_many: the refusal for a count and its limit, of texts or of characters.
    """
    settings = services().settings
    if len(texts) > settings.max_texts:
        raise too_many(len(texts), settings.max_texts)
    longest = max((len(text) for text in texts), default=0)
    if longest > settings.max_text_characters:
        raise too_many(longest, settings.max_text_characters)


def known(tag: str) -> str | None:
    """Our tag for a language as models and services write it: `EN-US`, `en_XX`, `eng_Latn`, `zt`."""
    lowered = tag.strip().lower().replace("_", "-")
    return languages.canonical(_ALIASES.get(lowered, tag.strip()))


def display_name(tag: str) -> str:
    """A language's English name."""
    language = languages.get(tag)
    return language.name if language else tag


# What LibreTranslate calls traditional Chinese and Brazilian Portuguese.
_ALIASES = {"zt": "zh-Hant", "pb": "pt", "zh-tw": "zh-Hant", "zh-hk": "zh-Hant", "no": "nb"}
