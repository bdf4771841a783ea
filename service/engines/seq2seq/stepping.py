"""How the decode step of all live rows is run: here, one operation after the other, over lanes that grow at need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from service.engines.seq2seq.slots import Lane, Step

if TYPE_CHECKING:
    from service.engines.seq2seq.model import Seq2SeqModel


class Stepper(Protocol):
    """What the runner asks of a way to run steps."""

    def lane_of(self, length: int, width: int) -> tuple[int, int]:
        """Name the lane of a request with so long a source (`slots.lane_length`) and so many rows."""
        ...

    def open(self, where: tuple[int, int]) -> Lane:
        """Return an empty lane of this name."""
        ...

    def close(self, where: tuple[int, int], lane: Lane) -> None:
        """Take back a lane that is empty."""
        ...

    def run(self, tokens: Sequence[int], lanes: Sequence[Lane]) -> Tensor:
        """Take every live row one token further and count it.

        Args:
            tokens: the last of each row, in the order of the lanes and their rows.
            lanes: all that hold rows.
        Returns:
            Logits, [R, vocab], valid until the next call; the caller may write over them.
        """
        ...


class PlainStepper:
    """Runs each operation of a step as it comes; an empty lane gives its memory back."""

    def __init__(self, model: Seq2SeqModel) -> None:
        self._model = model

    def lane_of(self, length: int, width: int) -> tuple[int, int]:
        """Each length has lanes of its own."""
        return length, width

    def open(self, where: tuple[int, int]) -> Lane:
        """Return a new lane."""
        length, width = where
        return Lane(self._model.cache_shape, width, length, self._model.compute)

    def close(self, where: tuple[int, int], lane: Lane) -> None:
        """Forget it."""

    def run(self, tokens: Sequence[int], lanes: Sequence[Lane]) -> Tensor:
        """Take all lanes through the model at once."""
        ids = torch.tensor(tokens, device=self._model.compute.device)
        step = Step(lanes)
        logits = self._model.step(ids, step)
        step.end()
        return logits
