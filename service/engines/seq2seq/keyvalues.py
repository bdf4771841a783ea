"""Storage of the keys and values of running requests."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from service.engines.seq2seq.devices import ON_CPU, Compute

# Attention reads whole vectors of columns, and never so few that torch would multiply by a loop of its own (below 400
# products). Sums then run in one order whatever else is in the lane: a row's result has the same bits in any company.
_VECTOR = 16
_LOOP_PRODUCTS = 400


@dataclass(frozen=True, slots=True)
class CacheShape:
    """Sizes of the decoder that its caches depend on.

    `scale` multiplies attention scores, None is one over the root of a head's width.
    """

    layers: int
    heads: int
    head_width: int
    scale: float | None = None

    def columns(self, wanted: int) -> int:
        """Return how many columns of a cache attention reads when `wanted` are in use."""
        return _VECTOR * -(-max(wanted, -(-_LOOP_PRODUCTS // self.head_width)) // _VECTOR)


class KeyValues:
    """Keys and values, [layers, 2, places, heads, columns, head_width].

    Attributes:
        shown: of each layer, what attention reads: keys [places * heads, head_width, reach], values
            [places * heads, reach, head_width].
    """

    def __init__(self, shape: CacheShape, columns: int, compute: Compute = ON_CPU) -> None:
        sizes = (shape.layers, 2, 0, shape.heads, columns, shape.head_width)
        # Zeros, not rubbish: what lies behind a mask is multiplied by nought, and nought times NaN is NaN.
        self.data = torch.zeros(sizes, dtype=compute.kind, device=compute.device)
        self.shown: list[tuple[Tensor, Tensor]] = []
        self._shows = (0, 0)

    @property
    def places(self) -> int:
        """Requests it has room for."""
        return self.data.shape[2]

    @property
    def columns(self) -> int:
        """Tokens of one request it has room for, all rows counted."""
        return self.data.shape[4]

    def grow(self, dimension: int, size: int) -> None:
        """Make a dimension longer."""
        self.data = grown(self.data, dimension, size, 0.0)
        self._shows = (0, 0)

    def move(self, source: int, target: int, columns: int) -> None:
        """Copy the first columns of one place to another."""
        self.data[:, :, target, :, :columns] = self.data[:, :, source, :, :columns]

    def show(self, places: int, reach: int) -> None:
        """Let attention read the first columns of the first places."""
        if (places, reach) == self._shows:
            return
        self._shows = (places, reach)
        live = self.data[:, :, :places, :, :reach].flatten(2, 3)
        self.shown = [(keys.transpose(1, 2), values) for keys, values in live.unbind(0)]


def grown(cache: Tensor, dimension: int, size: int, fill: float) -> Tensor:
    """Return a copy with one dimension longer, filled with a value."""
    shape = list(cache.shape)
    shape[dimension] = size
    made = cache.new_full(shape, fill)
    made.narrow(dimension, 0, cache.shape[dimension]).copy_(cache)
    return made


def fused_attention(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    """Attention of few queries in torch's own kernel, one call with scores and sums in float32: for GPUs.

    Args:
        query: [requests, width, heads, head_width].
        keys, values: [requests, heads, reach, head_width], in the type to compute with.
        mask: added to the scores, broadcast over [requests, heads, width, reach], or None.
        scale: of the scores.
    Returns:
        [requests * width, heads * head_width], in the type of `query`.
    """
    groups, width, heads, size = query.shape
    kind = values.dtype
    mask = mask if mask is None or mask.dtype is kind else mask.to(kind)
    found = functional.scaled_dot_product_attention(
        query.transpose(1, 2).to(kind), keys, values, attn_mask=mask, scale=scale
    )
    return found.transpose(1, 2).reshape(groups * width, heads * size).to(query.dtype)
