"""What a worker makes of deliveries of webhooks, some of which are run again after a crash."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.heartbeat import Heartbeat
from service.jobs.database import Database
from service.jobs.job import NewItem, NewJob
from service.jobs.ledger import Ledger
from service.jobs.store import Store
from service.jobs.targets import rules_of
from service.jobs.telling import told
from service.jobs.webhook import Webhooks
from service.jobs.worker import Work, Worker
from tests.jobs.test_webhook import Receiver, receiver  # noqa: F401 - a fixture


@pytest.fixture
def delivering(receiver: Receiver, tmp_path: Path) -> Iterator[tuple[Worker, Ledger, str]]:  # noqa: F811
    """A worker, the ledger and a job that has ended and whose webhook waits."""
    database = Database(f"sqlite://{tmp_path}/jobs.db")
    store, ledger = Store(database, max_bytes=10**6), Ledger(database)
    new = NewJob("", (NewItem(None, "detect", "{}"),), 60, receiver.url)
    job_id = store.submit(new).job.id
    assert ledger.fail(job_id, '{"code":"engine_failed","detail":"tried"}')
    hooks = Webhooks(rules_of(f"127.0.0.1:{receiver.port}", private=True), b"secret", 3, 5, 5)
    work = Work(lambda item, name, gone: pytest.fail("no item"), lambda: True, told, hooks)
    heartbeat = Heartbeat(tmp_path / "heartbeats", "worker")
    yield Worker(database, work, name="w", concurrency=1, heartbeat=heartbeat), ledger, job_id
    heartbeat.close()
    database.close()


def test_an_attempt_that_was_made_is_not_made_again(
    delivering: tuple[Worker, Ledger, str],
    receiver: Receiver,  # noqa: F811
) -> None:
    """Run again after a crash it only says when the next one is due, so that their number never goes back."""
    worker, ledger, job_id = delivering
    receiver.statuses = [500, 503]
    assert worker._deliver(job_id, 1) is not None
    assert worker._deliver(job_id, 2) is not None
    assert worker._deliver(job_id, 1) is not None
    assert len(receiver.received) == 2
    assert worker._deliver(job_id, 3) is None
    job = ledger.job(job_id)
    assert job is not None
    assert (job.webhook_state, job.webhook_attempts) == ("delivered", 3)
