"""Who can talk to whom, as a table: what is not in it is refused."""

from __future__ import annotations

import pytest

from tests.k8s import rendering
from tests.k8s.cluster import Cluster
from tests.k8s.reach import OURS, Peer, peers_of, reachable, table
from tests.k8s.rendering import ALL, Combination, name_of

pytestmark = pytest.mark.k8s

ALLOWED = {"precis-client": "allowed"}
OTHERS = (
    Peer("labelled neighbour", OURS, {"app": "shop", **ALLOWED}),
    Peer("neighbour", OURS, {"app": "shop"}),
    Peer("client", "newsroom", {"app": "reader"}, ALLOWED),
    Peer("stranger", "shop", {"app": "shop", **ALLOWED}),  # a label on a pod elsewhere opens nothing
    Peer("prometheus", "monitoring", {"app.kubernetes.io/name": "prometheus"}),
    Peer("dns", "kube-system", {"k8s-app": "kube-dns"}),
    Peer("node dns", address="169.254.20.10"),
    Peer("kube-system pod", "kube-system", {"app": "metrics-server"}),
    Peer("postgresql", "databases", {"app.kubernetes.io/name": "postgresql"}),
    Peer("gateway", "gateway-system", {"app": "envoy"}),
    Peer("ingress", "ingress-nginx", {"app": "nginx"}),
    Peer("llm", "llm", {"app": "vllm"}),
    Peer("internet", address="93.184.216.34"),
    Peer("internet 6", address="2606:2800:220:1::1"),
    Peer("cloud metadata", address="169.254.169.254"),
    Peer("private network", address="10.1.2.3"),
)
PORTS = (
    *((port, "TCP") for port in (22, 53, 80, 443, 5432, 6379, 6443, 8000, 8080, 8081, 9090, 50051)),
    (53, "UDP"),
    (443, "UDP"),
)

BASE = {
    "client > api 8080",
    "labelled neighbour > api 8080",
    "prometheus > api 8081",
    "prometheus > model 8081",
    "api > model 50051",
}


def _dns(who: str) -> set[str]:
    return {f"{who} > {server} 53{protocol}" for server in ("dns", "node dns") for protocol in ("", "/UDP")}


ADDED: dict[str, set[str]] = {
    "gateway": {"gateway > api 8080"},
    "ingress": {"ingress > api 8080"},
    "jobs": {
        "api > postgresql 5432",
        "worker > postgresql 5432",
        "worker > model 50051",
        "prometheus > worker 8081",
        *_dns("worker"),
    },
    "models": {"models > internet 443", "models > internet 6 443", *_dns("models")},
    "redis": {"api > redis 6379"},
    "redis-results": {"model > results 6379", *_dns("model")},
    "remote": {"model > llm 8000", *_dns("model")},
    "webhooks": {"worker > internet 443", "worker > internet 6 443"},
}
OVERLAY: dict[str, tuple[str, ...]] = {"cpu": ("models",), "gpu": ("models",), "example": ("keys", "redis", "gateway")}


def _seen(cluster: Cluster) -> set[str]:
    return table(cluster, [*peers_of(cluster), *OTHERS], PORTS)


@pytest.mark.parametrize("combination", ALL, ids=name_of)
def test_only_what_is_needed_is_reachable(combination: Combination) -> None:
    """Every connection that policies allow is in the table, and every one in the table is allowed."""
    overlay, *components = combination
    wanted = BASE | _dns("api")
    for component in (*OVERLAY.get(overlay, ()), *components):
        wanted |= ADDED.get(component, set())
    seen = _seen(rendering.cluster(combination))
    if overlay == "example":
        # A neighbour in this namespace has nowhere to go, so its label helps it only where its own policy lets it out.
        wanted.discard("labelled neighbour > api 8080")
    assert seen == wanted


def test_the_model_process_reaches_nobody() -> None:
    """Articles have no way out of the pods that read them, not even by a name that is looked up."""
    cluster = rendering.cluster(("cpu",))
    (model,) = [peer for peer in peers_of(cluster) if peer.name == "model"]
    assert [peer.name for peer in OTHERS for port, how in PORTS if reachable(cluster, model, peer, port, how)] == []


def test_without_policies_everything_is_open() -> None:
    """The evaluator itself: what no policy selects is open, so that a table of a closed cluster says something."""
    found = rendering.cluster(("embedded",))
    opened = Cluster([item for item in found.objects if item["kind"] != "NetworkPolicy"])
    seen = _seen(opened)
    assert {"stranger > api 22", "model > internet 443", "api > cloud metadata 80"} <= seen


@pytest.mark.parametrize(
    ("spec", "allowed"),
    [
        ({"policyTypes": ["Ingress"]}, False),
        ({"policyTypes": ["Egress"]}, True),
        ({"ingress": [{}]}, True),
        ({"ingress": [{"ports": [{"port": 8080}]}]}, True),
        ({"ingress": [{"ports": [{"port": 8000, "endPort": 8100}]}]}, True),
        ({"ingress": [{"ports": [{"port": 8080, "protocol": "UDP"}]}]}, False),
        ({"ingress": [{"from": [{"podSelector": {}}]}]}, False),
        ({"ingress": [{"from": [{"namespaceSelector": {}}]}]}, True),
        ({"ingress": [{"from": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "other"}}}]}]}, False),
        ({"ingress": [{"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]}, False),
    ],
)
def test_policies_are_evaluated_as_the_api_says(spec: dict[str, object], allowed: bool) -> None:
    """One policy at a time, from a pod of another namespace to port 8080."""
    workload = rendering.cluster(("embedded",)).workload("api").object
    policy = {"kind": "NetworkPolicy", "metadata": {"name": "one"}, "spec": {"podSelector": {}, **spec}}
    cluster = Cluster([workload, policy])
    (api,) = peers_of(cluster)
    assert reachable(cluster, Peer("reader", "newsroom", {"app": "reader"}), api, 8080) is allowed
