"""A real Prometheus scrapes a real service, loads the rules, and raises an alert when a model process dies."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.k8s import monitoring
from tests.process.service import LONG_S, ROOT, free_ports, wait_until

pytestmark = pytest.mark.heavy

ARTICLE = {"text": "The bridge is open again. It was closed for two years.", "language": "en"}


@contextmanager
def running(command: list[str], log: Path, env: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A process, ended by pid afterwards."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=out)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(LONG_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def role(name: str, folder: Path, **settings: object) -> tuple[list[str], Path, dict[str, str]]:
    """One role of the service as Kubernetes starts it."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("PRECIS_")}
    env |= {"PRECIS_ENGINES": "fake", "PRECIS_API_WORKERS": "1", "PRECIS_RUNTIME_DIR": str(folder / name)}
    env |= {f"PRECIS_{key.upper()}": str(value) for key, value in settings.items()}
    return [sys.executable, "-m", "service.cli", "serve", "--role", name], folder / f"{name}.log", env


def hurried(tmp_path: Path) -> Path:
    """The rules, with what must hold for minutes holding for a second."""
    rules = monitoring.rules()
    for group in rules["groups"]:
        group["interval"] = "500ms"
        for rule in group["rules"]:
            if "for" in rule:
                rule["for"] = "1s"
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules))
    return tmp_path / "rules.yml"


class Prometheus:
    """What one asks of it."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def get(self, path: str) -> Any:
        """The data of a reply, or None while it does not answer."""
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}", timeout=5) as reply:
                return json.load(reply)["data"]
        except OSError:
            return None

    def value(self, expression: str) -> float | None:
        """What an expression is now."""
        found = self.get(f"query?query={urllib.parse.quote(expression)}")
        return float(found["result"][0]["value"][1]) if found and found["result"] else None

    def firing(self) -> set[str]:
        """Names of the alerts that fire."""
        found = self.get("alerts") or {"alerts": []}
        return {alert["labels"]["alertname"] for alert in found["alerts"] if alert["state"] == "firing"}


def answered(port: int) -> bool:
    """The service summarizes."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/summarize", json.dumps(ARTICLE).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=LONG_S) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def test_prometheus_sees_a_model_process_die(tmp_path: Path) -> None:
    """Targets are up, all rules load, recorded series have values; then the model dies and stays away, and it fires."""
    binary = shutil.which("prometheus")
    if binary is None:
        pytest.skip("prometheus is not installed")
    api, api_management, grpc, model_management, own = free_ports(5)
    config = {
        "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"},
        "rule_files": [str(hurried(tmp_path))],
        "scrape_configs": [
            {
                "job_name": name,
                "static_configs": [{"targets": [f"127.0.0.1:{port}"], "labels": {"namespace": "n"}}],
            }
            for name, port in (("api", api_management), ("model", model_management))
        ],
    }
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    scraper = [
        binary,
        f"--config.file={tmp_path}/prometheus.yml",
        f"--storage.tsdb.path={tmp_path}/data",
        f"--web.listen-address=127.0.0.1:{own}",
    ]
    with ExitStack() as stack:
        address = f"127.0.0.1:{grpc}"
        model = stack.enter_context(
            running(*role("model", tmp_path, model_bind=address, management_port=model_management, port=grpc + 1000))
        )
        stack.enter_context(
            running(*role("api", tmp_path, model_address=address, management_port=api_management, port=api))
        )
        wait_until(lambda: answered(api), "a summary", 90)
        stack.enter_context(running(scraper, tmp_path / "prometheus.log"))
        prometheus = Prometheus(own)
        wait_until(lambda: prometheus.value("sum(up)") == 2, "both targets", 60)
        loaded = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
        assert len(loaded) == len([*monitoring.each_rule("alert"), *monitoring.each_rule("record")])
        wait_until(lambda: answered(api) and (prometheus.value("precis:slow:ratio_rate5m") is not None), "rules", 60)
        assert prometheus.value("sum(precis_model_ready)") == 1
        assert "PrecisNoModelReady" not in prometheus.firing()
        model.send_signal(signal.SIGKILL)
        model.wait(LONG_S)
        wait_until(lambda: "PrecisNoModelReady" in prometheus.firing(), "the alert", 60)
        assert not answered(api)
        # A rate is seen from the second failure on: the first one only makes the series.
        wait_until(
            lambda: not answered(api) and (prometheus.value("precis:errors:ratio_rate5m") or 0) > 0, "failures", 60
        )
        broken = [
            rule
            for group in prometheus.get("rules")["groups"]
            for rule in group["rules"]
            if rule["health"] not in ("ok", "unknown")
        ]
        assert broken == []
