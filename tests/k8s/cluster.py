"""Manifests as an operator thinks of them: workloads with pods, their environment, and who selects whom."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from service.config import Settings, load

Object = dict[str, Any]

POD_OWNERS = ("Deployment", "StatefulSet", "Job")
_UNITS = {"": 1, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def quantity(value: object) -> float:
    """A quantity of Kubernetes as a number.

    Raises:
        ValueError: it is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([mkMG]|[KMG]i)?", str(value))
    if not found:
        raise ValueError(f"{value!r} is no quantity")
    return float(found[1]) * _UNITS[found[2] or ""]


def matches(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector selects these labels; an empty one selects all, None nothing."""
    if selector is None:
        return False
    wanted: Mapping[str, str] = selector.get("matchLabels") or {}
    return wanted.items() <= labels.items() and all(
        _fits(term, labels) for term in selector.get("matchExpressions") or []
    )


def _fits(term: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value, values = labels.get(term["key"]), term.get("values", [])
    answers = {
        "In": value in values,
        "NotIn": value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }
    return answers[term["operator"]]


@dataclass(frozen=True)
class Workload:
    """What makes pods."""

    object: Object

    @property
    def kind(self) -> str:
        """Deployment, StatefulSet or Job."""
        return str(self.object["kind"])

    @property
    def name(self) -> str:
        """Of the object."""
        return str(self.object["metadata"]["name"])

    @property
    def spec(self) -> Object:
        """Of the object."""
        spec: Object = self.object["spec"]
        return spec

    @property
    def labels(self) -> dict[str, str]:
        """Of its pods."""
        return dict(self.spec["template"]["metadata"].get("labels") or {})

    @property
    def component(self) -> str:
        """Which part of the service its pods are."""
        return self.labels.get("app.kubernetes.io/component", "")

    @property
    def pod(self) -> Object:
        """Specification of its pods."""
        pod: Object = self.spec["template"]["spec"]
        return pod

    @property
    def container(self) -> Object:
        """The container that does the work."""
        (container,) = self.pod["containers"]
        return dict(container)

    @property
    def containers(self) -> list[Object]:
        """All, those of the start first."""
        return [*self.pod.get("initContainers", []), *self.pod["containers"]]

    @property
    def ours(self) -> bool:
        """Whether its image is the service's."""
        return all(image_name(container).startswith("precis") for container in self.containers)

    def ports(self) -> dict[str, int]:
        """Container ports by name."""
        return {port["name"]: port["containerPort"] for port in self.container.get("ports", [])}


def image_name(container: Object) -> str:
    """Last part of an image's name, without its tag."""
    return str(container["image"]).rpartition("/")[2].partition(":")[0]


class Cluster:
    """All objects of a rendering."""

    def __init__(self, objects: list[Object]) -> None:
        self.objects = objects

    def of(self, *kinds: str) -> list[Object]:
        """Objects of some kinds."""
        return [item for item in self.objects if item["kind"] in kinds]

    def named(self, kind: str, name: str) -> Object | None:
        """One object, or None."""
        return next((item for item in self.of(kind) if item["metadata"]["name"] == name), None)

    @cached_property
    def workloads(self) -> list[Workload]:
        """Everything that makes pods."""
        return [Workload(item) for item in self.of(*POD_OWNERS)]

    def workload(self, component: str) -> Workload:
        """The workload of a component that serves."""
        (found,) = [item for item in self.workloads if item.component == component]
        return found

    def has(self, component: str) -> bool:
        """Whether there is a workload of this component."""
        return any(item.component == component for item in self.workloads)

    def selected(self, selector: Mapping[str, Any] | None) -> set[str]:
        """Names of the workloads whose pods a label selector selects."""
        return {item.name for item in self.workloads if matches(selector, item.labels)}

    def environment(self, container: Object) -> dict[str, str]:
        """Variables of a container, as the kubelet would set them.

        Raises:
            KeyError: a ConfigMap that does not exist.
        """
        maps = {item["metadata"]["name"]: item.get("data", {}) for item in self.of("ConfigMap")}
        found: dict[str, str] = {}
        for source in container.get("envFrom", []):
            found |= maps[source["configMapRef"]["name"]]
        for entry in container.get("env", []):
            found[entry["name"]] = str(entry.get("value", "precis-worker-0"))
        return found

    def settings(self, container: Object) -> Settings:
        """What the process reads from its environment.

        Raises:
            SettingsError: it would not start.
            KeyError: a ConfigMap that does not exist.
        """
        return load(self.environment(container))

    def pods(self) -> Iterator[tuple[Workload, Object]]:
        """Each container with its workload."""
        for workload in self.workloads:
            for container in workload.containers:
                yield workload, container
