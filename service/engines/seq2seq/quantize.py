"""Weights as 8-bit integers with one scale per output channel, and their cache on disk.

Quantizing a checkpoint takes longer than reading it, and a quantized one is a quarter of its size. So it is done once:
the result is kept as a safetensors file, keyed by the digest of its source, and mapped into memory at later starts.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

SCHEME = "int8-per-channel-symmetric-1"
"""Name of how values and scales are made; a change of the arithmetic or of the file needs another name."""

_SCALES = ":scales"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class QuantizedWeight:
    """A weight [out, in] as `values` (int8) times `scales` (float32 [out])."""

    values: Tensor
    scales: Tensor

    def dequantize(self) -> Tensor:
        """Return the weight in float32 [out, in]."""
        return self.values.float().mul_(self.scales.unsqueeze(1))

    def rows(self, indices: Tensor) -> Tensor:
        """Return rows in float32 [..., in], for a head that is its own embedding table.

        Args:
            indices: int64 of any shape, each from 0 to out - 1.
        """
        return self.values[indices].float().mul_(self.scales[indices].unsqueeze(-1))


def quantize_weight(weight: Tensor, *, bits: int = 8) -> QuantizedWeight:
    """Return a weight [out, in] with one symmetric scale for each output.

    Args:
        weight: floating point of any width.
        bits: 8 for values from -127 to 127; 7 for -63 to 63, for processors where products of bytes saturate.

    Raises:
        ValueError: the weight is no matrix, holds values that are not finite, or `bits` is neither 7 nor 8.
    """
    if weight.dim() != 2 or not weight.is_floating_point():
        raise ValueError("only a floating point matrix can be quantized")
    if bits not in (7, 8):
        raise ValueError("weights are quantized to 7 or 8 bits")
    top = 2 ** (bits - 1) - 1
    full = weight.detach().float()
    peaks = full.abs().amax(1)
    if not bool(torch.isfinite(peaks).all()):
        raise ValueError("the weight holds values that are not finite")
    # A channel of zeros would divide by zero; any scale serves it.
    scales = torch.where(peaks > 0, peaks / top, torch.ones_like(peaks))
    values = full.div(scales.unsqueeze(1)).round_().clamp_(-top, top).to(torch.int8)
    return QuantizedWeight(values, scales)


def fuse_quantized(weights: Sequence[QuantizedWeight]) -> QuantizedWeight:
    """Return several weights of one input as one, stacked along the outputs; no value changes."""
    return QuantizedWeight(
        torch.cat([weight.values for weight in weights]), torch.cat([weight.scales for weight in weights])
    )


def balance(
    gain: Tensor, shift: Tensor | None, weights: Sequence[Tensor]
) -> tuple[Tensor, Tensor | None, list[Tensor]]:
    """Return a norm's gain and shift and the weights it feeds, with large channels shared out between the two sides.

    A channel that the norm makes far larger than the others takes the steps of its whole row. Half of its excess, in
    powers of two, moves into the weights, each with a scale for every output. In floating point no product changes.
    Source: SmoothQuant (arXiv 2211.10438), with the norm itself as the estimate of its output.

    Args:
        gain: [in] of the layer norm or RMS norm.
        shift: [in] of the layer norm, or None.
        weights: each [out, in]; every layer that reads the norm's output must be among them.
    """
    size = gain.float().abs() if shift is None else torch.hypot(gain.float(), shift.float())
    column = torch.stack([weight.float().abs().amax(0) for weight in weights]).amax(0)
    usable = (size > 0) & (column > 0)
    excess = torch.where(usable, torch.log2(size / column), torch.nan)
    if not bool(usable.any()):
        return gain, shift, list(weights)
    power = torch.where(usable, torch.round((excess - excess.nanmedian()) / 2), torch.zeros_like(size))
    factor = torch.exp2(power.clamp(-12, 12))
    return gain / factor, None if shift is None else shift / factor, [weight * factor for weight in weights]


def file_digest(paths: Sequence[Path]) -> str:
    """Return one SHA-256 (64 hexadecimal digits) over the contents of files, in the order given.

    Raises:
        OSError: a file cannot be read.
    """
    whole = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()


@dataclass(frozen=True, slots=True)
class CacheKey:
    """What a cached file depends on.

    Attributes:
        digest: of the source files, see `file_digest`.
        layout: name of how the caller arranges the tensors (which are fused, which stay floating point); it changes
            whenever the arrangement does.
        bits: 8 or 7.
    """

    digest: str
    layout: str
    bits: int = 8

    @property
    def metadata(self) -> dict[str, str]:
        """What the file says of itself."""
        return {"scheme": SCHEME, "digest": self.digest, "layout": self.layout, "bits": str(self.bits)}

    @property
    def file_name(self) -> str:
        """A name that differs when any part of the key does."""
        text = "\n".join(f"{name}={value}" for name, value in sorted(self.metadata.items()))
        return f"quantized-{hashlib.sha256(text.encode()).hexdigest()[:24]}.safetensors"


class StoredWeights:
    """Quantized and plain tensors by name, mapped from a file or held in memory.

    A tensor from a file is a view of the mapping: copy what is kept, let go of the rest, and leave the `with` block;
    the pages go back when the last view does. See `alone` for what stays mapped.
    """

    def __init__(self, tensors: dict[str, Tensor], path: Path | None) -> None:
        self.path = path
        self._tensors = tensors
        opened: Any = None if path is None else safe_open(str(path), framework="pt")
        self._file = opened
        self._keys: frozenset[str] = frozenset(tensors if opened is None else opened.keys())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tensors, self._file = {}, None
        self._keys = frozenset()

    @property
    def metadata(self) -> dict[str, str]:
        """What the file says of itself; empty for weights in memory."""
        return {} if self._file is None else dict(self._file.metadata() or {})

    def names(self) -> list[str]:
        """Return the names of all tensors, sorted."""
        return sorted(key for key in self._keys if not key.endswith(_SCALES))

    def get(self, name: str) -> QuantizedWeight | Tensor:
        """Return one tensor, quantized or as it was given.

        Raises:
            KeyError: no such name.
        """
        if name not in self._keys or name.endswith(_SCALES):
            raise KeyError(name)
        if name + _SCALES in self._keys:
            return QuantizedWeight(self._raw(name), self._raw(name + _SCALES))
        return self._raw(name)

    def alone(self, name: str) -> QuantizedWeight | Tensor:
        """Return one tensor to keep for long, such as a table of embeddings, in a mapping of its own.

        Its pages are shared between processes and read from disk as they are used. A view of the common mapping would
        hold every page of the file that was read while packing.

        Raises:
            KeyError: no such name.
            OSError: the file has gone.
        """
        return self.get(name) if self.path is None else StoredWeights({}, self.path).get(name)

    def _raw(self, key: str) -> Tensor:
        tensor: Tensor = self._tensors[key] if self._file is None else self._file.get_tensor(key)
        return tensor


def open_cached(
    build: Callable[[], Iterable[tuple[str, Tensor]]],
    chosen: Callable[[str], bool],
    *,
    key: CacheKey,
    folders: Sequence[Path],
) -> StoredWeights:
    """Return the weights from the first folder that holds them, else build, quantize and keep them.

    Several processes may do this at once: a file appears whole or not at all, and all write the same.

    Args:
        build: yields every tensor with its name; called only when no folder holds the file.
        chosen: whether the tensor of that name is quantized; others are kept as they are.
        key: what the weights depend on.
        folders: where to look and to write, the best first; missing ones are made. Where none can be written the
            weights stay in memory.
    """
    for folder in folders:
        found = _try_open(folder / key.file_name, key)
        if found is not None:
            return found
    tensors = dict(_quantized(build(), chosen, key.bits))
    for folder in folders:
        path = folder / key.file_name
        try:
            _write(tensors, path, key)
        except (OSError, SafetensorError) as error:
            _log.warning("no quantized weights kept in %s: %s", folder, error)
            continue
        found = _try_open(path, key)
        if found is not None:
            return found
    return StoredWeights(tensors, None)


def _quantized(
    tensors: Iterable[tuple[str, Tensor]], chosen: Callable[[str], bool], bits: int
) -> Iterator[tuple[str, Tensor]]:
    for name, tensor in tensors:
        if chosen(name):
            weight = quantize_weight(tensor, bits=bits)
            yield name, weight.values
            yield name + _SCALES, weight.scales
        else:
            # Tied weights arrive twice under one storage, which safetensors refuses to write.
            yield name, tensor.detach().clone(memory_format=torch.contiguous_format)


def _try_open(path: Path, key: CacheKey) -> StoredWeights | None:
    if not path.is_file():
        return None
    try:
        found = StoredWeights({}, path)
    except (OSError, SafetensorError) as error:
        _log.warning("quantized weights in %s are damaged and made again: %s", path, error)
        return None
    if found.metadata != key.metadata:
        _log.warning("quantized weights in %s are of another kind and made again", path)
        return None
    return found


def _write(tensors: dict[str, Tensor], path: Path, key: CacheKey) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=path.stem, suffix=".part", dir=path.parent)
    os.close(handle)
    part = Path(name)
    try:
        save_file(tensors, part, metadata=key.metadata)
        # Replicas under other users read the same volume, and a temporary file is private.
        part.chmod(0o644)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
