"""Does a slice of a job: a few items at a time, results kept as they come, and an end as soon as nobody wants more."""

from __future__ import annotations

import contextlib
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from pydantic_core import to_json

from service import item_results
from service.errors import Draining, EngineFailed, Overloaded, PrecisError, Unavailable
from service.jobs import metrics
from service.jobs.job import Item, Made, RunItem, Slice
from service.jobs.ledger import Ledger, Lost

log = logging.getLogger("precis.jobs")

# Times a slice may be taken without getting on: what ends its worker each time is given up.
MOST_ATTEMPTS = 3
# Times an item may be under way when the model process goes.
_MOST_OUTAGES = 5
# Results are kept when there are so many, or after so long: what a killed worker repeats is no more than this.
SAVE_ITEMS = 32
SAVE_S = 1.0
# A quarter of a slice done is getting on.
_GOT_ON = 0.25
_BACKOFF_FIRST_S = 0.5
_BACKOFF_LAST_S = 15.0

_POISON = to_json(
    item_results.item_error(
        EngineFailed(f"the worker ended {MOST_ATTEMPTS} times while it did this job, so that it was given up")
    )
).decode()


# A full model process, or one that is away, makes an item wait.
RETRIED = (Overloaded, Draining, Unavailable)


class Gate:
    """Many may pass at a time, or one alone: a slice that was under way when a worker died runs by itself."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._alone = False
        self._waiting = 0

    @contextlib.contextmanager
    def passing(self, *, alone: bool) -> Iterator[None]:
        """Wait for the turn, and hold it for the block."""
        with self._changed:
            self._waiting += alone
            self._changed.wait_for(lambda: not self._alone and (not self._inside if alone else not self._waiting))
            self._waiting -= alone
            self._alone = alone
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._alone = False
                self._changed.notify_all()


class Runner:
    """Does slices, each on the thread that calls; their items share a few threads.

    Args:
        ledger: gives items and keeps results.
        run_item: does one item; its third argument is true once nobody wants it any more.
        reachable: whether the model process answers now.
        concurrency: items at a time.
    """

    def __init__(
        self,
        ledger: Ledger,
        run_item: RunItem,
        reachable: Callable[[], bool],
        *,
        concurrency: int,
    ) -> None:
        self._ledger = ledger
        self._run_item = run_item
        self._reachable = reachable
        self._concurrency = concurrency
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="item")
        self._gate = Gate()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._running: dict[Slice, threading.Event] = {}

    def run_slice(self, job_id: str, number: int) -> bool:
        """Do what is left of a slice; False when it is to be done later, because this worker ends.

        Raises:
            Unavailable: the database does not answer.
        """
        suspect = self._ledger.attempts(job_id, number) > 0
        with self._gate.passing(alone=suspect):
            if self._stopping.is_set():
                return False
            taken, began = self._ledger.take(job_id, number)
            if began:
                metrics.job("running")
            if taken is None:
                return True
            if taken.attempts > MOST_ATTEMPTS:
                log.error("a job has ended its worker again and again and is given up")
                self._ends(self._ledger.fail(job_id, _POISON), "failed")
                return True
            try:
                return self._do(taken)
            except Lost:
                return True

    def forget(self, job_ids: set[str]) -> None:
        """Nobody wants these jobs any more: their items end, here and in the model process."""
        with self._lock:
            for taken, gone in self._running.items():
                if taken.job in job_ids:
                    gone.set()

    def jobs(self) -> set[str]:
        """Jobs under way here."""
        with self._lock:
            return {taken.job for taken in self._running}

    def stop(self) -> None:
        """Begin no more items; slices under way return as soon as their items have ended."""
        self._stopping.set()

    def abandon(self) -> None:
        """End all items: their time is over, or they are somebody else's."""
        self._stopping.set()
        with self._lock:
            for gone in self._running.values():
                gone.set()

    def close(self) -> None:
        """Let the threads end."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _do(self, taken: Slice) -> bool:
        gone = threading.Event()
        with self._lock:
            self._running[taken] = gone
        try:
            complete = self._items(taken, gone)
            if not complete:
                self._ledger.hand_back(taken)
                return False
            self._ends(self._ledger.finish(taken), "succeeded")
            return True
        finally:
            gone.set()  # also where the database failed: what still runs would be done for nobody
            with self._lock:
                del self._running[taken]

    def _items(self, taken: Slice, gone: threading.Event) -> bool:
        """Do the items; True when all of them have a result."""
        todo = self._ledger.left(taken)
        todo.reverse()
        under_way: set[Future[Made | None]] = set()
        made: list[Made] = []
        count, saved_s, complete = 0, time.monotonic(), True
        goal = max(1, int(_GOT_ON * (taken.behind - taken.first)))
        while todo or under_way:
            while todo and len(under_way) < self._concurrency and not self._stopping.is_set() and not gone.is_set():
                under_way.add(self._pool.submit(self._one, todo.pop(), taken, gone))
            if not under_way:
                complete = False
                break
            ended, under_way = wait(under_way, timeout=SAVE_S, return_when=FIRST_COMPLETED)
            results = [future.result() for future in ended]
            complete = complete and None not in results
            made += [one for one in results if one is not None]
            if made and (len(made) >= SAVE_ITEMS or time.monotonic() - saved_s >= SAVE_S):
                count += len(made)
                self._ledger.save(taken, made, got_on=count >= goal)
                made, saved_s = [], time.monotonic()
                goal = goal if count < goal else count + goal
        if made:
            self._ledger.save(taken, made, got_on=False)
        if gone.is_set():
            raise Lost
        return complete

    def _one(self, item: Item, taken: Slice, gone: threading.Event) -> Made | None:
        """The result of an item; None where it ends without one. A full model process only makes it wait."""
        outages, waits = 0, 0
        while not gone.is_set() and not self._stopping.is_set():
            there = waits > 0 and self._reachable()
            try:
                if waits and not there:
                    raise Unavailable("the model process cannot be reached")
                return self._run_item(item, f"{taken.job}.{item.place}", gone.is_set)
            except RETRIED as error:
                waits += 1
                # It was there, and went while this item was under way.
                outages += there and isinstance(error, Unavailable)
                if outages >= _MOST_OUTAGES:
                    return failed(item, EngineFailed("the model process ended each time while it did this item"))
                self._pause(waits, error, gone)
            except PrecisError as error:
                return None if gone.is_set() else failed(item, error)
        return None

    def _pause(self, waits: int, error: PrecisError, gone: threading.Event) -> None:
        metrics.waited(error.code)
        longest_s = min(_BACKOFF_LAST_S, _BACKOFF_FIRST_S * 2.0 ** min(waits, 10))
        end_s = time.monotonic() + random.uniform(longest_s / 2, longest_s)  # noqa: S311 - nothing to guess
        while (left_s := end_s - time.monotonic()) > 0 and not self._stopping.is_set():
            if gone.wait(min(left_s, 0.2)):
                return

    @staticmethod
    def _ends(changed: bool, state: str) -> None:
        if changed:
            metrics.job(state)


def failed(item: Item, error: PrecisError) -> Made:
    """The result of an item that has failed."""
    return Made(item.place, item_results.failed(item.place, item.name, error).decode(), failed=True)
