"""Key and value caches of running requests, in lanes of similar source length.

A request keeps `width` rows (its beams; one when greedy) that share the keys and values of its source. Live requests
always fill the first places of a lane, so that a step works on slices: the last one moves into the place of one that
leaves, nobody else is copied. Lanes of their own for long sources keep short requests from paying for them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

_SHORTEST = 32
_FIRST_STEPS = 32


@dataclass(frozen=True, slots=True)
class CacheShape:
    """Sizes of the decoder that its caches depend on.

    `scale` multiplies attention scores, None is one over the root of a head's width.
    """

    layers: int
    heads: int
    head_width: int
    scale: float | None = None


def lane_length(source: int) -> int:
    """Return the source length of the lane a request belongs to: the next power of two, at least 32."""
    return max(_SHORTEST, 1 << (source - 1).bit_length())


class Lane:
    """Caches of the requests of one width and one class of source lengths.

    Args:
        shape: of the decoder.
        width: rows of each request.
        source: longest source, in tokens.
    Attributes:
        keys: of the live requests in the order of their places.
        positions: of each request, the number of tokens its rows have cached.
    """

    def __init__(self, shape: CacheShape, width: int, source: int) -> None:
        self.width = width
        self.keys: list[int] = []
        self.positions: list[int] = []
        self._sources: list[int] = []
        self._shape = shape
        self._source = source
        self._own = _zeros(shape, 0, _FIRST_STEPS)
        self._cross = _zeros(shape, 0, source)
        self._steps = 0
        self._reach = 0
        self._at: Tensor | None = None
        self._mask: Tensor | None = None
        self._source_mask: Tensor | None = None
        self._joined = True

    @property
    def rows(self) -> int:
        """Rows of the live requests."""
        return len(self.keys) * self.width

    def join(self, key: int, cross: Tensor, length: int) -> None:
        """Take a request in, behind the others.

        Args:
            key: of the request.
            cross: keys and values of its source, [layers, 2, heads, L, head_width]; L >= `length`.
            length: of the source in tokens, without padding.
        """
        place = len(self.keys)
        if place >= self._cross.shape[2]:
            self._cross = _grown(self._cross, 2, max(1, 2 * place))
            self._own = _grown(self._own, 2, self._cross.shape[2] * self.width)
        self._cross[:, :, place, :, :length] = cross[:, :, :, :length]
        self.keys.append(key)
        self.positions.append(0)
        self._sources.append(length)
        self._joined = True

    def leave(self, key: int) -> None:
        """Free the rows of a request; the last one takes its place."""
        place, last = self.keys.index(key), len(self.keys) - 1
        if place != last:
            used = self.positions[last]
            here, there = (slice(at * self.width, (at + 1) * self.width) for at in (place, last))
            self._own[:, :, here, :, :used] = self._own[:, :, there, :, :used]
            self._cross[:, :, place, :, : self._sources[last]] = self._cross[:, :, last, :, : self._sources[last]]
        for kept in (self.keys, self.positions, self._sources):
            kept[place] = kept[last]
            kept.pop()
        self._joined = True

    def reorder(self, sources: Sequence[int]) -> None:
        """Let each row go on from another row's past: `sources[i]` is the row whose cache row i takes over."""
        if all(row == source for row, source in enumerate(sources)):
            return
        used = max(self.positions)
        rows = len(sources)
        taken = self._own[:, :, :, :, :used].index_select(2, torch.tensor(sources))
        self._own[:, :, :rows, :, :used] = taken

    def begin(self) -> Tensor:
        """Make ready for one step of all rows and return their positions, [rows] int64."""
        reach = max(self.positions) + 1
        if reach > self._own.shape[4]:
            self._own = _grown(self._own, 4, 2 * self._own.shape[4])
        positions = torch.tensor(self.positions)
        if self.width > 1:
            positions = positions.repeat_interleave(self.width)
        self._reach = reach
        if min(self.positions) == reach - 1:
            self._at, self._mask = None, None
        else:
            self._at = positions
            unseen = torch.arange(reach) > positions.unsqueeze(1)
            self._mask = torch.zeros(unseen.shape).masked_fill_(unseen, -math.inf)[:, None, None, :]
        if self._joined:
            self._note_sources()
        return positions

    def end(self) -> None:
        """Count the token that the step has cached."""
        self.positions = [position + 1 for position in self.positions]

    def distances(self) -> Tensor:
        """Return how far each cached key lies behind its row's query, [rows or 1, reach] int64; unseen ones count 0."""
        behind = torch.arange(self._reach - 1, -1, -1).unsqueeze(0)
        if self._at is None:
            return behind
        return (self._at.unsqueeze(1) - torch.arange(self._reach)).clamp_(min=0)

    def attend_self(self, layer: int, qkv: Tensor, bias: Tensor | None = None) -> Tensor:
        """Cache the keys and values of this step and return what its queries read.

        Args:
            layer: of the decoder.
            qkv: [rows, 3 * inner].
            bias: added to the scores, [rows or 1, heads, 1, reach], or None.
        Returns:
            [rows, inner].
        """
        rows = qkv.shape[0]
        heads = self._shape.heads
        parts = qkv.view(rows, 3, heads, -1)
        cache = self._own[layer]
        if self._at is None:
            cache[:, :rows, :, self._reach - 1] = parts[:, 1:].transpose(0, 1)
        else:
            cache[:, torch.arange(rows), :, self._at] = parts[:, 1:]
        mask = self._mask if bias is None else bias if self._mask is None else bias + self._mask
        out = functional.scaled_dot_product_attention(
            parts[:, 0].unsqueeze(2),
            cache[0, :rows, :, : self._reach],
            cache[1, :rows, :, : self._reach],
            attn_mask=mask,
            scale=self._shape.scale,
        )
        return out.reshape(rows, -1)

    def attend_cross(self, layer: int, query: Tensor) -> Tensor:
        """Return what the queries of this step, [rows, inner], read of their sources, [rows, inner]."""
        rows = query.shape[0]
        groups = rows // self.width
        parts = query.view(groups, self.width, self._shape.heads, -1).transpose(1, 2)
        reach = max(self._sources)
        cache = self._cross[layer]
        out = functional.scaled_dot_product_attention(
            parts,
            cache[0, :groups, :, :reach],
            cache[1, :groups, :, :reach],
            attn_mask=self._source_mask,
            scale=self._shape.scale,
        )
        return out.transpose(1, 2).reshape(rows, -1)

    def _note_sources(self) -> None:
        reach = max(self._sources)
        unseen = torch.arange(reach) >= torch.tensor(self._sources).unsqueeze(1)
        mask = torch.zeros(unseen.shape).masked_fill_(unseen, -math.inf)[:, None, None, :]
        self._source_mask = None if min(self._sources) == reach else mask
        self._joined = False


class Step:
    """One decode step over the live rows of all lanes, which lie behind each other in the order of the lanes.

    Attributes:
        positions: of all rows, [R] int64.
    """

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self._lanes = lanes
        self._sizes = [lane.rows for lane in lanes]
        found = [lane.begin() for lane in lanes]
        self.positions = found[0] if len(found) == 1 else torch.cat(found)

    def distances(self) -> list[Tensor]:
        """Return `Lane.distances` of every lane."""
        return [lane.distances() for lane in self._lanes]

    def attend_self(self, layer: int, qkv: Tensor, biases: Sequence[Tensor] | None = None) -> Tensor:
        """Cache keys and values of [R, 3 * inner] and return what the queries read, [R, inner]."""
        given: Sequence[Tensor | None] = biases or [None] * len(self._lanes)
        if len(self._lanes) == 1:
            return self._lanes[0].attend_self(layer, qkv, given[0])
        parts = zip(self._lanes, torch.split(qkv, self._sizes), given, strict=True)
        return torch.cat([lane.attend_self(layer, part, bias) for lane, part, bias in parts])

    def attend_cross(self, layer: int, query: Tensor) -> Tensor:
        """Return what [R, inner] queries read of their sources, [R, inner]."""
        if len(self._lanes) == 1:
            return self._lanes[0].attend_cross(layer, query)
        parts = zip(self._lanes, torch.split(query, self._sizes), strict=True)
        return torch.cat([lane.attend_cross(layer, part) for lane, part in parts])

    def end(self) -> None:
        """Count the token that every row has cached."""
        for lane in self._lanes:
            lane.end()


def _zeros(shape: CacheShape, rows: int, length: int) -> Tensor:
    # Zeros, not rubbish: what lies behind a mask is multiplied by nought, and nought times NaN is NaN.
    return torch.zeros(shape.layers, 2, rows, shape.heads, length, shape.head_width)


def _grown(cache: Tensor, dimension: int, size: int) -> Tensor:
    shape = list(cache.shape)
    shape[dimension] = size
    grown = cache.new_zeros(shape)
    grown.narrow(dimension, 0, cache.shape[dimension]).copy_(cache)
    return grown
