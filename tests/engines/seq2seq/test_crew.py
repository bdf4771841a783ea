"""Threads of torch: as many as the share allows, and the same bits with any number."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch

from service import cpus
from service.engines.seq2seq.crew import Crew
from service.engines.seq2seq.linear import Precision, auto_precision, capability, make_linear


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    """Leave the number of threads as it was."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_each_step_runs_with_the_threads_that_are_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """The count follows the share, for the thread that steps."""
    wanted = iter((2, 1, 1, 2))
    share = SimpleNamespace(threads=lambda _engine, _now_s: next(wanted))
    monkeypatch.setattr(cpus, "Share", lambda _most, _cpus: share)
    crew = Crew(cpus.Plan(2.0, "affinity", 2, 2))
    seen: list[int] = []

    def steps() -> None:
        for _ in range(4):
            crew.gather()
            seen.append(torch.get_num_threads())

    engine = threading.Thread(target=steps)
    engine.start()
    engine.join()
    assert seen == [2, 1, 1, 2]


@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8"])
@pytest.mark.parametrize("rows", [1, 8, 80])
def test_results_have_the_same_bits_with_any_number_of_threads(precision: Precision, rows: int) -> None:
    """Or an engine that steps back would change what a text becomes."""
    if precision == "int8" and auto_precision((1024, 1024), capability()) != "int8":
        precision = "fp32"
    torch.manual_seed(rows)
    layer = make_linear(torch.randn(1536, 1024), torch.randn(1536), precision=precision)
    given = torch.randn(rows, 1024)
    results = []
    for threads in (1, 2, 3, 1):
        torch.set_num_threads(threads)
        results.append(layer(given))
    assert all(torch.equal(results[0], result) for result in results[1:])
