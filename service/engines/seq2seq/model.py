"""From a checkpoint folder to a model that runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from service.engines.seq2seq.bart import BartModel
from service.engines.seq2seq.layers import EncoderRun
from service.engines.seq2seq.linear import Precision
from service.engines.seq2seq.loader import load_tensors
from service.engines.seq2seq.slots import CacheShape, Step
from service.engines.seq2seq.spec import ModelSpec, read_spec
from service.engines.seq2seq.t5 import T5Model
from service.engines.seq2seq.weights import Weights


class Seq2SeqModel(Protocol):
    """What the runner asks of a model."""

    spec: ModelSpec
    cache_shape: CacheShape

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
def load_model(folder: Path, precision: Precision = "fp32") -> Seq2SeqModel:
    """Return the model of an unmodified Hugging Face folder.

    Raises:
        LoadError: the folder is of another architecture, lacks a file or holds a broken one.
    """
    spec = read_spec(folder)
    return build(spec, load_tensors(folder, spec), precision)


def build(spec: ModelSpec, tensors: dict[str, Tensor], precision: Precision = "fp32") -> Seq2SeqModel:
    """Return a model over tensors that fit its specification; the table is emptied."""
    weights = Weights(tensors, precision)
    return T5Model(spec, weights) if spec.family == "t5" else BartModel(spec, weights)
