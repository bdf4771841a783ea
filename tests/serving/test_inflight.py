"""The in-flight table: everybody is answered exactly once."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from service.errors import EngineFailed
from service.records import Outcome
from service.serving.inflight import Computation, Inflight


def waiter(answers: list[Outcome]) -> Callable[[Outcome], None]:
    """A waiter that keeps what it is told; each call makes a distinct one."""
    return lambda outcome: answers.append(outcome)


def test_all_waiters_of_a_shared_computation_are_answered_once() -> None:
    """Settling twice, as a late engine might, changes nothing."""
    table = Inflight(2.0)
    first: list[Outcome] = []
    second: list[Outcome] = []
    computation = table.open(b"k", "lane")
    table.attach(computation, waiter(first))
    assert table.find(b"k") is computation
    table.attach(computation, waiter(second))
    done = Outcome()
    assert table.settle(computation.id, done)
    assert not table.settle(computation.id, Outcome(error=EngineFailed("late")))
    assert first == [done]
    assert second == [done]
    assert (len(table), table.running) == (0, 0)
    assert table.find(b"k") is None


def test_a_computation_without_a_key_is_never_shared() -> None:
    """Coalescing that is off leaves no trace, and hanging up cancels at once."""
    table = Inflight(2.0)
    wait = waiter([])
    computation = table.open(b"", "lane")
    table.attach(computation, wait)
    assert table.find(b"") is None
    assert table.hang_up(computation, wait, 0.0)
    assert table.running == 0


def test_an_orphan_is_found_by_a_client_that_sends_again() -> None:
    """Within the grace period the re-sent request joins the running computation."""
    table = Inflight(2.0)
    answers: list[Outcome] = []
    wait = waiter([])
    computation = table.open(b"k", "lane")
    table.attach(computation, wait)
    assert not table.hang_up(computation, wait, 10.0)
    assert table.expire(11.9) == []
    again = table.find(b"k")
    assert again is computation
    table.attach(again, waiter(answers))
    assert table.expire(99.0) == []
    table.settle(computation.id, Outcome())
    assert len(answers) == 1


def test_the_result_of_an_orphan_is_kept_until_its_grace_ends() -> None:
    """A client that re-sends after the computation ended still gets its result, once; then it is gone."""
    table = Inflight(2.0)
    wait = waiter([])
    answers: list[Outcome] = []
    computation = table.open(b"k", "lane")
    table.attach(computation, wait)
    table.hang_up(computation, wait, 10.0)
    done = Outcome()
    table.settle(computation.id, done)
    found = table.find(b"k")
    assert found is not None
    table.attach(found, waiter(answers))
    assert answers == [done]
    assert table.find(b"k") is None


def test_an_orphan_past_its_grace_is_cancelled() -> None:
    """Nobody came back: the engine is told to drop it."""
    table = Inflight(2.0)
    wait = waiter([])
    computation = table.open(b"k", "lane")
    table.attach(computation, wait)
    table.hang_up(computation, wait, 10.0)
    assert table.expire(12.0) == [computation]
    assert len(table) == 0


def test_one_of_two_waiters_may_leave_without_disturbing_the_other() -> None:
    """A hang-up and a deadline take only their own waiter away."""
    table = Inflight(0.0)
    answers: list[Outcome] = []
    leaving, late, staying = waiter([]), waiter([]), waiter(answers)
    computation = table.open(b"k", "lane")
    for one in (leaving, late, staying):
        table.attach(computation, one)
    assert not table.hang_up(computation, leaving, 1.0)
    assert not table.end(computation, late)
    table.settle(computation.id, Outcome())
    assert len(answers) == 1


def test_a_deadline_of_the_last_waiter_cancels_without_grace() -> None:
    """An explicit end is not a hang-up."""
    table = Inflight(60.0)
    wait = waiter([])
    computation = table.open(b"k", "lane")
    table.attach(computation, wait)
    assert table.end(computation, wait)
    assert table.find(b"k") is None


def test_failing_everything_answers_everybody() -> None:
    """After a crash no waiter is left and the table is empty."""
    table = Inflight(2.0)
    answers: list[Outcome] = []
    for key in (b"a", b"b", b""):
        table.attach(table.open(key, "lane"), waiter(answers))
    table.fail_all(EngineFailed("broken"))
    assert [outcome.error.code for outcome in answers if outcome.error] == ["engine_failed"] * 3
    assert (len(table), table.running) == (0, 0)


@given(
    st.lists(st.tuples(st.sampled_from(["join", "settle", "hang", "end", "expire"]), st.integers(0, 5)), max_size=80)
)
def test_nobody_is_answered_twice_or_forgotten(steps: list[tuple[str, int]]) -> None:
    """Whatever the order of events, a waiter is answered at most once, and exactly once if it stayed."""
    table = Inflight(3.0)
    answers: dict[int, int] = {}
    waiting: dict[int, tuple[Computation, Callable[[Outcome], None]]] = {}
    for now, (what, pick) in enumerate(steps):
        if what == "join":
            key = bytes([pick])
            computation = table.find(key) or table.open(key, "lane")

            def wait(outcome: Outcome, name: int = now) -> None:
                answers[name] = answers.get(name, 0) + 1
                waiting.pop(name, None)

            answers[now] = 0
            waiting[now] = (computation, wait)
            table.attach(computation, wait)
        elif waiting and what in ("settle", "hang", "end"):
            name = sorted(waiting)[pick % len(waiting)]
            computation, wait = waiting[name]
            if what == "settle":
                table.settle(computation.id, Outcome())
            else:
                del waiting[name]
                if what == "hang":
                    table.hang_up(computation, wait, float(now))
                else:
                    table.end(computation, wait)
        else:
            table.expire(float(now))
    stayed = set(waiting)
    table.fail_all(EngineFailed("over"))
    assert all(count <= 1 for count in answers.values())
    assert all(answers[name] == 1 for name in stayed)
    assert (len(table), table.running) == (0, 0)
