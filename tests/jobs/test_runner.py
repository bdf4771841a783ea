"""How slices are done: waiting, ending, handing back, giving up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.errors import BadRequest, Cancelled, Overloaded, Unavailable
from service.jobs import runner as module
from service.jobs.job import Item, Made
from service.jobs.runner import MOST_ATTEMPTS, Gate, Runner
from tests.jobs.test_store import Kept, kept  # noqa: F401 - a fixture

Do = Callable[[Item, str, Callable[[], bool]], Made]
Make = Callable[..., Runner]


def ok(item: Item, name: str, gone: Callable[[], bool]) -> Made:
    """An item that is done at once."""
    return Made(item.place, f'{{"index":{item.place}}}', failed=False)


@pytest.fixture
def make(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:  # noqa: F811
    """A maker of runners whose waits are short."""
    monkeypatch.setattr(module, "_BACKOFF_FIRST_S", 0.001)
    monkeypatch.setattr(module, "_BACKOFF_LAST_S", 0.002)
    runners: list[Runner] = []

    def maker(do: Do, reachable: Callable[[], bool] = lambda: True, concurrency: int = 2) -> Runner:
        runners.append(Runner(kept.ledger, do, reachable, concurrency=concurrency))
        return runners[-1]

    yield maker
    for one in runners:
        one.close()


def test_a_slice_is_done_item_by_item(kept: Kept, make: Make) -> None:  # noqa: F811
    """Every item has one result, those that were there before are left alone, and the job succeeds."""
    job = kept.submit(70, refused=(3,))
    assert make(ok).run_slice(job, 0)
    found = kept.store.get("", job)
    assert (found.state, found.done, found.failed) == ("succeeded", 70, 1)
    assert len(kept.store.results("", job, -1, 100)[0]) == 70


def test_a_failing_item_fails_alone(kept: Kept, make: Make) -> None:  # noqa: F811
    """Its error is its result."""

    def odd(item: Item, name: str, gone: Callable[[], bool]) -> Made:
        if item.place == 1:
            raise BadRequest("no", field="x")
        return ok(item, name, gone)

    job = kept.submit(3)
    assert make(odd).run_slice(job, 0)
    found = kept.store.get("", job)
    assert (found.state, found.done, found.failed) == ("succeeded", 3, 1)
    assert '"code":"bad_request"' in kept.store.results("", job, 0, 1)[0][0]


def test_a_full_model_process_makes_items_wait(kept: Kept, make: Make) -> None:  # noqa: F811
    """However often it refuses, no item fails as overloaded."""
    refusals = iter([Overloaded("full")] * 30 + [Unavailable("away")] * 3)

    def busy(item: Item, name: str, gone: Callable[[], bool]) -> Made:
        for error in refusals:
            raise error
        return ok(item, name, gone)

    job = kept.submit(2)
    assert make(busy, concurrency=1).run_slice(job, 0)
    found = kept.store.get("", job)
    assert (found.state, found.failed) == ("succeeded", 0)


def test_an_outage_is_waited_for(kept: Kept, make: Make) -> None:  # noqa: F811
    """While the model process is away nothing is counted against the item."""
    away = iter([False] * 40)
    tries: list[int] = []

    def gone_first(item: Item, name: str, gone: Callable[[], bool]) -> Made:
        tries.append(1)
        if len(tries) == 1:
            raise Unavailable("away")
        return ok(item, name, gone)

    job = kept.submit(1)
    assert make(gone_first, lambda: next(away, True)).run_slice(job, 0)
    assert kept.store.get("", job).failed == 0
    assert len(tries) == 2


def test_an_item_that_ends_the_model_process_is_given_up(kept: Kept, make: Make) -> None:  # noqa: F811
    """It fails after a few times; its neighbours do not."""

    def killer(item: Item, name: str, gone: Callable[[], bool]) -> Made:
        if item.place == 0:
            raise Unavailable("it went")
        return ok(item, name, gone)

    job = kept.submit(3)
    assert make(killer).run_slice(job, 0)
    found = kept.store.get("", job)
    assert (found.state, found.done, found.failed) == ("succeeded", 3, 1)


def test_cancelling_ends_what_runs(kept: Kept, make: Make) -> None:  # noqa: F811
    """Running items see that nobody wants them; nothing is kept of them."""
    started = threading.Event()

    def long(item: Item, name: str, gone: Callable[[], bool]) -> Made:
        started.set()
        tick = threading.Event()
        while not gone():
            tick.wait(0.005)
        raise Cancelled("gone")

    job = kept.submit(10)
    runner = make(long)
    thread = threading.Thread(target=runner.run_slice, args=(job, 0))
    thread.start()
    assert started.wait(10)
    kept.store.cancel("", job)
    runner.forget(kept.ledger.ended(sorted(runner.jobs())))
    thread.join(10)
    assert not thread.is_alive()
    assert kept.store.results("", job, -1, 10)[0] == []


def test_a_worker_that_stops_hands_its_slice_back(kept: Kept, make: Make) -> None:  # noqa: F811
    """What runs ends and is kept; the rest is left, and the attempt does not count."""
    job = kept.submit(50)
    runner: list[Runner] = []

    def stopping(item: Item, name: str, gone: Callable[[], bool]) -> Made:
        if item.place == 4:
            runner[0].stop()
        return ok(item, name, gone)

    runner.append(make(stopping, concurrency=1))
    assert not runner[0].run_slice(job, 0)
    assert 4 < kept.store.get("", job).done < 50
    assert kept.ledger.attempts(job, 0) == 0
    assert make(ok).run_slice(job, 0)
    assert kept.store.get("", job).done == 50


def test_a_job_that_ends_its_worker_again_and_again_fails(kept: Kept, make: Make) -> None:  # noqa: F811
    """After so many attempts that came to nothing, with a reason."""
    job = kept.submit(4)
    for _ in range(MOST_ATTEMPTS):
        kept.ledger.take(job, 0)  # by a worker that ends
    assert make(ok).run_slice(job, 0)
    found = kept.store.get("", job)
    assert found.state == "failed"
    assert found.error is not None and "engine_failed" in found.error


def test_who_gets_on_is_not_given_up(kept: Kept, make: Make) -> None:  # noqa: F811
    """A worker that ends now and then does not fail a long job that gets on."""
    job = kept.submit(100)
    for start in range(0, 90, 30):
        for _ in range(MOST_ATTEMPTS - 1):
            taken, _ = kept.ledger.take(job, 0)
        assert taken is not None
        results = [Made(place, "{}", failed=False) for place in range(start, start + 30)]
        kept.ledger.save(taken, results, got_on=True)
    assert make(ok).run_slice(job, 0)
    assert kept.store.get("", job).state == "succeeded"


def test_a_suspect_runs_alone() -> None:
    """Who was under way when a worker died has no company, so that no innocent job dies with it."""
    gate = Gate()
    order: list[str] = []
    inside = threading.Event()
    leave = threading.Event()

    def alone() -> None:
        with gate.passing(alone=True):
            order.append("alone")
            inside.set()
            leave.wait(10)

    def other() -> None:
        with gate.passing(alone=False):
            order.append("other")

    first = threading.Thread(target=alone)
    first.start()
    assert inside.wait(10)
    second = threading.Thread(target=other)
    second.start()
    second.join(0.1)
    assert order == ["alone"]
    leave.set()
    first.join()
    second.join()
    assert order == ["alone", "other"]


def test_settings_without_a_database_find_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of state, or the runtime folder where that cannot be written."""
    from service.config import Settings
    from service.jobs.places import with_database

    state, run = tmp_path / "state", tmp_path / "run"
    settings = Settings(state_dir=state, runtime_dir=run)
    assert with_database(settings).jobs_database == f"sqlite://{state}/jobs.db"
    monkeypatch.setattr("service.jobs.places._usable", lambda folder: False)
    assert with_database(settings).jobs_database == f"sqlite://{run}/jobs.db"
    assert with_database(settings.model_copy(update={"jobs_database": "off"})).jobs_database == "off"
