"""Environments for what we are compared with: each group of pins in `requirements-bench.txt` gets one, made once."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "requirements-bench.txt"
CACHE = Path(tempfile.gettempdir()) / "precis-bench"
"""Where environments and what the benchmarks make are kept, unless told otherwise."""


def groups(path: Path = REQUIREMENTS) -> dict[str, list[str]]:
    """Return the pins by group; a comment `# [name]` begins one."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("# [") and line.endswith("]"):
            name = line[3:-1]
            found[name] = []
        elif line and not line.startswith("#"):
            found[name].append(line)
    return found


def interpreter(side: str, folder: Path) -> str:
    """Return the Python of a side: this one, or that of an environment made once from its group of pins.

    Raises:
        subprocess.CalledProcessError: the pins cannot be installed here.
    """
    pins = groups().get(side)
    if pins is None:
        return sys.executable
    python = folder / side / "bin" / "python"
    stamp = folder / side / "pins.sha256"
    digest = hashlib.sha256("\n".join(pins).encode()).hexdigest()
    if not stamp.is_file() or stamp.read_text("utf-8") != digest:
        print(f"making the environment of {side}", file=sys.stderr, flush=True)
        venv.create(folder / side, with_pip=True, symlinks=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *pins], check=True)
        # Nothing here uses it, and one that is built for another kind of torch keeps transformers from loading.
        subprocess.run([str(python), "-m", "pip", "uninstall", "-q", "-y", "torchvision"], check=True)
        stamp.write_text(digest, "utf-8")
    return str(python)
