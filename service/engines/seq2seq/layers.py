"""What both skeletons are made of: activations, positions, attention."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from service.engines.seq2seq.configuration import LoadError
from service.engines.seq2seq.devices import CPU, ON_CPU, Compute
from service.engines.seq2seq.keyvalues import CacheShape

Function = Callable[[Tensor], Tensor]

_ACTIVATIONS: dict[str, Function] = {
    "relu": torch.relu_,
    "gelu": functional.gelu,
    "gelu_new": partial(functional.gelu, approximate="tanh"),
    "gelu_pytorch_tanh": partial(functional.gelu, approximate="tanh"),
    "silu": functional.silu,
    "swish": functional.silu,
    "tanh": torch.tanh,
}


def activation(name: str) -> Function:
    """Return the activation a configuration names; it may write over its input.

    Raises:
        LoadError: an activation this engine does not know.
    """
    if name not in _ACTIVATIONS:
        raise LoadError(f"config.json: the activation {name!r} is not known")
    return _ACTIVATIONS[name]


def sinusoids_m2m(rows: int, width: int, padding: int) -> Tensor:
    """Return M2M100's position table, [rows, width]; the row of the padding token is zero.

    Source: fairseq's sinusoidal embedding as transformers 5.23 computes it, sines before cosines.
    """
    half = width // 2
    step = torch.exp(torch.arange(half, dtype=torch.int64).float() * -(math.log(10000) / (half - 1)))
    angles = torch.arange(rows, dtype=torch.int64).float().unsqueeze(1) * step.unsqueeze(0)
    table = torch.cat([torch.sin(angles), torch.cos(angles)], dim=1)
    table = functional.pad(table, (0, width % 2))
    table[padding] = 0
    return table


def sinusoids_marian(rows: int, width: int) -> Tensor:
    """Return Marian's and Pegasus's position table, [rows, width], computed in double precision as there."""
    columns = np.arange(width)
    angles = np.arange(rows)[:, None] / np.power(10000, 2 * (columns // 2) / width)[None, :]
    table = np.concatenate([np.sin(angles[:, 0::2]), np.cos(angles[:, 1::2])], axis=1)
    return torch.from_numpy(table.astype(np.float32))


def relative_bucket(distance: Tensor, *, bidirectional: bool, buckets: int, max_distance: int) -> Tensor:
    """Return the bucket of each distance (position of the key minus position of the query), int64 of the same shape.

    Source: T5 (Raffel et al. 2020), in the order of operations of transformers 5.23.
    """
    found = torch.zeros_like(distance)
    if bidirectional:
        buckets //= 2
        found = (distance > 0).to(torch.long) * buckets
        distance = distance.abs()
    else:
        distance = -torch.clamp(distance, max=0)
    exact = buckets // 2
    ratio = torch.log(distance.float() / exact) / math.log(max_distance / exact) * (buckets - exact)
    large = (exact + ratio.to(torch.long)).clamp(max=buckets - 1)
    return found + torch.where(distance < exact, distance, large)


class Padding:
    """What attention must not see of a padded batch.

    On a processor each row is attended alone, in its own length: with a mask the last bits of a row's sums would depend
    on how long its neighbours are. A GPU takes all rows at once, with a mask.

    Args:
        lengths: of the rows.
        width: of the batch.
        compute: where it runs.
    """

    def __init__(self, lengths: Sequence[int], width: int, compute: Compute = ON_CPU) -> None:
        self.apart: tuple[int, ...] = ()
        self.mask: Tensor | None = None
        if min(lengths) == width:
            return
        if compute.device.type == "cpu":
            self.apart = tuple(lengths)
            return
        device = compute.device
        seen = torch.arange(width, device=device) < torch.tensor(lengths, device=device).unsqueeze(1)
        mask = torch.zeros(seen.shape, dtype=compute.kind, device=device).masked_fill_(~seen, -math.inf)
        self.mask = mask[:, None, None, :]


def pad_batch(rows: Sequence[Sequence[int]], pad: int, device: torch.device = CPU) -> Tensor:
    """Return token ids as one matrix, [B, L] int64, short rows filled up on the right."""
    width = max(map(len, rows))
    return torch.tensor([[*row, *[pad] * (width - len(row))] for row in rows], device=device)


def self_attention(
    qkv: Tensor,
    heads: int,
    padding: Padding,
    *,
    bias: Tensor | None = None,
    scale: float | None = None,
    kind: torch.dtype = torch.float32,
) -> Tensor:
    """Return what whole sequences read of themselves; nought where a row is padded and attended alone.

    Args:
        qkv: [B, L, 3 * inner].
        heads: attention heads.
        padding: of the batch.
        bias: added to the scores, [1, heads, L, L], or None.
        scale: of the scores; None is one over the root of a head's width.
        kind: type to compute with.
    Returns:
        [B, L, inner], in the type of `qkv`.
    """
    given, qkv = qkv.dtype, qkv.to(kind)
    if padding.apart:
        out = qkv.new_zeros(*qkv.shape[:2], qkv.shape[2] // 3)
        for row, length in enumerate(padding.apart):
            own = None if bias is None else bias[..., :length, :length]
            out[row : row + 1, :length] = _attention(qkv[row : row + 1, :length], heads, own, scale)
        return out.to(given)
    mask = padding.mask
    if bias is not None:
        mask = bias if mask is None else bias + mask
    return _attention(qkv, heads, None if mask is None else mask.to(kind), scale).to(given)


def _attention(qkv: Tensor, heads: int, mask: Tensor | None, scale: float | None) -> Tensor:
    batch, length, width = qkv.shape
    query, key, value = qkv.view(batch, length, 3, heads, -1).permute(2, 0, 3, 1, 4)
    out = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scale)
    return out.transpose(1, 2).reshape(batch, length, width // 3)


class Norm:
    """A layer norm over the last dimension, or a root mean square norm where there is no shift.

    Args:
        gain: [width] float32.
        shift: [width] float32 or None.
        epsilon: added to the variance.
    """

    def __init__(self, gain: Tensor, shift: Tensor | None, epsilon: float) -> None:
        self.gain, self.shift, self.epsilon = gain, shift, epsilon
        shape = tuple(gain.shape)
        if shift is None:
            self._run: Function = partial(functional.rms_norm, normalized_shape=shape, weight=gain, eps=epsilon)
        else:
            self._run = partial(functional.layer_norm, normalized_shape=shape, weight=gain, bias=shift, eps=epsilon)

    def __call__(self, x: Tensor) -> Tensor:
        """Return the norm of [..., width]."""
        return self._run(x)


@dataclass(slots=True)
class EncoderRun:
    """A padded batch on its way through the encoder.

    `padding` is what attention must not see; `layer` counts the layers done.
    """

    hidden: Tensor
    lengths: tuple[int, ...]
    padding: Padding
    layer: int = 0
    done: bool = False

    @property
    def tokens(self) -> int:
        """Padded tokens of the batch."""
        return self.hidden.shape[0] * self.hidden.shape[1]


class Encoder:
    """What both encoders share: a batch goes through layer by layer, so that a long one can be taken in slices."""

    def __init__(self, layers: Sequence[Callable[[Tensor, Padding], Tensor]], final: Function | None) -> None:
        self._layers = layers
        self._final = final

    def advance(self, run: EncoderRun, layers: int) -> bool:
        """Take a batch through at most so many more layers. Returns whether it is through."""
        until = min(len(self._layers), run.layer + layers)
        for layer in self._layers[run.layer : until]:
            run.hidden = layer(run.hidden, run.padding)
        run.layer = until
        if until < len(self._layers):
            return False
        if self._final is not None and not run.done:
            run.hidden = self._final(run.hidden)
        run.done = True
        return True


def split_cross(fused: Tensor, shape: CacheShape) -> Tensor:
    """Return the keys and values of all layers apart: [B, L, layers * 2 * inner] -> [B, layers, 2, heads, L, width]."""
    batch, length, _ = fused.shape
    return fused.view(batch, length, shape.layers, 2, shape.heads, shape.head_width).permute(0, 2, 3, 4, 1, 5)
