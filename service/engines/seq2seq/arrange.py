"""How the tensors of a checkpoint are ordered when they are quantized: fused, balanced, once each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from service.engines.seq2seq.cache import Entry
from service.engines.seq2seq.configuration import LoadError
from service.engines.seq2seq.quantize import balance, fuse_quantized, quantize_weight
from service.engines.seq2seq.weights import LayerPlan

_TABLES = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight")


def layout_name(plans: Sequence[LayerPlan]) -> str:
    """Return a name that changes with the arrangement of a model's layers."""
    text = "\n".join(repr((plan.names, plan.after, plan.bias)) for plan in plans)
    return f"fused-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def entries(tensors: Mapping[str, Tensor], plans: Sequence[LayerPlan], *, bits: int) -> Iterator[Entry]:
    """Yield the layers of a checkpoint quantized under the name of their first part, the rest as it is.

    Args:
        tensors: of the checkpoint, tied ones under each of their names.
        plans: of all layers.
        bits: of the weights.
    Raises:
        LoadError: a weight holds values that are not finite.
    """
    rest = dict(tensors)
    for plan in plans:
        weights = [rest.pop(f"{name}.weight") for name in plan.names]
        biases = [rest.pop(plan.bias or f"{name}.bias", None) for name in plan.names]
        factor = _share(rest, plan.after, weights) if plan.after else None
        try:
            parts = [quantize_weight(weight, bits=bits, factor=factor) for weight in weights]
        except ValueError as error:
            raise LoadError(f"{plan.key}.weight: {error}") from None
        yield f"{plan.key}.weight", fuse_quantized(parts) if len(parts) > 1 else parts[0]
        if any(bias is not None for bias in biases):
            filled = (
                torch.zeros(weight.shape[0]) if bias is None else bias.float().flatten()
                for weight, bias in zip(weights, biases, strict=True)
            )
            yield f"{plan.key}.bias", torch.cat(list(filled))
    source, target = (rest.pop(name) for name in _TABLES)
    yield _TABLES[0], _narrow(source)
    if target is not source:
        yield _TABLES[1], _narrow(target)
    yield from rest.items()


def _share(rest: dict[str, Tensor], norm: str, weights: Sequence[Tensor]) -> Tensor:
    """Divide a norm by the factor its layer is to be multiplied by, and return the factor."""
    names = [name for name in (f"{norm}.weight", f"{norm}.bias") if name in rest]
    gain, *shift = (rest[name].float() for name in names)
    factor = balance(gain, shift[0] if shift else None, weights)
    for name, values in zip(names, (gain, *shift), strict=True):
        rest[name] = values / factor
    return factor


def _narrow(table: Tensor) -> Tensor:
    """A table in 16 bits where that loses less than int8 does anywhere, which is nearly always."""
    if table.dtype is not torch.float32:
        return table
    half = table.half()
    return half if bool(torch.isfinite(half).all()) else table
