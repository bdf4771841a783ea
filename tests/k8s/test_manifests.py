"""Every overlay and component is what an API server takes, and agrees with the others and with the code."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.version import VERSION
from tests.k8s import rendering, schemas
from tests.k8s.checks_running import CHECKS, Check
from tests.k8s.cluster import Cluster
from tests.k8s.rendering import ALL, K8S, MAIN, Combination, name_of
from tests.process.service import LONG_S, end, free_ports

pytestmark = pytest.mark.k8s

COMBINATIONS = pytest.mark.parametrize("combination", ALL, ids=name_of)


@pytest.fixture(scope="module")
def distinct() -> list[dict[str, Any]]:
    """Every object that any combination makes, once."""
    found: dict[str, dict[str, Any]] = {}
    for combination in ALL:
        for item in rendering.cluster(combination).objects:
            found.setdefault(json.dumps(item, sort_keys=True), item)
    return list(found.values())


@pytest.mark.parametrize("version", schemas.VERSIONS)
def test_every_object_is_accepted(distinct: list[dict[str, Any]], version: str) -> None:
    """Each version of Kubernetes takes every object of its own kinds, without an unknown field."""
    own = [item for item in distinct if not schemas.is_custom(item)]
    assert len(own) > 50
    assert [line for item in own for line in schemas.complaints(item, version)] == []


def test_every_custom_resource_is_accepted(distinct: list[dict[str, Any]]) -> None:
    """KEDA, Gateway API and Prometheus Operator take what is theirs, without an unknown field."""
    custom = [item for item in distinct if schemas.is_custom(item)]
    assert {item["kind"] for item in custom} >= {"ScaledObject", "HTTPRoute"}
    found = schemas.custom_complaints(custom)
    if found is None:
        pytest.skip("npm is not installed")
    assert found == []


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_combination_holds(check: Check) -> None:
    """What the check says holds in each overlay, alone and with any components."""
    assert [
        f"{name_of(combination)}: {line}" for combination in ALL for line in check(rendering.cluster(combination))
    ] == []


def test_base_is_complete_by_itself() -> None:
    """The base can be applied as it is."""
    found = rendering.parse(rendering.kustomize(K8S / "base"))
    cluster = Cluster(found)
    # Its model image is the one with all engines, which has the embedded ones too.
    assert [line for check in CHECKS for line in check(cluster)] == []


def test_every_file_is_used() -> None:
    """No manifest lies in a folder without being rendered."""
    for kustomization in K8S.rglob("kustomization.yaml"):
        content = yaml.safe_load(kustomization.read_text("utf-8"))
        named = {*content.get("resources", []), *(item.get("path") for item in content.get("patches", []))}
        named |= {name for entry in content.get("configMapGenerator", []) for name in entry.get("files", [])}
        named |= {item.get("path") for item in content.get("replacements", [])}
        named = {str(name).rpartition("=")[2] for name in named}
        there = {path.relative_to(kustomization.parent).as_posix() for path in kustomization.parent.rglob("*.*")}
        assert there - named == {"kustomization.yaml"}, kustomization


def test_every_component_changes_something() -> None:
    """No component is silently without effect."""
    for component in rendering.COMPONENTS:
        with_it = [names for names in ALL if component in names and names[0] == "embedded" and len(names) <= 3]
        for names in with_it:
            without = tuple(name for name in names if name != component)
            if without in ALL:
                assert rendering.text(names) != rendering.text(without), component


def test_images_carry_the_version_everywhere() -> None:
    """Tags are written in several files, and are one."""
    tags = {
        match
        for path in K8S.rglob("kustomization.yaml")
        for match in re.findall(
            r"name: \S*precis\S*\n(?:    newName: \S+\n)?    newTag: (\S+)", path.read_text("utf-8")
        )
    }
    assert tags == {VERSION}


@pytest.mark.parametrize("combination", MAIN, ids=name_of)
def test_a_changed_setting_rolls_the_pods(combination: Combination) -> None:
    """Another value is another name of the ConfigMap in the pods, so that they are replaced one after the other."""
    extra = "configMapGenerator:\n  - name: precis-api\n    behavior: merge\n    literals: [PRECIS_LOG_LEVEL=warning]\n"
    before = rendering.cluster(combination).workload("api").container["envFrom"][0]
    after = Cluster(rendering.parse(rendering.text(combination, extra))).workload("api").container["envFrom"][0]
    assert before != after


def test_queries_without_their_namespace_are_noticed() -> None:
    """Without the lines of docs/KUBERNETES.md the components name a namespace that cannot exist; nothing is found."""
    for name in ("keda/model.yaml", "keda-jobs/worker.yaml"):
        (scaler,) = rendering.parse((K8S / "components" / name).read_text("utf-8"))
        asking = [trigger for trigger in scaler["spec"]["triggers"] if trigger["type"] == "prometheus"]
        assert asking and all('{namespace="NAMESPACE"}' in trigger["metadata"]["query"] for trigger in asking)


def test_a_new_release_changes_nothing_that_is_refused() -> None:
    """Of what Kubernetes lets nobody change, other images change only the Job, and the page says what to do then."""
    fixed = {
        "Deployment": ("selector",),
        "StatefulSet": ("selector", "serviceName", "podManagementPolicy", "volumeClaimTemplates"),
        "Job": ("selector", "template", "completions"),
        "Service": ("clusterIP",),
        "PersistentVolumeClaim": ("accessModes", "resources", "storageClassName"),
    }
    combination = ("cpu", "redis", "jobs", "redis-results")
    names = ("precis-api", "precis-model")
    extra = "images:\n" + "".join(f"  - name: {name}\n    newTag: 0.2.0\n" for name in names)
    after = Cluster(rendering.parse(rendering.text(combination, extra)))
    refused = []
    for item in rendering.cluster(combination).of(*fixed):
        new = after.named(item["kind"], item["metadata"]["name"])
        if new and any(item["spec"].get(key) != new["spec"].get(key) for key in fixed[item["kind"]]):
            refused.append(f"{item['kind'].lower()} {item['metadata']['name']}")
    assert refused == ["job precis-models-r1"]
    assert f"kubectl delete {refused[0]}" in (K8S.parent / "docs/KUBERNETES.md").read_text("utf-8")


def test_another_folder_of_models_is_another_job() -> None:
    """What docs/KUBERNETES.md says about new models: one name is changed, and Job, settings and pods follow."""
    page = (K8S.parent / "docs/KUBERNETES.md").read_text("utf-8")
    (snippet,) = [block for block in re.findall(r"```yaml\n(.*?)```", page, re.S) if "/models/r2" in block]
    body = yaml.safe_load(snippet)
    extra = yaml.safe_dump(
        {key: value for key, value in body.items() if key not in ("resources", "apiVersion", "kind")}
    )
    cluster = Cluster(rendering.parse(rendering.text(("cpu",), extra)))
    assert [job["metadata"]["name"] for job in cluster.of("Job")] == ["precis-models-r2"]
    assert str(cluster.settings(cluster.workload("model").container).models_dir) == "/models/r2"
    assert [line for check in CHECKS for line in check(cluster)] == []


@pytest.mark.parametrize(
    ("component", "kept", "policy"), [("redis", "yes", "volatile-lru"), ("redis-results", "no", "allkeys-lru")]
)
def test_the_store_takes_its_configuration(tmp_path: Path, component: str, kept: str, policy: str) -> None:
    """A server of the kind starts with the component's file, wants its password, and evicts as the file says."""
    server = shutil.which("valkey-server") or shutil.which("redis-server")
    if server is None:
        pytest.skip("redis-server is not installed")
    config = (K8S / "components" / component / "valkey.conf").read_text("utf-8")
    (tmp_path / "auth.conf").write_text("requirepass swordfish\n")
    (port,) = free_ports(1)
    config = re.sub("/etc/precis-(redis|results)", str(tmp_path), config)
    config = re.sub("dir /(data|tmp)", f"dir {tmp_path}", config)
    (tmp_path / "valkey.conf").write_text(
        re.sub("port 6379", f"port {port}", config).replace("bind * -::*", "bind 127.0.0.1")
    )
    process = subprocess.Popen([server, tmp_path / "valkey.conf"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, b"")
        assert any(b"Ready to accept" in line for line in lines)
        import redis

        with redis.Redis(port=port, password="swordfish", socket_timeout=LONG_S) as client:
            assert client.config_get("maxmemory*")["maxmemory-policy"] == policy
            assert client.config_get("appendonly")["appendonly"] == kept
        with redis.Redis(port=port, socket_timeout=LONG_S) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
    finally:
        end(process)
