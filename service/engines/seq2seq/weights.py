"""The layers of a model, made from the tensors of a checkpoint or from quantized ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from service.engines.seq2seq.cache import StoredWeights
from service.engines.seq2seq.devices import ON_CPU, Compute
from service.engines.seq2seq.layers import Norm
from service.engines.seq2seq.linear import Linear, fuse
from service.engines.seq2seq.quantize import QuantizedWeight
from service.engines.seq2seq.rows import Place, Rows, RowsInFile, rows_in_memory


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """One linear layer of a model.

    Attributes:
        names: of the checkpoint's layers that it computes at once, their outputs side by side; without `.weight`.
        after: the norm whose output only this layer reads, or None; int8 shares large channels out between the two.
        bias: name of a bias that is not called like the layers, or None.
        nonnegative: the inputs are never below zero, which int8 makes use of.
        many_rows: it takes whole sources, or is very wide.
    """

    names: tuple[str, ...]
    after: str | None = None
    bias: str | None = None
    nonnegative: bool = False
    many_rows: bool = False

    @property
    def in_step(self) -> bool:
        """Whether a decode step runs it, so that it mostly takes few rows."""
        return not self.many_rows or self.key == "lm_head"

    @property
    def key(self) -> str:
        """What it is called by; no two layers of a model begin with the same."""
        return self.names[0]


class Source(Protocol):
    """Where tensors come from."""

    def has(self, name: str) -> bool:
        """Whether there is a tensor of this name."""
        ...

    def take(self, name: str) -> Tensor:
        """Return a tensor as float32, to keep."""
        ...

    def rows(self, name: str) -> Rows:
        """Return the rows of an embedding table."""
        ...

    def layer(self, plan: LayerPlan) -> tuple[Tensor | QuantizedWeight, Tensor | None]:
        """Return weight and bias of a layer."""
        ...


class Weights:
    """What a model's constructor asks for its parts.

    Args:
        source: of the tensors.
        make: gives the linear layers.
        compute: where the model runs.
    """

    def __init__(self, source: Source, make: Callable[[LayerPlan], Linear], compute: Compute = ON_CPU) -> None:
        self._source = source
        self._make = make
        self.compute = compute

    def has(self, name: str) -> bool:
        """Whether there is a tensor of this name."""
        return self._source.has(name)

    def take(self, name: str) -> Tensor:
        """Return a tensor as float32."""
        return self._source.take(name)

    def tables(self) -> tuple[Rows, Rows]:
        """Return the rows of the encoder's and the decoder's embedding; they are one where the tables are."""
        source = self._source.rows("encoder.embed_tokens.weight")
        other = self._source.has("decoder.embed_tokens.weight")
        return source, self._source.rows("decoder.embed_tokens.weight") if other else source

    def norm(self, name: str, epsilon: float) -> Norm:
        """Return a layer norm, or a root mean square norm where there is no bias."""
        bias = f"{name}.bias"
        return Norm(self.take(f"{name}.weight"), self.take(bias) if self.has(bias) else None, epsilon)

    def linear(
        self,
        *names: str,
        after: str | None = None,
        bias: str | None = None,
        nonnegative: bool = False,
        many_rows: bool = False,
    ) -> Linear:
        """Return one layer that computes all named layers at once; see `LayerPlan` for the arguments."""
        return self._make(LayerPlan(names, after, bias, nonnegative, many_rows))


class CheckpointSource:
    """The tensors of a checkpoint, each handed out once so that memory is not held twice.

    Args:
        tensors: by name; emptied as they are taken.
        places: where tables lie in files, by name.
    """

    def __init__(self, tensors: dict[str, Tensor], places: Mapping[str, Place]) -> None:
        self._tensors = tensors
        self._places = places

    def has(self, name: str) -> bool:
        """Whether a tensor of this name is left."""
        return name in self._tensors

    def take(self, name: str) -> Tensor:
        """Return a tensor as float32 and forget it."""
        # A copy, since a view of a mapping would keep every page of the file that was read.
        return self._tensors.pop(name).detach().to(torch.float32, copy=True)

    def raw(self, name: str) -> Tensor:
        """Return a tensor as it was saved and forget it."""
        return self._tensors.pop(name)

    def rows(self, name: str) -> Rows:
        """Return the rows of a table and forget it."""
        table = self._tensors.pop(name)
        place = self._places.get(name)
        return RowsInFile(place) if place is not None else rows_in_memory(table)

    def layer(self, plan: LayerPlan) -> tuple[Tensor, Tensor | None]:
        """Return the weight in float32 and the bias, fused where there are several, and forget the parts."""
        weights = [self._tensors.pop(f"{name}.weight").float() for name in plan.names]
        names = [plan.bias or f"{name}.bias" for name in plan.names]
        biases = [self.take(name).flatten() if self.has(name) else None for name in names]
        return fuse(weights, biases) if len(weights) > 1 else (weights[0], biases[0])


class QuantizedSource:
    """Quantized weights as `arrange` orders them."""

    def __init__(self, stored: StoredWeights) -> None:
        self._stored = stored
        self._names = frozenset(stored.names())

    def has(self, name: str) -> bool:
        """Whether there is a tensor of this name."""
        return name in self._names

    def take(self, name: str) -> Tensor:
        """Return a tensor as float32, in memory of its own."""
        found = self._stored.get(name)
        if isinstance(found, QuantizedWeight):
            raise KeyError(name)
        return found.to(torch.float32, copy=True)

    def rows(self, name: str) -> Rows:
        """Return the rows of a table."""
        return self._stored.rows(name)

    def layer(self, plan: LayerPlan) -> tuple[Tensor | QuantizedWeight, Tensor | None]:
        """Return weight and bias of a layer."""
        weight, bias = f"{plan.key}.weight", f"{plan.key}.bias"
        return self._stored.get(weight), self.take(bias) if self.has(bias) else None


class ShapeSource:
    """Tensors without values, to find out which layers a model asks for.

    Args:
        shapes: by name.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self._shapes = shapes

    def has(self, name: str) -> bool:
        """Whether there is a tensor of this name."""
        return name in self._shapes

    def take(self, name: str) -> Tensor:
        """Return a tensor of the right shape that takes no memory."""
        # The device "meta" would do it too, but its first use imports for a second.
        return torch.zeros(()).expand(self._shapes[name])

    def rows(self, name: str) -> Rows:
        """Return the rows of such a tensor."""
        return rows_in_memory(self.take(name))

    def layer(self, plan: LayerPlan) -> tuple[Tensor, Tensor | None]:
        """Return a fused weight that takes no memory."""
        out_features, in_features = self.shape(plan)
        return torch.zeros(()).expand(out_features, in_features), None

    def shape(self, plan: LayerPlan) -> tuple[int, int]:
        """Return outputs and inputs of a layer."""
        shapes = [self._shapes[f"{name}.weight"] for name in plan.names]
        return sum(shape[0] for shape in shapes), shapes[0][1]
