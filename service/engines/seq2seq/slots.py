"""Key and value caches of running requests, in lanes of similar source length.

A request keeps `width` rows (its beams; one when greedy) that share the keys and values of its source. Live requests
always fill the first places of a lane, so that a step works on slices: the last one moves into the place of one that
leaves, nobody else is copied. Lanes of their own for long sources keep short requests from paying for them.

The rows of a request write into one cache, token by token, and each row knows which of its columns are its own past.
So a beam search never copies keys: when hypotheses change places, only that knowledge does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from service.engines.seq2seq.devices import ON_CPU, Compute
from service.engines.seq2seq.keyvalues import CacheShape, KeyValues, fused_attention, grown

_SHORTEST = 32
_FIRST_STEPS = 32


def lane_length(source: int) -> int:
    """Return the source length of the lane a request belongs to: the next power of two, at least 32."""
    return max(_SHORTEST, 1 << (source - 1).bit_length())


class Lane:
    """Caches of the requests of one width and one class of source lengths.

    Args:
        shape: of the decoder.
        width: rows of each request.
        source: longest source, in tokens.
        compute: where the caches lie and in which type.
    Attributes:
        keys: of the live requests in the order of their places.
        positions: of each request, the number of tokens its rows have cached.
    """

    def __init__(self, shape: CacheShape, width: int, source: int, compute: Compute = ON_CPU) -> None:
        self.width = width
        self.keys: list[int] = []
        self.positions: list[int] = []
        self._sources: list[int] = []
        self._shape = shape
        self._scale = shape.head_width**-0.5 if shape.scale is None else shape.scale
        columns = shape.columns(_FIRST_STEPS * width)
        self._device = compute.device
        self._fused = compute.device.type != "cpu" or compute.kind is not torch.float32
        self._own = KeyValues(shape, columns, compute)
        self._cross = KeyValues(shape, shape.columns(source), compute)
        # What is added to the scores of each row: nought for columns of its past, minus infinity for others.
        self._seen = torch.full((0, width, columns), -math.inf, device=self._device)
        self._reach = 0
        self._at: tuple[Tensor, Tensor] | int = 0
        self._mask: Tensor = self._seen
        self._source_mask: Tensor | None = None
        self._joined = True
        self._arranged = False

    @property
    def rows(self) -> int:
        """Rows of the live requests."""
        return len(self.keys) * self.width

    @property
    def sizes(self) -> tuple[int, int]:
        """Bytes of the keys and values of rows and of their sources."""
        return self._own.data.nbytes, self._cross.data.nbytes

    def join(self, key: int, cross: Tensor, length: int) -> None:
        """Take a request in, behind the others.

        Args:
            key: of the request.
            cross: keys and values of its source, [layers, 2, heads, L, head_width]; L >= `length`.
            length: of the source in tokens, without padding.
        """
        place = len(self.keys)
        if place >= self._cross.places:
            places = max(1, 2 * place)
            self._cross.grow(2, places)
            self._own.grow(2, places)
            self._seen = grown(self._seen, 0, places, -math.inf)
        self._cross.data[:, :, place, :, :length] = cross[:, :, :, :length]
        self._seen[place] = -math.inf
        self.keys.append(key)
        self.positions.append(0)
        self._sources.append(length)
        self._joined = True

    def leave(self, key: int) -> None:
        """Free the rows of a request; the last one takes its place."""
        place, last = self.keys.index(key), len(self.keys) - 1
        if place != last:
            self._own.move(last, place, self.positions[last] * self.width)
            self._cross.move(last, place, self._sources[last])
            self._seen[place] = self._seen[last]
        for kept in (self.keys, self.positions, self._sources):
            kept[place] = kept[last]
            kept.pop()
        self._joined = True

    def reorder(self, sources: Sequence[int]) -> None:
        """Let each row go on from another row's past: row i takes over the past of row `sources[i]` of its request."""
        if all(row == source for row, source in enumerate(sources)):
            return
        seen = self._seen.view(-1, self._seen.shape[2])[:, : self._reach]
        seen[: len(sources)] = seen[torch.tensor(sources, device=self._device)]

    @property
    def storage(self) -> tuple[KeyValues, KeyValues, Sequence[int], Tensor]:
        """Caches of rows and of sources, lengths of the sources, and 0 for the columns of a row's past.

        The last is [places, width, columns]; it is kept for several rows a request, or where `attend_self` reads.
        """
        return self._own, self._cross, self._sources, self._seen

    def begin(self) -> Tensor:
        """Make ready for one step of all rows and return their positions, [rows] int64."""
        width = self.width
        self._reach = self._shape.columns((max(self.positions) + 1) * width)
        if self._reach > self._own.columns:
            self._own.grow(4, 2 * self._own.columns)
            self._seen = grown(self._seen, 2, self._own.columns, -math.inf)
        self._arranged = False
        positions = torch.tensor(self.positions, device=self._device)
        if width == 1:
            return positions
        self._mark(positions)
        return positions.repeat_interleave(width)

    def _mark(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Add the columns of this step to the past of their rows; returns places and columns, as an index."""
        beams = torch.arange(self.width, device=self._device)
        columns = positions.unsqueeze(1) * self.width + beams
        places = torch.arange(len(self.keys), device=self._device).unsqueeze(1)
        self._seen[places, beams, columns] = 0.0
        return places, columns

    def _arrange(self) -> None:
        """Show attention what it reads in this step."""
        groups, width = len(self.keys), self.width
        longest = max(self.positions)
        self._own.show(groups, self._reach)
        index = self._mark(torch.tensor(self.positions, device=self._device))
        alike = min(self.positions) == longest
        self._at = longest * width if alike else index
        seen = self._seen[:groups, :, : self._reach]
        if groups == 1 or (alike and width == 1):
            self._mask = seen[:1]
        else:
            self._mask = self._by_head(seen.unsqueeze(1))
        if self._joined:
            self._note_sources()
        self._arranged = True

    def end(self) -> None:
        """Count the token that the step has cached."""
        self.positions = [position + 1 for position in self.positions]

    def distances(self) -> Tensor:
        """Return how far each column lies behind the queries of its request, [requests, reach] int64, at least 0."""
        steps = torch.arange(self._reach, device=self._device) // self.width
        return (torch.tensor(self.positions, device=self._device).unsqueeze(1) - steps).clamp_(min=0)

    def masked(self, bias: Tensor) -> Tensor:
        """Return what is added to the scores where a position has a bias, [requests, heads, 1, reach]."""
        if not self._arranged:
            self._arrange()
        return self._by_head(bias + self._seen[: len(self.keys), :, : self._reach].unsqueeze(1))

    def attend_self(self, layer: int, qkv: Tensor, added: Tensor | None = None) -> Tensor:
        """Cache the keys and values of this step and return what its queries read.

        Args:
            layer: of the decoder.
            qkv: [rows, 3 * inner].
            added: to the scores, from `masked`, for models with a bias.
        Returns:
            [rows, inner].
        """
        if not self._arranged:
            self._arrange()
        groups, width = len(self.keys), self.width
        parts = qkv.view(groups, width, 3, self._shape.heads, -1)
        data = self._own.data[layer]
        if isinstance(self._at, int):
            data[:, :groups, :, self._at : self._at + width] = parts[:, :, 1:].permute(2, 0, 3, 1, 4)
        else:
            places, columns = self._at
            written = parts[:, :, 1:]
            # Written by indices, values have to be of the cache's type; elsewhere they become so.
            data[:, places, :, columns] = written if written.dtype is data.dtype else written.to(data.dtype)
        return self._read(parts[:, :, 0], self._own.shown[layer], self._mask if added is None else added)

    def attend_cross(self, layer: int, query: Tensor) -> Tensor:
        """Return what the queries of this step, [rows, inner], read of their sources, [rows, inner]."""
        parts = query.view(len(self.keys), self.width, self._shape.heads, -1)
        return self._read(parts, self._cross.shown[layer], self._source_mask)

    def _read(self, query: Tensor, cache: tuple[Tensor, Tensor], mask: Tensor | None) -> Tensor:
        """Attention of few queries, [requests, width, heads, head_width], as three products of many small matrices.

        torch's own attention takes twice as long here: it is made for many queries (`python -m bench.engine`).
        """
        groups, width, heads, size = query.shape
        keys, values = cache
        if self._fused:
            by_head = (groups, heads, -1, size)
            if mask is not None:
                mask = mask.unsqueeze(0) if mask.shape[0] == 1 else mask.view(groups, heads, *mask.shape[1:])
            return fused_attention(query, keys.transpose(1, 2).view(by_head), values.view(by_head), mask, self._scale)
        query = query.transpose(1, 2).reshape(groups * heads, width, size)
        if mask is None:
            scores = torch.baddbmm(query[:1, :1, :1], query, keys, beta=0, alpha=self._scale)
        else:
            scores = torch.baddbmm(mask, query, keys, alpha=self._scale)
        out = torch.bmm(torch.softmax(scores, -1), values)
        return out.view(groups, heads, width, size).transpose(1, 2).reshape(groups * width, heads * size)

    def _by_head(self, added: Tensor) -> Tensor:
        """[requests, 1 or heads, 1 or width, reach] -> [requests * heads, width, reach]."""
        groups, heads = len(self.keys), self._shape.heads
        return added.expand(groups, heads, self.width, -1).reshape(groups * heads, self.width, -1)

    def _note_sources(self) -> None:
        groups, heads = len(self.keys), self._shape.heads
        reach = self._shape.columns(max(self._sources))
        self._cross.show(groups, reach)
        self._source_mask = None
        if min(self._sources) < reach:
            sources = torch.tensor(self._sources, device=self._device).unsqueeze(1)
            unseen = torch.arange(reach, device=self._device) >= sources
            mask = torch.zeros(unseen.shape, device=self._device).masked_fill_(unseen, -math.inf)[:, None, None, :]
            self._source_mask = mask.expand(groups, heads, 1, reach).reshape(groups * heads, 1, reach)
        self._joined = False


class Step:
    """One decode step over the live rows of all lanes, which lie behind each other in the order of the lanes.

    Attributes:
        lanes: as given.
        positions: of all rows, [R] int64.
    """

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self.lanes = lanes
        self._sizes = [lane.rows for lane in lanes]
        found = [lane.begin() for lane in lanes]
        self.positions = found[0] if len(found) == 1 else torch.cat(found)

    def distances(self) -> list[Tensor]:
        """Return `Lane.distances` of every lane."""
        return [lane.distances() for lane in self.lanes]

    def masked(self, biases: Sequence[Tensor]) -> list[Tensor]:
        """Return `Lane.masked` of every lane."""
        return [lane.masked(bias) for lane, bias in zip(self.lanes, biases, strict=True)]

    def attend_self(self, layer: int, qkv: Tensor, added: Sequence[Tensor] | None = None) -> Tensor:
        """Cache keys and values of [R, 3 * inner] and return what the queries read, [R, inner]."""
        given: Sequence[Tensor | None] = added or [None] * len(self.lanes)
        if len(self.lanes) == 1:
            return self.lanes[0].attend_self(layer, qkv, given[0])
        parts = zip(self.lanes, torch.split(qkv, self._sizes), given, strict=True)
        return torch.cat([lane.attend_self(layer, part, one) for lane, part, one in parts])

    def attend_cross(self, layer: int, query: Tensor) -> Tensor:
        """Return what [R, inner] queries read of their sources, [R, inner]."""
        if len(self.lanes) == 1:
            return self.lanes[0].attend_cross(layer, query)
        parts = zip(self.lanes, torch.split(query, self._sizes), strict=True)
        return torch.cat([lane.attend_cross(layer, part) for lane, part in parts])

    def end(self) -> None:
        """Count the token that every row has cached."""
        for lane in self.lanes:
            lane.end()
