"""The Kubernetes manifests agree with each other and with the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from service.config import Settings, load

BASE = Path(__file__).resolve().parents[2] / "k8s/base"
ROLES = ("api", "model")


def _read(name: str) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all((BASE / name).read_text("utf-8")) if document]


KUSTOMIZATION: dict[str, Any] = _read("kustomization.yaml")[0]
OBJECTS = [document for name in KUSTOMIZATION["resources"] for document in _read(name)]


def _of(kind: str) -> list[dict[str, Any]]:
    return [document for document in OBJECTS if document["kind"] == kind]


def _deployment(role: str) -> dict[str, Any]:
    return next(document for document in _of("Deployment") if document["metadata"]["name"] == f"precis-{role}")


def _pod(role: str) -> dict[str, Any]:
    pod: dict[str, Any] = _deployment(role)["spec"]["template"]["spec"]
    return pod


def _container(role: str) -> dict[str, Any]:
    (container,) = _pod(role)["containers"]
    return dict(container)


def _environment(role: str) -> dict[str, str]:
    maps = {entry["name"]: entry["literals"] for entry in KUSTOMIZATION["configMapGenerator"]}
    found: dict[str, str] = {}
    for source in _container(role)["envFrom"]:
        found |= dict(literal.split("=", 1) for literal in maps[source["configMapRef"]["name"]])
    found |= {entry["name"]: entry.get("value", "") for entry in _container(role).get("env", [])}
    return found


def _settings(role: str) -> Settings:
    return load(_environment(role))


def _matches(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return selector.items() <= labels.items()


def _pods_selected(selector: dict[str, str]) -> set[str]:
    return {role for role in ROLES if _matches(selector, _deployment(role)["spec"]["template"]["metadata"]["labels"])}


def test_kustomization_lists_every_file() -> None:
    """No manifest lies in the folder without being applied."""
    there = {path.name for path in BASE.glob("*.yaml")} - {"kustomization.yaml"}
    assert there == set(KUSTOMIZATION["resources"])


def test_names_are_unique_and_without_namespace() -> None:
    """Every object can be applied into any namespace, once."""
    names = [(document["kind"], document["metadata"]["name"]) for document in OBJECTS]
    assert len(names) == len(set(names))
    assert not [name for document, name in zip(OBJECTS, names, strict=True) if "namespace" in document["metadata"]]


@pytest.mark.parametrize("role", ROLES)
def test_environment_is_accepted_by_the_settings(role: str) -> None:
    """Every variable a pod gets is a known setting with a valid value."""
    environment = _environment(role)
    assert environment and all(name.startswith("PRECIS_") for name in environment)
    _settings(role)


@pytest.mark.parametrize("role", ROLES)
def test_service_links_are_off(role: str) -> None:
    """Kubernetes sets no variables of its own that look like settings, with which nothing would start."""
    assert _pod(role)["enableServiceLinks"] is False


@pytest.mark.parametrize("role", ROLES)
def test_ports_are_those_of_the_settings(role: str) -> None:
    """Container ports are the ones the process opens, on all interfaces."""
    ports = {port["name"]: port["containerPort"] for port in _container(role)["ports"]}
    settings = _settings(role)
    assert ports["management"] == settings.management_port_effective
    assert settings.management_host == "0.0.0.0"
    if role == "api":
        assert (ports["http"], settings.host) == (settings.port, "0.0.0.0")
    else:
        assert settings.model_listen == f"0.0.0.0:{ports['grpc']}"


def test_api_finds_the_model_through_its_headless_service() -> None:
    """The address the API dials is the Service that selects the model pods, on its port, by DNS."""
    (service,) = [item for item in _of("Service") if _pods_selected(item["spec"]["selector"]) == {"model"}]
    assert service["spec"]["clusterIP"] == "None"
    (port,) = service["spec"]["ports"]
    assert _settings("api").model_target == f"dns:///{service['metadata']['name']}:{port['port']}"


@pytest.mark.parametrize("role", ROLES)
def test_service_ports_lead_to_container_ports(role: str) -> None:
    """Every Service selects one workload and targets a port that it opens."""
    (service,) = [item for item in _of("Service") if _pods_selected(item["spec"]["selector"]) == {role}]
    opened = {port["name"] for port in _container(role)["ports"]}
    assert {port["targetPort"] for port in service["spec"]["ports"]} <= opened


@pytest.mark.parametrize("role", ROLES)
def test_probes_ask_the_management_port(role: str) -> None:
    """Probes go where user traffic cannot fill the way."""
    container = _container(role)
    paths = {
        probe: container[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    assert paths == {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}
    assert {container[probe]["httpGet"]["port"] for probe in paths} == {"management"}


@pytest.mark.parametrize("role", ROLES)
def test_grace_covers_the_drain(role: str) -> None:
    """A pod is not killed while it still finishes what it has admitted."""
    command = _container(role)["lifecycle"]["preStop"]["exec"]["command"]
    assert command[0] == "sleep"
    settings = _settings(role)
    needed = int(command[1]) + settings.drain_delay_s + settings.drain_timeout_s
    assert _pod(role)["terminationGracePeriodSeconds"] >= needed + 10


@pytest.mark.parametrize("role", ROLES)
def test_pods_meet_the_restricted_standard(role: str) -> None:
    """Pods run as a plain user, without capabilities, tokens or a writable root."""
    pod, container = _pod(role), _container(role)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    (account,) = [item for item in _of("ServiceAccount") if item["metadata"]["name"] == pod["serviceAccountName"]]
    assert account["automountServiceAccountToken"] is False
    assert pod["automountServiceAccountToken"] is False


@pytest.mark.parametrize("role", ROLES)
def test_the_one_writable_folder_is_the_one_used(role: str) -> None:
    """What the process writes lies in a mounted folder of bounded size."""
    (mount,) = _container(role)["volumeMounts"]
    (volume,) = [volume for volume in _pod(role)["volumes"] if volume["name"] == mount["name"]]
    assert volume["emptyDir"]["sizeLimit"]
    assert _settings(role).runtime_dir.is_relative_to(mount["mountPath"])


@pytest.mark.parametrize("role", ROLES)
def test_resources_are_bounded(role: str) -> None:
    """The scheduler knows what a pod needs, and memory has a limit."""
    resources = _container(role)["resources"]
    assert set(resources["requests"]) == {"cpu", "memory"}
    assert "memory" in resources["limits"]


@pytest.mark.parametrize("role", ROLES)
def test_role_is_passed_on_the_command_line(role: str) -> None:
    """Each Deployment starts its own role of the one image."""
    assert _container(role)["args"] == ["serve", "--role", role]
    assert _container(role)["image"] in {image["name"] for image in KUSTOMIZATION["images"]}


@pytest.mark.parametrize("role", ROLES)
def test_selectors_of_the_deployment_match_its_pods(role: str) -> None:
    """A Deployment selects its own pods and no other's, and spreads those."""
    assert _pods_selected(_deployment(role)["spec"]["selector"]["matchLabels"]) == {role}
    (spread,) = _pod(role)["topologySpreadConstraints"]
    assert _pods_selected(spread["labelSelector"]["matchLabels"]) == {role}


def test_disruption_budgets_cover_each_workload_once() -> None:
    """Each workload has exactly one budget."""
    covered = [_pods_selected(item["spec"]["selector"]["matchLabels"]) for item in _of("PodDisruptionBudget")]
    assert sorted(map(sorted, covered)) == [["api"], ["model"]]


def test_network_is_closed_by_default() -> None:
    """One policy selects every pod and allows nothing."""
    (deny,) = [item for item in _of("NetworkPolicy") if not {"ingress", "egress"} & set(item["spec"])]
    assert _pods_selected(deny["spec"]["podSelector"]["matchLabels"]) == set(ROLES)
    assert set(deny["spec"]["policyTypes"]) == {"Ingress", "Egress"}


@pytest.mark.parametrize("role", ROLES)
def test_network_policy_opens_only_ports_that_exist(role: str) -> None:
    """Each workload's policy opens its own ports, and nothing else comes in."""
    (policy,) = [
        item
        for item in _of("NetworkPolicy")
        if "ingress" in item["spec"] and _pods_selected(item["spec"]["podSelector"]["matchLabels"]) == {role}
    ]
    opened = {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]}
    assert opened == {port["containerPort"] for port in _container(role)["ports"]}


def test_api_may_reach_the_model() -> None:
    """What the API may call and what the model lets in are the same port and pods."""
    policies = {item["metadata"]["name"]: item["spec"] for item in _of("NetworkPolicy")}
    out = [rule for rule in policies["precis-api"]["egress"] if "to" in rule]
    into = [rule for rule in policies["precis-model"]["ingress"] if "podSelector" in rule["from"][0]]
    assert _pods_selected(out[0]["to"][0]["podSelector"]["matchLabels"]) == {"model"}
    assert _pods_selected(into[0]["from"][0]["podSelector"]["matchLabels"]) == {"api"}
    assert out[0]["ports"] == into[0]["ports"] == [{"port": 50051}]


def test_autoscaler_targets_a_deployment_without_a_replica_count() -> None:
    """Applying the manifests again does not undo what the autoscaler decided."""
    (scaler,) = _of("HorizontalPodAutoscaler")
    target = scaler["spec"]["scaleTargetRef"]["name"]
    (deployment,) = [item for item in _of("Deployment") if item["metadata"]["name"] == target]
    assert "replicas" not in deployment["spec"]
