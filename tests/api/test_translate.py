"""POST /v1/translate and POST /v1/detect."""

from __future__ import annotations

import pytest

from service.api.replies import DetectReplyShape, TranslateReplyShape
from service.pipeline.requests import DetectRequest, TranslateRequest
from tests.api.conftest import Bench

PATH = "/v1/translate"


def test_reply_has_the_declared_shape(bench: Bench) -> None:
    """Translations come input-major, a failed one carries its error, and the shape is the declared one."""
    reply = bench.post(PATH, {"text": ["a", "b"], "target": ["es", "xx"]})
    assert reply.status_code == 200
    TranslateReplyShape.model_validate_json(reply.data)
    made = [(one["index"], one["target"], one["status"]) for one in reply.json["translations"]]
    assert made == [(0, "es", "ok"), (0, "xx", "error"), (1, "es", "ok"), (1, "xx", "error")]
    assert [one["detected"] for one in reply.json["languages"]] == [True, True]


def test_one_text_and_one_target(bench: Bench) -> None:
    """Strings stand for lists of one, and tags become canonical."""
    reply = bench.post(PATH, {"text": "a", "target": "ES", "source": "en_US", "engine": "apertium"})
    assert reply.json["languages"][0]["detected"] is False
    assert bench.pipeline.request == TranslateRequest(("a",), ("es",), "en", "apertium")


@pytest.mark.parametrize(("unit", "codec", "width"), [("codepoint", "utf-32-le", 4), ("utf16", "utf-16-le", 2)])
def test_checks_point_into_the_translation(bench: Bench, unit: str, codec: str, width: int) -> None:
    """The span of a doubted segment slices the translation in the unit asked for."""
    reply = bench.post(PATH, {"text": "🌉 bridge", "target": "es", "offsets": unit})
    TranslateReplyShape.model_validate_json(reply.data)
    (made,) = reply.json["translations"]
    (check,) = made["checks"]
    assert (check["check"], check["action"], check["segment"]) == ("too_short", "flagged", 0)
    units = made["text"].encode(codec)
    assert units[check["start"] * width : check["end"] * width].decode(codec) == " bridge>"


def test_planned_fields_are_refused_by_name(bench: Bench) -> None:
    """A field whose feature does not exist is refused, not ignored."""
    reply = bench.post(PATH, {"text": "a", "target": "es", "alternatives": 2})
    assert (reply.status_code, reply.json["field"]) == (400, "alternatives")
    assert "not supported yet" in reply.json["detail"]


@pytest.mark.parametrize(
    ("body", "texts", "form"),
    [
        ({"html": "<p>a</p>"}, ("<p>a</p>",), "html"),
        ({"html": ["<p>a</p>", "b"], "format": "html"}, ("<p>a</p>", "b"), "html"),
        ({"text": "<p>a</p>", "format": "html"}, ("<p>a</p>",), "html"),
        ({"text": ["# a"], "format": "markdown"}, ("# a",), "markdown"),
    ],
)
def test_formats_reach_the_pipeline(bench: Bench, body: dict[str, object], texts: tuple[str, ...], form: str) -> None:
    """`html` means `format: html`, and markup comes back as `text`."""
    reply = bench.post(PATH, {**body, "target": "es"})
    assert reply.status_code == 200
    TranslateReplyShape.model_validate_json(reply.data)
    assert bench.pipeline.request == TranslateRequest(texts, ("es",), format=form)


def test_terms_reach_the_pipeline(bench: Bench) -> None:
    """Kept terms once each, glossary entries in order."""
    body = {"text": "a", "target": "es", "keep": ["Acme", "Acme", "B 2"], "glossary": {"desk": "mesa", "x": "y"}}
    assert bench.post(PATH, body).status_code == 200
    wanted = TranslateRequest(("a",), ("es",), keep=("Acme", "B 2"), glossary=(("desk", "mesa"), ("x", "y")))
    assert bench.pipeline.request == wanted


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"html": "b"}, "text"),
        ({"keep": "Acme"}, "keep"),
        ({"keep": ["Acme", ""]}, "keep[1]"),
        ({"keep": ["Acme", " "]}, "keep[1]"),
        ({"keep": ["Acme "]}, "keep[0]"),
        ({"keep": ["a\tb"]}, "keep[0]"),
        ({"keep": ["a\u202eb"]}, "keep[0]"),
        ({"keep": ["x" * 201]}, "keep[0]"),
        ({"keep": ["x"] * 1001}, "keep"),
        ({"keep": ["x", "y"], "glossary": {"y": "z"}}, "keep[1]"),
        ({"glossary": ["x"]}, "glossary"),
        ({"glossary": {"": "x"}}, "glossary"),
        ({"glossary": {"x": ""}}, "glossary"),
        ({"glossary": {"x": None}}, "glossary"),
        ({"glossary": {"x": "a\nb"}}, "glossary"),
        ({"glossary": {"x": "y" * 201}}, "glossary"),
        ({"glossary": {str(number): "x" for number in range(1001)}}, "glossary"),
    ],
)
def test_wrong_terms_are_named(bench: Bench, more: dict[str, object], field: str) -> None:
    """Terms have bounds, and no entry of a glossary is repeated in an error."""
    reply = bench.post(PATH, {"text": "a", "target": "es", **more})
    assert (reply.status_code, reply.json["field"]) == (400, field)
    assert bench.pipeline.requests == []


def test_html_is_named_in_errors(bench: Bench) -> None:
    """Limits name the field that was sent, and `html` in another format contradicts itself."""
    long = "b" * (bench.settings.max_text_characters + 1)
    reply = bench.post(PATH, {"html": ["a", long], "target": "es"})
    assert (reply.status_code, reply.json["field"]) == (422, "html[1]")
    reply = bench.post(PATH, {"html": "a", "target": "es", "format": "markdown"})
    assert (reply.status_code, reply.json["field"]) == (400, "format")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": "a", "target": "es", "format": "pdf"}, "format"),
        ({"text": "a"}, "target"),
        ({"target": "es"}, "text"),
        ({"text": [], "target": "es"}, "text"),
        ({"text": "a", "target": []}, "target"),
        ({"text": ["a", 1], "target": "es"}, "text[1]"),
        ({"text": ["a", "b\0"], "target": "es"}, "text[1]"),
        ({"text": {"a": 1}, "target": "es"}, "text"),
        ({"text": None, "target": "es"}, "text"),
        ({"text": "a", "target": ["es", None]}, "target[1]"),
        ({"text": "a", "target": ""}, "target"),
        ({"text": ["a"] * 101, "target": "es"}, "text"),
        ({"text": ["a"] * 1001, "target": "es"}, "text"),
        ({"text": "a", "target": ["es"] * 21}, "target"),
    ],
)
def test_wrong_fields_are_named(bench: Bench, body: object, field: str) -> None:
    """A wrong field is refused with 400 and its path."""
    reply = bench.post(PATH, body)
    assert (reply.status_code, reply.json["field"]) == (400, field)
    assert bench.pipeline.requests == []


def test_too_long_text_is_named_by_index(bench: Bench) -> None:
    """The text over the limit is told by its place in the list."""
    reply = bench.post(PATH, {"text": ["a", "b" * (bench.settings.max_text_characters + 1)], "target": "es"})
    assert (reply.status_code, reply.json["code"], reply.json["field"]) == (422, "too_long", "text[1]")


def test_detect(bench: Bench) -> None:
    """Each text has its language and as many candidates as were asked for."""
    reply = bench.post("/v1/detect", {"text": ["a", "b"], "top": 1})
    DetectReplyShape.model_validate_json(reply.data)
    assert [one["index"] for one in reply.json["results"]] == [0, 1]
    assert len(reply.json["results"][0]["alternatives"]) == 1
    assert bench.pipeline.request == DetectRequest(("a", "b"), 1)


@pytest.mark.parametrize("top", [0, 21, "3", True, 2.5, None])
def test_detect_refuses_wrong_tops(bench: Bench, top: object) -> None:
    """`top` is a whole number between 1 and 20 and nothing that looks like one."""
    reply = bench.post("/v1/detect", {"text": "a", "top": top})
    assert (reply.status_code, reply.json["field"]) == (400, "top")
