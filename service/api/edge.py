"""A gunicorn worker whose threads only ever see complete requests.

The main loop receives without blocking into a buffer for each connection; a request takes a thread when its last byte
is here. A client that drips its head or its body therefore holds a few bytes of memory and nothing else, and what
cannot be served (too large, too late, too many) is refused by the loop itself, at once. gunicorn keeps the rest:
processes, signals, HTTP parsing, WSGI.
"""

from __future__ import annotations

import errno
import selectors
import time
from typing import Any

from gunicorn.http import errors as http_errors
from gunicorn.http import wsgi
from gunicorn.http.body import Body, ChunkedReader, LengthReader
from gunicorn.http.parser import RequestParser
from gunicorn.http.unreader import IterUnreader
from gunicorn.workers.gthread import ThreadWorker

from service import config
from service.api import edge_reply, edge_stream
from service.api.edge_buffer import RawRequest
from service.api.edge_conn import ClientGone, Conn
from service.api.edge_loop import EdgeLoop
from service.api.event_stream import EventStream
from service.errors import Draining
from service.heartbeat import Heartbeat
from service.telemetry import HttpMetrics

_BEAT_S = 0.5
_TICK_S = 1.0
# How long a stopping worker still takes requests on open connections: one may be on its way already.
_STOP_IDLE_S = 0.5
_STOP_READING_S = 2.0
_ACCEPT_PAUSE_S = 0.5
# So long before the end of the drain streams that are still open are told of it.
_STOP_STREAMS_S = 3.0
# A worker whose threads are all taken leaves new connections to the others for this long before it takes them itself.
_YIELD_S = 0.01

_REFUSALS: tuple[tuple[type[Exception], edge_reply.Refusal], ...] = (
    (http_errors.LimitRequestLine, edge_reply.LINE_TOO_LARGE),
    (http_errors.LimitRequestHeaders, edge_reply.HEAD_TOO_LARGE),
    (http_errors.ExpectationFailed, edge_reply.EXPECTATION),
    (http_errors.UnsupportedTransferCoding, edge_reply.UNKNOWN_CODING),
    (http_errors.ForbiddenProxyRequest, edge_reply.FORBIDDEN),
)


class EdgeWorker(ThreadWorker):  # type: ignore[misc]
    """Serves complete requests from a bounded pool of threads. Named in `gunicorn_conf.py`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.settings = config.load()
        self._accept_again_at = 0.0
        self._yielded = False
        self._beaten_at = 0.0
        self._heartbeat: Heartbeat | None = None
        self._addresses: dict[int, Any] = {}
        self.loop: EdgeLoop

    def init_process(self) -> None:
        """Set up what belongs to this process, then serve until told to stop."""
        self._metrics = HttpMetrics(lambda _: False)
        try:
            super().init_process()
        finally:
            if self._heartbeat is not None:
                self._heartbeat.close()

    def notify(self) -> None:
        """Show the arbiter and the probes that the main loop turns; at most twice a second."""
        now = time.monotonic()
        if now - self._beaten_at >= _BEAT_S:
            self._beaten_at = now
            super().notify()
            if self._heartbeat is not None:
                self._heartbeat.beat()

    def run(self) -> None:
        """The main loop."""
        # The first beat says that signals are heard: whoever waits for it may send one.
        self._heartbeat = Heartbeat(self.settings.run_folder / "heartbeats", "api")
        self.poller.register(self.method_queue.fileno(), selectors.EVENT_READ, self.method_queue.run_callbacks)
        self.loop = EdgeLoop(self.settings, self.poller, self.cfg.threads, self._submit, self._count)
        self.set_accept_enabled(True)
        while self.alive:
            self._turn()
            if not self._accepting and time.monotonic() >= self._accept_again_at and self.loop.has_room():
                self.set_accept_enabled(True)
            if not self.is_parent_alive():
                break
        self._drain()

    def _turn(self) -> None:
        self.notify()
        wait_s = self.loop.wait_s(_TICK_S)
        pause_s = self._accept_again_at - time.monotonic()
        if pause_s > 0 and self.alive:
            wait_s = min(wait_s, pause_s)
        for key, _ in self.poller.select(wait_s):
            if type(key.data) is Conn:
                self.loop.on_event(key.data)
            else:
                key.data(key.fileobj)
        self.loop.sweep()

    def _drain(self) -> None:
        """Refuse connections, finish what has arrived, then let go of the rest."""
        self.alive = False
        self.set_accept_enabled(False)
        for listener in self.sockets:
            # Connections that the kernel has already accepted for us would otherwise be reset.
            for _ in range(self.settings.api_connections):
                if not self._accept_one(listener):
                    break
            listener.close()
        self.loop.hurry(_STOP_READING_S, _STOP_IDLE_S)
        end = time.monotonic() + self.settings.drain_timeout_s
        last_s = end - min(_STOP_STREAMS_S, self.settings.drain_timeout_s / 4)
        while self.loop.count and time.monotonic() < end:
            self._turn()
            if time.monotonic() >= last_s:
                for stream in [conn.stream for conn in self.loop.streaming if conn.stream is not None]:
                    stream.stop(Draining("the service is shutting down; send the request again"))
        self.loop.close_all()
        self.tpool.shutdown(wait=False)
        self.poller.close()
        self.method_queue.close()

    # -- connections

    def accept(self, listener: Any) -> None:
        """Accept one connection, or stop accepting: for a moment when another worker may have a thread free."""
        if self.loop.busy >= self.cfg.threads and self.cfg.workers > 1 and not self._yielded:
            self._yielded = True
            self._accept_again_at = time.monotonic() + _YIELD_S
            self.set_accept_enabled(False)
            return
        self._yielded = False
        if not self.loop.make_room():
            self.set_accept_enabled(False)
            return
        self._accept_one(listener)

    def _accept_one(self, listener: Any) -> bool:
        try:
            sock, client = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                self.log.warning("cannot accept connections: %s", error.strerror)
                self._accept_again_at = time.monotonic() + _ACCEPT_PAUSE_S
                self.set_accept_enabled(False)
            return False
        server = self._addresses.get(id(listener))
        if server is None:
            server = self._addresses[id(listener)] = listener.getsockname()
        self.loop.add(sock, client, server)
        return True

    def _count(self, refusal: edge_reply.Refusal) -> None:
        self._metrics.request("edge", refusal.status, refusal.code, 0.0)

    def _submit(self, conn: Conn) -> None:
        self.tpool.submit(self._serve, conn, time.monotonic())

    def _serve(self, conn: Conn, complete_s: float) -> None:
        """Answer one request, in a thread of the pool."""
        keep: bool | None = False
        self._metrics.waited(time.monotonic() - complete_s)
        try:
            keep = self.handle(conn)
        finally:
            if keep is not None:
                self.method_queue.defer(self.loop.finished, conn, keep)

    # -- requests, in threads of the pool

    def handle(self, conn: Conn) -> bool | None:
        """Parse and answer a complete request.

        Returns:
            Whether the connection stays open; None when the reply goes on by itself.
        """
        raw = conn.request
        if raw is None:
            return False
        try:
            req = next(RequestParser(self.cfg, [raw.head], conn.client))
            _set_body(req, raw)
        except (http_errors.ParseException, http_errors.NoMoreData, StopIteration) as error:
            refusal = next((refusal for kind, refusal in _REFUSALS if isinstance(error, kind)), edge_reply.MALFORMED)
            self._refuse(conn, raw, refusal)
            return False
        try:
            return self.handle_request(req, conn)
        except ClientGone as error:
            self.log.debug("client gone: %s", error)
        except (Exception, SystemExit):
            self.log.exception("request failed: %s %s", req.method, req.path)
            self._refuse(conn, raw, edge_reply.FAILED)
        return False

    def _refuse(self, conn: Conn, raw: RawRequest, refusal: edge_reply.Refusal) -> None:
        self._count(refusal)
        request_id = edge_reply.request_id_of(raw.head, self.settings.trust_request_id)
        try:
            conn.sock.sendall(edge_reply.render(refusal, request_id, with_body=not raw.head.startswith(b"HEAD ")))
        except ClientGone as error:
            self.log.debug("client gone: %s", error)

    def handle_request(self, req: Any, conn: Conn) -> bool | None:
        """Call the application and send what it returns; as the parent's, without what only open sockets need."""
        # The main loop has sent it, when it was still of use.
        req._expected_100_continue = False
        resp, environ = wsgi.create(req, conn.sock, conn.client, conn.server, self.cfg)
        environ["wsgi.multithread"] = True
        resp.version = "precis"
        items: Any = None
        try:
            items = self.wsgi(environ, resp.start_response)
            conn.sock.spills = resp.response_length is not None
            if not self.alive:
                resp.force_close()
            if (stream := edge_stream.behind(resp, environ)) is not None:
                self._hand_over(stream, resp, items, conn)
                items = None
                return None
            for item in items:
                resp.write(item)
            resp.close()
        except ClientGone:
            raise
        except (Exception, SystemExit):
            if not resp.headers_sent:
                raise
            # The client sees that the reply is cut, as the connection ends without the last chunk.
            self.log.exception("reply broken off: %s %s", req.method, req.path)
            return False
        finally:
            if hasattr(items, "close"):
                items.close()
        return not resp.should_close()

    def _hand_over(self, stream: EventStream, resp: Any, items: Any, conn: Conn) -> None:
        """Let the thread behind a stream write the reply, and this one go."""
        resp.send_headers()

        def finish() -> None:
            keep = edge_stream.close(stream, resp, items)
            self.method_queue.defer(self.loop.finished, conn, keep)

        conn.stream = stream
        self.method_queue.defer(self.loop.streams, conn)
        stream.connect(resp.write, finish)


def _set_body(req: Any, raw: RawRequest) -> None:
    """Give the parsed head the body that was received with it.

    Raises:
        http_errors.InvalidHeader: gunicorn reads another length from the head than the edge did.
    """
    reader = req.body.reader
    if raw.chunked:
        agreed = isinstance(reader, ChunkedReader)
    else:
        agreed = isinstance(reader, LengthReader) and reader.length == len(raw.body)
    if raw.suspect or not agreed:
        raise http_errors.InvalidHeader("Content-Length", req=req)
    if raw.body or raw.chunked:
        req.body = Body(LengthReader(IterUnreader([raw.body]), len(raw.body)))
