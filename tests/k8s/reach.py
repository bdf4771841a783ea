"""Who can talk to whom: NetworkPolicies evaluated as the API describes them.

Source: Kubernetes documentation, concepts/services-networking/network-policies. A pod that no policy selects for a
direction is open in it; one that is selected may do what any of its policies allows. A connection needs the egress of
its source and the ingress of its destination. Traffic of the node to its own pods, probes among it, is always allowed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.k8s.cluster import Cluster, matches

OURS = "precis"


@dataclass(frozen=True)
class Peer:
    """Something with an address.

    Attributes:
        name: for tables.
        namespace: of a pod; empty for what is no pod.
        labels: of a pod.
        namespace_labels: of its namespace, its name excluded.
        address: of what is no pod.
    """

    name: str
    namespace: str = ""
    labels: dict[str, str] = field(default_factory=dict, hash=False)
    namespace_labels: dict[str, str] = field(default_factory=dict, hash=False)
    address: str = ""

    @property
    def is_precis(self) -> bool:
        """Whether it is one of the service's own pods."""
        return self.namespace == OURS and self.labels.get("app.kubernetes.io/name") == "precis"

    @property
    def all_namespace_labels(self) -> dict[str, str]:
        """With the one that every namespace has."""
        return {"kubernetes.io/metadata.name": self.namespace, **self.namespace_labels}


def peers_of(cluster: Cluster) -> list[Peer]:
    """The pods of a rendering, as if applied to a namespace of their own."""
    return [Peer(workload.component, OURS, workload.labels) for workload in cluster.workloads]


def reachable(cluster: Cluster, source: Peer, target: Peer, port: int, protocol: str = "TCP") -> bool:
    """Whether a connection is allowed."""
    out = _rules(cluster, source, "egress")
    into = _rules(cluster, target, "ingress")
    return (out is None or any(_allows(rule, "to", target, port, protocol) for rule in out)) and (
        into is None or any(_allows(rule, "from", source, port, protocol) for rule in into)
    )


def table(cluster: Cluster, peers: Iterable[Peer], ports: Iterable[tuple[int, str]]) -> set[str]:
    """All that is allowed from or to our pods, as `source > target port`."""
    everybody, all_ports = list(peers), list(ports)
    return {
        f"{source.name} > {target.name} {port}{'' if protocol == 'TCP' else '/' + protocol}"
        for source in everybody
        for target in everybody
        for port, protocol in all_ports
        if source is not target
        and (source.is_precis or target.is_precis)
        and reachable(cluster, source, target, port, protocol)
    }


def _rules(cluster: Cluster, peer: Peer, direction: str) -> list[dict[str, Any]] | None:
    """The rules of all policies that select a pod for a direction; None where none does."""
    if peer.namespace != OURS:
        return None
    found: list[dict[str, Any]] | None = None
    for policy in cluster.of("NetworkPolicy"):
        spec = policy["spec"]
        types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])]
        if direction.capitalize() in types and matches(spec["podSelector"], peer.labels):
            found = [*(found or []), *(spec.get(direction) or [])]
    return found


def _allows(rule: dict[str, Any], key: str, peer: Peer, port: int, protocol: str) -> bool:
    """Whether a rule allows a peer and a port; without peers it allows all, and so without ports."""
    return (key not in rule or any(_is(entry, peer) for entry in rule[key])) and (
        "ports" not in rule or any(_opens(entry, port, protocol) for entry in rule["ports"])
    )


def _is(entry: dict[str, Any], peer: Peer) -> bool:
    if "ipBlock" in entry:
        block = entry["ipBlock"]
        if not peer.address:  # addresses of pods are not what such rules are for, and plugins differ on it
            return False
        address = ipaddress.ip_address(peer.address)
        return address in ipaddress.ip_network(block["cidr"]) and not any(
            address in ipaddress.ip_network(item) for item in block.get("except", [])
        )
    if not peer.namespace:
        return False
    here = matches(entry["namespaceSelector"], peer.all_namespace_labels) if "namespaceSelector" in entry else None
    if here is None:
        here = peer.namespace == OURS
    return here and matches(entry.get("podSelector", {}), peer.labels)


def _opens(entry: dict[str, Any], port: int, protocol: str) -> bool:
    if entry.get("protocol", "TCP") != protocol:
        return False
    first = entry.get("port")
    return first is None or first <= port <= entry.get("endPort", first)
