"""What is told of the processes of an instance, and what the supervisor counts about them."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.heartbeat import ages
from service.observability.series import once
from service.version import VERSION

if TYPE_CHECKING:
    from prometheus_client.core import Metric

ROLES = ("api", "model", "worker")
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def count_restart(process: str) -> None:
    """A process that had ended was started anew; `process` is the name of a role."""
    _restart_series().labels(process).inc()


def model_ready(ready: bool) -> None:
    """Whether this model process takes calls."""
    _ready_series().set(1 if ready else 0)


@once
def _restart_series() -> Any:
    from prometheus_client import Counter

    return Counter("precis_process_restarts", "processes started anew", ["process"])


@once
def _ready_series() -> Any:
    from prometheus_client import Gauge

    return Gauge("precis_model_ready", "model processes that take calls", multiprocess_mode="livesum")


@dataclass(frozen=True, slots=True)
class _Process:
    started_s: float
    cpu_s: float
    resident: int
    files: int


def about_processes(heartbeats: Path | None) -> Iterator[Metric]:
    """Version, and age, memory, processor time and files of every process that beats.

    Args:
        heartbeats: their folder; None for the version alone.
    """
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    build = GaugeMetricFamily("precis_build_info", "version that runs", labels=["version"])
    build.add_metric([VERSION], 1)
    yield build
    if heartbeats is None:
        return
    label = ["role"]
    count = GaugeMetricFamily("precis_processes", "processes that run", labels=label)
    start = GaugeMetricFamily(
        "precis_process_start_time_seconds", "start of the newest process of a role, in Unix time", labels=label
    )
    memory = GaugeMetricFamily(
        "precis_process_resident_memory_bytes", "resident memory of all processes of a role", labels=label
    )
    cpu = CounterMetricFamily("precis_process_cpu_seconds", "processor time of the processes of a role", labels=label)
    files = GaugeMetricFamily("precis_process_open_fds", "most files open in a process of a role", labels=label)
    beat = GaugeMetricFamily(
        "precis_heartbeat_age_seconds", "time since the last sign of life of a part, the oldest", labels=["part"]
    )
    oldest: dict[str, float] = defaultdict(float)
    for role in ROLES:
        found: dict[int, _Process] = {}
        for name, age_s in ages(heartbeats, role).items():
            _, pid, part = name.split(".", 2)
            oldest[part] = max(oldest[part], age_s)
            if (process := _look(int(pid))) is not None:
                found[int(pid)] = process
        if found:
            every = found.values()
            count.add_metric([role], len(found))
            start.add_metric([role], max(one.started_s for one in every))
            memory.add_metric([role], sum(one.resident for one in every))
            cpu.add_metric([role], sum(one.cpu_s for one in every))
            files.add_metric([role], max(one.files for one in every))
    for part, age_s in oldest.items():
        beat.add_metric([part], age_s)
    yield from (count, start, memory, cpu, files, beat)


def _look(pid: int) -> _Process | None:
    """What the system tells of a process; None when it has just ended."""
    folder = Path("/proc") / str(pid)
    try:
        fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
        resident = int((folder / "statm").read_bytes().split()[1]) * _PAGE
        files = sum(1 for _ in (folder / "fd").iterdir())
    except (OSError, IndexError):
        return None
    since_boot_s = int(fields[19]) / _TICKS
    started_s = time.time() - (time.clock_gettime(time.CLOCK_BOOTTIME) - since_boot_s)
    return _Process(started_s, (int(fields[11]) + int(fields[12])) / _TICKS, resident, files)
