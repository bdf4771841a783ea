"""Clients that mean harm, for `bench.abuse`: each does one thing over and over until it is told to stop.

One turn returns what it was answered: a status, `closed` for a connection that ended without a reply, `open` where
nobody looked.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import random
import socket
import struct
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

WAIT_S = 20.0


@dataclass(frozen=True)
class Target:
    """The service, and a key with limits that an abuser may have."""

    port: int
    key: str

    def connect(self, receive_bytes: int = 0) -> socket.socket:
        """A connection; with a small window when the client is not going to read."""
        sock = socket.socket()
        sock.settimeout(WAIT_S)
        if receive_bytes:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        sock.connect(("127.0.0.1", self.port))
        return sock

    def once(self, data: bytes) -> str:
        """What raw bytes are answered with."""
        with self.connect() as sock:
            with contextlib.suppress(OSError):
                sock.sendall(data)
            return status_of(sock)

    def post(self, path: str, body: bytes, *headers: str, key: str = "") -> bytes:
        """A request as bytes."""
        lines = [f"POST {path} HTTP/1.1", "Host: a", "Content-Type: application/json",
                 f"Content-Length: {len(body)}", f"X-API-Key: {key or self.key}", *headers]  # fmt: skip
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def status_of(sock: socket.socket) -> str:
    """The status of the next reply, or `closed`."""
    with contextlib.suppress(OSError):
        head = sock.recv(65_536)
        if head.startswith(b"HTTP/1.1 "):
            return head[9:12].decode()
    return "closed"


def reset(sock: socket.socket) -> None:
    """End a connection with RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def bad_keys(target: Target) -> str:
    """Another wrong key each time."""
    return target.once(target.post("/v1/detect", b'{"text": "a"}', key="precis_" + os.urandom(24).hex()))


def huge_announced(target: Target) -> str:
    """A body of ten gigabytes, announced."""
    return target.once(
        target.post("/v1/summarize", b"")[:-4].replace(b"Length: 0", b"Length: 10737418240") + b"\r\n\r\nx"
    )


def huge_chunked(target: Target) -> str:
    """A body without end, in chunks."""
    head = target.post("/v1/summarize", b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    with target.connect() as sock:
        with contextlib.suppress(OSError):
            sock.sendall(head)
            for _ in range(200):
                sock.sendall(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
        return status_of(sock)


def dripping(target: Target, first: bytes, count: int = 100) -> str:
    """Many connections that send a byte a second."""
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(target.connect()) for _ in range(count)]
        for sock in socks:
            sock.sendall(first)
        pause = threading.Event()
        for _ in range(8):
            pause.wait(1)
            for sock in socks:
                with contextlib.suppress(OSError):
                    sock.send(b"x")
    return "open"


def slow_heads(target: Target) -> str:
    """Heads that never end."""
    return dripping(target, b"POST /v1/summarize HTTP/1.1\r\nHost: a\r\nX-")


def slow_bodies(target: Target) -> str:
    """Bodies that never end."""
    return dripping(target, target.post("/v1/summarize", b"")[:-4].replace(b"Length: 0", b"Length: 5000") + b"\r\n\r\n")


def deaf(target: Target) -> str:
    """Large replies that nobody reads."""
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            sock = stack.enter_context(target.connect(2048))
            with contextlib.suppress(OSError):
                sock.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n" * 4)
        threading.Event().wait(4)
    return "open"


SMUGGLED = b"GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n"
MALFORMED = (
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef" + SMUGGLED,
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    b"GET /v1/models HTTP/1.1\r\nHost: a\r\nX-Long: a\r\n folded\r\n\r\n",
    b"GET /v1/models HTTP/1.1\nHost: a\n\n\r\n\r\n",
    b"GET /v1/models HTTP/1.1\r\nHost: a\r\nX-Nul: a\0b\r\n\r\n",
    b"GET /v1/\0models HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nabcde",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1e3\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\nabcde\r\n0\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64) + b"\r\n\r\n",
    b"GET  /v1/models  HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /v1/models HTTP/9.9\r\nHost: a\r\n\r\n",
)
TRAVERSALS = (
    b"/../../../../etc/passwd", b"/%2e%2e/%2e%2e/etc/passwd", b"/docs/..%2f..%2fetc/passwd", b"/ui/....//etc/passwd",
    b"/docs/%00/etc/passwd", b"/v1/jobs/..%5c..%5cetc", b"//etc/passwd", b"/docs/%c0%ae%c0%ae/etc/passwd",
    b"/v1/%ff%fe", b"/?file=../../etc/passwd%00.html"[:1] + b"etc/passwd",
)  # fmt: skip
JSON_BODIES = (
    b"[" * 200_000,
    b'{"text":' * 50_000,
    b'{"text": "a", "length": ' + b"9" * 100_000 + b"}",
    b'{"text": "a", "top": 1e400}',
    b'{"text": "\\ud800 \\udfff"}',
    b'{"text": "\xed\xa0\x80"}',
    b'{"text": "a", "text": "b"}',
    b'{"text": NaN}',
    b"\xff\xfe{\0}\0",
    b'{"text": "' + b"\\u0000" * 10_000 + b'"}',
    b'{"__proto__": {"a": 1}, "text": ""}',
    b"",
)


def malformed(target: Target) -> str:
    """Requests that two parsers could read differently, and what is no HTTP at all."""
    return target.once(random.choice(MALFORMED))


def traversals(target: Target) -> str:
    """Paths that lead out of the service."""
    return target.once(
        b"GET " + random.choice(TRAVERSALS) + f" HTTP/1.1\r\nHost: a\r\nX-API-Key: {target.key}\r\n\r\n".encode()
    )


def bad_json(target: Target) -> str:
    """Bodies that break parsers, with a good key."""
    path = random.choice(("/v1/detect", "/v1/summarize", "/v1/translate", "/v1/batch"))
    return target.once(target.post(path, random.choice(JSON_BODIES)))


_BOMB = gzip.compress(bytes(50_000_000))


def bombs(target: Target) -> str:
    """Fifty megabytes of zeros in fifty kilobytes."""
    return target.once(target.post("/v1/summarize", _BOMB, "Content-Encoding: gzip"))


def header_floods(target: Target) -> str:
    """A thousand header fields, or one of a megabyte."""
    many = b"".join(b"X-%d: a\r\n" % number for number in range(1000))
    fields = random.choice((many, b"X-Long: " + b"a" * 1_000_000 + b"\r\n", b"Cookie: " + b"a=b; " * 3000 + b"\r\n"))
    return target.once(b"GET /v1/models HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n")


def many_connections(target: Target) -> str:
    """Connections that say nothing, more than one worker holds."""
    with contextlib.ExitStack() as stack:
        for _ in range(1200):
            with contextlib.suppress(OSError):
                stack.enter_context(target.connect())
        threading.Event().wait(2)
    return "open"


def pipelining(target: Target) -> str:
    """Two hundred requests at once on one connection, and no look at the replies."""
    with target.connect() as sock:
        with contextlib.suppress(OSError):
            sock.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n" * 200)
        threading.Event().wait(0.5)
        return status_of(sock)


def resets(target: Target) -> str:
    """Connections that are reset in the middle of a request, or of a reply."""
    sock = target.connect()
    data = target.post("/v1/summarize", json.dumps({"text": "One. Two. Three."}).encode())
    sock.sendall(data[: random.randrange(1, len(data) + 1)])
    reset(sock)
    return "open"


ABUSERS: dict[str, Callable[[Target], str]] = {
    function.__name__: function
    for function in (
        bad_keys, huge_announced, huge_chunked, slow_heads, slow_bodies, deaf, malformed, traversals, bad_json, bombs,
        header_floods, many_connections, pipelining, resets,
    )
}  # fmt: skip
# What must not be answered with success whatever happens.
REFUSED = ("bad_keys", "huge_announced", "huge_chunked", "malformed", "traversals", "bombs", "header_floods")


def main() -> None:
    """Let each abuser named go on until the standard input ends, then print what each was answered and how often.

    They give way to the service where processors are short: on machines of their own they would not be in its way.
    """
    os.nice(19)
    port, key, pause, *names = sys.argv[1:]
    target, stop = Target(int(port), key), threading.Event()
    counts = {name: Counter[str]() for name in names}
    threads = [threading.Thread(target=_go_on, args=(name, target, float(pause), stop, counts[name])) for name in names]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join()
    print(json.dumps(counts))


def _go_on(name: str, target: Target, pause_s: float, stop: threading.Event, count: Counter[str]) -> None:
    pause = threading.Event()
    while not stop.is_set():
        try:
            count[ABUSERS[name](target)] += 1
        except OSError as error:
            count[type(error).__name__] += 1
        pause.wait(pause_s)


if __name__ == "__main__":
    main()
