"""Where a model runs: what the settings choose, and that no operation mixes a GPU's tensors with the processor's.

There is no GPU here. Tensors of the device "meta" stand in for it: they have shapes and types and no values.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from service.config import load
from service.engines import registry
from service.engines.seq2seq import devices, model, picking, policies, setup
from service.engines.seq2seq.configuration import LoadError
from service.engines.seq2seq.devices import Compute, choose_device, compute_for, gpu_precision
from service.engines.seq2seq.gpu_weights import GpuSource
from service.engines.seq2seq.linear import make_linear
from service.engines.seq2seq.loader import load_tensors
from service.engines.seq2seq.model import Seq2SeqModel, load_model
from service.engines.seq2seq.slots import Lane, Step
from service.engines.seq2seq.spec import read_spec
from service.engines.seq2seq.static import StaticLane
from service.engines.seq2seq.weights import CheckpointSource, LayerPlan
from tests.engines.seq2seq import gpu_like, tiny
from tests.engines.seq2seq.gpu_like import META, OneDevice

# Both skeletons in every type; what else differs between families is there in one.
CASES = [(name, kind) for name in ("m2m100", "umt5") for kind in (torch.float32, torch.bfloat16, torch.float16)]
CASES += [(name, torch.bfloat16) for name in ("marian", "mbart", "bart", "pegasus", "flan-t5")]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with gpu_like.one_thread():
        yield


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Checkpoint folders of tiny models, made once."""
    return cache(lambda name: tiny.save(tiny.make(name), tmp_path_factory.mktemp("model")))


def encoded(own: Seq2SeqModel) -> torch.Tensor:
    """Keys and values of two ragged sources."""
    run = own.start([[5, 6, 7, 8, 2], [9, 2]])
    assert not own.advance(run, 1)
    assert own.advance(run, 9)
    return own.cross(run)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_no_operation_mixes_devices(name: str, kind: torch.dtype, folders: Any) -> None:
    """Encoder, cross keys, plain steps in two lanes, joins and leaves: everything lies on the model's device."""
    with torch.inference_mode(), OneDevice():
        own = gpu_like.gpu_model(folders(name), Compute(META, kind))
        cross = encoded(own)
        lanes = [Lane(own.cache_shape, width, 32, own.compute) for width in (1, 3)]
        for lane in lanes:
            for key, length in enumerate((5, 2)):
                lane.join(key, cross[key], length)
        for turn in range(4):
            ids = torch.zeros(sum(lane.rows for lane in lanes), dtype=torch.int64, device=META)
            step = Step(lanes)
            logits = own.step(ids, step)
            step.end()
            assert (logits.device, logits.dtype) == (META, torch.float32)
            assert logits.shape == (len(ids), own.spec.vocab)
            if turn == 1:
                lanes[0].leave(0)
                lanes[0].join(7, cross[1], 2)
            lanes[1].reorder([1, 0, 2, 3, 3, 4])
            if turn == 2:  # so that caches grow
                lanes[0].positions, lanes[1].positions = [50, 3], [40, 40]
        assert all(data.dtype is kind for lane in lanes for data in (lane._own.data, lane._cross.data))


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_static_step_takes_one_copy(name: str, kind: torch.dtype, folders: Any) -> None:
    """All that changes goes to the device at once before a step; the step itself asks the processor for nothing."""
    with torch.inference_mode():
        own = gpu_like.gpu_model(folders(name), Compute(META, kind))
        cross = encoded(own)
        lane = StaticLane(own.cache_shape, 2, own.compute)
        for key, length in enumerate((5, 2)):
            lane.join(key, cross[key], length)
        for _ in range(3):
            with OneDevice() as before:
                lane.aim([1, 2, 3, 4][: lane.rows])
            with OneDevice() as within:
                logits = own.step(lane.ids, Step([lane]))
            lane.end()
            lane.positions[0] += 31  # so that caches grow
            assert (before.copies, within.copies) == (1, 0)
            assert (logits.device, logits.dtype) == (META, torch.float32)


def test_scores_are_processed_where_they_lie() -> None:
    """Penalties, bans and forced tokens touch a score tensor with indices of its own device only, and searches too."""
    scores = torch.zeros(6, 300, device=META)
    row = policies.DecodeParams(
        beams=2, min_new_tokens=3, max_new_tokens=9, no_repeat_ngram_size=1, repetition_penalty=1.5, num_return=1,
        bad_words=((5,), (1, 6)), suppress=(7,), begin_suppress=(8,), renormalize_logits=True, eos=(2,), pad=1, start=2,
    )  # fmt: skip
    forced = policies.DecodeParams(max_new_tokens=9, forced_bos=4, suppress=(7,), eos=(2,), pad=1, start=2)
    with OneDevice() as mode:
        out = policies.process(scores, [[2, 4], [2, 1], [2], [2], [2, 9, 9], [2]], [row, row, row, forced, row, forced])
        for found in (picking.best(out), picking.top(out, 2), picking.top(out, 200)):
            assert all(part.device == META for part in found)
    assert mode.copies < 12


def test_the_check_itself_sees_mixed_devices() -> None:
    """An index or a mask of the processor is refused, a copy is counted."""
    far = torch.zeros(3, 4, device=META)
    with OneDevice() as mode:
        far.copy_(torch.zeros(3, 4))
        with pytest.raises((AssertionError, RuntimeError)):
            far[torch.tensor([0, 1])]
        with pytest.raises((AssertionError, RuntimeError)):
            far + torch.zeros(3, 4)
    assert mode.copies == 1


@pytest.mark.parametrize(("name", "once"), [("m2m100", True), ("marian", True), ("t5", True), ("flan-t5", False)])
def test_a_gpu_holds_a_tied_table_once(name: str, once: bool, folders: Any) -> None:
    """Embeddings and head are one tensor where the checkpoint ties them, in the type of the products."""
    spec = read_spec(folders(name))
    loaded = load_tensors(folders(name), spec)
    source = GpuSource(CheckpointSource(loaded.tensors, loaded.places), Compute(kind=torch.float16))
    source.rows("encoder.embed_tokens.weight")
    source.rows("decoder.embed_tokens.weight")
    head, _ = source.layer(LayerPlan(("lm_head",)))
    tables = [made for _, made in source._tables.values()]
    assert any(table is head for table in tables)
    assert (len(tables) == 1) is once
    assert head.dtype is torch.float16


def test_the_layer_that_leaves_float16_stays_wide(folders: Any) -> None:
    """T5's last feed-forward layer keeps float32 weights beside others of float16, as transformers has it."""
    own = gpu_like.gpu_model(folders("flan-t5"), Compute(kind=torch.float16))
    feed = own._decoder[0]._feed  # type: ignore[attr-defined]
    assert feed._down._weight.dtype is torch.float32
    assert feed._up._weight.dtype is torch.float16


def test_what_a_device_has_no_kernels_for_is_said() -> None:
    """int8 on a GPU and fp16 on a processor are refused by name."""
    with pytest.raises(LoadError, match="int8 runs on processors only"):
        compute_for(torch.device("cuda"), "int8")
    with pytest.raises(LoadError, match="fp16 is for GPUs"):
        compute_for(devices.CPU, "fp16")
    with pytest.raises(ValueError, match="choose fp32 or bf16"):
        make_linear(torch.ones(2, 2), None, precision="fp16")
    assert compute_for(devices.CPU, "int8") == devices.ON_CPU


def test_auto_takes_a_gpu_and_its_type(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU where torch finds one; bfloat16 where it is native; and a GPU asked for in vain is said."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == devices.CPU
    with pytest.raises(LoadError, match="no CUDA device"):
        choose_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    assert choose_device("auto") == choose_device("cuda") == torch.device("cuda", 0)
    assert choose_device("cpu") == devices.CPU
    for native, wanted in ((True, "bf16"), (False, "fp16")):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation, is_native=native: is_native)
        assert gpu_precision() == setup._auto_precision(torch.device("cuda", 0)) == wanted


def test_a_model_that_does_not_fit_is_named(folders: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too little memory at load is a LoadError with the model and the device, not the end of the process."""

    def full(*_: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(model, "_construct", full)
    folder = folders("bart")
    with pytest.raises(LoadError, match=f"the model in {folder.name} does not fit into the memory of meta"):
        load_model(folder, "bf16", device=META)


def test_a_service_without_the_wanted_gpu_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The models are left out with the reason, the other engines serve."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(setup.gate, "usable", lambda *_: None)
    settings = load({"PRECIS_ENGINES": "seq2seq extractive", "PRECIS_MODELS": "m2m100-418m", "PRECIS_DEVICE": "cuda",
                     "PRECIS_MODELS_DIR": str(tmp_path), "PRECIS_ENGINE_THREADS": "1"})  # fmt: skip
    loaded = registry.create(settings)
    assert list(loaded.engines) == ["extractive"]
    assert "PRECIS_DEVICE" in loaded.missing[0]


def test_a_meta_model_loads_without_graphs(folders: Any) -> None:
    """What is no CUDA device gets no captured steps."""
    own = load_model(folders("t5"), "bf16", device=META)
    assert own.compute == Compute(META, torch.bfloat16)
