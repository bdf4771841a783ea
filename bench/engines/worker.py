"""One side of the comparison in a process of its own, driven by JSON lines.

    python -m bench.engines.worker SIDE FOLDER --precision int8 --threads 2 --cache DIR [--device cuda] [--prepare]

Runs in the environment of that side, so it imports nothing of the service but what the side itself imports. A request
`{"sources": [[ids]], "beams": n, "new_tokens": n}` is answered by `{"seconds", "counts", "peak_mb", ...}`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol


class Side(Protocol):
    """What a side's module offers as its class `Side`."""

    def __init__(self, folder: Path, precision: str, threads: int, device: str = "cpu") -> None:
        """Load what `prepare` returned; sides that run on processors only take no device."""

    @staticmethod
    def prepare(folder: Path, precision: str, cache: Path) -> Path:
        """Return the folder in the side's own form, made once from a Hugging Face folder."""
        ...

    def generate(self, sources: Sequence[Sequence[int]], beams: int, new_tokens: int) -> list[int]:
        """Write exactly so many tokens for each source and return how many were written."""
        ...

    def details(self) -> dict[str, Any]:
        """Return what else the side measured in the last call."""
        ...


def memory_mb(field: str) -> float:
    """Return a field of this process's status, such as VmHWM (peak RSS), in MB."""
    found = re.search(rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text("utf-8"), re.M)
    return int(found[1]) * 1024 / 1e6 if found else 0.0


def serve(side: Side, requests: Any, replies: Any) -> None:
    """Answer requests until there are no more."""
    for line in requests:
        wanted = json.loads(line)
        start = time.perf_counter()
        counts = side.generate(wanted["sources"], wanted["beams"], wanted["new_tokens"])
        seconds = time.perf_counter() - start
        answer = {"seconds": seconds, "counts": counts, "peak_mb": memory_mb("VmHWM"), **side.details()}
        print(json.dumps(answer), file=replies, flush=True)


def main() -> None:
    """Load one side and serve it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("side")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--precision", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--prepare", action="store_true", help="convert, print the folder and end")
    given = parser.parse_args()
    # Libraries print to standard output as they like; the replies get a channel of their own.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    kind: type[Side] = importlib.import_module(f"bench.engines.side_{given.side}").Side
    if given.prepare:
        print(json.dumps({"folder": str(kind.prepare(given.folder, given.precision, given.cache))}), file=replies)
        return
    start = time.perf_counter()
    where = {} if given.device == "cpu" else {"device": given.device}
    side = kind(given.folder, given.precision, given.threads, **where)
    ready = {"load_s": time.perf_counter() - start, "rss_mb": memory_mb("VmRSS"), "peak_mb": memory_mb("VmHWM")}
    print(json.dumps(ready), file=replies, flush=True)
    serve(side, sys.stdin, replies)


if __name__ == "__main__":
    main()
