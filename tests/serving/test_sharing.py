"""Kept results: bounded by size and age, and by everything that decides them."""

from __future__ import annotations

import dataclasses
import tracemalloc

import pytest

from service.records import Job, Outcome, Segment, SummaryParams, Task, TranslateResult
from service.serving import sharing
from service.serving.sharing import Results, Sharing, size_of

JOB = Job(Task.SUMMARIZE, "engine", "en", "", (Segment("a", 0), Segment("b", 1)), SummaryParams("title", 3))


def outcome(text: str) -> Outcome:
    """A translation."""
    return Outcome(result=TranslateResult((text,), ("en", "es")))


def test_the_least_recently_used_goes_when_there_is_no_room() -> None:
    """And what is larger than all of it is not kept."""
    results = Results(3 * size_of(outcome("x" * 100)), 60)
    for name in (b"a", b"b", b"c"):
        results.keep(name, outcome("x" * 100))
    assert results.find(b"a") is not None
    results.keep(b"d", outcome("x" * 100))
    assert [name for name in (b"a", b"b", b"c", b"d") if results.find(name)] == [b"a", b"c", b"d"]
    results.keep(b"e", outcome("x" * 10_000))
    assert results.find(b"e") is None
    assert len(results) == 3


def test_results_grow_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """After their time they are gone."""
    results = Results(10_000, 0.000_001)
    results.keep(b"a", outcome("x"))
    assert results.find(b"a") is None


def test_the_estimate_of_memory_is_near_the_truth() -> None:
    """A cache that is full takes about what it was given."""
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    results = Results(10**7, 60)
    for number in range(1000):
        results.keep(number.to_bytes(16, "big"), outcome(f"{number} {'text' * 50}"))
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0.7 < 1000 * size_of(outcome(f"999 {'text' * 50}")) / (after - before) < 1.5


@pytest.mark.parametrize(
    "other",
    [
        dataclasses.replace(JOB, engine="x"),
        dataclasses.replace(JOB, source="de"),
        dataclasses.replace(JOB, target="es"),
        dataclasses.replace(JOB, task=Task.TRANSLATE),
        dataclasses.replace(JOB, segments=(Segment("ab", 0), Segment("", 1))),
        dataclasses.replace(JOB, segments=(Segment("a", 0), Segment("b", 0))),
    ],
)
def test_every_part_of_a_job_decides(other: Job) -> None:
    """Jobs that differ in anything share nothing."""
    share = Sharing(coalesce=True)
    assert share.key(JOB, "") != share.key(other, "")


def test_every_parameter_of_a_summary_decides() -> None:
    """A new parameter that is not part of the key would hand out wrong results."""
    share = Sharing(coalesce=True)
    for field in dataclasses.fields(SummaryParams):
        value = getattr(JOB.summary, field.name)
        changed = (not value) if isinstance(value, bool) else value + (1 if isinstance(value, int) else "x")
        other = dataclasses.replace(JOB, summary=dataclasses.replace(JOB.summary, **{field.name: changed}))
        assert share.key(JOB, "") != share.key(other, ""), field.name


def test_callers_share_by_setting_only() -> None:
    """A caller's texts are nobody else's, unless it is wanted so."""
    assert Sharing(coalesce=True).key(JOB, "a") != Sharing(coalesce=True).key(JOB, "b")
    together = Sharing(coalesce=True, across_callers=True)
    assert together.key(JOB, "a") == together.key(JOB, "b")
    assert sharing.Sharing().key(JOB, "a") == b""
