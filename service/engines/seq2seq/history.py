"""The tokens of one hypothesis, with what the processors need to know of them kept up to date token by token."""

from __future__ import annotations

from array import array
from collections.abc import Iterable


class History:
    """The tokens of one hypothesis from the decoder start token on.

    n-grams are entered as tokens arrive, so that asking which tokens would repeat one costs the same at any length.

    Attributes:
        ids: the tokens, start token first; 64-bit, so that they can be read as a tensor without a copy per token.
    """

    __slots__ = ("_after", "_size", "ids")

    def __init__(self, ids: Iterable[int], ngram_size: int = 0) -> None:
        self.ids = array("q")
        self._size = ngram_size
        self._after: dict[tuple[int, ...], tuple[int, ...]] = {}
        for token in ids:
            self.append(token)

    def __len__(self) -> int:
        return len(self.ids)

    def append(self, token: int) -> None:
        """Take in the next token."""
        if self._size and len(self.ids) >= self._size - 1:
            prefix = tuple(self.ids[len(self.ids) - self._size + 1 :])
            self._after[prefix] = (*self._after.get(prefix, ()), token)
        self.ids.append(token)

    def repeats(self) -> tuple[int, ...]:
        """The tokens that would complete an n-gram for the second time."""
        if not self._size or len(self.ids) < self._size:
            return ()
        return self._after.get(tuple(self.ids[len(self.ids) - self._size + 1 :]), ())

    def ends_with(self, tokens: tuple[int, ...]) -> bool:
        """Whether the last tokens are these."""
        return len(tokens) <= len(self.ids) and tuple(self.ids[len(self.ids) - len(tokens) :]) == tokens

    def fork(self) -> History:
        """A copy that goes its own way."""
        copy = History((), self._size)
        copy.ids = self.ids[:]
        copy._after = self._after.copy()
        return copy

    def new_tokens(self) -> tuple[int, ...]:
        """The tokens after the start token."""
        return tuple(self.ids[1:])
