"""The measured speed of an engine."""

from __future__ import annotations

import pytest

from service.serving.speed import LEAST_S, Speed


def test_nothing_is_predicted_before_enough_was_seen() -> None:
    """Nobody is refused on a guess."""
    speed = Speed()
    assert speed.seconds_for(10**9) == 0
    speed.worked(LEAST_S / 2, 100)
    assert speed.seconds_for(10**9) == 0


def test_rows_that_take_many_steps_count_when_they_end() -> None:
    """Steps without an end are work as well."""
    speed = Speed()
    for number in range(1, 101):
        speed.worked(0.1, 50 if number % 10 == 0 else 0)
    assert speed.seconds_for(100) == pytest.approx(2, rel=0.1)


def test_old_work_fades() -> None:
    """A slow start is forgotten."""
    speed = Speed(memory_s=10)
    speed.worked(10, 10)
    for _ in range(100):
        speed.worked(1, 100)
    assert speed.seconds_for(100) == pytest.approx(1, rel=0.01)
