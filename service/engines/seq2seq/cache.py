"""Quantized weights on disk.

Quantizing a checkpoint takes longer than reading it, and a quantized one is a quarter of its size. So it is done once:
the result is kept as a safetensors file, keyed by the digest of its source, and mapped into memory at later starts.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from service.engines.seq2seq.quantize import SCHEME, QuantizedWeight
from service.engines.seq2seq.rows import Rows, RowsInFile, find_place, rows_in_memory

Entry = tuple[str, Tensor | QuantizedWeight]

_SCALES = ":scales"
_FILLER = ":"
_ALIGNMENT = 64
_PREFIX = "quantized-"
_SUFFIX = ".safetensors"
# Room for the header, which is known only when everything behind it is written; some 5 000 tensors fit.
_HEADER = 1 << 20
_TYPES = {
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int8: "I8",
}
_UNUSED_S = 30 * 86400.0
_ABANDONED_S = 86400.0
_WAIT_S = 120.0
_POLL_S = 0.05
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CacheKey:
    """What a cached file depends on.

    Attributes:
        digest: of the source files.
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
        return f"{_PREFIX}{hashlib.sha256(text.encode()).hexdigest()[:24]}{_SUFFIX}"


class StoredWeights:
    """Quantized and plain tensors by name, mapped from a file or held in memory.

    A tensor from a file is a view of the mapping: copy what is kept, let go of the rest, and leave the `with` block;
    the pages go back when the last view does.
    """

    def __init__(self, tensors: dict[str, Tensor], path: Path | None) -> None:
        self.path = path
        self._tensors = tensors
        opened: Any = None if path is None else safe_open(str(path), framework="pt")
        self._file = opened
        keys: Iterable[str] = tensors if opened is None else opened.keys()
        self._keys = frozenset(key for key in keys if not key.startswith(_FILLER))

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

    def rows(self, name: str) -> Rows:
        """Return the rows of a floating point table, which may be used when these weights are closed.

        Raises:
            KeyError: no such table. OSError: the file has gone.
        """
        if name not in self._keys:
            raise KeyError(name)
        return rows_in_memory(self._raw(name)) if self.path is None else RowsInFile(find_place(self.path, name))

    def _raw(self, key: str) -> Tensor:
        tensor: Tensor = self._tensors[key] if self._file is None else self._file.get_tensor(key)
        return tensor


def open_cached(build: Callable[[], Iterable[Entry]], *, key: CacheKey, folders: Sequence[Path]) -> StoredWeights:
    """Return the weights from the first folder that holds them, else build and keep them.

    Several processes may do this at once: one builds, the others wait for it, for two minutes at most. A file appears
    whole or not at all, and all would write the same.

    Args:
        build: yields every tensor with its name, one at a time; called when no folder holds the file, and again when
            one could not be written to its end.
        key: what the weights depend on.
        folders: where to look and to write, the best first; missing ones are made. Where none can be written the
            weights stay in memory.
    """
    found = _first(folders, key)
    if found is not None:
        return found
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with _one_at_a_time(folder / f"{key.file_name}.lock"):
                found = _first([folder], key)
                if found is None:
                    _write(build(), folder / key.file_name, key)
                    found = _first([folder], key)
            _tidy(folder, key)
        except (OSError, SafetensorError) as error:
            _log.warning("no quantized weights kept in %s: %s", folder, error)
            continue
        if found is not None:
            return found
    return StoredWeights(dict(_flat(build())), None)


def _flat(entries: Iterable[Entry]) -> Iterator[tuple[str, Tensor]]:
    for name, entry in entries:
        if isinstance(entry, QuantizedWeight):
            yield name, entry.values
            yield name + _SCALES, entry.scales
        else:
            yield name, entry.detach().contiguous()


def _first(folders: Sequence[Path], key: CacheKey) -> StoredWeights | None:
    for folder in folders:
        path = folder / key.file_name
        if not path.is_file():
            continue
        try:
            found = StoredWeights({}, path)
        except (OSError, SafetensorError) as error:
            _log.warning("quantized weights in %s are damaged and made again: %s", path, error)
            continue
        if found.metadata != key.metadata:
            _log.warning("quantized weights in %s are of another kind and made again", path)
            continue
        with contextlib.suppress(OSError):
            os.utime(path)  # says when it was last used, see `_tidy`
        return found
    return None


@contextlib.contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Hold a lock while the file is made; it ends with the process. Whoever waited too long goes on without it."""
    with path.open("wb") as file:
        until = time.monotonic() + _WAIT_S
        while time.monotonic() < until:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_POLL_S)
                continue
            except OSError:  # a file system without locks
                pass
            break
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _write(entries: Iterable[Entry], path: Path, key: CacheKey) -> None:
    """Write a safetensors file tensor by tensor, so that the weights are never held together."""
    handle, name = tempfile.mkstemp(prefix=path.stem, suffix=".part", dir=path.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            _write_tensors(file, _flat(entries), key)
            file.flush()
            os.fsync(file.fileno())
        # Replicas under other users read the same volume, and a temporary file is private.
        part.chmod(0o644)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _write_tensors(file: BinaryIO, tensors: Iterable[tuple[str, Tensor]], key: CacheKey) -> None:
    header: dict[str, Any] = {"__metadata__": key.metadata}
    file.seek(_HEADER)
    at = 0
    for name, tensor in _aligned(tensors):
        data = tensor.contiguous().view(-1).view(torch.uint8).numpy()
        header[name] = {
            "dtype": _TYPES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [at, at + data.nbytes],
        }
        file.write(data.data)
        at += data.nbytes
    text = json.dumps(header).encode()
    room = _HEADER - 8
    if len(text) > room:
        raise OSError("too many tensors for the header")
    file.seek(0)
    file.write(room.to_bytes(8, "little") + text.ljust(room))


def _aligned(tensors: Iterable[tuple[str, Tensor]]) -> Iterator[tuple[str, Tensor]]:
    """Yield tensors with fillers between them, for the format has no holes."""
    at = 0
    for name, tensor in tensors:
        missing = -at % _ALIGNMENT
        if missing:
            yield f"{_FILLER}{at}", torch.zeros(missing, dtype=torch.int8)
        yield name, tensor
        at += missing + tensor.nbytes


def _tidy(folder: Path, key: CacheKey) -> None:
    """Remove what other releases made and nobody opened for a month, and what killed processes left."""
    now = time.time()
    for pattern, age in ((f"{_PREFIX}*{_SUFFIX}", _UNUSED_S), (f"{_PREFIX}*.part", _ABANDONED_S)):
        for path in folder.glob(pattern):
            with contextlib.suppress(OSError):
                if path.name != key.file_name and path.stat().st_mtime < now - age:
                    path.unlink()
