"""What `kubectl kustomize` makes of overlays and components, alone and together."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import yaml

from scripts import k8s_tools
from tests.k8s.cluster import Cluster

ROOT = Path(__file__).resolve().parents[2]
K8S = ROOT / "k8s"
OVERLAYS = tuple(sorted(path.name for path in (K8S / "overlays").iterdir()))
COMPONENTS = tuple(sorted(path.name for path in (K8S / "components").iterdir() if any(path.iterdir())))

# Overlays with a namespace of their own: whatever is added to them has to name it too.
NAMESPACE = {"example": "precis"}
# Components that patch what another one brings.
NEEDS = {"webhooks": ("jobs",), "keda-jobs": ("jobs",)}
# Components whose queries name the namespace, by the lines of docs/KUBERNETES.md.
ASKING = {"keda", "keda-jobs"}
# What an overlay has already; the same twice is refused.
HAS = {"cpu": {"models"}, "gpu": {"models"}, "example": {"keys", "redis", "gateway"}}
# Models are for the profiles that load them; the remote engine changes images by their first name.
NOT_WITH = {"embedded": {"models"}, "example": {"models", "remote"}}

# Where each two components are tried together; how they meet does not depend on the overlay.
PAIRS_ON = "embedded"

Combination = tuple[str, ...]


def _with_needs(names: tuple[str, ...]) -> tuple[str, ...]:
    """Components in an order in which each comes after what it needs."""
    wanted = [needed for name in names for needed in (*NEEDS.get(name, ()), name)]
    return tuple(dict.fromkeys(wanted))


def combinations_of(overlay: str) -> list[Combination]:
    """The overlay alone, with each component, with all in either order; the first overlay also with each two."""
    free = [name for name in COMPONENTS if name not in HAS.get(overlay, set()) | NOT_WITH.get(overlay, set())]
    pairs = combinations(free, 2) if overlay == PAIRS_ON else ()
    chosen: list[Combination] = [(), *((name,) for name in free), *pairs, tuple(free), tuple(free[::-1])]
    return list(dict.fromkeys((overlay, *_with_needs(names)) for names in chosen))


ALL: tuple[Combination, ...] = tuple(names for overlay in OVERLAYS for names in combinations_of(overlay))
# The overlays as they are, and with everything.
MAIN: tuple[Combination, ...] = tuple(
    names for overlay in OVERLAYS for names in (combinations_of(overlay)[0], combinations_of(overlay)[-1])
)


def name_of(combination: Combination) -> str:
    """For test ids."""
    return "+".join(combination)


def namespace_lines(combination: Combination) -> list[str]:
    """What the outermost file says about the namespace: nothing, its name, or also how queries are bound to it."""
    overlay, *components = combination
    asking = bool(ASKING & set(components))
    name = NAMESPACE.get(overlay, "newsroom" if asking else "")
    return [f"namespace: {name}"] * bool(name) + [binding()] * asking


@cache
def binding() -> str:
    """The lines of docs/KUBERNETES.md that bind KEDA's queries to the namespace."""
    page = (ROOT / "docs/KUBERNETES.md").read_text("utf-8")
    (found,) = [block for block in re.findall(r"```yaml\n(.*?)```", page, re.S) if "kind: ScaledObject" in block]
    return found.rstrip("\n")


@cache
def text(combination: Combination, extra: str = "") -> str:
    """The rendered YAML.

    Args:
        combination: an overlay and components.
        extra: more lines for the kustomization.
    """
    overlay, *components = combination
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        lines = ["apiVersion: kustomize.config.k8s.io/v1beta1", "kind: Kustomization", "resources:"]
        lines.append(f"  - {os.path.relpath(K8S / 'overlays' / overlay, folder)}")
        lines += namespace_lines(combination)
        lines += ["components:"] if components else []
        lines += [f"  - {os.path.relpath(K8S / 'components' / component, folder)}" for component in components]
        (folder / "kustomization.yaml").write_text("\n".join(lines) + "\n" + extra, "utf-8")
        return kustomize(folder)


def kustomize(folder: Path) -> str:
    """What kubectl makes of a folder; its complaint when it makes nothing fails the test."""
    done = subprocess.run(
        [k8s_tools.kubectl(), "kustomize", folder], capture_output=True, text=True, timeout=60,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def parse(rendered: str) -> list[dict[str, Any]]:
    """The objects of a rendered text, new ones at each call."""
    return [document for document in yaml.load_all(rendered, yaml.CSafeLoader) if document]


@cache
def cluster(combination: Combination) -> Cluster:
    """The objects of a combination; not to be changed."""
    return Cluster(parse(text(combination)))
