"""One row on its way through the modes of its route: which texts to send next, and what to make of the replies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from service.engines.apertium_modes import Mode
from service.engines.apertium_pipes import Pipeline
from service.engines.apertium_plan import outer
from service.engines.apertium_routes import Route
from service.engines.apertium_text import Guarded, guard, has_words, restore, stretches


class RowState:
    """The state of a row. Each step of the route is one batch, or two where superblanks were lost in the first."""

    def __init__(self, row_id: int, route: Route, texts: Sequence[str]) -> None:
        self.row_id = row_id
        self.texts = list(texts)
        self.unknown: Counter[str] = Counter()
        self.pipeline: Pipeline | None = None
        self.retried = False
        self._route = route
        self._step = -1
        self._guarded: list[Guarded] = []
        # For each text of the batch: its index in `texts`, and in the second batch also its place among the stretches.
        self._places: list[tuple[int, int]] = []
        self._cut: dict[int, list[str]] = {}
        self._next_step()

    @property
    def ended(self) -> bool:
        """Whether the row has been through its route."""
        return self._step == len(self._route.modes)

    @property
    def mode(self) -> Mode:
        """The mode of the present step; only while the row has not ended."""
        return self._route.modes[self._step]

    def batch(self) -> list[str]:
        """What to write to a pipeline of `mode`."""
        return [guarded.text for guarded in self._guarded]

    def take(self, replies: Sequence[str]) -> None:
        """Take the pipeline's reply to `batch()` and go on to the next batch, step or end."""
        unknown: Counter[str] = Counter()
        again: list[int] = []
        for (at, part), guarded, reply in zip(self._places, self._guarded, replies, strict=True):
            restored = restore(guarded, reply)
            if restored is None:
                if part < 0:
                    again.append(at)
                else:
                    unknown.update(guarded.source.casefold().split())
                continue
            text, words = restored
            unknown.update(words)
            if part < 0:
                self.texts[at] = text
            else:
                self._cut[at][part] = text
        # A word copied in the first step is usually copied in the second too: count it once.
        self.unknown |= unknown
        for at, parts in self._cut.items():
            self.texts[at] = "".join(parts)
        if again:
            self._cut_up(again)
        else:
            self._next_step()

    def _cut_up(self, again: Sequence[int]) -> None:
        self._guarded, self._places, self._cut = [], [], {}
        for at in again:
            parts: list[str] = []
            for text, plain in stretches(guard(self.texts[at], self.mode.source)):
                for piece in outer(text) if plain else (text,):
                    if plain and has_words(piece):
                        self._places.append((at, len(parts)))
                        self._guarded.append(guard(piece, self.mode.source))
                    parts.append(piece)
            self._cut[at] = parts
        if not self._guarded:
            self._next_step()

    def _next_step(self) -> None:
        self._guarded, self._places, self._cut = [], [], {}
        while not self._guarded:
            self._step += 1
            if self.ended:
                return
            for at, text in enumerate(self.texts):
                if has_words(text):
                    self._places.append((at, -1))
                    self._guarded.append(guard(text, self.mode.source))
