"""What each row does with its scores: greedy search, sampling or beam search, all rows of a step at once.

Tensors in, indices out: nothing here knows a model. Rows of all kinds share one score tensor, `advance` takes them all
a step further.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor

from service.engines.seq2seq import picking
from service.engines.seq2seq.beam import BeamRow, Hypothesis
from service.engines.seq2seq.history import History
from service.engines.seq2seq.params import DecodeParams, EarlyStopping
from service.engines.seq2seq.processors import normalize, process

__all__ = [
    "BeamRow",
    "DecodeParams",
    "EarlyStopping",
    "GreedyRow",
    "History",
    "Hypothesis",
    "Row",
    "SampleRow",
    "advance",
    "make_row",
    "process",
]


class GreedyRow:
    """A row that writes the best token at each step.

    Attributes:
        params: of the row.
        histories: of its one hypothesis; empty when it has ended.
        ended: whether it is over.
        failed: what made it impossible, or None.
    """

    def __init__(self, params: DecodeParams) -> None:
        self.params = params
        self.histories = [History((params.start,), params.no_repeat_ngram_size)]
        self.ended = False
        self.failed: str | None = None
        self._tokens: tuple[int, ...] = ()

    @property
    def tokens(self) -> tuple[int, ...]:
        """What is written so far, the end token included."""
        return self.histories[0].new_tokens() if self.histories else self._tokens

    def feed(self, scores: Tensor) -> list[tuple[int, int]]:
        """Take a step.

        Args:
            scores: [1, V] float32, processed.

        Returns:
            [(0, token)] while the row goes on; empty when it has ended (`tokens` holds the last token).
        """
        value, token = picking.best(scores)
        return self.feed_token(float(value), int(token))

    def feed_token(self, value: float, token: int) -> list[tuple[int, int]]:
        """Take a step with the best score and its token already picked; returns as `feed`."""
        if value != value:
            self.failed = "scores are not numbers"
            return self._end()
        self.histories[0].append(token)
        if token in self.params.eos_set or len(self.histories[0]) > self.params.max_new_tokens:
            return self._end()
        return [(0, token)]

    def best(self, count: int | None = None) -> list[Hypothesis]:
        """The sequence as a list of one, so that all rows answer alike; its score is None."""
        return [Hypothesis(self.tokens, None)] if self.ended and not self.failed else []

    def _end(self) -> list[tuple[int, int]]:
        self._tokens = self.tokens
        self.ended = True
        self.histories = []
        return []


class SampleRow(GreedyRow):
    """A row that draws its tokens, from random numbers of its own."""

    def __init__(self, params: DecodeParams, device: torch.device | None = None) -> None:
        super().__init__(params)
        self._generator = torch.Generator(device=device or torch.device("cpu"))
        if params.seed is None:
            self._generator.seed()
        else:
            self._generator.manual_seed(params.seed)

    def feed(self, scores: Tensor) -> list[tuple[int, int]]:
        """Take a step; as `GreedyRow.feed`."""
        highest = float(scores.max())
        if highest != highest:
            return self.feed_token(highest, self.params.pad)
        return self.feed_token(0.0, picking.draw(scores, self.params, self._generator))


Row = GreedyRow | SampleRow | BeamRow


def make_row(params: DecodeParams, device: torch.device | None = None) -> Row:
    """The row that decodes as the params say.

    Args:
        params: of the row.
        device: where its scores will lie; the CPU unless given.
    """
    if params.beams > 1:
        return BeamRow(params)
    return SampleRow(params, device) if params.do_sample else GreedyRow(params)


def advance(rows: Sequence[Row], logits: Tensor) -> list[list[tuple[int, int]]]:
    """Take all rows a step further, whatever their kinds and params.

    Args:
        rows: none of them ended.
        logits: [R, V] of the last token of every live hypothesis: those of the first row in the order of its
            `histories`, then those of the second. Changed in place where it is float32 already.

    Returns:
        For each row, which of its live hypotheses go on: (index within the row, new token). Empty for a row that has
        ended. A row that failed has ended with `failed` set.
    """
    scores = logits.float()
    owners = [row for row in rows for _ in row.histories]
    # A second pass over the vocabulary would change nothing where masks are normalized afterwards; a penalty looks at
    # the sign of the scores and needs the first one.
    first = [i for i, row in enumerate(owners) if isinstance(row, BeamRow) and not _normalized_once(row.params)]
    normalize(scores, first)
    histories = [history for row in rows for history in row.histories]
    process(scores, histories, [row.params for row in owners], _renormalize)
    starts = list(accumulate((len(row.histories) for row in rows), initial=0))
    results: list[list[tuple[int, int]]] = [[] for _ in rows]
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        if isinstance(row, SampleRow):
            results[place] = row.feed(scores[starts[place] : starts[place] + 1])
        else:
            groups[row.candidates if isinstance(row, BeamRow) else 0].append(place)
    for count, places in groups.items():
        _feed_alike(rows, scores, starts, (count, places), results)
    return results


def _feed_alike(
    rows: Sequence[Row],
    scores: Tensor,
    starts: Sequence[int],
    group: tuple[int, Sequence[int]],
    results: list[list[tuple[int, int]]],
) -> None:
    """Feed rows that want the same number of candidates, 0 for greedy rows, with one search for all of them."""
    count, places = group
    lines = [starts[place] + i for place in places for i in range(len(rows[place].histories))]
    chosen = scores if len(lines) == scores.shape[0] else scores[torch.tensor(lines, device=scores.device)]
    if not count:
        best_values, best_tokens = (found.tolist() for found in picking.best(chosen))
        for place, value, token in zip(places, best_values, best_tokens, strict=True):
            row = rows[place]
            if isinstance(row, GreedyRow):
                results[place] = row.feed_token(value, token)
        return
    values, tokens = (found.tolist() for found in picking.top(chosen, min(count, chosen.shape[1])))
    at = 0
    for place in places:
        row, live = rows[place], len(rows[place].histories)
        if isinstance(row, BeamRow):
            results[place] = row.feed_top(values[at : at + live], tokens[at : at + live])
        at += live


def _normalized_once(params: DecodeParams) -> bool:
    return params.renormalize_logits and params.repetition_penalty == 1.0


def _renormalize(params: DecodeParams) -> bool:
    """Greedy rows and drawn ones choose alike from scores and from log probabilities."""
    return params.renormalize_logits and params.beams > 1
