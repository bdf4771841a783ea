"""Keys, limits and kept replies over real workers: what one process counts, all of them know."""

from __future__ import annotations

import http.client
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.api.callers import KEY, OTHER, UNKNOWN, table
from tests.process.service import ROOT, Reply, Service, serving, wait_until

pytestmark = pytest.mark.process

FEW = "precis_" + "pL0oK9iJ8uH7yG6tF5rD4eS3wA2qZ1xC2vB3nM4k"
BODY = {"text": "The bridge is open again. It was closed for years."}


@dataclass
class Guarded:
    """A service with keys, and the file of them."""

    service: Service
    file: Path
    text: str

    def write(self, more: str) -> None:
        """Put the file aside with more in it, as an editor or a mount does."""
        fresh = self.file.with_name("new")
        fresh.write_text(self.text + more)
        fresh.rename(self.file)


@pytest.fixture(scope="module")
def guarded() -> Iterator[Guarded]:
    """One service with two workers for all tests: one key without limits, one with few requests."""
    text = table("news") + table("few", FEW, "requests_per_minute = 12")
    with tempfile.TemporaryDirectory(prefix="precis-keys-") as folder:
        file = Path(folder) / "keys.toml"
        file.write_text(text)
        with serving(keys_file=file, fake_script="rows=1") as service:
            yield Guarded(service, file, text)


def ask(service: Service, key: str = KEY, body: object = BODY, **headers: str) -> Reply:
    """Summarize, on a connection of its own, so that either worker may answer."""
    return service.post("/v1/summarize", body, Authorization=f"Bearer {key}", **headers)


def counted(service: Service, name: str) -> float:
    """The sum of a series over all processes."""
    lines = service.probe("/metrics").body.decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def workers_of(service: Service) -> list[int]:
    """Process ids of the gunicorn workers, without their parent."""
    return service.children("gunicorn")[1:]


def test_limits_hold_over_all_workers(guarded: Guarded) -> None:
    """Two workers let exactly one quota in, and go on counting after one of them was killed."""
    service = guarded.service
    started_s = time.monotonic()

    def quota() -> int:
        return 12 + math.ceil((time.monotonic() - started_s) / 5)  # one flows back every five seconds

    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: ask(service, FEW), range(60)))
    statuses = [reply.status for reply in replies]
    assert 12 <= statuses.count(200) <= quota()
    assert statuses.count(429) == 60 - statuses.count(200)
    refused = next(reply for reply in replies if reply.status == 429)
    assert refused.headers["ratelimit"].startswith('"minute";r=0')
    before = workers_of(service)
    assert len(before) == 2
    os.kill(before[0], signal.SIGKILL)
    wait_until(lambda: set(workers_of(service)) != set(before) and len(workers_of(service)) == 2, "a new worker")
    let_in = statuses.count(200) + sum(ask(service, FEW).status == 200 for _ in range(30))
    assert let_in <= quota()
    assert ask(service).status == 200
    usage = service.request("GET", "/v1/usage", headers={"X-API-Key": FEW}).json
    assert usage["requests"]["day"] == let_in


def test_keys_are_read_again_by_all_workers(guarded: Guarded) -> None:
    """A new key is accepted and one taken out refused by each worker; a broken file changes nothing."""
    service = guarded.service
    workers = workers_of(service)
    assert ask(service, OTHER).status == 401
    guarded.write(table("guest", OTHER))
    wait_until(lambda: all(ask(service, OTHER).status == 200 for _ in range(8)), "the new key")
    guarded.write("[broken")
    wait_until(lambda: ask(service, OTHER).status == 200 and counted(service, _BROKEN) >= 1, "the failure counted")
    assert ask(service, OTHER).status == 200
    guarded.write("")
    wait_until(lambda: all(ask(service, OTHER).status == 401 for _ in range(8)), "the key taken out")
    assert ask(service).status == 200
    assert workers_of(service) == workers
    log = service.log.read_text()
    assert "the file of keys cannot be used" in log
    for key in (KEY, OTHER, UNKNOWN):
        assert key not in log


_BROKEN = 'precis_keys_reloads_total{outcome="broken"}'


def test_a_reply_is_told_again_by_any_worker(guarded: Guarded) -> None:
    """The same request at the same time and later is done once, whichever worker it reaches."""
    service = guarded.service
    before = counted(service, "precis_items_total")
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: ask(service, Idempotency_Key="k"), range(24)))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.body for reply in replies}) == 1
    assert sum("idempotent-replay" not in reply.headers for reply in replies) == 1
    assert ask(service, body={"text": "Something else. Entirely."}, Idempotency_Key="k").status == 409
    assert counted(service, "precis_items_total") == before + 1


def test_a_wrong_file_of_keys_stops_the_start() -> None:
    """The start ends with the reason, before anything listens."""
    with tempfile.TemporaryDirectory(prefix="precis-keys-") as folder:
        file = Path(folder) / "keys.toml"
        file.write_text("[news]\n")
        env = os.environ | {"PRECIS_KEYS_FILE": str(file), "PRECIS_RUNTIME_DIR": folder, "PRECIS_PORT": "0"}
        command = [sys.executable, "-m", "service.cli", "serve"]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 2
        assert "PRECIS_KEYS_FILE" in done.stderr
        assert "[news] hash" in done.stderr


def test_a_flood_of_wrong_keys_harms_nobody(guarded: Guarded) -> None:
    """While strangers try keys as fast as they can, a caller with a key is answered in time."""
    service = guarded.service
    stop = threading.Event()
    tried = [0] * 4

    def flood(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
        sent = {"Content-Type": "application/json", "X-API-Key": UNKNOWN}
        while not stop.is_set():
            connection.request("POST", "/v1/summarize", json.dumps(BODY), sent)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 401
            tried[number] += 1
        connection.close()

    threads = [threading.Thread(target=flood, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: all(tried), "strangers at the door")
        replies: list[Any] = [ask(service) for _ in range(30)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert {reply.status for reply in replies} == {200}
    times = sorted(reply.took_s for reply in replies)
    assert times[len(times) // 2] < 0.5
    assert sum(tried) > 30
