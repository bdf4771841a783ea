"""The weights of a model on a GPU: linear layers, embedding rows and what else its constructor asks for."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from service.engines.seq2seq.devices import Compute
from service.engines.seq2seq.linear import Linear
from service.engines.seq2seq.rows import Rows, rows_in_memory
from service.engines.seq2seq.weights import CheckpointSource, LayerPlan

_HEAD = "lm_head"
# The products of T5's last feed-forward layer leave the range of float16; transformers keeps it in float32 too.
_WIDE_RANGE = ".DenseReluDense.wo"


class GpuLinear:
    """A layer with floating point weights on a GPU, in cuBLAS's own kernels.

    Results may differ in the last bits with the number of rows, as the kernel is chosen by it.

    Args:
        weight: [out, in] on the device, in the type of the products.
        bias: [out] on the device in any type, or None.
        wide: float32 results of 16-bit products, for the scores of a vocabulary.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, *, wide: bool = False) -> None:
        self.out_features, self.in_features = weight.shape
        self._weight = weight
        self._wide = wide and weight.dtype is not torch.float32 and _widens(weight.device, weight.dtype)
        kind = torch.float32 if self._wide else weight.dtype
        self._bias = None if bias is None else bias.to(kind)

    def __call__(self, x: Tensor) -> Tensor:
        """Return the product in the type of `x`."""
        rows = x if x.dtype is self._weight.dtype else x.to(self._weight.dtype)
        if not self._wide:
            out = functional.linear(rows, self._weight, self._bias)
            return out if out.dtype is x.dtype else out.to(x.dtype)
        wide = torch.mm(rows.reshape(-1, self.in_features), self._weight.t(), out_dtype=torch.float32)
        if self._bias is not None:
            wide.add_(self._bias)
        return wide.view(*x.shape[:-1], self.out_features).to(x.dtype)


@cache
def _widens(device: torch.device, kind: torch.dtype) -> bool:
    """Try whether 16-bit products come out as float32 here; the scores are rounded to 16 bits where they do not."""
    try:
        ones = torch.ones(16, 16, device=device, dtype=kind)
        return torch.mm(ones, ones, out_dtype=torch.float32).dtype is torch.float32
    except (RuntimeError, TypeError, NotImplementedError):
        return False


class GpuSource:
    """The tensors of a checkpoint, moved to a device as they are taken; implements `weights.Source`.

    Args:
        source: of the tensors.
        compute: device, and type of layers and embeddings. A table that is also the head is one tensor there.
    """

    def __init__(self, source: CheckpointSource, compute: Compute) -> None:
        self._source = source
        self._compute = compute
        # By the tensor that was moved, which is kept too, or another could come to have its id.
        self._tables: dict[int, tuple[Tensor, Tensor]] = {}

    def has(self, name: str) -> bool:
        """Whether a tensor of this name is left."""
        return self._source.has(name)

    def take(self, name: str) -> Tensor:
        """Return a tensor as float32 on the device."""
        return self._source.take(name).to(self._compute.device)

    def rows(self, name: str) -> Rows:
        """Return the rows of a table, all of which the device holds: a step may not wait for a file."""
        return rows_in_memory(self._table(name))

    def layer(self, plan: LayerPlan) -> tuple[Tensor, Tensor | None]:
        """Return weight and bias of a layer on the device, the weight in the type of its products."""
        if plan.key == _HEAD:
            bias = plan.bias or f"{_HEAD}.bias"
            return self._table(f"{_HEAD}.weight"), self.take(bias).flatten() if self.has(bias) else None
        weight, bias_values = self._source.layer(plan)
        kind = self._compute.kind
        if kind is torch.float16 and plan.key.endswith(_WIDE_RANGE):
            kind = torch.float32
        device = self._compute.device
        return weight.to(device, kind), None if bias_values is None else bias_values.to(device)

    def linear(self, plan: LayerPlan) -> Linear:
        """Return a layer."""
        weight, bias = self.layer(plan)
        return GpuLinear(weight, bias, wide=plan.key == _HEAD)

    def _table(self, name: str) -> Tensor:
        """A table on the device, the same tensor for all names of one that is tied."""
        table = self._source.raw(name)
        if id(table) not in self._tables:
            self._tables[id(table)] = table, table.detach().to(self._compute.device, self._compute.kind)
        return self._tables[id(table)][1]
