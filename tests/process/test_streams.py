"""Event streams over real sockets, gunicorn and a model process: many at a time, leaving, stalling, draining."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bench.event_reader import Followed, follow, request_of
from tests.process.service import LONG_S, Service, serving, wait_until

pytestmark = pytest.mark.process

PATH = "/v1/summarize"
STREAMS = 200


@pytest.fixture(scope="module")
def shared() -> Iterator[Service]:
    """A service that takes many rows at a time and fills silence quickly."""
    with serving(fake_script="rows=64", stream_keepalive_s=0.3, read_timeout_s=1.5) as service:
        yield service


def slow(steps: int, step_ms: int = 1, number: int = 0, **more: Any) -> dict[str, Any]:
    """A summary that takes about `steps * step_ms` milliseconds."""
    text = f"Sentence {number} fake:steps={steps} fake:step_ms={step_ms} goes on. Here is one more."
    return {"text": text, "language": "en", **more}


def read(service: Service, request: bytes) -> Followed:
    """One stream, read to its end."""
    return asyncio.run(asyncio.wait_for(follow(service.port, request, Followed(time.monotonic())), LONG_S))


def names(followed: Followed) -> list[str]:
    """The names of its events, after what holds of every stream that has ended well."""
    assert [data["seq"] for _, data in followed.events] == list(range(len(followed.events)))
    return [name for name, _ in followed.events]


def metric(service: Service, name: str) -> float:
    """The sum of a series over all processes and labels."""
    text = service.probe("/metrics").body.decode()
    return sum(float(value) for value in re.findall(rf"^{re.escape(name)}(?:{{[^}}]*}})? (\S+)$", text, re.M))


def opened(service: Service, request: bytes) -> socket.socket:
    """A connection on which a stream has begun."""
    made = socket.create_connection(("127.0.0.1", service.port), timeout=LONG_S)
    made.sendall(request)
    got = b""
    while b"event: language" not in got:
        got += made.recv(4096)
    return made


@pytest.mark.heavy
def test_hundreds_of_streams_wait_and_others_are_answered() -> None:
    """All 200 end with their own result, in room for far fewer requests, while probes and requests are quick."""
    # They all come in one moment, and one of the workers may be given nearly all of them.
    with serving(fake_script=f"rows={STREAMS}", api_threads=8, api_backlog=STREAMS, orphan_grace_s=0) as service:

        async def all_of_them() -> list[Followed]:
            return await asyncio.gather(
                *(
                    follow(service.port, request_of(PATH, slow(20, 1000, number)), Followed(time.monotonic()))
                    for number in range(STREAMS)
                )
            )

        with ThreadPoolExecutor(1) as pool:
            streams = pool.submit(asyncio.run, all_of_them())
            wait_until(lambda: metric(service, "precis_streams_open") == STREAMS, "all streams open")
            took_s = []
            while not streams.done():
                for reply in (service.get("/livez"), service.post("/v1/detect", {"text": "The bridge is open."})):
                    assert reply.status == 200
                    took_s.append(reply.took_s)
            followed = streams.result()
        assert metric(service, "precis_streams_open") == 0
    assert len(took_s) > 20
    assert sorted(took_s)[len(took_s) // 2] < 0.25
    for number, one in enumerate(followed):
        assert one.status == 200
        assert names(one) == ["language", "summary.delta", "summary.delta", "summary", "result"]
        assert f"Sentence {number} " in one.events[-1][1]["result"]["summary"]["text"]


def test_a_client_that_leaves_takes_its_row_along(shared: Service) -> None:
    """The row is out of the model's batch at once, without the grace of requests that may be sent again."""
    before = metric(shared, "precis_rows_ended_total")
    connection = opened(shared, request_of(PATH, slow(1_000_000)))
    wait_until(lambda: metric(shared, "precis_streams_open") == 1, "the stream is open")
    assert metric(shared, "precis_rows_admitted_total") - metric(shared, "precis_rows_ended_total") == 1
    connection.close()
    took_s = wait_until(lambda: metric(shared, "precis_rows_ended_total") == before + 1, "the row has left")
    assert took_s < 1.5
    wait_until(lambda: metric(shared, "precis_streams_open") == 0, "the stream is closed")
    assert 'how="cancelled"' in shared.probe("/metrics").body.decode()


def test_a_deadline_is_the_last_event(shared: Service) -> None:
    """The stream ends in time with `deadline`, and silence was filled before."""
    followed = read(shared, request_of(PATH, slow(1_000_000), {"X-Deadline-Ms": "1500"}))
    assert names(followed) == ["language", "error"]
    assert followed.events[-1][1]["error"]["code"] == "deadline"
    assert 1.4 < followed.ended_s - followed.began_s < 4
    assert followed.comments >= 2


def test_streams_share_connections_with_requests(shared: Service) -> None:
    """After its last chunk the connection takes the next request; HTTP/1.0 ends with the connection."""
    with socket.create_connection(("127.0.0.1", shared.port), timeout=LONG_S) as connection:
        for _ in range(2):
            connection.sendall(request_of(PATH, slow(3), {"Connection": "keep-alive"}))
            got = b""
            while not got.endswith(b"0\r\n\r\n"):
                got += connection.recv(65_536)
            assert got.startswith(b"HTTP/1.1 200 OK\r\n")
            assert got.count(b"event: result\n") == 1
    old = read(shared, request_of(PATH, slow(3), version="1.0"))
    assert names(old)[-1] == "result"
    assert "transfer-encoding" not in old.headers


def test_a_reader_that_stops_reading_is_let_go(shared: Service) -> None:
    """It holds up nobody, and after a bounded time its place is free."""
    ended = metric(shared, "precis_streams_ended_total")
    text = "The bridge over the river is open again. " * 8000
    request = request_of("/v1/translate", {"text": text, "source": "en", "target": ["es", "fr", "de", "ca"]})
    with socket.socket() as stalled:
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stalled.connect(("127.0.0.1", shared.port))
        stalled.sendall(request)
        wait_until(lambda: metric(shared, "precis_streams_open") == 1, "the stream is open")
        assert names(read(shared, request_of(PATH, slow(3))))[-1] == "result"
        wait_until(lambda: metric(shared, "precis_streams_ended_total") == ended + 2, "it was let go")
        wait_until(lambda: metric(shared, "precis_streams_open") == 0, "its place is free")


def test_a_model_process_that_dies_ends_its_streams() -> None:
    """With a typed error, at once."""
    with serving(fake_script="rows=64") as service:
        with ThreadPoolExecutor(8) as pool:
            streams = [pool.submit(read, service, request_of(PATH, slow(100_000, 1, n))) for n in range(8)]
            wait_until(
                lambda: metric(service, "precis_rows_admitted_total") - metric(service, "precis_rows_ended_total") >= 8,
                "all rows run",
            )
            killed_s = time.monotonic()
            os.kill(service.model_pid(), signal.SIGKILL)
            for one in (stream.result(LONG_S) for stream in streams):
                assert names(one) == ["language", "error"]
                assert one.events[-1][1]["error"]["code"] == "unavailable"
                assert one.ended_s - killed_s < 2


@pytest.mark.heavy
def test_a_drain_lets_streams_finish_and_tells_those_that_cannot() -> None:
    """SIGTERM: the short one comes to its result, the long one to `draining`; then exit 0."""
    with serving(fake_script="rows=64", drain_timeout_s=5) as service:
        with ThreadPoolExecutor(2) as pool:
            short = pool.submit(read, service, request_of(PATH, slow(1500, 1, 1)))
            long = pool.submit(read, service, request_of(PATH, slow(100_000, 1, 2)))
            wait_until(lambda: metric(service, "precis_streams_open") == 2, "both are open")
            stopped_s = time.monotonic()
            stopping = threading.Thread(target=service.stop)
            stopping.start()
            assert names(short.result(LONG_S))[-1] == "result"
            last = long.result(LONG_S)
            assert names(last)[-1] == "error", last
            assert last.events[-1][1]["error"]["code"] == "draining"
            assert last.ended_s - stopped_s < 6
            stopping.join()
        assert service.process.returncode == 0
        assert "Traceback" not in service.log.read_text()


def test_a_full_queue_is_an_ordinary_refusal() -> None:
    """429 with `Retry-After`, not an event, though the language was known before."""
    with serving(fake_script="rows=1", max_queued_rows=1) as service:
        first = opened(service, request_of(PATH, slow(1_000_000, 1, 1)))
        wait_until(lambda: metric(service, "precis_rows_admitted_total") >= 1, "one runs")
        second = opened(service, request_of(PATH, slow(1_000_000, 1, 2)))
        wait_until(lambda: metric(service, "precis_queue_rows") == 1, "one waits")
        refused = read(service, request_of(PATH, slow(3)))
        assert (refused.status, json.loads(refused.body)["code"]) == (429, "overloaded")
        assert refused.headers["retry-after"] == "1"
        first.close()
        second.close()
