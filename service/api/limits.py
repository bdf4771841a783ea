"""What a key may use, as numbers: rates, requests at a time, characters a day and a month. Knows no Flask and no store.

Rates are those of the generic cell rate algorithm: one time a limit says when all of its quota will be there again.
Source: ITU-T I.371, annex A; draft-ietf-httpapi-ratelimit-headers (`RateLimit`, `RateLimit-Policy`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from service.api.keys import Key, Limits

SECOND, MINUTE, CONCURRENCY, DAY, MONTH = "second", "minute", "concurrency", "day", "month"
REQUESTS, AT_A_TIME, CHARACTERS = "requests", "concurrent-requests", "characters"
# Told to callers over their concurrency: when one of their requests ends cannot be known.
CONCURRENCY_RETRY_S = 1.0
_DAY_S = 86_400
# Rounding of times in seconds, far below the spacing of any rate.
_ROUNDING_S = 1e-6


@dataclass(frozen=True, slots=True)
class Standing:
    """How much of one limit is left.

    Attributes:
        name: `second`, `minute`, `concurrency`, `day` or `month`.
        quota: all of it.
        left: what is left of it.
        window_s: its period in seconds; 0 for concurrency.
        reset_s: seconds until all of it is there again; 0 for concurrency.
        unit: what is counted.
    """

    name: str
    quota: int
    left: int
    window_s: int
    reset_s: float
    unit: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether something may be used.

    Attributes:
        standings: of every limit looked at, afterwards.
        refused: the limit in the way, one of `standings`, or None.
        retry_after_s: when a refused request would fit; 0 when it was not refused.
        lease: to be released once the request has ended, or empty.
    """

    standings: tuple[Standing, ...] = ()
    refused: Standing | None = None
    retry_after_s: float = 0.0
    lease: str = ""


@dataclass(frozen=True, slots=True)
class Used:
    """What a key has used in the running day and month (UTC), and how many of its requests run now."""

    day_requests: int = 0
    day_characters: int = 0
    month_requests: int = 0
    month_characters: int = 0
    running: int = 0


class Limiter(Protocol):
    """Counts for all keys; threads may call it at a time."""

    def admit(self, key: Key) -> Verdict:
        """Count one request and take its place among those that run, or say which limit is in the way."""
        ...

    def release(self, key_id: str, lease: str) -> None:
        """Give the place of a request that has ended back."""
        ...

    def charge(self, key: Key, characters: int) -> Verdict:
        """Count characters when they fit into the day and the month; none are counted otherwise."""
        ...

    def refund(self, key_id: str, characters: int) -> None:
        """Take back what was charged for work that failed."""
        ...

    def used(self, key_id: str) -> Used:
        """What has been counted."""
        ...

    def close(self) -> None:
        """Give back what is held."""
        ...


def rates(limits: Limits) -> tuple[tuple[str, int, int], ...]:
    """Name, quota and window in seconds of each rate."""
    found = ((SECOND, limits.requests_per_second, 1), (MINUTE, limits.requests_per_minute, 60))
    return tuple((name, quota, window_s) for name, quota, window_s in found if quota is not None)


def quotas(limits: Limits) -> tuple[tuple[str, int], ...]:
    """Name and quota of each bound of characters."""
    found = ((DAY, limits.characters_per_day), (MONTH, limits.characters_per_month))
    return tuple((name, quota) for name, quota in found if quota is not None)


def take(full_at_s: float, now_s: float, quota: int, window_s: float) -> tuple[float, float]:
    """One step of the generic cell rate algorithm.

    Args:
        full_at_s: when all of the quota will be there again, as the last step left it.
        now_s: time on the same clock.
        quota: requests a window.
        window_s: its length in seconds.
    Returns:
        The new `full_at_s`, and the seconds to wait: 0.0 when the request fits; else nothing was taken.
    """
    # What a faulty clock or a changed limit may have left behind never locks a caller out for more than a window.
    full_at_s = min(max(full_at_s, now_s), now_s + window_s)
    after_s = full_at_s + window_s / quota
    wait_s = after_s - window_s - now_s
    return (full_at_s, wait_s) if wait_s > _ROUNDING_S else (after_s, 0.0)


@dataclass(frozen=True, slots=True)
class Period:
    """The day and the month of a moment, in UTC.

    Attributes:
        day, month: numbers that grow by one a day and a month.
        day_left_s, month_left_s: seconds until the next begins.
        month_s: length of the month in seconds.
    """

    day: int
    month: int
    day_left_s: float
    month_left_s: float
    month_s: int


def period(unix_s: float) -> Period:
    """Day and month of a Unix time."""
    now = datetime.fromtimestamp(unix_s, UTC)
    first = datetime(now.year, now.month, 1, tzinfo=UTC).timestamp()
    later = datetime(now.year + now.month // 12, now.month % 12 + 1, 1, tzinfo=UTC).timestamp()
    day = int(unix_s // _DAY_S)
    return Period(day, now.year * 12 + now.month, (day + 1) * _DAY_S - unix_s, later - unix_s, int(later - first))


def admitted_standings(limits: Limits, times: Mapping[str, float], running: int, now_s: float) -> tuple[Standing, ...]:
    """What is left of the rates and of the concurrency.

    Args:
        times: when each rate will be full again (`take`), by name.
        running: requests that run, the one asked for included when it was admitted.
        now_s: time on the clock of `times`.
    """
    made = []
    for name, quota, window_s in rates(limits):
        missing_s = min(max(times[name] - now_s, 0.0), float(window_s))
        left = math.floor((window_s - missing_s + _ROUNDING_S) * quota / window_s)
        made.append(Standing(name, quota, left, window_s, missing_s, REQUESTS))
    if limits.concurrency is not None:
        left = max(limits.concurrency - running, 0)
        made.append(Standing(CONCURRENCY, limits.concurrency, left, 0, 0.0, AT_A_TIME))
    return tuple(made)


def quota_standings(limits: Limits, day_used: int, month_used: int, when: Period) -> tuple[Standing, ...]:
    """What is left of the characters."""
    made = []
    for name, quota in quotas(limits):
        of_day = name == DAY
        window_s, reset_s = (_DAY_S, when.day_left_s) if of_day else (when.month_s, when.month_left_s)
        left = max(quota - (day_used if of_day else month_used), 0)
        made.append(Standing(name, quota, left, window_s, reset_s, CHARACTERS))
    return tuple(made)


def verdict(standings: tuple[Standing, ...], refused: str, retry_after_s: float, lease: str = "") -> Verdict:
    """A verdict from the name of the limit in the way, empty for none."""
    found = next((standing for standing in standings if standing.name == refused), None)
    return Verdict(standings, found, retry_after_s, lease)


def judge(limits: Limits, characters: int, day_used: int, month_used: int, when: Period) -> Verdict:
    """Whether characters fit into what is left; the standings count them when they do."""
    over = [name for name, quota in quotas(limits) if (day_used if name == DAY else month_used) + characters > quota]
    if not over:
        return Verdict(quota_standings(limits, day_used + characters, month_used + characters, when))
    # Of two, the month takes longer and decides.
    retry_after_s = when.month_left_s if over[-1] == MONTH else when.day_left_s
    return verdict(quota_standings(limits, day_used, month_used, when), over[-1], retry_after_s)


def policy_header(standings: Iterable[Standing]) -> str:
    """The value of `RateLimit-Policy`."""
    items = []
    for standing in standings:
        window = f";w={standing.window_s}" if standing.window_s else ""
        unit = "" if standing.unit == REQUESTS else f';qu="{standing.unit}"'
        items.append(f'"{standing.name}";q={standing.quota}{window}{unit}')
    return ", ".join(items)


def state_header(standings: Iterable[Standing], refused: Standing | None) -> str:
    """The value of `RateLimit`; the limit in the way comes first, for clients that read one only."""
    ordered = [refused] if refused else []
    ordered += [standing for standing in standings if standing is not refused]
    return ", ".join(
        f'"{standing.name}";r={standing.left}' + (f";t={math.ceil(standing.reset_s)}" if standing.window_s else "")
        for standing in ordered
    )
