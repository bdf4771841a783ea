"""What every reply has in common, whatever the path."""

from __future__ import annotations

import io
import json
import re
import socket
import subprocess
import sys
import time

import pytest

from service import errors, telemetry
from service.api.app import create_app
from service.api.context import gone_probe
from service.api.problems import TABLE
from service.api.replies_about import LanguagesReplyShape, ModelsReplyShape, ProblemShape, StatusReplyShape
from service.config import Settings
from tests.api.conftest import Bench
from tests.api.fakes import FakePipeline

GOOD = {"text": "a"}


def test_every_code_has_one_status() -> None:
    """The table lists every failure that is ever shown, and nothing else."""
    assert set(TABLE) == {error.code for error in errors.ALL} - {"cancelled"}


def test_request_id_is_taken_over(bench: Bench) -> None:
    """A well-formed id of the caller is in the reply and reaches the pipeline."""
    reply = bench.post("/v1/summarize", GOOD, X_Request_Id="abc-1.2_3")
    assert reply.headers["X-Request-Id"] == "abc-1.2_3"
    assert bench.pipeline.context is not None
    assert bench.pipeline.context.request_id == "abc-1.2_3"


@pytest.mark.parametrize("given", ["", "a" * 65, "a b", "ü", "a;b", None])
def test_request_id_is_made(bench: Bench, given: str | None) -> None:
    """An id that is missing or not well formed is replaced."""
    headers = {} if given is None else {"X_Request_Id": given}
    made = bench.post("/v1/summarize", GOOD, **headers).headers["X-Request-Id"]
    assert re.fullmatch("[0-9a-f]{24}", made)


def test_request_id_is_not_taken_from_strangers() -> None:
    """With trust turned off every id is made here."""
    bench = Bench(Settings(trust_request_id=False))
    assert bench.post("/v1/detect", GOOD, X_Request_Id="abc").headers["X-Request-Id"] != "abc"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/docs/../../etc/passwd", 404, "not_found"),
        ("GET", "/ui/now/nothing.js", 404, "not_found"),
        ("POST", "/v1//summarize", 404, "not_found"),
        ("GET", "/v1/summarize", 405, "method_not_allowed"),
        ("DELETE", "/v1/models", 405, "method_not_allowed"),
        ("POST", "/livez", 405, "method_not_allowed"),
        ("POST", "/v1/detect", 415, "unsupported_media_type"),
    ],
)
def test_failures_are_problems(bench: Bench, method: str, path: str, status: int, code: str) -> None:
    """Every failure is a problem reply with its id and with the headers all replies have."""
    reply = bench.client.open(path, method=method)
    assert (reply.status_code, reply.json["code"]) == (status, code)
    assert reply.content_type == "application/problem+json"
    ProblemShape.model_validate_json(reply.data)
    assert reply.json["request_id"] == reply.headers["X-Request-Id"]
    assert reply.headers["Server-Timing"].startswith("total;dur=")
    assert reply.headers["Cache-Control"] == "no-store"
    assert ("Allow" in reply.headers) == (status == 405)


def test_allow_names_the_methods(bench: Bench) -> None:
    """A wrong method is told the right ones, and OPTIONS tells them too."""
    assert "POST" in bench.client.get("/v1/detect").headers["Allow"]
    reply = bench.client.options("/v1/detect")
    assert reply.status_code == 200
    assert "POST" in reply.headers["Allow"]


@pytest.mark.parametrize("path", ["/", "/v1/models", "/livez", "/openapi.json", "/docs"])
def test_head_is_get_without_a_body(bench: Bench, path: str) -> None:
    """HEAD answers as GET does, without the body."""
    reply = bench.client.head(path)
    assert reply.status_code == 200
    assert reply.data == b""


def test_unexpected_failure_tells_nothing(bench: Bench) -> None:
    """A bug is a 500 whose reply and whose log line hold nothing of the text."""
    secret = "words of the article"
    bench.pipeline.error = ValueError(secret)
    stream = io.StringIO()
    telemetry.configure_logging("api", "info", stream)
    reply = bench.post("/v1/summarize", {"text": secret})
    assert (reply.status_code, reply.json["code"]) == (500, "engine_failed")
    assert secret not in reply.text
    assert secret not in stream.getvalue()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    failure = next(line for line in lines if line["level"] == "error")
    assert failure["exception"][0]["type"] == "ValueError"
    assert any("fakes.py" in frame for frame in failure["exception"][0]["frames"])
    assert failure["request_id"] == reply.headers["X-Request-Id"]


def test_access_line(bench: Bench) -> None:
    """Each request leaves one line with what it was, and nothing of its text."""
    stream = io.StringIO()
    telemetry.configure_logging("api", "info", stream)
    reply = bench.post("/v1/summarize", {"text": "Private words."}, X_Request_Id="line-1")
    reply.close()
    bench.client.get("/livez").close()
    (line,) = [json.loads(one) for one in stream.getvalue().splitlines()]
    assert line["event"] == "request"
    assert (line["role"], line["level"], line["request_id"]) == ("api", "info", "line-1")
    assert (line["method"], line["endpoint"], line["status"], line["code"]) == ("POST", "summarize", 200, "ok")
    assert (line["language"], line["engine"], line["bytes"]) == ("en", "extractive", len(reply.data))
    assert "Private" not in stream.getvalue()


def test_deadline_is_counted_from_arrival(bench: Bench) -> None:
    """The default and a wish of the caller both become a point in time."""
    before = time.monotonic()
    bench.post("/v1/summarize", GOOD)
    assert bench.pipeline.context is not None
    assert bench.pipeline.context.deadline_s - before == pytest.approx(bench.settings.request_timeout_s, abs=5)
    before = time.monotonic()
    bench.post("/v1/translate", {**GOOD, "target": "es"}, X_Deadline_Ms="1500")
    assert bench.pipeline.context.deadline_s - before == pytest.approx(1.5, abs=1)


@pytest.mark.parametrize("given", ["0", "-1", "1.5", "abc", "", "300001", "9" * 50, "١٢"])
def test_wrong_deadlines_are_refused(bench: Bench, given: str) -> None:
    """A deadline is a whole number of milliseconds up to the longest allowed."""
    for path, body in (("/v1/summarize", GOOD), ("/v1/detect", GOOD)):
        reply = bench.client.post(path, json=body, environ_overrides={"HTTP_X_DEADLINE_MS": given})
        assert (reply.status_code, reply.json["field"]) == (400, "X-Deadline-Ms")
    assert bench.pipeline.requests == []


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("text/event-stream", 400),
        ("text/event-stream, text/plain;q=0.5", 400),
        ("text/event-stream, application/json", 200),
        ("text/event-stream;q=0.5, */*;q=0.1", 200),
        ("application/json", 200),
        ("*/*", 200),
        ("text/html", 200),
    ],
)
def test_accept(bench: Bench, accept: str, status: int) -> None:
    """Where nothing streams, events alone are refused by name; whoever also takes JSON gets JSON."""
    reply = bench.post("/v1/detect", GOOD, Accept=accept)
    assert reply.status_code == status
    if status == 400:
        assert reply.json["field"] == "Accept"


def test_draining(bench: Bench) -> None:
    """While draining readiness is off and work is turned away, but the process is alive and tells its metrics."""
    assert bench.client.get("/readyz").json == {"status": "ready"}
    bench.draining = True
    assert bench.client.get("/readyz").status_code == 503
    reply = bench.post("/v1/summarize", GOOD)
    assert (reply.status_code, reply.json["code"], reply.headers["Retry-After"]) == (503, "draining", "1")
    assert bench.client.get("/livez").status_code == 200
    assert bench.client.get("/metrics").status_code == 200


def test_unready_comes_before_refusing() -> None:
    """With a separate signal for refusing, work that still arrives after readiness went off is served."""
    app = create_app(Settings(), FakePipeline(), draining=lambda: True, live=lambda: True, refusing=lambda: False)
    client = app.test_client()
    assert client.get("/readyz").status_code == 503
    assert client.post("/v1/detect", json=GOOD).status_code == 200


def test_liveness(bench: Bench) -> None:
    """A stuck process says so."""
    StatusReplyShape.model_validate_json(bench.client.get("/livez").data)
    bench.live = False
    assert bench.client.get("/livez").status_code == 503


def test_catalogue(bench: Bench) -> None:
    """Languages and models have the declared shapes, and a model that never answered is told as such."""
    LanguagesReplyShape.model_validate_json(bench.client.get("/v1/languages").data)
    ModelsReplyShape.model_validate_json(bench.client.get("/v1/models").data)
    bench.pipeline.error = errors.Unavailable("no model")
    assert bench.client.get("/v1/models").status_code == 503


def test_metrics_count_requests(bench: Bench) -> None:
    """A request is counted by endpoint, status and code; nothing a caller writes becomes a label."""
    bench.post("/v1/summarize", {**GOOD, "language": "en"}).close()
    bench.client.get("/made-up-path").close()
    text = bench.client.get("/metrics").text
    assert re.search(r'precis_http_requests_total\{code="ok",endpoint="summarize",status="200"\} [1-9]', text)
    assert 'endpoint="none",status="404"' in text
    assert "made-up-path" not in text
    assert 'precis_items_total{engine="extractive",language="en",task="summarize"}' in text
    assert "precis_http_requests_in_flight 1.0" in text


def test_hang_up_is_seen_at_once() -> None:
    """The probe is false while the caller waits, even with more bytes sent, and true once it has gone."""
    ours, theirs = socket.socketpair()
    with ours:
        ours.settimeout(30)
        gone = gone_probe({"gunicorn.socket": ours})
        assert not gone()
        theirs.send(b"GET / HTTP/1.1\r\n")
        assert not gone()
        theirs.close()
        assert gone()


def test_without_a_socket_nobody_hangs_up() -> None:
    """Servers that do not show their socket never cancel anything."""
    assert gone_probe({})() is False


def test_app_needs_neither_torch_nor_a_second_framework() -> None:
    """Importing the app brings in nothing that belongs to engines, nor the framework behind the documentation files."""
    banned = "('torch', 'transformers', 'flask_openapi3')"
    code = f"import sys, service.api.app; print([name for name in {banned} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
