"""The pool keeps pipelines within their number and their memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.engines.apertium.modes import Mode
from service.engines.apertium.pipes import Pipeline
from service.engines.apertium.pool import Pool

MB = 2**20


def mode(name: str) -> Mode:
    """A direction whose one program gives back what it reads."""
    return Mode(name, "pair", "en", "es", 50.0, True, (("cat",),), ())


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    """Room for 250 MB; a pipeline is as large as its name says."""
    monkeypatch.setattr(Pipeline, "memory_bytes", lambda self: int(self.mode.name) * MB)
    made = Pool(per_mode=1, most=4, budget_bytes=250 * MB, idle_s=60)
    yield made
    made.close()


def use(pool: Pool, *names: str) -> None:
    """Take and give back, so that sizes are known."""
    for name in names:
        taken = pool.take(mode(name))
        assert taken is not None
        pool.give_back(taken)


def running(pool: Pool) -> set[str]:
    """Names of what runs."""
    return {pipeline.mode.name for pipeline in pool.pipelines()}


def test_idle_pipelines_make_room_for_new_ones(pool: Pool) -> None:
    """The one unused for longest goes first, and only as many as needed."""
    use(pool, "60", "70", "61")
    assert running(pool) == {"60", "70", "61"}
    use(pool, "60", "150")
    assert running(pool) == {"60", "150"}


def test_a_pipeline_over_the_budget_runs_alone(pool: Pool) -> None:
    """A direction is never lost to the budget; it only has the machine to itself."""
    use(pool, "60", "900")
    use(pool, "60")
    assert running(pool) == {"60"}
    use(pool, "900")
    assert running(pool) == {"900"}


def test_what_does_not_fit_beside_busy_ones_waits(pool: Pool) -> None:
    """Nothing that works is ended; the newcomer is asked to come back."""
    use(pool, "200", "100")
    busy = pool.take(mode("200"))
    assert busy is not None
    assert pool.take(mode("100")) is None
    pool.give_back(busy)
    assert pool.take(mode("100")) is not None
    assert running(pool) == {"100"}


def test_memory_of_a_pipeline_is_measured() -> None:
    """The kernel's figure for all its programs, and those are the first to go when memory runs out."""
    pipeline = Pipeline(mode("real"))
    try:
        assert 0 < pipeline.memory_bytes() < 100 * MB
        for pid in pipeline.process_ids():
            assert Path(f"/proc/{pid}/oom_score_adj").read_text().strip() == "500"
    finally:
        pipeline.kill()
