"""Rules, alerts and dashboard ask only for series that there are, and each alert says what to do."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from scripts import dashboard, metrics_table
from tests.k8s import monitoring
from tests.k8s.monitoring import FOLDER, OF_TARGET, ROOT
from tests.process.service import Service, serving, wait_until

KNOWN = {sample: set(metric.labels) for metric in metrics_table.metrics() for sample in metric.samples}
RECORDED = {rule["record"]: rule for rule in monitoring.each_rule("record")}
ALERTS = {rule["alert"]: rule for rule in monitoring.each_rule("alert")}
# Only seen where something is broken, set up, or loaded that this run has not.
ELSEWHERE = {
    *("precis_redis_up", "precis_redis_failures_total", "precis_keys_reloads_total", "precis_limited_total"),
    *("precis_idempotent_requests_total", "precis_caller_requests_total", "precis_caller_seconds_total"),
    *("precis_remote_requests_total", "precis_remote_retries_total", "precis_remote_seconds_bucket"),
    *("precis_kv_bytes", "precis_step_tokens_total", "precis_step_part_seconds_sum", "precis_step_part_seconds_count"),
    # A store, a model that is full or away, a receiver of webhooks.
    *("precis_shared_results_total", "precis_shared_results_up"),
    *("precis_jobs_item_waits_total", "precis_jobs_webhooks_total"),
    *("precis_checks_total", "precis_degraded_total", "precis_unsupported_total", "precis_spans_total"),
}


@pytest.fixture
def promtool() -> str:
    """The tool that comes with Prometheus."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("prometheus is not installed")
    return found


@pytest.mark.parametrize(("where", "expression"), monitoring.expressions())
def test_series_and_labels_exist(where: str, expression: str) -> None:
    """Each series asked for is counted by the service or recorded, under the labels asked for."""
    names = monitoring.series_in(expression)
    assert names
    assert names - set(KNOWN) - set(RECORDED) == set()
    recorded = {"engine", "namespace"}
    own = {name: KNOWN.get(name, recorded) | OF_TARGET for name in names}
    picked, grouped = monitoring.labels_in(expression)
    assert {name: labels - own[name] for name, labels in picked.items() if labels - own[name]} == {}
    assert grouped <= set().union(*own.values())


def test_every_series_is_looked_at() -> None:
    """Each metric of the service is in a rule or on the dashboard; what nobody looks at is not counted."""
    asked = set().union(*(monitoring.series_in(expression) for _, expression in monitoring.expressions()))
    unseen = {metric.name for metric in metrics_table.metrics() if not asked & set(metric.samples)}
    assert unseen <= {"precis_processes", "precis_process_open_fds"}


def test_dashboard_and_table_are_current() -> None:
    """`python -m scripts.dashboard --write` and `python -m scripts.metrics_table --write` change nothing."""
    assert dashboard.text() == dashboard.FILE.read_text("utf-8")
    page = metrics_table.PAGE.read_text("utf-8")
    assert metrics_table.embedded(page) == page


@pytest.mark.parametrize("name", ALERTS)
def test_alerts_say_what_to_do(name: str) -> None:
    """Each alert has a severity, a summary, a description and a paragraph of its own in the operator's page."""
    alert = ALERTS[name]
    assert alert["labels"]["severity"] in ("critical", "warning", "info")
    told = alert["annotations"]
    assert told["summary"] and told["description"].endswith(".")
    path, _, anchor = told["runbook_url"].partition("#")
    headings = re.findall(r"^### (\w+)$\n\n(\S.*)$", (ROOT / path).read_text("utf-8"), re.M)
    assert anchor in {heading.lower() for heading, _ in headings}
    assert {heading for heading, _ in headings} == set(ALERTS)


def test_pods_are_scraped_where_they_listen() -> None:
    """The PodMonitor names the label and the port that pods of every role have."""
    monitor = yaml.safe_load((FOLDER / "scrape.yaml").read_text("utf-8"))
    wanted = monitor["spec"]["selector"]["matchLabels"]
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    for file in ("base/api.yaml", "base/model.yaml", "components/jobs/worker.yaml"):
        found = yaml.safe_load_all((ROOT / "k8s" / file).read_text("utf-8"))
        (pod,) = [one["spec"]["template"] for one in found if one["kind"] in ("Deployment", "StatefulSet")]
        assert wanted.items() <= pod["metadata"]["labels"].items()
        ports = [port["name"] for container in pod["spec"]["containers"] for port in container["ports"]]
        assert endpoint["port"] in ports


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with a worker of jobs."""
    with serving(jobs_database=f"sqlite:///{tmp_path_factory.mktemp('jobs')}/jobs.db") as made:
        yield made


def test_what_scalers_ask_for_is_there_before_any_work(service: Service) -> None:
    """A query that finds nothing is a failure for KEDA, so that an idle service must show what waits: nothing."""
    wanted = (b"precis_queue_oldest_seconds{", b"precis_queue_rows{", b"precis_jobs_items_waiting 0.0")
    for series in wanted:
        wait_until(lambda series=series: series in service.probe("/metrics").body, series.decode())  # type: ignore[misc]


def test_real_processes_show_what_is_known(service: Service) -> None:
    """What real processes show after work is what the table says, and holds all that rules ask for."""
    body = {"text": "The bridge is open again. It was closed for two years.", "translate_to": ["es"]}
    for _ in range(2):
        assert service.post("/v1/summarize", body).status == 200
    streamed = service.post("/v1/summarize", body, Accept="text/event-stream")
    assert streamed.status == 200 and b"event: result" in streamed.body
    job = service.post("/v1/jobs", {"task": "summarize", "request": {"text": "The bridge is open again."}})
    place = job.headers["location"]
    wait_until(lambda: bool(service.get(place).json["state"] == "succeeded"), "the job is done", 60)
    wait_until(lambda: b'precis_jobs_total{state="succeeded"}' in service.probe("/metrics").body, "it is counted")
    shown: dict[str, set[str]] = {}
    for line in service.probe("/metrics").body.decode().splitlines():
        if line.startswith("precis_"):
            name, labels = re.match(r"(\w+)(?:\{(.*)\})? \S+$", line).groups()  # type: ignore[union-attr]
            shown.setdefault(name, set()).update(re.findall(r'(\w+)="', labels or ""))
    assert set(shown) - set(KNOWN) == set()
    assert {name: labels for name, labels in shown.items() if labels - KNOWN[name] - {"le"}} == {}
    asked = set().union(*(monitoring.series_in(expression) for _, expression in monitoring.expressions()))
    faults = {"precis_process_restarts_total", "precis_refusals_total"}
    assert asked - set(shown) - set(RECORDED) - ELSEWHERE - faults == set()


@pytest.mark.heavy
def test_prometheus_understands_every_expression(promtool: str, tmp_path: Path) -> None:
    """The rules, and the dashboard's expressions put as rules, pass Prometheus' own check."""
    drawn = [
        {"record": f"panel:number{number}", "expr": expression}
        for number, (_, expression) in enumerate(monitoring.dashboard_expressions())
    ]
    file = tmp_path / "rules.yml"
    groups = [*monitoring.rules()["groups"], {"name": "dashboard", "rules": drawn}]
    file.write_text(yaml.safe_dump({"groups": groups}))
    done = subprocess.run([promtool, "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout


@pytest.mark.heavy
def test_alerts_fire_when_they_should(promtool: str, tmp_path: Path) -> None:
    """The cases of `alert_cases.yaml`, played by Prometheus' own tool; each alert has one where it fires."""
    cases = yaml.safe_load((Path(__file__).parent / "alert_cases.yaml").read_text("utf-8"))
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(monitoring.rules()))
    for case in cases["tests"]:
        for wanted in case["alert_rule_test"]:
            # Words are not repeated in the cases: what counts is what fires, and for whom.
            for one in wanted["exp_alerts"]:
                one.setdefault("exp_labels", {})["severity"] = ALERTS[wanted["alertname"]]["labels"]["severity"]
    fired = {one["alertname"] for case in cases["tests"] for one in case["alert_rule_test"] if one["exp_alerts"]}
    assert fired == set(ALERTS)
    bare = monitoring.rules()
    for group in bare["groups"]:
        for rule in group["rules"]:
            rule.pop("annotations", None)
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(bare))
    (tmp_path / "cases.yml").write_text(yaml.safe_dump(cases | {"rule_files": ["rules.yml"]}))
    done = subprocess.run(
        [promtool, "test", "rules", "cases.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
