"""Starts every system of a table in a process of its own, one after the other, and gathers what they made."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.environments import ROOT, interpreter
from bench.quality.request import Request
from bench.quality.worker import System

_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"), "1")
_LIMIT_S = 1200


@dataclass(frozen=True, slots=True)
class Made:
    """What one system made of the rows.

    Attributes:
        name: key among the systems; `title`: with its version, for tables.
        outputs: one a row, None where it failed; `seconds` of computing: one a row.
        load_s: seconds until ready; `memory_mb`: peak RSS above that of the bare process, its children's included.
        errors: how many rows failed, by kind of error.
    """

    name: str
    title: str
    outputs: Sequence[Any]
    seconds: Sequence[float]
    load_s: float
    memory_mb: float
    errors: Mapping[str, int]

    def milliseconds(self) -> float:
        """Mean time of a row."""
        return statistics.fmean(self.seconds) * 1e3 if self.seconds else 0.0


def run_all(
    module: str, rows: Sequence[Mapping[str, Any]], request: Request, only: Sequence[str] | None = None
) -> tuple[list[Made], tuple[str, ...]]:
    """Run the systems of a module that the request wants over rows.

    Args:
        module: dotted name of the module with `SYSTEMS`.
        rows: what each system is given, JSON objects.
        request: says which peers are wanted.
        only: keys of the systems; None for all of the module.

    Returns:
        What each made, ours first, and notes on peers that are missing or failed.
    """
    systems: dict[str, System] = importlib.import_module(module).SYSTEMS
    made, notes = [], []
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder) / "rows.json"
        given.write_text(json.dumps(list(rows)), "utf-8")
        for name, system in systems.items():
            if (only is not None and name not in only) or not (system.own or request.wants(name)):
                continue
            try:
                found = _run(module, name, system, given, request)
                if all(output is None for output in found.outputs):
                    raise RuntimeError(f"{system.title} failed on every row: {', '.join(found.errors)}")
            except (subprocess.SubprocessError, OSError, RuntimeError) as error:
                if system.own:
                    raise
                notes.append(f"Missing: {system.title} ({_reason(error)}).")
                continue
            made.append(found)
            notes += _failures(found)
    return made, tuple(notes)


def _run(module: str, name: str, system: System, given: Path, request: Request) -> Made:
    python = interpreter(system.group, request.cache / "venvs") if system.group else sys.executable
    out = given.with_name(f"{name}.json")
    print(f"  {module.rpartition('.')[2]}: {system.title}", file=sys.stderr, flush=True)
    subprocess.run(
        [python, "-m", "bench.quality.worker", module, name, str(given), str(out)],
        cwd=ROOT,
        env={**os.environ, **_ONE_THREAD, "PYTHONWARNINGS": "ignore", "PYTHONHASHSEED": "0"},
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=_LIMIT_S,
    )
    if request.keep:
        request.keep.mkdir(parents=True, exist_ok=True)
        section = f"{module.rpartition('.')[2]}-{hashlib.sha256(given.read_bytes()).hexdigest()[:6]}"
        for file in (given, out):
            shutil.copy(file, request.keep / f"{section}-{file.name}")
    found = json.loads(out.read_text("utf-8"))
    title = " ".join(filter(None, (system.title, found.pop("version"))))
    return Made(name, title, **found)


def _reason(error: Exception) -> str:
    if isinstance(error, RuntimeError):
        return "failed on every row"
    if isinstance(error, subprocess.TimeoutExpired):
        return "took too long"
    return "could not be installed" if "pip" in str(error) or "ensurepip" in str(error) else "did not run"


def _failures(found: Made) -> list[str]:
    told = ", ".join(f"{kind} {count}" for kind, count in sorted(found.errors.items()))
    return [f"{found.title} failed on rows: {told}."] if told else []
