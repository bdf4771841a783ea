"""The BART skeleton: M2M100, NLLB, SMaLL-100, mBART, mBART-50, Marian, BART and Pegasus.

Source: Lewis et al. 2020 (BART), Fan et al. 2021 (M2M100), in the order of operations of transformers 5.23.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from service.engines.seq2seq import layers
from service.engines.seq2seq.keyvalues import CacheShape
from service.engines.seq2seq.layers import Encoder, EncoderRun, Padding
from service.engines.seq2seq.native.decoder import LayerParts, step_decoder
from service.engines.seq2seq.rows import Rows
from service.engines.seq2seq.slots import Step
from service.engines.seq2seq.spec import ModelSpec
from service.engines.seq2seq.weights import Weights


class _Embedding:
    """Tokens and positions of one side, as numbers."""

    def __init__(self, spec: ModelSpec, weights: Weights, side: str, table: Rows) -> None:
        self._spec = spec
        self._table = table
        self._norm = weights.norm(f"{side}.layernorm_embedding", spec.norm_epsilon) if spec.embed_norm else None
        self._pad = spec.generation.pad
        # A number would be copied to a GPU at each step, which a CUDA graph does not allow.
        self._pad_place = torch.tensor(self._pad, device=weights.compute.device)
        name = f"{side}.embed_positions.weight"
        rows = spec.max_positions + spec.position_offset
        if weights.has(name):
            self._positions = weights.take(name)
        elif spec.positions == "sinusoidal":
            self._positions = layers.sinusoids_m2m(rows, spec.d_model, self._pad).to(weights.compute.device)
        else:
            self._positions = layers.sinusoids_marian(rows, spec.d_model).to(weights.compute.device)

    def sequence(self, ids: Tensor) -> Tensor:
        """[B, L] token ids -> [B, L, width]."""
        if self._spec.positions == "sinusoidal":  # padding tokens stand nowhere
            real = (ids != self._pad).long()
            places = (real.cumsum(1) + self._spec.position_offset - 1) * real + self._pad * (1 - real)
        else:
            places = torch.arange(ids.shape[1], device=ids.device) + self._spec.position_offset
        return self._sum(ids, places)

    def step(self, ids: Tensor, positions: Tensor) -> Tensor:
        """[R] token ids at [R] positions -> [R, width]."""
        places = positions + self._spec.position_offset
        if self._spec.positions == "sinusoidal":
            places = torch.where(ids == self._pad, self._pad_place, places)
        return self._sum(ids, places)

    def _sum(self, ids: Tensor, places: Tensor) -> Tensor:
        embedded = self._table(ids)
        if self._spec.embed_scale != 1.0:
            embedded = embedded * self._spec.embed_scale
        embedded = embedded + functional.embedding(places, self._positions)
        return embedded if self._norm is None else self._norm(embedded)


def _feeding(spec: ModelSpec, norm: str) -> str | None:
    """The norm, where the layer behind it is all that reads it; elsewhere the residual sum does too."""
    return norm if spec.pre_norm else None


class _EncoderLayer:
    def __init__(self, spec: ModelSpec, weights: Weights, at: str) -> None:
        self._pre_norm = spec.pre_norm
        self._heads = spec.encoder_heads
        self._kind = weights.compute.kind
        self._act = layers.activation(spec.activation)
        own, last = (_feeding(spec, f"{at}.{name}") for name in ("self_attn_layer_norm", "final_layer_norm"))
        self._qkv = weights.linear(*(f"{at}.self_attn.{part}_proj" for part in "qkv"), after=own, many_rows=True)
        self._out = weights.linear(f"{at}.self_attn.out_proj", many_rows=True)
        self._up = weights.linear(f"{at}.fc1", after=last, many_rows=True)
        self._down = weights.linear(f"{at}.fc2", nonnegative=spec.activation == "relu", many_rows=True)
        self._norms = [
            weights.norm(f"{at}.{name}", spec.norm_epsilon) for name in ("self_attn_layer_norm", "final_layer_norm")
        ]

    def __call__(self, x: Tensor, padding: Padding) -> Tensor:
        first, second = self._norms
        if self._pre_norm:
            x = self._attend(first(x), padding).add_(x)
            return self._down(self._act(self._up(second(x)))).add_(x)
        x = first(self._attend(x, padding).add_(x))
        return second(self._down(self._act(self._up(x))).add_(x))

    def _attend(self, x: Tensor, padding: Padding) -> Tensor:
        return self._out(layers.self_attention(self._qkv(x), self._heads, padding, kind=self._kind))


class _DecoderLayer:
    def __init__(self, spec: ModelSpec, weights: Weights, index: int) -> None:
        at = f"decoder.layers.{index}"
        self._index = index
        self._pre_norm = spec.pre_norm
        self._act = layers.activation(spec.activation)
        names = ("self_attn_layer_norm", "encoder_attn_layer_norm", "final_layer_norm")
        own, cross, last = (_feeding(spec, f"{at}.{name}") for name in names)
        self._qkv = weights.linear(*(f"{at}.self_attn.{part}_proj" for part in "qkv"), after=own)
        self._out = weights.linear(f"{at}.self_attn.out_proj")
        self._query = weights.linear(f"{at}.encoder_attn.q_proj", after=cross)
        self._cross_out = weights.linear(f"{at}.encoder_attn.out_proj")
        self._up = weights.linear(f"{at}.fc1", after=last)
        self._down = weights.linear(f"{at}.fc2", nonnegative=spec.activation == "relu")
        self._norms = [weights.norm(f"{at}.{name}", spec.norm_epsilon) for name in names]

    @property
    def parts(self) -> LayerParts:
        """What the layer is made of."""
        attention = (self._qkv, self._out, self._query, self._cross_out)
        own, cross, last = self._norms
        return LayerParts(*attention, self._up, self._down, own, cross, last)

    def __call__(self, x: Tensor, step: Step) -> Tensor:
        own, cross, last = self._norms
        index = self._index
        if self._pre_norm:
            x = self._out(step.attend_self(index, self._qkv(own(x)))).add_(x)
            x = self._cross_out(step.attend_cross(index, self._query(cross(x)))).add_(x)
            return self._down(self._act(self._up(last(x)))).add_(x)
        x = own(self._out(step.attend_self(index, self._qkv(x))).add_(x))
        x = cross(self._cross_out(step.attend_cross(index, self._query(x))).add_(x))
        return last(self._down(self._act(self._up(x))).add_(x))


class BartModel:
    """A model of the BART family.

    Args:
        spec: of the checkpoint.
        weights: its tensors; emptied.
    """

    def __init__(self, spec: ModelSpec, weights: Weights) -> None:
        self.spec = spec
        self.compute = weights.compute
        self.cache_shape = CacheShape(spec.decoder_layers, spec.decoder_heads, spec.inner // spec.decoder_heads)
        source, target = weights.tables()
        self._source = _Embedding(spec, weights, "encoder", source)
        self._target = _Embedding(spec, weights, "decoder", target)
        self._encoder = Encoder(
            [_EncoderLayer(spec, weights, f"encoder.layers.{index}") for index in range(spec.encoder_layers)],
            weights.norm("encoder.layer_norm", spec.norm_epsilon) if spec.final_norm else None,
        )
        self._cross = weights.linear(
            *(
                f"decoder.layers.{index}.encoder_attn.{part}_proj"
                for index in range(spec.decoder_layers)
                for part in "kv"
            ),
            after="encoder.layer_norm" if spec.final_norm else None,
            many_rows=True,
        )
        self._decoder = [_DecoderLayer(spec, weights, index) for index in range(spec.decoder_layers)]
        self._final = weights.norm("decoder.layer_norm", spec.norm_epsilon) if spec.final_norm else None
        last = "decoder.layer_norm" if spec.final_norm else None
        self._head = weights.linear("lm_head", bias="final_logits_bias", after=last, many_rows=True)
        parts = [layer.parts for layer in self._decoder]
        self._in_c = step_decoder(spec, self.cache_shape, parts, self._final, self._head)

    def start(self, sources: Sequence[Sequence[int]]) -> EncoderRun:
        """Embed a batch of sources, each at least one token, and return it before its first layer."""
        ids = layers.pad_batch(sources, self.spec.generation.pad, self.compute.device)
        lengths = tuple(map(len, sources))
        return EncoderRun(self._source.sequence(ids), lengths, Padding(lengths, ids.shape[1], self.compute))

    def advance(self, run: EncoderRun, count: int) -> bool:
        """Take a batch through at most `count` more layers. Returns whether it is through."""
        return self._encoder.advance(run, count)

    def cross(self, run: EncoderRun) -> Tensor:
        """Return keys and values of a batch that is through, [B, layers, 2, heads, L, head_width]."""
        return layers.split_cross(self._cross(run.hidden), self.cache_shape)

    def step(self, ids: Tensor, step: Step) -> Tensor:
        """Take every live row one token further: [R] token ids -> [R, vocab] logits."""
        x = self._target.step(ids, step.positions)
        if self._in_c is not None:
            return self._in_c(x, step.lanes)
        for layer in self._decoder:
            x = layer(x, step)
        return self._head(x if self._final is None else self._final(x))
