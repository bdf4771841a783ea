"""The T5 skeleton: T5, Flan-T5, mT5, UMT5 and MADLAD-400.

Source: Raffel et al. 2020 (T5), Chung et al. 2023 (UMT5), in the order of operations of transformers 5.23.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from service.engines.seq2seq import layers
from service.engines.seq2seq.keyvalues import CacheShape
from service.engines.seq2seq.layers import Encoder, EncoderRun, Padding
from service.engines.seq2seq.linear import Linear
from service.engines.seq2seq.native.decoder import LayerParts, step_decoder
from service.engines.seq2seq.slots import Step
from service.engines.seq2seq.spec import ModelSpec
from service.engines.seq2seq.weights import Weights


class _FeedForward:
    def __init__(self, spec: ModelSpec, weights: Weights, at: str) -> None:
        self._act = layers.activation(spec.activation)
        self._gated = spec.gated_ffn
        parts = ("wi_0", "wi_1") if spec.gated_ffn else ("wi",)
        encodes = at.startswith("encoder")
        self._up = weights.linear(
            *(f"{at}.DenseReluDense.{part}" for part in parts), after=f"{at}.layer_norm", many_rows=encodes
        )
        positive = spec.activation == "relu" and not spec.gated_ffn
        self._down = weights.linear(f"{at}.DenseReluDense.wo", nonnegative=positive, many_rows=encodes)
        self.norm = weights.norm(f"{at}.layer_norm", spec.norm_epsilon)

    @property
    def parts(self) -> tuple[Linear, Linear]:
        """The layers that widen and narrow."""
        return self._up, self._down

    def __call__(self, x: Tensor) -> Tensor:
        inner = self._up(self.norm(x))
        if not self._gated:
            return self._down(self._act(inner)).add_(x)
        gate, linear = inner.chunk(2, dim=-1)
        return self._down(self._act(gate) * linear).add_(x)


class _EncoderLayer:
    def __init__(self, spec: ModelSpec, weights: Weights, index: int, bias: _Bias) -> None:
        at = f"encoder.block.{index}.layer"
        self._heads = spec.encoder_heads
        self._kind = weights.compute.kind
        self._bias = bias
        self._norm = weights.norm(f"{at}.0.layer_norm", spec.norm_epsilon)
        self._qkv = weights.linear(
            *(f"{at}.0.SelfAttention.{part}" for part in "qkv"), after=f"{at}.0.layer_norm", many_rows=True
        )
        self._out = weights.linear(f"{at}.0.SelfAttention.o", many_rows=True)
        self._feed = _FeedForward(spec, weights, f"{at}.1")

    def __call__(self, x: Tensor, padding: Padding) -> Tensor:
        bias = self._bias.whole(x.shape[1])
        read = layers.self_attention(
            self._qkv(self._norm(x)), self._heads, padding, bias=bias, scale=1.0, kind=self._kind
        )
        return self._feed(self._out(read).add_(x))


class _DecoderLayer:
    def __init__(self, spec: ModelSpec, weights: Weights, index: int) -> None:
        at = f"decoder.block.{index}.layer"
        self._index = index
        self._norm = weights.norm(f"{at}.0.layer_norm", spec.norm_epsilon)
        self._qkv = weights.linear(*(f"{at}.0.SelfAttention.{part}" for part in "qkv"), after=f"{at}.0.layer_norm")
        self._out = weights.linear(f"{at}.0.SelfAttention.o")
        self._cross_norm = weights.norm(f"{at}.1.layer_norm", spec.norm_epsilon)
        self._query = weights.linear(f"{at}.1.EncDecAttention.q", after=f"{at}.1.layer_norm")
        self._cross_out = weights.linear(f"{at}.1.EncDecAttention.o")
        self._feed = _FeedForward(spec, weights, f"{at}.2")

    def parts(self, bias: _Bias) -> LayerParts:
        """What the layer is made of."""
        attention = (self._qkv, self._out, self._query, self._cross_out)
        return LayerParts(*attention, *self._feed.parts, self._norm, self._cross_norm, self._feed.norm, bias)

    def __call__(self, x: Tensor, step: Step, added: Sequence[Tensor]) -> Tensor:
        x = self._out(step.attend_self(self._index, self._qkv(self._norm(x)), added)).add_(x)
        x = self._cross_out(step.attend_cross(self._index, self._query(self._cross_norm(x)))).add_(x)
        return self._feed(x)


class _Bias:
    """The relative bias of one layer, or of all layers of a side."""

    def __init__(self, spec: ModelSpec, table: Tensor, *, bidirectional: bool) -> None:
        self._table = table
        self._spec = spec
        self._bidirectional = bidirectional
        self._by_distance = table.new_zeros(0, table.shape[1])
        self._behind_by_head = table.new_zeros(table.shape[1], 0)
        self._last = (0, table)

    def whole(self, length: int) -> Tensor:
        """Bias of a whole sequence, [1, heads, length, length]."""
        if self._last[0] != length:
            places = torch.arange(length, device=self._table.device)
            buckets = self._buckets(places[None, :] - places[:, None])
            self._last = (length, functional.embedding(buckets, self._table).permute(2, 0, 1).unsqueeze(0))
        return self._last[1]

    def behind(self, distances: Tensor) -> Tensor:
        """Bias of keys that lie so far behind their query: [rows, reach] int64 -> [rows, heads, 1, reach]."""
        reach = distances.shape[1]
        if self._table.device.type != "cpu":
            return self.fixed(distances)
        if reach > self._by_distance.shape[0]:
            self._by_distance = functional.embedding(self._buckets(-torch.arange(2 * reach)), self._table)
        return functional.embedding(distances, self._by_distance).permute(0, 2, 1).unsqueeze(2)

    def by_head(self, reach: int) -> Tensor:
        """Bias by how far a key lies behind, [heads, at least reach]; the same memory until that grows."""
        if reach > self._behind_by_head.shape[1]:
            buckets = self._buckets(-torch.arange(2 * reach))
            self._behind_by_head = functional.embedding(buckets, self._table).t().contiguous()
        return self._behind_by_head

    def fixed(self, distances: Tensor) -> Tensor:
        """Return the same as `behind` from a table of one size, which stays where it is, as a CUDA graph wants it."""
        far = self._spec.relative_max_distance  # all that lies further behind is in the last bucket too
        if self._by_distance.shape[0] <= far:
            places = -torch.arange(far + 1, device=self._table.device)
            self._by_distance = functional.embedding(self._buckets(places), self._table)
        return functional.embedding(distances.clamp(max=far), self._by_distance).permute(0, 2, 1).unsqueeze(2)

    def _buckets(self, distance: Tensor) -> Tensor:
        return layers.relative_bucket(
            distance,
            bidirectional=self._bidirectional,
            buckets=self._spec.relative_buckets,
            max_distance=self._spec.relative_max_distance,
        )


def _biases(spec: ModelSpec, weights: Weights, side: str, count: int) -> list[_Bias]:
    """One bias a layer, the same object where they share it."""
    tables = 1 if spec.shared_relative_bias else count
    made = [
        _Bias(
            spec,
            weights.take(f"{side}.block.{index}.layer.0.SelfAttention.relative_attention_bias.weight"),
            bidirectional=side == "encoder",
        )
        for index in range(tables)
    ]
    return made * count if spec.shared_relative_bias else made


class T5Model:
    """A model of the T5 family.

    Args:
        spec: of the checkpoint.
        weights: its tensors; emptied.
    """

    def __init__(self, spec: ModelSpec, weights: Weights) -> None:
        self.spec = spec
        self.compute = weights.compute
        self.cache_shape = CacheShape(spec.decoder_layers, spec.decoder_heads, spec.inner // spec.decoder_heads, 1.0)
        self._source, self._target = weights.tables()
        biases = _biases(spec, weights, "encoder", spec.encoder_layers)
        self._encoder = Encoder(
            [_EncoderLayer(spec, weights, index, bias) for index, bias in enumerate(biases)],
            weights.norm("encoder.final_layer_norm", spec.norm_epsilon),
        )
        self._cross = weights.linear(
            *(
                f"decoder.block.{index}.layer.1.EncDecAttention.{part}"
                for index in range(spec.decoder_layers)
                for part in "kv"
            ),
            after="encoder.final_layer_norm",
            many_rows=True,
        )
        self._biases = _biases(spec, weights, "decoder", spec.decoder_layers)
        self._decoder = [_DecoderLayer(spec, weights, index) for index in range(spec.decoder_layers)]
        self._final = weights.norm("decoder.final_layer_norm", spec.norm_epsilon)
        self._head = weights.linear("lm_head", after="decoder.final_layer_norm", many_rows=True)
        parts = [layer.parts(bias) for layer, bias in zip(self._decoder, self._biases, strict=True)]
        self._in_c = step_decoder(spec, self.cache_shape, parts, self._final, self._head)

    def start(self, sources: Sequence[Sequence[int]]) -> EncoderRun:
        """Embed a batch of sources, each at least one token, and return it before its first layer."""
        ids = layers.pad_batch(sources, self.spec.generation.pad, self.compute.device)
        lengths = tuple(map(len, sources))
        hidden = self._source(ids)
        return EncoderRun(hidden, lengths, Padding(lengths, ids.shape[1], self.compute))

    def advance(self, run: EncoderRun, count: int) -> bool:
        """Take a batch through at most `count` more layers. Returns whether it is through."""
        return self._encoder.advance(run, count)

    def cross(self, run: EncoderRun) -> Tensor:
        """Return keys and values of a batch that is through, [B, layers, 2, heads, L, head_width]."""
        return layers.split_cross(self._cross(run.hidden), self.cache_shape)

    def step(self, ids: Tensor, step: Step) -> Tensor:
        """Take every live row one token further: [R] token ids -> [R, vocab] logits."""
        x = self._target(ids)
        if self._in_c is not None:
            return self._in_c(x, step.lanes)
        distances = step.distances()
        added: list[Tensor] = []
        for index, layer in enumerate(self._decoder):
            if index == 0 or not self.spec.shared_relative_bias:
                added = step.masked([self._biases[index].behind(found) for found in distances])
            x = layer(x, step, added)
        x = self._final(x)
        return self._head(x * self.spec.head_scale if self.spec.head_scale != 1.0 else x)
