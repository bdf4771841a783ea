"""Deliveries to a real server on this machine."""

from __future__ import annotations

import hashlib
import hmac
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from service.jobs.targets import rules_of
from service.jobs.webhook import Webhooks


@dataclass
class Receiver:
    """A caller's server: what it was sent, and what it answers."""

    port: int = 0
    statuses: list[int] = field(default_factory=list)
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}/done"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A server that answers 200, or the statuses it is given first."""
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.received.append(({k.lower(): v for k, v in self.headers.items()}, body))
            status = found.statuses.pop(0) if found.statuses else 200
            self.send_response(status)
            if status == 302:
                self.send_header("Location", f"http://127.0.0.1:{found.port}/elsewhere")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def hooks(*ports: int, private: bool = True, host: str = "127.0.0.1", timeout_s: float = 5) -> Webhooks:
    """Webhooks that may go to these ports."""
    hosts = " ".join(f"{host}:{port}" for port in ports)
    return Webhooks(rules_of(hosts, private=private), b"secret", 8, 5, timeout_s)


def test_a_delivery_is_signed(receiver: Receiver) -> None:
    """The signature is the HMAC of time, dot and body, as docs/JOBS.md has callers check it."""
    assert hooks(receiver.port).send(receiver.url, "abc", b'{"id":"abc"}')
    ((headers, body),) = receiver.received
    assert headers["precis-job"] == "abc"
    assert headers["host"] == f"127.0.0.1:{receiver.port}"
    parts = dict(part.split("=", 1) for part in headers["precis-signature"].split(","))
    expected = hmac.new(b"secret", parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(parts["v1"], expected)
    assert abs(time.time() - int(parts["t"])) < 60


def test_redirects_are_not_followed(receiver: Receiver) -> None:
    """A redirect is a failed attempt, and nothing else is asked."""
    receiver.statuses = [302]
    assert not hooks(receiver.port).send(receiver.url, "abc", b"{}")
    assert len(receiver.received) == 1


def test_other_statuses_are_failures(receiver: Receiver) -> None:
    """Only 200 to 299 is a delivery."""
    receiver.statuses = [500, 404, 204]
    assert [hooks(receiver.port).send(receiver.url, "abc", b"{}") for _ in range(3)] == [False, False, True]


def test_a_name_that_leads_inside_is_not_connected_to(receiver: Receiver) -> None:
    """Without the private setting no byte reaches a server on this machine, whatever its name resolves to."""
    open_ = hooks(443, private=False, host="hooks.example.com")
    for address in ("127.0.0.1", "::ffff:127.0.0.1", "169.254.169.254"):
        assert not open_.send("https://hooks.example.com/", "abc", b"{}", lambda host, port, a=address: [a])
    assert receiver.received == []


def test_the_address_that_was_judged_is_the_one_connected_to(receiver: Receiver) -> None:
    """The name is resolved once: one that answers differently the second time gains nothing."""
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    sent = hooks(receiver.port, host="hooks.example.com").send(
        f"http://hooks.example.com:{receiver.port}/x", "abc", b"{}", rebinding
    )
    assert sent
    assert asked == ["hooks.example.com"]
    assert receiver.received[0][0]["host"] == f"hooks.example.com:{receiver.port}"


def test_a_server_that_drips_is_cut_off() -> None:
    """The time of an attempt holds for all of it, not for each byte."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        ended = threading.Event()

        def drip() -> None:
            client, _ = server.accept()
            with client:
                try:
                    client.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                    while not ended.wait(0.05):
                        client.sendall(b"x")
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        started_s = time.monotonic()
        assert not hooks(port, timeout_s=0.5).send(f"http://127.0.0.1:{port}/", "abc", b"{}")
        took_s = time.monotonic() - started_s
        ended.set()
        thread.join()
    assert took_s < 4


def test_waits_grow_and_end() -> None:
    """About 5 s first, four times as long each time, an hour at most; after the last attempt there is none."""
    sender = hooks(1)
    for attempt, longest in ((1, 5), (2, 20), (3, 80), (7, 3600)):
        wait_s = sender.wait_s(attempt)
        assert wait_s is not None
        assert longest / 2 <= wait_s <= longest
    assert sender.wait_s(8) is None
