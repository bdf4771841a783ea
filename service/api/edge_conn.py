"""One client connection of the edge: its socket, its bytes and what it is doing."""

from __future__ import annotations

import contextlib
import enum
import select
import socket
import time
from typing import TYPE_CHECKING, Any

from service.api.edge_buffer import RawRequest, RequestBuffer
from service.api.event_stream import EventStream

if TYPE_CHECKING:
    from typing_extensions import Buffer


class ClientGone(ConnectionError):
    """The client closed the connection, or does not take the reply in time."""


class EdgeSocket(socket.socket):
    """A socket that never blocks, except that `sendall` waits for the client within a bound.

    The main loop and one thread may use it at the same time, since neither changes its mode.
    """

    write_timeout_s: float = 15.0

    @classmethod
    def of(cls, sock: socket.socket, write_timeout_s: float) -> EdgeSocket:
        """Take over an accepted socket; a client may take so many seconds over what is sent at a time."""
        made = cls(sock.family, sock.type, sock.proto, fileno=sock.detach())
        made.setblocking(False)
        made.write_timeout_s = write_timeout_s
        return made

    def sendall(self, data: Buffer, flags: int = 0) -> None:
        """Send everything.

        Args:
            data: the bytes.
            flags: as for `send`.
        Raises:
            ClientGone: the client has closed, or took longer than `write_timeout_s` over it.
        """
        view = memoryview(data).cast("B")
        deadline = 0.0
        while view:
            try:
                view = view[self.send(view, flags) :]
            except BlockingIOError:
                now = time.monotonic()
                deadline = deadline or now + self.write_timeout_s
                self._wait_writable(deadline - now)
            except OSError as error:
                raise ClientGone(error.errno, "the client has closed the connection") from error

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
        self.continued = False  # whether 100 Continue was sent for this request
        self.gone = False  # whether the client was seen to close

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
