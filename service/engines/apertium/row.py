"""One row on its way through the modes of its route: which texts to send next, and what to make of the replies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from service.engines.apertium.modes import Mode
from service.engines.apertium.pipes import Pipeline
from service.engines.apertium.plan import outer
from service.engines.apertium.routes import Route
from service.engines.apertium.text import Guarded, guard, has_words, restore, stretches

# Questions and exclamations are opened with a mark of their own in these languages only.
_INVERTED = frozenset({"ast", "es", "gl"})
_NO_INVERTED = {ord("¿"): None, ord("¡"): None}


class RowState:
    """The state of a row. Each step of the route is one batch, or two where superblanks were lost in the first."""

    def __init__(self, row_id: int, route: Route, texts: Sequence[str]) -> None:
        self.row_id = row_id
        self.texts = list(texts)
        self._capitals = [_is_capital(text) for text in texts]
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
            for text, plain in stretches(self._guard(self.texts[at])):
                for piece in outer(text) if plain else (text,):
                    if plain and has_words(piece):
                        self._places.append((at, len(parts)))
                        self._guarded.append(self._guard(piece))
                    parts.append(piece)
            self._cut[at] = parts
        if not self._guarded:
            self._next_step()

    def _guard(self, text: str) -> Guarded:
        """Only what the pipeline reads is rewritten: addresses and the like are out of reach by then."""
        guarded = guard(text, self.mode.source)
        return replace(guarded, text=self.mode.rewritten(guarded.text))

    def _next_step(self) -> None:
        self._guarded, self._places, self._cut = [], [], {}
        while not self._guarded:
            self._step += 1
            if self.ended:
                if self._route.languages[0] in _INVERTED and self._route.languages[-1] not in _INVERTED:
                    self.texts = [text.translate(_NO_INVERTED) for text in self.texts]
                self.texts = [
                    _capitalized(text) if capital else text
                    for text, capital in zip(self.texts, self._capitals, strict=True)
                ]
                return
            for at, text in enumerate(self.texts):
                if has_words(text):
                    self._places.append((at, -1))
                    self._guarded.append(self._guard(text))


def _first_letter(text: str) -> int:
    return next((at for at, character in enumerate(text) if character.isalpha()), -1)


def _is_capital(text: str) -> bool:
    at = _first_letter(text)
    return at >= 0 and text[at].isupper()


def _capitalized(text: str) -> str:
    """The text with a capital at its start: word order may have changed, and the capital moved with its word."""
    at = _first_letter(text)
    return text if at < 0 or not text[at].islower() else text[:at] + text[at].upper() + text[at + 1 :]
