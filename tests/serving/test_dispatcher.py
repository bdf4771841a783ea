"""The serving invariants inside one process, on the fake engine (docs/ARCHITECTURE.md lists them by number)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import pytest

from service.engines.base import RowDone, RowWork
from service.engines.fake import FakeEngine
from service.errors import Draining, Overloaded, Unavailable
from service.records import Job, Outcome, Segment, SummaryParams, SummaryResult, Task, Timing, TranslateResult
from service.serving.dispatcher import Dispatcher
from service.serving.loop import EngineLoop
from service.serving.sharing import Results, Sharing

T = TypeVar("T")
LONG_S = 30.0


class CountingEngine(FakeEngine):
    """A fake engine that counts the rows it was given and tells when one is running."""

    def __init__(self, **options: int) -> None:
        super().__init__(**options)
        self.rows_seen = 0
        self.steps_at_eviction = 0
        self.admitted = 0

    def admit(self, rows: Sequence[tuple[int, RowWork]]) -> None:
        super().admit(rows)
        self.admitted += len(rows)

    def evict(self, row_ids: Sequence[int]) -> None:
        self.steps_at_eviction = len(self.widths)
        super().evict(row_ids)

    def step(self) -> list[RowDone]:
        self.rows_seen = max(self.rows_seen, len(self._active))
        return super().step()


def translation(*texts: str, target: str = "es") -> Job:
    """A translation of these segments from English."""
    return Job(Task.TRANSLATE, "fake-translation", "en", target, tuple(Segment(text) for text in texts))


def summary(*texts: str, sentences: int = 2) -> Job:
    """A summary of these sentences."""
    segments = tuple(Segment(text) for text in texts)
    return Job(Task.SUMMARIZE, "fake-summary", "en", "", segments, SummaryParams("", sentences))


def serve(
    engine: FakeEngine,
    body: Callable[[Dispatcher], Awaitable[T]],
    *,
    max_rows: int = 100,
    orphan_grace_s: float = 0.0,
    coalesce: bool = True,
    results: Results | None = None,
) -> T:
    """Run `body` against a dispatcher over this engine, and take it down."""

    async def main() -> T:
        dispatcher = Dispatcher(
            {"fake": engine}, max_rows=max_rows, max_cost=10**9, sharing=Sharing(orphan_grace_s, coalesce, results)
        )
        dispatcher.start()
        try:
            return await asyncio.wait_for(body(dispatcher), LONG_S)
        finally:
            dispatcher.close()

    return asyncio.run(main())


async def until(condition: Callable[[], bool]) -> None:
    """Let the event loop and the engine's thread run until the condition holds."""
    while not condition():
        await asyncio.sleep(0)


def texts_of(outcome: Outcome) -> tuple[str, ...]:
    """The translated segments of an outcome that must be a translation."""
    assert isinstance(outcome.result, TranslateResult), outcome.error
    return outcome.result.segments


def test_outcomes_come_in_the_order_of_the_jobs() -> None:
    """One outcome per job, in order, whichever ends first; tasks and parameters mix (invariant 4)."""
    jobs = [translation(f"text {index} fake:steps={9 - index}") for index in range(8)]
    jobs += [summary("One.", "Two.", "Three.", sentences=1), summary("One.", "Two.", "Three.", sentences=3)]

    async def body(dispatcher: Dispatcher) -> list[Outcome]:
        return await dispatcher.run(jobs, caller="", remaining_s=LONG_S)

    outcomes = serve(FakeEngine(rows=4), body)
    for index, outcome in enumerate(outcomes[:8]):
        assert texts_of(outcome) == (f"[es] text {index} fake:steps={9 - index}",)
    counts = [len(outcome.result.sentences) for outcome in outcomes[8:] if isinstance(outcome.result, SummaryResult)]
    assert counts == [1, 3]


def test_a_bad_row_fails_alone() -> None:
    """Neighbours in the batch and in the request are not touched (invariant 2)."""
    jobs = [translation("good one"), translation("fine", "bad fake:fail", "fine"), translation("good two")]
    jobs += [translation("fake:too_long"), translation("fake:bad_finish"), translation("good three", target="fr")]

    async def body(dispatcher: Dispatcher) -> list[Outcome]:
        return await dispatcher.run(jobs, caller="", remaining_s=LONG_S)

    codes = [outcome.error.code if outcome.error else "ok" for outcome in serve(FakeEngine(), body)]
    assert codes == ["ok", "engine_failed", "ok", "too_long", "engine_failed", "ok"]


def test_an_engine_that_is_not_loaded_fails_its_job_only() -> None:
    """The others of the same request are done."""
    unknown = Job(Task.TRANSLATE, "nobody", "en", "es", (Segment("x"),))

    async def body(dispatcher: Dispatcher) -> list[Outcome]:
        return await dispatcher.run([unknown, translation("x")], caller="", remaining_s=LONG_S)

    first, second = serve(FakeEngine(), body)
    assert first.error is not None
    assert first.error.code == "unsupported_language"
    assert texts_of(second) == ("[es] x",)


def test_a_caller_that_leaves_takes_its_rows_out_within_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cancelled row is evicted, its neighbour ends as if alone (invariant 2)."""
    engine = CountingEngine(rows=4)

    async def body(dispatcher: Dispatcher) -> tuple[list[int], list[Outcome]]:
        gone = asyncio.ensure_future(
            dispatcher.run([translation("leaves fake:steps=1000000 fake:step_ms=1")], caller="", remaining_s=LONG_S)
        )
        stays = asyncio.ensure_future(
            dispatcher.run([translation("stays fake:steps=60 fake:step_ms=1")], caller="", remaining_s=LONG_S)
        )
        await until(lambda: engine.rows_seen == 2)
        lane = dispatcher._lanes["fake"]
        steps_at_cancel: list[int] = []

        def cancel(computation_id: int) -> None:
            EngineLoop.cancel(lane, computation_id)
            steps_at_cancel.append(len(engine.widths))

        monkeypatch.setattr(lane, "cancel", cancel)
        gone.cancel()
        await until(lambda: bool(engine.evicted and steps_at_cancel))
        assert engine.steps_at_eviction - steps_at_cancel[0] <= 1  # the one under way
        with pytest.raises(asyncio.CancelledError):
            await gone
        return engine.evicted, await stays

    evicted, outcomes = serve(engine, body)
    assert len(evicted) == 1
    assert texts_of(outcomes[0]) == ("[es] stays fake:steps=60 fake:step_ms=1",)


def test_a_deadline_ends_late_jobs_and_keeps_those_that_are_done() -> None:
    """What ended in time is returned; the rest says `deadline` and leaves the batch (invariants 1 and 2)."""
    engine = CountingEngine()

    async def body(dispatcher: Dispatcher) -> list[Outcome]:
        jobs = [translation("quick"), translation("slow fake:steps=1000000 fake:step_ms=1")]
        outcomes = await dispatcher.run(jobs, caller="", remaining_s=0.3)
        await until(lambda: bool(engine.evicted))
        return outcomes

    quick, slow = serve(engine, body)
    assert texts_of(quick) == ("[es] quick",)
    assert slow.error is not None
    assert slow.error.code == "deadline"


def test_identical_jobs_in_flight_are_computed_once_per_caller() -> None:
    """Same content, same caller: one computation; another caller has its own."""
    engine = CountingEngine(rows=8)
    job = translation("the same fake:steps=200 fake:step_ms=1")

    async def body(dispatcher: Dispatcher) -> list[list[Outcome]]:
        runs = [dispatcher.run([job], caller=caller, remaining_s=LONG_S) for caller in ("a", "a", "a", "b")]
        return await asyncio.gather(*runs)

    outcomes = serve(engine, body)
    assert engine.rows_seen == 2
    assert {texts_of(one[0]) for one in outcomes} == {("[es] the same fake:steps=200 fake:step_ms=1",)}


def test_coalescing_can_be_turned_off() -> None:
    """Then every request computes for itself."""
    engine = CountingEngine(rows=8)
    job = translation("the same fake:steps=200 fake:step_ms=1")

    async def body(dispatcher: Dispatcher) -> None:
        await asyncio.gather(*[dispatcher.run([job], caller="", remaining_s=LONG_S) for _ in range(3)])

    serve(engine, body, coalesce=False)
    assert engine.rows_seen == 3


def test_a_finished_result_is_kept_for_the_same_caller() -> None:
    """The same job again is answered without the engine, at once; another caller's job is computed."""
    engine = CountingEngine(rows=2)
    job = translation("hello fake:steps=3 fake:step_ms=1")

    async def body(dispatcher: Dispatcher) -> list[Outcome]:
        return [(await dispatcher.run([job], caller=caller, remaining_s=LONG_S))[0] for caller in ("a", "a", "b", "a")]

    first, again, other, last = serve(engine, body, results=Results(100_000, 60))
    assert {texts_of(outcome) for outcome in (first, again, other, last)} == {
        ("[es] hello fake:steps=3 fake:step_ms=1",)
    }
    assert engine.admitted == 2
    assert first.timing.model_ms > 0
    assert again.timing == last.timing == Timing()
    assert again.usage == first.usage


def test_errors_are_not_kept() -> None:
    """What failed is tried again."""
    engine = CountingEngine(rows=2)

    async def body(dispatcher: Dispatcher) -> None:
        for _ in range(2):
            await dispatcher.run([translation("x fake:fail")], caller="", remaining_s=LONG_S)

    serve(engine, body, results=Results(100_000, 60))
    assert engine.admitted == 2


def test_a_client_that_hangs_up_and_sends_again_finds_its_computation() -> None:
    """Within the grace the work runs on and is not done twice."""
    engine = CountingEngine(rows=8)
    job = translation("again fake:steps=100 fake:step_ms=1")

    async def body(dispatcher: Dispatcher) -> list[Outcome]:
        first = asyncio.ensure_future(dispatcher.run([job], caller="", remaining_s=LONG_S))
        await until(lambda: engine.rows_seen == 1)
        first.cancel()
        await asyncio.wait([first])
        return await dispatcher.run([job], caller="", remaining_s=LONG_S)

    outcomes = serve(engine, body, orphan_grace_s=20.0)
    assert texts_of(outcomes[0]) == ("[es] again fake:steps=100 fake:step_ms=1",)
    assert engine.evicted == []
    assert len(engine.widths) == 100


def test_an_orphan_is_dropped_when_its_grace_ends() -> None:
    """Nobody came back, so the row leaves the batch."""
    engine = CountingEngine()

    async def body(dispatcher: Dispatcher) -> None:
        job = translation("alone fake:steps=1000000 fake:step_ms=1")
        run = asyncio.ensure_future(dispatcher.run([job], caller="", remaining_s=LONG_S))
        await until(lambda: engine.rows_seen == 1)
        run.cancel()
        await until(lambda: bool(engine.evicted))

    serve(engine, body, orphan_grace_s=0.05)
    assert len(engine.evicted) == 1


def test_a_full_queue_refuses_at_once_and_admits_nothing_of_the_request() -> None:
    """Overload is an answer, not a wait; what was admitted before is done (invariants 1, 6 and 7)."""
    engine = CountingEngine(rows=1)

    async def body(dispatcher: Dispatcher) -> list[str]:
        running = asyncio.ensure_future(
            dispatcher.run([translation("runs fake:steps=300 fake:step_ms=1")], caller="", remaining_s=LONG_S)
        )
        await until(lambda: engine.rows_seen == 1)
        queued = asyncio.ensure_future(
            dispatcher.run([translation("q1"), translation("q2")], caller="", remaining_s=LONG_S)
        )
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await dispatcher.run([translation("q3"), translation("q4")], caller="", remaining_s=LONG_S)
        one = await dispatcher.run([translation("q5")], caller="", remaining_s=LONG_S)
        await asyncio.gather(running, queued)
        return list(texts_of(one[0]))

    assert serve(engine, body, max_rows=3) == ["[es] q5"]


def test_work_that_would_be_late_is_refused_at_once_with_when_to_come_back() -> None:
    """Once the speed is known: who has the time is admitted, who has not hears it now and not at the deadline."""
    engine = CountingEngine(rows=1)
    slow = "row {} fake:steps=20 fake:step_ms=10"  # a fifth of a second

    async def body(dispatcher: Dispatcher) -> float:
        learnt = [translation(slow.format(number)) for number in range(4)]
        await dispatcher.run(learnt, caller="", remaining_s=LONG_S)
        queue = [translation(slow.format(f"q{number}")) for number in range(10)]
        running = asyncio.ensure_future(dispatcher.run(queue, caller="a", remaining_s=LONG_S, request="1"))
        await until(lambda: engine.admitted >= 5)
        late = [translation(slow.format(f"x{number}")) for number in range(10)]
        with pytest.raises(Overloaded) as refused:
            await dispatcher.run(late, caller="b", remaining_s=1, request="2")
        running.cancel()
        return refused.value.retry_after_s or 0

    assert 1 < serve(engine, body, coalesce=False) < 10


def test_a_broken_engine_answers_everybody_and_reports_the_crash() -> None:
    """Every caller has a typed error, and new work is refused (invariants 1 and 5)."""
    engine = CountingEngine(rows=3)
    texts = [f"{index} fake:steps=1000000 fake:step_ms=1" for index in range(5)]

    async def body(dispatcher: Dispatcher) -> list[str]:
        def run(text: str) -> asyncio.Future[list[Outcome]]:
            return asyncio.ensure_future(dispatcher.run([translation(text)], caller="", remaining_s=LONG_S))

        runs = [run(text) for text in texts[:2]]
        await until(lambda: engine.rows_seen == 2)
        runs.append(run("fake:raise"))
        runs += [run(text) for text in texts[2:]]
        await dispatcher.crashed.wait()
        with pytest.raises(Unavailable):
            await dispatcher.run([translation("more")], caller="", remaining_s=LONG_S)
        ended = await asyncio.gather(*runs)
        return [outcomes[0].error.code for outcomes in ended if outcomes[0].error]

    assert serve(engine, body) == ["engine_failed"] * 6


def test_draining_finishes_what_was_admitted_and_admits_nothing_more() -> None:
    """Invariant 9, inside the process."""
    engine = CountingEngine()

    async def body(dispatcher: Dispatcher) -> tuple[bool, tuple[str, ...]]:
        run = asyncio.ensure_future(
            dispatcher.run([translation("last fake:steps=50 fake:step_ms=1")], caller="", remaining_s=LONG_S)
        )
        await until(lambda: engine.rows_seen == 1)
        drained = asyncio.ensure_future(dispatcher.drain(LONG_S))
        await asyncio.sleep(0)
        with pytest.raises(Draining):
            await dispatcher.run([translation("more")], caller="", remaining_s=LONG_S)
        finished = await drained
        return finished, texts_of((await run)[0])

    assert serve(engine, body) == (True, ("[es] last fake:steps=50 fake:step_ms=1",))


def test_a_drain_that_runs_out_of_time_tells_those_who_wait() -> None:
    """Nobody is left without an answer (invariant 1)."""
    engine = CountingEngine()

    async def body(dispatcher: Dispatcher) -> tuple[bool, str]:
        run = asyncio.ensure_future(
            dispatcher.run([translation("endless fake:steps=1000000 fake:step_ms=1")], caller="", remaining_s=LONG_S)
        )
        await until(lambda: engine.rows_seen == 1)
        finished = await dispatcher.drain(0.05)
        (outcome,) = await run
        return finished, outcome.error.code if outcome.error else "ok"

    assert serve(engine, body) == (False, "draining")


def test_a_row_is_the_same_whatever_shares_its_batch() -> None:
    """Batch invariance of the loop: outputs do not depend on neighbours (invariant 3)."""
    jobs = [translation(f"row {index} fake:steps={1 + index % 5}") for index in range(30)]

    async def body(dispatcher: Dispatcher) -> tuple[list[Outcome], list[Outcome]]:
        together = await dispatcher.run(jobs, caller="", remaining_s=LONG_S)
        alone = [(await dispatcher.run([job], caller="", remaining_s=LONG_S))[0] for job in jobs]
        return together, alone

    together, alone = serve(FakeEngine(rows=7), body)
    assert [texts_of(outcome) for outcome in together] == [texts_of(outcome) for outcome in alone]


def test_short_rows_are_not_held_by_long_ones() -> None:
    """A row leaves when it ends and the next one takes its place between two steps."""
    engine = FakeEngine(rows=2)

    async def body(dispatcher: Dispatcher) -> list[int]:
        order: list[int] = []

        async def one(index: int, steps: int) -> None:
            await dispatcher.run([translation(f"{index} fake:steps={steps}")], caller="", remaining_s=LONG_S)
            order.append(index)

        await asyncio.gather(one(0, 20000), *[one(index, 1) for index in range(1, 9)])
        return order

    assert serve(engine, body)[-1] == 0


def test_a_lone_job_starts_at_once() -> None:
    """No step is spent waiting for company: the first step already has the row (invariant 8)."""
    engine = FakeEngine()

    async def body(dispatcher: Dispatcher) -> list[Outcome]:
        return await dispatcher.run([translation("alone")], caller="", remaining_s=LONG_S)

    (outcome,) = serve(engine, body)
    assert engine.widths == [1]
    assert outcome.timing.queue_ms < 1000
