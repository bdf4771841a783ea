"""What is kept of jobs, by which rules: on a real SQLite file."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.errors import IdempotencyConflict, NotFound, Overloaded
from service.jobs.database import Database
from service.jobs.job import Made, NewItem, NewJob
from service.jobs.ledger import Ledger, Lost, Peer
from service.jobs.store import SLICE_ITEMS, Store


@dataclass
class Kept:
    """A store, seen from both sides."""

    database: Database
    store: Store
    ledger: Ledger

    def submit(self, items: int = 3, refused: tuple[int, ...] = (), **more: object) -> str:
        """A job of items that are never done here."""
        made = tuple(
            NewItem(f"n{place}", refused='{"bad":1}') if place in refused else NewItem(f"n{place}", "detect", "{}")
            for place in range(items)
        )
        return self.store.submit(NewJob(**({"owner": "", "items": made, "retain_s": 60.0} | more))).job.id  # type: ignore[arg-type]


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    """A store in a folder of its own."""
    database = Database(f"sqlite://{tmp_path}/jobs.db")
    store = Store(database, max_bytes=100_000)
    store.prepare()
    yield Kept(database, store, Ledger(database))
    store.close()


def made(*places: int, text: str = "1") -> list[Made]:
    """Results of these places."""
    return [Made(place, f'{{"index":{place},"by":{text}}}', failed=False) for place in places]


def test_results_are_told_as_far_as_they_follow_one_another(kept: Kept) -> None:
    """A gap ends a page; refused items have their result from the beginning."""
    job = kept.submit(5, refused=(1,))
    assert kept.store.get("", job).done == 1
    assert kept.store.results("", job, -1, 10) == ([], False)
    taken, began = kept.ledger.take(job, 0)
    assert taken is not None and began
    kept.ledger.save(taken, made(0, 3), got_on=False)
    found, complete = kept.store.results("", job, -1, 10)
    assert (len(found), complete) == (2, False)
    assert kept.store.results("", job, 1, 10) == ([], False)
    assert kept.store.results("", job, 2, 10) == ([], False), "what is behind a gap is not told"
    kept.ledger.save(taken, made(2, 4), got_on=False)
    assert kept.ledger.finish(taken)
    found, complete = kept.store.results("", job, 1, 2)
    assert (len(found), complete) == (2, False)
    found, complete = kept.store.results("", job, 3, 2)
    assert (len(found), complete) == (1, True)
    assert kept.store.get("", job).state == "succeeded"
    assert kept.store.get("", job).expires is not None


def test_a_worker_that_lost_its_slice_cannot_write(kept: Kept) -> None:
    """What was taken over belongs to who took it last, and each place keeps its first result."""
    job = kept.submit()
    first, _ = kept.ledger.take(job, 0)
    second, began = kept.ledger.take(job, 0)
    assert first is not None and second is not None and not began
    kept.ledger.save(second, made(0), got_on=False)
    for act in (lambda: kept.ledger.save(first, made(0, 1, text="2"), got_on=False), lambda: kept.ledger.finish(first)):
        with pytest.raises(Lost):
            act()
    kept.ledger.save(second, made(0, 1, text="3"), got_on=False)
    assert kept.store.results("", job, -1, 9)[0] == ['{"index":0,"by":1}', '{"index":1,"by":3}']
    assert kept.store.get("", job).done == 2
    assert [item.place for item in kept.ledger.left(second)] == [2]


def test_a_cancelled_job_takes_no_more_results(kept: Kept) -> None:
    """`DELETE` ends it at once; the second one deletes it."""
    job = kept.submit()
    taken, _ = kept.ledger.take(job, 0)
    assert taken is not None
    ended, deleted = kept.store.cancel("", job)
    assert (ended.state, deleted) == ("cancelled", False)
    with pytest.raises(Lost):
        kept.ledger.save(taken, made(0), got_on=False)
    assert kept.ledger.ended([job]) == {job}
    assert kept.ledger.take(job, 0) == (None, False)
    assert kept.store.cancel("", job)[1]
    with pytest.raises(NotFound):
        kept.store.get("", job)
    assert kept.ledger.ended([job]) == {job}


def test_owners_see_their_own(kept: Kept) -> None:
    """Somebody else's job does not exist."""
    job = kept.submit(owner="a")
    for act in (kept.store.get, kept.store.cancel):
        with pytest.raises(NotFound):
            act("b", job)
    with pytest.raises(NotFound):
        kept.store.results("b", job, -1, 1)
    assert [one.id for one in kept.store.newest("a", 5, None)] == [job]
    assert kept.store.newest("b", 5, None) == []


def test_a_key_is_one_job(kept: Kept) -> None:
    """The same key and request find the job again, another request is a conflict, another owner is another job."""
    job = kept.submit(key="k", asked="x")
    assert kept.submit(key="k", asked="x") == job
    with pytest.raises(IdempotencyConflict):
        kept.submit(key="k", asked="y")
    assert kept.submit(key="k", asked="y", owner="b") != job


def test_a_key_is_one_job_under_load(kept: Kept) -> None:
    """Sixteen at a time get one job."""
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(kept.submit(key="k", asked="x"))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 16
    assert len(set(found)) == 1


def test_pages_of_jobs_are_newest_first(kept: Kept) -> None:
    """Each page begins behind the one before."""
    jobs = [kept.submit() for _ in range(5)]
    first = [one.id for one in kept.store.newest("", 2, None)]
    second = [one.id for one in kept.store.newest("", 9, first[-1])]
    assert sorted(first + second) == sorted(jobs)
    assert first + second == sorted(first + second, reverse=True)


def test_a_full_store_refuses(kept: Kept) -> None:
    """The sum of all jobs is bounded; what has been deleted makes room."""
    big = NewJob("", (NewItem(None, "detect", "x" * 90_000),), 60)
    job = kept.store.submit(big).job
    with pytest.raises(Overloaded):
        kept.store.submit(big)
    kept.store.cancel("", job.id)
    kept.store.submit(big)


def test_expired_jobs_are_gone_before_they_are_swept(kept: Kept) -> None:
    """Retention holds to the second, whenever the sweep comes."""
    job = kept.submit(retain_s=0.0)
    kept.ledger.fail(job, "{}")
    with pytest.raises(NotFound):
        kept.store.get("", job)
    assert kept.ledger.expired(10) == [job]
    kept.ledger.delete([job])
    assert kept.ledger.expired(10) == []


def test_a_large_job_is_cut_into_slices(kept: Kept) -> None:
    """It has succeeded when the last slice has, in whatever order they end."""
    job = kept.submit(2 * SLICE_ITEMS + 1)
    assert kept.ledger.not_enqueued(5) == [(job, 3)]
    assert kept.ledger.waiting() == 2 * SLICE_ITEMS + 1
    for number, last in ((2, False), (0, False), (1, True)):
        taken, _ = kept.ledger.take(job, number)
        assert taken is not None
        kept.ledger.save(taken, made(*range(taken.first, taken.behind)), got_on=True)
        assert kept.ledger.finish(taken) is last
    assert kept.store.get("", job).done == 2 * SLICE_ITEMS + 1
    assert kept.ledger.waiting() == 0


def test_heartbeats_age_and_end(kept: Kept) -> None:
    """A worker that was given up learns it from its next beat."""
    peer = Peer("w/1", "w", "host", os.getpid(), 1.0, 0.0)
    assert kept.ledger.beat(peer, first=True)
    assert kept.ledger.beat(peer, first=False)
    (seen,) = kept.ledger.peers()
    assert seen.id == "w/1"
    assert 0 <= seen.age_s < 60
    assert not kept.ledger.give_up("w/1", 60.0)
    assert kept.ledger.give_up("w/1", 0.0)
    assert not kept.ledger.beat(peer, first=False)


def test_tables_may_be_made_by_many_at_a_time(tmp_path: Path) -> None:
    """Processes that start together do not trip over one another."""
    failures: list[Exception] = []

    def prepare() -> None:
        store = Store(Database(f"sqlite://{tmp_path}/new.db"), max_bytes=1)
        try:
            store.prepare()
        except Exception as error:
            failures.append(error)
        store.close()

    threads = [threading.Thread(target=prepare) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
