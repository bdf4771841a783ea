"""Who waits for which computation: every waiter is answered exactly once.

Owned by one thread (the event loop's). Identical jobs share one computation. When the last waiter hangs up, the
computation runs on for a grace period, and its result is kept until that ends, so that a client that re-sends finds it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from service.errors import PrecisError
from service.records import Job, Outcome

Waiter = Callable[[Outcome], None]


@dataclass(slots=True)
class Computation:
    """One admitted job. `outcome` is None while it runs; `orphan_since_s` is set while nobody waits."""

    id: int
    key: bytes
    lane: str
    waiters: list[Waiter] = field(default_factory=list)
    outcome: Outcome | None = None
    orphan_since_s: float | None = None


class Inflight:
    """The table of computations.

    Args:
        orphan_grace_s: seconds a computation without waiters is kept.
    """

    def __init__(self, orphan_grace_s: float) -> None:
        self._grace_s = orphan_grace_s
        self._by_id: dict[int, Computation] = {}
        self._by_key: dict[bytes, Computation] = {}
        self._next_id = 1
        self.running = 0  # computations that have not ended

    def __len__(self) -> int:
        return len(self._by_id)

    def open(self, key: bytes, lane: str) -> Computation:
        """Register a new computation. An empty key is never shared."""
        computation = Computation(self._next_id, key, lane)
        self._next_id += 1
        self.running += 1
        self._by_id[computation.id] = computation
        if key:
            self._by_key[key] = computation
        return computation

    def find(self, key: bytes) -> Computation | None:
        """The computation for this key that runs, or that ended while nobody waited."""
        return self._by_key.get(key) if key else None

    def key_of(self, computation_id: int) -> bytes:
        """The key of a computation; empty when it is shared with nobody or not known any more."""
        computation = self._by_id.get(computation_id)
        return computation.key if computation is not None else b""

    def attach(self, computation: Computation, waiter: Waiter) -> None:
        """Let `waiter` have the outcome: at once when there is one already."""
        computation.orphan_since_s = None
        if computation.outcome is not None:
            self._forget(computation)
            waiter(computation.outcome)
            return
        computation.waiters.append(waiter)

    def settle(self, computation_id: int, outcome: Outcome) -> bool:
        """Answer all waiters. Returns False when there was nothing to settle: unknown, or settled before."""
        computation = self._by_id.get(computation_id)
        if computation is None or computation.outcome is not None:
            return False
        computation.outcome = outcome
        self.running -= 1
        if computation.orphan_since_s is None:
            self._forget(computation)
        waiters, computation.waiters = computation.waiters, []
        for waiter in waiters:
            waiter(outcome)
        return True

    def hang_up(self, computation: Computation, waiter: Waiter, now_s: float) -> bool:
        """A waiter has gone without an explicit end. Returns True when the computation must be cancelled now."""
        if not self._remove(computation, waiter):
            return False
        if self._grace_s == 0 or not computation.key:
            self._forget(computation)
            return True
        computation.orphan_since_s = now_s
        return False

    def end(self, computation: Computation, waiter: Waiter) -> bool:
        """A waiter's time is over. Returns True when it was the last one, so that the computation must be cancelled."""
        if not self._remove(computation, waiter):
            return False
        self._forget(computation)
        return True

    def expire(self, now_s: float) -> list[Computation]:
        """Drop orphans past their grace and return those that still run, to be cancelled."""
        old = [
            computation
            for computation in self._by_id.values()
            if computation.orphan_since_s is not None and now_s - computation.orphan_since_s >= self._grace_s
        ]
        for computation in old:
            self._forget(computation)
        return [computation for computation in old if computation.outcome is None]

    def discard(self, computation: Computation) -> None:
        """Forget a computation that was never queued and has no waiters."""
        self._forget(computation)

    def fail_all(self, error: PrecisError) -> None:
        """Answer every waiter with this error and empty the table."""
        for computation_id in list(self._by_id):
            self.settle(computation_id, Outcome(error=error))
        self._by_id.clear()
        self._by_key.clear()

    def _remove(self, computation: Computation, waiter: Waiter) -> bool:
        """Take a waiter away; True when it was the last one of a computation that still runs."""
        if waiter not in computation.waiters:
            return False
        computation.waiters.remove(waiter)
        return not computation.waiters and computation.outcome is None

    def _forget(self, computation: Computation) -> None:
        if self._by_id.pop(computation.id, None) is not None and computation.outcome is None:
            self.running -= 1
        if self._by_key.get(computation.key) is computation:
            del self._by_key[computation.key]


def shared_key(job: Job, caller: str) -> bytes:
    """Digest of everything that decides a job's outcome, and of the caller, whose work is shared with nobody else."""
    digest = hashlib.blake2b(digest_size=16)
    wanted = job.summary
    counts = f"{wanted.max_sentences} {wanted.likely_sentences} {wanted.attempt}"
    for part in (caller, job.task, job.engine, job.source, job.target, wanted.title, counts):
        digest.update(f"{len(part)}:{part}".encode("utf-8", "surrogatepass"))
    for segment in job.segments:
        digest.update(f"{segment.paragraph}:{len(segment.text)}:{segment.text}".encode("utf-8", "surrogatepass"))
    return digest.digest()
