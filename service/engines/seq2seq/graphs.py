"""CUDA graphs for decode steps: a step is captured once for each layout of its lane and replayed from then on.

A step of a small model is some hundred kernels, each shorter than the time Python takes to launch it; a graph launches
them all at once. The step itself is `static.StaticLane`'s, which also runs without capture, as tests on a processor do.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from service.engines.seq2seq.slots import Lane, Step, lane_length
from service.engines.seq2seq.static import Layout, StaticLane, power_of_two
from service.engines.seq2seq.stepping import PlainStepper, Stepper

if TYPE_CHECKING:
    from service.engines.seq2seq.model import Seq2SeqModel

log = logging.getLogger(__name__)

Forward = Callable[[StaticLane], Tensor]

MOST_GRAPHS = 64
# Empty lanes keep their storage, and with it their graphs, up to so many bytes each.
_KEPT_BYTES = 256 * 2**20
# Requests with longer sources get lanes of their own, so that short ones are not padded to them.
_SHORT_SOURCE = 128
_CHECKED_STEPS = 3
# Of the largest logit: two ways to compute the same differ by roundings of the type, here of some layers in a row.
_TOLERANCE = {torch.float32: 1e-3, torch.float16: 1e-2, torch.bfloat16: 5e-2}


class Replayable(Protocol):
    """A captured step."""

    def replay(self) -> None:
        """Run it with what its inputs hold now."""
        ...


class Graphs:
    """The captured steps of one runner, at most so many; those that were not used for longest go first.

    Args:
        forward: runs the step of a lane and returns logits at an address that does not change.
        capture: records what `forward` does for a lane.
        most: graphs that are kept.
    Attributes:
        broken: a capture has failed, and steps are run one operation after the other from then on.
    """

    def __init__(
        self,
        forward: Forward,
        capture: Callable[[Forward, StaticLane], tuple[Replayable, Tensor]],
        most: int = MOST_GRAPHS,
    ) -> None:
        self._forward, self._capture, self._most = forward, capture, most
        self._kept: OrderedDict[Layout, tuple[Replayable, Tensor]] = OrderedDict()
        self.broken = False

    def __len__(self) -> int:
        return len(self._kept)

    def run(self, lane: StaticLane) -> Tensor:
        """Run the step that a lane is set to; returns its logits, places without a request included."""
        if self.broken:
            return self._forward(lane)
        layout = lane.layout
        found = self._kept.get(layout)
        if found is None:
            self.forget(lane, moved=True)
            while len(self._kept) >= self._most:
                self._kept.popitem(last=False)
            try:
                found = self._kept[layout] = self._capture(self._forward, lane)
            except RuntimeError as error:
                log.warning("decode steps cannot be captured and run without CUDA graphs: %s", error)
                self.broken = True
                self.clear()
                return self._forward(lane)
        self._kept.move_to_end(layout)
        graph, logits = found
        graph.replay()
        return logits

    def forget(self, lane: StaticLane, *, moved: bool = False) -> None:
        """Drop the graphs of a lane, or those that were made before its storage moved."""
        now = lane.layout
        for layout in [one for one in self._kept if one.lane == now.lane]:
            if not moved or (layout.own, layout.cross) != (now.own, now.cross):
                del self._kept[layout]

    def clear(self) -> None:
        """Drop all."""
        self._kept.clear()


class CudaCapture:
    """Captures steps as CUDA graphs that share one pool of memory, as they run one after the other."""

    def __init__(self) -> None:
        self._pool = torch.cuda.graph_pool_handle()
        self._aside = _side_stream()

    def __call__(self, forward: Forward, lane: StaticLane) -> tuple[Replayable, Tensor]:
        """Return the graph of a lane's step and where its logits will lie."""
        # Libraries make their workspaces and the model its tables in a first run. It writes the same keys and values
        # as the replay that follows, so it does no harm.
        self._aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._aside):
            forward(lane)
        torch.cuda.current_stream().wait_stream(self._aside)
        graph = torch.cuda.CUDAGraph()
        # Another thread may load a model meanwhile.
        with torch.cuda.graph(graph, pool=self._pool, stream=self._aside, capture_error_mode="thread_local"):
            logits = forward(lane)
        return graph, logits


@cache
def _side_stream() -> torch.cuda.Stream:
    """The one stream of all captures; cuBLAS keeps some ten megabytes for each stream it has seen."""
    return torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch has no types here


class StaticStepper:
    """Runs lanes one after the other as static steps; implements `stepping.Stepper`.

    Args:
        model: to run.
        capture: makes graphs of the steps; None runs them one operation after the other.
    """

    def __init__(
        self, model: Seq2SeqModel, capture: Callable[[Forward, StaticLane], tuple[Replayable, Tensor]] | None = None
    ) -> None:
        self._model = model
        self._idle: dict[tuple[int, int], StaticLane] = {}
        self._logits: Tensor | None = None
        self.graphs = None if capture is None else Graphs(self._forward, capture)

    def lane_of(self, length: int, width: int) -> tuple[int, int]:
        """Few lanes, as each is a run of the model: short sources and long ones."""
        return int(length > _SHORT_SOURCE), width

    def open(self, where: tuple[int, int]) -> Lane:
        """Return the lane that was kept, or a new one."""
        kept = self._idle.pop(where, None)
        return kept or StaticLane(self._model.cache_shape, where[1], self._model.compute)

    def close(self, where: tuple[int, int], lane: Lane) -> None:
        """Keep a small lane and its graphs; a large one gives its memory back."""
        lane = _static(lane)
        if sum(lane.sizes) <= _KEPT_BYTES:
            self._idle[where] = lane
        elif self.graphs is not None:
            self.graphs.forget(lane)

    def run(self, tokens: Sequence[int], lanes: Sequence[Lane]) -> Tensor:
        """Take each lane through the model."""
        parts: list[Tensor] = []
        at = 0
        for lane in map(_static, lanes):
            rows = lane.rows
            lane.aim(tokens[at : at + rows])
            self._make_room(lane.ids.shape[0])
            logits = (self._forward(lane) if self.graphs is None else self.graphs.run(lane))[:rows]
            lane.end()
            at += rows
            parts.append(logits if len(lanes) == 1 else logits.clone())
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _forward(self, lane: StaticLane) -> Tensor:
        logits = self._model.step(lane.ids, Step([lane]))
        if self._logits is None:
            raise RuntimeError("a step needs room for its logits")
        # One place for the logits of all graphs; each would keep tens of megabytes of its own otherwise.
        return self._logits[: logits.shape[0]].copy_(logits)

    def _make_room(self, rows: int) -> None:
        if self._logits is not None and self._logits.shape[0] >= rows:
            return
        if self.graphs is not None:
            self.graphs.clear()  # they write to the old place
        device = self._model.compute.device
        self._logits = torch.zeros(power_of_two(rows), self._model.spec.vocab, device=device)


def _static(lane: Lane) -> StaticLane:
    if not isinstance(lane, StaticLane):
        raise TypeError("this lane was opened by another stepper")
    return lane


def stepper_for(model: Seq2SeqModel) -> Stepper:
    """Return how steps of a model are run: as graphs where they were found to work, see `work`."""
    return StaticStepper(model, CudaCapture()) if model.compute.graphs else PlainStepper(model)


@torch.inference_mode()
def work(model: Seq2SeqModel) -> bool:
    """Try whether captured steps of a model give what plain ones do; what is found is only logged, never raised."""
    if model.compute.device.type != "cuda":
        return False
    try:
        stepper = StaticStepper(model, CudaCapture())
        found = agree(model, stepper)
    except RuntimeError as error:
        log.warning("decode steps run without CUDA graphs: %s", error)
        return False
    if not found:
        log.warning("decode steps run without CUDA graphs: captured ones gave other results")
    return found and stepper.graphs is not None and not stepper.graphs.broken


def agree(model: Seq2SeqModel, stepper: Stepper) -> bool:
    """Whether a stepper gives the logits of `PlainStepper` for a short row, within what the type allows."""
    generation = model.spec.generation
    source = (generation.eos[0],) * 4
    run = model.start([source])
    while not model.advance(run, 1):
        pass
    cross = model.cross(run)[0]
    plain = PlainStepper(model)
    lanes = [one.open(one.lane_of(lane_length(len(source)), 1)) for one in (plain, stepper)]
    for lane in lanes:
        lane.join(0, cross, len(source))
    token = generation.start
    for _ in range(_CHECKED_STEPS):
        wanted, got = (one.run([token], [lane]) for one, lane in zip((plain, stepper), lanes, strict=True))
        apart = float((wanted - got).abs().max())
        # A comparison with NaN is false, so logits that are no numbers do not agree.
        if not apart <= _TOLERANCE[model.compute.kind] * float(wanted.abs().max()):
            return False
        token = int(wanted[0].argmax())
    return True
