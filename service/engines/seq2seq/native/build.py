"""Compiles the decode step: `python -m service.engines.seq2seq.native.build [FOLDER]`.

The product of bytes is compiled once for each instruction set, all else for AVX2; which one runs is decided when the
library is loaded. OpenMP's functions are left open, so that they are those of the library that torch has loaded: two
teams of threads would hold each other up.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCES = Path(__file__).parent
_COMMON = ("-O3", "-std=c11", "-fPIC", "-fopenmp", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror")
_SETS = {
    "avx2": ("-mavx2",),
    "avxvnni": ("-mavx2", "-mavxvnni"),
    "avx512vnni": ("-mavx512f", "-mavx512bw", "-mavx512vnni"),
}
_REST = ("rows", "layers", "step")
_LIMIT_S = 120.0


class BuildError(RuntimeError):
    """There is no library for this processor, or the compiler did not make one; says why."""


def supported() -> bool:
    """Whether the step is written for this kind of processor and system."""
    return platform.machine() in ("x86_64", "AMD64") and sys.platform == "linux"


def library_name() -> str:
    """Return the file's name; another source gives another name, so that an old file is never taken for it."""
    digest = hashlib.sha256(repr((_COMMON, _SETS, _REST)).encode())
    for path in sorted(SOURCES.glob("*.[ch]")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return f"libprecis-step-{digest.hexdigest()[:16]}.so"


def compiler() -> str | None:
    """Return the C compiler: that of `CC`, or `cc`; None where there is none."""
    return shutil.which(os.environ.get("CC") or "cc")


def build(folder: Path) -> Path:
    """Compile the library into a folder and return its path; one that is there is kept.

    Raises:
        BuildError: another processor, no compiler, or one that fails; a folder that cannot be written.
    """
    target = folder / library_name()
    if target.exists():
        return target
    program = compiler()
    if not supported():
        raise BuildError("the step in C is for x86-64 on Linux")
    if program is None:
        raise BuildError("there is no C compiler")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix="making-") as name:
            made = Path(name) / target.name
            objects = [
                _compile(program, "tiles", Path(name) / f"tiles_{one}.o", (*flags, f"-DTILES=tiles_{one}"))
                for one, flags in _SETS.items()
            ]
            objects += [_compile(program, one, Path(name) / f"{one}.o", ("-mavx2", "-mfma")) for one in _REST]
            _run([program, "-shared", "-o", str(made), *objects])
            made.chmod(0o755)
            made.replace(target)
    except OSError as error:
        raise BuildError(f"{folder}: {error.strerror or error}") from None
    return target


def _compile(program: str, source: str, target: Path, flags: tuple[str, ...]) -> str:
    _run([program, *_COMMON, *flags, "-c", str(SOURCES / f"{source}.c"), "-o", str(target)])
    return str(target)


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        raise BuildError(f"{command[0]} took more than {_LIMIT_S:g} s") from None
    if done.returncode:
        raise BuildError(f"{command[0]}: {done.stderr.strip() or done.returncode}")


if __name__ == "__main__":
    if supported():
        print(build(Path(sys.argv[1]) if len(sys.argv) > 1 else SOURCES))
    else:
        print("the step in C is for x86-64 on Linux; here models decode through torch")
