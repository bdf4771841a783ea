"""The stages of a request."""

from __future__ import annotations

import pytest

from service.observability import stages


def test_a_stage_within_another_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of an inner stage is not that of the outer one too."""
    clock = iter([0.0, 1.0, 3.0, 3.5, 4.5, 10.0, 11.0, 12.0])
    monkeypatch.setattr(stages.time, "perf_counter", lambda: next(clock))
    times = stages.begin()
    with stages.stage("translate"):  # 0 to 10, with 1 to 3 and 3.5 to 4.5 inside
        with stages.stage("faithfulness"):
            pass
        with stages.stage("faithfulness"):
            pass
    with stages.stage("compose"):  # 11 to 12
        pass
    assert times.told() == {"faithfulness": 3000.0, "translate": 7000.0, "compose": 1000.0}
