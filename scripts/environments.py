"""Virtual environments made once from groups of pins: `python -m scripts.environments FILE FOLDER`.

For packages whose needs conflict with ours or with each other's. A comment `# [name]` begins a group of a file of pins.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path


def groups(path: Path) -> dict[str, list[str]]:
    """The pins of a file by group."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("# [") and line.endswith("]"):
            name = line[3:-1]
            found[name] = []
        elif line and not line.startswith("#"):
            found[name].append(line)
    return found


def python_of(folder: Path, name: str) -> Path:
    """The interpreter of an environment."""
    return folder / name / "bin" / "python"


def ready(folder: Path, name: str, pins: Sequence[str]) -> bool:
    """Whether an environment was made from these pins."""
    stamp = folder / name / "pins.sha256"
    return stamp.is_file() and stamp.read_text("utf-8") == _digest(pins)


def make(folder: Path, name: str, pins: Sequence[str], *, without: Sequence[str] = ()) -> Path:
    """Make an environment, or find it made.

    Args:
        folder: of all environments.
        name: of this one.
        pins: what is installed.
        without: packages that the pins bring in and that have to go.
    Returns:
        Its interpreter.
    Raises:
        CalledProcessError: pip failed; its message is on standard error.
    """
    python = python_of(folder, name)
    if ready(folder, name, pins):
        return python
    print(f"making the environment {name}", file=sys.stderr, flush=True)
    venv.create(folder / name, with_pip=True, symlinks=True, clear=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input", "-q"]
    subprocess.run([*pip, "install", *pins], check=True)
    if without:
        subprocess.run([*pip, "uninstall", "-y", *without], check=True)
    (folder / name / "pins.sha256").write_text(_digest(pins), "utf-8")
    return python


def _digest(pins: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(pins).encode()).hexdigest()


def main(arguments: Sequence[str]) -> int:
    """Make every environment of a file."""
    path, folder = (Path(argument) for argument in arguments)
    for name, pins in groups(path).items():
        make(folder, name, pins)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
