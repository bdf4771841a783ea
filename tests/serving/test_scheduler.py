"""The queue: bounds, order, cancellation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engines.base import RowWork
from service.errors import Overloaded, TooLong
from service.serving.scheduler import QueuedRow, Scheduler


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
