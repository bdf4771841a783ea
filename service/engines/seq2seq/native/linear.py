"""An int8 layer whose product is ours: weights in blocks that are read in one stream, for few rows and many."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from service.engines.seq2seq.native.library import Library
from service.engines.seq2seq.native.structures import BLOCK, LinearRecord
from service.engines.seq2seq.quantize import QuantizedWeight

MAX_IN_FEATURES = 65_536
"""Above it the sum of byte products could leave 32 bits."""

_HUGE = 2 * 2**20
_ADVICE_HUGE_PAGES = 14


class StepLinear:
    """A layer with int8 weights; activations get 8 bits and a scale for each row. See `linear.Int8Linear`.

    Args:
        weight: quantized [out, in] to at most the bits of the library; copied into its own layout, not kept.
        bias: [out] or None.
        nonnegative: the inputs are never below zero; values that are count as zero.
    Raises:
        ValueError: more inputs than 32-bit sums can hold.
    """

    def __init__(
        self, library: Library, weight: QuantizedWeight, bias: Tensor | None, *, nonnegative: bool = False
    ) -> None:
        self.out_features, self.in_features = weight.values.shape
        if self.in_features > MAX_IN_FEATURES:
            raise ValueError(f"an int8 layer takes at most {MAX_IN_FEATURES} inputs")
        self.library = library
        depth, outputs = -(-self.in_features // 4) * 4, -(-self.out_features // BLOCK) * BLOCK
        self._packed = _large(depth * outputs)
        sums = torch.zeros(outputs, dtype=torch.int32)
        values = weight.values.contiguous()
        library.pack(
            values.data_ptr(), self.out_features, self.in_features, self._packed.data_ptr(), sums.data_ptr(), 1
        )
        top, shift = (255.0, 0) if nonnegative else (127.0, 128)
        self._scale = _padded(weight.scales / top, outputs)
        self._bias = None if bias is None else _padded(bias, outputs)
        self._correction = sums.mul_(shift)
        self.record = LinearRecord(
            self._packed.data_ptr(),
            self._scale.data_ptr(),
            None if self._bias is None else self._bias.data_ptr(),
            self._correction.data_ptr(),
            self.out_features,
            self.in_features,
            depth,
            int(nonnegative),
        )

    def __call__(self, x: Tensor) -> Tensor:
        """Return the product [..., in] -> [..., out] in the type of `x`."""
        rows = x.float().contiguous().view(-1, self.in_features)
        out = torch.empty(rows.shape[0], self.out_features)
        if self.library.linear(
            ctypes.addressof(self.record), rows.data_ptr(), rows.shape[0], out.data_ptr(), torch.get_num_threads()
        ):
            raise MemoryError("no memory for the rows of a layer")
        return out.view(*x.shape[:-1], self.out_features).to(x.dtype)


def _padded(values: Tensor, size: int) -> Tensor:
    out = torch.zeros(size)
    out[: values.numel()] = values.detach().float().flatten()
    return out


def _large(size: int) -> Tensor:
    """Bytes at the begin of a line of the processor's cache; many of them in huge pages where the system has those."""
    step = _HUGE if size >= _HUGE else 64
    whole = torch.empty(size + step, dtype=torch.int8)
    skip = -whole.data_ptr() % step
    if step == _HUGE:
        ctypes.CDLL(None).madvise(ctypes.c_void_p(whole.data_ptr() + skip), ctypes.c_size_t(size), _ADVICE_HUGE_PAGES)
    return whole[skip : skip + size]
