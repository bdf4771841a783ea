"""Beam search for one request, without a model: candidates in, hypotheses to go on with out.

Source: transformers 5.23, `generation/utils.py` `_beam_search`, followed number by number so that hypotheses and scores
are the same. Scores are kept as Python floats rounded to single precision after each operation, which gives exactly
what 32-bit tensors give (a sum, product or quotient taken in double and rounded once more is correctly rounded) without
two dozen tensor operations per request and step.
"""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import c_float
from dataclasses import dataclass
from itertools import starmap
from typing import NamedTuple

from torch import Tensor

from service.engines.seq2seq import picking
from service.engines.seq2seq.history import History
from service.engines.seq2seq.params import DecodeParams

# Stands for minus infinity: what is not there yet, what must not be chosen.
_NEVER = -1.0e9


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A finished sequence.

    Attributes:
        tokens: without the decoder start token, with the end token it ended with.
        score: summed log probability over the length penalty; None where none is kept (greedy and sampling).
    """

    tokens: tuple[int, ...]
    score: float | None


class _Candidate(NamedTuple):
    """A continuation: `beam` is the place of the hypothesis it continues, or -1 for an empty place."""

    score: float
    beam: int
    token: int


class _Slot(NamedTuple):
    """A place among the best finished sequences."""

    score: float
    tokens: tuple[int, ...]
    finished: bool


class BeamRow:
    """The beam search of one request.

    It starts with one live hypothesis. Each step takes the scores of the live ones and names those to go on with, which
    are `histories` from then on: at most `beams`, fewer while the hypotheses do not differ yet.

    Attributes:
        params: of the request.
        histories: of the live hypotheses, in the order in which their scores are expected.
        ended: whether the search is over; then nothing is live.
        failed: what made the search impossible, or None.
        candidates: how many candidates per live hypothesis a step looks at.
    """

    def __init__(self, params: DecodeParams) -> None:
        self.params = params
        self.histories = [History((params.start,), params.no_repeat_ngram_size)]
        self.ended = False
        self.failed: str | None = None
        # So many that enough go on when every hypothesis could also end, by any of its end tokens.
        self.candidates = max(2, 1 + len(params.eos)) * params.beams
        # All places hold the same hypothesis at first; only the first one counts, or they would all stay the same.
        self._running = [0.0] + [_NEVER] * (params.beams - 1)
        self._live = [0] * params.beams
        self._slots = [_Slot(_NEVER, (), False)] * params.beams

    def feed(self, scores: Tensor) -> list[tuple[int, int]]:
        """Take a step.

        Args:
            scores: [live, V] float32, processed log probabilities.

        Returns:
            For each hypothesis that goes on, the index of the live one it continues and its new token; empty when the
            search has ended.
        """
        values, tokens = picking.top(scores, min(self.candidates, scores.shape[1]))
        return self.feed_top(values.tolist(), tokens.tolist())

    def feed_top(self, values: Sequence[Sequence[float]], tokens: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
        """Take a step with candidates already picked.

        Args:
            values: for each live hypothesis, its `candidates` highest log probabilities, best first.
            tokens: theirs.

        Returns:
            As `feed`.
        """
        if any(row[0] != row[0] for row in values):
            self.failed = "scores are not numbers"
            return self._end()
        length = len(self.histories[0])
        top = self._extend(values, tokens)
        last = length >= self.params.max_new_tokens
        ends = [last or candidate.token in self.params.eos_set for candidate in top]
        going = [
            _Candidate(_f32(candidate.score + _NEVER), candidate.beam, candidate.token) if end else candidate
            for candidate, end in zip(top, ends, strict=True)
        ]
        going = sorted(going, key=_by_score)[: self.params.beams]
        self._finish(top, ends, length)
        full = all(slot.finished for slot in self._slots)
        if all(ends) or (full and self.params.early_stopping is True) or not self._can_improve(going[0].score, length):
            return self._end()
        return self._go_on(going)

    def best(self, count: int | None = None) -> list[Hypothesis]:
        """The best finished sequences, best first.

        Args:
            count: at most so many; `num_return` unless given.

        Returns:
            Fewer than asked for only when masks left no more than that to write.
        """
        wanted = self.params.num_return if count is None else count
        return [Hypothesis(slot.tokens, slot.score) for slot in self._slots if slot.finished][:wanted]

    def _extend(self, values: Sequence[Sequence[float]], tokens: Sequence[Sequence[int]]) -> list[_Candidate]:
        found = [
            (_f32(value + running), beam, token)
            for beam, (running, live) in enumerate(zip(self._running, self._live, strict=True))
            for value, token in zip(values[live], tokens[live], strict=True)
        ]
        found.sort(key=lambda candidate: (-candidate[0], candidate[1], candidate[2]))
        return list(starmap(_Candidate, found[: self.candidates]))

    def _finish(self, top: Sequence[_Candidate], ends: Sequence[bool], length: int) -> None:
        """Keep the best finished sequences. Only candidates among the first `beams` may end."""
        penalty = _f32(length**self.params.length_penalty)
        merged: list[tuple[float, _Slot | _Candidate, bool]] = [(s.score, s, s.finished) for s in self._slots]
        for place, (candidate, end) in enumerate(zip(top, ends, strict=True)):
            score = _f32(candidate.score / penalty)
            ended = end and place < self.params.beams
            merged.append((score if ended else _f32(score + _NEVER), candidate, ended))
        merged.sort(key=lambda entry: -entry[0])
        self._slots = [
            entry if isinstance(entry, _Slot) else _Slot(score, self._sequence(entry) if finished else (), finished)
            for score, entry, finished in merged[: self.params.beams]
        ]

    def _sequence(self, candidate: _Candidate) -> tuple[int, ...]:
        return (*self.histories[self._live[candidate.beam]].new_tokens(), candidate.token)

    def _can_improve(self, running: float, length: int) -> bool:
        """Whether the best live hypothesis could still displace a finished one."""
        chosen = self.params
        hopeful = chosen.early_stopping == "never" and chosen.length_penalty > 0.0
        reach = chosen.max_new_tokens if hopeful else length
        possible = _f32(running / _f32(reach**chosen.length_penalty))
        worst = min(slot.score for slot in self._slots)
        return any(possible > (worst if slot.finished else _NEVER) for slot in self._slots)

    def _go_on(self, going: Sequence[_Candidate]) -> list[tuple[int, int]]:
        steps = [(self._live[candidate.beam], candidate.token) for candidate in going]
        distinct = list(dict.fromkeys(steps))
        place = {step: index for index, step in enumerate(distinct)}
        left = [source for source, _ in distinct]
        histories = []
        for index, source in enumerate(left):
            # The last heir takes the history itself; only the others need a copy.
            history = self.histories[source]
            histories.append(history.fork() if source in left[index + 1 :] else history)
        for history, (_, token) in zip(histories, distinct, strict=True):
            history.append(token)
        self.histories = histories
        self._running = [candidate.score for candidate in going]
        self._live = [place[step] for step in steps]
        return distinct

    def _end(self) -> list[tuple[int, int]]:
        self.ended = True
        self.histories = []
        return []


def _f32(value: float) -> float:
    """The value as a 32-bit float holds it."""
    return c_float(value).value


def _by_score(candidate: _Candidate) -> float:
    return -candidate.score
