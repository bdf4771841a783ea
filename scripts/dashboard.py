"""The Grafana dashboard, from the panels in `dashboard.toml`: `python -m scripts.dashboard [--write]`.

`--write` makes `k8s/components/monitoring/dashboard.json`; a test holds that it is current.
"""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

PANELS = Path(__file__).with_suffix(".toml")
FILE = Path(__file__).resolve().parents[1] / "k8s/components/monitoring/dashboard.json"
SHORT = {"$N": 'namespace=~"$namespace"', "$R": "$__rate_interval"}
WIDTH, HEIGHT, COLUMNS = 8, 8, 3


def dashboard() -> dict[str, Any]:
    """The dashboard as Grafana reads it."""
    panels: list[dict[str, Any]] = []
    top = 0
    for row in tomllib.loads(PANELS.read_text("utf-8"))["rows"]:
        place = {"x": 0, "y": top, "w": WIDTH * COLUMNS, "h": 1}
        head = {"type": "row", "title": row["title"], "gridPos": place, "collapsed": False, "panels": []}
        panels.append({"id": len(panels) + 1} | head)
        top += 1
        for index, panel in enumerate(row["panels"]):
            x, y = index % COLUMNS * WIDTH, top + index // COLUMNS * HEIGHT
            panels.append(_drawn(panel, len(panels) + 1, {"x": x, "y": y, "w": WIDTH, "h": HEIGHT}))
        top += -(-len(row["panels"]) // COLUMNS) * HEIGHT
    source = {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source"}
    namespace: dict[str, Any] = {
        "name": "namespace",
        "type": "query",
        "label": "Namespace",
        "datasource": {"uid": "$datasource"},
    }
    namespace |= {"query": "label_values(precis_build_info, namespace)", "refresh": 2}
    namespace |= {"includeAll": True, "allValue": ".*", "multi": True}
    return {
        "uid": "precis",
        "title": "Précis",
        "tags": ["precis"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [source, namespace]},
        "panels": panels,
    }


def _drawn(panel: dict[str, Any], number: int, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": "timeseries",
        "title": panel["title"],
        "description": panel["meaning"],
        "datasource": {"type": "prometheus", "uid": "$datasource"},
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel["unit"], "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list"}, "tooltip": {"mode": "multi", "sort": "desc"}},
        "targets": [
            {"refId": chr(ord("A") + index), "expr": _spelled_out(expression), "legendFormat": legend}
            for index, (legend, expression) in enumerate(panel["lines"])
        ],
    }


def _spelled_out(expression: str) -> str:
    for short, long in SHORT.items():
        expression = expression.replace(short, long)
    return expression


def text() -> str:
    """The file."""
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        FILE.write_text(text(), encoding="utf-8")
    else:
        print(text(), end="")
