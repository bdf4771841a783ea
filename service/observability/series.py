"""What all series have in common: files that processes share, their text, and labels that are bounded.

Metrics are Prometheus series whose names start with `precis_`; every label takes its values from a closed list, so that
no caller can make series without end.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

MULTIPROCESS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
OTHER = "other"
MAX_LABELS = 64

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
# What a part of a request takes: most of them less than the request itself.
PART_SECONDS = (0.0005, 0.001, 0.0025, *SECONDS)

T = TypeVar("T")
_making = threading.Lock()
# Everything that `once` was told of, for who wants to know all series.
makers: list[Callable[[], object]] = []


def once(make: Callable[[], T]) -> Callable[[], T]:
    """The same object at every call; made by the first one, as the registry takes a name once."""
    made: list[T] = []
    makers.append(lambda: get())

    def get() -> T:
        if not made:
            with _making:
                if not made:
                    made.append(make())
        return made[0]

    return get


def share_metrics(folder: Path, *, fresh: bool) -> None:
    """Let several processes add to one set of series, kept in files of `folder`.

    To be called before the first metric is made: the client library looks at its environment once, when imported.

    Args:
        folder: made when it does not exist.
        fresh: remove what an earlier run left, for the one process that starts the others.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if fresh:
        for left in folder.glob("*.db"):
            left.unlink(missing_ok=True)
    os.environ[MULTIPROCESS_VARIABLE] = str(folder)


def forget_process(pid: int) -> None:
    """Drop the live gauges of a process that has ended; without it they are counted for ever."""
    if os.environ.get(MULTIPROCESS_VARIABLE):
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]


def bounded(values: set[str], value: str, most: int = MAX_LABELS) -> str:
    """The value itself while it is one of the first `most` different ones, `other` for those after them."""
    if value in values:
        return value
    if len(values) >= most:
        return OTHER
    values.add(value)
    return value
