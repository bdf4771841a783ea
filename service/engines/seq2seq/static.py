"""A lane whose step has the same shapes and addresses again and again, as a CUDA graph needs it.

Numbers of requests and of columns are rounded up to powers of two. All that changes from step to step - tokens,
positions, lengths of sources - lies in one tensor that is filled by one copy before the step; the step itself is made
of operations on the device only. Places without a request are computed along and not read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import count
from typing import NamedTuple

import torch
from torch import Tensor

from service.engines.seq2seq.devices import Compute
from service.engines.seq2seq.keyvalues import CacheShape, fused_attention, grown
from service.engines.seq2seq.slots import Lane

_LEAST_COLUMNS = 64
_serials = count()


class Bucket(NamedTuple):
    """Sizes of a step: requests, columns of their own tokens, columns of their sources."""

    groups: int
    reach: int
    source: int


class Layout(NamedTuple):
    """What a captured step depends on: the lane, the sizes of its storage (a change moves it), those of the step."""

    lane: int
    own: tuple[int, ...]
    cross: tuple[int, ...]
    bucket: Bucket


def power_of_two(wanted: int) -> int:
    """Return the least power of two that is not below a number from 1 on."""
    return 1 << (wanted - 1).bit_length()


class StaticLane(Lane):
    """See `Lane`; before each step `aim` says what it is about, and `end` follows it.

    Args:
        shape: of the decoder.
        width: rows of each request.
        compute: where the caches lie and in which type.
    """

    def __init__(self, shape: CacheShape, width: int, compute: Compute) -> None:
        super().__init__(shape, width, _LEAST_COLUMNS, compute)
        self._kind = compute.kind
        self._serial = next(_serials)
        self._bucket = Bucket(1, 1, 1)
        pinned = compute.device.type == "cuda"
        # Read by the copy only: a step's logits have been read before the next one writes here.
        self._host = torch.zeros(0, dtype=torch.int64)
        self._pinned = pinned
        self._inputs = torch.zeros(0, dtype=torch.int64, device=compute.device)

    @property
    def layout(self) -> Layout:
        """Of the step that `aim` has set."""
        return Layout(self._serial, tuple(self._own.data.shape), tuple(self._cross.data.shape), self._bucket)

    @property
    def serial(self) -> int:
        """Number of this lane, never used for another."""
        return self._serial

    def join(self, key: int, cross: Tensor, length: int) -> None:
        """Take a request in; see `Lane.join`."""
        columns = power_of_two(self._shape.columns(length))
        if columns > self._cross.columns:
            self._cross.grow(4, columns)
        super().join(key, cross, length)
        # Behind masks everything has to be a number, and the last request here may have left others.
        place = len(self.keys) - 1
        self._own.data[:, :, place] = 0.0
        self._cross.data[:, :, place, :, length:] = 0.0

    def leave(self, key: int) -> None:
        """Free the rows of a request; see `Lane.leave`."""
        place, last = self.keys.index(key), len(self.keys) - 1
        if place != last:  # whole places, for the reason given in `join`
            self._own.move(last, place, self._own.columns)
            self._cross.move(last, place, self._cross.columns)
        super().leave(key)

    def aim(self, tokens: Sequence[int]) -> None:
        """Set the next step and fill its inputs; storage grows here or in `join`, never within a step.

        Args:
            tokens: the last of each live row.
        """
        live, width = len(self.keys), self.width
        groups = power_of_two(live)
        reach = power_of_two(max(_LEAST_COLUMNS, self._shape.columns((max(self.positions) + 1) * width)))
        source = power_of_two(self._shape.columns(max(self._sources)))
        if reach > self._own.columns:
            self._own.grow(4, reach)
            self._seen = grown(self._seen, 2, reach, -math.inf)
        if self._host.shape[0] < self._own.places * (width + 2):
            size = self._own.places * (width + 2)
            self._host = torch.zeros(size, dtype=torch.int64, pin_memory=self._pinned)
            self._inputs = self._inputs.new_zeros(size)
        self._bucket, self._reach = Bucket(groups, reach, source), reach
        spare = groups - live
        filled = [*tokens, *[0] * (spare * width), *self.positions, *[0] * spare, *self._sources, *[1] * spare]
        self._host[: len(filled)] = torch.tensor(filled)
        self._inputs[: len(filled)].copy_(self._host[: len(filled)], non_blocking=True)

    @property
    def ids(self) -> Tensor:
        """Tokens of the step, [groups * width] int64 on the device."""
        return self._inputs[: self._bucket.groups * self.width]

    def begin(self) -> Tensor:
        """Make the masks of the step and return the positions of its rows, [groups * width] int64."""
        groups, reach, source = self._bucket
        width, device = self.width, self._device
        self._places, lengths = self._inputs[groups * width : groups * (width + 2)].view(2, groups, 1).unbind(0)
        columns = self._places * width + torch.arange(width, device=device)
        seen = self._seen[:groups]
        seen.scatter_(2, columns.unsqueeze(2), 0.0)
        self._added = seen[:, :, :reach].unsqueeze(1)
        self._mask = self._added.to(self._kind)
        self._written = columns.view(1, groups, 1, width, 1).expand(
            2, groups, self._shape.heads, width, self._shape.head_width
        )
        unseen = torch.arange(source, device=device) >= lengths
        mask = torch.zeros(groups, source, dtype=self._kind, device=device).masked_fill_(unseen, -math.inf)
        self._source_mask = mask.view(groups, 1, 1, source)
        return self._places.expand(groups, width).reshape(groups * width)

    def distances(self) -> Tensor:
        """Return how far each column lies behind the queries of its request; see `Lane.distances`."""
        steps = torch.arange(self._bucket.reach, device=self._device) // self.width
        return (self._places - steps).clamp_(min=0)

    def masked(self, bias: Tensor) -> Tensor:
        """Return what is added to the scores where a position has a bias, [groups, heads, width, reach]."""
        return (bias + self._added).to(self._kind)

    def attend_self(self, layer: int, qkv: Tensor, added: Tensor | None = None) -> Tensor:
        """Cache the keys and values of this step and return what its queries read; see `Lane.attend_self`."""
        groups, reach, _ = self._bucket
        parts = qkv.view(groups, self.width, 3, self._shape.heads, -1)
        data = self._own.data[layer, :, :groups]
        data.scatter_(3, self._written, parts[:, :, 1:].permute(2, 0, 3, 1, 4).to(self._kind))
        keys, values = data[:, :, :, :reach].unbind(0)
        return fused_attention(parts[:, :, 0], keys, values, self._mask if added is None else added, self._scale)

    def attend_cross(self, layer: int, query: Tensor) -> Tensor:
        """Return what the queries of this step read of their sources; see `Lane.attend_cross`."""
        groups, _, source = self._bucket
        keys, values = self._cross.data[layer, :, :groups, :, :source].unbind(0)
        parts = query.view(groups, self.width, self._shape.heads, -1)
        return fused_attention(parts, keys, values, self._source_mask, self._scale)
