"""One system on its rows, in a process of its own: what it said, how long each row took, and the memory it needed.

    python -m bench.quality.worker MODULE SYSTEM ROWS.json OUT.json

Runs in the environment of the system, so it imports nothing but what that system imports.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LOOK_S = 1.0
Run = Callable[[dict[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class System:
    """Something that is measured.

    Attributes:
        title: how tables call it.
        load: makes it ready and returns what turns a row into an output (both as JSON has them).
        group: its group of pins; empty for what the project's own environment has.
        package: the distribution whose version is told; empty for none.
        own: it is ours, so `--peers` does not leave it out.
    """

    title: str
    load: Callable[[], Run]
    group: str = ""
    package: str = ""
    own: bool = False


class TookTooLongError(Exception):
    """A row took longer than it may."""


def _memory_kb(process: str, entry: str) -> int:
    try:
        status = Path(f"/proc/{process}/status").read_text("utf-8")
    except OSError:
        return 0
    found = re.search(rf"^{entry}:\s+(\d+)", status, re.M)
    return int(found[1]) if found else 0


def _children() -> Iterator[str]:
    """Ids of the processes below this one."""
    parents = {path.name: str(_memory_kb(path.name, "PPid")) for path in Path("/proc").iterdir() if path.name.isdigit()}
    waiting = [str(Path("/proc/self").resolve().name)]
    while waiting:
        parent = waiting.pop()
        below = [process for process, its in parents.items() if its == parent]
        waiting += below
        yield from below


def _children_kb() -> int:
    return sum(_memory_kb(child, "VmRSS") for child in _children())


def _stop(*_: object) -> None:
    raise TookTooLongError


def work(system: System, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Run a system over rows.

    Seconds are those that this process computed, so that neighbours on the machine disturb them less. A row with
    `limit_s` is given up after so many of them.
    """
    handler = signal.signal(signal.SIGPROF, _stop)
    before = _memory_kb("self", "VmRSS")
    start = time.perf_counter()
    run = system.load()
    load_s = time.perf_counter() - start
    if rows and "limit_s" not in rows[0]:
        _try(run, rows[0], {})  # what is made at the first use is not a row's time
    outputs: list[Any] = []
    seconds: list[float] = []
    errors: dict[str, int] = {}
    below, looked = 0, start
    for row in rows:
        signal.setitimer(signal.ITIMER_PROF, row.get("limit_s", 0))
        start = time.process_time()
        outputs.append(_try(run, row, errors))
        seconds.append(time.process_time() - start)
        signal.setitimer(signal.ITIMER_PROF, 0)
        if time.perf_counter() - looked > _LOOK_S:
            below, looked = max(below, _children_kb()), time.perf_counter()
    signal.signal(signal.SIGPROF, handler)
    peak = _memory_kb("self", "VmHWM") - before + max(below, _children_kb())
    return {
        "outputs": outputs,
        "seconds": seconds,
        "load_s": load_s,
        "memory_mb": peak * 1024 / 1e6,
        "errors": errors,
        "version": importlib.metadata.version(system.package) if system.package else "",
    }


def _try(run: Run, row: dict[str, Any], errors: dict[str, int]) -> Any:
    """Return a row's output; None and one more error of its kind where the system cannot do it."""
    try:
        return run(row)
    except Exception as error:  # noqa: BLE001 - whatever a peer raises on a row is a row it cannot do
        errors[type(error).__name__] = errors.get(type(error).__name__, 0) + 1
        return None


def main(arguments: list[str]) -> None:
    """Read the rows, run the system, write what it made of them."""
    module, name, rows, out = arguments
    system: System = importlib.import_module(module).SYSTEMS[name]
    found = work(system, json.loads(Path(rows).read_text("utf-8")))
    Path(out).write_text(json.dumps(found), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
