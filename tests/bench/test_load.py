"""Load on a service: how tokens are credited, what a static batch is, what a chain writes."""

from __future__ import annotations

import http.server
import json
import random
import threading
from collections.abc import Iterator, Sequence

import pytest

from bench import chain
from bench.load import Cheap, Clients, Done, percentile, steady
from bench.peers.static import GATHER_S, Static
from service.engines.base import RowDone, RowWork
from tests.process.service import wait_until


class Answers(http.server.BaseHTTPRequestHandler):
    """Says how long the path was, or 500."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"tokens": len(self.path)}).encode()
        self.send_response(500 if self.path == "/bad" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = self.path == "/bad"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    """A server of such answers."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = False
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


def test_tokens_count_by_the_share_of_their_request_within_a_span() -> None:
    """Half a request is half its tokens; one outside is none."""
    done = Done("x", 10.0, 14.0, 100)
    assert done.within(0.0, 20.0) == 100
    assert done.within(12.0, 20.0) == 50
    assert done.within(11.0, 12.0) == 25
    assert done.within(14.5, 20.0) == 0
    assert percentile([1.0, 2.0, 3.0], 50) == 2.0


def test_clients_send_until_they_are_stopped_and_fail_loudly(port: int) -> None:
    """Every answer is read and checked; one that is not a 200 ends the run."""
    with Clients(port, "/abc", [lambda: ("x", {})] * 3, lambda _, data: int(json.loads(data)["tokens"])) as clients:
        span = clients.wait(0.2)
    assert {one.tokens for one in clients.done} == {4}
    assert clients.rate(span) > 0
    assert clients.took_s("x", span)
    with pytest.raises(SystemExit, match="500"), Clients(port, "/bad", [lambda: ("x", {})], lambda *_: 1) as failing:
        failing.wait(5.0)


def test_cheap_traffic_keeps_its_rate(port: int) -> None:
    """Twenty requests at 200 a second are twenty times, and an answer that is not a 200 ends the run."""
    assert len(steady(port, [Cheap("POST", "/a", {"x": 1})], 200, 0.1)) == 20
    with pytest.raises(SystemExit, match="500"):
        steady(port, [Cheap("POST", "/bad", {})], 100, 0.02)


class Stub:
    """An engine whose rows end after as many steps as their cost."""

    def __init__(self) -> None:
        self.left: dict[int, int] = {}

    def free_rows(self) -> int:
        """Four at a time."""
        return 4 - len(self.left)

    def admit(self, rows: Sequence[tuple[int, RowWork]]) -> None:
        """Take rows in."""
        self.left.update((row_id, work.cost) for row_id, work in rows)

    def step(self) -> list[RowDone]:
        """One step for all."""
        self.left = {row_id: left - 1 for row_id, left in self.left.items()}
        done = [row_id for row_id, left in self.left.items() if left == 0]
        self.left = {row_id: left for row_id, left in self.left.items() if left}
        return [RowDone(row_id) for row_id in done]


def test_a_static_batch_gathers_and_ends_as_one() -> None:
    """Rows join for a moment, nothing joins later, and none is answered before the last one has ended."""
    engine = Static(Stub())
    engine.admit([(1, RowWork(1, None))])
    assert engine.step() == []
    assert engine.free_rows() == 3
    engine.admit([(2, RowWork(3, None))])
    wait_until(lambda: engine.free_rows() == 0, "the batch begins", GATHER_S + 5)
    assert engine.step() == []
    assert engine.step() == []
    assert engine.free_rows() == 0
    assert {row.row_id for row in engine.step()} == {1, 2}
    assert engine.free_rows() == 4


def test_texts_of_a_chain_have_the_length_asked_for() -> None:
    """Words are distinct, without digits, and a text of 400 tokens is short enough to stay one sentence."""
    known = chain.words(5000)
    assert len(set(known)) == 5000
    assert all(word.isalpha() for word in known)
    text = chain.text(random.Random(1), 400)
    assert len(text.split()) == 398
    assert len(text) < 2000
