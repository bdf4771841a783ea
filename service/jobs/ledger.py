"""The worker's half of the store: slices are taken, results kept, jobs ended; heartbeats say which workers live."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.jobs.database import Database, Transaction
from service.jobs.job import Item, Job, Made, Slice
from service.jobs.store import COLUMNS, delete_parts, end, job_of


class Lost(Exception):
    """The slice is not ours any more: the job was cancelled, or another worker has taken it over."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A worker that has a heartbeat: its id in the engine, name, host, process, start in clock ticks, and its age."""

    id: str
    name: str
    host: str
    pid: int
    started: float
    age_s: float


class Ledger:
    """What workers write. Thread-safe; every method raises Unavailable while the database does not answer.

    Args:
        database: where jobs are kept; its tables are there.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- work

    def not_enqueued(self, limit: int) -> list[tuple[str, int]]:
        """Jobs whose slices the engine has not been given yet, oldest first, with the number of their slices."""
        with self._database.transaction(write=False) as transaction:
            rows = transaction.run(
                "SELECT id, (SELECT count(*) FROM precis_job_slices WHERE job = id) FROM precis_jobs "
                "WHERE state = 'queued' AND enqueued = 0 ORDER BY id LIMIT ?",
                [limit],
            ).fetchall()
        return [(row[0], row[1]) for row in rows]

    def enqueued(self, job_id: str) -> None:
        """The engine has all slices of a job."""
        with self._database.transaction() as transaction:
            transaction.run("UPDATE precis_jobs SET enqueued = 1 WHERE id = ?", [job_id])

    def attempts(self, job_id: str, number: int) -> int:
        """How often a slice was taken and not ended since it last got on; 0 where there is none."""
        with self._database.transaction(write=False) as transaction:
            row = transaction.run(
                "SELECT attempts FROM precis_job_slices WHERE job = ? AND number = ?", [job_id, number]
            ).fetchone()
        return row[0] if row is not None else 0

    def take(self, job_id: str, number: int) -> tuple[Slice | None, bool]:
        """Take a slice, from whoever held it.

        Returns:
            The slice, or None where it has been done or its job has ended; and whether the job began with it.
        """
        with self._database.transaction() as transaction:
            began = transaction.run(
                "UPDATE precis_jobs SET state = 'running', started = {now} WHERE id = ? AND state = 'queued'", [job_id]
            ).rowcount
            rows = transaction.run(
                "UPDATE precis_job_slices SET epoch = epoch + 1, attempts = attempts + 1 "
                "WHERE job = ? AND number = ? AND done = 0 RETURNING first, behind, epoch, attempts",
                [job_id, number],
            ).fetchall()
        return Slice(job_id, number, *rows[0]) if rows else None, bool(began)

    def left(self, taken: Slice) -> list[Item]:
        """The items of a slice that have no result yet, in order."""
        with self._database.transaction(write=False) as transaction:
            rows = transaction.run(
                "SELECT i.place, i.name, i.task, i.request FROM precis_job_items i LEFT JOIN precis_job_results r "
                "ON r.job = i.job AND r.place = i.place "
                "WHERE i.job = ? AND i.place >= ? AND i.place < ? AND r.place IS NULL ORDER BY i.place",
                [taken.job, taken.first, taken.behind],
            ).fetchall()
        return [Item(*row) for row in rows]

    def save(self, taken: Slice, made: Sequence[Made], *, got_on: bool) -> None:
        """Keep results; each place has one result for ever. `got_on` forgets attempts that came to nothing.

        Raises:
            Lost: the slice is not ours any more; nothing was kept.
        """
        with self._database.transaction() as transaction:
            self._hold(transaction, taken)
            if got_on:
                transaction.run(
                    "UPDATE precis_job_slices SET attempts = 1 WHERE job = ? AND number = ?", [taken.job, taken.number]
                )
            counts = [0, 0]
            for failed in (False, True):
                rows = [(taken.job, one.place, one.body) for one in made if one.failed is failed]
                counts[failed] = transaction.many(
                    "INSERT INTO precis_job_results (job, place, body) VALUES (?, ?, ?) "
                    "ON CONFLICT (job, place) DO NOTHING",
                    rows,
                )
            transaction.run(
                "UPDATE precis_jobs SET done = done + ?, failed = failed + ?, bytes = bytes + ? WHERE id = ?",
                [sum(counts), counts[True], sum(len(one.body) for one in made), taken.job],
            )

    def finish(self, taken: Slice) -> bool:
        """A slice is done; True when its job is with it.

        Raises:
            Lost: as `save`.
        """
        with self._database.transaction() as transaction:
            self._hold(transaction, taken)
            transaction.run(
                "UPDATE precis_job_slices SET done = 1 WHERE job = ? AND number = ?", [taken.job, taken.number]
            )
            left = transaction.run(
                "SELECT 1 FROM precis_job_slices WHERE job = ? AND done = 0 LIMIT 1", [taken.job]
            ).fetchone()
            return left is None and end(transaction, taken.job, "succeeded", None)

    def hand_back(self, taken: Slice) -> None:
        """This attempt does not count: the worker is told to end.

        Raises:
            Lost: as `save`.
        """
        with self._database.transaction() as transaction:
            self._hold(transaction, taken)
            transaction.run(
                "UPDATE precis_job_slices SET attempts = attempts - 1 WHERE job = ? AND number = ?",
                [taken.job, taken.number],
            )

    def fail(self, job_id: str, error: str) -> bool:
        """End a job that cannot be done; `error` is JSON. False when it had ended."""
        with self._database.transaction() as transaction:
            return end(transaction, job_id, "failed", error)

    def ended(self, job_ids: Sequence[str]) -> set[str]:
        """Which of these jobs nobody wants any more: cancelled, failed or deleted."""
        if not job_ids:
            return set()
        marks = ", ".join("?" * len(job_ids))
        with self._database.transaction(write=False) as transaction:
            rows = transaction.run(
                f"SELECT id FROM precis_jobs WHERE id IN ({marks}) AND state IN ('queued', 'running')",  # noqa: S608
                list(job_ids),
            ).fetchall()
        return set(job_ids) - {row[0] for row in rows}

    def waiting(self) -> int:
        """Items of jobs that have not ended, not done yet."""
        with self._database.transaction(write=False) as transaction:
            row = transaction.run(
                "SELECT coalesce(sum(total - done), 0) FROM precis_jobs WHERE state IN ('queued', 'running')"
            ).fetchone()
        return int(row[0]) if row is not None else 0

    # -- webhooks

    def undelivered(self, limit: int) -> list[str]:
        """Jobs that have ended and whose webhook the engine has not been given yet."""
        with self._database.transaction(write=False) as transaction:
            rows = transaction.run(
                "SELECT id FROM precis_jobs WHERE webhook_state = 'pending' AND enqueued < 2 "
                "AND state IN ('succeeded', 'failed', 'cancelled') LIMIT ?",
                [limit],
            ).fetchall()
        return [row[0] for row in rows]

    def webhook_enqueued(self, job_id: str) -> None:
        """The engine has the webhook of a job."""
        with self._database.transaction() as transaction:
            transaction.run("UPDATE precis_jobs SET enqueued = 2 WHERE id = ?", [job_id])

    def job(self, job_id: str) -> Job | None:
        """A job, whoever owns it."""
        with self._database.transaction(write=False) as transaction:
            row = transaction.run(f"SELECT {COLUMNS} FROM precis_jobs WHERE id = ?", [job_id]).fetchone()  # noqa: S608
        return job_of(row) if row is not None else None

    def webhook(self, job_id: str, state: str, attempts: int) -> None:
        """What became of an attempt to deliver."""
        with self._database.transaction() as transaction:
            transaction.run(
                "UPDATE precis_jobs SET webhook_state = ?, webhook_attempts = ? "
                "WHERE id = ? AND webhook_state = 'pending'",
                [state, attempts, job_id],
            )

    # -- workers

    def beat(self, peer: Peer, *, first: bool) -> bool:
        """Say that this worker lives; False when others have given it up."""
        with self._database.transaction() as transaction:
            if first:
                transaction.run(
                    "INSERT INTO precis_workers (id, name, host, pid, started, beat) VALUES (?, ?, ?, ?, ?, {now})",
                    [peer.id, peer.name, peer.host, peer.pid, peer.started],
                )
                return True
            return bool(transaction.run("UPDATE precis_workers SET beat = {now} WHERE id = ?", [peer.id]).rowcount)

    def peers(self) -> list[Peer]:
        """All workers that have a heartbeat, with its age."""
        with self._database.transaction(write=False) as transaction:
            rows = transaction.run("SELECT id, name, host, pid, started, {now} - beat FROM precis_workers").fetchall()
        return [Peer(*row) for row in rows]

    def give_up(self, worker_id: str, older_than_s: float) -> bool:
        """Take a worker off the list unless it has beaten meanwhile."""
        with self._database.transaction() as transaction:
            return bool(
                transaction.run(
                    "DELETE FROM precis_workers WHERE id = ? AND {now} - beat >= ?", [worker_id, older_than_s]
                ).rowcount
            )

    # -- retention

    def expired(self, limit: int) -> list[str]:
        """Jobs whose time of keeping is over."""
        with self._database.transaction(write=False) as transaction:
            rows = transaction.run("SELECT id FROM precis_jobs WHERE expires <= {now} LIMIT ?", [limit]).fetchall()
        return [row[0] for row in rows]

    def delete(self, job_ids: Sequence[str]) -> None:
        """Delete jobs with all that belongs to them."""
        for job_id in job_ids:
            with self._database.transaction() as transaction:
                transaction.run("DELETE FROM precis_jobs WHERE id = ?", [job_id])
                delete_parts(transaction, job_id)

    @staticmethod
    def _hold(transaction: Transaction, taken: Slice) -> None:
        """Keep others from the job until the transaction ends; jobs before slices, as everybody else does."""
        job = transaction.run(
            "UPDATE precis_jobs SET state = 'running' WHERE id = ? AND state = 'running'", [taken.job]
        ).rowcount
        if not job:
            raise Lost
        held = transaction.run(
            "UPDATE precis_job_slices SET epoch = epoch WHERE job = ? AND number = ? AND epoch = ? AND done = 0",
            [taken.job, taken.number, taken.epoch],
        ).rowcount
        if not held:
            raise Lost
