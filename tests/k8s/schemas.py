"""Validation as an API server does it: by the schemas of its version, with unknown fields refused."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import jsonschema_rs

from scripts import k8s_tools
from tests.k8s.cluster import Object, quantity

# The versions of Kubernetes that get patches.
VERSIONS = ("1.35", "1.36", "1.37")
CUSTOM = ("keda.sh/", "gateway.networking.k8s.io/", "monitoring.coreos.com/")

_DNS_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?)?")
_LABEL_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?")


def is_custom(item: Object) -> bool:
    """Whether an object's kind is defined by somebody else than Kubernetes."""
    return str(item["apiVersion"]).startswith(CUSTOM)


def complaints(item: Object, version: str) -> list[str]:
    """What a server of this version would say to an object of Kubernetes' own kinds."""
    where = f"{item['kind']} {item['metadata']['name']}"
    validator = _validator(version, str(item["kind"]), str(item["apiVersion"]))
    if validator is None:
        return [f"{where}: {version} has no {item['apiVersion']}"]
    errors = [f"{where}: /{'/'.join(map(str, e.instance_path))}: {e.message}" for e in validator.iter_errors(item)]
    return [*errors, *(f"{where}: {line}" for line in _what_schemas_leave_out(item))]


@cache
def _validator(version: str, kind: str, api_version: str) -> Any:
    folder = k8s_tools.schemas() / f"v{version}.0-local-strict"
    group, _, revision = api_version.rpartition("/")
    group = group.partition(".")[0]
    path = folder / f"{kind.lower()}-{f'{group}-' if group else ''}{revision}.json"
    if not path.exists():
        return None
    definitions = _definitions(version)
    return jsonschema_rs.validator_for(json.loads(path.read_text("utf-8")), retriever=lambda _uri: definitions)


@cache
def _definitions(version: str) -> Any:
    folder = k8s_tools.schemas() / f"v{version}.0-local-strict"
    return json.loads((folder / "_definitions.json").read_text("utf-8"))


def _what_schemas_leave_out(item: Object) -> Iterator[str]:
    """Rules that a server has in its code: names, labels, quantities, ports."""
    if not _DNS_NAME.fullmatch(item["metadata"]["name"]):
        yield "no valid name"
    for path, value in _walk(item, ()):
        if path[-1:] == ("labels",) or path[-1:] == ("matchLabels",):
            for key, text in value.items():
                if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(str(text)) or not isinstance(text, str):
                    yield f"/{'/'.join(path)}: {key}: {text} is no label"
        if path[-2:-1] in (("requests",), ("limits",)) or path[-1:] == ("sizeLimit",):
            try:
                quantity(value)
            except ValueError as error:
                yield f"/{'/'.join(path)}: {error}"
        if path[-1:] in (("containerPort",), ("port",)) and isinstance(value, int) and not 0 < value < 65536:
            yield f"/{'/'.join(path)}: {value} is no port"


def _walk(value: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, value
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _walk(inner, (*path, str(name)))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _walk(inner, (*path, str(number)))


def custom_complaints(items: Sequence[Object]) -> list[str] | None:
    """What the validators of other projects say to custom resources; None where npm could not be had."""
    program = k8s_tools.validators()
    if program is None:
        return None
    done = subprocess.run(
        ["node", program], input=json.dumps(items), capture_output=True, text=True, timeout=120, cwd=program.parent
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [
        f"{item['kind']} {item['metadata']['name']}: {line}"
        for item, lines in zip(items, json.loads(done.stdout), strict=True)
        for line in lines
    ]
