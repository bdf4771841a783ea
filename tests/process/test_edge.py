"""The HTTP edge under a real gunicorn: slow, greedy, broken and impatient clients."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection, HTTPResponse, parse_headers
from pathlib import Path

import pytest

from service.heartbeat import ages

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
LIMIT = 100_000
READ_TIMEOUT_S = 1.5
CONNECTIONS = 24
GET = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"


class Server:
    """gunicorn with one worker and one thread, so that a thread held by anybody is noticed by everybody."""

    def __init__(self, folder: Path, **settings: object) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        given = {
            "PORT": self.port,
            "RUNTIME_DIR": folder,
            "API_WORKERS": 1,
            "API_THREADS": 1,
            "API_BACKLOG": 1,
            "API_CONNECTIONS": CONNECTIONS,
            "READ_TIMEOUT_S": READ_TIMEOUT_S,
            "MAX_BODY_BYTES": LIMIT,
            **settings,
        }
        env = {name: value for name, value in os.environ.items() if not name.startswith("PRECIS_")}
        env |= {f"PRECIS_{name}": str(value) for name, value in given.items()}
        command = [sys.executable, "-m", "gunicorn", "-c", "python:service.api.gunicorn_conf"]
        self.lines: list[str] = []
        self.booted = threading.Event()
        self.heartbeats = folder / str(self.port) / "heartbeats"
        self.process = subprocess.Popen(
            [*command, "tests.process.edge_app:app"], env=env, cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        assert self.booted.wait(20), self.lines

    def _read(self) -> None:
        for line in self.process.stderr:
            self.lines.append(line)
            if "Booting worker" in line:
                self.booted.set()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def stop(self) -> int:
        self.process.terminate()
        try:
            return self.process.wait(15)
        finally:
            self.process.kill()
            self.process.wait()
            self._reader.join()
            self.process.stderr.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("edge"))
    yield running
    running.stop()


@pytest.fixture
def fresh(tmp_path):
    running = Server(tmp_path / "run")
    yield running
    running.stop()


@pytest.fixture
def gate(tmp_path):
    folder = tmp_path / "gate"
    folder.mkdir()
    for name in ("entered", "open"):
        os.mkfifo(folder / name)
    return folder


def hold(server, gate):
    """Occupy the only thread until `release`."""
    sock = server.connect()
    sock.sendall(f"GET /gate?{gate} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    (gate / "entered").read_text()
    return sock


def release(gate):
    (gate / "open").write_text("x")


def reply(sock, method="GET"):
    """One reply: status, headers, body."""
    response = HTTPResponse(sock, method=method)
    response.begin()
    return response.status, response.headers, response.read()


def next_body(stream):
    """The body of one reply among several on the wire; `HTTPResponse` would read ahead and lose the others."""
    assert stream.readline() in (b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 200 OK\r\n")
    return stream.read(int(parse_headers(stream)["Content-Length"]))


def problem(sock, status, code, method="GET"):
    """One refusal, checked for its form; the connection ends behind it."""
    got, headers, body = reply(sock, method)
    said = json.loads(body)
    assert (got, said["status"], said["code"]) == (status, status, code)
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["X-Request-Id"] == said["request_id"]
    assert set(said) >= {"type", "title", "status", "code", "detail", "request_id"}
    assert headers["Connection"] == "close"
    return headers, said


def ask(server, path="/hello", body=None, headers=None):
    """A well-behaved client."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    with contextlib.closing(connection):
        connection.request("POST" if body is not None else "GET", path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.read()


def test_a_request_sent_byte_by_byte_is_answered(server):
    """Slow is not wrong."""
    with server.connect() as sock:
        for byte in b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello":
            sock.sendall(bytes([byte]))
        status, _, body = reply(sock)
    assert status == 200
    assert json.loads(body)["body_head"] == "hello"


def test_dripping_clients_hold_no_thread(server):
    """With one thread and many unfinished heads and bodies, an ordinary client is served before any of them ends."""
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(server.connect()) for _ in range(12)]
        for number, sock in enumerate(slow):
            body = b"Content-Length: 50\r\n\r\nab" if number % 2 else b"X-Slow"
            sock.sendall(b"POST /x HTTP/1.1\r\nHost: a\r\n" + body)
        assert ask(server) == (200, b"hello")
        for sock in slow:
            sock.setblocking(False)
            with pytest.raises(BlockingIOError):
                sock.recv(1)


@pytest.mark.parametrize("start", [b"POST /x HT", b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel"])
def test_unfinished_requests_end_at_the_read_timeout(server, start):
    """Head or body: the time is for the whole request."""
    with server.connect() as sock:
        sock.sendall(start)
        problem(sock, 408, "bad_request")
        assert sock.recv(1) == b""


def test_a_silent_connection_is_closed_without_a_word(server):
    """Nobody asked anything, so nothing is answered."""
    with server.connect() as sock:
        assert sock.recv(1) == b""


def test_an_announced_body_over_the_limit_is_refused_while_it_is_sent(server):
    """The client of 50 MB gets its reply, and the service takes in next to nothing of it."""
    with server.connect() as sock:
        sock.sendall(b"POST /x HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine\r\nContent-Length: 50000000\r\n\r\n")
        sent = 0
        sock.setblocking(False)
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while sent < 50_000_000:
                sent += sock.send(bytes(65536))
        sock.settimeout(10)
        headers, _ = problem(sock, 413, "payload_too_large", "POST")
    assert headers["X-Request-Id"] == "mine"
    assert sent < 50_000_000


def test_a_simple_client_a_little_over_the_limit_sees_the_refusal(server):
    """A client that sends everything before it reads is not cut off by a reset."""
    status, body = ask(server, "/x", bytes(LIMIT + 1))
    assert status == 413
    assert json.loads(body)["code"] == "payload_too_large"
    assert json.loads(ask(server, "/x", bytes(LIMIT))[1])["body_bytes"] == LIMIT


def test_a_chunked_body_over_the_limit_is_refused(server):
    """Without an announcement the limit is met on the way."""
    with server.connect() as sock:
        sock.sendall(b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        sock.sendall((b"8000\r\n" + bytes(0x8000) + b"\r\n") * 4)
        problem(sock, 413, "payload_too_large", "POST")


def test_a_chunked_body_arrives_whole_and_the_connection_lives_on(server):
    """Extensions and trailers are dropped, data is joined."""
    with server.connect() as sock:
        for _ in range(2):
            sock.sendall(b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            sock.sendall(b"3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: y\r\n\r\n")
            status, _, body = reply(sock)
            assert (status, json.loads(body)["body_head"]) == (200, "abcde")


def test_pipelined_requests_are_answered_in_order(server):
    """What is behind a request waits for the reply before it."""
    with server.connect() as sock:
        sock.sendall(
            b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none"
            + GET
            + b"GET /3 HTTP/1.1\r\nHost: a\r\n\r\nGET"
        )
        with sock.makefile("rb") as stream:
            assert json.loads(next_body(stream))["body_head"] == "one"
            assert next_body(stream) == b"hello"
            assert json.loads(next_body(stream))["path"] == "/3"
            sock.sendall(b" /4 HTTP/1.0\r\n\r\n")
            assert json.loads(next_body(stream))["path"] == "/4"
            assert stream.read() == b""


def test_a_half_closed_client_gets_all_its_replies(server):
    """Closing the sending side behind the last request is allowed."""
    with server.connect() as sock:
        sock.sendall(GET + GET)
        sock.shutdown(socket.SHUT_WR)
        with sock.makefile("rb") as stream:
            assert [next_body(stream), next_body(stream)] == [b"hello", b"hello"]
            assert stream.read() == b""


def test_expect_continue_is_answered_once_and_before_the_body(server):
    """The client waits for the interim reply; there must not be a second one."""
    with server.connect() as sock:
        sock.sendall(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"abc")
        head = b""
        while b"\r\n" not in head:
            head += sock.recv(4096)
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")


def test_expect_continue_over_the_limit_is_refused_before_the_body(server):
    """The body need not be sent to learn that it is too large."""
    with server.connect() as sock:
        sock.sendall(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\nExpect: 100-continue\r\n\r\n")
        problem(sock, 413, "payload_too_large", "POST")


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"\x16\x03\x01\x00\xa5\x01\x00", 400),
        (b"GET / HTTP/1.1\n\n", 400),
        (b"GET /\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nBad Name: x\r\n\r\n", 400),
        (b"GET / HTTP/3.0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: martian\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nA: " + b"b" * 70_000, 431),
        (b"GET / HTTP/1.1\r\nExpect: miracles\r\n\r\n", 417),
    ],
)
def test_malformed_requests_get_a_problem_reply(server, raw, status):
    """Never an HTML page, never a 500, never silence."""
    with server.connect() as sock:
        sock.sendall(raw)
        problem(sock, status, "bad_request")


def test_an_application_that_fails_is_answered_with_a_problem(server):
    """Also when it fails with an exception that has a meaning inside the worker."""
    for path in (b"/boom", b"/stop-iteration"):
        with server.connect() as sock:
            sock.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n")
            problem(sock, 500, "engine_failed")


def test_a_refused_head_request_has_no_body(server):
    """The reply to HEAD is a head, whoever writes it."""
    with server.connect() as sock:
        sock.sendall(b"HEAD /boom HTTP/1.1\r\nHost: a\r\n\r\n")
        raw = b"".join(iter(lambda: sock.recv(4096), b""))
    assert raw.startswith(b"HTTP/1.1 500 ")
    assert raw.endswith(b"\r\n\r\n")


def test_overload_is_refused_at_once_and_gone_clients_free_the_queue(server, gate, tmp_path):
    """One runs, one waits, the next gets 429; a waiting one that hangs up is never run and makes room."""
    marks = tmp_path / "marks"
    mark = f"GET /mark?{marks} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
    with hold(server, gate) as running:
        waiting = server.connect()
        waiting.sendall(mark)
        with server.connect() as third:
            third.sendall(GET)
            headers, _ = problem(third, 429, "overloaded")
            assert headers["Retry-After"] == "1"
        waiting.close()
        # The hang-up is seen before this connection, as the kernel reports them in order.
        with server.connect() as fourth:
            fourth.sendall(mark)
            release(gate)
            assert reply(running)[0] == 200
            assert reply(fourth)[0] == 200
    assert marks.read_text() == "x"


def test_a_client_that_does_not_read_is_let_go(server):
    """A thread waits for a reader only so long; then it serves others."""
    with server.connect() as sock:
        sock.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        assert sock.recv(9) == b"HTTP/1.1 "
        assert ask(server) == (200, b"hello")


BIG = b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n"


def test_readers_that_read_nothing_hold_no_thread(server):
    """The only thread serves others at once, while more slow readers wait than one worker keeps replies for."""
    with contextlib.ExitStack() as stack:
        for _ in range(12):
            slow = stack.enter_context(server.connect())
            slow.sendall(BIG)
            assert slow.recv(9) == b"HTTP/1.1 "
            started = time.monotonic()
            assert ask(server) == (200, b"hello")
            assert time.monotonic() - started < READ_TIMEOUT_S / 2


def test_a_slow_reader_has_its_whole_reply(server):
    """What the loop sends on arrives unharmed, and the connection serves the request behind it."""
    with server.connect() as sock:
        sock.sendall(BIG + GET)
        assert ask(server) == (200, b"hello")
        # Both replies through one file: a reader of the first may take the begin of the second with it.
        with sock.makefile("rb") as replies:
            for expected in (bytes(range(256)) * (16 * 1024), b"hello"):
                assert replies.readline().split()[1] == b"200"
                length = int(parse_headers(replies)["Content-Length"])
                assert replies.read(length) == expected


def test_kept_alive_connections_are_reused(server):
    """Several requests on one connection, and a streamed reply between them."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    with contextlib.closing(connection):
        connection.connect()
        first = connection.sock
        for path, expected in (("/hello", b"hello"), ("/stream", b"one two three"), ("/hello", b"hello")):
            connection.request("GET", path)
            assert connection.getresponse().read() == expected
        assert connection.sock is first


def test_at_the_connection_limit_the_longest_idle_makes_room(fresh):
    """Idle connections never keep a new client out."""
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(fresh.connect()) for _ in range(CONNECTIONS)]
        for sock in idle:
            sock.sendall(GET)
            assert reply(sock)[0] == 200
        assert ask(fresh) == (200, b"hello")
        assert idle[0].recv(1) == b""
        idle[-1].sendall(GET)
        assert reply(idle[-1])[0] == 200


def test_slow_senders_cannot_fill_the_connections(fresh):
    """When all connections are slow senders, the slowest is given up for a new client."""
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(fresh.connect()) for _ in range(CONNECTIONS)]
        for sock in slow:
            sock.sendall(b"POST /x HT")
        assert ask(fresh) == (200, b"hello")
        problem(slow[0], 408, "bad_request")


def test_the_main_loop_beats_and_removes_its_heartbeat(fresh):
    """Probes see the worker for as long as it lives."""
    assert ask(fresh) == (200, b"hello")
    assert [age < 5 for age in ages(fresh.heartbeats, "api").values()] == [True]
    assert fresh.stop() == 0
    assert list(fresh.heartbeats.iterdir()) == []


def test_sigterm_finishes_what_has_arrived_and_exits_0(fresh, gate):
    """In flight and waiting requests are answered, idle connections closed, new ones refused."""
    with fresh.connect() as idle, fresh.connect() as waiting:
        idle.sendall(GET)
        assert reply(idle)[2] == b"hello"
        running = hold(fresh, gate)
        waiting.sendall(GET)
        fresh.process.send_signal(signal.SIGTERM)
        assert idle.recv(1) == b""
        release(gate)
        assert reply(running)[0] == 200
        status, headers, body = reply(waiting)
        assert (status, headers["Connection"], body) == (200, "close", b"hello")
        assert waiting.recv(1) == b""
        running.close()
    assert fresh.process.wait(10) == 0
    with pytest.raises(ConnectionRefusedError):
        fresh.connect()


def test_log_lines_are_json(fresh):
    """gunicorn's own lines too, and no error is logged in the life of a server."""
    assert ask(fresh) == (200, b"hello")
    assert fresh.stop() == 0
    lines = [json.loads(line) for line in fresh.lines]
    assert {line["level"] for line in lines} == {"info"}
