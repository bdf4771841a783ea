"""Writes the lock files, every package with the digests of all its files: `python -m scripts.lock [--upgrade]`.

An image is built from these with `pip --require-hashes`. uv resolves for all platforms at once and reads the index that
it is set up for. What a lock already says stays, unless a pin or `--upgrade` moves it.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts import environments

ROOT = Path(__file__).resolve().parent.parent
OLDEST_PYTHON = "3.11"
# Pins -> lock. Each lock reads the one before it and holds what is new.
CHAIN = {
    "requirements-api.txt": "requirements-api.lock",
    "requirements-embedded.txt": "requirements-embedded.lock",
    "requirements.txt": "requirements.lock",
}
# PyTorch differs by index: what the package index has is the build for CUDA, which brings these along.
CUDA = "requirements-cuda.lock"
_FOR_CUDA = re.compile(r"(torch|triton|nvidia-.*|cuda-.*)\Z")
_HEAD = "# Written by `python -m scripts.lock`; the pins are in {pins}."
_CUDA_HEAD = (
    "# Written by `python -m scripts.lock`: PyTorch as the package index has it, for CUDA, and what it brings in."
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A package of a lock: `text` is all its lines, marker and digests with them."""

    name: str
    version: str
    text: str

    @property
    def marker(self) -> str:
        """Where it is installed; empty: everywhere."""
        return self.text.split("\n", 1)[0].rstrip(" \\").partition(" ; ")[2]

    @property
    def digests(self) -> tuple[str, ...]:
        """SHA-256 of each file, in hexadecimal digits."""
        return tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})(?:\s|\Z)", self.text))


def entries(text: str) -> list[Entry]:
    """The packages of a lock, in order; a package may be there twice, under markers that exclude each other."""
    found = re.findall(r"^[A-Za-z0-9][^\n]*(?:\n[ \t]+[^\n]*)*", text, re.MULTILINE)
    return [_entry(lines) for lines in found]


def _entry(lines: str) -> Entry:
    name, _, rest = lines.partition("==")
    return Entry(name.strip(), rest.split(maxsplit=1)[0], lines)


def share(resolved: Sequence[Iterable[Entry]]) -> tuple[list[list[Entry]], list[Entry]]:
    """Give each package to the first set that has it.

    Args:
        resolved: complete sets, from the smallest to the largest.
    Returns:
        What is new in each set, and what belongs to PyTorch's build for CUDA.
    """
    seen: set[str] = set()
    new: list[list[Entry]] = []
    for complete in resolved:
        fresh = [entry for entry in complete if entry.name not in seen]
        seen |= {entry.name for entry in fresh}
        new.append([entry for entry in fresh if not _FOR_CUDA.match(entry.name)])
    cuda = {entry.text: entry for complete in resolved for entry in complete if _FOR_CUDA.match(entry.name)}
    return new, list(cuda.values())


def render(head: str, before: str, packages: Iterable[Entry]) -> str:
    """The text of a lock that reads the lock `before`, where there is one."""
    lines = [head, *([f"-r {before}"] if before else []), *(entry.text for entry in packages)]
    return "\n".join(lines) + "\n"


def _resolve(uv: Path, pins: str, known: str, options: Sequence[str]) -> list[Entry]:
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "lock"
        output.write_text(known, "utf-8")  # uv keeps the versions that it finds here
        command = [str(uv), "pip", "compile", pins, "-o", str(output), "--universal", "--generate-hashes", "--quiet"]
        command += ["--python-version", OLDEST_PYTHON, "--no-header", "--no-annotate", *options]
        command += ["--constraint", "requirements-dev.txt"]  # as tested where both have a package
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        return entries(output.read_text("utf-8"))


def main(options: Sequence[str]) -> int:
    """Write all locks."""
    pins = environments.groups(ROOT / "requirements-tools.txt")["uv"]
    uv = environments.make(ROOT / ".make/tools", "uv", pins).with_name("uv")
    written = [ROOT / name for name in (*CHAIN.values(), CUDA)]
    old = [entry for path in written if path.is_file() for entry in entries(path.read_text("utf-8"))]
    known = "\n".join(entry.text for entry in old)
    new, cuda = share([_resolve(uv, name, known, options) for name in CHAIN])
    before = ""
    for (source, lock), packages in zip(CHAIN.items(), new, strict=True):
        (ROOT / lock).write_text(render(_HEAD.format(pins=source), before, packages), "utf-8")
        before = lock
    (ROOT / CUDA).write_text(render(_CUDA_HEAD, before, cuda), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
