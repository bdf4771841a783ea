"""A chat server on a real socket that does what a test tells it, byte by byte."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

HANG_UNTIL_CLIENT_LEAVES = b"\0hang"
RESET = b"\0reset"
GUARD_S = 20.0


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def system(self) -> str:
        return str(self.body["messages"][0]["content"])

    @property
    def user(self) -> str:
        return str(self.body["messages"][1]["content"])

    @property
    def fenced(self) -> list[str]:
        """The lines of the text between the two marks."""
        lines = self.user.split("\n")
        mark = lines[0].removeprefix("=== TEXT ").removesuffix(" ===")
        return lines[1 : lines.index(f"=== END {mark} ===")]


Behaviour = Callable[[Asked], Iterator[bytes]]


@dataclass
class ScriptedServer:
    """Answers POST requests with what `behave` yields; a yielded RESET breaks the connection off."""

    behave: Behaviour
    asked: list[Asked] = field(default_factory=list)
    hung_up: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._accept, name="scripted")]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> ScriptedServer:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(GUARD_S)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open.add(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), name="scripted")
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as stream:
            while (asked := _read(stream)) is not None:
                if asked.path.endswith("/models"):
                    connection.sendall(whole(b"{}"))
                    continue
                self.asked.append(asked)
                for piece in self.behave(asked):
                    if piece == HANG_UNTIL_CLIENT_LEAVES:
                        self.reached.set()
                        if not stream.read(1):
                            self.hung_up.set()
                        return
                    if piece == RESET:
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        return
                    connection.sendall(piece)


def _read(stream: Any) -> Asked | None:
    first = stream.readline().decode()
    if not first:
        return None
    headers = {}
    while (line := stream.readline().decode().strip()) != "":
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", 0)))
    return Asked(first.split()[1], headers, json.loads(body) if body else {})


def whole(body: bytes, status: int = 200, kind: str = "application/json", **headers: str) -> bytes:
    """A response with a length."""
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def chunk(body: bytes) -> bytes:
    """A piece of a response in chunks."""
    return f"{len(body):x}\r\n".encode() + body + b"\r\n"


def delta(text: str) -> bytes:
    """An event with a piece of an answer, its characters unescaped, so that they can be cut in the middle."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return f"data: {json.dumps({'choices': [choice]}, ensure_ascii=False)}\n\n".encode()


def last(finish: str = "stop") -> bytes:
    """The events that close an answer: reason, usage, end."""
    finished = {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}
    usage = {"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107}}
    return f"data: {json.dumps(finished)}\n\ndata: {json.dumps(usage)}\n\ndata: [DONE]\n\n".encode()


def says(text: str, finish: str = "stop") -> Iterator[bytes]:
    """A whole streamed answer, a few words an event."""
    middle = len(text) // 2
    yield HEAD + chunk(delta(text[:middle])) + chunk(delta(text[middle:])) + chunk(last(finish)) + END


def script(*answers: Callable[[Asked], Iterator[bytes]] | Iterator[bytes] | str) -> Behaviour:
    """Answer the first request with the first entry, and so on; the last entry serves all that follow."""
    left = list(answers)
    lock = threading.Lock()

    def behave(asked: Asked) -> Iterator[bytes]:
        with lock:
            answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, str):
            return says(answer)
        return answer(asked) if callable(answer) else answer

    return behave
