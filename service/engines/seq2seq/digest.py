"""The digest of a checkpoint folder that was not pulled, remembered while its files stay as they are."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

# A file that changes within this time may keep its time stamp.
_SETTLED_NS = 3 * 10**9
_PATTERNS = ("config.json", "*.safetensors", "*.bin", "*.index.json")


def source_digest(folder: Path, memories: Sequence[Path]) -> str:
    """Return one SHA-256 (64 hexadecimal digits) over the files of a folder that decide its weights.

    Hashing reads every byte, so the result is kept with the sizes and times of the files, and used while they hold.

    Args:
        folder: of a checkpoint.
        memories: folders to keep the result in; the first that can be written takes it.
    Raises:
        OSError: a file cannot be read.
    """
    files = sorted(
        {
            path
            for pattern in _PATTERNS
            for path in folder.glob(pattern)
            if path.is_file() and not path.name.startswith("quantized-")
        }
    )
    stats = [path.stat() for path in files]
    state = [[path.name, stat.st_size, stat.st_mtime_ns] for path, stat in zip(files, stats, strict=True)]
    name = f"quantized-{hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]}.digest.json"
    for memory in memories:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            kept = json.loads((memory / name).read_text("utf-8"))
            if kept["state"] == state:
                return str(kept["digest"])
    digest = file_digest(files)
    if all(stat.st_mtime_ns < time.time_ns() - _SETTLED_NS for stat in stats):
        _remember(memories, name, json.dumps({"state": state, "digest": digest}))
    return digest


def file_digest(paths: Sequence[Path]) -> str:
    """Return one SHA-256 (64 hexadecimal digits) over the names and contents of files, in the order given.

    Raises:
        OSError: a file cannot be read.
    """
    whole = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            whole.update(f"{path.name}\n{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return whole.hexdigest()


def _remember(memories: Sequence[Path], name: str, text: str) -> None:
    for memory in memories:
        try:
            memory.mkdir(parents=True, exist_ok=True)
            handle, part = tempfile.mkstemp(prefix=name, suffix=".part", dir=memory)
            with os.fdopen(handle, "w") as file:
                file.write(text)
            Path(part).chmod(0o644)
            Path(part).replace(memory / name)
        except OSError:
            continue
        return
