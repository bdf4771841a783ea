"""The connections of one worker: reads them, times them, bounds them, and says which request goes to a thread next.

Runs in the worker's main loop only and never blocks. It knows nothing of gunicorn.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable
from typing import Any

from service.api import bodies, edge_reply
from service.api.edge_buffer import RequestBuffer, Verdict
from service.api.edge_conn import Conn, EdgeSocket, State
from service.api.edge_flush import Flusher
from service.config import Settings

MAX_HEAD_BYTES = 64 * 1024
_RECV_BYTES = 64 * 1024
# Bytes of unfinished and waiting requests in one worker; two bodies of the largest size always fit.
_BUDGET_BYTES = 64 * 1024 * 1024
# A request this small is read even when the budget is spent, so that probes get through; connections bound the sum.
_SMALL_BYTES = 16 * 1024
# A client that is refused while it still sends needs a moment: closing with data unread would discard the reply.
_LINGER_S = 2.0
_LINGER_BYTES = 1024 * 1024
_FAIR_READ_S = 1.0  # a request younger than this is not given up to make room for a new connection


class EdgeLoop:
    """All connections of one worker.

    Args:
        settings: limits and times.
        poller: what the worker's main loop waits on; each connection is registered with its `Conn` as data.
        threads: requests that may run at a time.
        start: hands a connection with a complete `request` to a thread; the worker calls `finished` when it is done.
        refused: told of every request that is refused here.
    """

    def __init__(
        self,
        settings: Settings,
        poller: selectors.BaseSelector,
        threads: int,
        start: Callable[[Conn], object],
        refused: Callable[[edge_reply.Refusal], object],
    ) -> None:
        self._settings = settings
        self._poller = poller
        self._threads = threads
        self._start = start
        self._refused = refused
        self._read_s, self._idle_s = float(settings.read_timeout_s), float(settings.keepalive_s)
        self._budget = max(_BUDGET_BYTES, 2 * bodies.largest(settings))
        self._held = self.busy = 0  # bytes counted, threads at work
        self.streaming: dict[Conn, None] = {}  # replies that write themselves, on threads of their own
        self._scratch = memoryview(bytearray(_RECV_BYTES))
        # Every connection in one of these has been given the same time, so each dict is in the order of deadlines.
        self._reading: dict[Conn, None] = {}
        self._idle: dict[Conn, None] = {}
        self._closing: dict[Conn, None] = {}
        self._queued: dict[Conn, None] = {}
        self._slow = Flusher(poller, settings.read_timeout_s, self._answered, self.close)
        self._timed = (self._reading, self._idle, self._closing, self._slow.conns)

    @property
    def count(self) -> int:
        """Open connections."""
        return sum(map(len, (*self._timed, self._queued, self.streaming))) + self.busy

    def has_room(self) -> bool:
        """Whether one more connection may be accepted, perhaps at the cost of another; see `make_room`."""
        return self.count < self._settings.api_connections or self._dispensable() is not None

    def make_room(self) -> bool:
        """Close a connection nobody would miss if the limit is reached; False when there is none."""
        if self.count < self._settings.api_connections:
            return True
        if (conn := self._dispensable()) is None:
            return False
        if conn.state is State.READING and conn.buffer.size:
            self._refuse(conn, edge_reply.TIMEOUT)
        self.close(conn)
        return True

    def _dispensable(self) -> Conn | None:
        """The connection idle for longest, else one already answered, else the slowest reader or sender."""
        for conns in (self._idle, self._closing):
            if conns:
                return next(iter(conns))
        # Both kinds began their time `_read_s` before their deadline.
        for conns in (self._slow.conns, self._reading):
            slowest = next(iter(conns), None)
            if slowest is not None and time.monotonic() - (slowest.deadline - self._read_s) >= _FAIR_READ_S:
                return slowest
        return None

    def add(self, sock: socket.socket, client: Any, server: Any) -> None:
        """Take over an accepted connection."""
        edge = EdgeSocket.of(sock, self._settings.read_timeout_s)
        buffer = RequestBuffer(MAX_HEAD_BYTES, lambda head: bodies.limit_of_head(self._settings, head))
        conn = Conn(edge, client, server, buffer)
        conn.watch(self._poller)
        self._expect(conn)

    def on_event(self, conn: Conn) -> None:
        """Act on a connection that has become readable, or was closed by the client."""
        if conn.state in (State.READING, State.IDLE):
            self._receive(conn)
        elif conn.state is State.CLOSING:
            self._drain(conn)
        elif conn.state is State.FLUSHING:
            self._slow.on_writable(conn)
        elif conn.state is not State.CLOSED:
            self._peek(conn)

    def streams(self, conn: Conn) -> None:
        """Let a reply go on by itself: the thread of its request is free."""
        self.busy -= 1
        self.streaming[conn] = None
        self._start_queued()

    def finished(self, conn: Conn, keep: bool) -> None:
        """Take a connection back from its thread.

        Args:
            conn: the connection.
            keep: whether the reply said that it stays open.
        """
        if conn in self.streaming:
            del self.streaming[conn]
        else:
            self.busy -= 1
        self._forget_bytes(conn)
        conn.request = conn.stream = None
        self._start_queued()
        end = self._slow.start if conn.sock.left else self._answered
        end(conn, keep)

    def _answered(self, conn: Conn, keep: bool) -> None:
        """The reply is out."""
        if not keep:
            self._linger(conn)
        elif conn.buffer.size:
            conn.watch(self._poller)
            self._expect(conn)
            self._judge(conn, conn.buffer.advance())
        elif conn.gone:
            self.close(conn)
        else:
            conn.watch(self._poller)
            conn.state = State.IDLE
            conn.deadline = time.monotonic() + self._idle_s
            self._idle[conn] = None

    def sweep(self) -> None:
        """End what has run out of time."""
        now = time.monotonic()
        for conns in self._timed:
            while conns and (conn := next(iter(conns))).deadline <= now:
                if conn.state is State.READING and conn.buffer.size:
                    self._refuse(conn, edge_reply.TIMEOUT)
                else:
                    self.close(conn)

    def wait_s(self, at_most: float) -> float:
        """Seconds until `sweep` has something to do, 0 to `at_most`."""
        nearest = min((next(iter(conns)).deadline for conns in self._timed if conns), default=None)
        return at_most if nearest is None else min(at_most, max(0.0, nearest - time.monotonic()))

    def hurry(self, reading_s: float, idle_s: float) -> None:
        """From now on, give clients no more than this time for a request, or for the start of one; in seconds."""
        self._read_s, self._idle_s = min(reading_s, self._read_s), min(idle_s, self._idle_s)
        for conns, seconds in ((self._reading, self._read_s), (self._idle, self._idle_s)):
            for conn in conns:
                conn.deadline = min(conn.deadline, time.monotonic() + seconds)

    def close_all(self) -> None:
        """Close every connection that no thread is using."""
        for conns in (*self._timed, self._queued):
            for conn in list(conns):
                self.close(conn)

    def close(self, conn: Conn) -> None:
        """Close a connection that no thread is using."""
        self._leave(conn)
        conn.unwatch(self._poller)
        self._forget_bytes(conn)
        conn.state = State.CLOSED
        conn.sock.close()

    def _receive(self, conn: Conn) -> None:
        if not (got := conn.receive(self._scratch)):
            if got == 0:
                self.close(conn)
            return
        verdict = conn.buffer.feed(self._scratch[:got])
        if conn.state is State.IDLE:
            self._leave(conn)
            if verdict is Verdict.MORE:
                self._expect(conn)
        self._judge(conn, verdict)

    def _judge(self, conn: Conn, verdict: Verdict) -> None:
        if verdict is Verdict.COMPLETE or verdict is Verdict.SUSPECT:
            self._admit(conn)
        elif verdict is not Verdict.MORE:
            self._refuse(conn, edge_reply.BY_VERDICT[verdict])
        elif not self._fits(conn):
            self._refuse(conn, edge_reply.OVERLOADED)
        elif conn.buffer.wants_continue and not conn.continued:
            conn.continued = True
            conn.say(edge_reply.CONTINUE)

    def _fits(self, conn: Conn) -> bool:
        """Count what the connection holds; False when it is over what the worker may hold."""
        size = conn.buffer.size
        self._held += size - conn.counted
        conn.counted = size
        return size <= _SMALL_BYTES or self._held <= self._budget

    def _admit(self, conn: Conn) -> None:
        """Give a complete request a thread, or a place in the queue, or a refusal."""
        if self.busy >= self._threads and (len(self._queued) >= self._settings.api_backlog or not self._fits(conn)):
            self._refuse(conn, edge_reply.OVERLOADED)
            return
        self._leave(conn)
        conn.continued = False
        conn.request = conn.buffer.take()
        if self.busy < self._threads:
            self._run(conn)
        else:
            conn.state = State.QUEUED
            self._queued[conn] = None

    def _run(self, conn: Conn) -> None:
        self._queued.pop(conn, None)
        if conn.counted <= self._settings.max_body_bytes:  # a larger body counts until it is answered
            self._forget_bytes(conn)
        conn.state = State.BUSY
        self.busy += 1
        self._start(conn)

    def _start_queued(self) -> None:
        while self._queued and self.busy < self._threads:
            self._run(next(iter(self._queued)))

    def _peek(self, conn: Conn) -> None:
        """Something came while a request is waiting or being answered: the next request, or the client has closed."""
        # It would be reported again at once.
        conn.unwatch(self._poller)
        conn.gone = conn.receive(self._scratch[:1], socket.MSG_PEEK) == 0
        if conn.gone and conn.state is State.QUEUED:
            self.close(conn)

    def _refuse(self, conn: Conn, refusal: edge_reply.Refusal) -> None:
        self._refused(refusal)
        with_body = not conn.buffer.head.startswith(b"HEAD ")
        request_id = edge_reply.request_id_of(conn.buffer.head, self._settings.trust_request_id)
        conn.say(edge_reply.render(refusal, request_id, with_body=with_body))
        self._leave(conn)
        self._linger(conn)

    def _linger(self, conn: Conn) -> None:
        """Half-close, and wait for the client to close, for a bounded time."""
        self._forget_bytes(conn)
        conn.buffer = RequestBuffer(0, 0)
        conn.state = State.CLOSING
        conn.deadline = time.monotonic() + _LINGER_S
        self._closing[conn] = None
        if conn.half_close():
            conn.watch(self._poller)
        else:
            self.close(conn)

    def _drain(self, conn: Conn) -> None:
        got = conn.receive(self._scratch)
        conn.drained += got or 0
        if got == 0 or conn.drained > _LINGER_BYTES:
            self.close(conn)

    def _expect(self, conn: Conn) -> None:
        """Give the client its time for one whole request."""
        conn.state = State.READING
        conn.deadline = time.monotonic() + self._read_s
        self._reading[conn] = None

    def _leave(self, conn: Conn) -> None:
        self._slow.forget(conn)
        for conns in (*self._timed, self._queued):
            conns.pop(conn, None)

    def _forget_bytes(self, conn: Conn) -> None:
        self._held -= conn.counted
        conn.counted = 0
