"""Layers made from the tensors of a checkpoint."""

from __future__ import annotations

from functools import partial

from torch import Tensor
from torch.nn import functional

from service.engines.seq2seq.layers import Function
from service.engines.seq2seq.linear import Linear, Precision, fuse, make_linear


class Weights:
    """The tensors of a checkpoint, handed out once each so that memory is not held twice.

    Args:
        tensors: by name; emptied as parts are made.
        precision: of the linear layers.
    """

    def __init__(self, tensors: dict[str, Tensor], precision: Precision) -> None:
        self._tensors = tensors
        self._precision = precision

    def has(self, name: str) -> bool:
        """Whether a tensor of this name is left."""
        return name in self._tensors

    def take(self, name: str) -> Tensor:
        """Return a tensor as float32 and forget it."""
        return self._tensors.pop(name).float()

    def stored(self, name: str) -> Tensor:
        """Return a tensor in the type it was saved in, and forget it."""
        return self._tensors.pop(name)

    def norm(self, name: str, epsilon: float) -> Function:
        """Return a layer norm, or a root mean square norm where there is no bias."""
        weight = self.take(f"{name}.weight")
        shape = tuple(weight.shape)
        if not self.has(f"{name}.bias"):
            return partial(functional.rms_norm, normalized_shape=shape, weight=weight, eps=epsilon)
        bias = self.take(f"{name}.bias")
        return partial(functional.layer_norm, normalized_shape=shape, weight=weight, bias=bias, eps=epsilon)

    def linear(self, *names: str, nonnegative: bool = False) -> Linear:
        """Return one layer that computes all named layers at once, their outputs side by side.

        Args:
            names: of the layers, without `.weight`.
            nonnegative: its inputs are never below zero, which int8 makes use of.
        """
        weights = [self.take(f"{name}.weight") for name in names]
        biases = [self.take(f"{name}.bias") if self.has(f"{name}.bias") else None for name in names]
        weight, bias = fuse(weights, biases) if len(names) > 1 else (weights[0], biases[0])
        return make_linear(weight, bias, precision=self._precision, nonnegative=nonnegative)

    def head(self, weight: Tensor, bias: Tensor | None) -> Linear:
        """Return the layer that gives the logits; its weight may be the embedding's."""
        return make_linear(weight.float(), bias, precision=self._precision)
