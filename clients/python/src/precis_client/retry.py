"""When a failed call is tried again, and how long it waits. Nothing here knows of sockets."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_CHANCE = random.SystemRandom()  # many clients that start together must not wait the same


@dataclass(frozen=True)
class RetryPolicy:
    """How stubborn a client is.

    Tried again are 429, 503, a gateway's 502 and broken connections; whatever else the service says is final.

    Attributes:
        attempts: tries of one call in all; 1 turns retries off.
        first_wait_s: the longest first wait; it doubles with each try. Waits are drawn evenly from 0 up to it.
        longest_wait_s: no wait is longer, and a `Retry-After` beyond it is not waited for.
        budget: retries in a row that all calls of a client may make together. A retry takes one, a call that succeeds
            gives a tenth back, so a service that is down is not asked many times over.
    """

    attempts: int = 4
    first_wait_s: float = 0.25
    longest_wait_s: float = 60.0
    budget: int = 20

    def wait_s(self, tried: int, retry_after_s: float | None) -> float | None:
        """Seconds to wait before the next try; None: it is not worth another.

        Args:
            tried: tries so far, from 1.
            retry_after_s: what the service asked for.
        """
        if tried >= self.attempts:
            return None
        step_s = min(self.first_wait_s * 2 ** (tried - 1), self.longest_wait_s)
        wait_s = (retry_after_s or 0.0) + _CHANCE.uniform(0.0, step_s)
        return wait_s if (retry_after_s or 0.0) <= self.longest_wait_s else None


class Budget:
    """What is left of a policy's `budget`, for all threads of a client."""

    _GIVEN_BACK = 0.1

    def __init__(self, size: int) -> None:
        self._size = float(size)
        self._left = float(size)
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Take one retry, if there is one."""
        with self._lock:
            if self._left < 1.0:
                return False
            self._left -= 1.0
            return True

    def give(self) -> None:
        """A call succeeded."""
        with self._lock:
            self._left = min(self._size, self._left + self._GIVEN_BACK)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that `Retry-After` asks to wait, as a number or as an HTTP date; None where it says nothing.

    A date counts from the reply's own `Date`, so that clocks need not agree.
    """
    told = headers.get("Retry-After", "").strip()
    if told.isascii() and told.isdecimal():
        return float(told)
    until = _date(told)
    if until is None:
        return None
    since = _date(headers.get("Date", "")) or datetime.now(UTC)
    return max(0.0, (until - since).total_seconds())


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


class Deadline:
    """A moment after which nobody waits any more; `Deadline(None)` never comes."""

    def __init__(self, timeout_s: float | None) -> None:
        self._until_s = None if timeout_s is None else time.monotonic() + timeout_s

    def left_s(self) -> float | None:
        """Seconds left, 0 when it has come, None without an end."""
        return None if self._until_s is None else max(0.0, self._until_s - time.monotonic())

    @property
    def over(self) -> bool:
        """Whether it has come."""
        return self.left_s() == 0.0
