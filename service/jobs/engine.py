"""The durable queue: what was put in is run, by whichever worker lives. All that is known of DBOS is in this module.

DBOS gives the queue, its order, timers that survive restarts, and that one workflow is run by one worker. What it lacks
in its free form is here: the work of a worker that has died goes back into the queue (`take_over`), and what has ended
is forgotten (`forget`).

Its pitfalls, each met by a line below: executor ids are the same everywhere by default; so is not the application
version, and work of another version is never run; it serializes with pickle by default.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

import dbos
from dbos import DBOS

from service.jobs.database import Database

log = logging.getLogger("precis.jobs")

# Work that waits is stranded when this changes: it changes only with the meaning of the workflows below.
_VERSION = "1"
_SLICES, _WEBHOOKS = "slices", "webhooks"
_SLICE, _WEBHOOK = "slice", "webhook"
_POLL_S = 0.25
_RETRY_S = 2.0
_WEBHOOKS_AT_A_TIME = 4
_HIGHEST_PRIORITY = 1

# Does a slice of a job; False: it is to be put into the queue again.
RunSlice = Callable[[str, int], bool]
# Delivers the webhook of a job, for the so-manieth time; the seconds until it is to be tried again, or None.
Deliver = Callable[[str, int], "float | None"]


class Engine:
    """Runs slices and deliveries. One a process.

    Args:
        database: where the queue is kept, beside the jobs.
        worker: an id that no other process has or had.
        run_slice, deliver: do the work, on threads of their own.
        slices: that run at a time here.
    """

    def __init__(self, database: Database, worker: str, run_slice: RunSlice, deliver: Deliver, *, slices: int) -> None:
        self._run_slice = run_slice
        self._deliver = deliver
        self._slices = slices
        self._worker = worker
        self._closing = threading.Event()
        DBOS(
            config={
                "name": "precis",
                "system_database_url": database.engine_url,
                "executor_id": worker,
                "application_version": _VERSION,
                "log_level": "WARNING",
                "run_migrations": True,
                "use_listen_notify": False,
                "sys_db_pool_size": 4,
                "notification_listener_polling_interval_sec": _POLL_S,
            }
        )
        # Through our own logging, or each line would be written in a form of its own.
        library = logging.getLogger("dbos")
        library.handlers.clear()
        library.propagate = True

        # Functions: DBOS writes attributes to what it registers, which methods have no place for.
        def slice_of_job(job_id: str, number: int) -> None:
            self._slice(job_id, number)

        def webhook_of_job(job_id: str, attempt: int) -> None:
            self._webhook(job_id, attempt)

        DBOS.workflow(name=_SLICE, max_recovery_attempts=None)(slice_of_job)
        DBOS.workflow(name=_WEBHOOK, max_recovery_attempts=None)(webhook_of_job)

    def start(self) -> None:
        """Make the tables where they are missing, and begin to take work."""
        DBOS.launch()
        for name, limit in ((_SLICES, self._slices), (_WEBHOOKS, _WEBHOOKS_AT_A_TIME)):
            DBOS.register_queue(
                name, worker_concurrency=limit, polling_interval_sec=_POLL_S, on_conflict="always_update"
            )

    def put(self, job_id: str, slices: int) -> None:
        """Enqueue the slices of a job; what has been put in once is not put in again."""
        for number in range(slices):
            self._enqueue(f"{job_id}/{number}", _SLICES, (job_id, number), priority=number)

    def put_webhook(self, job_id: str) -> None:
        """Enqueue the first delivery of a webhook, once."""
        self._enqueue(f"{job_id}/webhook/1", _WEBHOOKS, (job_id, 1))

    def take_over(self, living: Iterable[str]) -> list[str]:
        """Put the work of all workers but the living ones back into the queue.

        Returns:
            The workers that had some.
        """
        known = {*living, self._worker}
        pending = DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
        dead = sorted({one.executor_id for one in pending if one.executor_id and one.executor_id not in known})
        if dead:
            # The public way starts counting anew and does not look who runs the work by now.
            DBOS._recover_pending_workflows(dead)
        return dead

    def forget(self, job_ids: Iterable[str]) -> None:
        """Delete what is known of the work on jobs."""
        prefixes = [f"{job_id}/" for job_id in job_ids]
        if prefixes:
            found = DBOS.list_workflows(workflow_id_prefix=prefixes, load_input=False, load_output=False)
            DBOS.delete_workflows([one.workflow_id for one in found])

    def close(self, timeout_s: float) -> None:
        """Begin no more work, wait so long for what runs (it may still be put in again), and let go of everything."""
        self._closing.set()
        DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=max(1, int(timeout_s)))

    def _slice(self, job_id: str, number: int) -> None:
        """A workflow: it is run again until it has returned once."""
        try:
            done = not self._closing.is_set() and self._run_slice(job_id, number)
            wait_s = 0.0
        except Exception:
            log.exception("a slice of a job failed and is tried again")
            done, wait_s = False, _RETRY_S
        if not done:
            name, _, times = (DBOS.workflow_id or f"{job_id}/{number}").partition("~")
            again = f"{name}~{int(times or 0) + 1}"
            self._enqueue(again, _SLICES, (job_id, number), priority=number, delay_s=wait_s)

    def _webhook(self, job_id: str, attempt: int) -> None:
        """A workflow: one delivery; the next one is another workflow, so that nothing waits in a thread."""
        wait_s = self._deliver(job_id, attempt)
        if wait_s is not None:
            self._enqueue(f"{job_id}/webhook/{attempt + 1}", _WEBHOOKS, (job_id, attempt + 1), delay_s=wait_s)

    @staticmethod
    def _enqueue(name: str, queue: str, arguments: tuple[str, int], *, priority: int = 0, delay_s: float = 0.0) -> None:
        options: dbos.EnqueueOptions = {
            "workflow_name": _SLICE if queue == _SLICES else _WEBHOOK,
            "queue_name": queue,
            "workflow_id": name,
            "app_version": _VERSION,
            "priority": _HIGHEST_PRIORITY + priority,
            "serialization_type": dbos.WorkflowSerializationFormat.PORTABLE,
        }
        if delay_s > 0:
            options["delay_seconds"] = delay_s
        DBOS.enqueue_workflow_with_options(options, *arguments)
