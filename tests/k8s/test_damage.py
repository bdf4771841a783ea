"""The checks notice: each damage to a good rendering is complained about, by the check that is there for it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from service.config import SettingsError
from tests.k8s import rendering, schemas
from tests.k8s.checks_running import CHECKS
from tests.k8s.cluster import Cluster, Object
from tests.k8s.reach import peers_of, table
from tests.k8s.rendering import combinations_of
from tests.k8s.test_network import OTHERS, PORTS

pytestmark = pytest.mark.k8s

EVERYTHING = combinations_of("cpu")[-1]


@dataclass(frozen=True)
class Found:
    """Objects to be damaged."""

    objects: list[Object]

    def __call__(self, kind: str, name: str) -> Any:
        """The specification of an object."""
        return next(i for i in self.objects if (i["kind"], i["metadata"]["name"]) == (kind, name))["spec"]

    def pod(self, kind: str, name: str) -> Any:
        """The specification of a workload's pods."""
        return self(kind, name)["template"]["spec"]

    def container(self, kind: str, name: str) -> Any:
        """The container that works."""
        return self.pod(kind, name)["containers"][0]

    def settings(self, name: str) -> Any:
        """The data of a ConfigMap."""
        return next(
            i["data"]
            for i in self.objects
            if i["kind"] == "ConfigMap" and i["metadata"]["name"].rpartition("-")[0] == name
        )

    def remove(self, kind: str, name: str) -> None:
        """Take an object away."""
        self.objects[:] = [i for i in self.objects if (i["kind"], i["metadata"]["name"]) != (kind, name)]


API, MODEL, WORKER = ("Deployment", "precis-api"), ("Deployment", "precis-model"), ("StatefulSet", "precis-worker")
HPA = ("HorizontalPodAutoscaler", "precis-api")
SPREAD = "topologySpreadConstraints"
Damage = Callable[[Found], object]

# What is done, and a part of the complaint.
DAMAGES: dict[str, tuple[Damage, str]] = {
    # schemas
    "a misspelt field": (lambda f: f.container(*API).update(resorces={}), "'resorces' was unexpected"),
    "a misspelt field deep down": (
        lambda f: f.container(*MODEL)["readinessProbe"]["httpGet"].update(pth="/readyz"),
        "'pth' was unexpected",
    ),
    "a text for a number": (lambda f: f(*API).update(minReadySeconds="10"), "is not of type"),
    "a required field gone": (lambda f: f(*API).pop("selector"), '"selector" is a required property'),
    "an unknown value": (
        lambda f: f("HorizontalPodAutoscaler", "precis-api")["metrics"][0].pop("type"),
        '"type" is a required',
    ),
    "a misspelt field of KEDA": (lambda f: f("ScaledObject", "precis-model").update(maxReplicas=3), "unknown field"),
    "a misspelt field of a route": (
        lambda f: f("HTTPRoute", "precis-api")["rules"][0]["timeouts"].update(requests="9s"),
        "unknown field",
    ),
    "a quantity that is none": (
        lambda f: f.container(*API)["resources"]["limits"].update(memory="1Gib"),
        "'1Gib' is no quantity",
    ),
    "a port that is none": (lambda f: f.container(*API)["ports"][0].update(containerPort=80800), "80800 is no port"),
    # settings
    "a setting that is none": (
        lambda f: f.settings("precis-api").update(PRECIS_PROT="1"),
        "unknown setting PRECIS_PROT",
    ),
    "a setting out of range": (lambda f: f.settings("precis-model").update(PRECIS_PROFILE="fast"), "PRECIS_PROFILE"),
    "an unknown command": (lambda f: f.container(*API).update(args=["serve", "--roll", "api"]), "no such command"),
    "a ConfigMap that is not there": (
        lambda f: f.container(*API)["envFrom"][0]["configMapRef"].update(name="precis-apis"),
        "settings_are_accepted",
    ),
    "another folder to pull to": (
        lambda f: f.pod("Job", "precis-models-r1")["initContainers"][0]["args"].append("small100"),
        "models_are_the_same",
    ),
    # ports, services, selectors
    "a port nobody opens": (lambda f: f.settings("precis-api").update(PRECIS_PORT="8090"), "opened are"),
    "a Service without its pods": (
        lambda f: f("Service", "precis-model")["selector"].update({"app.kubernetes.io/component": "modl"}),
        "Service precis-model selects []",
    ),
    "a Service that selects too much": (
        lambda f: f("Service", "precis-api")["selector"].pop("app.kubernetes.io/component"),
        "Service precis-api selects",
    ),
    "a Service with one address": (lambda f: f("Service", "precis-model").pop("clusterIP"), "one address for all"),
    "a wrong target port": (
        lambda f: f("Service", "precis-api")["ports"][0].update(targetPort="htp"),
        "opens no port htp",
    ),
    "a wrong address": (
        lambda f: f.settings("precis-api").update(PRECIS_MODEL_ADDRESS="dns:///precis-models:50051"),
        "is no Service",
    ),
    "a budget for nobody": (
        lambda f: f("PodDisruptionBudget", "precis-api")["selector"]["matchLabels"].update(app="x"),
        "budget precis-api covers []",
    ),
    "a budget that holds up drains": (
        lambda f: f("PodDisruptionBudget", "precis-api").update(maxUnavailable=0),
        "may hold up a drain",
    ),
    "no budget": (lambda f: f.remove("PodDisruptionBudget", "precis-model"), "0 budgets for precis-model"),
    "a spread of other pods": (
        lambda f: f.pod(*API)[SPREAD][0]["labelSelector"]["matchLabels"].pop("app.kubernetes.io/component"),
        "precis-api spreads",
    ),
    # time
    "a short grace": (lambda f: f.pod(*API).update(terminationGracePeriodSeconds=60), "grace of 60 s"),
    "a drain shorter than requests": (
        lambda f: f.settings("precis-model").update(PRECIS_DRAIN_TIMEOUT_S="60"),
        "requests may take 120 s",
    ),
    "no time to withdraw endpoints": (lambda f: f.container(*API).pop("lifecycle"), "no time for endpoints"),
    "an impatient gateway": (
        lambda f: f("HTTPRoute", "precis-api")["rules"][0].update(timeouts={"request": "30s"}),
        "HTTPRoute: request timeout",
    ),
    "a rollout that takes pods away": (
        lambda f: f(*API)["strategy"]["rollingUpdate"].update(maxUnavailable=1),
        "rollouts_lose_nothing",
    ),
    # files and memory
    "a volume that is not mounted": (
        lambda f: f.container(*API)["volumeMounts"].pop(0),
        "mounts_and_volumes_agree",
    ),
    "a file that is not mounted": (
        lambda f: f.settings("precis-api").update(PRECIS_KEYS_FILE="/etc/precis/keys/key.toml"),
        "is not mounted",
    ),
    "an unknown Secret": (
        lambda f: next(v for v in f.pod(*API)["volumes"] if v["name"] == "keys")["secret"].update(secretName="keys"),
        "unknown Secret keys",
    ),
    "a Secret that all may read": (
        lambda f: next(v for v in f.pod(*API)["volumes"] if v["name"] == "keys")["secret"].update(defaultMode=0o444),
        "is readable by all",
    ),
    "a volume in memory as large as the memory": (
        lambda f: next(v for v in f.pod(*API)["volumes"] if v["name"] == "tmp")["emptyDir"].update(sizeLimit="1Gi"),
        "count against its memory",
    ),
    "less memory than was measured": (
        lambda f: f.container(*MODEL)["resources"]["requests"].update(memory="1Gi"),
        "needs 2",
    ),
    # security
    "a process that may be root": (lambda f: f.pod(*API)["securityContext"].pop("runAsNonRoot"), "may run as root"),
    "capabilities kept": (
        lambda f: f.container(*WORKER)["securityContext"].pop("capabilities"),
        "worker: has capabilities",
    ),
    "no seccomp profile": (lambda f: f.pod(*MODEL)["securityContext"].pop("seccompProfile"), "seccompProfile None"),
    "a folder of the host": (
        lambda f: f.pod(*API)["volumes"].append({"name": "x", "hostPath": {"path": "/"}}),
        "volume of kind hostPath",
    ),
    "a token": (lambda f: f.pod(*API).pop("automountServiceAccountToken"), "has a token"),
    "a writable root": (
        lambda f: f.pod(*MODEL)["initContainers"][0]["securityContext"].pop("readOnlyRootFilesystem"),
        "verify: writable root",
    ),
    "service links": (lambda f: f.pod(*WORKER).pop("enableServiceLinks"), "variables that look like settings"),
    # images and names
    "latest": (lambda f: f.container(*API).update(image="precis-api:latest"), "precis-api:latest"),
    "no tag": (
        lambda f: f.pod("Job", "precis-models-r1")["containers"][0].update(image="precis-model"),
        "images_are_pinned",
    ),
    "another release": (lambda f: f.container(*WORKER).update(image="precis-api:0.0.9"), "precis-api:0.0.9"),
    "the thin image for engines": (
        lambda f: f.container(*MODEL).update(image="precis-api:0.1.0"),
        "images_hold_what_is_run",
    ),
    # running
    "a probe at a wrong path": (
        lambda f: f.container(*API)["livenessProbe"]["httpGet"].update(path="/healthz"),
        "livenessProbe asks",
    ),
    "a probe at the port of users": (
        lambda f: f.container(*API)["readinessProbe"]["httpGet"].update(port="http"),
        "readinessProbe asks",
    ),
    "no probe": (lambda f: f.container(*WORKER).pop("livenessProbe"), "lacks ['livenessProbe']"),
    "a number of pods beside an autoscaler": (lambda f: f(*API).update(replicas=2), "1 autoscalers, replicas 2"),
    "an autoscaler for nobody": (lambda f: f(*HPA)["scaleTargetRef"].update(name="api"), "no Deployment api"),
    "a series that does not exist": (
        lambda f: f("ScaledObject", "precis-model")["triggers"][0]["metadata"].update(query="max(precis_queue_age)"),
        "no series precis_queue_age",
    ),
    "a fallback to fewer pods": (
        lambda f: f("ScaledObject", "precis-model")["fallback"].pop("behavior"),
        "falls back to 3 pods, however many",
    ),
    "a fallback of KEDA that is none": (
        lambda f: f("ScaledObject", "precis-worker")["fallback"].update(behavior="currentReplicasIfMore"),
        "/spec/fallback/behavior",
    ),
    "no answer that counts as no load": (
        lambda f: f("ScaledObject", "precis-worker")["triggers"][0]["metadata"].pop("ignoreNullValues"),
        "takes no answer for a load of 0",
    ),
    "a query for all namespaces": (
        lambda f: f("ScaledObject", "precis-worker")["triggers"][0]["metadata"].update(
            query="max(precis_jobs_items_waiting)"
        ),
        "precis_jobs_items_waiting in namespace newsroom",
    ),
    "a query for another namespace": (
        lambda f: f("ScaledObject", "precis-model")["triggers"][1]["metadata"].update(
            query='sum(precis_queue_rows{namespace="NAMESPACE"})'
        ),
        'precis_queue_rows{namespace="NAMESPACE"} in namespace newsroom',
    ),
    "a slow answer to a burst": (
        lambda f: f(*HPA)["behavior"]["scaleUp"].update(policies=[{"type": "Pods", "value": 1, "periodSeconds": 60}]),
        "until all pods are there",
    ),
    "results that are shared nowhere": (
        lambda f: f.settings("precis-model").pop("PRECIS_REDIS_URL"),
        "in no store",
    ),
    "results among what callers are counted by": (
        lambda f: f.settings("precis-model").update(PRECIS_REDIS_URL="redis://precis-redis:6379/0"),
        "does not lead to results",
    ),
    "a node that is never emptied": (
        lambda f: f(*MODEL)["template"]["metadata"].pop("annotations"),
        "cluster-autoscaler keeps its node",
    ),
    "metrics for the world": (
        lambda f: f("HTTPRoute", "precis-api")["rules"][0]["matches"].append(
            {"path": {"type": "Exact", "value": "/metrics"}}
        ),
        "/metrics is let through",
    ),
    "a path left out": (
        lambda f: f("HTTPRoute", "precis-api")["rules"][0]["matches"].pop(0),
        "/v1/summarize is not let through",
    ),
}


def _complaints(cluster: Cluster, custom: bool) -> list[str]:
    found = [
        line for item in cluster.objects if not schemas.is_custom(item) for line in schemas.complaints(item, "1.36")
    ]
    if custom:
        found += schemas.custom_complaints([item for item in cluster.objects if schemas.is_custom(item)]) or []
    for check in CHECKS:
        try:
            found += [f"{check.__name__}: {line}" for line in check(cluster)]
        except (SettingsError, KeyError, IndexError, TypeError, ValueError) as error:
            found.append(f"{check.__name__} cannot read it: {error!r}")
    return found


def test_undamaged_nothing_is_complained_about() -> None:
    """What the damages below start from is good."""
    assert _complaints(Cluster(rendering.cluster(EVERYTHING).objects), custom=True) == []


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damage_is_noticed(damage: str) -> None:
    """The damage alone makes the complaint."""
    change, complaint = DAMAGES[damage]
    objects = copy.deepcopy(rendering.cluster(EVERYTHING).objects)
    change(Found(objects))
    custom = "KEDA" in damage or "route" in damage
    if custom and schemas.custom_complaints([]) is None:
        pytest.skip("npm is not installed")
    found = _complaints(Cluster(objects), custom)
    assert [line for line in found if complaint in line], found[:5]


@pytest.mark.parametrize(
    ("policy", "change", "opened"),
    [
        ("precis-model", lambda spec: spec["ingress"][1].pop("ports"), "prometheus > model 50051"),
        ("precis-model", lambda spec: spec["ingress"][0].pop("from"), "stranger > model 50051"),
        ("precis-api", lambda spec: spec["ingress"][0]["from"][0].update(namespaceSelector={}), "stranger > api 8080"),
        ("precis-dns", lambda spec: spec["egress"][0].pop("to"), "api > internet 53"),
        ("precis-dns", lambda spec: spec["egress"][0]["to"][0].pop("podSelector"), "api > kube-system pod 53"),
        (
            "precis-models",
            lambda spec: spec["egress"][0]["to"][0]["ipBlock"].pop("except"),
            "models > cloud metadata 443",
        ),
        ("precis-default-deny", lambda spec: spec.update(podSelector={"matchLabels": {"app": "x"}}), None),
    ],
)
def test_a_hole_in_a_policy_is_seen(policy: str, change: Callable[[Any], object], opened: str | None) -> None:
    """The table changes where a policy is damaged; the last damage is covered by the policies beside it."""
    before = rendering.cluster(EVERYTHING)
    objects = copy.deepcopy(before.objects)
    change(Found(objects)("NetworkPolicy", policy))
    more = table(Cluster(objects), [*peers_of(before), *OTHERS], PORTS) - table(
        before, [*peers_of(before), *OTHERS], PORTS
    )
    assert opened in more if opened else more == set()
