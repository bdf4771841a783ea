"""Jobs in hardened containers: in the default image, and with each role in a container of its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts.images import Builder
from tests.image.containers import OFFLINE, USER, Container, running
from tests.process.service import wait_until

pytestmark = [pytest.mark.image, pytest.mark.timeout(2400)]

ITEMS = 5
DONE_S = 120.0
API_MANAGEMENT = 8082
WORKER_MANAGEMENT = 8083
Images = Callable[[str], str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that the user of the images may write."""
    for parent in [tmp_path, *tmp_path.parents][:3]:
        parent.chmod(0o755)  # pytest's own folders are for root alone
    state = tmp_path / "state"
    state.mkdir()
    os.chown(state, USER, USER)
    return state


def test_the_default_image_does_jobs(builder: Builder, image: Images) -> None:
    """Submitted, done and read in a container that has nothing but its /tmp; it ends with 0."""
    with running(builder, image("all")) as container:
        container.wait_ready(8080, "/v1/models")
        _check(container, _done(container))
        assert "PRECIS_STATE_DIR" not in container.said(), "the folder of state can be written"
        assert container.stop() == 0


def test_without_a_folder_of_state_jobs_are_kept_beside_the_sockets(builder: Builder, image: Images) -> None:
    """Where the folder of state cannot be written, a warning says so and jobs are done all the same."""
    options = (*OFFLINE, "-e", "PRECIS_STATE_DIR=/models/state")
    with running(builder, image("all"), options=options) as container:
        container.wait_ready(8080, "/v1/models")
        _check(container, _done(container))
        assert "PRECIS_STATE_DIR (/models/state) cannot be written" in container.said()


def test_each_role_in_a_container_of_its_own(builder: Builder, image: Images, folder: Path) -> None:
    """A job taken by the thin image is done by a worker from the same image and outlives both."""
    database = ("-v", f"{folder}:/state", "-e", "PRECIS_JOBS_DATABASE=sqlite:////state/jobs.db")
    bound = (*OFFLINE, "-e", "PRECIS_MODEL_BIND=127.0.0.1:50051")
    with running(builder, image("all"), "serve", "--role", "model", options=bound) as model:
        model.wait_ready()
        beside = ("--network", f"container:{model.name}", "-e", "PRECIS_MODEL_ADDRESS=127.0.0.1:50051", *database)
        api_options = (*beside, "-e", f"PRECIS_MANAGEMENT_PORT={API_MANAGEMENT}")
        worker_options = (*beside, "-e", f"PRECIS_MANAGEMENT_PORT={WORKER_MANAGEMENT}")
        with running(builder, image("api"), options=api_options) as api:
            api.wait_ready(API_MANAGEMENT)
            with running(builder, image("api"), "worker", options=worker_options) as worker:
                took_s = worker.wait_ready(WORKER_MANAGEMENT)
                print(f"worker ready after {took_s:.2f} s")
                address = _done(api)
                _check(api, address)
                assert worker.builder.run("healthcheck", "run", worker.name).returncode == 0
                assert worker.stop() == 0
            assert api.stop() == 0
        with running(builder, image("api"), options=api_options) as api:
            api.wait_ready(API_MANAGEMENT)
            _check(api, address)


def _done(container: Container) -> str:
    """Submit a job and wait for its end; where it is."""
    request = {"text": "The bridge is open.", "source": "en", "target": "es"}
    items = [{"id": f"item-{at}", "task": "translate", "request": request} for at in range(ITEMS)]
    reply = container.ask("/v1/jobs", {"items": items})
    assert reply.status == 202, reply.body
    address = f"/v1/jobs/{reply.json['id']}"
    wait_until(lambda: container.ask(address).json["state"] not in ("queued", "running"), "the job ends", DONE_S)
    return address


def _check(container: Container, address: str) -> None:
    job: dict[str, Any] = container.ask(address).json
    assert (job["state"], job["progress"]) == ("succeeded", {"done": ITEMS, "failed": 0, "total": ITEMS}), job
    results = container.ask(f"{address}/results").json
    assert results["complete"]
    assert [entry["id"] for entry in results["results"]] == [f"item-{at}" for at in range(ITEMS)]
    for entry in results["results"]:
        (translation,) = entry["result"]["translations"]
        assert "puente" in translation["text"].casefold()
