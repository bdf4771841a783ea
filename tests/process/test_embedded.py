"""The embedded default as a user meets it: a real article, and everything that is no article."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.service import Service, serving

pytestmark = pytest.mark.process

ARTICLE = (Path(__file__).parents[1] / "data" / "article.txt").read_text(encoding="utf-8")
# Bounded time: generous, because the machine may be busy, and far below a hang.
SOON_S = 10.0


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """The embedded default."""
    with serving(engines="extractive apertium") as running:
        yield running


def test_a_scraped_article_is_summarized_without_its_boilerplate(service: Service) -> None:
    """One or two whole sentences of the story; every removed span is named and slices exactly."""
    body = service.post("/v1/summarize", {"text": ARTICLE}).json
    summary = body["summary"]
    assert 1 <= len(summary["sentences"]) <= 2
    assert "ferry" in summary["text"] or "Odrin" in summary["text"]
    for boilerplate in ("Published", "Updated", "channel", "Read more", "Most Read", "school hall", "Relief fund"):
        assert boilerplate not in summary["text"]
    assert summary["text"][-1] in ".”"
    assert body["language"]["code"] == "en"
    assert body["title"] == "Harbour ministry says ‘far too early’ to judge Odrin ferry talks"
    for span in body["cleaning"]["removed"]:
        assert ARTICLE[span["start"] : span["end"]] == span["text"]
    removed = "\n".join(span["text"] for span in body["cleaning"]["removed"])
    for boilerplate in ("Published: Updated:", "Lantern channel", "Read more:", "Relief fund", "Most Read Stories"):
        assert boilerplate in removed
    for sentence in summary["sentences"]:
        (source,) = sentence["sources"]
        assert ARTICLE[source["start"] : source["end"]] == sentence["text"]


@pytest.mark.parametrize(
    ("length", "count"),
    [
        ({"words": 30}, lambda text: len(text.split())),
        ({"characters": 140}, len),
        ({"sentences": 3}, lambda text: text.count(". ") + 1),
    ],
)
def test_length_bounds_are_kept_exactly(service: Service, length: dict[str, int], count: object) -> None:
    """The bound holds in its own unit, through the whole service."""
    body = service.post("/v1/summarize", {"text": ARTICLE, "length": length}).json
    assert callable(count)
    assert 0 < count(body["summary"]["text"]) <= next(iter(length.values()))


@pytest.mark.apertium
def test_translations_have_their_own_status(service: Service) -> None:
    """Spanish and Catalan come back; a language nobody knows is refused alone, with what would do."""
    body = service.post("/v1/summarize", {"text": ARTICLE, "translate_to": ["es", "xx", "ca"]}).json
    spanish, unknown, catalan = body["translations"]
    assert (spanish["status"], spanish["route"]) == ("ok", ["en", "es"])
    assert catalan["status"] == "ok"
    assert "*" not in spanish["text"] + catalan["text"]
    assert unknown["error"]["code"] == "unsupported_language"
    assert {"es", "ca"} <= set(unknown["error"]["supported"])


@pytest.mark.apertium
def test_a_translation_keeps_paragraphs_and_what_is_no_language(service: Service) -> None:
    """Blank lines, indents, numbers, addresses and repeated sentences survive."""
    text = "  One day it rained.\n\nRead more.\n\tRead more.\n\n1,234.50 😀\nSee https://example.org/a_b?c=1 today.\n"
    body = service.post("/v1/translate", {"text": text, "source": "en", "target": "es"}).json
    (made,) = body["translations"]
    lines, wanted = made["text"].split("\n"), text.split("\n")
    assert len(lines) == len(wanted)
    assert [line == "" for line in lines] == [line == "" for line in wanted]
    assert lines[0].startswith("  ")
    assert lines[3].startswith("\t")
    assert lines[3].strip() == lines[2].strip()
    assert "1,234.50 😀" in made["text"]
    assert "https://example.org/a_b?c=1" in made["text"]


ODD: list[tuple[str, object, set[int]]] = [
    ("empty", {"text": ""}, {422}),
    ("blanks", {"text": " \n\t\u3000 "}, {422}),
    ("emoji", {"text": "😀🎉👍🏽"}, {422}),
    ("word", {"text": "Hello"}, {200}),
    ("number", {"text": "42"}, {422}),
    ("megabyte", {"text": "The river rose again. " * 50_000}, {422}),
    ("long", {"text": "The river rose in the night and the bridge was closed again. " * 8000}, {200}),
    ("no boundary", {"text": "a" * 400_000}, {200}),
    ("lines", {"text": "\n".join(f"Line {index} says something new today." for index in range(10_000))}, {200}),
    ("surrogate", b'{"text": "a \\ud800 b"}', {400}),
    ("nul", b'{"text": "a \\u0000 b"}', {200, 400}),
    ("not utf-8", b'{"text": "\xff\xfe"}', {400}),
    ("nested", b'{"text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", {400}),
    ("nested objects", b'{"a":' * 50_000 + b"1" + b"}" * 50_000, {400}),
    ("wrong type", {"text": 7}, {400}),
    ("wrong types", {"text": "Hello there.", "length": "huge", "translate_to": "es"}, {400}),
    ("list", [1, 2], {400}),
    ("unknown field", {"text": "Hello there.", "lenght": "short"}, {400}),
    ("nothing", b"", {400}),
    ("html tags only", {"html": "<html><body><p></p></body></html>"}, {422}),
    ("html broken", {"html": "<p>It rained all day" + "<div>" * 5000}, {200, 422}),
    ("right to left", {"text": "ذهب الولد إلى المدرسة في الصباح. عاد في المساء."}, {200}),
    ("combining", {"text": "e\u0301" * 5000 + ". It ends here."}, {200}),
    ("zero width", {"text": "\u200b\u200d\ufeff"}, {422}),
    ("lone quote marks", {"text": "”””“““"}, {422}),
]


@pytest.mark.parametrize(("body", "statuses"), [(body, ok) for _, body, ok in ODD], ids=[name for name, _, _ in ODD])
def test_odd_input_has_a_defined_answer_soon(service: Service, body: object, statuses: set[int]) -> None:
    """Never a 5xx, never a hang; refusals are problem+json with a code."""
    reply = service.post("/v1/summarize", body)
    assert reply.status in statuses, reply.body[:500]
    assert reply.took_s < SOON_S
    if reply.status != 200:
        assert reply.headers["content-type"].startswith("application/problem+json")
        assert reply.json["code"]
    else:
        assert reply.json["summary"]["text"].strip()


@pytest.mark.heavy
@pytest.mark.parametrize(("body", "statuses"), [(body, ok) for _, body, ok in ODD], ids=[name for name, _, _ in ODD])
def test_odd_input_to_translate_and_detect(service: Service, body: object, statuses: set[int]) -> None:
    """The same input on the other endpoints is answered too."""
    for path, more in (("/v1/translate", {"target": "es", "source": "en"}), ("/v1/detect", {})):
        sent = body
        if isinstance(body, dict) and "text" in body:
            sent = {"text": body["text"]} | more
        reply = service.post(path, sent)
        assert reply.status in (200, 400, 422), (path, reply.body[:300])
        assert reply.json


def test_a_50_megabyte_body_is_refused_before_it_is_read(service: Service) -> None:
    """413 at once, as problem+json."""
    import socket

    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as client:
        head = "POST /v1/summarize HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        head += "Content-Length: 52428800\r\n\r\n"
        client.sendall(head.encode() + b'{"text": "')
        reply = client.makefile("rb").read()
    assert reply.startswith(b"HTTP/1.1 413 ")
    assert json.loads(reply.partition(b"\r\n\r\n")[2])["code"] == "payload_too_large"


def test_the_service_is_well_after_all_that(service: Service) -> None:
    """Nothing was restarted and an article is answered as before."""
    assert service.post("/v1/summarize", {"text": ARTICLE}).status == 200
    metrics = service.probe("/metrics").body.decode()
    assert "precis_process_restarts_total" not in metrics
