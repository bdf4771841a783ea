"""Replies that clients take slowly: the worker's main loop sends them on, so that no thread waits for a reader.

A thread leaves what the system does not take at once with the socket and goes on to the next request.
"""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable

from service.api.edge_conn import Conn, State

# What all slow readers of one worker may hold; beyond it the one that has taken nothing for longest is let go.
_BUDGET_BYTES = 32 * 1024 * 1024
# A client that takes so much has its whole time again.
_PROGRESS_BYTES = 64 * 1024


class Flusher:
    """The connections whose last reply is not out yet. Main loop only.

    Args:
        poller: of the worker's main loop.
        seconds: a client may go without taking anything worth mentioning.
        done: told of a connection whose reply is out, and whether it stays open.
        close: closes one that is given up.
    """

    def __init__(
        self,
        poller: selectors.BaseSelector,
        seconds: float,
        done: Callable[[Conn, bool], object],
        close: Callable[[Conn], object],
    ) -> None:
        self._poller = poller
        self._seconds = seconds
        self._done = done
        self._close = close
        self._held = 0
        # In the order of deadlines, as each has the same time.
        self.conns: dict[Conn, None] = {}

    def start(self, conn: Conn, keep: bool) -> None:
        """Take over a connection with a reply that is not out yet."""
        conn.state = State.FLUSHING
        conn.keep = keep
        conn.unwatch(self._poller)
        conn.watch(self._poller, selectors.EVENT_WRITE)
        self._held += conn.sock.left
        self._renew(conn)
        while self._held > _BUDGET_BYTES:
            self._close(next(iter(self.conns)))

    def on_writable(self, conn: Conn) -> None:
        """Send what the client takes now."""
        before = conn.sock.left
        alive = conn.sock.flush()
        sent = before - conn.sock.left
        self._held -= sent
        conn.taken += sent
        if not alive:
            self._close(conn)
        elif not conn.sock.left:
            self.forget(conn)
            conn.unwatch(self._poller)
            self._done(conn, conn.keep)
        elif conn.taken >= _PROGRESS_BYTES:
            self._renew(conn)

    def forget(self, conn: Conn) -> None:
        """A connection is closed, or its reply is out."""
        if conn in self.conns:
            del self.conns[conn]
            self._held -= conn.sock.left

    def _renew(self, conn: Conn) -> None:
        self.conns.pop(conn, None)
        conn.taken = 0
        conn.deadline = time.monotonic() + self._seconds
        self.conns[conn] = None
