"""A real HTTP server that says byte by byte what a test wants, and keeps what it was asked."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

# A step of a reply: bytes to send, an event to wait for, or the end of the connection with a reset.
RESET = None
Step = bytes | threading.Event | None
Script = Sequence[Step]
WAIT_S = 20.0


@dataclass(frozen=True)
class Asked:
    """A request as it came; names of headers in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


@dataclass
class Scripted:
    """A running server."""

    url: str
    asked: list[Asked] = field(default_factory=list)
    hung_up: threading.Event = field(default_factory=threading.Event)


def reply(status: int, body: object = b"", *, kind: str = "application/json", **headers: str) -> Script:
    """A whole reply in one piece; `body` is JSON unless it is bytes. The connection is closed behind it."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = (
        f"HTTP/1.1 {status} Word\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n{more}Connection: close\r\n"
    )
    return [head.encode() + b"\r\n" + data]


def problem(status: int, code: str, *, after: str | None = None, **more: object) -> Script:
    """A refusal as the service writes it."""
    kind = {"type": f"urn:precis:problem:{code}", "title": "T", "status": status, "code": code}
    body = {**kind, "detail": f"it is {code}", "request_id": "r1", **more}
    headers = {"Retry_After": after} if after is not None else {}
    return reply(status, body, kind="application/problem+json", **headers)


STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-store\r\n"
    b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
)
STREAM_END = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """A piece of a body whose length is not known beforehand. Readers see its bounds."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def stream(body: bytes, size: int = 1_000_000, *, end: bool = True) -> Script:
    """A stream of events, cut into chunks of `size` bytes."""
    pieces = [chunk(body[at : at + size]) for at in range(0, len(body), size)]
    return [STREAM_HEAD, *pieces, *([STREAM_END] if end else [])]


def event(name: str, seq: int, **data: object) -> bytes:
    """One event as the service writes it."""
    line = json.dumps({"seq": seq, **data}, ensure_ascii=False)
    return f"id: {seq}\nevent: {name}\ndata: {line}\n\n".encode()


@contextmanager
def scripted(*scripts: Script) -> Iterator[Scripted]:
    """A server that gives the first request the first script and so on, and the last one to all that follow."""
    listener = socket.create_server(("127.0.0.1", 0))
    found = Scripted(f"http://127.0.0.1:{listener.getsockname()[1]}")
    handlers: list[threading.Thread] = []
    lock = threading.Lock()

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.settimeout(WAIT_S)
            asked = _read(connection)
            if asked is None:
                return
            with lock:
                found.asked.append(asked)
                script = scripts[min(len(found.asked), len(scripts)) - 1]
            _play(connection, script, found.hung_up)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                handlers.append(threading.Thread(target=serve, args=(connection,)))
                handlers[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield found
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join(WAIT_S)
        for handler in handlers:
            handler.join(WAIT_S)


def _play(connection: socket.socket, script: Script, hung_up: threading.Event) -> None:
    for step in script:
        if step is RESET:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        if isinstance(step, threading.Event):
            step.wait(WAIT_S)
            continue
        try:
            connection.sendall(step)
        except OSError:
            hung_up.set()
            raise
    if not script:
        return
    connection.shutdown(socket.SHUT_WR)
    connection.settimeout(WAIT_S)
    with contextlib.suppress(OSError):
        connection.recv(1)  # until the other side has closed


def _read(connection: socket.socket) -> Asked | None:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", "0"))
    while len(body) < length:
        body += connection.recv(65536)
    method, target, _ = first.split(" ")
    return Asked(method, target, headers, body)
