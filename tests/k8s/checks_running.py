"""What must hold while pods run: probes, scaling, metrics, ways in. Checks as in `checks`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import cache

from scripts import metrics_table
from service.api.app import create_app
from service.config import Settings
from service.pipeline.pipeline import Pipeline
from service.serving.client import Client
from tests.k8s.checks import CHECKS as STATIC
from tests.k8s.checks import Check
from tests.k8s.cluster import Cluster, Object
from tests.k8s.pod_standard import hardened, restricted

PROBES = {"startupProbe", "livenessProbe", "readinessProbe"}
# For people and programs inside the cluster only.
INSIDE = ("/livez", "/readyz", "/metrics")


def probes_ask_what_answers(cluster: Cluster) -> Iterator[str]:
    """Every pod that serves has the three probes, on the port that user traffic cannot fill, at paths that it has."""
    for workload in cluster.workloads:
        if workload.kind == "Job":
            continue
        container = workload.container
        if not set(container) >= PROBES:
            yield f"{workload.name}: lacks {sorted(PROBES - set(container))}"
            continue
        for name in sorted(PROBES):
            probe = container[name]
            target = probe.get("httpGet") or probe.get("tcpSocket") or {}
            if target.get("port") not in workload.ports():
                yield f"{workload.name}: {name} asks port {target.get('port')}"
            if not workload.ours:
                continue
            wanted = {"/readyz"} if name == "readinessProbe" else {"/livez"}
            # The model process lives before it has loaded: its start ends when it is ready.
            wanted |= {"/readyz"} if name == "startupProbe" and workload.component == "model" else set()
            if target.get("port") != "management" or target.get("path") not in wanted:
                yield f"{workload.name}: {name} asks {target}"
        start = container["startupProbe"]
        # Measured: ready 4.2 s after start, 5 s more to quantize; a node may be slow, and a volume slower.
        if start["periodSeconds"] * start["failureThreshold"] < 60:
            yield f"{workload.name}: little time to start"


def one_scaler_decides(cluster: Cluster) -> Iterator[str]:
    """A workload has one autoscaler and no number of pods, or the reverse."""
    for workload in cluster.workloads:
        if workload.kind == "Job":
            continue
        scalers = [
            item
            for item in cluster.of("HorizontalPodAutoscaler", "ScaledObject")
            if item["spec"]["scaleTargetRef"]["name"] == workload.name
        ]
        if len(scalers) > 1 or bool(scalers) == ("replicas" in workload.spec):
            yield f"{workload.name}: {len(scalers)} autoscalers, replicas {workload.spec.get('replicas')}"
        if any("cpu" not in container["resources"].get("requests", {}) for container in workload.pod["containers"]):
            yield f"{workload.name}: no CPU request to scale by"


def scalers_find_their_target(cluster: Cluster) -> Iterator[str]:
    """Autoscalers name something that exists, keep at least one pod, and come down slowly."""
    for scaler in cluster.of("HorizontalPodAutoscaler", "ScaledObject"):
        spec, name = scaler["spec"], scaler["metadata"]["name"]
        target = spec["scaleTargetRef"]
        if cluster.named(target["kind"], target["name"]) is None or target["apiVersion"] != "apps/v1":
            yield f"{scaler['kind']} {name}: no {target['kind']} {target['name']}"
        least, most = _bounds(scaler)
        if not 1 <= least < most:
            yield f"{name}: from {least} to {most}"
        autoscaler = _autoscaler(scaler)
        if autoscaler.get("behavior", {}).get("scaleDown", {}).get("stabilizationWindowSeconds", 0) < 300:
            yield f"{name}: comes down at once"
        # An autoscaler of the same target that was applied before is taken over, not doubled.
        if scaler["kind"] == "ScaledObject" and target["kind"] == "Deployment":
            notes = scaler["metadata"].get("annotations", {})
            owned = notes.get("scaledobject.keda.sh/transfer-hpa-ownership") == "true"
            if not owned or autoscaler.get("name") != target["name"]:
                yield f"{name}: leaves the autoscaler that was there"


def bursts_are_answered(cluster: Cluster) -> Iterator[str]:
    """From the fewest pods to the most, by the policies, within two minutes of being wanted."""
    for scaler in cluster.of("HorizontalPodAutoscaler", "ScaledObject"):
        up = _autoscaler(scaler)["behavior"]["scaleUp"]
        pods, most = _bounds(scaler)
        took_s, period_s = 0, max(policy["periodSeconds"] for policy in up["policies"])
        while pods < most and took_s <= 600:
            added = max(
                policy["value"] if policy["type"] == "Pods" else math.ceil(pods * policy["value"] / 100)
                for policy in up["policies"]
            )
            pods += added
            took_s += period_s if pods < most else 0
        if took_s + up.get("stabilizationWindowSeconds", 0) > 120:
            yield f"{scaler['metadata']['name']}: {took_s} s until all pods are there"


def _bounds(scaler: Object) -> tuple[int, int]:
    """The fewest pods and the most, of either kind of scaler."""
    spec, suffix = scaler["spec"], "ReplicaCount" if scaler["kind"] == "ScaledObject" else "Replicas"
    return spec[f"min{suffix}"], spec[f"max{suffix}"]


def _autoscaler(scaler: Object) -> Object:
    """What Kubernetes' autoscaler is told: all of its own kind, a part of KEDA's."""
    spec: Object = scaler["spec"]
    if scaler["kind"] == "ScaledObject":
        spec = spec.get("advanced", {}).get("horizontalPodAutoscalerConfig", {})
    return spec


def fallbacks_never_lower(cluster: Cluster) -> Iterator[str]:
    """Without its source of metrics a scaler keeps what is there, and no answer counts as none, not as a load of 0."""
    for scaler in cluster.of("ScaledObject"):
        spec, name = scaler["spec"], scaler["metadata"]["name"]
        fallback = spec.get("fallback", {})
        if fallback.get("behavior") != "currentReplicasIfHigher":
            yield f"{name}: falls back to {fallback.get('replicas')} pods, however many there are"
        least, most = _bounds(scaler)
        if not least <= fallback.get("replicas", 0) <= most:
            yield f"{name}: falls back to {fallback.get('replicas')} pods"
        for trigger in _asking(scaler):
            if trigger["metadata"].get("ignoreNullValues") != "false":
                yield f"{name}/{trigger['name']}: takes no answer for a load of 0"
            if trigger["metricType"] != "AverageValue":
                yield f"{name}/{trigger['name']}: no fallback for {trigger['metricType']}"


def queries_stay_in_their_namespace(cluster: Cluster) -> Iterator[str]:
    """Whatever series a scaler asks for, it asks for those of its own installation."""
    for scaler in cluster.of("ScaledObject"):
        space = scaler["metadata"].get("namespace")
        for trigger in _asking(scaler):
            for series, matchers in re.findall(r"(precis_\w+)(\{[^}]*\})?", trigger["metadata"]["query"]):
                if not space or f'namespace="{space}"' not in matchers:
                    yield f"{scaler['metadata']['name']}: {series}{matchers} in namespace {space}"


def _asking(scaler: Object) -> list[Object]:
    return [trigger for trigger in scaler["spec"]["triggers"] if trigger["type"] == "prometheus"]


def queries_ask_for_series_that_exist(cluster: Cluster) -> Iterator[str]:
    """Every series in a query, rule or dashboard is one that the code has."""
    for item in cluster.objects:
        for series in sorted(_series_asked(item)):
            if series not in _series():
                yield f"{item['kind']} {item['metadata']['name']}: no series {series}"


def _series_asked(item: Object) -> set[str]:
    if item["kind"] == "ScaledObject":
        queries = [trigger["metadata"].get("query", "") for trigger in item["spec"]["triggers"]]
    elif item["kind"] == "PrometheusRule":
        # Names with a colon are recorded by rules.
        queries = [rule["expr"] for group in item["spec"]["groups"] for rule in group["rules"]]
    else:
        return set()
    text = re.sub(r'"[^"]*"', "", "\n".join(map(str, queries)))
    return set(re.findall(r"(?<![\w:])precis_\w+(?!\w*:)", text))


@cache
def _series() -> frozenset[str]:
    return frozenset(sample for metric in metrics_table.metrics() for sample in metric.samples)


def ways_in_lead_to_the_api(cluster: Cluster) -> Iterator[str]:
    """Paths of gateways are paths of the API, all of its own and none of probes and metrics, on its Service's port."""
    service = cluster.named("Service", "precis-api")
    ports = {port["port"] for port in service["spec"]["ports"] if port["name"] == "http"} if service else set()
    for item in cluster.of("HTTPRoute", "Ingress"):
        rules = list(_path_rules(item))
        for kind, path, backend in rules:
            if backend not in ({"precis-api", port} for port in (*ports, "http")):
                yield f"{item['kind']}: {path} leads to {backend}"
            if not any(_under(kind, path, known) for known in _paths()):
                yield f"{item['kind']}: {path} is no path of the API"
        for known in _paths():
            through = any(_under(kind, path, known) for kind, path, _ in rules)
            if through == (known in INSIDE):
                yield f"{item['kind']}: {known} is {'' if through else 'not '}let through"


def _path_rules(item: Object) -> Iterator[tuple[str, str, set[object]]]:
    for rule in item["spec"]["rules"]:
        if item["kind"] == "HTTPRoute":
            (backend,) = rule["backendRefs"]
            for match in rule["matches"]:
                yield match["path"]["type"], match["path"]["value"], {backend["name"], backend["port"]}
        else:
            for path in rule["http"]["paths"]:
                target = path["backend"]["service"]
                port = target["port"].get("name", target["port"].get("number"))
                yield path["pathType"], path["path"], {target["name"], port}


def _under(kind: str, rule: str, path: str) -> bool:
    return path == rule or (kind != "Exact" and path.startswith(rule.rstrip("/") + "/"))


@cache
def _paths() -> frozenset[str]:
    """Paths of the API in its own dialect."""
    settings = Settings()
    app = create_app(settings, Pipeline(Client("unix:/nowhere"), settings), draining=lambda: False, live=lambda: True)
    return frozenset(rule.rule for rule in app.url_map.iter_rules() if not rule.rule.startswith("/static"))


CHECKS: tuple[Check, ...] = (
    *STATIC,
    restricted,
    hardened,
    probes_ask_what_answers,
    one_scaler_decides,
    scalers_find_their_target,
    bursts_are_answered,
    fallbacks_never_lower,
    queries_stay_in_their_namespace,
    queries_ask_for_series_that_exist,
    ways_in_lead_to_the_api,
)
