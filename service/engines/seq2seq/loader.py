"""The tensors of a checkpoint folder, checked against its specification.

Names are those of transformers without the leading `model.`. Tied weights may be saved under any of their names; what
is present decides: a head that was saved is used even where the configuration says it is tied, as transformers does.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from service.engines.seq2seq.configuration import LoadError, read_json
from service.engines.seq2seq.rows import Place, find_place
from service.engines.seq2seq.spec import ModelSpec

_FLOATS = (torch.float32, torch.float16, torch.bfloat16)
_TABLES = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight")
# Buffers and leftovers that old releases saved and nothing reads.
_IGNORED = frozenset(
    {
        "encoder.version",
        "decoder.version",
        "encoder.embed_positions.weights",
        "decoder.embed_positions.weights",
        "encoder.embed_positions._float_tensor",
        "decoder.embed_positions._float_tensor",
        "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight",
    }
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The tensors of a folder.

    Attributes:
        tensors: by name.
        places: where embedding tables lie in files, for those in a format that allows to read them row by row.
    """

    tensors: dict[str, Tensor]
    places: dict[str, Place]


def load_tensors(folder: Path, spec: ModelSpec) -> Checkpoint:
    """Return every tensor the model needs, in the type it was saved in, memory-mapped where the format allows.

    The embeddings are `encoder.embed_tokens.weight`, `decoder.embed_tokens.weight` and `lm_head.weight`; those that are
    tied are one tensor.

    Raises:
        LoadError: a file is missing, truncated or unsafe, or a tensor is missing, unknown or of another shape.
    """
    found: dict[str, Tensor] = {}
    origins: dict[int, tuple[Path, str]] = {}
    for path in _files(folder):
        for name, tensor in _read(path):
            found[name.removeprefix("model.")] = tensor
            origins[id(tensor)] = (path, name)
    found = {name: tensor for name, tensor in found.items() if name not in _IGNORED}
    _tie(found, spec)
    wanted = shapes(spec)
    needed = set(wanted) - {"final_logits_bias"}
    if spec.positions != "learned":  # the others are computed where a folder leaves them out
        needed -= {"encoder.embed_positions.weight", "decoder.embed_positions.weight"}
    _compare(found, wanted, needed)
    places = {}
    for name in _TABLES:
        path, saved = origins[id(found[name])]
        if path.name.endswith(".safetensors"):
            places[name] = find_place(path, saved)
    return Checkpoint(found, places)


def _files(folder: Path) -> list[Path]:
    """The files that hold the weights, safetensors before anything pickled."""
    for stem in ("model.safetensors", "pytorch_model.bin"):
        if (folder / stem).is_file():
            return [folder / stem]
        index = folder / f"{stem}.index.json"
        if index.is_file():
            return _shards(index)
    raise LoadError("the folder has neither model.safetensors nor pytorch_model.bin, whole or in parts")


def _shards(index: Path) -> list[Path]:
    table = read_json(index).get("weight_map")
    if not isinstance(table, dict) or not table:
        raise LoadError(f"{index.name} names no files")
    names = sorted({str(name) for name in table.values()})
    for name in names:
        if Path(name).name != name:
            raise LoadError(f"{index.name} names a file outside the folder")
        if not (index.parent / name).is_file():
            raise LoadError(f"{name} is missing, though {index.name} names it")
    return [index.parent / name for name in names]


def _read(path: Path) -> Iterator[tuple[str, Tensor]]:
    if path.name.endswith(".safetensors"):
        yield from _read_safetensors(path)
        return
    try:
        loaded = _load_pickled(path)
    except pickle.UnpicklingError:
        raise LoadError(f"{path.name} holds more than tensors, which is not safe to load") from None
    except (OSError, RuntimeError, EOFError, ValueError):
        raise LoadError(f"{path.name} is truncated or not a PyTorch file") from None
    if not isinstance(loaded, dict) or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise LoadError(f"{path.name} holds no table of tensors")
    yield from loaded.items()


def _load_pickled(path: Path) -> object:
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except RuntimeError:  # a file of the old format cannot be mapped; a broken one fails again
        return torch.load(path, map_location="cpu", weights_only=True)


def _read_safetensors(path: Path) -> Iterator[tuple[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - a handle, not a dictionary
                yield name, file.get_tensor(name)
    except (SafetensorError, OSError):
        raise LoadError(f"{path.name} is truncated or not a safetensors file") from None


def _tie(found: dict[str, Tensor], spec: ModelSpec) -> None:
    """Bring the embeddings under their three names; equal tensors become one."""
    shared = found.pop("shared.weight", None)
    encoder = found.get("encoder.embed_tokens.weight", shared)
    decoder = found.get("decoder.embed_tokens.weight", shared)
    head = found.get("lm_head.weight")
    if spec.share_embeddings:
        any_of = next((tensor for tensor in (shared, encoder, decoder, head) if tensor is not None), None)
        encoder, decoder = (any_of if tensor is None else tensor for tensor in (encoder, decoder))
        head = (shared if shared is not None else decoder) if head is None else head
    else:
        decoder = head if decoder is None else decoder
        head = decoder if head is None else head
    decoder = encoder if _same(decoder, encoder) else decoder
    head = decoder if _same(head, decoder) else head
    for name, tensor in (("encoder.embed_tokens", encoder), ("decoder.embed_tokens", decoder), ("lm_head", head)):
        if tensor is not None:
            found[f"{name}.weight"] = tensor


def _same(one: Tensor | None, other: Tensor | None) -> bool:
    if one is other:
        return True
    if one is None or other is None or one.shape != other.shape or one.dtype != other.dtype:
        return False
    return torch.equal(one, other)


def _compare(found: dict[str, Tensor], wanted: dict[str, tuple[int, ...]], needed: set[str]) -> None:
    missing = sorted(needed - set(found))
    if missing:
        raise LoadError(f"the weights lack {missing[0]}" + _others(len(missing) - 1))
    unknown = sorted(set(found) - set(wanted))
    if unknown:
        raise LoadError(f"the weights hold {unknown[0]}, which this architecture has not" + _others(len(unknown) - 1))
    for name, tensor in found.items():
        if tuple(tensor.shape) != wanted[name]:
            have, want = "x".join(map(str, tensor.shape)), "x".join(map(str, wanted[name]))
            raise LoadError(f"{name} is {have}, the configuration says {want}")
        if tensor.dtype not in _FLOATS:
            raise LoadError(f"{name} is stored as {tensor.dtype}, not as float32, float16 or bfloat16")


def _others(count: int) -> str:
    return f" and {count} more" if count else ""


def shapes(spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    """Return the name and shape of every tensor a model of this specification may have."""
    wanted: dict[str, tuple[int, ...]] = {
        "encoder.embed_tokens.weight": (spec.source_vocab, spec.d_model),
        "decoder.embed_tokens.weight": (spec.vocab, spec.d_model),
        "lm_head.weight": (spec.vocab, spec.d_model),
    }
    return wanted | (_t5_shapes(spec) if spec.family == "t5" else _bart_shapes(spec))


def _bart_shapes(spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    width = spec.d_model
    wanted: dict[str, tuple[int, ...]] = {"final_logits_bias": (1, spec.vocab)}

    def pair(name: str, *shape: int) -> None:
        wanted[f"{name}.weight"] = shape
        wanted[f"{name}.bias"] = shape[:1]

    for side, layers, ffn in (
        ("encoder", spec.encoder_layers, spec.encoder_ffn),
        ("decoder", spec.decoder_layers, spec.decoder_ffn),
    ):
        if spec.positions != "sinusoidal":
            rows = spec.max_positions + spec.position_offset
            wanted[f"{side}.embed_positions.weight"] = (rows, width)
        if spec.embed_norm:
            pair(f"{side}.layernorm_embedding", width)
        if spec.final_norm:
            pair(f"{side}.layer_norm", width)
        for index in range(layers):
            at = f"{side}.layers.{index}"
            for block in ("self_attn", "encoder_attn")[: 1 if side == "encoder" else 2]:
                for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
                    pair(f"{at}.{block}.{part}", width, width)
                pair(f"{at}.{block}_layer_norm", width)
            pair(f"{at}.fc1", ffn, width)
            pair(f"{at}.fc2", width, ffn)
            pair(f"{at}.final_layer_norm", width)
    return wanted


def _t5_shapes(spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    width, inner = spec.d_model, spec.inner
    wanted: dict[str, tuple[int, ...]] = {}
    for side, layers, ffn, heads in (
        ("encoder", spec.encoder_layers, spec.encoder_ffn, spec.encoder_heads),
        ("decoder", spec.decoder_layers, spec.decoder_ffn, spec.decoder_heads),
    ):
        wanted[f"{side}.final_layer_norm.weight"] = (width,)
        for index in range(layers):
            at = f"{side}.block.{index}.layer"
            blocks = ["SelfAttention"] if side == "encoder" else ["SelfAttention", "EncDecAttention"]
            for number, block in enumerate(blocks):
                for part in ("q", "k", "v"):
                    wanted[f"{at}.{number}.{block}.{part}.weight"] = (inner, width)
                wanted[f"{at}.{number}.{block}.o.weight"] = (width, inner)
            if index == 0 or not spec.shared_relative_bias:
                wanted[f"{at}.0.SelfAttention.relative_attention_bias.weight"] = (spec.relative_buckets, heads)
            for number in range(len(blocks) + 1):
                wanted[f"{at}.{number}.layer_norm.weight"] = (width,)
            for part in ("wi_0", "wi_1") if spec.gated_ffn else ("wi",):
                wanted[f"{at}.{len(blocks)}.DenseReluDense.{part}.weight"] = (ffn, width)
            wanted[f"{at}.{len(blocks)}.DenseReluDense.wo.weight"] = (width, ffn)
    return wanted
