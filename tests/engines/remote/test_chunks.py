"""Long texts in pieces: which stretch of the segments each holds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.engines.remote import chunks
from service.records import Segment

SEGMENTS = st.lists(st.builds(Segment, st.text("ab. \n漢", max_size=60), st.integers(0, 3)), min_size=1, max_size=12)


@given(SEGMENTS, st.integers(5, 40))
def test_spans_are_the_pieces(segments: list[Segment], most: int) -> None:
    """Between its ends a span holds the visible characters of its piece, and all spans hold all of them."""
    packed = chunks.pack(chunks.lines(segments), most)
    wanted = ["".join(piece.split()) for piece in packed if piece.strip()]
    found = []
    for span in chunks.spans(segments, packed):
        texts = [segment.text for segment in segments[span.first : span.last + 1]]
        texts[-1] = texts[-1][: span.end]
        texts[0] = texts[0][span.start :]
        found.append("".join("".join(texts).split()))
    assert found == wanted
    assert "".join(found) == "".join("".join(segment.text.split()) for segment in segments)
