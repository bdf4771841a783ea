"""LibreTranslate's dialect: its replies, its errors in its words, and the traps of its clients."""

from __future__ import annotations

import pytest

from service.errors import Overloaded, Unavailable
from service.pipeline.requests import TranslateRequest
from tests.api.conftest import Bench

GOOD = {"q": "Hello", "source": "en", "target": "es"}


def test_one_text_and_a_list(foreign: Bench) -> None:
    """A string gives a string, a list gives a list, in order."""
    assert foreign.post("/translate", GOOD).json == {"translatedText": "<Hello>"}
    reply = foreign.post("/translate", {**GOOD, "q": ["Hello", "World"]})
    assert reply.json == {"translatedText": ["<Hello>", "<World>"]}


def test_a_form_is_read_as_json_is(foreign: Bench) -> None:
    """As the official client and many others send it; line ends of forms become those of text."""
    reply = foreign.client.post("/translate", data={**GOOD, "q": "a\r\nb", "api_key": ""})
    assert reply.json == {"translatedText": "<a\nb>"}
    multipart = foreign.client.post("/translate", data=GOOD, content_type="multipart/form-data")
    assert multipart.json == {"translatedText": "<Hello>"}
    query = foreign.client.post("/translate?q=Hello&source=en&target=es")
    assert query.json == {"translatedText": "<Hello>"}


def test_the_detected_language_is_told_for_each_text(foreign: Bench) -> None:
    """Only with `auto`; a text without letters is none."""
    one = foreign.post("/translate", {**GOOD, "source": "auto"}).json
    assert one["detectedLanguage"] == {"confidence": 100.0, "language": "en"}
    many = foreign.post("/translate", {"q": ["Hello", "🌉"], "source": "auto", "target": "es"}).json
    assert many["detectedLanguage"] == [
        {"confidence": 100.0, "language": "en"}, {"confidence": 0.0, "language": "en"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "tag"),
    [("ES", "es"), ("pt-br", "pt"), ("pb", "pt"), ("zh-hans", "zh-Hans"), ("zt", "zh-Hant"), ("zh-TW", "zh-Hant")],
)
def test_aliases_of_languages(foreign: Bench, given: str, tag: str) -> None:
    """The codes it has used over the years mean our tags."""
    foreign.post("/translate", {"q": "x", "source": "auto", "target": given})
    assert foreign.pipeline.request == TranslateRequest(("x",), (tag,), "auto", guess=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"q": None}, "Invalid request: missing q parameter"),
        ({"q": 7}, "Invalid request: missing q parameter"),
        ({"source": None}, "Invalid request: missing source parameter"),
        ({"target": None}, "Invalid request: missing target parameter"),
        ({"source": "zz"}, "zz is not supported"),
        ({"target": "zz"}, "zz is not supported"),
        ({"format": "xml"}, "xml format is not supported"),
        ({"q": "x" * 1001}, "Invalid request: request (1001) exceeds text limit (1000)"),
        ({"q": ["x"] * 101}, "Invalid request: request (101) exceeds text limit (100)"),
        ({"alternatives": "many"}, "Invalid request: alternatives parameter is not a number"),
        ({"alternatives": 99}, "Invalid request: alternatives parameter must be <= 10"),
        ({"target": "de"}, "German (de) is not available as a target language from English (en)"),
    ],
)
def test_errors_in_its_words(foreign: Bench, change: dict[str, object], message: str) -> None:
    """400 with one `error` string, which clients match on."""
    body = {name: value for name, value in {**GOOD, **change}.items() if value is not None}
    reply = foreign.post("/translate", body)
    assert (reply.status_code, reply.json) == (400, {"error": message})


def test_no_json_and_no_object(foreign: Bench) -> None:
    """A body that is said to be JSON has to be an object."""
    for body in (b"{", b"[1]", b'"x"'):
        reply = foreign.post("/translate", body)
        assert (reply.status_code, reply.json) == (400, {"error": "Invalid JSON format"})


def test_busy_is_429_and_dead_is_503(foreign: Bench) -> None:
    """Old clients retry 503 for ever, so it is kept for what is really away; the wait is told."""
    foreign.pipeline.error = Overloaded("the queue is full", retry_after_s=3)
    reply = foreign.post("/detect", {"q": "x"})
    assert (reply.status_code, reply.headers["Retry-After"]) == (429, "3")
    assert reply.json == {"error": "the queue is full"}
    foreign.pipeline.error = Unavailable("no model")
    assert foreign.post("/detect", {"q": "x"}).status_code == 503
    foreign.pipeline.error = RuntimeError("secret")
    reply = foreign.post("/detect", {"q": "x"})
    assert reply.status_code == 500
    assert "secret" not in reply.text


def test_detection(foreign: Bench) -> None:
    """A list, likeliest first, in hundredths."""
    assert foreign.post("/detect", {"q": "Hello"}).json == [
        {"confidence": 90.0, "language": "en"}, {"confidence": 5.0, "language": "nl"},
    ]  # fmt: skip
    assert foreign.client.get("/detect").status_code == 405


def test_languages_also_with_a_form_in_the_body_of_a_get(foreign: Bench) -> None:
    """Its client sends one; each language is among its own targets."""
    reply = foreign.client.get("/languages", data={"api_key": ""})
    assert reply.json == [{"code": "en", "name": "English", "targets": ["en", "es"]}]
    assert foreign.client.post("/languages").status_code == 405


def test_what_is_not_there_is_said(foreign: Bench) -> None:
    """Suggestions and files are disabled, which clients look for."""
    assert foreign.client.get("/frontend/settings").json["filesTranslation"] is False
    assert foreign.client.get("/health").json == {"status": "ok"}
    for path in ("/suggest", "/translate_file"):
        reply = foreign.client.post(path, data={})
        assert reply.status_code == 403
        assert "disabled" in reply.json["error"]


def test_browsers_may_call_it(foreign: Bench) -> None:
    """Every reply allows any origin, errors included."""
    for reply in (foreign.client.get("/languages"), foreign.post("/translate", {})):
        assert reply.headers["Access-Control-Allow-Origin"] == "*"


def test_alternatives_are_there_when_asked_for(foreign: Bench) -> None:
    """None are made yet; the field is there all the same."""
    assert foreign.post("/translate", {**GOOD, "alternatives": 2}).json["alternatives"] == []
    many = foreign.post("/translate", {**GOOD, "q": ["a", "b"], "alternatives": "1"}).json
    assert many["alternatives"] == [[], []]


def test_dialects_are_off_by_default(bench: Bench) -> None:
    """Nobody gets paths that were not asked for."""
    for path in ("/translate", "/v2/translate", "/hf/translation"):
        assert bench.post(path, GOOD).status_code == 404


def test_a_word_of_no_clear_language_is_guessed(foreign: Bench) -> None:
    """Clients send single words and expect some answer: plain letters count as English, the likeliest is said."""
    foreign.pipeline.unknown = {"OK", "привет"}
    reply = foreign.post("/translate", {"q": ["OK", "Hello"], "source": "auto", "target": "es"})
    assert reply.json["translatedText"] == ["<OK>", "<Hello>"]
    assert [one["language"] for one in reply.json["detectedLanguage"]] == ["en", "en"]
    assert foreign.pipeline.requests == [TranslateRequest(("OK", "Hello"), ("es",), "auto", guess=True)]


def test_html_is_translated_as_html(foreign: Bench) -> None:
    """As Mastodon asks; the text comes back as the pipeline wrote it, escapes included."""
    reply = foreign.post("/translate", {**GOOD, "q": "<p>a &lt;b&gt;</p>", "format": "html", "api_key": None})
    assert reply.json == {"translatedText": "<<p>a &lt;b&gt;</p>>"}
    assert foreign.pipeline.request == TranslateRequest(
        ("<p>a &lt;b&gt;</p>",), ("es",), "en", format="html", guess=True
    )
