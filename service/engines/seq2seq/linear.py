"""Linear layers that are fast for few rows and give each row the same result in any company.

On a processor, decoding reads every weight once a step, so the smallest weights win: int8 with one scale per output
and one scale per row of activations. Sums of integer products are exact, and what follows works on each value alone,
so a row cannot depend on its neighbours. Source: `python -m bench.linear`.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from service.engines.seq2seq.quantize import QuantizedWeight, quantize_weight

Precision = Literal["fp32", "bf16", "fp16", "int8"]

MAX_INT8_IN_FEATURES = 65_536
"""Above it the sum of byte products could leave 32 bits: 65 536 x 255 x 127 < 2^31."""

_SMALL = 65_536
_fbgemm_kernel: Any = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32.default
_onednn_kernel: Any = torch.ops.onednn.qlinear_pointwise.default
_packing = threading.Lock()


class Linear(Protocol):
    """A layer [..., in_features] -> [..., out_features]; each result is new memory that its caller may write over."""

    in_features: int
    out_features: int

    def __call__(self, x: Tensor) -> Tensor:
        """Return the product in the type of `x`."""
        ...


@dataclass(frozen=True, slots=True)
class Capability:
    """What this processor does well: exact products with weights of `int8_bits` (8, 7, or 0 for none), native bf16."""

    int8_bits: int
    bf16: bool


class Int8Linear:
    """A layer with int8 weights; activations get 8 bits and a scale for each row.

    Args:
        weight: quantized [out, in]; it is copied into the kernel's own layout and not kept.
        bias: [out] or None.
        nonnegative: the inputs are never below zero (after ReLU), so all 256 steps serve the positive side.
            Values below zero would count as zero.
        many_rows: it mostly takes many rows at once, or is very wide. Two such layers differ in the last bits only.

    Raises:
        ValueError: more inputs than 32-bit sums can hold.
        RuntimeError: this build of torch has no int8 kernel.
    """

    def __init__(
        self, weight: QuantizedWeight, bias: Tensor | None, *, nonnegative: bool = False, many_rows: bool = False
    ) -> None:
        self.out_features, self.in_features = weight.values.shape
        if self.in_features > MAX_INT8_IN_FEATURES:
            raise ValueError(f"an int8 layer takes at most {MAX_INT8_IN_FEATURES} inputs")
        kernel = _OneDnn if many_rows and _onednn() else _Fbgemm
        self._product = kernel(weight, nonnegative)
        self._nonnegative = nonnegative
        self._bias = None if bias is None else bias.detach().float().clone()

    def __call__(self, x: Tensor) -> Tensor:
        """Return the product in the type of `x`."""
        if x.dtype is not torch.float32:
            return self(x.float()).to(x.dtype)
        if x.dim() == 1:
            return self(x.unsqueeze(0)).squeeze(0)
        # A decode step makes some seventy of these calls, so every operation counts. The largest magnitude takes two
        # passes, because torch's own vector norm and aminmax along a dimension are ten times slower. A row of zeros
        # becomes NaN here and zero again in the product, whose factor `peak` is zero.
        if self._nonnegative:
            peak = x.amax(-1, True)
            unit = torch.div(x, peak)
        else:
            unit = x.abs()
            peak = unit.amax(-1, True)
            torch.div(x, peak, out=unit)
        # Two operations, because torch does not vectorize one that adds and multiplies what it has to repeat.
        out = self._product(unit).mul_(peak)
        return out if self._bias is None else out.add_(self._bias)


class _Fbgemm:
    """FBGEMM's product of rows within -1 to 1: it rounds them itself, and is ahead of oneDNN for few rows."""

    def __init__(self, weight: QuantizedWeight, nonnegative: bool) -> None:
        _select_kernel()
        zeros = torch.zeros(weight.values.shape[0], dtype=torch.int32)
        tensor = torch._make_per_channel_quantized_tensor(weight.values, weight.scales, zeros, 0)
        self._packed = torch.ops.quantized.linear_prepack(tensor, None)
        self._step, self._zero = (1 / 255, 0) if nonnegative else (1 / 127, 128)

    def __call__(self, unit: Tensor) -> Tensor:
        out: Tensor = _fbgemm_kernel(unit, self._step, self._zero, self._packed)
        return out


class _OneDnn:
    """oneDNN's product of rows within -1 to 1, a quarter faster than FBGEMM's for a thousand rows or 10^5 outputs.

    The rows are rounded here; its kernel for signed inputs is a slow one, so they are shifted.
    """

    def __init__(self, weight: QuantizedWeight, nonnegative: bool) -> None:
        self._packed = torch.ops.onednn.qlinear_prepack(weight.values, None)
        self._top, self._zero = (255.0, 0) if nonnegative else (127.0, 128)
        self._scales = weight.scales / self._top
        self._zeros = torch.zeros(weight.values.shape[0], dtype=torch.int64)
        # Conversion to bytes cuts, so that one half more makes it round.
        self._shift = torch.tensor(self._zero + 0.5)

    def __call__(self, unit: Tensor) -> Tensor:
        steps = torch.add(self._shift, unit, alpha=self._top, out=unit).to(torch.uint8)
        out: Tensor = _onednn_kernel(
            steps, 1.0, self._zero, self._packed, self._scales, self._zeros, None, 1.0, 0, torch.float32, "none", [], ""
        )
        return out


class _DenseLinear:
    """A layer with floating point weights of one type.

    On a processor the kernel is oneDNN's with prepacked weights: its sums do not depend on how many rows there are,
    unless there is one only, which takes another path; so a lone row is doubled. Without oneDNN, and on other devices,
    torch's own kernel runs, and results may differ in the last bits with the number of rows.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, kind: torch.dtype) -> None:
        self.out_features, self.in_features = weight.shape
        self._kind = kind
        own = weight.detach().to(kind)
        self._bias = None if bias is None else bias.detach().to(kind)
        self._packed: Any = None
        self._weight: Tensor | None = None
        if _prepacks(own):
            self._packed = torch.ops.mkldnn._reorder_linear_weight(own.contiguous(), None)
        else:
            self._weight = own

    def __call__(self, x: Tensor) -> Tensor:
        """Return the product in the type of `x`."""
        if self._weight is not None:
            return functional.linear(x.to(self._kind), self._weight, self._bias).to(x.dtype)
        shape = (*x.shape[:-1], self.out_features)
        rows = x.reshape(-1, self.in_features).to(self._kind)
        count = rows.shape[0]
        if count == 0:
            return x.new_empty(shape)
        if count == 1:
            rows = torch.cat((rows, rows))
        out: Tensor = torch.ops.mkldnn._linear_pointwise(rows, self._packed, self._bias, "none", [], "")
        return out[:count].view(shape).to(x.dtype)


class Fp32Linear(_DenseLinear):
    """A float32 layer [out, in], bias [out] or None."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__(weight, bias, torch.float32)


class Bf16Linear(_DenseLinear):
    """A bfloat16 layer [out, in]; its results have 8 significant bits, too few for the scores of a large vocabulary."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__(weight, bias, torch.bfloat16)


def make_linear(
    weight: Tensor | QuantizedWeight,
    bias: Tensor | None,
    *,
    precision: Precision,
    nonnegative: bool = False,
    many_rows: bool = False,
) -> Linear:
    """Return a layer for a weight [out, in] at a precision.

    Packing for int8 takes about 4 s for each 10^9 weights and lets other threads run: make layers on several at once.

    Args:
        weight: floating point, or quantized already, which only "int8" takes.
        bias: [out] or None.
        precision: "fp32", "bf16" or "int8"; "fp16" is for GPUs, whose layers are made elsewhere.
        nonnegative: the inputs are never below zero (after ReLU), which int8 uses; other precisions ignore it.
        many_rows: it mostly takes many rows at once, or is very wide; picks the kernel for int8.

    Raises:
        ValueError: the parts do not fit each other, or this processor has no exact int8 products.
    """
    if isinstance(weight, QuantizedWeight):
        if precision != "int8":
            raise ValueError("quantized weights make int8 layers only")
        return Int8Linear(weight, bias, nonnegative=nonnegative, many_rows=many_rows)
    if precision == "fp32":
        return Fp32Linear(weight, bias)
    if precision == "bf16":
        return Bf16Linear(weight, bias)
    bits = capability().int8_bits
    if precision != "int8" or not bits or weight.device.type != "cpu":
        raise ValueError("there are no exact int8 products here; choose fp32 or bf16")
    quantized = quantize_weight(weight, bits=bits)
    return Int8Linear(quantized, bias, nonnegative=nonnegative, many_rows=many_rows)


def fuse(weights: Sequence[Tensor], biases: Sequence[Tensor | None]) -> tuple[Tensor, Tensor | None]:
    """Return several layers of one input as one: weights [out_i, in] stacked along the outputs, and their biases.

    Missing biases count as zero where any is there. Each output keeps its own scale, so int8 loses nothing by it.
    """
    if all(bias is None for bias in biases):
        return torch.cat(list(weights)), None
    filled = [
        weight.new_zeros(weight.shape[0]) if bias is None else bias
        for weight, bias in zip(weights, biases, strict=True)
    ]
    return torch.cat(list(weights)), torch.cat(filled)


@cache
def capability() -> Capability:
    """Return what this processor does well, found by trying."""
    native = _onednn() and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return Capability(next((bits for bits in (8, 7) if _exact(bits)), 0), native)


def auto_precision(shape: tuple[int, int], able: Capability) -> Precision:
    """Return the fastest precision for a layer [out, in] on a processor.

    For 1 to 32 rows, and for most shapes up to 1 024, int8 was the fastest measured; from 512 rows on 1024 x 1024 bf16
    was level or ahead. The choice looks at the shape only, since one that followed the number of rows would let a row's
    result depend on its company. Below 65 536 weights int8 gains little, so those stay exact. Where products saturate,
    7-bit weights are still half the traffic of bf16, which such processors lack. Source: `python -m bench.linear`.
    """
    out_features, in_features = shape
    if out_features * in_features < _SMALL:
        return "fp32"
    if able.int8_bits and in_features <= MAX_INT8_IN_FEATURES and (able.int8_bits == 8 or not able.bf16):
        return "int8"
    return "bf16" if able.bf16 else "fp32"


def _onednn() -> bool:
    return bool(torch._C._has_mkldnn)


def _prepacks(weight: Tensor) -> bool:
    if weight.device.type != "cpu" or not _onednn():
        return False
    return weight.dtype is torch.float32 or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


@cache
def _select_kernel() -> None:
    """Choose FBGEMM for good: the choice is global, and switching for each layer would keep packing on one thread."""
    with _packing, warnings.catch_warnings():
        # The packed form is no quantized tensor, but the only way to it takes one. Those are deprecated, and torch says
        # so once in a process: here.
        warnings.filterwarnings("ignore", message="torch.quantize_per_tensor", category=UserWarning)
        if "fbgemm" in torch.backends.quantized.supported_engines:
            torch.backends.quantized.engine = "fbgemm"
        ones, zeros = torch.ones(1), torch.zeros(1, dtype=torch.int32)
        torch._make_per_channel_quantized_tensor(torch.ones(1, 1, dtype=torch.int8), ones, zeros, 0)


def _exact(bits: int) -> bool:
    """Try whether the largest products add up; without VNNI pairs of them saturate at 16 bits."""
    top = 2 ** (bits - 1) - 1
    ones = QuantizedWeight(torch.full((32, 64), top, dtype=torch.int8), torch.ones(32))
    for many_rows in (False, True):
        try:
            got = Int8Linear(ones, None, nonnegative=True, many_rows=many_rows)(torch.ones(1, 64))
        except RuntimeError:
            return False
        if not torch.allclose(got, torch.full((1, 32), 64.0 * top), rtol=1e-5):
            return False
    return True
