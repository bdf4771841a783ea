from __future__ import annotations

import pytest

from service.engines.remote.sse import EventReader, TooMuch

STREAM = (
    "\ufeff: comment\r\ndata: één\r\n\r\nevent: x\nid: 1\ndata:two\ndata: lines\n\nretry: 5\r\rdata: 漢\u2028字\r\r"
)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_events_are_the_same_however_the_bytes_are_cut(size: int) -> None:
    """Line ends of all kinds, comments, a byte order mark and characters cut in the middle change nothing."""
    reader = EventReader(1000)
    raw = STREAM.encode()
    events = [event for at in range(0, len(raw), size) for event in reader.feed(raw[at : at + size])]
    assert events == ["één", "two\nlines", "漢\u2028字"]


def test_last_event_needs_no_blank_line() -> None:
    """Servers that close right after the last line are understood."""
    reader = EventReader(1000)
    assert reader.feed(b"data: a") == []
    assert reader.feed(b"", last=True) == ["a"]


def test_an_event_without_end_is_bounded() -> None:
    """A line that never ends is given up before it fills the memory, however it comes."""
    reader = EventReader(100)
    with pytest.raises(TooMuch):
        for _ in range(101):
            reader.feed(b"x")
    reader = EventReader(100)
    with pytest.raises(TooMuch):
        for _ in range(101):
            reader.feed(b"data:x\n")


def test_bytes_that_are_no_text_do_not_stop_the_reader() -> None:
    """Broken UTF-8 becomes replacement characters in its own event only."""
    assert EventReader(100).feed(b"data: \xff\xfe\n\ndata: ok\n\n") == ["\ufffd\ufffd", "ok"]
