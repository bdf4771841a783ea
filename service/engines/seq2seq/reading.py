"""The text of a row as it is written: every piece stays said, unless the row is decoded again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

# What a tokenizer writes for bytes that make no character yet.
_INCOMPLETE = "\ufffd"


class Reader:
    """Turns tokens into pieces of text that are never taken back while the row goes on.

    Only the tokens since the last but one piece are turned into text at a time, so that a token costs the same at any
    length. A piece waits until the bytes of its last character are complete.

    Args:
        text: gives the text of tokens, without outer blanks.

    Attributes:
        seen: how many tokens it was given.
    """

    def __init__(self, text: Callable[[Sequence[int]], str]) -> None:
        self._text = text
        self._tokens: list[int] = []
        self._begin = self._known = 0
        self._said = ""
        self._paused = False
        self.seen = 0

    def more(self, tokens: Sequence[int]) -> tuple[str, bool]:
        """Take tokens in and return the piece they make, possibly empty; the second value is always False."""
        if self._paused or not tokens:
            return "", False
        self._tokens += tokens
        self.seen = len(self._tokens)
        before = self._text(self._tokens[self._begin : self._known])
        now = self._text(self._tokens[self._begin :])
        if len(now) <= len(before) or not now.startswith(before) or now.endswith(_INCOMPLETE):
            return "", False
        self._begin, self._known = self._known, self.seen
        piece = now[len(before) :]
        self._said += piece
        return piece, False

    def pause(self) -> None:
        """Say nothing more before the end: what comes now is another attempt."""
        self._paused = True

    def end(self, text: str) -> tuple[str, bool]:
        """Return what is missing of the row's final text, or all of it and True when something else was said."""
        if text.startswith(self._said):
            return text[len(self._said) :], False
        return text, True
