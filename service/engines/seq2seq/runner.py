"""Continuous batching over one model: requests join and leave between two decode steps.

A step takes waiting requests through the encoder, by a budget where others are decoding, and then every live row one
token further. Which tokens are written is decided in `policies`; caches live in `slots`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from service.engines.base import Measures
from service.engines.seq2seq import graphs, policies
from service.engines.seq2seq.layers import EncoderRun
from service.engines.seq2seq.model import Seq2SeqModel
from service.engines.seq2seq.policies import DecodeParams, Hypothesis, Row
from service.engines.seq2seq.slots import Lane, lane_length
from service.engines.seq2seq.stepping import Stepper


@dataclass(frozen=True, slots=True)
class Budget:
    """Bounds of a runner.

    Attributes:
        rows: live rows, beams counted one by one, waiting requests included.
        batch_tokens: padded tokens of one encoder batch; a longer source goes alone.
        step_tokens: padded tokens that go through the whole encoder in one step while others decode. A batch of more
            tokens takes several steps, some layers in each.
    """

    rows: int = 32
    batch_tokens: int = 1024
    step_tokens: int = 128


@dataclass(frozen=True, slots=True)
class Finished:
    """How a request ended: its hypotheses, best first, or what made it impossible."""

    key: int
    hypotheses: tuple[Hypothesis, ...] = ()
    failed: str | None = None


@dataclass(slots=True)
class _Request:
    key: int
    source: tuple[int, ...]
    row: Row
    tokens: list[int] = field(default_factory=list)

    @property
    def width(self) -> int:
        return self.row.params.beams

    @property
    def lane(self) -> tuple[int, int]:
        return lane_length(len(self.source)), self.width


class Runner:
    """Decodes requests on one model, as many at a time as its budget allows.

    Args:
        model: to run; used by one thread.
        budget: bounds.
        stepper: how decode steps are run; None is what suits the model's device.
    """

    def __init__(self, model: Seq2SeqModel, budget: Budget | None = None, stepper: Stepper | None = None) -> None:
        self._model = model
        self._stepper = stepper or graphs.stepper_for(model)
        self._budget = budget or Budget()
        self._waiting: deque[_Request] = deque()
        self._encoding: tuple[EncoderRun, list[_Request]] | None = None
        self._live: dict[int, _Request] = {}
        self._lanes: dict[tuple[int, int], Lane] = {}
        self._held: dict[int, int] = {}
        self.measures = Measures()

    @property
    def busy(self) -> bool:
        """Whether a step would do anything."""
        return bool(self._held)

    def free_rows(self) -> int:
        """Rows that can still be taken in."""
        return max(0, self._budget.rows - sum(self._held.values()))

    def add(self, key: int, source: Sequence[int], params: DecodeParams) -> None:
        """Take a request in.

        Args:
            key: names it; not in use.
            source: token ids of the source, at least one.
            params: how it is decoded.
        Raises:
            ValueError: nothing to encode, or a key that is in use.
        """
        if not source:
            raise ValueError("a source needs at least one token")
        if key in self._held:
            raise ValueError("this key is in use")
        request = _Request(
            key, tuple(source), policies.make_row(params, self._model.compute.device), [params.start] * params.beams
        )
        self._waiting.append(request)
        self._held[key] = request.width

    def written(self, key: int, since: int = 0) -> tuple[int, ...]:
        """The tokens a request has written so far and will not take back, from number `since` on.

        Empty while it waits for the encoder, for beam search, which may still change its mind, and once it has ended.
        """
        request = self._live.get(key)
        if request is None or not isinstance(request.row, policies.GreedyRow) or request.row.ended:
            return ()
        return tuple(request.row.histories[0].ids[since + 1 :])

    @torch.inference_mode()
    def drop(self, key: int) -> None:
        """Forget a request, wherever it is; unknown keys are ignored."""
        if self._held.pop(key, None) is None:
            return
        self._waiting = deque(request for request in self._waiting if request.key != key)
        if key in self._live:
            self._retire(self._live[key])

    @torch.inference_mode()
    def step(self) -> list[Finished]:
        """Go one step and return the requests that ended; `measures` tells of it."""
        began_s = time.perf_counter()
        before = set(self._live)
        tokens = self._prefill()
        read_s = time.perf_counter()
        first = tuple(key for key in self._live if key not in before)
        rows = sum(lane.rows for lane in self._lanes.values())
        sizes = [lane.sizes for lane in self._lanes.values()]
        done = self._decode() if self._live else []
        self.measures = Measures(
            read_s - began_s,
            time.perf_counter() - read_s,
            tokens,
            rows,
            sum(own for own, _ in sizes),
            sum(cross for _, cross in sizes),
            first,
        )
        return done

    # ---- encoder -----------------------------------------------------------------------------------------------------

    def _prefill(self) -> int:
        """Take waiting requests some way through the encoder; returns the padded tokens that went through all of it."""
        if self._encoding is None and self._waiting:
            batch = self._next_batch()
            self._encoding = (self._model.start([request.source for request in batch]), batch)
        if self._encoding is None:
            return 0
        run, batch = self._encoding
        layers = self._model.spec.encoder_layers
        count = max(1, layers * self._budget.step_tokens // run.tokens) if self._live else layers
        went = max(1, run.tokens * min(count, layers) // layers)
        if not self._model.advance(run, count):
            return went
        self._encoding = None
        cross = self._model.cross(run)
        for place, request in enumerate(batch):
            if request.key not in self._held:  # dropped while it was encoded
                continue
            where = self._stepper.lane_of(*request.lane)
            lane = self._lanes.get(where)
            if lane is None:
                lane = self._lanes[where] = self._stepper.open(where)
            lane.join(request.key, cross[place], len(request.source))
            self._live[request.key] = request
        return went

    def _next_batch(self) -> list[_Request]:
        """The request that waits longest, and others of about its length while the budget holds."""
        first = self._waiting.popleft()
        batch, longest, left = [first], len(first.source), deque[_Request]()
        while self._waiting:
            request = self._waiting.popleft()
            widest = max(longest, len(request.source))
            alike = request.lane[0] == first.lane[0]
            if alike and widest * (len(batch) + 1) <= self._budget.batch_tokens:
                batch.append(request)
                longest = widest
            else:
                left.append(request)
        self._waiting = left
        return batch

    # ---- decoder -----------------------------------------------------------------------------------------------------

    def _decode(self) -> list[Finished]:
        lanes = list(self._lanes.values())
        requests = [self._live[key] for lane in lanes for key in lane.keys]
        logits = self._stepper.run([token for request in requests for token in request.tokens], lanes)
        moves = policies.advance([request.row for request in requests], _live_rows(logits, requests))
        for request, going in zip(requests, moves, strict=True):
            # A request keeps all its rows; those without a hypothesis of their own repeat the first and are not read.
            request.tokens = [token for _, token in going]
            request.tokens += request.tokens[:1] * (request.width - len(going))
        self._reorder(lanes, requests, moves)
        done = []
        for request in requests:
            if request.row.ended:
                failed = request.row.failed
                done.append(Finished(request.key, () if failed else tuple(request.row.best()), failed))
                self._retire(request)
                del self._held[request.key]
        return done

    def _reorder(
        self, lanes: Sequence[Lane], requests: Sequence[_Request], moves: Sequence[list[tuple[int, int]]]
    ) -> None:
        at = 0
        for lane in lanes:
            count = len(lane.keys)
            if lane.width > 1:
                sources: list[int] = []
                for place in range(count):
                    first = place * lane.width
                    going = [source for source, _ in moves[at + place]] or list(range(lane.width))
                    going += going[:1] * (lane.width - len(going))
                    sources += [first + source for source in going]
                lane.reorder(sources)
            at += count

    def _retire(self, request: _Request) -> None:
        del self._live[request.key]
        where = self._stepper.lane_of(*request.lane)
        lane = self._lanes[where]
        lane.leave(request.key)
        if not lane.keys:
            del self._lanes[where]
            self._stepper.close(where, lane)


def _live_rows(logits: Tensor, requests: Sequence[_Request]) -> Tensor:
    """The rows that stand for a hypothesis; all of them unless a beam search has fewer than it may."""
    if all(len(request.row.histories) == request.width for request in requests):
        return logits
    index: list[int] = []
    at = 0
    for request in requests:
        index += range(at, at + len(request.row.histories))
        at += request.width
    return logits[torch.tensor(index, device=logits.device)]
