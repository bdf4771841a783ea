"""Run inside the build of an image: makes trees that are copied into it small, compiled and the same each time.

`python image_files.py interpreter|packages|torch|code FOLDER`. Needs nothing but Python.
"""

from __future__ import annotations

import compileall
import os
import py_compile
import re
import shutil
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

# Parts of Python's library that a server has no use for, or whose use needs pip, a compiler or a screen.
_UNUSED = (
    "test", "*/tests", "unittest/test", "idlelib", "ensurepip", "lib2to3", "tkinter", "turtledemo", "turtle.py",
    "pydoc_data", "site-packages", "config-*", "LICENSE.txt", "lib-dynload/_tkinter.*", "lib-dynload/_curses*",
    "lib-dynload/_dbm.*", "lib-dynload/_gdbm.*", "lib-dynload/nis.*", "lib-dynload/readline.*", "lib-dynload/_test*",
    "lib-dynload/_ctypes_test.*", "lib-dynload/xx*",
)  # fmt: skip
# Of packages: their tests, and what only a compiler or an editor reads.
_FOLDERS = ("tests", "__pycache__")
_FILES = re.compile(r".*\.(pyi|pyx|pxd|c|cc|cpp|cu|h|hpp|cuh|a|lib|cmake)\Z")
# torch/bin and torchgen stay: importing torch looks for a program in the one and imports the other.
_TORCH = ("torch/include", "torch/share", "torch/test")
_CHECK = """
import importlib, pathlib, sys, sysconfig
folder = pathlib.Path(sysconfig.get_path("platstdlib"), "lib-dynload")
for path in sorted(folder.glob("*.so")):
    importlib.import_module(path.name.partition(".")[0])
import ctypes, hashlib, lzma, sqlite3, ssl, uuid, zoneinfo
"""


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)


def interpreter(folder: Path) -> None:
    """Copy the running interpreter without what a server has no use for, and a check of what it needs itself."""
    prefix = Path(sys.base_prefix)
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (folder / "bin").mkdir(parents=True)
    (folder / "lib").mkdir()
    shutil.copy2(prefix / "bin" / name, folder / "bin" / name)
    for alias in ("python3", "python"):
        (folder / "bin" / alias).symlink_to(name)
    for library in sorted((prefix / "lib").glob("libpython3*.so*")):
        shutil.copy2(library, folder / "lib" / library.name, follow_symlinks=False)
    unused = [path for pattern in _UNUSED for path in Path(sysconfig.get_path("stdlib")).glob(pattern)]
    shutil.copytree(
        sysconfig.get_path("stdlib"), folder / "lib" / name, symlinks=True,
        ignore=lambda at, names: [name for name in names if Path(at, name) in unused or name == "__pycache__"],
    )  # fmt: skip
    (folder / "lib" / name / "site-packages").mkdir()
    (folder / "lib" / "check_interpreter.py").write_text(_CHECK, "utf-8")


def packages(folder: Path) -> None:
    """Take out of installed packages what is not run, their commands too: this image calls modules."""
    commands = folder / "bin"
    if commands.is_dir():
        shutil.rmtree(commands)
    for path in list(_walk(folder)):
        if path.exists() and (path.name in _FOLDERS if path.is_dir() else _FILES.match(path.name)):
            _remove(path)


def torch(folder: Path) -> None:
    """As `packages`, and make sure that it is the build for CPUs.

    Raises:
        SystemExit: it is one that wants the libraries of CUDA, which are not there.
    """
    said: dict[str, object] = {}
    exec((folder / "torch/version.py").read_text("utf-8"), said)  # noqa: S102 - importing it would load all of torch
    if said.get("cuda"):
        sys.exit(
            f"TORCH_INDEX led to torch {said['__version__']}, a build for CUDA; for that there is --target model-cuda"
        )
    for name in _TORCH:
        shutil.rmtree(folder / name, ignore_errors=True)
    packages(folder)


def code(folder: Path) -> None:
    """Write the command `precis` beside our own code."""
    command = folder / "bin/precis"
    command.parent.mkdir()
    command.write_text('#!/bin/sh\nexec python -m service.cli "$@"\n', "utf-8")
    command.chmod(0o755)


def settle(folder: Path) -> None:
    """Compile, then give each file the rights and the time that it has in every build."""
    # One file after the other, in one order: bytecode tells what else the process has in memory.
    compileall.compile_dir(
        folder, quiet=2, maxlevels=50, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
    )
    when = int(os.environ.get("SOURCE_DATE_EPOCH") or 0)
    for path in [*_walk(folder), folder]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        os.utime(path, (when, when), follow_symlinks=False)


STEPS: dict[str, Callable[[Path], None]] = {
    "interpreter": interpreter,
    "packages": packages,
    "torch": torch,
    "code": code,
}

if __name__ == "__main__":
    STEPS[sys.argv[1]](Path(sys.argv[2]))
    settle(Path(sys.argv[2]))
