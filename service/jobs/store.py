"""The API's half of the store: jobs are submitted, told of and deleted. Needs nothing but the database."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from service.errors import IdempotencyConflict, NotFound, Overloaded
from service.jobs.database import Database, Row, Transaction
from service.jobs.job import Job, NewJob, new_id
from service.jobs.schema import STATEMENTS

# Items of one slice. Slices are what workers take, so that a large job is spread over them and lets others in between.
SLICE_ITEMS = 100
# A page of results ends with the one that reaches this size, whatever was asked for.
_PAGE_CHARACTERS = 8_000_000
# What a job costs beside its texts.
_JOB_BYTES = 1024

COLUMNS = (
    "id, owner, state, total, done, failed, created, started, finished, expires, error, "
    "webhook_url, webhook_state, webhook_attempts"
)


@dataclass(frozen=True, slots=True)
class Submitted:
    """A job that was submitted, or the one that the same request made before."""

    job: Job
    repeated: bool


class Store:
    """Jobs as callers see them: each `owner` sees their own. Thread-safe.

    Args:
        database: where they are kept.
        max_bytes: of all jobs together, requests and results.
    """

    def __init__(self, database: Database, *, max_bytes: int) -> None:
        self._database = database
        self._max_bytes = max_bytes
        self._ready = False
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Make the tables where they are missing.

        Raises:
            Unavailable: the database does not answer.
        """
        with self._lock:
            if not self._ready:
                self._database.migrate(STATEMENTS)
                self._ready = True

    def repeated(self, owner: str, key: str, asked: str) -> Job | None:
        """The job that was made with this Idempotency-Key, if there is one.

        Raises:
            IdempotencyConflict: it was made by another request.
            Unavailable: the database does not answer.
        """
        self.prepare()
        with self._database.transaction(write=False) as transaction:
            return _by_key(transaction, owner, key, asked)

    def submit(self, new: NewJob) -> Submitted:
        """Keep a job; with a key that was used before, find the job of that time instead.

        Raises:
            IdempotencyConflict: the key was used for another request.
            Overloaded: there is no room for it.
            Unavailable: the database does not answer.
        """
        self.prepare()
        size = _JOB_BYTES + sum(len(item.request) + len(item.refused or "") for item in new.items)
        with self._database.transaction() as transaction:
            if new.key is not None and new.asked is not None:
                before = _by_key(transaction, new.owner, new.key, new.asked)
                if before is not None:
                    return Submitted(before, repeated=True)
            self._check_room(transaction, size)
            job = _insert(transaction, new, size)
            if job is None and new.key is not None and new.asked is not None:
                before = _by_key(transaction, new.owner, new.key, new.asked)
                if before is not None:
                    return Submitted(before, repeated=True)
            if job is None:
                raise IdempotencyConflict("another request with this key is being answered")
        return Submitted(job, repeated=False)

    def get(self, owner: str, job_id: str) -> Job:
        """A job.

        Raises:
            NotFound: there is none of that name, or it is somebody else's.
            Unavailable: the database does not answer.
        """
        self.prepare()
        with self._database.transaction(write=False) as transaction:
            return _get(transaction, owner, job_id)

    def newest(self, owner: str, limit: int, before: str | None) -> list[Job]:
        """Jobs of an owner, newest first; those older than the job `before`."""
        self.prepare()
        older = "AND id < ?" if before is not None else ""
        values: list[object] = [owner, *([before] if before is not None else []), limit]
        with self._database.transaction(write=False) as transaction:
            rows = transaction.run(
                f"SELECT {COLUMNS} FROM precis_jobs WHERE owner = ? AND (expires IS NULL OR expires > {{now}}) "  # noqa: S608
                f"{older} ORDER BY id DESC LIMIT ?",
                values,
            ).fetchall()
        return [job_of(row) for row in rows]

    def results(self, owner: str, job_id: str, after: int, limit: int) -> tuple[list[str], bool]:
        """Results behind place `after` that follow one another without a gap, and whether they reach the job's end.

        Raises:
            NotFound: as `get`.
            Unavailable: the database does not answer.
        """
        self.prepare()
        with self._database.transaction(write=False) as transaction:
            job = _get(transaction, owner, job_id)
            found: list[str] = []
            if _all_up_to(transaction, job_id, after):
                rows = transaction.run(
                    "SELECT place, body FROM precis_job_results WHERE job = ? AND place > ? ORDER BY place LIMIT ?",
                    [job_id, after, limit],
                )
                size = 0
                while size < _PAGE_CHARACTERS and (row := rows.fetchone()) is not None:
                    if row[0] != after + 1 + len(found):
                        break
                    found.append(row[1])
                    size += len(row[1])
                rows.close()
        return found, after + 1 + len(found) >= job.total

    def cancel(self, owner: str, job_id: str) -> tuple[Job, bool]:
        """End a job that runs; delete one that has ended, with its results.

        Returns:
            The job as it stands or stood, and whether it was deleted.
        Raises:
            NotFound: as `get`.
            Unavailable: the database does not answer.
        """
        self.prepare()
        with self._database.transaction() as transaction:
            job = _get(transaction, owner, job_id)
            if job.ended:
                # The row itself is left to the sweep of a worker, which knows what the engine has of the job.
                transaction.run(
                    "UPDATE precis_jobs SET expires = {now}, key = NULL, error = NULL, bytes = 0, webhook_url = NULL, "
                    "webhook_state = NULL WHERE id = ?",
                    [job_id],
                )
                delete_parts(transaction, job_id)
                return job, True
            end(transaction, job_id, "cancelled", None)
            return _get(transaction, owner, job_id), False

    def close(self) -> None:
        """Give back what is held."""
        self._database.close()

    def _check_room(self, transaction: Transaction, size: int) -> None:
        row = transaction.run("SELECT coalesce(sum(bytes), 0) FROM precis_jobs").fetchone()
        if row is not None and row[0] + size > self._max_bytes:
            raise Overloaded("the store of jobs is full; delete jobs that have ended, or wait", retry_after_s=60)


def job_of(row: Row) -> Job:
    """A job out of its `COLUMNS`."""
    return Job(*row)


def end(transaction: Transaction, job_id: str, state: str, error: str | None) -> bool:
    """Let a job that is under way end; False when it had ended already. Its requests are forgotten."""
    changed = transaction.run(
        "UPDATE precis_jobs SET state = ?, error = ?, finished = {now}, expires = {now} + retain_s, "
        "webhook_state = CASE WHEN webhook_url IS NULL THEN NULL ELSE 'pending' END "
        "WHERE id = ? AND state IN ('queued', 'running')",
        [state, error, job_id],
    ).rowcount
    if changed:
        sizes = "SELECT coalesce(sum(length(request)), 0) FROM precis_job_items WHERE job = ?"
        transaction.run(
            f"UPDATE precis_jobs SET bytes = bytes - ({sizes}) WHERE id = ?",  # noqa: S608 - no text of a caller
            [job_id, job_id],
        )
        transaction.run("DELETE FROM precis_job_items WHERE job = ?", [job_id])
        transaction.run("DELETE FROM precis_job_slices WHERE job = ?", [job_id])
    return bool(changed)


def delete_parts(transaction: Transaction, job_id: str) -> None:
    """Delete what belongs to a job; SQLite looks at foreign keys only where it is told to."""
    for table in ("precis_job_items", "precis_job_results", "precis_job_slices"):
        transaction.run(f"DELETE FROM {table} WHERE job = ?", [job_id])  # noqa: S608 - names from this line


def _insert(transaction: Transaction, new: NewJob, size: int) -> Job | None:
    job_id = new_id()
    refused = sum(item.refused is not None for item in new.items)
    made = transaction.run(
        "INSERT INTO precis_jobs (id, owner, state, total, done, failed, bytes, created, retain_s, key, asked, "
        "webhook_url, webhook_state) VALUES (?, ?, 'queued', ?, ?, ?, ?, {now}, ?, ?, ?, ?, ?) "
        "ON CONFLICT (owner, key) DO NOTHING",
        [
            job_id, new.owner, len(new.items), refused, refused, size, new.retain_s, new.key, new.asked,
            new.webhook_url, "pending" if new.webhook_url else None,
        ],
    ).rowcount  # fmt: skip
    if not made:
        return None
    transaction.many(
        "INSERT INTO precis_job_items (job, place, name, task, request) VALUES (?, ?, ?, ?, ?)",
        [
            (job_id, place, item.name, item.task, item.request)
            for place, item in enumerate(new.items)
            if item.refused is None
        ],
    )
    transaction.many(
        "INSERT INTO precis_job_results (job, place, body) VALUES (?, ?, ?)",
        [(job_id, place, item.refused) for place, item in enumerate(new.items) if item.refused is not None],
    )
    starts = range(0, len(new.items), SLICE_ITEMS)
    transaction.many(
        "INSERT INTO precis_job_slices (job, number, first, behind) VALUES (?, ?, ?, ?)",
        [(job_id, number, first, min(first + SLICE_ITEMS, len(new.items))) for number, first in enumerate(starts)],
    )
    return _get(transaction, new.owner, job_id)


def _get(transaction: Transaction, owner: str, job_id: str) -> Job:
    row = transaction.run(
        f"SELECT {COLUMNS} FROM precis_jobs WHERE id = ? AND owner = ? AND (expires IS NULL OR expires > {{now}})",  # noqa: S608
        [job_id, owner],
    ).fetchone()
    if row is None:
        raise NotFound("there is no such job")
    return job_of(row)


def _by_key(transaction: Transaction, owner: str, key: str, asked: str) -> Job | None:
    row = transaction.run(
        f"SELECT {COLUMNS}, asked FROM precis_jobs WHERE owner = ? AND key = ?",  # noqa: S608
        [owner, key],
    ).fetchone()
    if row is None:
        return None
    if row[-1] != asked:
        raise IdempotencyConflict("this key was used for another request")
    return job_of(row[:-1])


def _all_up_to(transaction: Transaction, job_id: str, place: int) -> bool:
    """Every place up to this one has a result."""
    row = transaction.run(
        "SELECT count(*) FROM precis_job_results WHERE job = ? AND place <= ?", [job_id, place]
    ).fetchone()
    return row is not None and row[0] == place + 1
