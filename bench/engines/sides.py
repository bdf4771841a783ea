"""The sides of the comparison as processes: their environments, their start, and what is asked of them."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.environments import ROOT, interpreter

PEERS = {"transformers": ("fp32", "bf16"), "ctranslate2": ("int8",), "openvino": ("int8",)}
"""The other engines and the precisions each is measured at."""

GPU_PEERS = {"transformers": ("bf16", "fp16")}
"""Those that are measured on a GPU."""


class Worker:
    """A side that is loaded and waits for requests.

    Attributes:
        name: side and precision.
        load_s: seconds from its folder to ready, imports not counted.
        rss_mb: memory when ready; `peak_mb`: most memory until now, loading included.
        details: what else the side said of itself last.
    """

    def __init__(self, side: str, precision: str, command: list[str], threads: int) -> None:
        self.side, self.name = side, f"{side} {precision}"
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.details = self._read()
        self.load_s, self.rss_mb, self.peak_mb = (self.details[key] for key in ("load_s", "rss_mb", "peak_mb"))

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to one request."""
        if self._process.stdin is None:
            raise RuntimeError("a worker is started with pipes")
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        self.details = self._read()
        self.peak_mb = self.details["peak_mb"]
        return self.details

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise SystemExit(f"{self.name} ended; run its worker alone to see why: {' '.join(self._process.args)}")
        found: dict[str, Any] = json.loads(line)
        return found


def environment(threads: int) -> dict[str, str]:
    """Return the environment of every side: the same threads, no network, no chatter."""
    fixed = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    return {**os.environ, **fixed, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error", "PYTHONWARNINGS": "ignore"}


def launch(folder: Path, cache: Path, given: argparse.Namespace, started: list[Worker]) -> None:
    """Start every side that was asked for, ours first.

    Args:
        folder: Hugging Face checkpoint.
        cache: for what is made of it.
        given: `precision` and `peers` (comma separated), `threads`, `device`, `cache` (for environments).
        started: gets the workers as they are ready, so that the caller can end them whatever happens.
    """
    peers = PEERS if given.device == "cpu" else GPU_PEERS
    wanted = [("precis", precision) for precision in given.precision.split(",")]
    for peer in filter(None, given.peers.split(",")):
        name, _, precision = peer.partition("-")
        if name not in peers:
            raise SystemExit(f"{name} is not among the peers {', '.join(peers)}")
        wanted += [(name, one) for one in ([precision] if precision else peers[name])]
    cache.mkdir(parents=True, exist_ok=True)
    for side, precision in wanted:
        python = interpreter(side, given.cache / "venvs")
        words = [python, "-m", "bench.engines.worker", side]
        rest = ["--precision", precision, "--threads", str(given.threads), "--cache", str(cache)]
        rest += ["--device", given.device]
        done = subprocess.run(
            [*words, str(folder), *rest, "--prepare"],
            cwd=ROOT,
            env=environment(given.threads),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        started.append(Worker(side, precision, [*words, json.loads(done.stdout)["folder"], *rest], given.threads))


def read_bandwidth(threads: int) -> float:
    """Return the bytes a second that reading memory reaches, measured in a process that then gives its memory back."""
    command = [sys.executable, "-m", "bench.engines.bandwidth", str(threads)]
    done = subprocess.run(command, cwd=ROOT, env=environment(threads), stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout)
