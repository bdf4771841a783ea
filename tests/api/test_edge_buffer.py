"""The end of a request is found in any stream of bytes, cut anywhere."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api import bodies
from service.api.edge_buffer import RawRequest, RequestBuffer, Verdict
from service.config import Settings

MAX_HEAD = 2048
MAX_BODY = 5000


def read(stream: bytes, cuts: list[int]) -> tuple[list[RawRequest], Verdict]:
    """All requests of a stream that arrives in pieces, and the last verdict."""
    buffer = RequestBuffer(MAX_HEAD, MAX_BODY)
    found: list[RawRequest] = []
    verdict = Verdict.MORE
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    for start, end in itertools.pairwise(edges):
        verdict = buffer.feed(stream[start:end])
        while verdict is Verdict.COMPLETE:
            found.append(buffer.take())
            verdict = buffer.advance()
    return found, verdict


def verdict_of(stream: bytes) -> Verdict:
    """The verdict on bytes that arrive at once."""
    return RequestBuffer(MAX_HEAD, MAX_BODY).feed(stream)


token = st.text(st.sampled_from("abcXYZ09-"), min_size=1, max_size=12)
field = st.builds(lambda name, value: f"X-{name}: {value}\r\n".encode(), token, token)
body = st.binary(max_size=300)


@st.composite
def plain(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A request with Content-Length (or none), and its body."""
    content = draw(body)
    name = draw(st.sampled_from([b"Content-Length", b"content-length", b"CONTENT-LENGTH"]))
    length = name + b": %d\r\n" % len(content) if content or draw(st.booleans()) else b""
    fields = b"".join(draw(st.lists(field, max_size=3)))
    return b"POST /a HTTP/1.1\r\n" + fields + length + fields + b"\r\n" + content, content


@st.composite
def chunked(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A request in chunks, with extensions and trailers, and its body."""
    pieces = draw(st.lists(st.binary(min_size=1, max_size=60), max_size=6))
    extension = draw(st.sampled_from([b"", b";a=b", b' ; q="x y"']))
    trailers = b"".join(draw(st.lists(field, max_size=2)))
    framed = b"".join(b"%x" % len(piece) + extension + b"\r\n" + piece + b"\r\n" for piece in pieces)
    head = b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
    return head + framed + b"0" + extension + b"\r\n" + trailers + b"\r\n", b"".join(pieces)


@given(st.lists(st.one_of(plain(), chunked()), min_size=1, max_size=4), st.lists(st.integers(0, 5000), max_size=40))
def test_any_split_gives_the_same_requests(sent, cuts):
    """Requests in a row come out whole and in order, wherever the stream is cut."""
    stream = b"".join(raw for raw, _ in sent)
    found, verdict = read(stream, cuts)
    assert [request.body for request in found] == [content for _, content in sent]
    assert [request.head for request in found] == [raw[: raw.index(b"\r\n\r\n") + 4] for raw, _ in sent]
    assert verdict is Verdict.MORE


@given(chunked())
def test_byte_at_a_time_is_the_same_as_at_once(sent):
    """The finest cut of all changes nothing."""
    stream, content = sent
    found, _ = read(stream, list(range(len(stream))))
    assert [request.body for request in found] == [content]
    assert found == read(stream, [])[0]


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=20))
def test_garbage_never_raises(stream, cuts):
    """Whatever arrives, there is a verdict."""
    buffer = RequestBuffer(MAX_HEAD, MAX_BODY)
    for start in range(0, len(stream), max(1, (cuts or [7])[0])):
        verdict = buffer.feed(stream[start : start + max(1, (cuts or [7])[0])])
        if verdict in (Verdict.COMPLETE, Verdict.SUSPECT):
            buffer.take()


def test_empty_line_before_a_request_is_ignored():
    """Some clients end a body with a line break nobody asked for; it is no part of the next request."""
    found, verdict = read(b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx\r\nGET /b HTTP/1.1\r\n\r\n", [])
    assert [request.head[:6] for request in found] == [b"POST /", b"GET /b"]
    assert verdict is Verdict.MORE


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 3\r\nContent-Length: 3",
        b"Content-Length: 3\r\nTransfer-Encoding: chunked",
        b"Content-Length: +3",
        b"Content-Length: 3, 3",
        b"Content-Length:",
        b"Content-Length: \xb2",
        b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked, identity",
        b"Expect: 200-ok",
    ],
)
def test_ambiguous_length_is_left_to_the_parser(fields):
    """A head whose length could be read in two ways is handed over without a body."""
    buffer = RequestBuffer(MAX_HEAD, MAX_BODY)
    assert buffer.feed(b"POST / HTTP/1.1\r\n" + fields + b"\r\n\r\nabc") is Verdict.SUSPECT
    request = buffer.take()
    assert request.suspect
    assert request.body == b""


def test_chunks_in_http_1_0_are_left_to_the_parser():
    """HTTP/1.0 has no chunks."""
    assert verdict_of(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n") is Verdict.SUSPECT


@pytest.mark.parametrize("length", [b"5001", b"99999999999999999999999999999999999", b"0005001"])
def test_announced_body_over_the_limit_is_refused_before_it_comes(length):
    """Content-Length alone is enough for the verdict."""
    assert verdict_of(b"POST / HTTP/1.1\r\nContent-Length: " + length + b"\r\n\r\n") is Verdict.BODY_TOO_LARGE


def test_body_of_exactly_the_limit_is_taken():
    """The limit is the largest size allowed."""
    raw = b"POST / HTTP/1.1\r\nContent-Length: 00005000\r\n\r\n"
    assert verdict_of(raw) is Verdict.MORE
    assert verdict_of(raw + bytes(5000)) is Verdict.COMPLETE


CHUNKS = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_chunk_over_the_limit_is_refused_by_its_announcement():
    """A chunk that would take the body over the limit is refused before its data comes."""
    assert verdict_of(CHUNKS + b"1388\r\n") is Verdict.MORE
    assert verdict_of(CHUNKS + b"1389\r\n") is Verdict.BODY_TOO_LARGE
    assert verdict_of(CHUNKS + b"1388\r\n" + bytes(5000) + b"\r\n1\r\n") is Verdict.BODY_TOO_LARGE


@pytest.mark.parametrize(
    "framing",
    [
        b"x\r\n",
        b"\r\n",
        b"-1\r\n",
        b"0x1\r\n",
        b"1\r\nab\r\n",
        b"1 1\r\n",
        b"1\nab",
        b"1;" + b"e" * 1100,
        b"0\r\nA: b\n\r\n\r\n",
    ],
)
def test_broken_chunk_framing_is_malformed(framing):
    """Nothing but hexadecimal sizes, CRLF and well-formed ends passes."""
    stream = CHUNKS + framing + (b"" if b"\r\n" in framing else b"\r\n")
    assert verdict_of(stream) is Verdict.MALFORMED


def test_tiny_chunks_without_end_are_refused():
    """A body in chunks of one byte costs more work than data; beyond an allowance that is refused."""
    buffer = RequestBuffer(MAX_HEAD, 10_000_000)
    buffer.feed(CHUNKS)
    verdicts = {buffer.feed(b"1\r\nx\r\n" * 1000) for _ in range(20)}
    assert verdicts == {Verdict.MORE, Verdict.MALFORMED}


def test_long_trailers_are_refused():
    """The trailer section is bounded."""
    assert verdict_of(CHUNKS + b"0\r\n" + b"A: b\r\n" * 3000) is Verdict.HEAD_TOO_LARGE


@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"])
def test_head_over_the_limit_is_refused(end):
    """Whether or not the head ends, it is too large."""
    assert verdict_of(b"GET / HTTP/1.1\r\nX: " + b"a" * MAX_HEAD + end) is Verdict.HEAD_TOO_LARGE


@pytest.mark.parametrize(
    "stream", [b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\n", b"GET / HTTP/1.1\r\nA: b\nC", b"\x00"]
)
def test_what_cannot_become_a_request_is_refused_at_once(stream):
    """TLS, bare line feeds and binary data are not waited on."""
    assert verdict_of(stream) is Verdict.MALFORMED


def test_continue_is_wanted_only_while_the_body_is_awaited():
    """A client that waits is told to go on; one that has sent already, or speaks HTTP/1.0, is not."""
    head = b"POST / HTTP/1.%d\r\nContent-Length: 3\r\nExpect: 100-Continue\r\n\r\n"
    waiting = RequestBuffer(MAX_HEAD, MAX_BODY)
    assert waiting.feed(head % 1) is Verdict.MORE
    assert waiting.wants_continue
    waiting.feed(b"abc")
    assert not waiting.wants_continue
    old = RequestBuffer(MAX_HEAD, MAX_BODY)
    old.feed(head % 0)
    assert not old.wants_continue


def test_take_needs_a_complete_request():
    """There is nothing to take before the end."""
    buffer = RequestBuffer(MAX_HEAD, MAX_BODY)
    buffer.feed(b"GET /")
    with pytest.raises(ValueError, match="no complete request"):
        buffer.take()


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        (b"POST /v1/jobs HTTP/1.1", Verdict.MORE),
        (b"POST /v1/jobs?x=1 HTTP/1.1", Verdict.MORE),
        (b"POST /v1/batch HTTP/1.1", Verdict.BODY_TOO_LARGE),
        (b"PUT /v1/jobs HTTP/1.1", Verdict.BODY_TOO_LARGE),
        (b"POST /v1/jobs/ HTTP/1.1", Verdict.BODY_TOO_LARGE),
        (b"POST /v1/%6aobs HTTP/1.1", Verdict.BODY_TOO_LARGE),
        (b"POST http://x/v1/jobs HTTP/1.1", Verdict.BODY_TOO_LARGE),
        (b"POST /x?/v1/jobs HTTP/1.1", Verdict.BODY_TOO_LARGE),
    ],
)
def test_only_jobs_may_have_a_large_body(line, verdict):
    """The limit goes by method and path; a path that is written in an unusual way has the common one."""
    settings = Settings(max_body_bytes=2000, jobs_max_body_bytes=5000)
    buffer = RequestBuffer(MAX_HEAD, lambda head: bodies.limit_of_head(settings, head))
    assert buffer.feed(line + b"\r\nContent-Length: 4000\r\n\r\n") is verdict
    chunked = RequestBuffer(MAX_HEAD, lambda head: bodies.limit_of_head(settings, head))
    assert chunked.feed(line + b"\r\nTransfer-Encoding: chunked\r\n\r\nfa0\r\n") is verdict
    small = RequestBuffer(MAX_HEAD, lambda head: bodies.limit_of_head(settings, head))
    assert small.feed(line + b"\r\nContent-Length: 1999\r\n\r\n") is Verdict.MORE
