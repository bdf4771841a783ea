"""Bodies that are no requests: every one is refused with its reason, quickly, and none breaks the service."""

from __future__ import annotations

import io
import json

import pytest
from werkzeug.test import TestResponse

from service.config import Settings
from tests.api.conftest import Bench

PATHS = ("/v1/summarize", "/v1/translate", "/v1/detect")
BROKEN = {
    "empty": b"",
    "blank": b" \n",
    "not json": b"text=hello",
    "cut short": b'{"text": "a"',
    "two values": b'{"text": "a"} {}',
    "byte order mark": b'\xef\xbb\xbf{"text": "a"}',
    "utf-16": '{"text": "a"}'.encode("utf-16"),
    "invalid utf-8": b'{"text": "\xff"}',
    "raw surrogate": b'{"text": "\xed\xa0\x80"}',
    "surrogate escape": b'{"text": "\\ud800"}',
    "surrogate name": b'{"\\udfff": 1}',
    "raw control": b'{"text": "a\nb\x01"}',
    "deep lists": b'{"text": ' + b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "deep and closed": b'{"text":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep length": b'{"text":"a","length":' + b'{"words":' * 50_000 + b"1" + b"}" * 50_000 + b"}",
    "huge integer": b'{"text":"a","top":' + b"9" * 100_000 + b"}",
    "large integer": b'{"text":"a","length":{"words":' + b"9" * 400 + b"}}",
    "nan": b'{"text": NaN}',
    "infinity": b'{"text":"a","length":{"words":Infinity}}',
    "huge float": b'{"text":"a","length":{"words":1e999}}',
    "list": b"[]",
    "list of bodies": b'[{"text": "a"}]',
    "string": b'"text"',
    "number": b"1",
    "null": b"null",
    "nul": b'{"text": "a\\u0000b"}',
    "many names": b"{" + b",".join(b'"a%d":1' % index for index in range(20_000)) + b"}",
    "many numbers": b'{"text":"a","translate_to":[' + b"1," * 100_000 + b"1]}",
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", BROKEN)
def test_broken_bodies_are_refused(bench: Bench, path: str, name: str) -> None:
    """A body that is no request is a 400 problem and the pipeline never sees it."""
    reply = bench.post(path, BROKEN[name])
    assert reply.status_code == 400
    assert reply.content_type == "application/problem+json"
    assert reply.json["code"] == "bad_request"
    assert len(reply.data) < 10_000
    assert bench.pipeline.requests == []


@pytest.mark.parametrize(
    ("body", "field"),
    [(b'{"text":"a","text":"b"}', "text"), (b'{"text":"a","length":{"words":1,"words":2}}', "words")],
)
def test_duplicate_keys_are_refused(bench: Bench, body: bytes, field: str) -> None:
    """Two values for one field are refused, because no choice between them is right."""
    reply = bench.post("/v1/summarize", body)
    assert (reply.status_code, reply.json["field"]) == (400, field)
    assert "twice" in reply.json["detail"]


def test_escaped_pairs_are_characters(bench: Bench) -> None:
    """A character outside the basic plane may be written as an escaped pair."""
    reply = bench.post("/v1/summarize", b'{"text": "\\ud83c\\udf09 opens."}')
    assert reply.json["summary"]["text"] == "\U0001f309 opens."


class Source(io.RawIOBase):
    """A body as it comes from a connection; counts what was taken."""

    def __init__(self, body: bytes) -> None:
        self._left = io.BytesIO(body)
        self.taken = 0

    def read(self, size: int = -1) -> bytes:
        """Hand out at most `size` bytes."""
        piece = self._left.read(size)
        self.taken += len(piece)
        return piece


def send(bench: Bench, path: str, source: Source, length: int | None) -> TestResponse:
    """Send a body of an announced length, or in chunks."""
    environ: dict[str, object] = {"wsgi.input": source, "CONTENT_TYPE": "application/json"}
    if length is None:
        environ |= {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    else:
        environ["CONTENT_LENGTH"] = str(length)
    return bench.client.post(path, environ_overrides=environ)


@pytest.mark.parametrize("path", ["/v1/summarize", "/nothing/here"])
def test_body_over_the_limit_is_not_read(path: str) -> None:
    """A body announced too large is refused before a byte of it is read, whatever the path."""
    source = Source(b"x" * 2001)
    reply = send(Bench(Settings(max_body_bytes=2000)), path, source, 2001)
    assert (reply.status_code, reply.json["code"]) == (413, "payload_too_large")
    assert reply.headers["Connection"] == "close"
    assert source.taken == 0


def test_chunked_body_is_read_to_the_limit_only() -> None:
    """Of a body of unknown length no more than one byte past the limit is read."""
    source = Source(b"x" * 1_000_000)
    reply = send(Bench(Settings(max_body_bytes=2000)), "/v1/detect", source, None)
    assert reply.status_code == 413
    assert reply.headers["Connection"] == "close"
    assert source.taken == 2001


def test_chunked_body_within_the_limit_is_read(bench: Bench) -> None:
    """A body of unknown length is as good as another."""
    reply = send(bench, "/v1/detect", Source(json.dumps({"text": "a" * 200_000}).encode()), None)
    assert reply.status_code == 200


def test_body_that_ends_early_is_refused(bench: Bench) -> None:
    """A body shorter than announced is refused even when what came is whole JSON."""
    reply = send(bench, "/v1/detect", Source(b'{"text":"a"}'), 100)
    assert reply.status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {},
    ],
)
def test_other_media_types_are_refused(bench: Bench, headers: dict[str, str]) -> None:
    """Only uncompressed JSON in UTF-8 is read."""
    reply = bench.client.post("/v1/detect", data=b'{"text":"a"}', headers=headers)
    assert (reply.status_code, reply.json["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("given", ["application/json; charset=UTF-8", "APPLICATION/JSON"])
def test_json_media_types_are_read(bench: Bench, given: str) -> None:
    """Case and a charset of UTF-8 make no difference."""
    reply = bench.client.post("/v1/detect", data=b'{"text":"a"}', headers={"Content-Type": given})
    assert reply.status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_an_unknown_field_that_looks_like_a_branch_of_a_union(bench: Bench, path: str) -> None:
    """It is refused like any other."""
    reply = bench.post(path, {"text": "a", "target": "es", "~one": 1})
    assert (reply.status_code, reply.json["code"]) == (400, "bad_request")
    assert "unknown field" in reply.text
