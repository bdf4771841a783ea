"""Which rows run next: a pure queue with two budgets, no clock, no thread, no I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from service.engines.base import RowWork
from service.errors import Overloaded, TooLong


@dataclass(frozen=True, slots=True)
class QueuedRow:
    """A row that waits: its own id, the computation it belongs to, its work."""

    row_id: int
    computation_id: int
    work: RowWork


class Scheduler:
    """First come, first served, bounded by rows and by cost.

    Args:
        max_rows: rows that may wait, at least 1.
        max_cost: cost that may wait, in the engine's unit.
    """

    def __init__(self, max_rows: int, max_cost: int) -> None:
        self._max_rows = max_rows
        self._max_cost = max_cost
        self._queue: deque[QueuedRow] = deque()
        self._cost = 0

    @property
    def queued_rows(self) -> int:
        """Rows waiting now."""
        return len(self._queue)

    @property
    def queued_cost(self) -> int:
        """Cost waiting now."""
        return self._cost

    def offer(self, rows: Sequence[QueuedRow]) -> None:
        """Queue rows, all or none.

        Raises:
            TooLong: the rows alone are over a budget, so that waiting would never help.
            Overloaded: they do not fit beside what waits already.
        """
        cost = sum(row.work.cost for row in rows)
        if len(rows) > self._max_rows or cost > self._max_cost:
            raise TooLong("this is more than the service takes in one request; send it in parts")
        if len(self._queue) + len(rows) > self._max_rows or self._cost + cost > self._max_cost:
            raise Overloaded("the queue is full", retry_after_s=1.0)
        self._queue.extend(rows)
        self._cost += cost

    def take(self, free_rows: int) -> list[QueuedRow]:
        """Remove and return the rows to admit now, oldest first, at most `free_rows`."""
        taken = [self._queue.popleft() for _ in range(min(free_rows, len(self._queue)))]
        self._cost -= sum(row.work.cost for row in taken)
        return taken

    def cancel(self, computation_ids: frozenset[int]) -> list[QueuedRow]:
        """Remove and return the waiting rows of these computations."""
        dropped = [row for row in self._queue if row.computation_id in computation_ids]
        if dropped:
            self._queue = deque(row for row in self._queue if row.computation_id not in computation_ids)
            self._cost -= sum(row.work.cost for row in dropped)
        return dropped
