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
from service.engines.seq2seq.native.structures import BLOCK, DecoderRecord, LaneRecord, LayerRecord

log = logging.getLogger(__name__)

# Weights of 8 bits are exact only where the processor adds up four products at once.
_BITS = {"avx2": 7, "avxvnni": 8, "avx512vnni": 8}


class Library:
    """The functions of the library.

    Args:
        path: of the file.
        instructions: set to use; empty for the best that this processor has. It holds for the whole process.
    Attributes:
        instructions: name of the set in use.
        bits: of the weights, at most, that its products are exact for.
    Raises:
        OSError: the file is none of this release's, or has nothing for this processor, or others could have written it.
    """

    def __init__(self, path: Path, instructions: str = "") -> None:
        _check_owner(path)
        _share_openmp()
        loaded = ctypes.CDLL(str(path))
        try:
            self._bind(loaded)
        except AttributeError as error:
            raise OSError(f"{path.name} is no decode step: {error}") from None
        sizes = [*map(ctypes.sizeof, (DecoderRecord, LayerRecord, LaneRecord)), BLOCK]
        if [loaded.precis_size(index) for index in range(len(sizes))] != sizes:
            raise OSError(f"{path.name} has other records than this release")
        name = loaded.precis_choose(instructions.encode() or None)
        if name is None:
            raise OSError(f"this processor has no {instructions or 'AVX2'}")
        self.instructions: str = name.decode()
        self.bits = _BITS[self.instructions]

    def _bind(self, loaded: Any) -> None:
        loaded.precis_size.restype = ctypes.c_long
        loaded.precis_choose.restype = ctypes.c_char_p
        loaded.precis_choose.argtypes = [ctypes.c_char_p]
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
    that otherwise, which takes some seconds once. One that cannot be used is made again.
    """
    if not build.supported():
        log.info("decoding runs through torch: the step in C is for x86-64 on Linux")
        return None
    try:
        found = _beside_sources() or _of_user()
    except (build.BuildError, OSError, RuntimeError) as error:  # RuntimeError: this user has no home
        log.warning("decoding runs through torch, which is slower: %s", error)
        return None
    log.info("decode steps in C, %s", found.instructions)
    return found


def _beside_sources() -> Library | None:
    path = build.SOURCES / build.library_name()
    try:
        return Library(path) if path.exists() else None
    except OSError as error:
        log.warning("%s cannot be used: %s", path, error)
        return None


def _of_user() -> Library:
    folder = cache_folder()
    path = folder / build.library_name()
    if path.exists():
        try:
            return Library(path)
        except OSError as error:
            log.warning("%s is made again: %s", path, error)
    return Library(build.build(folder))


def _check_owner(path: Path) -> None:
    """See that nobody but root and this user can have put the file there: its name can be guessed.

    Raises:
        OSError: somebody else owns file or folder, or may write into them.
    """
    for one in (path, path.parent):
        about = one.stat()
        if about.st_uid not in (0, os.geteuid()) or about.st_mode & 0o022:
            raise OSError(f"{one} could have been written by others")


def cache_folder() -> Path:
    """Where a library is kept that this user has compiled."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "precis" / "native"


def _share_openmp() -> None:
    """Let the library find OpenMP's functions in the one that torch computes with, whatever that is called.

    Other packages bring one of their own: that beside torch comes first.
    """
    torch.get_num_threads()
    maps = Path("/proc/self/maps").read_text("utf-8", "replace")
    found = re.findall(r"(/.*/lib(?:gomp|iomp5|omp)[^/\n]*\.so[^/\n]*)$", maps, re.MULTILINE)
    if not found:
        raise OSError("torch has loaded no OpenMP library")
    own = str(Path(torch.__file__).parent)
    ctypes.CDLL(next((path for path in found if path.startswith(own)), found[0]), mode=ctypes.RTLD_GLOBAL)
