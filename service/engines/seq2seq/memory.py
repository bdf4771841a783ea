"""What the C library does with freed memory: after loading it goes back, while there is work it is kept."""

from __future__ import annotations

import ctypes
import mmap
import os
from pathlib import Path
from typing import Any

# Numbers of glibc's `malloc.h`.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_KEPT_BYTES = 256 * 2**20


def trim() -> None:
    """Give freed memory back to the system, where the C library can (glibc).

    Loading allocates and frees from several threads, and what they freed would otherwise count for good.
    """
    release = _function("malloc_trim")
    if release is not None:
        release(0)


def keep_freed() -> bool:
    """Let the C library keep up to 256 MB that are freed from now on. Returns whether it will.

    By default each large tensor is new memory from the kernel, which clears it page by page when it is first written:
    that took more than a quarter of the encoder's time for 1 024 tokens. One arena serves all threads, so that one can
    use what another has freed. Source: mallopt(3).
    """
    set_option = _function("mallopt")
    if set_option is None:
        return False
    wanted = ((_TRIM_THRESHOLD, _KEPT_BYTES), (_MMAP_THRESHOLD, _KEPT_BYTES), (_ARENA_MAX, 1))
    done = [set_option(option, value) == 1 for option, value in wanted]
    return all(done)


def bound_kernels() -> None:
    """Let oneDNN keep only the kernels of late, before it makes the first one; who set another bound keeps it.

    It makes a kernel for every number of rows, and by default keeps 1 024 of them: after some hundred requests of
    mixed lengths they took 200 MB. Making one again takes 0.4 ms, and an encoder run needs five.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")


class Watermark:
    """Memory of this process when it was ready, to come back to whenever it falls idle."""

    _GROWN = 1.03

    def __init__(self) -> None:
        self._ready = 0

    def note(self) -> None:
        """Take the memory of now as that of a ready process."""
        self._ready = max(self._ready, resident_bytes())

    def settle(self) -> bool:
        """Give back what was kept, when it is more than a few percent. Returns whether it was.

        For a process with nothing to do: it costs milliseconds, and the next step has to ask for memory again.
        """
        if not self._ready or resident_bytes() < self._GROWN * self._ready:
            return False
        trim()
        return True


def resident_bytes() -> int:
    """Return the memory of this process that is in RAM, mapped files included; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * mmap.PAGESIZE


watermark = Watermark()
"""The one of this process, shared by its engines."""


def _function(name: str) -> Any:
    """A function of the C library, or None where it has no such one."""
    return getattr(ctypes.CDLL(None), name, None)
