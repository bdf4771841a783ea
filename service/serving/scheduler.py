"""Which rows run next: a pure queue with two budgets and fair turns; no clock, no thread, no I/O.

Callers take turns by cost, and so do the requests of one caller, so that a batch of hundreds holds nobody up. Within a
request rows leave as they came.
Source: start-time fair queueing (Goyal, Vin, Cheng, 1997), once for callers and once within each.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from service.engines.base import RowWork
from service.errors import Overloaded, TooLong

# The caller of what nobody waits for: it has its turns, and each costs it as much as so many of another caller's.
BACKGROUND = "background"
_BACKGROUND_WEIGHT = 8.0
# What a caller with a name may fill of the queue, beside what it has there alone: the rest is for others.
_MOST_OF_QUEUE = 0.75


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asked, and in which request, empty where they are not told apart; and the seconds they have."""

    caller: str = ""
    request: str = ""
    remaining_s: float = math.inf


@dataclass(frozen=True, slots=True)
class QueuedRow:
    """A row that waits: its own id, the computation it belongs to, its work, and who asked."""

    row_id: int
    computation_id: int
    work: RowWork
    asker: Asker = Asker()


class Scheduler:
    """Fair turns between callers and between their requests, bounded by rows and by cost.

    Args:
        max_rows: rows that may wait, at least 1.
        max_cost: cost that may wait, in the engine's unit.
    """

    def __init__(self, max_rows: int, max_cost: int) -> None:
        self._max_rows = max_rows
        self._max_cost = max_cost
        self._queue = _Turns(_caller_of, lambda: _Turns(_request_of, _Fifo))
        self._rows: Counter[str] = Counter()
        self._costs: Counter[str] = Counter()

    @property
    def queued_rows(self) -> int:
        """Rows waiting now."""
        return len(self._queue)

    @property
    def queued_cost(self) -> int:
        """Cost waiting now."""
        return self._costs.total()

    def offer(self, rows: Sequence[QueuedRow]) -> None:
        """Queue the rows of one caller, all or none.

        Raises:
            TooLong: the rows alone are over a budget, so that waiting would never help.
            Overloaded: they do not fit beside what waits already, or beside what this caller has waiting.
        """
        cost = sum(row.work.cost for row in rows)
        if len(rows) > self._max_rows or cost > self._max_cost:
            raise TooLong("this is more than the service takes in one request; send it in parts")
        if self.queued_rows + len(rows) > self._max_rows or self.queued_cost + cost > self._max_cost:
            raise Overloaded("the queue is full", retry_after_s=1.0)
        if rows and self._hogs(rows[0].asker.caller, len(rows), cost):
            raise Overloaded("too much of this caller is waiting already", retry_after_s=1.0)
        for row in rows:
            self._queue.push(row)
            self._rows[row.asker.caller] += 1
            self._costs[row.asker.caller] += row.work.cost

    def ahead(self, asker: Asker, cost: int) -> int:
        """The cost that is served until work of this cost is, itself included, when its turns are fair."""
        callers, requests = self._queue.sharers(asker)
        return min(self.queued_cost + cost, cost * callers * requests)

    def take(self, free_rows: int) -> list[QueuedRow]:
        """Remove and return the rows to admit now, in fair order, at most `free_rows`."""
        taken = [self._queue.pop() for _ in range(min(free_rows, len(self._queue)))]
        self._gone(taken)
        return taken

    def cancel(self, computation_ids: frozenset[int]) -> list[QueuedRow]:
        """Remove and return the waiting rows of these computations, oldest first."""
        dropped = sorted(self._queue.drop(computation_ids), key=lambda row: row.row_id)
        self._gone(dropped)
        return dropped

    def _hogs(self, caller: str, rows: int, cost: int) -> bool:
        """Callers without a name may be many, so that no share is theirs; what comes alone may fill the queue."""
        if not caller or not self._rows[caller]:
            return False
        return (
            self._rows[caller] + rows > self._max_rows * _MOST_OF_QUEUE
            or self._costs[caller] + cost > self._max_cost * _MOST_OF_QUEUE
        )

    def _gone(self, rows: Sequence[QueuedRow]) -> None:
        for row in rows:
            self._rows[row.asker.caller] -= 1
            self._costs[row.asker.caller] -= row.work.cost
            if not self._rows[row.asker.caller]:
                del self._rows[row.asker.caller], self._costs[row.asker.caller]


class _Queue(Protocol):
    def __len__(self) -> int: ...

    def push(self, row: QueuedRow) -> None: ...

    def pop(self) -> QueuedRow: ...

    def drop(self, computation_ids: frozenset[int]) -> list[QueuedRow]: ...


class _Fifo:
    """First come, first served."""

    def __init__(self) -> None:
        self._rows: deque[QueuedRow] = deque()

    def __len__(self) -> int:
        return len(self._rows)

    def push(self, row: QueuedRow) -> None:
        self._rows.append(row)

    def pop(self) -> QueuedRow:
        return self._rows.popleft()

    def drop(self, computation_ids: frozenset[int]) -> list[QueuedRow]:
        dropped = [row for row in self._rows if row.computation_id in computation_ids]
        if dropped:
            self._rows = deque(row for row in self._rows if row.computation_id not in computation_ids)
        return dropped


class _Turns:
    """Queues by key that take turns: next is the one that has had the least cost since it began to wait.

    Args:
        key: which queue a row belongs to.
        make: a new queue.
    """

    def __init__(self, key: Callable[[QueuedRow], str], make: Callable[[], _Queue]) -> None:
        self._key = key
        self._make = make
        self._queues: dict[str, _Queue] = {}
        self._turns: list[tuple[float, int, str]] = []  # a heap of (cost had, order, key), one for each queue
        self._had = 0.0
        self._order = itertools.count()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def sharers(self, asker: Asker) -> tuple[int, int]:
        """How many callers, and how many requests of this one, share the turns once it waits here."""
        mine = self._queues.get(asker.caller)
        requests = mine.keys() if isinstance(mine, _Turns) else frozenset[str]()
        return len({*self._queues, asker.caller}), len({*requests, asker.request})

    def keys(self) -> frozenset[str]:
        """Whose queues there are."""
        return frozenset(self._queues)

    def push(self, row: QueuedRow) -> None:
        key = self._key(row)
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = self._make()
            # Who comes back has no credit for the time away, nor a debt.
            heapq.heappush(self._turns, (self._had, next(self._order), key))
        queue.push(row)
        self._size += 1

    def pop(self) -> QueuedRow:
        self._had, _, key = heapq.heappop(self._turns)
        queue = self._queues[key]
        row = queue.pop()
        self._size -= 1
        if len(queue):
            weight = _BACKGROUND_WEIGHT if key == BACKGROUND and self._key is _caller_of else 1.0
            heapq.heappush(self._turns, (self._had + row.work.cost * weight, next(self._order), key))
        else:
            del self._queues[key]
        return row

    def drop(self, computation_ids: frozenset[int]) -> list[QueuedRow]:
        dropped = [row for queue in self._queues.values() for row in queue.drop(computation_ids)]
        if dropped:
            self._size -= len(dropped)
            self._queues = {key: queue for key, queue in self._queues.items() if len(queue)}
            self._turns = [turn for turn in self._turns if turn[2] in self._queues]
            heapq.heapify(self._turns)
        return dropped


def _caller_of(row: QueuedRow) -> str:
    return row.asker.caller


def _request_of(row: QueuedRow) -> str:
    return row.asker.request
