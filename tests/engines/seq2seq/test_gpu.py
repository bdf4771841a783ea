"""What only a GPU can show. Skipped where there is none; run with `-rP` it prints the shares of equal tokens."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from service.engines.seq2seq import graphs
from service.engines.seq2seq.decoding import params_for
from service.engines.seq2seq.graphs import CudaCapture, StaticStepper
from service.engines.seq2seq.linear import Precision
from service.engines.seq2seq.model import Seq2SeqModel, load_model
from service.engines.seq2seq.runner import Budget, Runner
from service.engines.seq2seq.stepping import PlainStepper, Stepper
from tests.engines.seq2seq import gpu_like, tiny, toy

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")

FAMILIES = ["m2m100", "marian", "bart", "t5", "flan-t5", "umt5"]
PRECISIONS: list[Precision] = ["fp32", "bf16", "fp16"]
CUDA = torch.device("cuda")


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with gpu_like.one_thread():
        yield


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Checkpoint folders of tiny models, made once."""
    return cache(lambda name: tiny.save(tiny.make(name), tmp_path_factory.mktemp("model")))


def decode(
    model: Seq2SeqModel, rows: list[list[int]], beams: int, stepper: Stepper | None = None
) -> list[tuple[int, ...]]:
    """The tokens of rows that join three at a time."""
    runner = Runner(model, Budget(rows=1000), stepper)
    params = params_for(model.spec.generation, max_new_tokens=70, beams=beams)
    left, found = list(range(len(rows))), {}
    while left or runner.busy:
        for key in left[:3]:
            runner.add(key, rows[key], params)
        del left[:3]
        for done in runner.step():
            assert done.failed is None
            found[done.key] = done.hypotheses[0].tokens
    return [found[key] for key in range(len(rows))]


@pytest.mark.parametrize("beams", [1, 4])
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", FAMILIES)
def test_tokens_are_near_those_of_a_processor(name: str, precision: Precision, beams: int, folders: Any) -> None:
    """Nearly all rows are the same in float32; random models amplify roundings, so 16 bits are reported only."""
    rows = tiny.sources(24, seed=5, longest=90)
    wanted = decode(load_model(folders(name)), rows, beams)
    found = decode(load_model(folders(name), precision, device=CUDA), rows, beams)
    same = sum(one == other for one, other in zip(found, wanted, strict=True))
    print(f"{name} {precision}, {beams} beams: {same} of {len(rows)} rows equal fp32 on a processor")
    assert precision != "fp32" or same >= 0.9 * len(rows)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", FAMILIES)
def test_graphs_write_what_their_steps_write(name: str, precision: Precision, folders: Any) -> None:
    """The check at load passes, no capture fails, and replays give the tokens of the same steps run one by one."""
    model = load_model(folders(name), precision, device=CUDA)
    assert model.compute.graphs
    for beams in (1, 3):
        rows = tiny.sources(20, seed=beams, longest=90)
        stepper = StaticStepper(model, CudaCapture())
        assert decode(model, rows, beams, stepper) == decode(model, rows, beams, StaticStepper(model))
        assert stepper.graphs is not None
        assert not stepper.graphs.broken
        assert len(stepper.graphs) > 1


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_trained_model_says_what_it_was_taught(precision: Precision, tmp_path: Path) -> None:
    """The toy translator is sure of itself, so that every type and way to run it gives the translation."""
    toy.train_translator(tmp_path)
    model = load_model(tmp_path, precision, device=CUDA)
    source = [toy.IDS["__en__"], *(toy.IDS[word] for word in toy.say("en", [1, 2, 3]).split()), 2]
    params = params_for(model.spec.generation, max_new_tokens=9, beams=1, forced_bos=toy.IDS["__fr__"])
    for stepper in (None, PlainStepper(model)):
        runner = Runner(model, None, stepper)
        runner.add(0, source, params)
        done = [ended for _ in range(9) if runner.busy for ended in runner.step()]
        words = [toy.VOCABULARY[token] for token in done[0].hypotheses[0].tokens[1:-1]]
        assert " ".join(words) == toy.say("fr", [1, 2, 3])


@pytest.mark.parametrize("precision", PRECISIONS)
def test_memory_comes_back_when_rows_leave(precision: Precision, folders: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without lanes that are kept, only the place of the logits is left; with the runner, that goes too."""
    monkeypatch.setattr(graphs, "_KEPT_BYTES", 0)
    model = load_model(folders("m2m100"), precision, device=CUDA)
    rows = tiny.sources(30, seed=2, longest=90)
    decode(model, rows[:2], 1)  # what libraries keep for themselves
    gc.collect()
    before = torch.cuda.memory_allocated()
    stepper = graphs.stepper_for(model)
    decode(model, rows, 1, stepper)
    gc.collect()
    assert torch.cuda.memory_allocated() <= before + 64 * model.spec.vocab * 4 + 65_536
    del stepper
    gc.collect()
    assert torch.cuda.memory_allocated() <= before + 65_536
