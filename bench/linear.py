"""Figures of the linear layers: time by precision, shape and number of rows, against one read of the weights."""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from service.engines.seq2seq.linear import capability, make_linear
from service.engines.seq2seq.native.library import library
from service.engines.seq2seq.native.linear import StepLinear
from service.engines.seq2seq.quantize import quantize_weight

Layer = Callable[[Tensor], Tensor]

_BYTES = {"int8 in C": 1, "int8": 1, "int8 many rows": 1, "bf16": 2, "fp32": 4, "per tensor": 1, "plain fp32": 4}
_SHAPES = "1024x1024,1024x3072,1024x4096,4096x1024,512x512,512x2048,768x3072,1024x128112"
# More weights than the caches hold, so that each call reads memory as in a model.
_WORKING_SET = 96 * 2**20


def bandwidth() -> float:
    """Return the bytes a second that reading memory reaches, the best of several runs."""
    block = torch.ones(64 * 2**20)
    best = 0.0
    for _ in range(12):
        start = time.perf_counter()
        block.sum()
        best = max(best, block.numel() * 4 / (time.perf_counter() - start))
    return best


def per_tensor(weight: Tensor) -> Layer:
    """Return torch's own dynamic int8 layer: one scale for all rows, so rows depend on each other. For comparison."""
    quantized = quantize_weight(weight)
    zeros = torch.zeros(weight.shape[0], dtype=torch.int32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.backends.quantized.engine = "x86"
        tensor = torch._make_per_channel_quantized_tensor(quantized.values, quantized.scales, zeros, 0)
        packed = torch.ops.quantized.linear_prepack(tensor, None)
    return lambda x: torch.ops.quantized.linear_dynamic(x, packed, False)


def layers(kind: str, weights: list[Tensor]) -> list[Layer]:
    """Return one layer for each weight."""
    if kind == "per tensor":
        return [per_tensor(weight) for weight in weights]
    if kind == "plain fp32":
        return [lambda x, weight=weight: torch.nn.functional.linear(x, weight) for weight in weights]  # type: ignore[misc]
    bias = torch.zeros(weights[0].shape[0])
    if kind == "int8 in C":
        steps = library()
        if steps is None:
            raise SystemExit("there is no decode step in C here; leave `int8 in C` out of --kinds")
        bits = capability().int8_bits
        return [StepLinear(steps, quantize_weight(weight, bits=bits), bias) for weight in weights]
    if kind == "int8 many rows":
        return [make_linear(weight, bias, precision="int8", many_rows=True) for weight in weights]
    return [make_linear(weight, bias, precision=kind) for weight in weights]  # type: ignore[arg-type]


def microseconds(stacks: dict[str, list[Layer]], x: Tensor, rounds: int) -> dict[str, float]:
    """Return the median time of one call by kind; the kinds take turns."""
    times: dict[str, list[float]] = {kind: [] for kind in stacks}
    for turn in range(rounds + 1):
        for kind, stack in stacks.items():
            start = time.perf_counter()
            for layer in stack:
                layer(x)
            if turn:
                times[kind].append((time.perf_counter() - start) / len(stack) * 1e6)
    return {kind: statistics.median(found) for kind, found in times.items()}


def quality(weight: Tensor, rows: int, outliers: bool) -> dict[str, tuple[float, float]]:
    """Return signal-to-noise ratio in decibels and share of rows with the same best output, by kind."""
    x = torch.randn(rows, weight.shape[1])
    if outliers:
        x[:, torch.randperm(weight.shape[1])[:6]] *= 30
    exact = x @ weight.t()
    found = {}
    for kind in ("int8", "bf16"):
        got = layers(kind, [weight])[0](x)
        noise = (exact - got).double().pow(2).sum()
        same = float((exact.argmax(-1) == got.argmax(-1)).float().mean())
        found[kind] = float(10 * torch.log10(exact.double().pow(2).sum() / noise)), same
    return found


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shapes", default=_SHAPES, help="inputs x outputs, comma separated")
    parser.add_argument("--rows", default="1,8,32,64")
    parser.add_argument("--kinds", default="int8 in C,int8,int8 many rows,bf16,fp32,per tensor,plain fp32")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=11)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    read = bandwidth()
    print(f"torch {torch.__version__}, {given.threads} threads, {read / 1e9:.1f} GB/s, {capability()}")
    print("median µs of a call (share of the time one read of its weights takes)")
    kinds = given.kinds.split(",")
    with torch.inference_mode():
        print("| inputs x outputs | rows | " + " | ".join(kinds) + " |\n|---|---|" + "---|" * len(kinds))
        for inputs, outputs in (map(int, shape.split("x")) for shape in given.shapes.split(",")):
            count = max(1, min(24, _WORKING_SET // (inputs * outputs)))
            weights = [torch.randn(outputs, inputs) * 0.02 for _ in range(count)]
            stacks = {kind: layers(kind, weights) for kind in kinds}
            for rows in map(int, given.rows.split(",")):
                found = microseconds(stacks, torch.randn(rows, inputs), given.rounds)
                cells = (
                    f"{took:.0f} ({inputs * outputs * _BYTES[kind] / read * 1e8 / took:.0f} %)"
                    for kind, took in found.items()
                )
                print(f"| {inputs}x{outputs} | {rows} | " + " | ".join(cells) + " |", flush=True)
        print("\nagainst float32, random weights 1024x128112: signal to noise, share of rows with the same best output")
        head = torch.randn(128_112, 1024) * 0.02
        for outliers in (False, True):
            for kind, (ratio, same) in quality(head, 64, outliers).items():
                print(f"{kind}{', outlier channels' if outliers else ''}: {ratio:.1f} dB, {same:.1%}")


if __name__ == "__main__":
    main()
