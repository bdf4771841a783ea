"""An API that streams on command: the real app with a fake pipeline, and one endpoint that writes what a test says."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from service.config import Settings
from tests.api.conftest import Bench

EVENTS = "text/event-stream"
_END = b""


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        """Tests read no access log."""


@dataclass
class Streaming:
    """What the endpoint does next, and what it was asked."""

    port: int = 0
    refuses: bool = False
    accepted: list[str] = field(default_factory=list)
    _said: queue.Queue[bytes] = field(default_factory=queue.Queue)
    _count: int = 0

    def event(self, name: str, **data: Any) -> bytes:
        """An event as the API writes it."""
        text = json.dumps({"seq": self._count, **data}, ensure_ascii=False)
        made = f"id: {self._count}\nevent: {name}\ndata: {text}\n\n".encode()
        self._count += 1
        return made

    def say(self, *parts: bytes) -> None:
        """Send these bytes, each on its own."""
        for part in parts:
            self._said.put(part)

    def end(self) -> None:
        """End the stream."""
        self._said.put(_END)
        self._count = 0

    def _body(self) -> Iterator[bytes]:
        while True:
            part = self._said.get(timeout=60)
            if part == _END:
                return
            yield part

    def app(self, inner: Any) -> Any:
        """The app with the endpoint in it."""

        def answer(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
            if environ["PATH_INFO"] == "/openapi.json":
                return _patched(inner, environ, start)
            accept = environ.get("HTTP_ACCEPT", "")
            asked = environ["PATH_INFO"] == "/v1/summarize"
            if asked:
                self.accepted.append(accept)
            if not asked or EVENTS not in accept:
                found: Iterable[bytes] = inner(environ, start)
                return found
            environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            if self.refuses:
                start("400 BAD REQUEST", [("Content-Type", "application/problem+json")])
                return [b'{"code": "bad_request", "detail": "`Accept` is not supported"}']
            start("200 OK", [("Content-Type", f"{EVENTS}; charset=utf-8"), ("Cache-Control", "no-store")])
            return self._body()

        return answer


def _patched(inner: Any, environ: dict[str, Any], start: Any) -> list[bytes]:
    environ.pop("HTTP_ACCEPT_ENCODING", None)
    # Another length, so the headers are made anew.
    document = json.loads(b"".join(inner(environ, lambda status, headers: None)))
    document["paths"]["/v1/summarize"]["post"]["responses"]["200"]["content"][EVENTS] = {"schema": {"type": "string"}}
    start("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(document).encode()]


@contextmanager
def streaming() -> Iterator[Streaming]:
    """A running API of that kind."""
    script = Streaming()
    server = make_server("127.0.0.1", 0, script.app(Bench(Settings()).app), threaded=True, request_handler=_Quiet)
    script.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield script
    finally:
        script.end()
        server.shutdown()
        thread.join()
        server.server_close()
