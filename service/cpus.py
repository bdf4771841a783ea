"""The CPUs really granted, and what follows from them for every process: the one place that decides.

What it decides, and why (`python -m bench.sharing`, 2 CPUs):

- Engine threads meet at a barrier hundreds of times in a decode step. Where they wait awake, decoding is up to a half
  faster than where they sleep and are woken. So they wait awake, for about 3 ms: long enough for what Python does
  between two steps, short enough to hand an idle processor back.
- libgomp lets them sleep as soon as it manages more threads than there are CPUs, whoever left those threads behind. The
  model process therefore loads on threads that end (`main_model`).
- More threads than CPUs granted would wait for threads that the kernel holds back, so a quota rounds down: 1.5 CPUs
  are one engine thread, and the half is left to the API.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from service.config import PREFIX, Settings

CGROUP = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")

MAX_API_WORKERS = 4
# More were never measured, and a decode step of the models here is short already.
MAX_ENGINE_THREADS = 16
# From so many CPUs on, one is left to the API where it shares them: with an engine thread on every CPU, each burst of
# an API process holds up all of them.
_SPARE_FROM = 4
# A quota this close to a whole number is that number.
_ROUND_UP = 0.25
# libgomp's own default, spelled out so that another build of it does the same; the wait policy `active` would let
# threads spin for minutes.
_SPIN_COUNT = 300_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What was decided.

    Attributes:
        granted: CPUs; not always a whole number.
        source: what granted them: `affinity`, `control group` or `PRECIS_CPUS`.
        engine_threads: of each neural engine, at least 1.
        api_workers: gunicorn workers, at least 1.
    """

    granted: float
    source: str
    engine_threads: int
    api_workers: int

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return variables for child processes; those an operator has set for OpenMP are left as they are.

        Linear algebra libraries read theirs when they are loaded, so they must be there from the start. The thread
        counts travel as settings, so that no child decides by itself.
        """
        chosen = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & given.keys()
        return {
            **({} if chosen else {"GOMP_SPINCOUNT": str(_SPIN_COUNT)}),
            "OMP_NUM_THREADS": str(self.engine_threads),
            # NumPy's library would start one for each core on top.
            "OPENBLAS_NUM_THREADS": given.get("OPENBLAS_NUM_THREADS", "1"),
            f"{PREFIX}ENGINE_THREADS": str(self.engine_threads),
            f"{PREFIX}API_WORKERS": str(self.api_workers),
        }

    def __str__(self) -> str:
        """One line for the log."""
        return (
            f"{self.granted:g} CPUs granted ({self.source}): "
            f"{self.engine_threads} engine threads, {self.api_workers} API workers"
        )


def decide(settings: Settings, *, shared: bool) -> Plan:
    """Return the plan for a process and its children.

    Args:
        settings: `engine_threads` and `api_workers` win over what would be decided, `cpus` over what is granted.
        shared: API and engines run side by side on these CPUs.
    """
    granted, source = granted_cpus()
    if settings.cpus and settings.cpus < granted:
        granted, source = settings.cpus, f"{PREFIX}CPUS"
    whole = max(1, int(granted + _ROUND_UP))
    spare = 1 if shared and whole >= _SPARE_FROM else 0
    return Plan(
        granted,
        source,
        settings.engine_threads or min(MAX_ENGINE_THREADS, whole - spare),
        settings.api_workers or min(MAX_API_WORKERS, whole),
    )


def granted_cpus() -> tuple[float, str]:
    """Return the CPUs this process may use, and what sets the bound: its affinity or a quota of its control groups."""
    allowed = float(len(os.sched_getaffinity(0)))
    quota = quota_cpus()
    return (quota, "control group") if quota is not None and quota < allowed else (allowed, "affinity")


def quota_cpus(root: Path = CGROUP, membership: Path = MEMBERSHIP) -> float | None:
    """Return the least CPU quota of this process's control group and of all those around it; None without one.

    Source: Linux kernel documentation, admin-guide/cgroup-v2 (`cpu.max`), scheduler/sched-bwc (`cpu.cfs_quota_us`).

    Args:
        root: where the control groups are mounted.
        membership: the process's own list of them.
    """
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return None
    quotas = []
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:
            mounts = [root, root / "unified"]
        elif "cpu" in controllers.split(","):
            mounts = [root / controllers, root / "cpu", root / "cpu,cpuacct"]
        else:
            continue
        folders = (folder for mount in mounts for folder in _around(mount, path))
        quotas += [quota for folder in folders if (quota := _quota(folder)) is not None]
    return min(quotas, default=None)


def _around(mount: Path, path: str) -> Iterator[Path]:
    """The folder of a group and of every group around it; those not mounted here are missing and do no harm.

    In a container the path may be the machine's, while the mount shows the container's own group as its root.
    """
    parts = [part for part in path.split("/") if part]
    if ".." in parts:
        parts = []
    for count in range(len(parts), -1, -1):
        yield mount.joinpath(*parts[:count])


def _quota(folder: Path) -> float | None:
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text().strip()
            period = (folder / "cpu.cfs_period_us").read_text().strip()
    except (OSError, ValueError):
        return None
    if not quota.isdecimal() or not period.isdecimal() or int(period) == 0:  # `max` and -1 are no bound
        return None
    return int(quota) / int(period)
