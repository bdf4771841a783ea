"""The client's parts that need no network."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

import precis_client
from precis_client import errors
from precis_client.decoding import decode
from precis_client.errors import InvalidReply, InvalidSignature
from precis_client.exchange import Connection
from precis_client.offsets import slice_text, slices, to_codepoint, to_utf16
from precis_client.options import (
    CallOptions,
    DetectOptions,
    PostOptions,
    SummarizeOptions,
    TranslateOptions,
)
from precis_client.replies import Detection, DetectReply, ItemError, Span, SummarizeReply, TranslateReply
from precis_client.replies_about import (
    BatchReply,
    Job,
    JobList,
    JobResults,
    LanguagesReply,
    ModelsReply,
    UsageReply,
)
from precis_client.retry import Budget, RetryPolicy, retry_after_s
from precis_client.sse import Message, Parser
from precis_client.webhooks import verify_webhook
from service.api import replies as api
from service.api import replies_about as api_about
from service.api import replies_batch as api_batch
from service.api import replies_jobs as api_jobs
from service.api.problems import TABLE
from service.api.schemas import DetectBody, SummarizeBody, TranslateBody
from service.api.usage import UsageReplyShape

LEAST: dict[str, Any] = {"language": {"code": "en"}, "summary": {"text": "T"}}


# ---- errors ---------------------------------------------------------------------------------------------------------


def test_every_code_of_the_service_has_a_class() -> None:
    """The table of the service's problems and the classes name the same codes; each class is in the package."""
    assert set(errors.BY_CODE) == set(TABLE)
    assert all(getattr(precis_client, kind.__name__) is kind for kind in errors.BY_CODE.values())


@pytest.mark.parametrize("code", sorted(TABLE))
def test_a_problem_becomes_its_class(code: str) -> None:
    """With everything that the problem tells."""
    body = {"code": code, "detail": "why", "request_id": "r", "field": "f", "supported": ["a"], "new": 1,
            "retry_after_s": 3, "errors": [{"field": "f", "detail": "d"}], "quota": {"limit": "day"}}  # fmt: skip
    error = errors.from_problem(body, status=TABLE[code].status)
    assert type(error) is errors.BY_CODE[code]
    assert (error.code, error.detail, error.request_id, error.field) == (code, "why", "r", "f")
    assert (error.supported, error.retry_after_s, error.errors) == (("a",), 3, (("f", "d"),))
    assert error.quota == {"limit": "day"}
    assert error.problem["new"] == 1


def test_a_code_of_a_newer_server_is_an_api_error() -> None:
    """It is caught as the others are, and keeps its code."""
    error = errors.from_problem({"code": "brand_new", "title": "New"}, status=418)
    assert type(error) is errors.ApiError
    assert (error.code, error.detail, error.status) == ("brand_new", "New", 418)


# ---- replies --------------------------------------------------------------------------------------------------------


def test_unknown_fields_are_kept_aside() -> None:
    """A newer server's fields do no harm and can be read, at every level."""
    body = {**LEAST, "mood": "good", "summary": {"text": "T", "shine": 2}}
    reply = decode(SummarizeReply, body)
    assert reply.raw["mood"] == "good"
    assert reply.summary.raw["shine"] == 2


def test_missing_fields_have_defaults() -> None:
    """What an older server does not say is empty; what nothing works without is named."""
    assert decode(SummarizeReply, LEAST).translations == ()
    with pytest.raises(InvalidReply, match=r"`summary\.text`"):
        decode(SummarizeReply, {**LEAST, "summary": {}})


@pytest.mark.parametrize(
    ("field", "value"),
    [("summary", []), ("summary", {"text": 1}), ("translations", {}), ("title", 3), ("translations", [{"language": 1}]),
     ("coverage", {"chunks": "2"}), ("coverage", {"truncated": 1}), ("coverage", {"chunks": True})],
)  # fmt: skip
def test_wrong_types_are_named(field: str, value: object) -> None:
    """A reply that is not of this API never becomes an object that lies about its types."""
    with pytest.raises(InvalidReply, match=field):
        decode(SummarizeReply, {**LEAST, field: value})


def test_numbers_and_times() -> None:
    """A whole float is an integer, an integer is a float, times are aware."""
    assert decode(Detection, {"language": "de", "confidence": 1, "index": 2.0}).index == 2
    job = decode(Job, {"id": "j", "state": "queued", "created_at": "2026-11-25T12:00:00Z", "finished_at": None})
    assert job.created_at == datetime(2026, 11, 25, 12, tzinfo=UTC)
    assert job.finished_at is None
    with pytest.raises(InvalidReply, match="created_at"):
        decode(Job, {"id": "j", "state": "queued", "created_at": "yesterday"})


MIRRORS = [
    (api.SummarizeReplyShape, SummarizeReply),
    (api.TranslateReplyShape, TranslateReply),
    (api.DetectReplyShape, DetectReply),
    (api.ItemErrorShape, ItemError),
    (api_about.LanguagesReplyShape, LanguagesReply),
    (api_about.ModelsReplyShape, ModelsReply),
    (api_batch.BatchReplyShape, BatchReply),
    (api_jobs.JobReplyShape, Job),
    (api_jobs.JobListShape, JobList),
    (api_jobs.JobResultsShape, JobResults),
    (UsageReplyShape, UsageReply),
]


@pytest.mark.parametrize(("shape", "mirror"), MIRRORS, ids=lambda one: one.__name__)
def test_every_field_of_a_reply_has_its_attribute(shape: type[BaseModel], mirror: type) -> None:
    """At every level; a field that the service gets is to come here as well."""
    assert missing(shape, mirror) == []


def missing(shape: type[BaseModel], mirror: type) -> list[str]:
    """Fields of a documented shape that a dataclass does not have."""
    hints, found = get_type_hints(mirror), []
    for name, field in shape.model_fields.items():
        if name not in hints:
            found.append(f"{mirror.__name__}.{name}")
            continue
        kinds = [kind for kind in _inside(hints[name]) if dataclasses.is_dataclass(kind)]
        for inner in _inside(field.annotation):
            if isinstance(inner, type) and issubclass(inner, BaseModel) and kinds:
                found += missing(inner, kinds[0])
    return found


def _inside(hint: Any) -> list[Any]:
    return [one for argument in get_args(hint) for one in _inside(argument)] or [hint]


def test_every_field_of_a_request_is_an_option() -> None:
    """What the service takes can be said by keyword, and no more."""
    about = set(PostOptions.__annotations__) | set(CallOptions.__annotations__)
    for body, options, placed in (
        (SummarizeBody, SummarizeOptions, {"text"}),
        (TranslateBody, TranslateOptions, {"text", "target"}),
        (DetectBody, DetectOptions, {"text"}),
    ):
        assert set(get_type_hints(options)) - about | placed == set(body.model_fields), options


# ---- retries --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "1.5"}, None),
        ({"Retry-After": "Wed, 25 Nov 2026 12:00:30 GMT", "Date": "Wed, 25 Nov 2026 12:00:00 GMT"}, 30.0),
        ({"Retry-After": "Wed, 25 Nov 2026 11:00:00 GMT", "Date": "Wed, 25 Nov 2026 12:00:00 GMT"}, 0.0),
    ],
)
def test_retry_after_is_read(headers: dict[str, str], seconds: float | None) -> None:
    """As a number, and as a date by the server's own clock."""
    assert retry_after_s(headers) == seconds


def test_a_date_without_the_servers_clock_counts_from_ours() -> None:
    """An HTTP date in ten seconds is about ten seconds away."""
    until = datetime.now(UTC) + timedelta(seconds=10)
    assert 8 <= (retry_after_s({"Retry-After": format_datetime(until, usegmt=True)}) or 0) <= 10


def test_waits_grow_and_are_bounded() -> None:
    """Each is drawn from a range that doubles up to the longest; what the service asks for comes on top."""
    policy = RetryPolicy(attempts=12, first_wait_s=1.0, longest_wait_s=8.0)
    for tried, most in ((1, 1.0), (2, 2.0), (3, 4.0), (9, 8.0)):
        waits = [policy.wait_s(tried, None) or 0.0 for _ in range(200)]
        assert 0.0 <= min(waits) < most / 4
        assert most * 3 / 4 < max(waits) <= most
    assert 5.0 <= (policy.wait_s(1, 5.0) or 0.0) <= 6.0


def test_no_try_beyond_the_number_and_no_wait_beyond_the_longest() -> None:
    """Then the failure is told."""
    policy = RetryPolicy(attempts=3, longest_wait_s=10.0)
    assert policy.wait_s(2, None) is not None
    assert policy.wait_s(3, None) is None
    assert policy.wait_s(1, 11.0) is None


def test_the_budget_is_taken_and_given_back_slowly() -> None:
    """Ten calls that succeed earn one retry; the budget never grows over its size."""
    budget = Budget(2)
    assert [budget.take() for _ in range(3)] == [True, True, False]
    for _ in range(11):
        budget.give()
    assert [budget.take() for _ in range(2)] == [True, False]


# ---- where to -------------------------------------------------------------------------------------------------------


def test_server_and_key_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under names that the service does not take for its own settings; arguments win."""
    from service.config import load

    monkeypatch.setenv("PRECISCLIENT_SERVER", "https://precis.example/base/")
    monkeypatch.setenv("PRECISCLIENT_KEY", "k1")
    made = Connection.make(None, None, 1.0, RetryPolicy(), {})
    assert made.server == "https://precis.example/base"
    assert made.headers["Authorization"] == "Bearer k1"
    assert "k1" not in repr(made)
    other = Connection.make("http://other", "", 1.0, RetryPolicy(), {})
    assert other.server == "http://other"
    assert "Authorization" not in other.headers
    load()


@pytest.mark.parametrize("server", ["localhost:8080", "ftp://x", "http://", "unix:/x"])
def test_what_is_no_address_is_told(server: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ValueError, match="no address of a service"):
        precis_client.Client(server)


@pytest.mark.parametrize("key", ["a b", "a\nb", "schlüssel"])
def test_a_key_that_no_header_can_hold_is_told_without_it(key: str) -> None:
    """The message does not repeat it."""
    with pytest.raises(ValueError, match="the key holds") as told:
        precis_client.Client("http://x", key=key)
    assert key not in str(told.value)


# ---- event streams --------------------------------------------------------------------------------------------------

BODY = (
    "\ufeff: keep-alive\r\n\r\nid: 0\r\nevent: language\r\ndata: {\"a\": \"é€😀\"}\r\n\r\n"
    ":\n\nevent:summary\ndata:one\ndata: two\nretry: 5\nunknown: x\nnothing\n\n"
    "data: old mac\rid: 7\r\r"
    "event: no data, no event\n\n"
    "data\n\n"
    "data: cut off\n"
)  # fmt: skip
MESSAGES = [
    Message("language", '{"a": "é€😀"}', "0"),
    Message("summary", "one\ntwo", "0"),
    Message("message", "old mac", "7"),
    Message("message", "", "7"),
]


@given(st.lists(st.integers(0, len(BODY.encode())), max_size=40))
def test_a_stream_is_the_same_however_it_is_cut(cuts: list[int]) -> None:
    """Within characters, lines, ends of lines and events."""
    data, parser = BODY.encode(), Parser()
    bounds = [0, *sorted(cuts), len(data)]
    found = [one for start, end in pairwise(bounds) for one in parser.feed(data[start:end])]
    assert found == MESSAGES


def test_a_stream_byte_by_byte() -> None:
    """The smallest pieces there are."""
    parser = Parser()
    assert [one for byte in BODY.encode() for one in parser.feed(bytes([byte]))] == MESSAGES


def test_bytes_that_are_no_text_do_no_harm() -> None:
    """They become the character for it, as the standard says."""
    assert Parser().feed(b"data: a\xff\xfeb\n\n") == [Message("message", "a\ufffd\ufffdb", "")]


def test_an_event_without_end_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Comments may come for ever, a single event may not."""
    monkeypatch.setattr("precis_client.sse._MOST_CHARACTERS", 1000)
    parser = Parser()
    for _ in range(1000):
        assert parser.feed(b": keep-alive\n\n") == []
    with pytest.raises(ValueError, match="too large"):
        for _ in range(1000):
            parser.feed(b"data: more and more")


# ---- offsets --------------------------------------------------------------------------------------------------------


@given(st.text(alphabet="aé😀𝒳中", max_size=20), st.data())
def test_both_units_slice_the_same_text(text: str, data: st.DataObject) -> None:
    """A span in UTF-16 units names the same characters as its twin in code points."""
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    wide = Span(start=to_utf16(text, start), end=to_utf16(text, end))
    assert text.encode("utf-16-le")[wide.start * 2 : wide.end * 2].decode("utf-16-le") == text[start:end]
    assert slice_text(text, wide, "utf16") == slice_text(text, Span(start=start, end=end)) == text[start:end]
    assert (to_codepoint(text, wide.start), to_codepoint(text, wide.end)) == (start, end)
    assert slices(text, [wide, wide], "utf16") == [text[start:end]] * 2


# ---- webhooks -------------------------------------------------------------------------------------------------------

SECRET, NOW_S = "s3cret", 1_790_000_000
HOOK = json.dumps({"id": "j1", "state": "succeeded", "progress": {"done": 2, "failed": 0, "total": 2}}).encode()


def sign(body: bytes = HOOK, secret: str = SECRET, at_s: int = NOW_S) -> str:
    """The header of the contract."""
    mac = hmac.new(secret.encode(), f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={mac}"


def test_a_good_webhook_is_its_job() -> None:
    """By the header alone or by all headers, also beside signatures of other versions and secrets."""
    assert verify_webhook(HOOK, sign(), SECRET, now_s=NOW_S + 10).progress.total == 2
    assert verify_webhook(HOOK, {"precis-signature": sign()}, SECRET.encode(), now_s=NOW_S).ended
    both = f"{sign(secret='old')},{sign().partition(',')[2]},v2=zz"
    assert verify_webhook(HOOK, both, SECRET, now_s=NOW_S).id == "j1"
    assert verify_webhook(HOOK, sign(), SECRET, tolerance_s=None, now_s=0).id == "j1"


@pytest.mark.parametrize(
    ("body", "header", "secret"),
    [
        (HOOK + b" ", sign(), SECRET),
        (HOOK, sign(), "other"),
        (HOOK, sign().replace(str(NOW_S), str(NOW_S + 1)), SECRET),
        (HOOK, sign(at_s=NOW_S - 301), SECRET),
        (HOOK, sign(at_s=NOW_S + 301), SECRET),
        (HOOK, sign().partition(",")[0], SECRET),
        (HOOK, sign().partition(",")[2], SECRET),
        (HOOK, "t=0" + sign().removeprefix("t="), SECRET),
        (HOOK, f"t=1,{sign()}", SECRET),
        (HOOK, "", SECRET),
        (HOOK, "t=é,v1=é", SECRET),
        (HOOK, {"X": "y"}, SECRET),
    ],
)
def test_a_bad_webhook_is_refused(body: bytes, header: str | dict[str, str], secret: str) -> None:
    """Changed, signed by somebody else, replayed, or not signed."""
    with pytest.raises(InvalidSignature):
        verify_webhook(body, header, secret, now_s=NOW_S)


def test_without_a_secret_nothing_is_right() -> None:
    """An empty secret is a mistake of the caller's, not a check."""
    with pytest.raises(ValueError, match="secret"):
        verify_webhook(HOOK, sign(secret=""), "", now_s=NOW_S)
