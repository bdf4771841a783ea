"""What rules and dashboard say, for tests: their expressions, and the series and labels these need."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "k8s/components/monitoring"

# What Prometheus adds to a series by where it was scraped.
OF_TARGET = frozenset({"namespace", "pod", "job", "instance", "container", "le"})

_NAME = re.compile(r"\bprecis[_:][a-z0-9_:]+")
_SELECTOR = re.compile(r"\b(precis[_:][a-z0-9_:]+)\s*\{([^}]*)\}")
_MATCHER = re.compile(r'([a-z_]+)\s*(?:=~|!~|!=|=)\s*"')
_GROUPING = re.compile(r"\b(?:by|on|without|ignoring|group_left|group_right)\s*\(([^)]*)\)")


def rules() -> dict[str, Any]:
    """The groups of rules as Prometheus takes them, without the operator's frame."""
    found: dict[str, Any] = yaml.safe_load((FOLDER / "rules.yaml").read_text("utf-8"))["spec"]
    return found


def each_rule(kind: str) -> Iterator[dict[str, Any]]:
    """Every rule of a kind: `alert` or `record`."""
    for group in rules()["groups"]:
        yield from (rule for rule in group["rules"] if kind in rule)


def dashboard_expressions() -> list[tuple[str, str]]:
    """(title, expression) of every line of the dashboard; a window of a rate stands for Grafana's own."""
    panels = json.loads((FOLDER / "dashboard.json").read_text("utf-8"))["panels"]
    return [
        (panel["title"], target["expr"].replace("$__rate_interval", "5m").replace("$namespace", ".*"))
        for panel in panels
        for target in panel.get("targets", ())
    ]


def expressions() -> list[tuple[str, str]]:
    """(where, expression) of everything that asks for series."""
    told = [
        (rule.get("alert") or rule["record"], rule["expr"]) for kind in ("alert", "record") for rule in each_rule(kind)
    ]
    return told + dashboard_expressions()


def series_in(expression: str) -> set[str]:
    """The names of series an expression asks for."""
    return set(_NAME.findall(re.sub(r'"[^"]*"', '""', expression)))


def labels_in(expression: str) -> tuple[dict[str, set[str]], set[str]]:
    """The labels it picks by, for each series, and those that it groups by."""
    picked: dict[str, set[str]] = {}
    for name, matchers in _SELECTOR.findall(expression):
        picked.setdefault(name, set()).update(_MATCHER.findall(matchers))
    grouped = {label.strip() for labels in _GROUPING.findall(expression) for label in labels.split(",")}
    return picked, grouped - {""}
