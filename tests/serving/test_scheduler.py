"""The queue: bounds, order, cancellation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engines.base import RowWork
from service.errors import Overloaded, TooLong
from service.serving.scheduler import BACKGROUND, Asker, QueuedRow, Scheduler


def rows(*items: tuple[int, int, int]) -> list[QueuedRow]:
    """Rows from (row id, computation id, cost)."""
    return [QueuedRow(row_id, computation, RowWork(cost, None)) for row_id, computation, cost in items]


def test_rows_leave_in_the_order_they_came() -> None:
    """Taking is first come, first served, at most as many as asked for."""
    scheduler = Scheduler(10, 100)
    scheduler.offer(rows((1, 1, 5), (2, 1, 5)))
    scheduler.offer(rows((3, 2, 5)))
    assert [row.row_id for row in scheduler.take(2)] == [1, 2]
    assert [row.row_id for row in scheduler.take(2)] == [3]
    assert scheduler.take(2) == []
    assert scheduler.queued_cost == 0


def test_an_offer_that_does_not_fit_queues_nothing() -> None:
    """Admission is all or none, by rows and by cost."""
    scheduler = Scheduler(3, 100)
    scheduler.offer(rows((1, 1, 1), (2, 1, 1)))
    with pytest.raises(Overloaded) as refused:
        scheduler.offer(rows((3, 2, 1), (4, 2, 1)))
    assert refused.value.retry_after_s is not None
    assert scheduler.queued_rows == 2
    with pytest.raises(Overloaded):
        scheduler.offer(rows((5, 3, 99)))
    assert scheduler.queued_cost == 2


def test_what_can_never_fit_is_too_long_and_not_overload() -> None:
    """Waiting would not help, so the caller is told to send less."""
    scheduler = Scheduler(3, 100)
    with pytest.raises(TooLong):
        scheduler.offer(rows((1, 1, 101)))
    with pytest.raises(TooLong):
        scheduler.offer(rows((1, 1, 1), (2, 1, 1), (3, 1, 1), (4, 1, 1)))


def test_cancelling_removes_only_the_rows_of_that_computation() -> None:
    """The other rows keep their place and the budgets are given back."""
    scheduler = Scheduler(10, 100)
    scheduler.offer(rows((1, 1, 5), (2, 2, 7), (3, 1, 5)))
    assert [row.row_id for row in scheduler.cancel(frozenset((1,)))] == [1, 3]
    assert (scheduler.queued_rows, scheduler.queued_cost) == (1, 7)
    assert [row.row_id for row in scheduler.take(9)] == [2]


@given(st.lists(st.tuples(st.sampled_from(["offer", "take", "cancel"]), st.integers(1, 6)), max_size=60))
def test_budgets_always_equal_what_is_queued(steps: list[tuple[str, int]]) -> None:
    """Whatever happens, counts and costs are those of the rows inside, and the bounds hold."""
    scheduler = Scheduler(8, 40)
    inside: list[tuple[int, int, int]] = []
    next_row = 0
    for number, (what, size) in enumerate(steps):
        if what == "offer":
            batch = [(next_row + index, number, size) for index in range(size)]
            next_row += size
            try:
                scheduler.offer(rows(*batch))
                inside += batch
            except (Overloaded, TooLong):
                assert len(inside) + size > 8 or sum(row[2] for row in inside) + size * size > 40
        elif what == "take":
            taken = scheduler.take(size)
            assert [row.row_id for row in taken] == [row[0] for row in inside[:size]]
            inside = inside[size:]
        else:
            scheduler.cancel(frozenset((size,)))
            inside = [row for row in inside if row[1] != size]
        assert scheduler.queued_rows == len(inside) <= 8
        assert scheduler.queued_cost == sum(row[2] for row in inside) <= 40


def row(row_id: int, caller: str, request: str = "", cost: int = 1) -> QueuedRow:
    """A row of a caller's request; its computation has the number of the row."""
    return QueuedRow(row_id, row_id, RowWork(cost, None), Asker(caller, request))


def test_a_batch_does_not_hold_up_a_single_request() -> None:
    """Requests of one caller take turns, whoever came first."""
    scheduler = Scheduler(1000, 10_000)
    scheduler.offer([row(number, "", "batch") for number in range(100)])
    scheduler.offer([row(500, "", "single")])
    assert 500 in [taken.row_id for taken in scheduler.take(2)]
    assert [taken.row_id for taken in scheduler.take(98)] == list(range(1, 99))


def test_callers_share_by_cost_however_many_requests_they_send() -> None:
    """A caller with fifty requests gets no more than one with a single large one."""
    scheduler = Scheduler(1000, 10_000)
    for number in range(50):
        scheduler.offer([row(number, "many", str(number), cost=10)])
    scheduler.offer([row(100 + number, "few", "one", cost=40) for number in range(10)])
    taken = scheduler.take(25)
    cost = {name: sum(one.work.cost for one in taken if one.asker.caller == name) for name in ("many", "few")}
    assert abs(cost["many"] - cost["few"]) <= 40
    assert [one.row_id for one in taken if one.asker.caller == "few"] == [100, 101, 102, 103, 104]


def test_who_was_away_has_no_credit() -> None:
    """A caller that comes late takes turns from now on instead of catching up."""
    scheduler = Scheduler(1000, 10_000)
    scheduler.offer([row(number, "early", "a") for number in range(40)])
    scheduler.take(20)
    scheduler.offer([row(100 + number, "late", "b") for number in range(40)])
    callers = [taken.asker.caller for taken in scheduler.take(20)]
    assert 9 <= callers.count("late") <= 11


def test_one_caller_leaves_room_in_the_queue_for_others() -> None:
    """A caller with a name may fill three quarters; what comes alone may fill all of it; nameless callers are many."""
    scheduler = Scheduler(8, 100)
    scheduler.offer([row(number, "a", "1") for number in range(6)])
    with pytest.raises(Overloaded):
        scheduler.offer([row(6, "a", "2")])
    scheduler.offer([row(7, "b", "1"), row(8, "b", "1")])
    alone = Scheduler(8, 100)
    alone.offer([row(number, "a", "1") for number in range(8)])
    nameless = Scheduler(8, 100)
    for number in range(8):
        nameless.offer([row(number, "", str(number))])


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.integers(1, 9)), max_size=40), st.data())
def test_every_row_leaves_once_and_in_order_within_its_request(
    items: list[tuple[str, str, int]], data: st.DataObject
) -> None:
    """Whatever is taken and cancelled on the way, nothing is lost, doubled or reordered within a request."""
    scheduler = Scheduler(1000, 10_000)
    given_rows = [row(number, *item) for number, item in enumerate(items)]
    left: list[QueuedRow] = []
    for one in given_rows:
        scheduler.offer([one])
        if data.draw(st.booleans()):
            left += scheduler.take(1)
        if data.draw(st.booleans()):
            left += scheduler.cancel(frozenset((data.draw(st.integers(0, len(items))),)))
    cancelled = {one.row_id for one in left}
    rest = scheduler.take(1000)
    assert sorted(one.row_id for one in left + rest) == [one.row_id for one in given_rows]
    assert (scheduler.queued_rows, scheduler.queued_cost) == (0, 0)
    for caller, request in {(one.asker.caller, one.asker.request) for one in rest}:
        ids = [one.row_id for one in rest if (one.asker.caller, one.asker.request) == (caller, request)]
        assert ids == sorted(ids)
        assert not cancelled & set(ids)


def test_what_is_ahead_follows_from_fair_turns() -> None:
    """A newcomer waits for its own share only, and never for more than the whole queue."""
    scheduler = Scheduler(1000, 10_000)
    scheduler.offer([row(number, "a", "batch", cost=10) for number in range(100)])
    assert scheduler.ahead(Asker("a", "new"), 10) == 20
    assert scheduler.ahead(Asker("a", "batch"), 10) == 10
    assert scheduler.ahead(Asker("b", "new"), 10) == 20
    scheduler.offer([row(200, "c", "one"), row(201, "c", "one")])
    assert scheduler.ahead(Asker("b", "new"), 10) == 30
    assert scheduler.ahead(Asker("b", "new"), 1000) == 2002


def test_background_work_has_an_eighth_of_the_turns() -> None:
    """While a caller waits, jobs get one row in about nine; alone they get all of them."""
    scheduler = Scheduler(1000, 100_000)
    for number, caller in ((0, BACKGROUND), (500, "")):
        scheduler.offer(
            [QueuedRow(number + row, number, RowWork(10, None), Asker(caller, str(number))) for row in range(90)]
        )
    first = [row.row_id for row in scheduler.take(90)]
    assert 8 <= sum(row < 500 for row in first) <= 12
    assert len(scheduler.take(500)) == 90
