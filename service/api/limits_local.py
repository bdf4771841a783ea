"""Limits counted within one instance, over all of its API processes. Counts end with the instance."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from pathlib import Path

from service.api.keys import MAX_KEYS, Key
from service.api.limits import (
    CONCURRENCY,
    CONCURRENCY_RETRY_S,
    MINUTE,
    SECOND,
    Period,
    Used,
    Verdict,
    admitted_standings,
    judge,
    period,
    quota_standings,
    rates,
    take,
    verdict,
)
from service.api.shared_table import WORKERS, SharedTable

# Two times of `limits.take`, then (number, requests, characters) of the day and of the month.
_TIMES = struct.Struct("dd")
_COUNTS = struct.Struct("qqqqqq")
_RUNNING = struct.Struct(f"{WORKERS}H")
_ONE = struct.Struct("H")
_COUNTS_AT = _TIMES.size
_RUNNING_AT = _COUNTS_AT + _COUNTS.size
_MOST_RUNNING = 0xFFFF


class LocalLimiter:
    """A `Limiter` over a file in the runtime folder.

    Args:
        path: of the file.
        clock, wall: monotonic and Unix time, for tests.
    Raises:
        OSError: the file cannot be made.
    """

    def __init__(
        self, path: Path, *, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        size = _RUNNING_AT + _RUNNING.size
        self._table = SharedTable(path, rows=2 * MAX_KEYS, record_size=size, workers_at=_RUNNING_AT)
        self._clock = clock
        self._wall = wall

    def admit(self, key: Key) -> Verdict:
        """Count a request, or refuse it and count nothing."""
        now_s, when = self._clock(), period(self._wall())
        limits = key.limits
        with self._table as table:
            at = table.record(key.id)
            second_s, minute_s = _TIMES.unpack_from(table.data, at)
            times = {SECOND: second_s, MINUTE: minute_s}
            taken = dict(times)
            refused, retry_after_s = "", 0.0
            for name, quota, window_s in rates(limits):
                taken[name], wait_s = take(times[name], now_s, quota, window_s)
                if wait_s > retry_after_s:
                    refused, retry_after_s = name, wait_s
            running = sum(_RUNNING.unpack_from(table.data, at + _RUNNING_AT))
            if not refused and limits.concurrency is not None and running >= limits.concurrency:
                refused, retry_after_s = CONCURRENCY, CONCURRENCY_RETRY_S
            counts = _counts(table, at, when)
            lease = ""
            if not refused:
                times = taken
                counts[1] += 1
                counts[4] += 1
                running += 1
                _TIMES.pack_into(table.data, at, times[SECOND], times[MINUTE])
                _COUNTS.pack_into(table.data, at + _COUNTS_AT, *counts)
                lease = self._add_running(at, 1)
        standings = admitted_standings(limits, times, running, now_s)
        standings += quota_standings(limits, counts[2], counts[5], when)
        return verdict(standings, refused, retry_after_s, lease)

    def release(self, key_id: str, lease: str) -> None:
        """Give a place back."""
        with self._table as table:
            # A lease of another process, that is of one before a fork, was forgotten with that process.
            if lease == str(table.worker):
                self._add_running(table.record(key_id), -1)

    def charge(self, key: Key, characters: int) -> Verdict:
        """Count characters, or refuse them and count nothing."""
        when = period(self._wall())
        with self._table as table:
            at = table.record(key.id)
            counts = _counts(table, at, when)
            found = judge(key.limits, characters, counts[2], counts[5], when)
            if found.refused is None:
                counts[2] += characters
                counts[5] += characters
                _COUNTS.pack_into(table.data, at + _COUNTS_AT, *counts)
        return found

    def refund(self, key_id: str, characters: int) -> None:
        """Take characters back."""
        with self._table as table:
            at = table.record(key_id)
            counts = _counts(table, at, period(self._wall()))
            counts[2] = max(0, counts[2] - characters)
            counts[5] = max(0, counts[5] - characters)
            _COUNTS.pack_into(table.data, at + _COUNTS_AT, *counts)

    def used(self, key_id: str) -> Used:
        """What has been counted."""
        with self._table as table:
            at = table.record(key_id)
            counts = _counts(table, at, period(self._wall()))
            running = sum(_RUNNING.unpack_from(table.data, at + _RUNNING_AT))
        return Used(counts[1], counts[2], counts[4], counts[5], running)

    def close(self) -> None:
        """Give the file back."""
        self._table.close()

    def _add_running(self, at: int, change: int) -> str:
        where = at + _RUNNING_AT + _ONE.size * self._table.worker
        (running,) = _ONE.unpack_from(self._table.data, where)
        _ONE.pack_into(self._table.data, where, min(max(running + change, 0), _MOST_RUNNING))
        return str(self._table.worker)


def _counts(table: SharedTable, at: int, when: Period) -> list[int]:
    """Number, requests and characters of the day and of the month that run."""
    counts = list(_COUNTS.unpack_from(table.data, at + _COUNTS_AT))
    if counts[0] != when.day:
        counts[:3] = when.day, 0, 0
    if counts[3] != when.month:
        counts[3:] = when.month, 0, 0
    return counts
