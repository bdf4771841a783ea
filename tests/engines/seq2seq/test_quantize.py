"""Weights as 8-bit integers, and what makes them better ones."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from service.engines.seq2seq import quantize
from service.engines.seq2seq.quantize import balance, quantize_weight


@pytest.mark.parametrize("bits", [7, 8])
def test_values_are_within_half_a_step(bits: int) -> None:
    """Each weight comes back within half a step of its channel; the range is symmetric; zeros stay zero."""
    weight = torch.randn(50, 30) * torch.logspace(-5, 3, 50).unsqueeze(1)
    weight[4] = 0
    quantized = quantize_weight(weight, bits=bits)
    assert quantized.values.abs().max() == 2 ** (bits - 1) - 1
    error = (quantized.dequantize() - weight).abs()
    assert (error <= quantized.scales.unsqueeze(1) * 0.501).all()
    assert (error[4] == 0).all()
    indices = torch.tensor([[3, 4], [49, 0]])
    assert torch.equal(quantized.rows(indices), quantized.dequantize()[indices])


@pytest.mark.parametrize("shifted", [False, True])
def test_balance_changes_no_product_and_quantizes_better(shifted: bool) -> None:
    """Powers of two move between a norm and its weights: the same float32 result, less noise with outlier channels."""
    torch.manual_seed(3)
    gain, shift = torch.rand(256) + 0.5, torch.randn(256) if shifted else None
    gain[[3, 77, 200]], gain[9] = 40.0, 0.0
    weights = [torch.randn(64, 256) * 0.02, torch.randn(32, 256) * 0.02]
    normed = torch.randn(16, 256).double()

    def output(gain: Tensor, shift: Tensor | None) -> Tensor:
        scaled = normed * gain
        return scaled if shift is None else scaled + shift

    def noise(x: Tensor, weight: Tensor) -> Tensor:
        peak = x.abs().amax(1, True)
        rounded = (x / peak * 127).round() * peak / 127 @ quantize_weight(weight).dequantize().double().t()
        return (rounded - x @ weight.double().t()).pow(2).mean()

    x = output(gain, shift)
    factor = balance(gain, shift, weights)
    y = output(gain / factor, None if shift is None else shift / factor)
    for old in weights:
        new = old * factor
        assert torch.allclose(x @ old.double().t(), y @ new.double().t(), rtol=1e-12, atol=1e-12)
        assert noise(y, new) < 0.5 * noise(x, old)
        told, made = quantize_weight(old, factor=factor), quantize_weight(new)
        assert torch.equal(told.values, made.values)
        assert torch.equal(told.scales, made.scales)


def test_balance_leaves_a_dead_norm_alone() -> None:
    """A norm or weights of zeros give no estimate, and stay as they are."""
    gain, weight = torch.zeros(4), torch.ones(2, 4)
    assert torch.equal(balance(gain, None, [weight]), torch.ones(4))
    assert torch.equal(balance(torch.ones(4), None, [torch.zeros(2, 4)]), torch.ones(4))


@pytest.mark.parametrize("weight", [torch.ones(3), torch.ones(2, 2, dtype=torch.int64), torch.full((2, 2), torch.inf)])
def test_what_is_no_weight_is_refused(weight: Tensor) -> None:
    """Vectors, integers and infinities are refused, not turned into something."""
    with pytest.raises(ValueError, match=r"matrix|finite"):
        quantize_weight(weight)
    with pytest.raises(ValueError, match="7 or 8"):
        quantize_weight(torch.ones(2, 2), bits=4)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A weight quantized a few rows at a time is the one quantized at once."""
    weight = torch.randn(13, 7)
    whole = quantize_weight(weight)
    monkeypatch.setattr(quantize, "_BLOCK_VALUES", 20)
    parts = quantize_weight(weight)
    assert torch.equal(whole.values, parts.values)
    assert torch.equal(whole.scales, parts.scales)
    weight[12, 3] = torch.nan
    with pytest.raises(ValueError, match="finite"):
        quantize_weight(weight)
