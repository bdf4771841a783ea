"""DeepL's dialect, with what its Python library trips over."""

from __future__ import annotations

import pytest

from service.errors import Overloaded
from service.pipeline.requests import TranslateRequest
from tests.api.conftest import Bench

PATH = "/v2/translate"
GOOD = {"text": ["Hello"], "target_lang": "ES", "show_billed_characters": True}


def test_a_translation_says_what_clients_read(foreign: Bench) -> None:
    """`billed_characters` is always there: without it the library fails."""
    reply = foreign.post(PATH, GOOD)
    assert reply.json == {
        "translations": [
            {
                "detected_source_language": "EN",
                "text": "<Hello>",
                "billed_characters": 5,
                "model_type_used": "quality_optimized",
            }
        ]
    }
    assert reply.headers["X-Trace-ID"]


def test_forms_repeat_text_and_write_lower_case(foreign: Bench) -> None:
    """As Mastodon does."""
    reply = foreign.client.post(PATH, data={"text": ["a", "b"], "target_lang": "es", "source_lang": "en-us"})
    assert [one["text"] for one in reply.json["translations"]] == ["<a>", "<b>"]
    assert foreign.pipeline.request == TranslateRequest(("a", "b"), ("es",), "en", guess=True)


@pytest.mark.parametrize(("given", "tag"), [("EN-US", "en"), ("PT-BR", "pt"), ("ZH-HANS", "zh-Hans"), ("ZH", "zh-Hans"),
                                             ("ZH-HANT", "zh-Hant"), ("NB", "nb"), ("ES-419", "es")])  # fmt: skip
def test_its_codes_mean_our_tags(foreign: Bench, given: str, tag: str) -> None:
    """Regions are one language here."""
    foreign.post(PATH, {**GOOD, "target_lang": given})
    assert isinstance(foreign.pipeline.request, TranslateRequest)
    assert foreign.pipeline.request.targets == (tag,)


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"text": None}, 400, "Parameter 'text' not specified."),
        ({"target_lang": None}, 400, "Parameter 'target_lang' not specified."),
        ({"target_lang": "XX"}, 400, "Value for 'target_lang' not supported."),
        ({"source_lang": "XX"}, 400, "Value for 'source_lang' not supported."),
        ({"formality": "more"}, 400, "'formality' is not supported for given 'target_lang'."),
        ({"formality": "rude"}, 400, "Value for 'formality' not supported."),
        ({"glossary_id": "G"}, 400, "Parameter 'glossary_id' is not supported by this server."),
        ({"text": ["x"] * 51}, 400, "Too many texts: 51; the limit is 50."),
        ({"text": ["x" * 1001]}, 413, "Request too large: 1001; limit 1000."),
    ],
)
def test_errors_have_a_message(foreign: Bench, change: dict[str, object], status: int, message: str) -> None:
    """A string under `message`, with the status that its clients know."""
    body = {name: value for name, value in {**GOOD, **change}.items() if value is not None}
    reply = foreign.post(PATH, body)
    assert (reply.status_code, reply.json["message"]) == (status, message)


def test_busy_is_429(foreign: Bench) -> None:
    """Its clients try that again."""
    foreign.pipeline.error = Overloaded("the queue is full", retry_after_s=1)
    reply = foreign.post(PATH, GOOD)
    assert (reply.status_code, reply.json["message"]) == (429, "the queue is full")


def test_what_only_tunes_is_accepted(foreign: Bench) -> None:
    """Clients send these with every request."""
    tuning = {"context": "news", "split_sentences": "nonewlines", "preserve_formatting": True,
              "formality": "prefer_more", "model_type": "latency_optimized", "enable_beta_languages": True}  # fmt: skip
    reply = foreign.post(PATH, {**GOOD, **tuning})
    assert reply.status_code == 200
    assert reply.json["translations"][0]["model_type_used"] == "latency_optimized"


def test_languages_by_query_and_by_the_body_of_a_get(foreign: Bench) -> None:
    """Its library asks for targets in the body of a GET; without a look there it would be told sources."""
    assert foreign.client.get("/v2/languages").json == [{"language": "EN", "name": "English"}]
    targets = [{"language": "ES", "name": "Spanish", "supports_formality": False}]
    foreign.pipeline.with_entry("es", "Spanish")
    assert foreign.client.get("/v2/languages?type=target").json == targets
    assert foreign.client.get("/v2/languages", data={"type": "target"}).json == targets
    assert foreign.client.post("/v2/languages", json={"type": "target"}).json == targets
    assert foreign.client.get("/v2/languages?type=x").status_code == 400


def test_usage_and_what_is_missing(foreign: Bench) -> None:
    """Usage has numbers; every other path is a 404 that its clients can read."""
    assert foreign.client.get("/v2/usage").json["character_limit"] > 0
    assert foreign.client.get("/v2/glossaries").json == {"glossaries": []}
    reply = foreign.client.post("/v2/document", data={})
    assert reply.status_code == 404
    assert isinstance(reply.json["message"], str)


def test_tags_are_markup_and_ignored_ones_are_left_alone(foreign: Bench) -> None:
    """`tag_handling` chooses the format; a tag to ignore reaches the pipeline marked and comes back as it was."""
    text = "<p>Hi <x id=1>there</x></p>"
    body = {**GOOD, "text": [text], "tag_handling": "xml", "ignore_tags": ["x"]}
    reply = foreign.post(PATH, body)
    request = foreign.pipeline.request
    assert isinstance(request, TranslateRequest)
    assert request.format == "html"
    assert '<x translate="no"' in request.texts[0]
    assert reply.json["translations"][0]["text"] == f"<{text}>"
    form = foreign.client.post(PATH, data={"text": text, "target_lang": "es", "ignore_tags": "y, x"})
    assert form.json["translations"][0]["text"] == f"<{text}>"
    assert foreign.pipeline.request == TranslateRequest((text,), ("es",), guess=True)
