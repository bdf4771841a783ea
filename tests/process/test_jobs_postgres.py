"""The same guarantees with PostgreSQL, as several hosts would share it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.process.service import free_ports, wait_until
from tests.process.test_jobs import (
    DONE_S,
    TAKEOVER_S,
    api_and_model,
    check_all,
    items,
    job,
    lone_worker,
    submit,
    takeover,
)

pytestmark = [pytest.mark.process, pytest.mark.heavy]

PASSWORD = "p@ss/w:rd%"


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        pytest.skip("postgresql is not installed")
    return found[-1].parent


@dataclass
class Server:
    """A PostgreSQL server of this test run: its address, and the file with its password."""

    url: str
    password_file: Path


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server with a password; it refuses to run as root, so that it runs as its own user there."""
    binaries = _binaries()
    (port,) = free_ports(1)
    folder = Path(tempfile.mkdtemp(prefix="precis-postgres-"))
    secret = folder / "password"
    secret.write_text(PASSWORD)
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    if as_user:
        for path in (folder, secret):
            shutil.chown(path, "postgres", "postgres")
    data = folder / "data"
    init = [binaries / "initdb", "-D", data, "-U", "precis", "-A", "scram-sha-256", "--pwfile", secret, "-E", "UTF8"]
    subprocess.run([*as_user, *map(str, init)], check=True, capture_output=True, cwd="/")
    with (folder / "log").open("w") as log:
        command = [binaries / "postgres", "-D", data, "-p", port, "-h", "127.0.0.1", "-k", folder]
        process = subprocess.Popen([*as_user, *map(str, command)], stderr=log, stdout=log, cwd="/")
    ready = [str(binaries / "pg_isready"), "-h", "127.0.0.1", "-p", str(port)]
    try:
        wait_until(lambda: subprocess.run(ready, capture_output=True).returncode == 0, "postgres answers", 60)
        yield Server(f"postgresql://precis@127.0.0.1:{port}/postgres", secret)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def test_a_worker_lost_for_good_is_taken_over(server: Server) -> None:
    """Within 15 seconds, with every item done once."""
    with api_and_model(server.url, jobs_database_password_file=server.password_file) as service:
        took_s = takeover(service, server.url, jobs_database_password_file=server.password_file)
    assert took_s <= TAKEOVER_S, took_s


def test_a_killed_worker_loses_nothing(server: Server) -> None:
    """`kill -9` of the only worker in the middle of 1 000 items; another one does the rest."""
    more = {"jobs_database_password_file": server.password_file}
    with api_and_model(server.url, **more) as service:
        with lone_worker(service, server.url, **more) as first:
            place = submit(service, items(1000))
            wait_until(lambda: job(service, place)["progress"]["done"] > 100, "a part is done", DONE_S)
            first.kill()
            first.wait()
        with lone_worker(service, server.url, **more):
            check_all(service, place, 1000)


def test_a_job_is_spread_over_workers(server: Server) -> None:
    """Two workers do slices of one job, and each item once."""
    more = {"jobs_database_password_file": server.password_file}
    with api_and_model(server.url, **more) as service, lone_worker(service, server.url, **more):
        with lone_worker(service, server.url, **more):
            place = submit(service, items(1000))
            check_all(service, place, 1000)
        reply = service.request("DELETE", place)
        assert reply.status == 200
        assert service.get(place).status == 404
