"""What the clients do when things go wrong: over real sockets, with a server that misbehaves on purpose."""

from __future__ import annotations

import gzip
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import Any

import pytest

from precis_client import (
    BadRequest,
    Client,
    ConnectionFailed,
    DeadlineExceeded,
    EngineFailed,
    InvalidReply,
    NotFound,
    Overloaded,
    RetryPolicy,
    Unauthorized,
    Unavailable,
)
from tests.clients.python.callers import QUICK, Ask, loop, threads
from tests.clients.python.scripted import RESET, Script, chunk, problem, reply, scripted
from tests.process.service import free_ports

GOOD = {"results": [{"index": 0, "language": "de", "confidence": 0.9, "alternatives": []}]}
OK = reply(200, GOOD)
CLOSED: Script = []
HALF: Script = [b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 200\r\n\r\n{"results": [']
HALF_CHUNKED: Script = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b'{"results": [')]
GARBAGE: Script = [b"\x16\x03\x01 this is not HTTP at all\r\n\r\n"]

both = pytest.mark.parametrize("ask", [threads, loop])


# ---- what is tried again --------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(
    "fault",
    [CLOSED, [RESET], HALF, [*HALF, RESET], HALF_CHUNKED, GARBAGE, problem(429, "overloaded", after="0"),
     problem(429, "rate_limited", after="0"), problem(503, "unavailable", after="0"), problem(503, "draining"),
     reply(502, b"<html>Bad Gateway</html>", kind="text/html"), reply(503, b"", kind="text/plain")],
    ids=["closed", "reset", "half", "half and reset", "half of chunks", "garbage", "overloaded", "rate_limited",
         "unavailable", "draining", "gateway", "empty 503"],
)  # fmt: skip
def test_a_passing_fault_is_overcome(ask: Ask, fault: Script) -> None:
    """The caller gets the result; the service sees the same request and key again."""
    with scripted(fault, fault, OK) as server:
        assert ask(server.url, "detect", "Guten Tag").language == "de"
    assert len(server.asked) == 3
    assert len({(one.target, one.body, one.headers["idempotency-key"]) for one in server.asked}) == 1


@both
@pytest.mark.parametrize(
    ("fault", "kind"),
    [(CLOSED, ConnectionFailed), ([RESET], ConnectionFailed), (problem(429, "overloaded", after="0"), Overloaded),
     (reply(502, b"x", kind="text/html"), Unavailable)],
)  # fmt: skip
def test_a_lasting_fault_is_told(ask: Ask, fault: Script, kind: type[Exception]) -> None:
    """After the policy's number of tries."""
    with scripted(fault) as server, pytest.raises(kind):
        ask(server.url, "detect", "Guten Tag")
    assert len(server.asked) == QUICK.attempts


@both
@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "bad_request"), (401, "unauthorized"), (403, "forbidden"), (404, "not_found"), (409, "idempotency_conflict"),
     (413, "payload_too_large"), (415, "unsupported_media_type"), (422, "no_text"), (500, "engine_failed"),
     (504, "deadline")],
)  # fmt: skip
def test_what_would_fail_again_is_not_tried_again(ask: Ask, status: int, code: str) -> None:
    """All of 4xx but 429, and what the service has tried itself; the request is in the error."""
    with scripted(problem(status, code, after="0"), OK) as server:
        with pytest.raises(Exception, match=f"it is {code}") as told:
            ask(server.url, "detect", "Guten Tag")
    assert len(server.asked) == 1
    assert (told.value.code, told.value.status, told.value.request_id) == (code, status, "r1")  # type: ignore[attr-defined]


@both
def test_nobody_there(ask: Ask) -> None:
    """A refused connection is tried again and then told in one line with the address."""
    (port,) = free_ports(1)
    with pytest.raises(ConnectionFailed, match=f"http://127.0.0.1:{port} cannot be reached") as told:
        ask(f"http://127.0.0.1:{port}", "detect", "x")
    assert "\n" not in told.value.detail
    assert not told.value.sent


@both
@pytest.mark.parametrize("fault", [CLOSED, HALF])
def test_ending_a_job_is_not_tried_again_blindly(ask: Ask, fault: Script) -> None:
    """Sent twice it would delete the results, so a broken connection is told; a refusal is tried again."""
    job = reply(202, {"id": "j", "state": "cancelled"})
    with scripted(fault, job) as server, pytest.raises(ConnectionFailed):
        ask(server.url, "jobs.cancel", "j")
    assert len(server.asked) == 1
    with scripted(problem(503, "draining", after="0"), job) as server:
        assert ask(server.url, "jobs.cancel", "j").state == "cancelled"


# ---- waits ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits of `Client`, which take no time."""
    found: list[float] = []
    monkeypatch.setattr("precis_client.transport.time.sleep", found.append)
    return found


def test_retry_after_is_waited_for(waits: list[float]) -> None:
    """Seconds and dates, and never less."""
    now = datetime.now(UTC).replace(microsecond=0)
    date = problem(503, "unavailable", after=format_datetime(now + timedelta(seconds=4), usegmt=True))
    dated = [date[0].replace(b"Connection", f"Date: {format_datetime(now, usegmt=True)}\r\nConnection".encode())]  # type: ignore[union-attr]
    with scripted(problem(429, "overloaded", after="3"), dated, OK) as server:
        assert threads(server.url, "detect", "x").language == "de"
    assert 3.0 <= waits[0] <= 3.01
    assert 4.0 <= waits[1] <= 4.02


def test_no_wait_leads_beyond_the_deadline(waits: list[float]) -> None:
    """Where the service asks for more time than the caller has, the caller is told at once and by its error."""
    with scripted(problem(429, "overloaded", after="3"), OK) as server, pytest.raises(Overloaded) as told:
        threads(server.url, "detect", "x", timeout=2.0)
    assert told.value.retry_after_s == 3
    assert waits == []


def test_waits_differ(waits: list[float]) -> None:
    """Clients that fail together do not come back together."""
    for _ in range(5):
        with scripted(CLOSED) as server, pytest.raises(ConnectionFailed):
            threads(server.url, "detect", "x", make={"retry": RetryPolicy(attempts=4, first_wait_s=1.0)})
    assert len(set(waits)) == 15
    assert all(0.0 <= wait <= 4.0 for wait in waits)


@both
def test_a_service_that_is_down_is_not_asked_many_times_over(ask: Ask) -> None:
    """All calls of a client share a budget of retries."""
    with scripted(problem(503, "unavailable", after="0")) as server:
        with Client(server.url, retry=RetryPolicy(attempts=4, first_wait_s=0.001, budget=5)) as client:
            for _ in range(10):
                with pytest.raises(Unavailable):
                    client.detect("x")
    assert len(server.asked) == 15


# ---- deadlines ------------------------------------------------------------------------------------------------------


@both
def test_the_deadline_is_told_and_shrinks(ask: Ask) -> None:
    """Each try tells the service what is left of the caller's time."""
    with scripted(CLOSED, CLOSED, OK) as server:
        ask(server.url, "detect", "x", timeout=5.0)
    told = [int(one.headers["x-deadline-ms"]) for one in server.asked]
    assert all(later <= earlier for earlier, later in pairwise(told))
    assert 4000 < told[-1] <= told[0] <= 5000


@both
def test_without_a_deadline_none_is_told(ask: Ask) -> None:
    """Then the service's own one counts."""
    with scripted(OK) as server:
        ask(server.url, "detect", "x", timeout=None)
    assert "x-deadline-ms" not in server.asked[0].headers


@both
def test_a_silent_service_is_left_at_the_deadline(ask: Ask) -> None:
    """Whether it is silent before the head of its reply or within the body."""
    silence = threading.Event()
    for script in ([silence], [*HALF, silence]):
        silence.clear()
        with scripted(script) as server:
            started_s = time.monotonic()
            with pytest.raises(DeadlineExceeded):
                ask(server.url, "detect", "x", timeout=0.3)
            took_s = time.monotonic() - started_s
            silence.set()
        assert 0.25 <= took_s < 3.0
        assert len(server.asked) == 1


@both
def test_a_dripping_service_is_left_at_the_deadline(ask: Ask) -> None:
    """A byte now and then buys no time."""
    drip = threading.Event()
    tick = _Tick(0.05)
    script: Script = [*HALF, *([tick, b" "] * 180), drip]
    with scripted(script) as server:
        started_s = time.monotonic()
        with pytest.raises(DeadlineExceeded):
            ask(server.url, "detect", "x", timeout=0.4)
        took_s = time.monotonic() - started_s
        tick.stop()
        drip.set()
    assert 0.35 <= took_s < 3.0


class _Tick(threading.Event):
    """An event that comes by itself after some time, until it is stopped."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def wait(self, timeout: float | None = None) -> bool:
        return super().wait(self._seconds)

    def stop(self) -> None:
        self.set()


# ---- what is no reply of this API -----------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(
    "script",
    [reply(200, b"<html>welcome</html>", kind="text/html"), reply(200, b'{"results": ['), reply(200, []),
     reply(200, {"hello": 1}), reply(200, {"results": [{"language": 3}]}), reply(302, b"", Location="http://else/"),
     reply(418, b"teapot"), reply(500, b"<html>", kind="text/html"), reply(200, b"nonsense", Content_Encoding="gzip")],
)  # fmt: skip
def test_something_else_at_the_address_is_told(ask: Ask, script: Script) -> None:
    """One line, no second try, nothing followed to another place."""
    with scripted(script, OK) as server:
        with pytest.raises((InvalidReply, EngineFailed)) as told:
            ask(server.url, "detect", "x")
    assert "\n" not in str(told.value)
    assert len(server.asked) == 1


@pytest.mark.parametrize(("status", "kind"), [(401, Unauthorized), (404, NotFound), (400, BadRequest)])
def test_a_gateways_own_refusals_have_their_class(status: int, kind: type[Exception]) -> None:
    """What stands before the service writes no problem objects."""
    with scripted(reply(status, b"<html>", kind="text/html", X_Request_Id="g1")) as server, pytest.raises(kind) as told:
        threads(server.url, "detect", "x")
    assert told.value.request_id == "g1"  # type: ignore[attr-defined]


@both
def test_compressed_replies_are_read(ask: Ask) -> None:
    """As gateways send them."""
    import json

    body = gzip.compress(json.dumps(GOOD).encode())
    with scripted(reply(200, body, Content_Encoding="gzip")) as server:
        assert ask(server.url, "detect", "x").language == "de"


# ---- what is sent ---------------------------------------------------------------------------------------------------


@both
def test_what_is_sent(ask: Ask) -> None:
    """Key, id, fields as given, options of newer servers; nothing that was not asked for."""
    with scripted(reply(200, {"summary": {"text": "T"}, "language": {"code": "en"}})) as server:
        options: dict[str, Any] = {"translate_to": ("es", "fr"), "length": {"words": 9}, "extra": {"mood": "good"}}
        options["idempotency_key"] = "my-key"
        made = {"key": "k1", "headers": {"X-Team": "news"}}
        ask(server.url, "summarize", "Text \ud800 é", request_id="my-id", make=made, **options)
    (asked,) = server.asked
    assert (asked.method, asked.target) == ("POST", "/v1/summarize")
    assert asked.json == {"text": "Text \ud800 é", "translate_to": ["es", "fr"], "length": {"words": 9}, "mood": "good"}
    wanted = {"authorization": "Bearer k1", "x-request-id": "my-id", "idempotency-key": "my-key", "x-team": "news",
              "content-type": "application/json", "accept": "application/json"}  # fmt: skip
    assert {name: asked.headers.get(name) for name in wanted} == wanted


@both
def test_a_path_before_the_api_is_kept(ask: Ask) -> None:
    """For services behind a gateway's prefix; ids are escaped into the path."""
    with scripted(reply(200, {"id": "a/b", "state": "queued"})) as server:
        ask(server.url + "/precis/", "jobs.get", "a/b?c")
    assert server.asked[0].target == "/precis/v1/jobs/a%2Fb%3Fc"


@both
def test_each_call_has_a_key_of_its_own(ask: Ask) -> None:
    """Two calls with the same text are two calls."""
    with scripted(OK) as server:
        ask(server.url, "detect", "x")
        ask(server.url, "detect", "x")
    assert len({one.headers["idempotency-key"] for one in server.asked}) == 2
