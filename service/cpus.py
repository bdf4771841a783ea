"""The CPUs really granted, and what follows from them for every process: the one place that decides.

What it decides, and why (`python -m bench.sharing`, 2 CPUs):

- Engine threads meet at a barrier hundreds of times in a decode step. Where they wait awake, decoding is up to a half
  faster than where they sleep and are woken. So they wait awake, for about 3 ms: long enough for what Python does
  between two steps, short enough to hand an idle processor back.
- libgomp lets them sleep as soon as it manages more threads than there are CPUs, whoever left those threads behind. The
  model process therefore loads on threads that end (`main_model`).
- Where threads wait awake for one that another process holds up, nobody gets on: an engine beside a process that takes
  one of the two CPUs slows down to a fifth. So engines look at what others use, and step back (`Share`).
- More threads than CPUs granted would wait for threads that the kernel holds back, so a quota rounds down: 1.5 CPUs
  are one engine thread, and the half is left to the API.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
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
# How often an engine looks at what others use, how old a look may be, and how much a new one counts.
_LOOK_S = 0.1
_STALE_S = 1.0
_SMOOTH = 0.4
# So much of a CPU may be missing for a thread that counts on it: a process that computes takes half of one from a
# thread that waits awake, and 100 cheap requests a second take 0.4.
_NEARLY = 0.35


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
    allowed, quota = allowed_cpus(), quota_cpus()
    return (quota, "control group") if quota is not None and quota < allowed else (float(allowed), "affinity")


def allowed_cpus() -> int:
    """Return the number of CPUs of the affinity."""
    return len(os.sched_getaffinity(0))


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


@dataclass(frozen=True, slots=True)
class Usage:
    """Seconds of processor time until now: of everybody on the CPUs this process may use, and of this process."""

    at_s: float
    all_s: float
    own_s: float


def usage(stat: Path = Path("/proc/stat")) -> Usage | None:
    """Return what was used until now, or None where the machine does not say.

    Source: Linux kernel documentation, filesystems/proc (`/proc/stat`): time a hypervisor withheld counts as used.
    """
    tick = os.sysconf("SC_CLK_TCK")
    allowed = os.sched_getaffinity(0)
    used = 0
    try:
        for line in stat.read_text().splitlines():
            name, *fields = line.split()
            if name.startswith("cpu") and name[3:].isdecimal() and int(name[3:]) in allowed:
                user, nice, system, _idle, _iowait, interrupt, soft, steal = map(int, fields[:8])
                used += user + nice + system + interrupt + soft + steal
    except (OSError, ValueError):
        return None
    return Usage(time.monotonic(), used / tick, time.process_time())


class Share:
    """How many threads an engine may keep busy now, given what others take of the CPUs.

    Threads that meet at barriers run at the pace of the one that is held up. Where other processes take half of two
    CPUs, two threads get a third of the work done that one does; so engines step back, and return when it is quiet.

    Args:
        most: threads of an engine that has the CPUs for itself.
        cpus: of the affinity, which others may use too; a quota is in `most` already.
        read: gives the usage until now.
    """

    def __init__(self, most: int, cpus: int, read: Callable[[], Usage | None] = usage) -> None:
        self._most = most
        self._cpus = cpus
        self._read = read
        self._seen: Usage | None = None
        self._free = float(cpus)
        self._lock = threading.Lock()
        self._stepped: dict[int, float] = {}

    def threads(self, engine: int, now_s: float) -> int:
        """Return the threads for an engine's next step; looks at the usage ten times a second at most.

        Args:
            engine: names it among those of this process; engines that step at the same time share.
            now_s: of the monotonic clock.
        """
        with self._lock:
            self._stepped[engine] = now_s
            if self._seen is None or now_s - self._seen.at_s >= _LOOK_S:
                self._look()
            working = sum(now_s - at_s < _LOOK_S for at_s in self._stepped.values())
            return max(1, min(self._most, int(self._free / working + _NEARLY)))

    def _look(self) -> None:
        before, self._seen = self._seen, self._read()
        if before is None or self._seen is None:
            return
        passed_s = self._seen.at_s - before.at_s
        if passed_s > _STALE_S:  # nothing was decoded in between, and what others did then does not matter now
            return
        others = (self._seen.all_s - before.all_s - (self._seen.own_s - before.own_s)) / passed_s
        # The kernel counts in hundredths of a second, so one look is rough: the last few are averaged.
        self._free += _SMOOTH * (self._cpus - max(0.0, others) - self._free)
