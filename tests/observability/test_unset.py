"""A process shows no gauge that it never set: 0 would say something that nobody looked at."""

from __future__ import annotations

import subprocess
import sys

import pytest

SHOW = "from prometheus_client import generate_latest; print(generate_latest().decode())"


@pytest.mark.parametrize(
    ("counted", "seen", "unseen"),
    [
        (
            "from service.jobs import metrics; metrics.job('queued')",
            'precis_jobs_total{state="queued"} 1.0',
            "precis_jobs_items_waiting",
        ),
        (
            "from service.api import access_metrics; access_metrics.limited('concurrency')",
            'precis_limited_total{limit="concurrency"} 1.0',
            "precis_redis_up",
        ),
    ],
)
def test_counting_one_thing_says_nothing_of_another(counted: str, seen: str, unseen: str) -> None:
    """Neither that no items wait, in a process that accepts jobs, nor that Redis is down where there is none."""
    shown = subprocess.run(
        [sys.executable, "-c", f"{counted}; {SHOW}"], capture_output=True, text=True, check=True
    ).stdout
    assert seen in shown
    assert unseen not in shown
