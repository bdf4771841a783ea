"""From a checkpoint folder to a model that runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from service.engines.seq2seq import graphs
from service.engines.seq2seq.arrange import entries, layout_name
from service.engines.seq2seq.bart import BartModel
from service.engines.seq2seq.cache import CacheKey, open_cached
from service.engines.seq2seq.configuration import LoadError
from service.engines.seq2seq.devices import CPU, Compute, compute_for, exact_sums
from service.engines.seq2seq.digest import source_digest
from service.engines.seq2seq.gpu_weights import GpuSource
from service.engines.seq2seq.keyvalues import CacheShape
from service.engines.seq2seq.layers import EncoderRun
from service.engines.seq2seq.linear import Linear, Precision, capability, make_linear
from service.engines.seq2seq.loader import load_tensors, shapes
from service.engines.seq2seq.memory import bound_kernels, keep_freed, trim
from service.engines.seq2seq.native.library import Library, library
from service.engines.seq2seq.native.linear import StepLinear
from service.engines.seq2seq.quantize import QuantizedWeight
from service.engines.seq2seq.slots import Step
from service.engines.seq2seq.spec import ModelSpec, read_spec
from service.engines.seq2seq.t5 import T5Model
from service.engines.seq2seq.weights import CheckpointSource, LayerPlan, QuantizedSource, ShapeSource, Source, Weights


class Seq2SeqModel(Protocol):
    """What the runner asks of a model."""

    spec: ModelSpec
    cache_shape: CacheShape
    compute: Compute

    def start(self, sources: Sequence[Sequence[int]]) -> EncoderRun:
        """Embed a batch of sources, each at least one token."""
        ...

    def advance(self, run: EncoderRun, count: int) -> bool:
        """Take a batch through at most `count` more layers. Returns whether it is through."""
        ...

    def cross(self, run: EncoderRun) -> Tensor:
        """Return keys and values of a batch that is through, [B, layers, 2, heads, L, head_width]."""
        ...

    def step(self, ids: Tensor, step: Step) -> Tensor:
        """Take every live row one token further: [R] token ids -> [R, vocab] logits."""
        ...


@torch.inference_mode()
def load_model(
    folder: Path,
    precision: Precision = "fp32",
    *,
    digest: str = "",
    caches: Sequence[Path] | None = None,
    native: bool = True,
    device: torch.device = CPU,
) -> Seq2SeqModel:
    """Return the model of an unmodified Hugging Face folder.

    Args:
        folder: with configuration and weights.
        precision: of the linear layers.
        digest: of the folder's files where it is known; it names the quantized weights that are kept.
        caches: folders that may hold quantized weights or take them, the best first; None is the folder itself.
        native: int8 decodes in C where that can be; otherwise, and without, through torch.
        device: where it runs.
    Raises:
        LoadError: the folder is of another architecture, lacks a file or holds a broken one, or this processor has no
            exact int8 products; or the device lacks the precision or the memory.
    """
    bound_kernels()
    compute = compute_for(device, precision)
    spec = read_spec(folder)
    if compute.device.type != "cpu":
        return _load_on_gpu(folder, spec, compute)
    plans = plan_layers(spec)
    if precision == "int8":
        bits = capability().int8_bits
        if not bits:
            raise LoadError("this processor has no exact int8 products; choose bf16 or fp32")
        folders = [folder] if caches is None else caches
        key = CacheKey(digest or source_digest(folder, folders), layout_name(plans), bits)
        with open_cached(
            lambda: entries(load_tensors(folder, spec).tensors, plans, bits=bits), key=key, folders=folders
        ) as stored:
            model = assemble(spec, QuantizedSource(stored), plans, precision, _steps(bits) if native else None)
    else:
        loaded = load_tensors(folder, spec)
        model = assemble(spec, CheckpointSource(loaded.tensors, loaded.places), plans, precision)
    trim()
    keep_freed()
    return model


def _load_on_gpu(folder: Path, spec: ModelSpec, compute: Compute) -> Seq2SeqModel:
    """A model whose weights lie on another device; its decode steps are captured where that gives the same results."""
    exact_sums(compute.device)
    try:
        loaded = load_tensors(folder, spec)
        source = GpuSource(CheckpointSource(loaded.tensors, loaded.places), compute)
        model = _construct(spec, Weights(source, source.linear, compute))
        model.compute = replace(compute, graphs=graphs.work(model))
    except torch.OutOfMemoryError as error:
        raise LoadError(f"the model in {folder.name} does not fit into the memory of {compute.device}") from error
    trim()
    keep_freed()
    return model


def plan_layers(spec: ModelSpec) -> list[LayerPlan]:
    """Return the layers that a model of this specification asks for, in its order."""
    found: list[LayerPlan] = []
    source = ShapeSource(shapes(spec))

    def note(plan: LayerPlan) -> Linear:
        found.append(plan)
        return _NoLayer(*source.shape(plan))

    _construct(spec, Weights(source, note))
    return found


def _steps(bits: int) -> Library | None:
    """The library, where its products are exact for weights of so many bits."""
    found = library()
    return found if found is not None and found.bits >= bits else None


class _NoLayer:
    """Stands where a layer will be."""

    def __init__(self, out_features: int, in_features: int) -> None:
        self.in_features, self.out_features = in_features, out_features

    def __call__(self, x: Tensor) -> Tensor:
        raise NotImplementedError("this model has no weights")


def assemble(
    spec: ModelSpec,
    source: Source,
    plans: Sequence[LayerPlan],
    precision: Precision,
    steps: Library | None = None,
) -> Seq2SeqModel:
    """Return a model whose layers were packed on several threads at once; int8 decodes by `steps` if there is one."""

    @torch.inference_mode()
    def make(plan: LayerPlan) -> Linear:
        weight, bias = source.layer(plan)
        # Without VNNI its product is ahead for many rows as well (`python -m bench.linear`).
        ours = steps is not None and (plan.in_step or steps.bits < 8)
        if steps is not None and ours and isinstance(weight, QuantizedWeight):
            return StepLinear(steps, weight, bias, nonnegative=plan.nonnegative)
        return make_linear(weight, bias, precision=precision, nonnegative=plan.nonnegative, many_rows=plan.many_rows)

    known = ShapeSource(shapes(spec))
    # The largest first, or the head alone would keep one thread busy when all else is done.
    order = sorted(plans, key=lambda plan: math.prod(known.shape(plan)), reverse=True)
    with ThreadPoolExecutor(torch.get_num_threads(), thread_name_prefix="packing") as pool:
        jobs = {plan.key: pool.submit(make, plan) for plan in order}
        return _construct(spec, Weights(source, lambda plan: jobs.pop(plan.key).result()))


def _construct(spec: ModelSpec, weights: Weights) -> Seq2SeqModel:
    return T5Model(spec, weights) if spec.family == "t5" else BartModel(spec, weights)
