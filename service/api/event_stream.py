"""Server-sent events of one request, on their way from the thread that makes them to the client.

Source: HTML Standard, section 9.2 (server-sent events).
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

from service.errors import Cancelled, PrecisError

MEDIA_TYPE = "text/event-stream"
CONTENT_TYPE = "text/event-stream; charset=utf-8"
# Where the server finds the stream behind a reply, to let its thread write for itself; see `EventStream.connect`.
ENVIRON_KEY = "precis.stream"
KEEP_ALIVE = b": keep-alive\n\n"

# A reply begins this long after the work at the latest, if only with a comment.
_BEGIN_S = 1.0
# What refuses the work mostly comes right behind the first event; it is worth a moment, being a proper reply then.
_REFUSAL_S = 0.05
_MOST_HELD_BYTES = 256 * 1024

Write = Callable[[bytes], object]


def encode(name: str, seq: int, content: bytes) -> bytes:
    """One event.

    Args:
        name: of the event.
        seq: its number, from 0.
        content: a JSON object on one line, not empty; `seq` is put into it.
    """
    return b'id: %d\nevent: %s\ndata: {"seq":%d,%s\n\n' % (seq, name.encode("ascii"), seq, content[1:])


class EventStream:
    """The events of one request.

    One thread makes the events. They are held until the reply has begun; from then on that thread writes them itself
    where the server can hand it the connection (`connect`), and elsewhere they are read by iteration. Both ways what is
    held is bounded: a client that does not read holds up nobody but the thread that works for it.

    Args:
        keepalive_s: seconds without an event after which a comment is sent.
        hung_up: whether the client has gone.
        records: keep all events, for `transcript`, up to so many bytes; 0 for none.
    """

    def __init__(
        self,
        keepalive_s: float,
        hung_up: Callable[[], bool],
        records: int = 0,
    ) -> None:
        self._keepalive_s = keepalive_s
        self._hung_up = hung_up
        self._changed = threading.Condition()
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._record: list[bytes] | None = [] if records else None
        self._records = records
        self._seq = 0
        self._told = False
        self._began = False
        self._over = False
        self._failure: PrecisError | None = None
        self._stop: PrecisError | None = None
        self._write: Write | None = None
        self._finish: Callable[[], None] | None = None
        self._written_s = 0.0
        self.broken = False  # the client has gone, or does not read

    # -- in the thread that makes the events

    def tell(self, name: str, content: bytes, *, opening: bool = False) -> None:
        """Send an event.

        Args:
            name: of the event.
            content: a JSON object, not empty.
            opening: it says nothing yet of what was asked for, so that a failure may still take its place.
        Raises:
            Cancelled: the client has gone, or does not read.
        """
        event = encode(name, self._seq, content)
        self._seq += 1
        if self._record is not None:
            self._records -= len(event)
            self._record.append(event)
            if self._records < 0:
                self._record = None
        self._send(event, told=not opening)

    def gone(self) -> bool:
        """Whether nobody reads any more; where work waits it asks this often, so that comments are sent from here."""
        if self.broken or self._stop is not None:
            return True
        if self._write is not None and time.monotonic() - self._written_s >= self._keepalive_s:
            try:
                self._send(KEEP_ALIVE)
            except Cancelled:
                return True
        return self._hung_up()

    def end(
        self,
        error: PrecisError | None,
        problem: Callable[[PrecisError], bytes],
        ended: Callable[[PrecisError | None], object] = lambda error: None,
    ) -> None:
        """End the stream: nothing is told after it.

        Args:
            error: why there is no result. Before the reply has begun it is what `begin` raises.
            problem: the JSON of `{"error": …}` for a failure.
            ended: told what it was that ended the stream, before anybody sees the end.
        """
        if isinstance(error, Cancelled) and self._stop is not None:
            error = self._stop
        with self._changed:
            if not self._began:
                self._failure = error
            elif error is not None and not isinstance(error, Cancelled):
                with contextlib.suppress(Cancelled):
                    self.tell("error", problem(error))
            ended(error)
            self._over = True
            finish, self._finish = self._finish, None
            self._changed.notify_all()
        if finish is not None:
            finish()

    @property
    def told(self) -> bool:
        """Whether the client was sent something of what it asked for."""
        return self._told and self._began

    @property
    def transcript(self) -> bytes | None:
        """All events, comments left out; None where there were too many, or none were to be kept."""
        return None if self._record is None else b"".join(self._record)

    def _send(self, data: bytes, *, told: bool = False) -> None:
        with self._changed:
            if self._write is None:
                self._changed.wait_for(lambda: self._held_bytes < _MOST_HELD_BYTES or self._write or self.broken)
            if self._write is not None:
                self._put(data)
            elif self.broken:
                raise Cancelled("the caller has gone")
            else:
                self._held.append(data)
                self._held_bytes += len(data)
            self._told = self._told or told
            self._changed.notify_all()

    def _put(self, data: bytes) -> None:
        if self.broken or self._write is None:
            raise Cancelled("the caller has gone")
        try:
            self._write(data)
        except OSError as error:
            self.broken = True
            raise Cancelled("the caller has gone") from error
        self._written_s = time.monotonic()

    def _take(self) -> bytes:
        data = b"".join(self._held)
        self._held.clear()
        self._held_bytes = 0
        self._changed.notify_all()
        return data

    # -- in the thread of the request

    def begin(self) -> None:
        """Wait until the reply can begin: there is something to tell, or to wait for.

        Raises:
            PrecisError: the work was refused or has failed, and nothing was told.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._held or self._over, min(_BEGIN_S, self._keepalive_s))
            self._changed.wait_for(lambda: self._told or self._over, _REFUSAL_S)
            if self._failure is not None:
                raise self._failure
            self._began = True

    def connect(self, write: Write, finish: Callable[[], None]) -> None:
        """Let the thread that makes the events write them itself from now on, beginning with those held.

        Args:
            write: sends bytes to the client; raises OSError when it has gone or does not read.
            finish: called once, when all is written or nobody reads any more, by whichever thread sees it.
        """
        with self._changed:
            self._write = write
            with contextlib.suppress(Cancelled):  # the other thread sees it as soon as it asks
                self._put(self._take() or KEEP_ALIVE)
            over = self._over
            if not over:
                self._finish = finish
        if over:
            finish()

    # -- anywhere

    def stop(self, error: PrecisError) -> None:
        """End the work with this error, soon; waits for nothing."""
        self._stop = error

    # -- where the server iterates

    def __iter__(self) -> EventStream:
        """Return itself."""
        return self

    def __next__(self) -> bytes:
        """Return events, or a comment after a time without any."""
        with self._changed:
            self._changed.wait_for(lambda: self._held or self._over, self._keepalive_s)
            if self._held:
                return self._take()
            if self._over:
                raise StopIteration
        return KEEP_ALIVE

    def close(self) -> None:
        """Nobody reads any more; called by servers at the end of each reply."""
        with self._changed:
            self.broken = self.broken or not self._over
            self._changed.notify_all()
