"""Memory that was needed while loading only, given back."""

from __future__ import annotations

import ctypes


def trim() -> None:
    """Give freed memory back to the system, where the C library can (glibc).

    Loading allocates and frees from several threads, and what they freed would otherwise count for good.
    """
    release = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if release is not None:
        release(0)
