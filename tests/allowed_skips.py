"""The skips that do not fail a run. Each says why, and holds only where the reason is true of this machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec


@dataclass(frozen=True)
class AllowedSkip:
    """A reason given to `pytest.skip`, why it is acceptable, and the check that it is true here."""

    reason: str
    because: str
    holds: Callable[[], bool]


def _cannot_install_packages() -> bool:
    return os.geteuid() != 0 or shutil.which("apt-get") is None


def _lacks_int8() -> bool:
    from service.engines.seq2seq.linear import capability

    return not capability().int8_bits


def _lacks_cuda() -> bool:
    import torch

    return not torch.cuda.is_available()


def _cannot_compile() -> bool:
    from service.engines.seq2seq.native import build

    return not build.supported() or (build.compiler() is None and _cannot_install_packages())


ALLOWED = (
    AllowedSkip(
        reason="no decode step in C here",
        because="it is for x86-64 and needs a compiler, which comes from the distribution",
        holds=_cannot_compile,
    ),
    AllowedSkip(
        reason="Apertium packages are not installed",
        because="they come from the distribution; without root or apt the tests cannot bring them",
        holds=_cannot_install_packages,
    ),
    AllowedSkip(
        reason="redis-server is not installed",
        because="it comes from the distribution; without root or apt the tests cannot bring it",
        holds=_cannot_install_packages,
    ),
    AllowedSkip(
        reason="npm is not installed",
        because="it comes from the distribution; without root or apt the tests cannot bring it",
        holds=_cannot_install_packages,
    ),
    AllowedSkip(
        reason="prometheus is not installed",
        because="it comes from the distribution; without root or apt the tests cannot bring it",
        holds=_cannot_install_packages,
    ),
    AllowedSkip(
        reason="chromium is not installed",
        because="it comes from the distribution; without root or apt the tests cannot bring it",
        holds=_cannot_install_packages,
    ),
    AllowedSkip(
        reason="postgresql is not installed",
        because="it comes from the distribution; without root or apt the tests cannot bring it",
        holds=_cannot_install_packages,
    ),
    AllowedSkip(
        reason="axe-core is not installed",
        because="it comes from npm, which comes from the distribution",
        holds=lambda: shutil.which("npm") is None and _cannot_install_packages(),
    ),
    AllowedSkip(
        reason="transformers serve is not installed",
        because="it and what it brings along are no part of what developers must install",
        holds=lambda: any(
            find_spec(name) is None for name in ("torch", "transformers", "accelerate", "fastapi", "uvicorn", "openai")
        ),
    ),
    AllowedSkip(
        reason="no exact int8 products on this processor",
        because="without VNNI pairs of products saturate, and int8 is not chosen there",
        holds=_lacks_int8,
    ),
    AllowedSkip(
        reason="no CUDA device",
        because="what a GPU computes can be tried on one only; shapes, types, devices and tokens are tested without",
        holds=_lacks_cuda,
    ),
    AllowedSkip(
        reason="no image can be built here",
        because="what builds one comes from the distribution, and building takes root",
        holds=_cannot_install_packages,
    ),
    AllowedSkip(
        reason="needs root",
        because="the test changes users, which only root may do",
        holds=lambda: os.geteuid() != 0,
    ),
)


def is_allowed(reason: str) -> bool:
    """Whether a skip with this reason is listed, and the reason true of this machine."""
    return any(reason == entry.reason and entry.holds() for entry in ALLOWED)
