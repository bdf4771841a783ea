"""Invariants that need real processes: faults, restart, drain, probes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.process.service import LONG_S, ROOT, Reply, Service, free_ports, serving, wait_until

pytestmark = pytest.mark.process

TEXT = "The bridge is open again. It had been closed since March. Nobody was hurt."
SLOW = "fake:steps={steps} fake:step_ms=1"


@pytest.fixture(scope="module")
def shared() -> Iterator[Service]:
    """One service for the tests that do no harm."""
    with serving() as service:
        yield service


def slow(index: int, steps: int = 5000) -> dict[str, object]:
    """A request that takes about this many milliseconds."""
    return {"text": f"Sentence {index} {SLOW.format(steps=steps)} goes on. Here is one more."}


def in_flight(service: Service) -> int:
    """Requests that the API is answering now, as the metrics say."""
    text = service.probe("/metrics").body.decode()
    return int(sum(float(value) for value in re.findall(r"^precis_http_requests_in_flight\S* (\S+)$", text, re.M)))


def test_the_service_says_when_it_is_ready(shared: Service) -> None:
    """One ready line, and an example that works as printed."""
    assert str(shared.port) in shared.lines[0]
    example = shared.lines[1].removeprefix("try: ").strip()
    done = subprocess.run(["bash", "-c", example], capture_output=True, text=True, timeout=LONG_S, check=True)
    reply = json.loads(done.stdout)
    assert reply["summary"]["text"]
    assert reply["translations"][0]["status"] == "ok"


def test_a_request_goes_all_the_way(shared: Service) -> None:
    """HTTP, pipeline, process line, engine and back."""
    reply = shared.post("/v1/summarize", {"text": TEXT, "translate_to": ["es", "xx"], "language": "en"})
    assert reply.status == 200, reply.body
    body = reply.json
    assert body["summary"]["text"] == "The bridge is open again. It had been closed since March."
    assert [item["status"] for item in body["translations"]] == ["ok", "error"]
    assert body["translations"][0]["text"] == "[es] The bridge is open again. [es] It had been closed since March."
    assert body["translations"][1]["error"]["code"] == "unsupported_language"
    for sentence in body["summary"]["sentences"]:
        (source,) = sentence["sources"]
        assert TEXT[source["start"] : source["end"]] == sentence["text"]


def test_killing_the_model_process_answers_every_caller_within_a_second() -> None:
    """Invariant 5: `kill -9` under 50 concurrent requests; then the service is ready again by itself."""
    with serving(fake_script="rows=64", api_threads=64) as service, ThreadPoolExecutor(50) as pool:
        calls = [pool.submit(service.post, "/v1/summarize", slow(index, 60_000)) for index in range(50)]
        wait_until(lambda: in_flight(service) >= 50, "50 requests in flight")
        pid = service.model_pid()
        os.kill(pid, signal.SIGKILL)
        killed_s = time.monotonic()
        replies = [call.result(LONG_S) for call in calls]
        assert time.monotonic() - killed_s < 1.0
        assert {(reply.status, reply.json["code"]) for reply in replies} == {(503, "unavailable")}
        assert all(reply.headers["retry-after"] == "1" for reply in replies)
        wait_until(service.model_ready, "the service is ready again")
        assert service.model_pid() != pid


def test_an_engine_that_breaks_answers_its_callers_and_is_restarted() -> None:
    """Invariant 5: an exception out of the engine is a typed error for all, and a new process."""
    with serving() as service, ThreadPoolExecutor(8) as pool:
        pid = service.model_pid()
        calls = [pool.submit(service.post, "/v1/summarize", slow(index, 60_000)) for index in range(7)]
        wait_until(lambda: in_flight(service) >= 7, "7 requests in flight")
        started_s = time.monotonic()
        breaking = service.post("/v1/summarize", {"text": "This is fake:raise and more. The end."})
        replies = [breaking, *(call.result(LONG_S) for call in calls)]
        assert time.monotonic() - started_s < 2.0
        assert {(reply.status, reply.json["code"]) for reply in replies} <= {
            (500, "engine_failed"),
            (503, "unavailable"),
        }
        wait_until(service.model_ready, "the service is ready again")
        assert service.model_pid() != pid


@pytest.mark.heavy
def test_a_model_process_that_hangs_is_ended_and_restarted() -> None:
    """A loop that no longer beats is a stuck process, whatever its sockets say."""
    with serving(liveness_s=2, request_timeout_s=1) as service:
        pid = service.model_pid()
        reply = service.post("/v1/summarize", {"text": "This is fake:hang and more. The end."})
        assert (reply.status, reply.json["code"]) == (504, "deadline")
        wait_until(lambda: service.children("service.main_model") not in ([pid], []), "a new model process")
        wait_until(service.model_ready, "the service is ready again")


def test_sigterm_finishes_admitted_work_and_exits_zero() -> None:
    """Invariant 9: all thirty requests that were admitted are answered, then the process ends well."""
    with serving(fake_script="rows=32") as service, ThreadPoolExecutor(30) as pool:
        calls = [pool.submit(service.post, "/v1/summarize", slow(index, 2000)) for index in range(30)]
        wait_until(lambda: in_flight(service) >= 30, "30 requests in flight")
        assert service.stop() == 0
        assert [call.result(LONG_S).status for call in calls] == [200] * 30


@pytest.mark.heavy
def test_draining_is_unready_before_anything_is_refused() -> None:
    """During the drain delay probes say no while requests are still served."""
    with serving(drain_delay_s=3) as service:
        assert service.probe("/readyz").status == 200
        service.process.send_signal(signal.SIGTERM)
        wait_until(lambda: service.probe("/readyz").status == 503, "unready")
        assert service.get("/readyz").status == 503
        assert service.get("/livez").status == 200
        assert service.post("/v1/summarize", {"text": TEXT}).status == 200
        assert service.process.wait(LONG_S) == 0


@pytest.mark.heavy
def test_probes_answer_while_every_thread_is_busy() -> None:
    """Invariant 6: neither liveness nor readiness waits behind a model."""
    with serving(api_workers=1, api_threads=4, api_backlog=2, fake_script="rows=64") as service:
        with ThreadPoolExecutor(6) as pool:
            calls = [pool.submit(service.post, "/v1/summarize", slow(index, 1500)) for index in range(6)]
            wait_until(lambda: in_flight(service) >= 4, "all threads busy")
            for path in ("/livez", "/readyz", "/metrics"):
                probes = [service.probe(path) for _ in range(30)]
                assert {probe.status for probe in probes} == {200}
                assert max(probe.took_s for probe in probes) < 1.0
                assert sorted(probe.took_s for probe in probes)[15] < 0.1
            wait_until(lambda: service.post("/v1/summarize", slow(99)).status == 429, "overload is answered at once")
            assert all(call.result(LONG_S).status in (200, 429) for call in calls)


def test_readiness_of_the_api_does_not_depend_on_the_model() -> None:
    """Invariant 6: a missing model gives typed 503s, not vanished pods."""
    with serving(model_address="unix:/nonexistent/model.sock", announce=False) as service:
        wait_until(lambda: _status(service, "/readyz") == 200, "the API is ready")
        reply = service.post("/v1/summarize", {"text": TEXT})
        assert (reply.status, reply.json["code"]) == (503, "unavailable")
        assert int(reply.headers["retry-after"]) >= 1
        assert service.get("/livez").status == 200


def _status(service: Service, path: str) -> int:
    try:
        return service.probe(path).status
    except OSError:
        return 0


def test_a_full_queue_is_a_429_with_retry_after() -> None:
    """Invariant 7: overload is answered at once, never with 503."""
    with serving(max_queued_rows=2, fake_script="rows=1", api_threads=16) as service, ThreadPoolExecutor(12) as pool:
        replies: list[Reply] = list(pool.map(lambda index: service.post("/v1/summarize", slow(index, 400)), range(12)))
    counts = {status: [reply.status for reply in replies].count(status) for status in (200, 429)}
    assert sum(counts.values()) == 12
    assert counts[200] >= 3
    assert counts[429] >= 1
    refused = next(reply for reply in replies if reply.status == 429)
    assert refused.json["code"] == "overloaded"
    assert int(refused.headers["retry-after"]) >= 1


def test_a_client_that_hangs_up_frees_its_row() -> None:
    """Invariant 2, from the socket to the batch."""
    with serving(fake_script="rows=1", orphan_grace_s=0) as service:
        reply: list[Reply] = []
        body = json.dumps(slow(1, 60_000)).encode()
        import socket

        with socket.create_connection(("127.0.0.1", service.port), timeout=LONG_S) as client:
            client.sendall(
                b"POST /v1/summarize HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                + f"Content-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            wait_until(lambda: in_flight(service) == 1, "the request is in flight")
            waiting = threading.Thread(target=lambda: reply.append(service.post("/v1/summarize", {"text": TEXT})))
            waiting.start()
        waiting.join(LONG_S)
        assert reply[0].status == 200


def test_a_deadline_header_bounds_the_request(shared: Service) -> None:
    """The caller's time is kept."""
    reply = shared.post("/v1/summarize", slow(7, 60_000), X_Deadline_Ms="300")
    assert (reply.status, reply.json["code"]) == (504, "deadline")
    assert reply.took_s < 3


def test_a_supervisor_that_is_killed_leaves_nothing_behind() -> None:
    """`kill -9` of the parent ends gunicorn and the model process too."""
    with serving() as service:
        pids = service.children("service.main")
        assert len(pids) >= 3  # model process, gunicorn, its workers
        service.process.kill()
        service.process.wait(LONG_S)
        wait_until(lambda: not any(_running(pid) for pid in pids), "all children have ended")


def _running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize("taken", ["PRECIS_PORT", "PRECIS_MANAGEMENT_PORT"])
def test_a_taken_port_is_said_at_once(taken: str, shared: Service) -> None:
    """The error names the address and the setting, and the exit status is not zero."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PRECIS_")}
    ports = dict(zip(("PRECIS_PORT", "PRECIS_MANAGEMENT_PORT"), map(str, free_ports(2)), strict=True))
    env |= ports | {taken: str(shared.port), "PRECIS_RUNTIME_DIR": str(shared.log.parent / "other")}
    command = [sys.executable, "-m", "service.cli", "serve"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=LONG_S)
    assert done.returncode == 1
    assert f"127.0.0.1:{shared.port} ({taken})" in done.stderr


def test_an_unknown_setting_refuses_to_start() -> None:
    """The nearest known name is offered."""
    env = dict(os.environ, PRECIS_PROT="1")
    command = [sys.executable, "-m", "service.cli", "serve"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=LONG_S)
    assert done.returncode == 2
    assert "PRECIS_PORT" in done.stderr


def test_a_runtime_folder_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket in another user's folder could be taken over."""
    from service.config import SettingsError
    from service.main_serve import _own_folder

    _own_folder(tmp_path / "ours")
    assert (tmp_path / "ours").stat().st_mode & 0o777 == 0o700
    monkeypatch.setattr(os, "getuid", lambda: 4242)
    with pytest.raises(SettingsError, match="PRECIS_RUNTIME_DIR"):
        _own_folder(tmp_path / "ours")
