"""Reading order: whatever order rows write in, the pieces of a segment are its text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.records import SummaryResult, TranslateResult
from service.serving.reading import Reading, Said

ROWS = st.lists(st.lists(st.tuples(st.text("ab ", max_size=3), st.booleans()), max_size=4), min_size=1, max_size=5)


def told(pieces: list[Said]) -> dict[int, str]:
    """What a reader has of each segment."""
    found: dict[int, str] = {}
    for piece in pieces:
        found[piece.segment] = piece.text if piece.replaces else found.get(piece.segment, "") + piece.text
    return found


@given(ROWS, st.data())
def test_pieces_are_the_segments(rows: list[list[tuple[str, bool]]], data: st.DataObject) -> None:
    """Rows of several segments write and start anew in any order; readers see segments one after the other."""
    segments = [0]
    for _ in rows[1:]:
        segments.append(segments[-1] + data.draw(st.integers(0, 1)))
    reading = Reading(segments)
    left = [list(row) for row in rows]
    final = [""] * len(rows)
    running = set(range(len(rows)))
    pieces: list[Said] = []
    while running:
        row = data.draw(st.sampled_from(sorted(running)))
        if left[row]:
            text, replaces = left[row].pop(0)
            final[row] = text if replaces else final[row] + text
            pieces += reading.more(row, text, replaces=replaces)
        else:
            running.discard(row)
            pieces += reading.row_ended(row)
    texts = [""] * (segments[-1] + 1)
    for segment, text in zip(segments, final, strict=True):
        texts[segment] += text
    seen = [piece.segment for piece in pieces]
    assert seen == sorted(seen)
    pieces += reading.ended(TranslateResult(tuple(texts), ("en", "fr")))
    assert told(pieces) == {number: text for number, text in enumerate(texts) if text or number in told(pieces)}


def test_a_later_row_waits_for_its_turn() -> None:
    """Its text comes when those before it are complete, in one piece."""
    reading = Reading([0, 1, 2])
    assert reading.more(1, "b") == []
    assert reading.row_ended(2) == []
    assert reading.more(0, "a") == [Said(0, "a")]
    assert reading.row_ended(0) == [Said(1, "b")]
    assert reading.row_ended(1) == []


def test_starting_anew_keeps_the_parts_before() -> None:
    """Of a segment in two rows the first stays when the second is written again."""
    reading = Reading([4, 4])
    assert reading.more(0, "one ") == [Said(4, "one ")]
    assert reading.row_ended(0) == []
    assert reading.more(1, "tow") == [Said(4, "tow")]
    assert reading.more(1, "two", replaces=True) == [Said(4, "one two", replaces=True)]


def test_an_engine_that_shows_nothing_is_told_at_the_end() -> None:
    """All of a translation then; what differs from the result is replaced; a summary is in its outcome."""
    result = TranslateResult(("a", "b", ""), ("en", "fr"))
    assert Reading([0, 1]).ended(result) == [Said(0, "a"), Said(1, "b")]
    reading = Reading([0, 1])
    reading.more(0, "x")
    assert reading.ended(result) == [Said(0, "a", replaces=True), Said(1, "b")]
    assert Reading([0]).ended(SummaryResult(())) == []
