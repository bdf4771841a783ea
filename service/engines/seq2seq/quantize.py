"""Weights as 8-bit integers with one scale per output channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

SCHEME = "int8-per-channel-symmetric-2"
"""Name of how values and scales are made; a change of the arithmetic or of the cached file needs another name."""

# Rows at a time: what is computed on the way stays in the processor's caches, and a large table is never held twice.
_BLOCK_VALUES = 1 << 20


@dataclass(frozen=True, slots=True)
class QuantizedWeight:
    """A weight [out, in] as `values` (int8) times `scales` (float32 [out])."""

    values: Tensor
    scales: Tensor

    def dequantize(self) -> Tensor:
        """Return the weight in float32 [out, in]."""
        return self.values.float().mul_(self.scales.unsqueeze(1))

    def rows(self, indices: Tensor) -> Tensor:
        """Return rows in float32 [..., in], for a head that is its own embedding table.

        Args:
            indices: int64 of any shape, each from 0 to out - 1.
        """
        return self.values[indices].float().mul_(self.scales[indices].unsqueeze(-1))


def quantize_weight(weight: Tensor, *, bits: int = 8, factor: Tensor | None = None) -> QuantizedWeight:
    """Return a weight [out, in] with one symmetric scale for each output.

    Args:
        weight: floating point of any width.
        factor: [in], float32; what the columns are multiplied by before, see `balance`.
        bits: 8 for values from -127 to 127; 7 for -63 to 63, for processors where products of bytes saturate.

    Raises:
        ValueError: the weight is no matrix, holds values that are not finite, or `bits` is neither 7 nor 8.
    """
    if weight.dim() != 2 or not weight.is_floating_point():
        raise ValueError("only a floating point matrix can be quantized")
    if bits not in (7, 8):
        raise ValueError("weights are quantized to 7 or 8 bits")
    top = 2 ** (bits - 1) - 1
    values = torch.empty(weight.shape, dtype=torch.int8)
    scales = torch.empty(weight.shape[0])
    count = max(1, _BLOCK_VALUES // max(1, weight.shape[1]))
    for begin in range(0, weight.shape[0], count):
        block = weight.detach()[begin : begin + count].float()
        block = block if factor is None else block * factor
        peaks = torch.maximum(block.amax(1), -block.amin(1))
        if not bool(torch.isfinite(peaks).all()):
            raise ValueError("the weight holds values that are not finite")
        # A channel of zeros would divide by zero; any scale serves it.
        steps = torch.where(peaks > 0, peaks / top, torch.ones_like(peaks))
        scales[begin : begin + count] = steps
        values[begin : begin + count] = block.div(steps.unsqueeze(1)).round_().clamp_(-top, top)
    return QuantizedWeight(values, scales)


def fuse_quantized(weights: Sequence[QuantizedWeight]) -> QuantizedWeight:
    """Return several weights of one input as one, stacked along the outputs; no value changes."""
    return QuantizedWeight(
        torch.cat([weight.values for weight in weights]), torch.cat([weight.scales for weight in weights])
    )


def balance(gain: Tensor, shift: Tensor | None, weights: Sequence[Tensor]) -> Tensor:
    """Return a factor for each channel, [in], that shares large channels out between a norm and the weights it feeds.

    Gain and shift are divided by it, the columns of the weights multiplied. A channel that the norm makes far larger
    than the others takes the steps of its whole row. Half of its excess, in powers of two, moves into the weights, each
    with a scale for every output. In floating point no product changes.
    Source: SmoothQuant (arXiv 2211.10438), with the norm itself as the estimate of its output.

    Args:
        gain: [in] of the layer norm or RMS norm.
        shift: [in] of the layer norm, or None.
        weights: each [out, in]; every layer that reads the norm's output must be among them.
    """
    size = gain.float().abs() if shift is None else torch.hypot(gain.float(), shift.float())
    peaks = [torch.maximum(weight.amax(0), -weight.amin(0)).float() for weight in weights]
    column = torch.stack(peaks).amax(0)
    usable = (size > 0) & (column > 0)
    excess = torch.where(usable, torch.log2(size / column), torch.nan)
    if not bool(usable.any()):
        return torch.ones_like(size)
    power = torch.where(usable, torch.round((excess - excess.nanmedian()) / 2), torch.zeros_like(size))
    return torch.exp2(power.clamp(-12, 12))
