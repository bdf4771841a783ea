"""Traces over real processes, as a collector sees them; and what a collector that is not there costs: nothing."""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.config import SettingsError, load
from service.observability import starting, tracing
from tests.process.collector import Collector, SpanSent, collecting
from tests.process.service import Service, free_ports, serving, wait_until

ARTICLE = "The Quibblestone bridge is open again. It was closed for two years. The town paid for it."
PARENT = "00f067aa0ba902b7"


def traced(number: int, *, sampled: bool = True) -> tuple[str, dict[str, str]]:
    """An id of a trace, and the headers of a caller who is in it."""
    trace_id = f"{number:032x}"
    return trace_id, {"traceparent": f"00-{trace_id}-{PARENT}-0{int(sampled)}"}


def one(spans: list[SpanSent], name: str, role: str) -> SpanSent:
    (found,) = [span for span in spans if span.name == name and span.role == role]
    return found


def lines(service: Service, **wanted: object) -> list[dict[str, Any]]:
    """Log lines with these values."""
    every = [json.loads(line) for line in service.log.read_text().splitlines() if line.startswith("{")]
    return [line for line in every if wanted.items() <= line.items()]


def accounted(service: Service, request_id: str) -> dict[str, Any]:
    """The line of the access log of a request."""
    wanted = {"request_id": request_id, "endpoint": "summarize"}
    wait_until(lambda: bool(lines(service, **wanted)), "the access log")
    (line,) = lines(service, **wanted)
    return line


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    """A collector."""
    with collecting() as made:
        yield made


@pytest.fixture(scope="module")
def service(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that traces what its callers trace."""
    headers = tmp_path_factory.mktemp("traces") / "headers"
    headers.write_text("Authorization: Bearer for-the-collector\n")
    # Nothing is kept: a test is not to find what another one has had computed.
    with serving(
        otlp_endpoint=collector.url, otlp_headers_file=headers, trace_sample_ratio=0, slow_s=0.2, cache_mb=0
    ) as made:
        yield made


def test_one_trace_goes_from_the_caller_to_the_engine(collector: Collector, service: Service) -> None:
    """The caller's trace goes on through request, stages and the call to the job's queue and decoding, all nested."""
    trace_id, headers = traced(0xA1)
    body = {"text": ARTICLE, "translate_to": ["es"]}
    reply = service.request("POST", "/v1/summarize", body, headers=headers | {"X-Request-Id": "traced-1"})
    assert reply.status == 200
    names = {"POST /v1/summarize", "decode"}
    spans = collector.wait_for(lambda found: names <= {span.name for span in found}, trace_id, "all spans")
    spans = collector.wait_for(lambda found: sum(s.name == "decode" for s in found) == 2, trace_id, "both jobs")
    root = one(spans, "POST /v1/summarize", "api")
    assert root.parent == PARENT
    assert root.attributes["precis.request_id"] == "traced-1"
    assert root.attributes["http.response.status_code"] == 200
    assert not root.failed
    by_id = {span.id: span for span in spans}
    stages = {span.name: span for span in spans if span.parent == root.id}
    assert {
        "parse",
        "clean",
        "detect",
        "segment",
        "summarize",
        "compose",
        "faithfulness",
        "translate",
        "render",
    } <= set(stages)
    decoded = [span for span in spans if span.name == "decode"]
    for span in decoded:
        served = by_id[span.parent]
        called = by_id[served.parent]
        stage = by_id[called.parent]
        assert (served.name, served.role) == ("precis.v1.Model/Run", "model")
        assert (called.name, called.role) == ("precis.v1.Model/Run", "api")
        assert stage.name == span.attributes["precis.task"]
        assert stage.parent == root.id
        assert root.start_ns <= called.start_ns <= span.start_ns <= span.end_ns <= called.end_ns <= root.end_ns
        (queue,) = [other for other in spans if other.name == "queue" and other.parent == served.id]
        assert queue.end_ns <= span.start_ns + 1_000_000
        assert span.attributes["precis.rows"] >= 1
        assert span.attributes["precis.output_tokens"] > 0
    assert {span.attributes["precis.engine"] for span in decoded} == {"fake-summary", "fake-translation"}


def test_stages_do_not_overlap(collector: Collector, service: Service) -> None:
    """Each moment of a request belongs to one stage at most, so that their times add up to no more than the whole."""
    trace_id, headers = traced(0xA2)
    service.request("POST", "/v1/summarize", {"text": ARTICLE + " Again.", "translate_to": ["es"]}, headers=headers)
    spans = collector.wait_for(
        lambda found: any(span.name.startswith("POST") for span in found), trace_id, "the request"
    )
    root = one(spans, "POST /v1/summarize", "api")
    stages = sorted((span for span in spans if span.parent == root.id), key=lambda span: span.start_ns)
    assert all(former.end_ns <= later.start_ns for former, later in itertools.pairwise(stages))


def test_items_of_a_batch_are_in_its_trace(collector: Collector, service: Service) -> None:
    """Each item is a span below the batch, with its own stages and calls below it."""
    trace_id, headers = traced(0xB1)
    items = [{"task": "translate", "request": {"text": f"Line {n}.", "source": "en", "target": "es"}} for n in range(3)]
    assert service.request("POST", "/v1/batch", {"items": items}, headers=headers).status == 200
    spans = collector.wait_for(
        lambda found: sum(s.name == "decode" for s in found) == 3 and any(s.name.startswith("POST") for s in found),
        trace_id,
        "three jobs",
    )
    root = one(spans, "POST /v1/batch", "api")
    parts = [span for span in spans if span.name == "item"]
    assert {span.parent for span in parts} == {root.id}
    assert sorted(span.attributes["precis.item"] for span in parts) == [0, 1, 2]
    parents = {span.id: span.parent for span in spans}
    tops = []
    for span in spans:
        if span.name == "decode":
            at = span.id
            while parents[at] != root.id:
                at = parents[at]
            tops.append(at)
    assert sorted(tops) == sorted(span.id for span in parts)


def test_logs_of_both_processes_carry_the_ids(collector: Collector, service: Service) -> None:
    """A job that fails, and one that is slow, is told by the model process under the ids of the request that asked."""
    trace_id, headers = traced(0xC1)
    headers |= {"X-Request-Id": "failing-1"}
    reply = service.request("POST", "/v1/summarize", {"text": ARTICLE + " fake:fail"}, headers=headers)
    assert reply.status == 500
    (told,) = lines(service, event="job failed", request_id="failing-1")
    assert told["role"] == "model"
    assert (told["trace_id"], told["code"], told["engine"]) == (trace_id, "engine_failed", "fake-summary")
    line = accounted(service, "failing-1")
    assert line["trace_id"] == trace_id
    spans = collector.wait_for(
        lambda found: any(span.name.startswith("POST") for span in found), trace_id, "the request"
    )
    assert one(spans, "POST /v1/summarize", "api").failed
    assert one(spans, "POST /v1/summarize", "api").attributes["error.type"] == "engine_failed"
    slow = {"X-Request-Id": "slow-1"}
    service.request("POST", "/v1/summarize", {"text": ARTICLE + " fake:step_ms=500"}, headers=slow)
    (told,) = lines(service, event="slow job", request_id="slow-1")
    assert told["model_ms"] >= 300
    line = accounted(service, "slow-1")
    assert line["event"] == "slow request"
    assert line["stages"]["summarize"] >= 300
    assert sum(line["stages"].values()) <= line["ms"] + 1


def test_what_nobody_asked_for_is_not_traced(collector: Collector, service: Service) -> None:
    """With a ratio of 0 a request is traced only when its caller traces it; probes never are."""
    _, unsampled = traced(0xD1, sampled=False)
    assert service.request("POST", "/v1/detect", {"text": "Good morning"}, headers=unsampled).status == 200
    assert service.request("POST", "/v1/detect", {"text": "Good morning"}).status == 200
    probed, headers = traced(0xD2)
    assert service.request("GET", "/livez", headers=headers).status == 200
    trace_id, headers = traced(0xD3)
    assert service.request("POST", "/v1/detect", {"text": "Good morning"}, headers=headers).status == 200
    collector.wait_for(lambda found: len(found) >= 2, trace_id, "the traced one")
    assert collector.of(probed) == []
    assert {span.trace_id for span in collector.spans} <= {f"{n:032x}" for n in (0xA1, 0xA2, 0xB1, 0xC1, 0xD3, 0xE1)}


def test_no_text_is_in_a_trace(collector: Collector, service: Service) -> None:
    """What callers send is in no name and no attribute; what the collector wants to be told is in the metadata."""
    trace_id, headers = traced(0xE1)
    service.request("POST", "/v1/summarize", {"text": ARTICLE + " Zanzibar.", "translate_to": ["es"]}, headers=headers)
    collector.wait_for(lambda found: any(span.name.startswith("POST") for span in found), trace_id, "the request")
    sent = b"".join(collector.raw)
    assert not any(word in sent for word in (b"Quibblestone", b"Zanzibar", b"bridge"))
    assert all(one["authorization"] == "Bearer for-the-collector" for one in collector.metadata)
    text = service.probe("/metrics").body.decode()
    found = re.search(r'^precis_spans_total\{outcome="sent"\} (\S+)$', text, re.M)
    assert found and float(found[1]) > 0


@pytest.mark.heavy
def test_a_dead_collector_slows_nothing_down() -> None:
    """Nobody listens at the endpoint: replies are as fast, spans are counted as lost, and the end is as orderly."""
    (port,) = free_ports(1)
    with serving(otlp_endpoint=f"http://127.0.0.1:{port}") as service:
        times = []
        for number in range(40):
            started_s = time.monotonic()
            assert service.post("/v1/detect", {"text": f"Good morning {number}"}).status == 200
            times.append(time.monotonic() - started_s)
        assert sorted(times)[len(times) // 2] < 0.5

        def lost() -> bool:
            return 'precis_spans_total{outcome="lost"}' in service.probe("/metrics").body.decode()

        wait_until(lost, "lost spans")
        started_s = time.monotonic()
        assert service.stop() == 0
        # The workers' two seconds, and those of the model process, come one after the other.
        assert time.monotonic() - started_s < 12


def test_tracing_that_cannot_be_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An endpoint without the packages, or with a file that is not there, stops the start and names the setting."""
    missing = load({"PRECIS_OTLP_ENDPOINT": "http://a:1", "PRECIS_OTLP_HEADERS_FILE": str(tmp_path / "none")})
    with pytest.raises(SettingsError, match="PRECIS_OTLP_HEADERS_FILE"):
        starting.start_tracing(missing, "api")
    monkeypatch.setattr(starting, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match="PRECIS_OTLP_ENDPOINT"):
        starting.start_tracing(load({"PRECIS_OTLP_ENDPOINT": "http://a:1"}), "api")
    starting.start_tracing(load({}), "api")
    assert not tracing.on()
