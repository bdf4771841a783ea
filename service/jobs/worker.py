"""A worker: gives new jobs to the engine, does slices, delivers webhooks, watches its peers, forgets what is old."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic_core import to_json

from service.errors import Unavailable
from service.heartbeat import Heartbeat, start_of, still_runs
from service.jobs import metrics
from service.jobs.database import Database
from service.jobs.engine import Engine
from service.jobs.job import Job, RunItem
from service.jobs.ledger import Ledger, Peer
from service.jobs.runner import Runner
from service.jobs.store import Store
from service.jobs.webhook import Webhooks
from service.processes import Alarm

log = logging.getLogger("precis.jobs")

_BEAT_S = 1.0
# A worker that was silent for so long has lost its work to others.
DEAD_AFTER_S = 8.0
_LOOK_S = 2.0
_FEED_S = 0.25
_SWEEP_S = 30.0
_AT_ONCE = 50
_SLICES_AT_A_TIME = 4

Describe = Callable[[Job], Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Work:
    """What the worker is given to do jobs with: the same code that answers requests."""

    run_item: RunItem
    reachable: Callable[[], bool]
    describe: Describe
    webhooks: Webhooks | None


class Ending:
    """An order to end. A signal handler may give it: unlike an event it takes no lock."""

    def __init__(self) -> None:
        self._set = False
        self._alarm = Alarm()

    def set(self) -> None:
        """Give the order."""
        self._set = True
        self._alarm.ring()

    def is_set(self) -> bool:
        """It was given."""
        return self._set

    def wait(self, seconds: float) -> None:
        """Wait for it, on one thread only."""
        if not self._set:
            self._alarm.wait(seconds)


class Worker:
    """Runs until it is told to stop.

    Args:
        database: of the jobs.
        work: how items are done.
        name: of this worker, for people; any number of workers may have the same.
        concurrency: items at a time.
        heartbeat: beaten by the main loop, for the liveness probe.
    """

    def __init__(self, database: Database, work: Work, *, name: str, concurrency: int, heartbeat: Heartbeat) -> None:
        self._database = database
        self._work = work
        self._heartbeat = heartbeat
        pid = os.getpid()
        self._me = Peer(f"{name}/{os.urandom(6).hex()}", name, socket.gethostname(), pid, start_of(pid), 0.0)
        self._store = Store(database, max_bytes=0)
        self._ledger = Ledger(database)
        self._runner = Runner(self._ledger, work.run_item, work.reachable, concurrency=concurrency)
        self._engine: Engine | None = None
        self._beating = threading.Thread(target=self._beat, name="beat", daemon=True)
        self._beats = threading.Event()
        self._given_up = threading.Event()
        self._next: dict[str, float] = {}
        self.ready = False

    def run(self, ending: Ending, drain_s: float) -> bool:
        """Work until `ending` is set, then let what runs end or be handed back.

        Returns:
            True after an orderly end; False when others had given this worker up, or time ran out.
        """
        if not self._begin(ending):
            return True
        while not ending.is_set() and not self._given_up.is_set():
            self._turn()
            ending.wait(_FEED_S)
        self.ready = False
        return self._end(drain_s)

    def _begin(self, ending: Ending) -> bool:
        """Wait for the database; False when told to end before it is there."""
        while not ending.is_set():
            self._heartbeat.beat()
            try:
                self._store.prepare()
                self._ledger.beat(self._me, first=True)
                break
            except Unavailable:
                log.warning("the database of jobs does not answer")
                ending.wait(_LOOK_S)
        else:
            return False
        self._beating.start()
        self._engine = Engine(
            self._database, self._me.id, self._runner.run_slice, self._deliver, slices=_SLICES_AT_A_TIME
        )
        self._engine.start()
        self.ready = True
        log.info("worker ready")
        return True

    def _end(self, drain_s: float) -> bool:
        lost = self._given_up.is_set()
        if lost:
            log.error("this worker was silent for too long and has lost its work to others")
            self._runner.abandon()
        else:
            log.info("draining")
            self._runner.stop()
        late = threading.Timer(drain_s, self._runner.abandon)
        late.daemon = True
        late.start()
        if self._engine is not None:
            # What was lost is not waited for: others do it.
            self._engine.close(_BEAT_S if lost else drain_s + 5.0)
        late.cancel()
        idle = not self._runner.jobs()
        self._runner.close()
        self._beats.set()
        self._beating.join()
        try:
            self._ledger.give_up(self._me.id, 0.0)
        except Unavailable:
            log.warning("the database of jobs does not answer")
        self._database.close()
        self._heartbeat.close()
        return idle and not lost

    def _turn(self) -> None:
        """What is due now. The engine's own errors of the database are told and tried again at the next turn."""
        self._heartbeat.beat()
        for name, every_s, task in (
            ("feed", _FEED_S, self._feed),
            ("watch", _FEED_S * 2, self._watch_jobs),
            ("look", _LOOK_S, self._look_at_peers),
            ("sweep", _SWEEP_S, self._sweep),
        ):
            now_s = time.monotonic()
            if now_s >= self._next.get(name, 0.0):
                self._next[name] = now_s + every_s
                try:
                    task()
                except Exception:
                    log.exception("a task of the worker failed and is tried again")

    def _feed(self) -> None:
        if self._engine is None:
            return
        for job_id, slices in self._ledger.not_enqueued(_AT_ONCE):
            self._engine.put(job_id, slices)
            self._ledger.enqueued(job_id)
        for job_id in self._ledger.undelivered(_AT_ONCE):
            self._engine.put_webhook(job_id)
            self._ledger.webhook_enqueued(job_id)

    def _watch_jobs(self) -> None:
        """Jobs that were cancelled meanwhile end here too."""
        self._runner.forget(self._ledger.ended(sorted(self._runner.jobs())))

    def _look_at_peers(self) -> None:
        metrics.items_waiting(self._ledger.waiting())
        if self._engine is None:
            return
        living = []
        for peer in self._ledger.peers():
            if self._ended(peer):
                self._ledger.give_up(peer.id, 0.0)
            elif peer.age_s < DEAD_AFTER_S or not self._ledger.give_up(peer.id, DEAD_AFTER_S):
                living.append(peer.id)  # or it has beaten in this moment
        for _ in self._engine.take_over(living):
            log.warning("the work of a worker that ended is taken over")
            metrics.taken_over()

    def _ended(self, peer: Peer) -> bool:
        """A worker of this very machine whose process is not there: nobody has to wait for its heartbeat to age."""
        same = peer.name == self._me.name and peer.host == self._me.host
        return same and peer.id != self._me.id and not still_runs(peer.pid, peer.started)

    def _sweep(self) -> None:
        expired = self._ledger.expired(_AT_ONCE)
        if expired and self._engine is not None:
            self._engine.forget(expired)
            self._ledger.delete(expired)

    def _beat(self) -> None:
        while not self._beats.wait(_BEAT_S):
            try:
                if not self._ledger.beat(self._me, first=False):
                    self._given_up.set()
                    return
            except Unavailable:
                log.warning("the database of jobs does not answer")

    # -- webhooks

    def _deliver(self, job_id: str, attempt: int) -> float | None:
        """Deliver a webhook; how long to wait before the next attempt, None where there is to be none."""
        job = self._ledger.job(job_id)
        if job is None or job.webhook_url is None or job.webhook_state != "pending":
            return None
        hooks = self._work.webhooks
        if hooks is None:
            self._ledger.webhook(job_id, "failed", job.webhook_attempts)
            return None
        if attempt <= job.webhook_attempts:
            # Made by a worker that died before it said so; only the next one may be missing.
            return hooks.wait_s(attempt)
        body = to_json(self._work.describe(job))
        if hooks.send(job.webhook_url, job_id, body):
            self._ledger.webhook(job_id, "delivered", attempt)
            metrics.webhook("delivered")
            return None
        wait_s = hooks.wait_s(attempt)
        self._ledger.webhook(job_id, "pending" if wait_s is not None else "failed", attempt)
        metrics.webhook("retried" if wait_s is not None else "failed")
        return wait_s
