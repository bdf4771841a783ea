"""Durable jobs with real processes: whatever is killed, every item has one result in the end."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from service.jobs.worker import DEAD_AFTER_S
from tests.jobs.test_webhook import Receiver, receiver  # noqa: F401 - a fixture
from tests.process.service import ROOT, Service, end, free_ports, serving, wait_until

pytestmark = pytest.mark.process

# Far above what an idle machine needs: workers start beside everything else that runs here.
START_S = 90.0
DONE_S = 120.0
TAKEOVER_S = 15.0
WORKER = "service.main_worker"
SLOW = "fake:steps={ms} fake:step_ms=1"


def items(count: int, ms: int = 1) -> dict[str, Any]:
    """A job whose items the fake engine works on for so many milliseconds each."""
    return {
        "items": [
            {
                "id": f"n{index}",
                "task": "summarize",
                "request": {"text": f"Bridge {index} opens today. fake:steps={ms} fake:step_ms=1."},
            }
            for index in range(count)
        ]
    }


def job(service: Service, place: str) -> Any:
    """The job as it stands."""
    return service.get(place).json


def submit(service: Service, body: object) -> str:
    """Where the job is told of."""
    reply = service.post("/v1/jobs", body)
    assert reply.status == 202, reply.body
    return reply.headers["location"]


def ended(service: Service, place: str) -> Any:
    """The job, once it has ended."""
    wait_until(lambda: job(service, place)["state"] in ("succeeded", "failed", "cancelled"), "the job ends", DONE_S)
    return job(service, place)


def check_all(service: Service, place: str, count: int) -> None:
    """Every item has exactly one good result, in order."""
    found = ended(service, place)
    assert (found["state"], found["progress"]) == ("succeeded", {"done": count, "failed": 0, "total": count})
    seen: list[Any] = []
    after = ""
    while True:
        page = service.get(f"{place}/results?limit=1000{after}").json
        seen += page["results"]
        if page["complete"]:
            break
        after = f"&after={page['next']}"
    assert [one["id"] for one in seen] == [f"n{index}" for index in range(count)]
    assert all(f"Bridge {index} " in one["result"]["summary"]["text"] for index, one in enumerate(seen))


@contextmanager
def background(**settings: object) -> Iterator[Service]:
    """A service with jobs, its worker ready."""
    with tempfile.TemporaryDirectory(prefix="precis-jobs-") as folder:
        given = {"state_dir": folder, "jobs_database": f"sqlite://{folder}/jobs.db", "log_level": "info", **settings}
        with serving(**given) as service:
            wait_until(lambda: '"worker ready"' in service.log.read_text(), "the worker is ready", START_S)
            yield service


def worker_pid(service: Service) -> int:
    """Process id of the worker that the supervisor started."""
    return service.children(WORKER)[-1]


@pytest.fixture(scope="module")
def shared() -> Iterator[Service]:
    """A service whose processes are killed again and again."""
    with background(fake_script="rows=8") as service:
        yield service


def test_a_job_is_done_in_the_background(shared: Service) -> None:
    """Accepted at once, done soon, counted."""
    place = submit(shared, items(30))
    check_all(shared, place, 30)
    wait_until(lambda: b"precis_jobs_items_waiting" in shared.probe("/metrics").body, "the gauge")
    page = shared.probe("/metrics").body.decode()
    assert 'precis_jobs_total{state="succeeded"}' in page
    assert 'precis_jobs_items_total{status="ok"}' in page


def test_a_killed_api_loses_nothing(shared: Service) -> None:
    """`kill -9` of every API process in the middle of a job of 1 000 items."""
    place = submit(shared, items(1000))
    wait_until(lambda: job(shared, place)["progress"]["done"] > 100, "a part is done", DONE_S)
    for pid in shared.children("gunicorn"):
        with suppress(ProcessLookupError):  # a worker ends with its master
            os.kill(pid, signal.SIGKILL)

    def back() -> bool:
        try:
            return shared.get(place).status == 200
        except OSError:
            return False

    wait_until(back, "the API is back", START_S)
    check_all(shared, place, 1000)


@pytest.mark.heavy
def test_a_killed_worker_goes_on_where_it_was(shared: Service) -> None:
    """`kill -9` twice: the supervisor starts another, which finds the work of the dead at once."""
    place = submit(shared, items(600))
    for part in (100, 300):
        wait_until(lambda part=part: job(shared, place)["progress"]["done"] > part, "a part is done", DONE_S)  # type: ignore[misc]
        pid = worker_pid(shared)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda pid=pid: set(shared.children(WORKER)) - {pid} != set(), "another worker", START_S)  # type: ignore[misc]
    check_all(shared, place, 600)


def test_cancelling_ends_the_work_at_once(shared: Service) -> None:
    """Rows leave the model process, and nothing is computed any more."""
    place = submit(shared, items(200, ms=60_000))
    wait_until(lambda: job(shared, place)["state"] == "running", "the job runs", DONE_S)
    started_s = time.monotonic()
    reply = shared.request("DELETE", place)
    assert (reply.status, reply.json["state"]) == (202, "cancelled")
    other = submit(shared, items(3))
    check_all(shared, other, 3)
    assert time.monotonic() - started_s < 30, "rows of a minute each were not waited for"
    assert job(shared, place)["progress"]["done"] == 0
    assert shared.request("DELETE", place).status == 200
    assert shared.get(place).status == 404


def test_requests_are_not_starved_by_jobs(shared: Service) -> None:
    """A request is answered while thousands of items wait."""
    place = submit(shared, items(2000, ms=20))
    wait_until(lambda: job(shared, place)["state"] == "running", "the job runs", DONE_S)
    assert (
        max(
            shared.post("/v1/summarize", {"text": f"Bridge {n} is open. fake:steps=20 fake:step_ms=1."}).took_s
            for n in range(5)
        )
        < 5
    )
    shared.request("DELETE", place)


@pytest.mark.heavy
def test_a_full_model_process_only_makes_items_wait() -> None:
    """No item fails as overloaded, however small the queue."""
    with background(fake_script="rows=1", max_queued_rows=2, jobs_concurrency=8) as service:
        place = submit(service, items(40, ms=20))
        check_all(service, place, 40)


@pytest.mark.heavy
def test_webhooks_are_delivered_over_restarts(receiver: Receiver, tmp_path: Path) -> None:  # noqa: F811
    """Tried again after failures, also by the worker that comes after the one that began."""
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    receiver.statuses = [500, 503]
    settings = {
        "webhook_hosts": f"127.0.0.1:{receiver.port}", "webhook_private": "true", "webhook_retry_s": 4,
        "webhook_secret_file": secret, "jobs_retention_s": 3600,
    }  # fmt: skip
    with background(**settings) as service:
        place = submit(service, items(2) | {"webhook": {"url": receiver.url}})
        wait_until(lambda: len(receiver.received) >= 1, "the first attempt", DONE_S)
        os.kill(worker_pid(service), signal.SIGKILL)
        wait_until(lambda: job(service, place)["webhook"]["state"] == "delivered", "it is delivered", DONE_S)
        assert job(service, place)["webhook"]["attempts"] >= 2
    assert len(receiver.received) >= 3
    headers, body = receiver.received[-1]
    assert headers["precis-job"] == json.loads(body)["id"] == place.rpartition("/")[2]
    assert json.loads(body)["state"] == "succeeded"


@pytest.mark.heavy
def test_expired_jobs_are_swept(tmp_path: Path) -> None:
    """Nothing is left of them in any table, the engine's included."""
    path = tmp_path / "jobs.db"
    with background(jobs_database=f"sqlite://{path}") as service:
        place = submit(service, items(3) | {"retain_s": 1})
        wait_until(lambda: service.get(place).status == 404, "it has expired", DONE_S)

        def left() -> int:
            with sqlite3.connect(path, timeout=30) as database:
                tables = ("precis_jobs", "precis_job_items", "precis_job_results", "workflow_status")
                return sum(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables)

        wait_until(lambda: left() == 0, "it is swept", DONE_S)


def test_a_service_without_a_writable_state_folder_still_has_jobs(tmp_path: Path) -> None:
    """They lie in the runtime folder then, and one line says so."""
    (tmp_path / "file").write_text("")
    with serving(jobs_database="", state_dir=tmp_path / "file" / "state") as service:
        assert service.log.read_text().count("PRECIS_STATE_DIR") == 1
        assert service.post("/v1/jobs", items(1)).status == 202, "also before the first worker is ready"


# ---- two workers ---------------------------------------------------------------------------------------------------


@contextmanager
def lone_worker(service: Service, database: str, **settings: object) -> Iterator[subprocess.Popen[str]]:
    """A worker of its own beside a service, as in a pod."""
    port, management = free_ports(2)
    with tempfile.TemporaryDirectory(prefix="precis-worker-") as folder:
        env = {name: value for name, value in os.environ.items() if not name.startswith("PRECIS_")}
        env |= {
            "PRECIS_PORT": str(port), "PRECIS_MANAGEMENT_PORT": str(management), "PRECIS_RUNTIME_DIR": folder,
            "PRECIS_JOBS_DATABASE": database, "PRECIS_WORKER_ID": f"worker-{port}",
            "PRECIS_MODEL_ADDRESS": service.settings["model_address"],
        }  # fmt: skip
        env |= {f"PRECIS_{name.upper()}": str(value) for name, value in settings.items()}
        log = Path(folder) / "log"
        with log.open("w") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "service.cli", "worker"], cwd=ROOT, env=env, stderr=errors, text=True
            )
        try:
            wait_until(lambda: '"worker ready"' in log.read_text(), "the worker is ready", START_S)
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
            end(process)


def takeover(service: Service, database: str, **settings: object) -> float:
    """Kill one of two workers for good in the middle of a job; seconds until its part gets on again."""
    settings = {"jobs_concurrency": 2, **settings}
    with lone_worker(service, database, **settings) as first:
        place = submit(service, items(90, ms=1000))
        wait_until(lambda: job(service, place)["progress"]["done"] >= 10, "the first worker has begun", DONE_S)
        with lone_worker(service, database, **settings | {"jobs_concurrency": 16}):
            first.kill()
            first.wait()
            killed_s = time.monotonic()
            before = job(service, place)["progress"]["done"]
            assert before < 90, "the job was not to be done yet"
            wait_until(lambda: job(service, place)["progress"]["done"] > before, "it is taken over", DONE_S)
            took_s = time.monotonic() - killed_s
            check_all(service, place, 90)
    print(f"taken over after {took_s:.1f} s")
    return took_s


@pytest.mark.heavy
def test_a_worker_lost_for_good_is_taken_over(tmp_path: Path) -> None:
    """Another one has its work within 15 seconds."""
    database = f"sqlite://{tmp_path}/jobs.db"
    with api_and_model(database) as service:
        took_s = takeover(service, database)
    assert DEAD_AFTER_S / 2 < took_s <= TAKEOVER_S, took_s


@pytest.mark.heavy
def test_a_worker_that_was_stopped_writes_nothing_over(tmp_path: Path) -> None:
    """Stopped, taken over and woken again, it learns that it lost its work, and ends."""
    database = f"sqlite://{tmp_path}/jobs.db"
    with api_and_model(database) as service, lone_worker(service, database, jobs_concurrency=2) as first:
        place = submit(service, items(60, ms=1000))
        wait_until(lambda: job(service, place)["progress"]["done"] >= 5, "the first worker has begun", DONE_S)
        with lone_worker(service, database, jobs_concurrency=16):
            first.send_signal(signal.SIGSTOP)
            assert job(service, place)["progress"]["done"] < 60, "the job was not to be done yet"
            check_all(service, place, 60)
            first.send_signal(signal.SIGCONT)
            assert first.wait(60) == 70
        check_all(service, place, 60)


@pytest.mark.heavy
def test_a_worker_that_is_told_to_end_hands_its_work_back(tmp_path: Path) -> None:
    """Exit status 0, and the next one goes on at once."""
    database = f"sqlite://{tmp_path}/jobs.db"
    with api_and_model(database) as service:
        with lone_worker(service, database, jobs_concurrency=2) as first:
            place = submit(service, items(60, ms=100))
            wait_until(lambda: job(service, place)["progress"]["done"] >= 5, "it has begun", DONE_S)
            first.send_signal(signal.SIGTERM)
            assert first.wait(60) == 0
            assert job(service, place)["progress"]["done"] < 60
        with lone_worker(service, database):
            check_all(service, place, 60)


@contextmanager
def api_and_model(database: str, **settings: object) -> Iterator[Service]:
    """The two roles that are no worker, as in two pods."""
    with tempfile.TemporaryDirectory(prefix="precis-model-") as folder:
        port, management = free_ports(2)
        env = {name: value for name, value in os.environ.items() if not name.startswith("PRECIS_")}
        env |= {
            "PRECIS_PORT": str(port), "PRECIS_MANAGEMENT_PORT": str(management), "PRECIS_RUNTIME_DIR": folder,
            "PRECIS_ENGINES": "fake", "PRECIS_FAKE_SCRIPT": "rows=8", "PRECIS_MODEL_BIND": f"unix:{folder}/model",
        }  # fmt: skip
        with (Path(folder) / "log").open("w") as errors:
            command = [sys.executable, "-m", "service.cli", "serve", "--role", "model"]
            model = subprocess.Popen(command, cwd=ROOT, env=env, stderr=errors, text=True)
        try:
            address = f"unix:{folder}/model"
            with serving(role="api", jobs_database=database, model_address=address, **settings) as service:
                yield service
        finally:
            end(model)
