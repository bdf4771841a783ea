"""Steps of fixed shapes, as CUDA graphs run them, against plain steps: the same tokens. All of it on the processor."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from service.engines.seq2seq import graphs
from service.engines.seq2seq.decoding import params_for
from service.engines.seq2seq.devices import Compute
from service.engines.seq2seq.graphs import StaticStepper, agree
from service.engines.seq2seq.model import Seq2SeqModel
from service.engines.seq2seq.policies import DecodeParams
from service.engines.seq2seq.runner import Budget, Runner
from service.engines.seq2seq.static import StaticLane, power_of_two
from service.engines.seq2seq.stepping import PlainStepper, Stepper
from service.engines.seq2seq.t5 import _Bias
from tests.engines.seq2seq import gpu_like, tiny, toy

NEW_TOKENS = 70  # the columns of a lane are doubled on the way
FAMILIES = ["m2m100", "marian", "bart", "t5", "umt5"]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with gpu_like.one_thread():
        yield


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Checkpoint folders of tiny models, made once."""
    return cache(lambda name: tiny.save(tiny.make(name), tmp_path_factory.mktemp("model")))


@pytest.fixture
def fixed_bias(monkeypatch: pytest.MonkeyPatch) -> None:
    """T5's bias is looked up as on a GPU."""
    monkeypatch.setattr(_Bias, "behind", _Bias.fixed)


def run_waves(
    model: Seq2SeqModel, stepper: Stepper, rows: list[list[int]], params: list[DecodeParams], seed: int
) -> dict[int, tuple[int, ...]]:
    """Decode rows that join between steps, some dropped on the way; the same for every stepper."""
    chooser = random.Random(seed)
    runner = Runner(model, Budget(rows=1000, step_tokens=64), stepper)
    doomed = set(chooser.sample(range(len(rows)), len(rows) // 5))
    left, found, turn = list(range(len(rows))), {}, 0
    while left or runner.busy:
        for _ in range(min(len(left), chooser.randint(0, 2))):
            key = left.pop()
            runner.add(key, rows[key], params[key])
        for key in [key for key in doomed if key not in left and turn % 7 == 6]:
            runner.drop(key)
        for done in runner.step():
            assert done.failed is None
            found[done.key] = done.hypotheses[0].tokens
        turn += 1
    return {key: tokens for key, tokens in found.items() if key not in doomed}


@pytest.mark.heavy
@pytest.mark.parametrize("capture", [None, gpu_like.on_tape], ids=["run", "recorded"])
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", FAMILIES)
def test_static_steps_write_what_plain_steps_write(
    name: str, seed: int, capture: Any, folders: Any, fixed_bias: None
) -> None:
    """Ragged sources in several lanes, greedy rows beside beams, joins and leaves: every token is the same."""
    model = gpu_like.gpu_model(folders(name), Compute())
    chooser = random.Random(seed)
    longest = 90 if model.spec.max_positions else 200
    rows = tiny.sources(9, seed=seed + 70, longest=longest) + tiny.sources(2, seed=seed, longest=4)
    ways = [params_for(model.spec.generation, max_new_tokens=NEW_TOKENS, beams=beams) for beams in (1, 1, 1, 3)]
    params = [chooser.choice(ways) for _ in rows]
    stepper = StaticStepper(model, capture)
    found = run_waves(model, stepper, rows, params, seed)
    assert found == run_waves(model, PlainStepper(model), rows, params, seed)
    assert capture is None or (stepper.graphs is not None and not stepper.graphs.broken and len(stepper.graphs) > 1)
    assert len({len(tokens) for tokens in found.values()}) > 1


@pytest.mark.heavy
def test_a_trained_model_says_what_it_was_taught(tmp_path: Path) -> None:
    """The toy translator, through recorded steps."""
    toy.train_translator(tmp_path)
    model = gpu_like.gpu_model(tmp_path, Compute())
    source = [toy.IDS["__en__"], *(toy.IDS[word] for word in toy.say("en", [1, 2]).split()), 2]
    params = params_for(model.spec.generation, max_new_tokens=9, beams=1, forced_bos=toy.IDS["__fr__"])
    runner = Runner(model, None, StaticStepper(model, gpu_like.on_tape))
    runner.add(0, source, params)
    done = [ended for _ in range(9) if runner.busy for ended in runner.step()]
    words = [toy.VOCABULARY[token] for token in done[0].hypotheses[0].tokens[1:-1]]
    assert " ".join(words) == toy.say("fr", [1, 2])


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", FAMILIES)
def test_types_of_16_bits_stay_near(name: str, kind: torch.dtype, folders: Any, fixed_bias: None) -> None:
    """Plain and static steps agree within the type, and nothing leaves its range."""
    model = gpu_like.gpu_model(folders(name), Compute(kind=kind))
    assert agree(model, StaticStepper(model))


def test_both_tables_of_the_relative_bias_say_the_same(folders: Any) -> None:
    """Beyond the largest distance all keys have one bias, so that a table of one size serves."""
    model = gpu_like.gpu_model(folders("t5"), Compute())
    distances = torch.arange(300).unsqueeze(0)
    bias = model._biases[0]  # type: ignore[attr-defined]
    fixed = bias.fixed(distances)
    assert bias._by_distance.shape[0] == model.spec.relative_max_distance + 1
    assert torch.equal(bias.behind(distances), fixed)
    assert bias._by_distance.shape[0] >= 300


def test_what_a_failed_row_left_does_not_reach_the_next(folders: Any) -> None:
    """Keys that are no numbers are gone when another request takes the place."""
    model = gpu_like.gpu_model(folders("bart"), Compute())
    shape = model.cache_shape
    with torch.inference_mode():
        lane = StaticLane(shape, 1, model.compute)
        ill = torch.full((shape.layers, 2, shape.heads, 40, shape.head_width), torch.nan)
        for key in range(2):
            lane.join(key, ill, 40)
        lane._own.data.fill_(torch.nan)
        lane.leave(1)
        lane.leave(0)
        lane.join(2, torch.zeros_like(ill), 8)
        assert not lane._own.data[:, :, 0].isnan().any()
        assert not lane._cross.data[:, :, 0].isnan().any()


def test_graphs_are_bounded_and_dropped_with_their_storage(folders: Any) -> None:
    """The layout that was not used for longest goes; what was captured before a lane grew is never run again."""
    model = gpu_like.gpu_model(folders("m2m100"), Compute())
    stepper = StaticStepper(model, gpu_like.on_tape)
    assert stepper.graphs is not None
    stepper.graphs._most = 2
    params = params_for(model.spec.generation, max_new_tokens=NEW_TOKENS)
    found = tiny.ours(model, tiny.sources(5, seed=1), params)
    runner = Runner(model, None, stepper)
    for key, row in enumerate(tiny.sources(5, seed=1)):
        runner.add(key, row, params)
    got = {}
    while runner.busy:
        got |= {done.key: done.hypotheses[0].tokens for done in runner.step()}
        assert len(stepper.graphs) <= 2
    assert [got[key] for key in range(5)] == found
    (lane,) = stepper._idle.values()
    assert {layout.own for layout in stepper.graphs._kept} <= {tuple(lane._own.data.shape)}


def test_a_capture_that_fails_costs_the_graphs_only(folders: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The step it was for runs, and all later ones, without another try."""
    model = gpu_like.gpu_model(folders("bart"), Compute())
    tries = []

    def refuse(*_: Any) -> Any:
        tries.append(1)
        raise RuntimeError("operation not permitted when stream is capturing")

    rows = tiny.sources(3, seed=4)
    params = params_for(model.spec.generation, max_new_tokens=9)
    stepper = StaticStepper(model, refuse)
    found = run_waves(model, stepper, rows, [params] * 3, 0)
    assert found == run_waves(model, PlainStepper(model), rows, [params] * 3, 0)
    assert tries == [1]
    assert "cannot be captured" in caplog.text


def test_the_check_at_load_sees_wrong_results(folders: Any) -> None:
    """Steps that repeat the last inputs, or give no numbers, do not agree; sound ones do."""
    model = gpu_like.gpu_model(folders("t5"), Compute())
    assert agree(model, StaticStepper(model, gpu_like.on_tape))

    class Ill(StaticStepper):
        worth = torch.nan

        def run(self, tokens: Any, lanes: Any) -> Any:
            return super().run(tokens, lanes) + self.worth

    assert not agree(model, Ill(model))
    Ill.worth = 5.0
    assert not agree(model, Ill(model))
    assert not graphs.work(model)  # there is no CUDA here: nothing to capture


def test_empty_lanes_keep_little(folders: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small lane waits with its graphs for the next request, a large one is given back with them."""
    model = gpu_like.gpu_model(folders("bart"), Compute())
    stepper = StaticStepper(model, gpu_like.on_tape)
    params = params_for(model.spec.generation, max_new_tokens=4)
    run_waves(model, stepper, tiny.sources(2, seed=4), [params] * 2, 0)
    assert len(stepper._idle) == 1
    assert stepper.graphs is not None
    assert len(stepper.graphs)
    monkeypatch.setattr(graphs, "_KEPT_BYTES", 0)
    run_waves(model, stepper, tiny.sources(2, seed=4), [params] * 2, 0)
    assert not stepper._idle
    assert not len(stepper.graphs)


def test_sizes_are_powers_of_two() -> None:
    """Each number has its next one."""
    assert [power_of_two(wanted) for wanted in (1, 2, 3, 4, 5, 33)] == [1, 2, 4, 4, 8, 64]
