"""Finds or makes the library of the decode step and loads it."""

from __future__ import annotations

import ctypes
import logging
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import torch

from service.engines.seq2seq.native import build
from service.engines.seq2seq.native.structures import DecoderRecord, LaneRecord, LayerRecord

log = logging.getLogger(__name__)

# Weights of 8 bits are exact only where the processor adds up four products at once.
_BITS = {"avx2": 7, "avxvnni": 8, "avx512vnni": 8}


class Library:
    """The functions of the library.

    Attributes:
        instructions: name of the instruction set in use.
        bits: of the weights, at most, that its products are exact for.
    """

    def __init__(self, path: Path) -> None:
        _share_openmp()
        loaded = ctypes.CDLL(str(path))
        loaded.precis_instructions.restype = ctypes.c_char_p
        loaded.precis_size.restype = ctypes.c_long
        for index, record in enumerate((DecoderRecord, LayerRecord, LaneRecord)):
            if loaded.precis_size(index) != ctypes.sizeof(record):
                raise OSError(f"{path.name} has other records than this release")
        name = loaded.precis_instructions()
        if name is None:
            raise OSError("this processor has no AVX2")
        self.instructions: str = name.decode()
        self.bits = _BITS[self.instructions]
        self.step: Any = loaded.precis_step
        self.step.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long, *[ctypes.c_void_p] * 2, ctypes.c_int]
        self.linear: Any = loaded.precis_linear
        self.linear.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long, ctypes.c_void_p, ctypes.c_int]
        self.pack: Any = loaded.precis_pack
        self.pack.argtypes = [ctypes.c_void_p, *[ctypes.c_long] * 2, *[ctypes.c_void_p] * 2, ctypes.c_int]
        self.pack.restype = None


@cache
def library() -> Library | None:
    """Return the library, made first where that is needed and possible; None where decoding goes through torch.

    It is looked for beside its sources, where images have it, then in the user's cache folder, and is compiled into
    that otherwise, which takes some seconds once.
    """
    if not build.supported():
        return None
    name = build.library_name()
    own = [folder / name for folder in (build.SOURCES, cache_folder()) if (folder / name).exists()]
    try:
        found = Library(own[0] if own else build.build(cache_folder()))
    except (build.BuildError, OSError) as error:
        log.warning("decoding runs through torch, which is slower: %s", error)
        return None
    log.info("decode steps in C, %s", found.instructions)
    return found


def cache_folder() -> Path:
    """Where a library is kept that this user has compiled."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "precis" / "native"


def _share_openmp() -> None:
    """Let the library find OpenMP's functions in the one that torch has loaded, whatever that is called."""
    torch.get_num_threads()
    maps = Path("/proc/self/maps").read_text("utf-8", "replace")
    found = re.search(r"(/\S*lib(?:gomp|iomp5|omp)[^/\s]*\.so[^/\s]*)$", maps, re.MULTILINE)
    if found is None:
        raise OSError("torch has loaded no OpenMP library")
    ctypes.CDLL(found.group(1), mode=ctypes.RTLD_GLOBAL)
