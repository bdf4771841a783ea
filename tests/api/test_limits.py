"""Limits as numbers, and their count in the file that all processes of an instance share."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.api.keys import Key, Limits
from service.api.limits import (
    Limiter,
    Standing,
    Used,
    period,
    policy_header,
    state_header,
    take,
)
from service.api.limits_local import LocalLimiter
from service.api.shared_table import WORKERS, SharedTable

NOW_S = 1_790_000_000.0


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = NOW_S

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    """Time of the limiter."""
    return Clock()


@pytest.fixture
def limiter(tmp_path: Path, clock: Clock) -> Limiter:
    """A limiter on a file of its own."""
    return LocalLimiter(tmp_path / "limits", clock=clock, wall=clock)


def admitted(limiter: Limiter, key: Key, tries: int) -> int:
    """How many of so many requests are let in; they end at once."""
    count = 0
    for _ in range(tries):
        verdict = limiter.admit(key)
        if not verdict.refused:
            count += 1
            limiter.release(key.id, verdict.lease)
    return count


@given(
    quota=st.integers(1, 500),
    window_s=st.sampled_from([1, 60]),
    gaps=st.lists(st.floats(0, 30), min_size=1, max_size=80),
)
@settings(max_examples=60, deadline=None)
def test_a_rate_lets_no_more_in_than_a_burst_and_its_refill(quota: int, window_s: int, gaps: list[float]) -> None:
    """At most the quota and what has flown back since is taken; the wait of a refusal is enough and needed."""
    full_at_s, now_s, taken = 0.0, 1000.0, 0
    for gap in gaps:
        now_s += gap
        full_at_s, wait_s = take(full_at_s, now_s, quota, window_s)
        taken += not wait_s
        assert taken <= quota + (now_s - 1000.0) * quota / window_s + 1e-3
        if wait_s:
            assert take(full_at_s, now_s + wait_s, quota, window_s)[1] == 0.0
            assert take(full_at_s, now_s + 0.9 * wait_s, quota, window_s)[1] > 0.0


def test_a_minute_has_its_quota_and_flows_back_evenly(limiter: Limiter, clock: Clock) -> None:
    """All of a quota may come at once; then one more for each part of the minute."""
    key = Key("a", Limits(requests_per_minute=6))
    assert admitted(limiter, key, 20) == 6
    refused = limiter.admit(key)
    assert refused.retry_after_s == pytest.approx(10)
    clock.now_s += 10
    assert admitted(limiter, key, 20) == 1
    clock.now_s += 3600
    assert admitted(limiter, key, 20) == 6


def test_two_rates_hold_both(limiter: Limiter, clock: Clock) -> None:
    """A request needs room in each of its key's rates; a refused one takes from neither."""
    key = Key("a", Limits(requests_per_second=2, requests_per_minute=3))
    assert admitted(limiter, key, 5) == 2
    assert limiter.admit(key).refused.name == "second"  # type: ignore[union-attr]
    clock.now_s += 1
    assert admitted(limiter, key, 5) == 1
    verdict = limiter.admit(key)
    assert verdict.refused is not None
    assert verdict.refused.name == "minute"
    assert {standing.name: standing.left for standing in verdict.standings} == {"second": 1, "minute": 0}


def test_keys_do_not_share(limiter: Limiter) -> None:
    """One key's use is nothing to another."""
    one, two = Key("one", Limits(requests_per_minute=2)), Key("two", Limits(requests_per_minute=2))
    assert admitted(limiter, one, 5) == 2
    assert admitted(limiter, two, 5) == 2


def test_concurrency_counts_what_runs(limiter: Limiter) -> None:
    """Places are taken until a request ends; releasing twice frees no second place."""
    key = Key("a", Limits(concurrency=2))
    first, second, third = (limiter.admit(key) for _ in range(3))
    assert [verdict.refused is None for verdict in (first, second, third)] == [True, True, False]
    assert limiter.used("a").running == 2
    limiter.release("a", first.lease)
    assert limiter.admit(key).refused is None
    for _ in range(5):
        limiter.release("a", second.lease)
    assert limiter.used("a").running == 0


def test_characters_of_day_and_month(limiter: Limiter, clock: Clock) -> None:
    """Characters fit whole or not at all, and come back with the next day and the next month."""
    key = Key("a", Limits(characters_per_day=100, characters_per_month=150))
    assert limiter.charge(key, 60).refused is None
    refused = limiter.charge(key, 41)
    assert refused.refused is not None
    assert (refused.refused.name, refused.refused.left) == ("day", 40)
    assert refused.retry_after_s == pytest.approx(period(NOW_S).day_left_s)
    limiter.refund("a", 10)
    assert limiter.charge(key, 50).refused is None
    clock.now_s += period(clock.now_s).day_left_s
    refused = limiter.charge(key, 51)
    assert refused.refused is not None
    assert (refused.refused.name, refused.refused.left) == ("month", 50)
    assert limiter.used("a") == Used(0, 0, 0, 100, 0)
    clock.now_s += period(clock.now_s).month_left_s
    assert limiter.charge(key, 51).refused is None


def test_a_changed_limit_holds_at_once(limiter: Limiter) -> None:
    """What was used counts against the new limit."""
    assert admitted(limiter, Key("a", Limits(requests_per_minute=10)), 10) == 10
    assert admitted(limiter, Key("a", Limits(requests_per_minute=1000)), 1) == 0
    assert admitted(limiter, Key("a"), 5) == 5


def test_threads_and_processes_share_one_count(tmp_path: Path) -> None:
    """Several processes with several threads let exactly the quota in."""
    key, quota = Key("a", Limits(requests_per_minute=100)), 100
    path = tmp_path / "limits"
    limiter = LocalLimiter(path, clock=lambda: NOW_S)
    reads, writes = os.pipe()
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            with ThreadPoolExecutor(4) as pool:
                counts = pool.map(lambda _: admitted(limiter, key, 30), range(4))
            os.write(writes, b"%d\n" % sum(counts))
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    os.close(writes)
    with os.fdopen(reads) as told:
        assert sum(int(line) for line in told) == quota
    assert limiter.used("a").day_requests == quota
    limiter.close()


def test_what_a_dead_process_ran_is_forgotten(tmp_path: Path) -> None:
    """The places of a killed worker are free once another takes its place."""
    key = Key("a", Limits(concurrency=2))
    limiter = LocalLimiter(tmp_path / "limits")
    child = os.fork()
    if child == 0:
        limiter.admit(key)
        limiter.admit(key)
        os._exit(0)
    os.waitpid(child, 0)
    assert limiter.admit(key).refused is None
    assert limiter.used("a").running == 1
    limiter.close()


def test_a_lock_that_is_held_for_good_stops_nobody(tmp_path: Path) -> None:
    """Where a process stands still within its turn the others go on, after a moment."""
    first, second = LocalLimiter(tmp_path / "limits"), LocalLimiter(tmp_path / "limits")
    with first._table:
        assert second.admit(Key("a")).refused is None
    first.close()
    second.close()


def test_a_full_table_goes_on(tmp_path: Path) -> None:
    """More names than rows: one of the former starts anew, and each name keeps to its own record."""
    table = SharedTable(tmp_path / "table", rows=4, record_size=2 * WORKERS, workers_at=0)
    with table:
        first = [table.record(str(number)) for number in range(4)]
        assert len(set(first)) == 4
        assert [table.record(str(number)) for number in range(4)] == first
        late = table.record("late")
        assert late in first
        table.data[late : late + 2] = b"ab"
        assert table.record("late") == late
    other = SharedTable(tmp_path / "table", rows=4, record_size=2 * WORKERS, workers_at=0)
    with other:
        assert other.record("late") == late
        assert other.data[late : late + 2] == b"ab"
        again = other.record(str(first.index(late)))
        assert other.data[again : again + 2] == b"\0\0"
    table.close()
    other.close()


def test_a_file_of_another_layout_is_made_anew(tmp_path: Path) -> None:
    """What an earlier release left behind is not read."""
    path = tmp_path / "limits"
    path.write_bytes(b"something else")
    limiter = LocalLimiter(path)
    assert limiter.used("a") == Used()
    limiter.close()


def test_headers_tell_the_limit_in_the_way_first() -> None:
    """Policies and what is left of them, in the form of the draft; a refused limit comes first."""
    minute = Standing("minute", 60, 0, 60, 12.2, "requests")
    running = Standing("concurrency", 4, 3, 0, 0.0, "concurrent-requests")
    day = Standing("day", 1000, 10, 86400, 99.0, "characters")
    standings = (running, day, minute)
    assert policy_header(standings) == (
        '"concurrency";q=4;qu="concurrent-requests", "day";q=1000;w=86400;qu="characters", "minute";q=60;w=60'
    )
    assert state_header(standings, minute) == '"minute";r=0;t=13, "concurrency";r=3, "day";r=10;t=99'


@pytest.mark.parametrize(
    ("unix_s", "day_left_s", "month_left_s", "month_s"),
    [
        (1767225599, 1, 1, 31 * 86400),  # the last second of 2025
        (1767225600, 86400, 31 * 86400, 31 * 86400),
        (1772323199, 1, 1, 28 * 86400),  # the last of February 2026
    ],
)
def test_periods_are_those_of_utc(unix_s: int, day_left_s: int, month_left_s: int, month_s: int) -> None:
    """Days and months begin at midnight UTC, also over the end of a year."""
    found = period(unix_s)
    assert (found.day_left_s, found.month_left_s, found.month_s) == (day_left_s, month_left_s, month_s)
