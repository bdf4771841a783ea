"""When a failed request may be sent again."""

from __future__ import annotations

import email.utils
import secrets
import time

_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 5.0
_MOST_CREDIT = 10.0
_EARNED = 0.2


class Budget:
    """Lets about one request in five be a retry, so that a server in trouble is not given more to do.

    Source: https://sre.google/sre-book/handling-overload/ (per-client retry budget).
    """

    def __init__(self) -> None:
        self._credit = _MOST_CREDIT

    def earn(self) -> None:
        """A request has succeeded."""
        self._credit = min(_MOST_CREDIT, self._credit + _EARNED)

    def spend(self) -> bool:
        """Whether a retry may be sent now; takes it from the budget."""
        if self._credit < 1:
            return False
        self._credit -= 1
        return True


def backoff_s(attempt: int) -> float:
    """Seconds to wait before attempt number `attempt` (1 is the first retry), spread so that callers do not meet."""
    longest = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** (attempt - 1))
    return float(longest * (0.5 + secrets.randbelow(1000) / 2000))


def retry_after_s(value: str | None) -> float | None:
    """Seconds that a `Retry-After` header asks for, as a number or as a date; None when there is none to understand."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return max(0.0, seconds) if seconds < 1e6 else None
