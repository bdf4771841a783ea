"""How near int8 is to float32: top-1 agreement of every step and the error of the logits, along the same tokens.

    python -m bench.agreement --shape m2m100-418m [--layers 4] [--rows 16] [--new-tokens 24]

Weights are random in the shape of a public model, with fewer layers if asked. In the second half of the table they have
what real models have: channels that norms make many times larger than the others. Random weights are the hard case for
agreement, since their best token leads by little; `sure` counts only steps where it leads as in a trained model.
"""

from __future__ import annotations

import argparse
import dataclasses
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.engines.shapes import SHAPES, build
from service.engines.seq2seq import arrange, model
from service.engines.seq2seq.cache import CacheKey, open_cached
from service.engines.seq2seq.linear import Precision
from service.engines.seq2seq.loader import load_tensors, shapes
from service.engines.seq2seq.params import DecodeParams
from service.engines.seq2seq.runner import Budget, Runner
from service.engines.seq2seq.spec import ModelSpec, read_spec
from service.engines.seq2seq.weights import CheckpointSource, LayerPlan, QuantizedSource

_LARGE_CHANNELS, _TIMES = 6, 20.0
_SURE = 1.0


class Led:
    """A model whose logits are kept, and that is led along the tokens of another run.

    Args:
        inner: the model.
        tokens: of each step, or None for its own.
    """

    def __init__(self, inner: Any, tokens: list[Tensor] | None) -> None:
        self._inner = inner
        self._given = tokens
        self.tokens: list[Tensor] = []
        self.logits: list[Tensor] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def step(self, ids: Tensor, step: Any) -> Tensor:
        """Take the tokens given and keep what comes out."""
        ids = ids if self._given is None else self._given[len(self.tokens)]
        self.tokens.append(ids.clone())
        logits: Tensor = self._inner.step(ids, step)
        self.logits.append(logits.clone())
        return logits


def run(inner: Any, given: argparse.Namespace, tokens: list[Tensor] | None = None) -> Led:
    """Draw some tokens for each of some random sources, all rows together."""
    led = Led(inner, tokens)
    spec: ModelSpec = inner.spec
    runner = Runner(led, Budget(rows=given.rows, batch_tokens=10**6))
    draw = random.Random(0)
    for key in range(given.rows):
        # Drawn, because the best tokens of random weights soon repeat.
        wanted = DecodeParams(
            max_new_tokens=given.new_tokens,
            eos=(),
            pad=spec.generation.pad,
            start=spec.generation.start,
            do_sample=True,
            seed=key,
        )
        runner.add(key, [draw.randrange(8, spec.vocab - 200) for _ in range(given.source_tokens)], wanted)
    while runner.busy:
        runner.step()
    return led


def spoil(tensors: dict[str, Tensor]) -> None:
    """Make a few channels of every norm many times larger."""
    generator = torch.Generator().manual_seed(0)
    for name, tensor in tensors.items():
        if "norm" in name and name.endswith("weight"):
            gain = tensor.clone()
            gain[torch.randperm(gain.numel(), generator=generator)[:_LARGE_CHANNELS]] *= _TIMES
            tensors[name] = gain


@torch.inference_mode()
def load(folder: Path, spec: ModelSpec, precision: Precision, *, balanced: bool, outliers: bool) -> Any:
    """Return a model over the folder's weights, those of layers it has not left out."""
    known = shapes(spec)
    loaded = load_tensors(folder, read_spec(folder))
    tensors = {name: tensor for name, tensor in loaded.tensors.items() if name in known}
    if outliers:
        spoil(tensors)
    plans = model.plan_layers(spec)
    if precision != "int8":
        return model.assemble(spec, CheckpointSource(tensors, {}), plans, precision)
    kept: Sequence[LayerPlan] = plans if balanced else [dataclasses.replace(plan, after=None) for plan in plans]
    with open_cached(
        lambda: arrange.entries(tensors, kept, bits=8), key=CacheKey("bench", "bench"), folders=[]
    ) as stored:
        return model.assemble(spec, QuantizedSource(stored), plans, precision)


def compare(exact: Led, got: Led) -> list[str]:
    """Return the cells of one row of the table."""
    wanted, found = torch.cat(exact.logits), torch.cat(got.logits)
    same = found.argmax(-1) == wanted.argmax(-1)
    best = wanted.topk(2, dim=-1).values
    sure = best[:, 0] - best[:, 1] > _SURE * wanted.std(-1)
    # An offset that all tokens share changes no probability.
    error = (found - wanted) - (found - wanted).mean(-1, keepdim=True)
    spread = wanted - wanted.mean(-1, keepdim=True)
    noise = float(10 * torch.log10(spread.pow(2).sum() / error.pow(2).sum()))
    share = f"{same[sure].float().mean() * 100:.1f} % of {int(sure.sum())}" if bool(sure.any()) else "–"
    return [f"{same.float().mean() * 100:.1f} %", share, f"{noise:.1f} dB", f"{error.abs().max():.3f}"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, required=True)
    parser.add_argument("--layers", type=int, default=0, help="of each side; 0: all")
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--source-tokens", type=int, default=24)
    parser.add_argument("--new-tokens", type=int, default=24)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "precis-bench")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    folder = build(given.shape, given.cache)
    spec = read_spec(folder)
    if given.layers:
        spec = dataclasses.replace(spec, encoder_layers=given.layers, decoder_layers=given.layers)
    print(f"{given.shape}, {spec.decoder_layers} layers a side, {given.rows} rows of {given.new_tokens} tokens")
    print("| weights | precision | same best token | of sure steps | signal to noise | largest error |")
    print("|---|---|---|---|---|---|")
    for outliers in (False, True):
        name = f"{_LARGE_CHANNELS} channels of each norm x {_TIMES:.0f}" if outliers else "random"
        exact = run(load(folder, spec, "fp32", balanced=False, outliers=outliers), given)
        cases: list[tuple[str, Precision, bool]] = [
            ("int8, balanced", "int8", True),
            ("int8, not balanced", "int8", False),
            ("bf16", "bf16", False),
        ]
        for title, precision, balanced in cases:
            got = run(load(folder, spec, precision, balanced=balanced, outliers=outliers), given, exact.tokens)
            print(f"| {name} | {title} | {' | '.join(compare(exact, got))} |", flush=True)


if __name__ == "__main__":
    main()
