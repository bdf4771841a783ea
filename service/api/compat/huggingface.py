"""Hugging Face's inference API at `/hf/summarization` and `/hf/translation`.

Generation parameters that bound the length are kept as bounds in words; the others have no effect, which the reply
says. Beside the field that clients read, an answer carries what else is known of it.
Source: `huggingface_hub` 0.20 to 2.4 and the text-generation and inference toolkits' handlers; docs/DIALECTS.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from flask import Response

from service.api import guards, work
from service.api.compat import dialect
from service.api.compat.dialect import Refusal, reply
from service.api.compat.fields import Fields, read
from service.api.context import services
from service.api.resource import Resource, current_call
from service.pipeline.requests import AUTO, LENGTHS, Length, SummarizeReply, SummarizeRequest
from service.version import VERSION

resource = Resource("huggingface", __name__)

# Tokens are shorter than words; a bound in words that keeps one in tokens for the usual vocabularies.
WORDS_PER_TOKEN = 0.7
_BOUNDS = ("max_new_tokens", "max_length")
_NESTED = ("generate_parameters", "generation_parameters", "generate_kwargs")
_STATUS: Mapping[str, int] = {"no_text": 422, "unsupported_language": 422, "too_long": 422}
_SILENT = frozenset({"clean_up_tokenization_spaces", "truncation", "src_lang", "tgt_lang", *_BOUNDS, *_NESTED})

dialect.tell_errors(resource, lambda status, message: {"error": message}, _STATUS)


@resource.post("/hf/summarization")
@resource.post("/hf/summarization/predict")
def summarization() -> Response:
    """One summary for each input."""
    inputs, parameters = _body(read())
    length = _length(parameters)
    context, call = guards.call_context(), current_call()
    dialect.check_texts(inputs, _over)
    serving = services()
    replies = [serving.pipeline.summarize(SummarizeRequest(text=text, length=length), context) for text in inputs]
    for made in replies:
        work.count_unsupported(made, serving.metrics)
    call.task, call.language = "summarize", replies[0].language.language
    call.engine = replies[0].summary.engine
    unused = _unused(parameters)
    return _told([_summary(made, unused) for made in replies], unused)


@resource.post("/hf/translation")
@resource.post("/hf/translation/predict")
@resource.post("/hf/translation/<source>/<target>")
def translation(source: str = "", target: str = "") -> Response:
    """One translation for each input; languages from the parameters, or from the path."""
    inputs, parameters = _body(read())
    into = _language(target or parameters.get("tgt_lang"), "tgt_lang")
    if into is None:
        raise Refusal(400, "`parameters.tgt_lang` is required, or a path such as /hf/translation/en/fr")
    given = source or parameters.get("src_lang")
    out_of = AUTO if given in (None, "", AUTO) else _language(given, "src_lang")
    dialect.check_texts(inputs, _over)
    found = dialect.translate(inputs, out_of or AUTO, into)
    unused = _unused(parameters)
    answers: list[dict[str, object]] = [
        {
            "translation_text": one.text,
            "source": one.source,
            "target": one.target,
            "engine": one.engine,
            "quality": one.quality,
            "checks": [check.check for check in one.checks],
            "warnings": _warnings([warn.code for warn in found.warnings], unused),
        }
        for one in found.translations
    ]
    return _told(answers, unused)


@resource.get("/hf/summarization/health")
@resource.get("/hf/translation/health")
def health() -> Response:
    """Alive."""
    return Response("Ok", content_type="text/plain; charset=utf-8")


@resource.get("/hf/summarization/info")
@resource.get("/hf/translation/info")
def info() -> Response:
    """What answers here."""
    models = services().pipeline.models()
    return reply({"version": VERSION, "model_id": models[0].id if models else "", "models": [one.id for one in models]})


def _body(fields: Fields) -> tuple[list[str], Mapping[str, object]]:
    inputs = fields.texts("inputs")
    if not inputs:
        raise Refusal(400, "`inputs` must be a string or a list of strings")
    found: dict[str, object] = {}
    given = fields.get("parameters")
    if given is not None and not isinstance(given, dict):
        raise Refusal(400, "`parameters` must be an object")
    for name, value in cast(Mapping[str, object], given or {}).items():
        if name in _NESTED and isinstance(value, dict):
            found.update(value)
        elif value is not None:
            found[name] = value
    return inputs, found


def _length(parameters: Mapping[str, object]) -> Length:
    for name in _BOUNDS:
        value = parameters.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 100_000:
            raise Refusal(422, f"`{name}` must be a whole number from 1 to 100000")
        return Length("words", max(1, int(value * WORDS_PER_TOKEN)))
    return LENGTHS["medium"]


def _language(given: object, name: str) -> str | None:
    if given is None or given == "":
        return None
    tag = dialect.known(given) if isinstance(given, str) else None
    if tag is None:
        raise Refusal(422, f"`{name}` is not a language that is known here; see /v1/languages", "unsupported_language")
    return tag


def _unused(parameters: Mapping[str, object]) -> list[str]:
    return sorted(name for name in parameters if name not in _SILENT)


def _warnings(codes: list[str], unused: list[str]) -> list[str]:
    return codes + [f"{name} has no effect" for name in unused if name.isidentifier()]


def _summary(made: SummarizeReply, unused: list[str]) -> dict[str, object]:
    return {
        "summary_text": made.summary.text,
        "language": made.summary.language,
        "engine": made.summary.engine,
        "degraded": made.summary.degraded,
        "truncated": made.coverage.truncated,
        "warnings": _warnings([warn.code for warn in made.warnings], unused),
    }


def _told(answers: list[dict[str, object]], unused: list[str]) -> Response:
    made = reply(cast(list[object], answers))
    names = [name for name in unused if name.isidentifier() and name.isascii()][:20]
    if names:
        made.headers["X-HF-Warning"] = f"parameters; without effect here: {', '.join(names)}"
    return made


def _over(count: int, limit: int) -> Refusal:
    return Refusal(422, f"the inputs are over a limit: {count} against {limit}", "too_long")
