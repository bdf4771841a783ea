"""Pieces of text from tokens: nothing is taken back, and together they are the whole text."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from service.engines.seq2seq.reading import Reader


def decoded(tokens: Sequence[int]) -> str:
    """Tokens are bytes here, as for a tokenizer that falls back to them."""
    return bytes(tokens).decode("utf-8", "replace").strip()


@given(st.text(max_size=40), st.integers(1, 5))
def test_pieces_are_the_text(text: str, width: int) -> None:
    """Whatever is written and however many tokens come at a time, the pieces and the rest are the text."""
    tokens = text.encode("utf-8", "replace")
    whole = decoded(tokens)
    reader = Reader(decoded)
    said = ""
    for at in range(0, len(tokens), width):
        piece, replaces = reader.more(tokens[at : at + width])
        assert not replaces
        said += piece
        assert reader.seen == min(len(tokens), at + width)
    rest, replaces = reader.end(whole)
    assert (rest if replaces else said + rest) == whole
    if "\ufffd" not in whole:
        assert not replaces


def test_half_a_character_is_held_back() -> None:
    """A piece waits for the last byte of its character."""
    reader = Reader(decoded)
    assert [reader.more([byte])[0] for byte in "aé🙂".encode()] == ["a", "", "é", "", "", "", "🙂"]


def test_another_attempt_replaces_what_was_said() -> None:
    """After a pause nothing is said before the end; an equal text is not said twice."""
    reader = Reader(decoded)
    assert reader.more(b"The old") == ("The old", False)
    reader.pause()
    assert reader.more(b" town") == ("", False)
    assert reader.end("A new one") == ("A new one", True)
    assert reader.end("The old town") == (" town", False)
    assert reader.end("The old") == ("", False)
