"""The connections of a worker are bounded in bytes, without any server around."""

import selectors
import socket

import pytest

from service.api import edge_loop
from service.api.edge_conn import Conn
from service.config import Settings


class Bench:
    """A loop over socket pairs; requests that would go to a thread are kept in `started`."""

    def __init__(self, **settings: object) -> None:
        self.poller = selectors.DefaultSelector()
        self.started: list[Conn] = []
        self.refused: list[int] = []
        self.loop = edge_loop.EdgeLoop(
            Settings(**settings),
            self.poller,
            threads=1,
            start=self.started.append,
            refused=lambda refusal: self.refused.append(refusal.status),
        )
        self.clients: list[socket.socket] = []

    def client(self, data: bytes) -> socket.socket:
        ours, theirs = socket.socketpair()
        theirs.settimeout(5)
        self.clients.append(theirs)
        self.loop.add(ours, "", "")
        theirs.sendall(data)
        self.turn()
        return theirs

    def turn(self) -> None:
        while events := self.poller.select(0):
            for key, _ in events:
                self.loop.on_event(key.data)
        self.loop.sweep()

    def close(self) -> None:
        for conn in self.started:
            if self.loop.count:
                self.loop.finished(conn, keep=False)
        self.loop.close_all()
        self.poller.close()
        for client in self.clients:
            client.close()


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.setattr(edge_loop, "_BUDGET_BYTES", 0)
    made = Bench(max_body_bytes=30_000, jobs_max_body_bytes=30_000, api_backlog=3)
    yield made
    made.close()


HEAD = b"POST / HTTP/1.1\r\nContent-Length: 30000\r\n\r\n"
SMALL = b"GET / HTTP/1.1\r\n\r\n"


def test_bytes_of_unfinished_requests_are_bounded(bench):
    """The one that goes over the budget is refused; small requests still pass; the budget is given back."""
    first = bench.client(HEAD + bytes(29_000))
    second = bench.client(HEAD + bytes(29_000))
    third = bench.client(HEAD + bytes(29_000))
    assert third.recv(12) == b"HTTP/1.1 429"
    assert bench.refused == [429]
    bench.client(SMALL)
    assert len(bench.started) == 1
    second.close()
    bench.turn()
    bench.client(HEAD + bytes(29_000))
    assert bench.refused == [429]
    first.sendall(bytes(1000))
    bench.turn()
    assert bench.refused == [429]


def test_waiting_requests_start_in_order_and_the_queue_is_bounded(bench):
    """First come, first served, up to the backlog."""
    for number in range(5):
        bench.client(b"GET /%d HTTP/1.1\r\n\r\n" % number)
    assert bench.refused == [429]
    for number in range(4):
        conn = bench.started[number]
        assert conn.request is not None
        assert conn.request.head.startswith(b"GET /%d " % number)
        bench.loop.finished(conn, keep=True)
    bench.started.clear()
    assert bench.loop.wait_s(1.0) == 1.0


def test_a_second_request_on_the_wire_does_not_make_the_loop_spin(bench):
    """What arrives while the first is answered is looked at afterwards, and costs nothing meanwhile."""
    client = bench.client(SMALL)
    client.sendall(b"GET /next HTTP/1.1\r\n\r\n")
    bench.turn()
    assert bench.poller.select(0) == []
    bench.loop.finished(bench.started[0], keep=True)
    bench.turn()
    assert bench.started[1].request.head.startswith(b"GET /next ")
    bench.started.pop(0)


def test_hurry_also_holds_for_connections_that_become_idle_later(bench):
    """A worker that is stopping does not wait for the ordinary keep-alive time."""
    bench.client(SMALL)
    bench.loop.hurry(reading_s=0.0, idle_s=0.0)
    bench.loop.finished(bench.started.pop(), keep=True)
    assert bench.loop.count == 1
    bench.turn()
    assert bench.loop.count == 0


def test_a_large_body_counts_until_it_is_answered(monkeypatch):
    """Bodies over the common limit are bounded while they run too, so that a few large jobs are all the memory."""
    monkeypatch.setattr(edge_loop, "_BUDGET_BYTES", 0)
    bench = Bench(max_body_bytes=20_000, jobs_max_body_bytes=30_000, api_backlog=3)
    head = b"POST /v1/jobs HTTP/1.1\r\nContent-Length: 30000\r\n\r\n"
    bench.client(head + bytes(29_000)).sendall(bytes(1000))
    bench.turn()
    bench.client(head + bytes(29_000))
    refused = bench.client(head + bytes(29_000))
    assert refused.recv(12) == b"HTTP/1.1 429"
    bench.loop.finished(bench.started[0], keep=False)
    bench.client(head + bytes(29_000))
    assert bench.refused == [429]
    bench.close()
