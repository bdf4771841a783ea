"""The way of events from the thread that makes them to the client, without any server around."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from service.api.event_stream import KEEP_ALIVE, EventStream
from service.errors import Cancelled, DeadlineExceeded, Draining, Overloaded, PrecisError
from service.records import never_gone
from tests.api.events import read


class Client:
    """Takes what is written until it is told to break."""

    def __init__(self) -> None:
        self.got = b""
        self.finished = 0
        self.broken = False

    def write(self, data: bytes) -> None:
        if self.broken:
            raise ConnectionError
        self.got += data

    def finish(self) -> None:
        self.finished += 1


def stream(keepalive_s: float = 60, **more: int) -> EventStream:
    """A stream whose client never hangs up by itself."""
    return EventStream(keepalive_s, never_gone, **more)


def problem(error: PrecisError) -> bytes:
    """A short one."""
    return b'{"error":"%s"}' % error.code.encode()


def in_thread(work: Callable[[], object]) -> threading.Thread:
    """Work that is under way."""
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_events_are_held_until_the_reply_has_begun() -> None:
    """Then they come in order, and each later one is written as it is told."""
    made, client = stream(), Client()
    made.tell("language", b'{"a":1}', opening=True)
    assert not made.told
    made.tell("summary", b'{"b":"\\n"}')
    made.begin()
    assert made.told
    made.connect(client.write, client.finish)
    assert [event.name for event in read(client.got)] == ["language", "summary"]
    made.tell("result", b'{"c":3}')
    assert read(client.got)[-1].data == {"seq": 2, "c": 3}
    made.end(None, problem)
    assert client.finished == 1
    assert not made.broken


@pytest.mark.parametrize("early", [True, False])
def test_the_end_is_seen_once_whichever_thread_comes_first(early: bool) -> None:
    """The stream may have ended before it is handed over, or after."""
    made, client = stream(), Client()
    made.tell("result", b'{"a":1}')
    made.begin()
    if early:
        made.end(None, problem)
    made.connect(client.write, client.finish)
    if not early:
        made.end(None, problem)
    assert client.finished == 1
    assert read(client.got)[-1].name == "result"


def test_a_refusal_takes_the_place_of_the_opening() -> None:
    """What fails while only the opening was told fails in the request; what is told later is an event."""
    made = stream()
    made.tell("language", b'{"a":1}', opening=True)
    thread = in_thread(lambda: made.end(Overloaded("full"), problem))
    with pytest.raises(Overloaded):
        made.begin()
    thread.join()
    late, client = stream(), Client()
    late.tell("language", b'{"a":1}', opening=True)
    late.begin()
    late.connect(client.write, client.finish)
    seen: list[PrecisError | None] = []
    late.end(DeadlineExceeded("late"), problem, seen.append)
    assert [event.name for event in read(client.got)] == ["language", "error"]
    assert [error and error.code for error in seen] == ["deadline"]


def test_a_reply_without_an_event_begins_with_a_comment() -> None:
    """It begins after a moment, so that the client knows that it was heard."""
    made, client = stream(keepalive_s=0.05), Client()
    made.begin()
    made.connect(client.write, client.finish)
    assert client.got == KEEP_ALIVE
    assert not made.gone()
    deadline = time.monotonic() + 5
    while client.got == KEEP_ALIVE and time.monotonic() < deadline:
        assert not made.gone()
    assert client.got == KEEP_ALIVE * 2


def test_a_client_that_broke_is_gone() -> None:
    """The next word to it cancels the work, a comment too; nothing more is written, and the end is quiet."""
    made, client = stream(keepalive_s=0.0), Client()
    made.tell("language", b'{"a":1}')
    made.begin()
    made.connect(client.write, client.finish)
    client.broken = True
    assert made.gone()
    with pytest.raises(Cancelled):
        made.tell("summary", b'{"a":1}')
    client.broken = False
    seen: list[PrecisError | None] = []
    made.end(Cancelled("gone"), problem, seen.append)
    assert [event.name for event in read(client.got)] == ["language"]
    assert (client.finished, made.broken) == (1, True)
    assert isinstance(seen[0], Cancelled)


def test_a_stream_that_is_stopped_says_why() -> None:
    """The work sees that nobody waits, and the client gets the reason as the last event."""
    made, client = stream(), Client()
    made.tell("language", b'{"a":1}')
    made.begin()
    made.connect(client.write, client.finish)
    made.stop(Draining("down"))
    assert made.gone()
    made.end(Cancelled("gone"), problem)
    assert read(client.got)[-1].data == {"seq": 1, "error": "draining"}


def test_what_is_held_is_bounded() -> None:
    """Whoever makes events faster than they are read waits; a reader that goes lets it end."""
    made = stream()
    told: list[int] = []
    big = b'{"a":"%s"}' % (b"x" * 100_000)

    def tell() -> None:
        try:
            for number in range(100):
                made.tell("delta", big)
                told.append(number)
        except Cancelled:
            told.append(-1)

    thread = in_thread(tell)
    made.begin()
    first = next(made)
    size = len(first)
    while size < 1_000_000:
        size += len(next(made))
    assert len(told) <= size // 100_000 + 4
    made.close()
    thread.join()
    assert told[-1] == -1


def test_a_transcript_is_whole_or_none() -> None:
    """Events as they were written, without comments; none where they are more than is kept."""
    made, client = stream(keepalive_s=0.0, records=1000), Client()
    made.tell("language", b'{"a":1}')
    made.begin()
    made.connect(client.write, client.finish)
    assert not made.gone()
    made.tell("result", b'{"a":1}')
    assert KEEP_ALIVE in client.got
    assert made.transcript == client.got.replace(KEEP_ALIVE, b"")
    made.tell("result", b'{"a":"%s"}' % (b"x" * 1000))
    assert made.transcript is None
    assert stream().transcript is None
