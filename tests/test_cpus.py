"""CPUs really granted, from affinity, control groups and settings, and what is decided from them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from service import cpus
from service.config import SettingsError, load


def group(root: Path, path: str, **files: str) -> None:
    """A control group's folder with these files; `cpu_max` is `cpu.max`."""
    folder = root / path
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", ".", 1)).write_text(f"{text}\n")


def quota(tmp_path: Path, membership: str) -> float | None:
    """The quota of a process whose list of control groups is this."""
    listed = tmp_path / "membership"
    listed.write_text(membership)
    return cpus.quota_cpus(tmp_path / "cgroup", listed)


def granting(monkeypatch: pytest.MonkeyPatch, allowed: int, limit: float | None) -> None:
    """A machine with so many CPUs in the affinity and this quota."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(allowed)))
    monkeypatch.setattr(cpus, "quota_cpus", lambda: limit)


@pytest.mark.parametrize(
    ("text", "expected"), [("max 100000", None), ("50000 100000", 0.5), ("400000 100000", 4.0), ("broken", None)]
)
def test_the_quota_of_a_container_is_read(tmp_path: Path, text: str, expected: float | None) -> None:
    """Version 2, as a container sees it: its own group is the root."""
    group(tmp_path / "cgroup", "", cpu_max=text)
    assert quota(tmp_path, "0::/\n") == expected


def test_the_least_quota_around_a_process_holds(tmp_path: Path) -> None:
    """A pod's limit bounds its containers, a slice's limit the pod."""
    group(tmp_path / "cgroup", "pods", cpu_max="300000 100000")
    group(tmp_path / "cgroup", "pods/one", cpu_max="150000 100000")
    group(tmp_path / "cgroup", "pods/one/main", cpu_max="max 100000")
    assert quota(tmp_path, "0::/pods/one/main\n") == 1.5
    assert quota(tmp_path, "0::/pods\n") == 3.0


def test_the_first_version_of_control_groups_is_read(tmp_path: Path) -> None:
    """Quota and period are two files; -1 is no bound; the controller may share its mount, or the path be foreign."""
    group(tmp_path / "cgroup", "cpu,cpuacct/docker/x", cpu_cfs_quota_us="250000", cpu_cfs_period_us="100000")
    group(tmp_path / "cgroup", "cpu,cpuacct", cpu_cfs_quota_us="-1", cpu_cfs_period_us="100000")
    listed = "5:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n1:name=systemd:/docker/x\n0::/\n"
    assert quota(tmp_path, listed) == 2.5
    assert quota(tmp_path, listed.replace("docker", "gone")) is None
    group(tmp_path / "cgroup", "cpu,cpuacct", cpu_cfs_quota_us="90000", cpu_cfs_period_us="100000")
    assert quota(tmp_path, listed.replace("docker", "gone")) == 0.9


def test_without_control_groups_the_affinity_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No list, no files, or a path that leads out of the mount: nothing breaks."""
    assert cpus.quota_cpus(tmp_path, tmp_path / "absent") is None
    assert quota(tmp_path, "0::/../../elsewhere\n") is None
    granting(monkeypatch, 3, None)
    assert cpus.granted_cpus() == (3.0, "affinity")


@pytest.mark.parametrize(
    ("allowed", "limit", "shared", "threads", "workers"),
    [
        (1, None, True, 1, 1),
        (2, None, True, 2, 2),
        (64, 0.5, True, 1, 1),
        (64, 1.5, True, 1, 1),
        (64, 1.9, True, 2, 2),
        (64, 4.0, True, 3, 4),
        (64, 4.0, False, 4, 4),
        (8, None, True, 7, 4),
        (96, None, False, 16, 4),
        (2, 8.0, True, 2, 2),
    ],
)
def test_threads_and_workers_follow_from_what_is_granted(
    monkeypatch: pytest.MonkeyPatch, allowed: int, limit: float | None, shared: bool, threads: int, workers: int
) -> None:
    """Never more threads than whole CPUs; from four on, one is left to the API where it shares them."""
    granting(monkeypatch, allowed, limit)
    plan = cpus.decide(load({}), shared=shared)
    assert (plan.engine_threads, plan.api_workers) == (threads, workers)


def test_settings_win(monkeypatch: pytest.MonkeyPatch) -> None:
    """`PRECIS_CPUS` lowers what is granted and never raises it; the two counts are taken as they are."""
    granting(monkeypatch, 8, None)
    assert cpus.decide(load({"PRECIS_CPUS": "2.5"}), shared=True).source == "PRECIS_CPUS"
    assert cpus.decide(load({"PRECIS_CPUS": "2.5"}), shared=True).engine_threads == 2
    assert cpus.decide(load({"PRECIS_CPUS": "99"}), shared=True).granted == 8
    plan = cpus.decide(load({"PRECIS_ENGINE_THREADS": "5", "PRECIS_API_WORKERS": "3"}), shared=True)
    assert (plan.engine_threads, plan.api_workers) == (5, 3)
    with pytest.raises(SettingsError, match="PRECIS_CPUS"):
        load({"PRECIS_CPUS": "-1"})


def test_children_are_told_and_an_operators_choice_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """One decision for all: thread counts always, the wait policy unless somebody has chosen one."""
    granting(monkeypatch, 2, None)
    plan = cpus.decide(load({}), shared=True)
    told = plan.environment({})
    assert told["OMP_NUM_THREADS"] == told["PRECIS_ENGINE_THREADS"] == "2"
    assert told["PRECIS_API_WORKERS"] == "2"
    assert told["GOMP_SPINCOUNT"] == "300000"
    assert "GOMP_SPINCOUNT" not in plan.environment({"OMP_WAIT_POLICY": "passive"})
    chosen = plan.environment({"GOMP_SPINCOUNT": "0", "OMP_NUM_THREADS": "9", "OPENBLAS_NUM_THREADS": "4"})
    assert "GOMP_SPINCOUNT" not in chosen
    assert (chosen["OMP_NUM_THREADS"], chosen["OPENBLAS_NUM_THREADS"]) == ("2", "4")
    assert load(told).engine_threads == 2
    assert "2 CPUs granted (affinity)" in str(plan)


class Machine:
    """Two CPUs whose use by others is chosen; the process under test uses what is left."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.all_s = 0.0
        self.own_s = 0.0

    def read(self) -> cpus.Usage:
        """The counters."""
        return cpus.Usage(self.now_s, self.all_s, self.own_s)

    def run(self, share: cpus.Share, seconds: float, others: float, engine: int = 1) -> int:
        """Let time pass with an engine stepping every 20 ms; returns its threads at the end."""
        threads = 0
        for _ in range(round(seconds / 0.02)):
            self.now_s += 0.02
            self.all_s += 0.04
            self.own_s += 0.02 * (2 - others)
            threads = share.threads(engine, self.now_s)
        return threads


def test_an_engine_steps_back_where_others_need_the_cpus() -> None:
    """Quiet: all threads. Light traffic: still all. A busy neighbour: one less within a second, and back again."""
    machine = Machine()
    share = cpus.Share(2, 2, machine.read)
    assert machine.run(share, 0.5, others=0.0) == 2
    assert machine.run(share, 2.0, others=0.2) == 2
    assert machine.run(share, 2.0, others=0.5) == 1
    assert machine.run(share, 2.0, others=0.2) == 2
    assert machine.run(share, 1.0, others=1.0) == 1
    assert machine.run(share, 1.0, others=2.0) == 1
    assert machine.run(share, 1.0, others=0.1) == 2


def test_engines_that_step_at_the_same_time_share() -> None:
    """Two neural engines on two CPUs take one each, and the last one working has both."""
    machine = Machine()
    share = cpus.Share(2, 2, machine.read)
    for _ in range(10):
        machine.run(share, 0.02, others=0.0, engine=1)
        threads = machine.run(share, 0.02, others=0.0, engine=2)
    assert threads == 1
    assert machine.run(share, 0.5, others=0.0, engine=2) == 2


def test_what_happened_while_nothing_was_decoded_does_not_matter(tmp_path: Path) -> None:
    """An idle minute with a busy neighbour is forgotten; a machine that says nothing changes nothing."""
    machine = Machine()
    share = cpus.Share(2, 2, machine.read)
    machine.run(share, 0.5, others=0.0)
    machine.now_s += 60
    machine.all_s += 120
    assert machine.run(share, 0.02, others=0.0) == 2
    silent = cpus.Share(4, 4, lambda: None)
    assert [silent.threads(1, second) for second in range(3)] == [4, 4, 4]
    assert cpus.usage(tmp_path / "absent") is None


def test_usage_counts_the_cpus_of_the_affinity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work, interrupts and stolen time of the CPUs this process may use; idle and waiting time are free."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 2})
    tick = os.sysconf("SC_CLK_TCK")
    stat = tmp_path / "stat"
    stat.write_text(
        "cpu  9 9 9 9 9 9 9 9 0 0\n"
        f"cpu0 {tick} {tick} 0 500 500 0 0 0 0 0\n"
        f"cpu1 {90 * tick} 0 0 0 0 0 0 0 0 0\n"
        f"cpu2 0 0 {tick} 500 0 {tick} {tick} {tick} 0 0\nintr 5\n"
    )
    used = cpus.usage(stat)
    assert used is not None
    assert used.all_s == 6.0
