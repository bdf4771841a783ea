"""POST /v1/summarize: what is taken, refused and answered."""

from __future__ import annotations

import pytest

from service.api.replies import SummarizeReplyShape
from service.errors import Cancelled, DeadlineExceeded, NoText, Overloaded, Unavailable
from service.pipeline.requests import Length, SummarizeRequest
from tests.api.conftest import Bench
from tests.api.fakes import TEXT

PATH = "/v1/summarize"


def asked(bench: Bench) -> SummarizeRequest:
    assert isinstance(bench.pipeline.request, SummarizeRequest)
    return bench.pipeline.request


def test_reply_has_the_declared_shape(bench: Bench) -> None:
    """A full reply is what the declared shape says, field by field."""
    reply = bench.post(PATH, {"text": TEXT, "translate_to": ["es", "xx"], "explain": True})
    assert reply.status_code == 200
    SummarizeReplyShape.model_validate_json(reply.data)
    assert "article" not in reply.json
    assert [one["status"] for one in reply.json["translations"]] == ["ok", "error"]
    assert reply.json["translations"][1]["error"]["supported"] == ["es", "fr", "ca"]
    assert reply.json["summary"]["degraded"] is None
    assert reply.json["language"] == {"code": "en", "confidence": 0.9877, "detected": True}


def test_what_was_not_asked_for_is_left_out(bench: Bench) -> None:
    """The reply holds no field of a feature that the caller did not ask for or turned off."""
    reply = bench.post(PATH, {"text": TEXT, "translate_to": ["es"], "faithfulness": "off"}).json
    assert "faithfulness" not in reply["summary"]
    assert "explain" not in reply


@pytest.mark.parametrize(("unit", "codec", "width"), [("codepoint", "utf-32-le", 4), ("utf16", "utf-16-le", 2)])
def test_what_is_unsupported_indexes_its_own_text(bench: Bench, unit: str, codec: str, width: int) -> None:
    """Slicing the summary, in the unit asked for, gives what the article does not say."""
    reply = bench.post(PATH, {"text": TEXT, "offsets": unit}).json
    found = reply["summary"]["faithfulness"]
    assert (found["verdict"], found["checked"]) == ("unsupported", ["names"])
    (item,) = found["unsupported"]
    units = reply["summary"]["text"].encode(codec)
    assert units[item["start"] * width : item["end"] * width].decode(codec) == item["text"] == "today."
    assert item["kind"] == "name"


def test_what_is_unsupported_is_counted(bench: Bench) -> None:
    """The metrics tell the kinds, and never the text."""
    bench.post(PATH, {"text": TEXT, "faithfulness": "strict"})
    assert asked(bench).faithfulness == "strict"
    metrics = bench.client.get("/metrics").text
    assert 'precis_unsupported_total{kind="name"}' in metrics
    assert "today" not in metrics


def test_html_reply_carries_the_visible_text(bench: Bench) -> None:
    """For HTML the text that offsets index is part of the reply, and slicing it gives what was removed."""
    reply = bench.post(PATH, {"html": "<p>ignored by the fake</p>"}).json
    article = reply["article"]["text"]
    for removed in reply["cleaning"]["removed"]:
        assert article[removed["start"] : removed["end"]] == removed["text"]


@pytest.mark.parametrize(("unit", "codec", "width"), [("codepoint", "utf-32-le", 4), ("utf16", "utf-16-le", 2)])
def test_offsets_slice_the_text_sent(bench: Bench, unit: str, codec: str, width: int) -> None:
    """Slicing the text in the unit asked for gives exactly the stretch each span names."""
    reply = bench.post(PATH, {"text": TEXT, "offsets": unit, "explain": True}).json
    units = TEXT.encode(codec)
    removed = reply["cleaning"]["removed"]
    assert removed
    for span in removed:
        assert units[span["start"] * width : span["end"] * width].decode(codec) == span["text"]
    (sentence,) = reply["summary"]["sentences"]
    (source,) = sentence["sources"]
    assert units[source["start"] * width : source["end"] * width].decode(codec) == sentence["text"]
    assert source.pop("score") == 1.0
    assert reply["explain"]["chunks"] == [source]
    assert reply["explain"]["sentences"][0]["end"] == source["end"]


def test_defaults_reach_the_pipeline(bench: Bench) -> None:
    """A body with a text alone becomes the request with every default."""
    bench.post(PATH, {"text": TEXT})
    assert bench.pipeline.request == SummarizeRequest(text=TEXT)


def test_every_field_reaches_the_pipeline(bench: Bench) -> None:
    """Each field of the body is handed on, tags in canonical form and each target once."""
    body = {
        "html": "<p>x</p>",
        "language": "en-US",
        "length": {"words": 30},
        "format": "bullets",
        "summary_language": "es",
        "translate_to": ["fr", "FR", "xx-unknown", "es", "fr", "xx-unknown"],
        "engine": "extractive",
        "translate_engine": "apertium",
        "clean": False,
        "explain": True,
    }
    assert bench.post(PATH, body).status_code == 200
    assert bench.pipeline.request == SummarizeRequest(
        html="<p>x</p>",
        language="en",
        length=Length("words", 30),
        format="bullets",
        summary_language="es",
        translate_to=("fr", "xx-unknown", "es"),
        engine="extractive",
        translate_engine="apertium",
        clean=False,
        explain=True,
    )


@pytest.mark.parametrize(
    ("length", "bound"),
    [
        ("short", Length("sentences", 2)),
        ("medium", Length("sentences", 4)),
        ("long", Length("sentences", 8)),
        ({"sentences": 1000}, Length("sentences", 1000)),
        ({"words": 1}, Length("words", 1)),
        ({"characters": 100_000}, Length("characters", 100_000)),
    ],
)
def test_lengths(bench: Bench, length: object, bound: Length) -> None:
    """Every form of a length becomes the bound it means."""
    assert bench.post(PATH, {"text": "a", "length": length}).status_code == 200
    assert asked(bench).length == bound


@pytest.mark.parametrize(
    ("body", "field", "part"),
    [
        ({"text": "a", "lenght": "short"}, "lenght", "did you mean `length`?"),
        ({"text": "a", "faithfulness": "very"}, "faithfulness", "'flag', 'strict' or 'off'"),
        ({"text": "a", "faithfulness": None}, "faithfulness", "'flag', 'strict' or 'off'"),
        ({"text": "a", "length": {"words": 0}}, "length.words", "greater than or equal to 1"),
        ({"text": "a", "length": {"words": 10_001}}, "length.words", "10000"),
        ({"text": "a", "length": {"characters": 100_001}}, "length.characters", "100000"),
        ({"text": "a", "length": {"sentences": 1001}}, "length.sentences", "1000"),
        ({"text": "a", "length": {"wrods": 3}}, "length.wrods", "did you mean `words`?"),
        ({"text": "a", "length": {"words": "3"}}, "length.words", "whole number"),
        ({"text": "a", "length": {"words": True}}, "length.words", "whole number"),
        ({"text": "a", "length": {"words": 3.5}}, "length.words", "whole number"),
        ({"text": "a", "length": {"words": None}}, "length.words", "whole number"),
        ({"text": "a", "length": {}}, "length", "exactly one"),
        ({"text": "a", "length": {"words": 3, "sentences": 1}}, "length", "exactly one"),
        ({"text": "a", "length": None}, "length", "'short'"),
        ({"text": "a", "length": 3}, "length", "'short'"),
        ({"text": "a", "length": "tiny"}, "length", "'short'"),
        ({"text": "a", "format": "poem"}, "format", "'headline'"),
        ({"text": "a", "clean": 1}, "clean", "true or false"),
        ({"text": "a", "clean": "true"}, "clean", "true or false"),
        ({"text": "a", "explain": None}, "explain", "true or false"),
        ({"text": "a", "offsets": "bytes"}, "offsets", "'utf16'"),
        ({"text": "a", "language": ""}, "language", "empty"),
        ({"text": "a", "language": "e" * 36}, "language", "35"),
        ({"text": "a", "language": 7}, "language", "string"),
        ({"text": "a", "translate_to": "es"}, "translate_to", "list"),
        ({"text": "a", "translate_to": ["es", 3]}, "translate_to[1]", "string"),
        ({"text": "a", "translate_to": ["es", ""]}, "translate_to[1]", "empty"),
        ({"text": "a", "translate_to": ["x" * 36]}, "translate_to[0]", "35"),
        ({"text": "a", "translate_to": ["es"] * 21}, "translate_to", "20"),
        ({"text": "a", "engine": "no such engine"}, "engine", "pattern"),
        ({"text": 3}, "text", "string"),
        ({"text": ["a"]}, "text", "string"),
        ({"text": "a\0b"}, "text", "NUL"),
        ({"text": "a", "html": "b"}, "text", "exactly one"),
        ({"text": None, "html": None}, "text", "exactly one"),
        ({}, "text", "exactly one"),
    ],
)
def test_wrong_fields_are_named(bench: Bench, body: object, field: str, part: str) -> None:
    """A wrong field is refused with 400 and its path, and never reaches the pipeline."""
    reply = bench.post(PATH, body)
    assert (reply.status_code, reply.json["code"], reply.json["field"]) == (400, "bad_request", field)
    assert part in reply.json["detail"]
    assert bench.pipeline.requests == []


def test_null_stands_for_a_source_not_given(bench: Bench) -> None:
    """Clients that send every field may send null for the text they do not have."""
    body = {"text": "a", "html": None, "summary_language": None}
    assert bench.post(PATH, body).status_code == 200


def test_several_wrong_fields_are_all_named(bench: Bench) -> None:
    """The first wrong field is told in `detail`, all of them in `errors`."""
    reply = bench.post(PATH, {"text": 1, "clean": "no", "frmat": "x"}).json
    assert [error["field"] for error in reply["errors"]] == ["text", "clean", "frmat"]
    assert reply["detail"] == reply["errors"][0]["detail"]


def test_errors_do_not_repeat_what_was_sent(bench: Bench) -> None:
    """No value and no strange field name of the caller comes back in a refusal."""
    secret = "the caller's private text"
    for body in (
        {"text": {"a": secret}},
        {"text": "a", secret: 1},
        {"text": "a", "format": secret},
        {"text": "a", "length": {secret: 1}},
        {"text": "a", "engine": secret},
        {"text": "a", "language": secret},
        {"text": "a", "clean": secret},
    ):
        reply = bench.post(PATH, body)
        assert 400 <= reply.status_code < 500
        assert secret not in reply.text


@pytest.mark.parametrize("field", ["language", "summary_language"])
def test_unknown_source_language_is_422(bench: Bench, field: str) -> None:
    """A language nobody knows is refused by name where no answer is possible without it."""
    reply = bench.post(PATH, {"text": "a", field: "qq"})
    assert (reply.status_code, reply.json["code"], reply.json["field"]) == (422, "unsupported_language", field)


def test_too_long_text_is_422(bench: Bench) -> None:
    """A text over the limit is refused whole, never cut."""
    limit = bench.settings.max_text_characters
    assert bench.post(PATH, {"text": "a" * limit}).status_code == 200
    reply = bench.post(PATH, {"text": "a" * (limit + 1)})
    assert (reply.status_code, reply.json["code"], reply.json["field"]) == (422, "too_long", "text")


@pytest.mark.parametrize(
    ("error", "status", "retry"),
    [
        (NoText("nothing left"), 422, None),
        (Overloaded("full", retry_after_s=2.2), 429, "3"),
        (Overloaded("full", retry_after_s=0.01), 429, "1"),
        (Overloaded("full"), 429, "1"),
        (Unavailable("no model"), 503, "1"),
        (DeadlineExceeded("too late"), 504, None),
        (Cancelled("gone"), 499, None),
    ],
)
def test_failures_of_the_pipeline_become_problems(
    bench: Bench, error: Exception, status: int, retry: str | None
) -> None:
    """Each failure has its status, and a whole number of seconds where waiting helps."""
    bench.pipeline.error = error
    reply = bench.post(PATH, {"text": "a"})
    assert reply.status_code == status
    assert reply.headers.get("Retry-After") == retry
    assert reply.json.get("retry_after_s") == (int(retry) if retry else None)
