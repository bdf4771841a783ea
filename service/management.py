"""The management port: probes and metrics on a listener of their own, which user traffic cannot fill.

A leaf: it serves whatever functions it is given and knows nothing of the service.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True, slots=True)
class Page:
    """What a management path answers."""

    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"


class ManagementServer:
    """Serves GET on a few fixed paths from a thread.

    Args:
        host, port: where to listen; port 0 picks a free one.
        pages: path to function; a function must neither block nor raise.
    Raises:
        OSError: the address is in use or not ours.
    """

    def __init__(self, host: str, port: int, pages: Mapping[str, Callable[[], Page]]) -> None:
        self._server = _Server((host, port), _handler(pages))
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="management", daemon=True
        )

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        if self._thread.ident is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


def _handler(pages: Mapping[str, Callable[[], Page]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 5  # a probe that does not finish its request holds a thread no longer than this
        server_version = "precis"
        sys_version = ""

        def do_GET(self) -> None:
            page = pages.get(self.path.split("?")[0])
            answer = page() if page else Page(404, b"not found\n")
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:
            """Probes are not logged."""

    return Handler
