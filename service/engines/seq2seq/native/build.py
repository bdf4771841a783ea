"""Compiles the decode step: `python -m service.engines.seq2seq.native.build [FOLDER]`.

The product of bytes is compiled once for each instruction set, all else for AVX2; which one runs is decided when the
library is loaded. OpenMP's functions are left open, so that they are those of the library that torch has loaded: two
teams of threads would hold each other up.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SOURCES = Path(__file__).parent
_COMMON = ("-O3", "-std=c11", "-fPIC", "-fopenmp", "-ffp-contract=off", "-fvisibility=hidden")
_SETS = {
    # Those after the first are left out where the compiler is too old for them (GCC 11 for AVX-VNNI).
    "avx2": ("-mavx2",),
    "avxvnni": ("-mavx2", "-mavxvnni"),
    "avx512vnni": ("-mavx512f", "-mavx512bw", "-mavx512vnni"),
}
_REST = ("rows", "layers", "step")
_LIMIT_S = 120.0
_KEPT_S = 30 * 86_400.0


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


def compiler() -> list[str] | None:
    """Return the C compiler: the command in `CC`, or `cc`; None where there is none."""
    command = shlex.split(os.environ.get("CC") or "cc")
    found = shutil.which(command[0]) if command else None
    return [found, *command[1:]] if found else None


def build(folder: Path, *flags: str) -> Path:
    """Compile the library into a folder, for its owner only to write, and return its path.

    Args:
        folder: made where it is missing.
        flags: more of the compiler's options.
    Raises:
        BuildError: another processor, no compiler, or one that fails; a folder that cannot be written.
    """
    target = folder / library_name()
    program = compiler()
    if not supported():
        raise BuildError("the step in C is for x86-64 on Linux")
    if program is None:
        raise BuildError(f"there is no C compiler {os.environ.get('CC') or 'cc'}")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix="making-") as name:
            made = Path(name) / target.name
            _link(program, Path(name), made, flags)
            made.chmod(0o755)
            with made.open("rb") as file:
                os.fsync(file.fileno())
            made.replace(target)
        _tidy(target)
    except OSError as error:
        raise BuildError(f"{folder}: {error.strerror or error}") from None
    return target


def _tidy(target: Path) -> None:
    """Remove libraries of other releases that nobody has made or used for long."""
    for path in target.parent.glob("libprecis-step-*.so"):
        if path != target and time.time() - path.stat().st_atime > _KEPT_S:
            path.unlink(missing_ok=True)


def _link(program: list[str], folder: Path, made: Path, flags: tuple[str, ...]) -> None:
    def compile_one(source: str, name: str, *more: str) -> str:
        target = str(folder / f"{name}.o")
        _run([*program, *_COMMON, *flags, *more, "-c", str(SOURCES / f"{source}.c"), "-o", target])
        return target

    objects, have = [], []
    for name, options in _SETS.items():
        try:
            objects.append(compile_one("tiles", f"tiles_{name}", *options, f"-DTILES=tiles_{name}"))
        except BuildError:
            if name == "avx2":
                raise
        else:
            have.append(f"-DHAVE_{name.upper()}")
    objects += [compile_one(name, name, "-mavx2", "-mfma", *have) for name in _REST]
    _run([*program, "-shared", "-o", str(made), *objects, "-lm"])


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        raise BuildError(f"{command[0]} took more than {_LIMIT_S:g} s") from None
    if done.returncode:
        raise BuildError(f"{Path(command[0]).name}: {done.stderr.strip() or done.returncode}")


if __name__ == "__main__":
    try:
        print(build(Path(sys.argv[1]) if len(sys.argv) > 1 else SOURCES))
    except BuildError as error:
        sys.exit(str(error))
