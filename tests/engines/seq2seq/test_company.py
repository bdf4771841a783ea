"""A row has the same tokens and the same scores, to the bit, alone and in any company."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from service.engines.seq2seq.linear import Precision, capability
from service.engines.seq2seq.model import Seq2SeqModel, load_model
from service.engines.seq2seq.native import build
from service.engines.seq2seq.params import DecodeParams
from service.engines.seq2seq.policies import Hypothesis
from service.engines.seq2seq.runner import Budget, Runner
from tests.engines.seq2seq import tiny

needs_int8 = pytest.mark.skipif(not capability().int8_bits, reason="no exact int8 products on this processor")
# Norms before and behind, relative positions shared and not, gates.
NAMES = ("m2m100", "bart", "flan-t5", "umt5")
# Precision, and whether int8 decodes in C where that can be.
KINDS = [
    pytest.param("fp32", False, id="fp32", marks=pytest.mark.heavy),
    pytest.param("int8", False, id="int8-torch", marks=[needs_int8, pytest.mark.heavy]),
    pytest.param("int8", True, id="int8-c", marks=needs_int8),
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tiny model of each family as transformers writes it."""
    return {name: tiny.save(tiny.make(name), tmp_path_factory.mktemp(name)) for name in NAMES}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Run each test on one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def decoded(model: Seq2SeqModel, rows: list[list[int]], beams: int, budget: Budget) -> list[tuple[Hypothesis, ...]]:
    """All hypotheses of rows that share a runner."""
    wishes = model.spec.generation
    params = DecodeParams(beams=beams, max_new_tokens=40, eos=wishes.eos, pad=wishes.pad, start=wishes.start)
    runner = Runner(model, budget)
    found: dict[int, tuple[Hypothesis, ...]] = {}
    waiting = list(enumerate(rows))
    while waiting or runner.busy:
        while waiting and runner.free_rows() >= beams:
            runner.add(*waiting.pop(0), params)
        found |= {done.key: done.hypotheses for done in runner.step()}
    return [found[key] for key in range(len(rows))]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize(("precision", "native"), KINDS)
def test_a_row_is_the_same_alone_and_among_others(
    precision: Precision, native: bool, beams: int, name: str, folders: dict[str, Path]
) -> None:
    """Ragged sources in lanes of several lengths, padded together or not, in rows that come and go."""
    model = load_model(folders[name], precision, native=native)
    in_c = native and build.supported() and build.compiler() is not None
    assert (model._in_c is not None) is in_c  # type: ignore[attr-defined]
    rows = tiny.sources(9, seed=2, longest=70)
    alone = [decoded(model, [row], beams, Budget())[0] for row in rows]
    assert decoded(model, rows, beams, Budget(rows=64)) == alone
    assert decoded(model, rows, beams, Budget(rows=4 * beams, batch_tokens=160, step_tokens=24)) == alone
    assert decoded(model, rows[::-1], beams, Budget(rows=64)) == alone[::-1]
