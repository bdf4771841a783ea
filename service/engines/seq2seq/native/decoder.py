"""A decoder's step in one call: from embedded tokens to logits without coming back to Python."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from service.engines.seq2seq.configuration import LoadError
from service.engines.seq2seq.keyvalues import CacheShape, KeyValues
from service.engines.seq2seq.native.library import Library
from service.engines.seq2seq.native.linear import StepLinear
from service.engines.seq2seq.native.structures import (
    ACTIVATIONS,
    CacheRecord,
    DecoderRecord,
    LaneRecord,
    LayerRecord,
    LinearRecord,
    NormRecord,
)
from service.engines.seq2seq.spec import ModelSpec


class NormLike(Protocol):
    """A layer norm, or a root mean square norm, whose `shift` is None."""

    gain: Tensor
    shift: Tensor | None
    epsilon: float


class LaneLike(Protocol):
    """What a step reads of a lane; see `slots.Lane`."""

    width: int
    positions: list[int]

    @property
    def storage(self) -> tuple[KeyValues, KeyValues, Sequence[int], Tensor]:
        """Own and cross caches, lengths of the sources, the columns of each row's past."""
        ...


class Positional(Protocol):
    """A relative bias."""

    def by_head(self, reach: int) -> Tensor:
        """Return the bias by distance, [heads, at least reach], contiguous; the same memory until it grows."""
        ...


@dataclass(frozen=True, slots=True)
class LayerParts:
    """One layer of a decoder; None for a norm that a model has not."""

    qkv: object
    out: object
    query: object
    cross_out: object
    up: object
    down: object
    own: NormLike
    cross: NormLike
    last: NormLike
    bias: Positional | None = None


class StepDecoder:
    """A decoder whose layers are all `StepLinear`.

    Args:
        library: that made the layers.
        spec: of the checkpoint.
        shape: of its caches.
        layers: in order.
        final: the norm before the head, or None.
        head: the last layer.
    Raises:
        LoadError: a layer or a norm has another size than the specification says.
    """

    def __init__(
        self,
        library: Library,
        spec: ModelSpec,
        shape: CacheShape,
        layers: Sequence[LayerParts],
        final: NormLike | None,
        head: StepLinear,
    ) -> None:
        _check(spec, shape, layers, final, head)
        self._library = library
        self._kept = (layers, final, head)  # the records below point into their memory
        self._biases = [layer.bias for layer in layers]
        self._vocab = head.out_features
        self._records = (LayerRecord * len(layers))(*[_layer(layer) for layer in layers])
        self._record = DecoderRecord(
            self._records,
            head.record,
            _norm(final),
            len(layers),
            spec.d_model,
            shape.heads,
            shape.head_width,
            shape.heads * shape.head_width,
            spec.decoder_ffn,
            ACTIVATIONS[spec.activation],
            int(spec.gated_ffn),
            int(spec.pre_norm),
            0,
            shape.head_width**-0.5 if shape.scale is None else shape.scale,
            spec.head_scale,
        )

    def __call__(self, hidden: Tensor, lanes: Sequence[LaneLike]) -> Tensor:
        """Take every row of the lanes one token further, caching its keys and values.

        Args:
            hidden: embedded tokens, [R, width] float32 and contiguous; written over.
            lanes: with room for one more token of each row.
        Returns:
            logits, [R, vocab] float32.
        Raises:
            MemoryError: no room for what the rows need on the way.
        """
        rows = sum(lane.width * len(lane.positions) for lane in lanes)
        if hidden.shape != (rows, self._record.width) or hidden.dtype is not torch.float32:
            raise ValueError("a step takes one float32 vector for each row of its lanes")
        hidden = hidden.contiguous()
        records = (LaneRecord * len(lanes))()
        kept = [_note(record, lane) for record, lane in zip(records, lanes, strict=True)]
        if self._biases[0] is not None:
            self._set_biases(1 + max(max(lane.positions) for lane in lanes))
        logits = torch.empty(hidden.shape[0], self._vocab)
        failed = self._library.step(
            ctypes.byref(self._record),
            records,
            len(lanes),
            hidden.data_ptr(),
            logits.data_ptr(),
            torch.get_num_threads(),
        )
        del kept
        if failed:
            raise MemoryError("no memory for a decode step")
        return logits

    def _set_biases(self, reach: int) -> None:
        if reach <= self._record.bias_reach:
            return
        tables = [bias.by_head(reach) for bias in self._biases if bias is not None]
        if len(tables) != len(self._records) or len({table.shape for table in tables}) != 1:
            raise TypeError("all layers of a decoder have a bias of one shape, or none has one")
        for record, table in zip(self._records, tables, strict=True):
            record.bias = table.data_ptr()
        self._record.bias_reach = tables[0].shape[1]


def step_decoder(
    spec: ModelSpec, shape: CacheShape, layers: Sequence[LayerParts], final: NormLike | None, head: object
) -> StepDecoder | None:
    """Return a decoder that steps in C, or None where its layers are others."""
    if not isinstance(head, StepLinear):
        return None
    return StepDecoder(head.library, spec, shape, layers, final, head)


def _check(
    spec: ModelSpec, shape: CacheShape, layers: Sequence[LayerParts], final: NormLike | None, head: StepLinear
) -> None:
    """Compare sizes, on which the step in C relies, with what the layers have."""
    width, inner, ffn = spec.d_model, shape.heads * shape.head_width, spec.decoder_ffn
    up = 2 * ffn if spec.gated_ffn else ffn
    wanted = ((3 * inner, width), (width, inner), (inner, width), (width, inner), (up, width), (width, ffn))
    for parts in layers:
        linear = (parts.qkv, parts.out, parts.query, parts.cross_out, parts.up, parts.down)
        if tuple((record.outputs, record.inputs) for record in map(_linear, linear)) != wanted:
            raise LoadError("a layer of the decoder has another size than config.json says")
    norms = [norm for parts in layers for norm in (parts.own, parts.cross, parts.last)]
    for norm in norms if final is None else [*norms, final]:
        if any(one.shape != (width,) or not one.is_contiguous() for one in (norm.gain, norm.shift) if one is not None):
            raise LoadError("a norm of the decoder has another size than config.json says")
    if head.in_features != width:
        raise LoadError("the head has another size than config.json says")


def _linear(layer: object) -> LinearRecord:
    if not isinstance(layer, StepLinear):
        raise TypeError("all layers of a decoder are of one kind")
    return layer.record


def _norm(norm: NormLike | None) -> NormRecord:
    if norm is None:
        return NormRecord()
    return NormRecord(norm.gain.data_ptr(), None if norm.shift is None else norm.shift.data_ptr(), norm.epsilon, 0)


def _layer(parts: LayerParts) -> LayerRecord:
    linear = (parts.qkv, parts.out, parts.query, parts.cross_out, parts.up, parts.down)
    norms = (parts.own, parts.cross, parts.last)
    return LayerRecord(*map(_linear, linear), *map(_norm, norms), None)


def _note(record: LaneRecord, lane: LaneLike) -> tuple[object, ...]:
    """Fill a record in; returns what must live as long as it."""
    own, cross, sources, seen = lane.storage
    count = len(lane.positions)
    positions = (ctypes.c_int32 * count)(*lane.positions)
    lengths = (ctypes.c_int32 * count)(*sources)
    record.own = _cache(own.data)
    record.cross = _cache(cross.data)
    record.positions = ctypes.addressof(positions)
    record.sources = ctypes.addressof(lengths)
    if lane.width > 1:
        record.seen = seen.data_ptr()
        record.seen_stride = seen.stride(1)
    record.requests = count
    record.width = lane.width
    return positions, lengths, seen


def _cache(data: Tensor) -> CacheRecord:
    return CacheRecord(data.data_ptr(), data.stride(0), data.stride(1), data.stride(2), data.stride(3))
