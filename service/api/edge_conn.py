"""One client connection of the edge: its socket, its bytes and what it is doing."""

from __future__ import annotations

import contextlib
import enum
import select
import selectors
import socket
import time
from typing import TYPE_CHECKING, Any

from service.api.edge_buffer import RawRequest, RequestBuffer
from service.api.event_stream import EventStream

if TYPE_CHECKING:
    from typing_extensions import Buffer


# No reply comes near; one that did would hold its thread instead.
_MOST_SPILLED = 16 * 1024 * 1024


class ClientGone(ConnectionError):
    """The client closed the connection, or does not take the reply in time."""


class EdgeSocket(socket.socket):
    """A socket that never blocks, except that `sendall` may wait for the client within a bound.

    The main loop and one thread may use it at the same time, since neither changes its mode. What a reply of known
    length leaves unsent belongs to the thread first, and to the main loop when the thread is done.
    """

    write_timeout_s: float = 15.0
    # Whether `sendall` may leave data for the main loop: not where more is to come much later, as in a stream.
    spills: bool = False
    _unsent: memoryview | None = None

    @property
    def left(self) -> int:
        """Bytes that were accepted by `sendall` and not sent yet."""
        return len(self._unsent) if self._unsent is not None else 0

    def flush(self) -> bool:
        """Send of what is left as much as goes; False when the client has gone."""
        while self._unsent:
            try:
                self._unsent = self._unsent[self.send(self._unsent) :]
            except BlockingIOError:
                return True
            except OSError:
                return False
        self._unsent = None
        return True

    @classmethod
    def of(cls, sock: socket.socket, write_timeout_s: float) -> EdgeSocket:
        """Take over an accepted socket; a client may take so many seconds over what is sent at a time."""
        made = cls(sock.family, sock.type, sock.proto, fileno=sock.detach())
        made.setblocking(False)
        made.write_timeout_s = write_timeout_s
        return made

    def sendall(self, data: Buffer, flags: int = 0) -> None:
        """Send everything, or leave the rest with `left` where that is allowed.

        Args:
            data: the bytes.
            flags: as for `send`.
        Raises:
            ClientGone: the client has closed, or took longer than `write_timeout_s` over it.
        """
        view = memoryview(data).cast("B")
        if self._unsent is not None:
            self._leave(bytes(self._unsent) + view)
            return
        deadline = 0.0
        while view:
            try:
                view = view[self.send(view, flags) :]
            except BlockingIOError:
                if self.spills and len(view) <= _MOST_SPILLED:
                    self._leave(bytes(view))
                    return
                now = time.monotonic()
                deadline = deadline or now + self.write_timeout_s
                self._wait_writable(deadline - now)
            except OSError as error:
                raise ClientGone(error.errno, "the client has closed the connection") from error

    def _leave(self, data: bytes) -> None:
        self._unsent = memoryview(data)

    def _wait_writable(self, seconds: float) -> None:
        poll = select.poll()
        poll.register(self, select.POLLOUT)
        if seconds <= 0 or not poll.poll(seconds * 1000):
            raise ClientGone("the client does not read its reply")


class State(enum.Enum):
    """What a connection is doing."""

    READING = "reading"  # a request is expected or has arrived in part
    QUEUED = "queued"  # a complete request waits for a thread
    BUSY = "busy"  # a thread answers
    FLUSHING = "flushing"  # the thread has done its part; the client has yet to take the reply
    IDLE = "idle"  # kept alive, nothing arrived since the last reply
    CLOSING = "closing"  # the last reply is out; the client is given time to take it
    CLOSED = "closed"


class Conn:
    """A connection. Everything but `sock`, `request` and `stream` belongs to the main loop alone.

    Args:
        sock: the client's socket.
        client: its address.
        server: the address it came in on.
        buffer: for what it sends.
    """

    def __init__(self, sock: EdgeSocket, client: Any, server: Any, buffer: RequestBuffer) -> None:
        self.sock = sock
        self.client = client
        self.server = server
        self.buffer = buffer
        self.state = State.READING
        self.request: RawRequest | None = None
        self.stream: EventStream | None = None  # the events it is being answered with
        self.deadline = 0.0  # CLOCK_MONOTONIC, seconds
        self.counted = 0  # bytes of the worker's budget it holds
        self.drained = 0  # bytes thrown away while closing
        self.armed = False  # whether the poller watches it
        self.keep = False  # whether it stays open when its reply is out
        self.taken = 0  # bytes of a slow reply taken since its time was renewed
        self.continued = False  # whether 100 Continue was sent for this request
        self.gone = False  # whether the client was seen to close

    def watch(self, poller: selectors.BaseSelector, events: int = selectors.EVENT_READ) -> None:
        """Have the poller report this connection."""
        if not self.armed:
            poller.register(self.sock, events, self)
            self.armed = True

    def unwatch(self, poller: selectors.BaseSelector) -> None:
        """Have the poller look away."""
        if self.armed:
            poller.unregister(self.sock)
            self.armed = False

    def receive(self, into: memoryview, flags: int = 0) -> int | None:
        """Receive without waiting.

        Args:
            into: where the bytes go.
            flags: as for `recv_into`.
        Returns:
            The number of bytes; 0 when the client has closed; None when there is nothing yet.
        """
        try:
            return self.sock.recv_into(into, 0, flags)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return 0

    def say(self, data: bytes) -> None:
        """Send a few hundred bytes; a client that has gone, or has no window even for that, goes without."""
        with contextlib.suppress(OSError):
            self.sock.send(data)

    def half_close(self) -> bool:
        """Say that nothing more will be sent; False when the connection is broken already."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            return False
        return True
