"""Environments for what we are compared with: each group of pins in `requirements-bench.txt` gets one, made once."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from scripts import environments

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "requirements-bench.txt"
CACHE = Path(tempfile.gettempdir()) / "precis-bench"
"""Where environments and what the benchmarks make are kept, unless told otherwise."""

# Nothing here uses it, and one that is built for another kind of torch keeps transformers from loading.
_UNWANTED = ("torchvision",)


def groups(path: Path = REQUIREMENTS) -> dict[str, list[str]]:
    """Return the pins by group; a comment `# [name]` begins one."""
    return environments.groups(path)


def interpreter(side: str, folder: Path) -> str:
    """Return the Python of a side: this one, or that of an environment made once from its group of pins.

    Raises:
        subprocess.CalledProcessError: the pins cannot be installed here.
    """
    pins = groups().get(side)
    if pins is None:
        return sys.executable
    return str(environments.make(folder, side, pins, without=_UNWANTED))
