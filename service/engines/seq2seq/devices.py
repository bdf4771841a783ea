"""Where a model runs and in which types: the processor in float32, or a GPU in a type of 16 bits.

Written for CUDA and checked without one; no model has run on a GPU yet (docs/MODELS.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from service.engines.seq2seq.configuration import LoadError
from service.engines.seq2seq.linear import Precision

DeviceChoice = Literal["auto", "cpu", "cuda"]

CPU = torch.device("cpu")
_KINDS: dict[str, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, slots=True)
class Compute:
    """Where tensors lie and what attention computes with.

    Attributes:
        device: of weights, caches, masks and indices.
        kind: type of keys, values and the queries that read them; the residual stream and norms stay float32, since
            sums over many layers lose too much in 16 bits and leave the range of float16 in T5.
        graphs: decode steps are captured as CUDA graphs; set once a captured step has been compared with a plain one.
    """

    device: torch.device = CPU
    kind: torch.dtype = torch.float32
    graphs: bool = False


ON_CPU = Compute()


def choose_device(wanted: DeviceChoice) -> torch.device:
    """Return the device that a setting means; `auto` is a GPU where there is one.

    Raises:
        LoadError: a GPU is asked for by name and torch sees none.
    """
    if wanted == "cpu":
        return CPU
    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    if wanted == "cuda":
        raise LoadError("torch finds no CUDA device here; set PRECIS_DEVICE to cpu or auto")
    return CPU


def gpu_precision() -> Precision:
    """Return the type of 16 bits this GPU computes with: bfloat16 has the range of float32, so it comes first."""
    # Older GPUs emulate bfloat16, which is slower than float32.
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"


def compute_for(device: torch.device, precision: Precision) -> Compute:
    """Return how a model of a precision runs on a device.

    Raises:
        LoadError: the device has no kernels for the precision.
    """
    if device.type == "cpu":
        if precision == "fp16":
            raise LoadError("fp16 is for GPUs; on a processor choose int8, bf16 or fp32")
        return ON_CPU
    if precision == "int8":
        raise LoadError("int8 runs on processors only; on a GPU choose bf16, fp16 or fp32, or auto")
    return Compute(device, _KINDS[precision])


def exact_sums(device: torch.device) -> None:
    """Let matrix products of 16-bit types on a GPU add up in float32, also where cuBLAS splits a sum in parts."""
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
        torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
