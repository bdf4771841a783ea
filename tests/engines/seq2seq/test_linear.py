"""Linear layers: right products, and the same result for a row in any company."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from service.engines.seq2seq import linear
from service.engines.seq2seq.linear import (
    Bf16Linear,
    Capability,
    Fp32Linear,
    Int8Linear,
    auto_precision,
    fuse,
    make_linear,
)
from service.engines.seq2seq.quantize import fuse_quantized, quantize_weight

needs_int8 = pytest.mark.skipif(not linear.capability().int8_bits, reason="no exact int8 products on this processor")
SHAPES = [(33, 17), (100, 77), (512, 512), (768, 256), (1024, 1501), (1536, 64), (4096, 128)]
COUNTS = [1, 2, 3, 5, 8, 15, 16, 17, 31, 32, 33, 48, 64, 65, 130]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Run each test on one thread, from one seed."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(5)
    yield
    torch.set_num_threads(before)


def snr_db(exact: Tensor, got: Tensor) -> float:
    """Return the signal-to-noise ratio in decibels."""
    exact = exact.double()
    return float(10 * torch.log10(exact.pow(2).sum() / (exact - got.double()).pow(2).sum()))


def companies(layer: Callable[[Tensor], Tensor], x: Tensor) -> None:
    """Check that the rows of `x` alone, in groups and shuffled give the same bits."""
    alone = torch.cat([layer(row) for row in x.split(1)])
    for count in COUNTS:
        assert torch.equal(layer(x[:count]), alone[:count]), f"{count} rows"
        assert torch.equal(layer(x[-count:]), alone[-count:]), f"last {count} rows"
    order = torch.randperm(len(x))
    assert torch.equal(layer(x[order]), alone[order])
    assert torch.equal(layer(x.view(2, -1, x.shape[1])), alone.view(2, -1, alone.shape[1]))


@needs_int8
@pytest.mark.parametrize(("inputs", "outputs"), SHAPES)
@pytest.mark.parametrize("nonnegative", [False, True])
@pytest.mark.parametrize("many_rows", [False, True])
def test_int8_rows_do_not_depend_on_their_company(
    inputs: int, outputs: int, nonnegative: bool, many_rows: bool
) -> None:
    """Rows of very different size, zeros among them, give the same bits alone and in every batch."""
    x = torch.randn(130, inputs) * torch.logspace(-6, 4, 130).unsqueeze(1)
    x[7] = 0
    x = x.relu() if nonnegative else x
    weight, bias = torch.randn(outputs, inputs) * 0.02, torch.randn(outputs)
    for given in (bias, None):
        layer = make_linear(weight, given, precision="int8", nonnegative=nonnegative, many_rows=many_rows)
        companies(layer, x)


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this build of torch has no oneDNN")
@pytest.mark.parametrize(("inputs", "outputs"), SHAPES)
@pytest.mark.parametrize("kind", [Fp32Linear, Bf16Linear])
def test_dense_rows_do_not_depend_on_their_company(
    inputs: int, outputs: int, kind: Callable[[Tensor, Tensor], linear.Linear]
) -> None:
    """The prepacked kernel sums in one order for every number of rows, a lone row included."""
    layer = kind(torch.randn(outputs, inputs) * 0.02, torch.randn(outputs))
    companies(layer, torch.randn(130, inputs))


@needs_int8
@pytest.mark.parametrize(("precision", "many_rows"), [("fp32", False), ("int8", False), ("int8", True)])
def test_rows_do_not_depend_on_their_company_on_two_threads(precision: linear.Precision, many_rows: bool) -> None:
    """Work split between threads gives the same bits too."""
    torch.set_num_threads(2)
    weight, bias = torch.randn(1501, 1536), torch.randn(1501)
    companies(make_linear(weight, bias, precision=precision, many_rows=many_rows), torch.randn(130, 1536))


@needs_int8
@pytest.mark.parametrize("many_rows", [False, True])
def test_int8_is_the_exact_product_of_what_was_rounded(many_rows: bool) -> None:
    """The layer gives the integer product, scaled, with no error beyond float32 rounding."""
    weight, bias, x = torch.randn(300, 4096), torch.randn(300), torch.randn(9, 4096)
    quantized = quantize_weight(weight, bits=linear.capability().int8_bits)
    peak = x.abs().amax(-1, True)
    steps = (x / peak * 127).round().double()
    exact = steps @ quantized.values.double().t() * quantized.scales.double() * peak.double() / 127 + bias
    got = Int8Linear(quantized, bias, many_rows=many_rows)(x)
    # A value halfway between two steps may round to either, which moves a sum by one weight.
    step = peak.double() / 127 * weight.abs().max()
    assert ((got - exact).abs() < 2 * step).all()
    assert ((got - exact).abs() < 1e-5 * exact.abs().max()).double().mean() > 0.8


@needs_int8
def test_int8_does_not_saturate() -> None:
    """The largest values of both sides add up, over the longest sums a model has."""
    bits = linear.capability().int8_bits
    layer = make_linear(torch.full((16, 16384), 3.0), None, precision="int8", nonnegative=True)
    assert torch.allclose(layer(torch.full((3, 16384), 2.0)), torch.tensor(6.0 * 16384), rtol=1e-5), bits


@needs_int8
@pytest.mark.parametrize(("outliers", "least"), [(False, 37.0), (True, 20.0)])
def test_int8_is_near_float32(outliers: bool, least: float) -> None:
    """The noise is far below the signal, also with a few input channels fifty times larger as real models have."""
    weight, x = torch.randn(512, 1024) * 0.02, torch.randn(64, 1024)
    if outliers:
        x[:, torch.randperm(1024)[:6]] *= 50
        weight[:, torch.randperm(1024)[:6]] *= 8
    layer = make_linear(weight, None, precision="int8")
    # A bit less of the weights is 6 dB less of their part of the noise; the other part is the activations'.
    assert snr_db(x @ weight.t(), layer(x)) > least - (0 if linear.capability().int8_bits == 8 else 5)


@needs_int8
def test_inputs_without_negative_values_use_the_whole_range() -> None:
    """After ReLU the layer that knows of it is more exact than the one that does not, about twice with 8 bits."""
    weight, x = torch.randn(256, 1024), torch.randn(64, 1024).relu()
    exact = x @ weight.t()
    bits = linear.capability().int8_bits
    weight_only = snr_db(exact, x @ quantize_weight(weight, bits=bits).dequantize().t())
    told = snr_db(exact, make_linear(weight, None, precision="int8", nonnegative=True)(x))
    untold = snr_db(exact, make_linear(weight, None, precision="int8")(x))
    # With 7 bits the weights' part of the noise, which both have, is the larger one.
    assert weight_only > told > untold + (1 if bits == 8 else 0.3)


@needs_int8
def test_int8_keeps_the_best_word_of_a_large_vocabulary() -> None:
    """Where a word leads clearly, as in a trained model, the int8 head finds the same one."""
    table = torch.randn(20_000, 256)
    words = torch.randint(0, 20_000, (64,))
    hidden = table[words] + 0.5 * torch.randn(64, 256)
    assert torch.equal(make_linear(table, None, precision="int8")(hidden).argmax(-1), words)


@needs_int8
def test_fused_layers_give_the_bits_of_each() -> None:
    """Several layers of one input give the same bits as one, fused before or after quantizing."""
    x = torch.randn(5, 64)
    weights, biases = [torch.randn(out, 64) for out in (32, 48)], [torch.randn(32), None]
    bits = linear.capability().int8_bits
    parts = [Int8Linear(quantize_weight(w, bits=bits), b) for w, b in zip(weights, biases, strict=True)]
    direct = torch.cat([part(x) for part in parts], dim=-1)
    weight, bias = fuse(weights, biases)
    assert torch.equal(make_linear(weight, bias, precision="int8")(x), direct)
    fused = fuse_quantized([quantize_weight(w, bits=bits) for w in weights])
    assert torch.equal(make_linear(fused, bias, precision="int8")(x), direct)


@needs_int8
def test_values_that_are_not_finite_stay_in_their_row() -> None:
    """A broken row is seen as such, and its neighbours keep their results."""
    layer = make_linear(torch.randn(32, 64), torch.randn(32), precision="int8")
    x = torch.randn(4, 64)
    good = layer(x)
    x[1, 3], x[2, 5] = float("nan"), float("inf")
    got = layer(x)
    assert torch.equal(got[[0, 3]], good[[0, 3]])
    assert not torch.isfinite(got[1]).any()
    assert not torch.isfinite(got[2]).any()


@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8"])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_shapes_and_types_follow_the_input(precision: linear.Precision, kind: torch.dtype) -> None:
    """Any leading dimensions, none and zero rows included, and the type of the input."""
    if precision == "int8" and not linear.capability().int8_bits:
        pytest.skip("no exact int8 products on this processor")
    weight, bias = torch.randn(24, 48), torch.randn(24)
    layer = make_linear(weight.half(), bias.half(), precision=precision)
    assert (layer.in_features, layer.out_features) == (48, 24)
    for shape in [(48,), (1, 48), (0, 48), (2, 0, 48), (3, 1, 48), (2, 3, 4, 48)]:
        x = torch.randn(shape).to(kind)
        got = layer(x)
        assert got.shape == (*shape[:-1], 24)
        assert got.dtype is kind
        assert torch.allclose(got.float(), x.float() @ weight.t() + bias, atol=0.4)
    turned = torch.randn(48, 5).to(kind).t()
    assert torch.equal(layer(turned), layer(turned.contiguous()))


def test_a_layer_owns_its_weights() -> None:
    """Changing or dropping the checkpoint's tensors afterwards changes nothing in int8."""
    if not linear.capability().int8_bits:
        pytest.skip("no exact int8 products on this processor")
    weight, bias, x = torch.randn(16, 32), torch.randn(16), torch.randn(2, 32)
    layer = make_linear(weight, bias, precision="int8")
    before = layer(x)
    weight.zero_()
    bias.zero_()
    assert torch.equal(layer(x), before)


@needs_int8
def test_layers_are_made_on_several_threads() -> None:
    """Packing at once gives the layers that packing in turn gives."""
    weights, x = [torch.randn(64, 128) for _ in range(12)], torch.randn(3, 128)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda weight: make_linear(weight, None, precision="int8"), weights))
    for weight, layer in zip(weights, made, strict=True):
        assert torch.equal(layer(x), make_linear(weight, None, precision="int8")(x))


def test_fuse_stacks_along_the_outputs() -> None:
    """Missing biases count as zero, and stay missing where none is there."""
    weights = [torch.randn(4, 8), torch.randn(6, 8)]
    weight, bias = fuse(weights, [None, None])
    assert weight.shape == (10, 8)
    assert bias is None
    given = torch.randn(6)
    _, bias = fuse(weights, [None, given])
    assert bias is not None
    assert torch.equal(bias, torch.cat((torch.zeros(4), given)))


def test_auto_precision_follows_the_processor() -> None:
    """int8 where products are exact, 7 bits only where there is no bf16, and never for tiny or too long sums."""
    fast, old, plain = Capability(8, True), Capability(7, False), Capability(0, False)
    assert auto_precision((1024, 1024), fast) == "int8"
    assert auto_precision((1024, 1024), old) == "int8"
    assert auto_precision((1024, 1024), plain) == "fp32"
    assert auto_precision((1024, 1024), Capability(7, True)) == "bf16"
    assert auto_precision((1024, 70_000), fast) == "bf16"
    assert auto_precision((64, 64), fast) == "fp32"


def test_what_cannot_be_is_refused() -> None:
    """Quantized weights in another precision, and sums that would leave 32 bits."""
    with pytest.raises(ValueError, match="int8 layers only"):
        make_linear(quantize_weight(torch.randn(4, 4)), None, precision="fp32")
    with pytest.raises(ValueError, match="at most"):
        Int8Linear(quantize_weight(torch.randn(1, linear.MAX_INT8_IN_FEATURES + 1)), None)


def test_without_exact_products_int8_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that cannot do it says so rather than compute something else."""
    monkeypatch.setattr(linear, "capability", lambda: Capability(0, False))
    with pytest.raises(ValueError, match="no exact int8"):
        make_linear(torch.randn(4, 4), None, precision="int8")
