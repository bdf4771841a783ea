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
