"""The Pod Security Standard `restricted`, with `baseline`, which it contains.

Source: Kubernetes documentation, concepts/security/pod-security-standards.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.k8s.cluster import Cluster, Object

VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
    "image",
}
SYSCTLS = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
}
SELINUX_TYPES = {None, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
PROFILES = {"RuntimeDefault", "Localhost"}


def restricted(cluster: Cluster) -> Iterator[str]:
    """Every pod would be admitted into a namespace that enforces `restricted`."""
    for workload in cluster.workloads:
        yield from (f"{workload.name}: {line}" for line in pod_violations(workload.pod))


def hardened(cluster: Cluster) -> Iterator[str]:
    """Beyond the standard: no writable root, no token, no service links, an account of its own, numeric users."""
    for workload in cluster.workloads:
        pod = workload.pod
        account = cluster.named("ServiceAccount", pod.get("serviceAccountName", "default"))
        if account is None or pod.get("automountServiceAccountToken") is not False:
            yield f"{workload.name}: has a token, or an account that others have too"
        elif account.get("automountServiceAccountToken") is not False:
            yield f"{workload.name}: its account gives tokens"
        if pod.get("enableServiceLinks") is not False:
            yield f"{workload.name}: Kubernetes sets variables that look like settings"
        if workload.ours and pod["securityContext"].get("runAsUser") != 10001:
            yield f"{workload.name}: not the image's user"
        for container in workload.containers:
            if container["securityContext"].get("readOnlyRootFilesystem") is not True:
                yield f"{workload.name}/{container['name']}: writable root"


def pod_violations(pod: Object) -> Iterator[str]:
    """What of a pod the standard forbids."""
    context: dict[str, Any] = pod.get("securityContext") or {}
    yield from (name for name in ("hostNetwork", "hostPID", "hostIPC") if pod.get(name))
    yield from (f"sysctl {item['name']}" for item in context.get("sysctls", []) if item["name"] not in SYSCTLS)
    for volume in pod.get("volumes", []):
        yield from (f"volume of kind {kind}" for kind in set(volume) - {"name"} - VOLUMES)
    if context.get("runAsUser") == 0:
        yield "runs as root"
    containers = [*pod.get("initContainers", []), *pod["containers"], *pod.get("ephemeralContainers", [])]
    for container in containers:
        yield from (f"{container['name']}: {line}" for line in _container_violations(container, context))


def _container_violations(container: Object, pod: dict[str, Any]) -> Iterator[str]:
    own: dict[str, Any] = container.get("securityContext") or {}
    capabilities: dict[str, Any] = own.get("capabilities") or {}
    if own.get("privileged"):
        yield "privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "may gain privileges"
    if "ALL" not in capabilities.get("drop", []) or set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        yield "has capabilities"
    if own.get("runAsNonRoot", pod.get("runAsNonRoot")) is not True or own.get("runAsUser") == 0:
        yield "may run as root"
    seccomp = (own.get("seccompProfile") or pod.get("seccompProfile") or {}).get("type")
    if seccomp not in PROFILES:
        yield f"seccompProfile {seccomp}"
    if (own.get("appArmorProfile") or pod.get("appArmorProfile") or {"type": "RuntimeDefault"})["type"] not in PROFILES:
        yield "appArmorProfile"
    for options in (own.get("seLinuxOptions") or {}, pod.get("seLinuxOptions") or {}):
        if options.get("type") not in SELINUX_TYPES or options.get("user") or options.get("role"):
            yield "SELinux options"
    if own.get("procMount", "Default") != "Default" or (own.get("windowsOptions") or {}).get("hostProcess"):
        yield "host's processes"
    yield from _ways_out(container)


def _ways_out(container: Object) -> Iterator[str]:
    if any(port.get("hostPort") for port in container.get("ports", [])):
        yield "port of the host"
    hooks = container.get("lifecycle") or {}
    asked = [container.get(name) or {} for name in ("startupProbe", "livenessProbe", "readinessProbe")]
    for handler in [*asked, *hooks.values()]:
        if any((handler.get(kind) or {}).get("host") for kind in ("httpGet", "tcpSocket")):
            yield "a probe or hook that calls another host"
