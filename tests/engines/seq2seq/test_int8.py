"""Models with int8 layers: near float32, the same from every place their weights may come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from service.engines.seq2seq import arrange
from service.engines.seq2seq import model as models
from service.engines.seq2seq.cache import CacheKey, StoredWeights
from service.engines.seq2seq.configuration import LoadError
from service.engines.seq2seq.linear import Capability, Precision, capability
from service.engines.seq2seq.loader import load_tensors
from service.engines.seq2seq.model import Seq2SeqModel, load_model, plan_layers
from service.engines.seq2seq.params import DecodeParams
from service.engines.seq2seq.spec import read_spec
from service.engines.seq2seq.weights import QuantizedSource
from tests.engines.seq2seq import tiny

pytestmark = pytest.mark.skipif(not capability().int8_bits, reason="no exact int8 products on this processor")
ROWS = tiny.sources(5, seed=4, longest=20)
STEPS = 6


class Recorder:
    """A model whose steps are noted, and that may be led along the tokens of another run."""

    def __init__(self, model: Seq2SeqModel, led: list[Tensor] | None = None) -> None:
        self._model = model
        self._led = led
        self.ids: list[Tensor] = []
        self.logits: list[Tensor] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def step(self, ids: Tensor, step: Any) -> Tensor:
        """Note what goes in and out."""
        ids = ids if self._led is None else self._led[len(self.ids)]
        logits = self._model.step(ids, step)
        self.ids.append(ids.clone())
        self.logits.append(logits.clone())
        return logits


def run(model: Seq2SeqModel, led: list[Tensor] | None = None) -> Recorder:
    """Decode a few steps of a few rows."""
    recorder = Recorder(model, led)
    wishes = model.spec.generation
    params = DecodeParams(max_new_tokens=STEPS, eos=(), pad=wishes.pad, start=wishes.start)
    tiny.ours(recorder, ROWS, params)
    return recorder


def logits(model: Seq2SeqModel) -> Tensor:
    """All logits of these steps."""
    return torch.cat(run(model).logits)


def snr_db(exact: Tensor, got: Tensor) -> float:
    """Return the signal-to-noise ratio in decibels."""
    return float(10 * torch.log10(exact.pow(2).sum() / (exact - got).pow(2).sum()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny M2M100 as transformers writes it."""
    torch.set_num_threads(1)
    return tiny.save(tiny.make("m2m100"), tmp_path_factory.mktemp("m2m100"))


def caches(folder: Path) -> list[Path]:
    """Files of quantized weights in a folder."""
    return sorted(folder.glob("quantized-*.safetensors"))


@pytest.mark.parametrize("name", sorted(tiny.FAMILIES))
def test_fresh_written_and_mapped_weights_give_the_same_bits(name: str, tmp_path: Path) -> None:
    """Weights that stay in memory, those just written and those of a second start: not a bit differs."""
    folder = tiny.save(tiny.make(name), tmp_path / "model")
    fresh = logits(load_model(folder, "int8", caches=[]))
    assert not caches(folder)
    assert torch.equal(logits(load_model(folder, "int8")), fresh)
    (kept,) = caches(folder)
    written = kept.stat().st_mtime_ns, kept.stat().st_ino
    assert torch.equal(logits(load_model(folder, "int8")), fresh)
    assert kept.stat().st_ino == written[1]


def with_large_channels(folder: Path) -> Path:
    """Let every norm of a folder make two channels thirty times larger, as those of real models do."""
    tensors = load_file(folder / "model.safetensors")
    for name, tensor in tensors.items():
        if "norm" in name and name.endswith("weight"):
            tensor[[3, 17]] *= 30
    save_file(tensors, folder / "model.safetensors")
    return folder


@pytest.mark.parametrize("name", sorted(tiny.FAMILIES))
def test_the_arrangement_changes_no_number(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fused and balanced, but not rounded, every family computes what it did."""
    folder = with_large_channels(tiny.save(tiny.make(name), tmp_path / "model"))
    exact = run(load_model(folder, "fp32"))
    spec = read_spec(folder)
    plans = plan_layers(spec)

    def unrounded(weight: Tensor, bits: int, factor: Tensor | None) -> Tensor:
        return weight if factor is None else weight * factor

    monkeypatch.setattr(arrange, "quantize_weight", unrounded)
    monkeypatch.setattr(arrange, "fuse_quantized", torch.cat)
    monkeypatch.setattr(arrange, "_narrow", lambda table: table)
    arranged: dict[str, Any] = dict(arrange.entries(load_tensors(folder, spec).tensors, plans, bits=8))
    source = QuantizedSource(StoredWeights(arranged, None))
    got = run(models.assemble(spec, source, plans, "fp32"), exact.ids)
    assert torch.allclose(torch.cat(got.logits), torch.cat(exact.logits), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["m2m100", "nllb", "mbart", "mbart50", "marian", "bart", "pegasus"])
def test_int8_is_near_float32(name: str, tmp_path: Path) -> None:
    """Along the same tokens the logits are those of float32 with little noise."""
    folder = tiny.save(tiny.make(name), tmp_path / "model")
    exact = run(load_model(folder, "fp32"))
    got = run(load_model(folder, "int8"), exact.ids)
    assert snr_db(torch.cat(exact.logits), torch.cat(got.logits)) > 18


@pytest.mark.parametrize("name", ["mbart50", "umt5"])
def test_large_channels_are_shared_out(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With channels that their norms make large, balancing takes noise away, with 7 bits less of it."""
    folder = with_large_channels(tiny.save(tiny.make(name), tmp_path / "model"))
    exact = run(load_model(folder, "fp32"))
    wanted = torch.cat(exact.logits)
    with_it = snr_db(wanted, torch.cat(run(load_model(folder, "int8", caches=[]), exact.ids).logits))
    monkeypatch.setattr(arrange, "balance", lambda gain, *_: torch.ones_like(gain))
    without = snr_db(wanted, torch.cat(run(load_model(folder, "int8", caches=[]), exact.ids).logits))
    assert with_it > without + (6 if capability().int8_bits == 8 else 1)


def test_only_norms_with_one_reader_are_balanced(tmp_path: Path) -> None:
    """Where a norm stands behind its block the residual sum reads it too, and it stays as it is."""
    for name, count in (("bart", 0), ("m2m100", 2 * 2 + 3 * 3 + 2), ("t5", 2 * 2 + 3 * 2 + 2)):
        plans = plan_layers(read_spec(tiny.save(tiny.make(name), tmp_path / name)))
        norms = [plan.after for plan in plans if plan.after]
        assert len(norms) == len(set(norms)) == count


def test_a_damaged_or_foreign_cache_is_made_again(folder: Path, tmp_path: Path) -> None:
    """A file cut short is replaced; another digest has a file of its own."""
    wanted = logits(load_model(folder, "int8", caches=[tmp_path], digest="one"))
    (kept,) = caches(tmp_path)
    whole = kept.read_bytes()
    kept.write_bytes(whole[: len(whole) // 2])
    assert torch.equal(logits(load_model(folder, "int8", caches=[tmp_path], digest="one")), wanted)
    assert len(kept.read_bytes()) == len(whole)
    load_model(folder, "int8", caches=[tmp_path], digest="two")
    assert len(caches(tmp_path)) == 2


def test_a_folder_that_cannot_be_written_needs_another_place(folder: Path, tmp_path: Path) -> None:
    """The weights go to the next folder; with none they stay in memory, and the model is the same."""
    blocked = tmp_path / "blocked"
    blocked.write_text("no folder")
    wanted = logits(load_model(folder, "int8", caches=[]))
    assert torch.equal(logits(load_model(folder, "int8", caches=[blocked, tmp_path / "second"])), wanted)
    assert len(caches(tmp_path / "second")) == 1
    assert torch.equal(logits(load_model(folder, "int8", caches=[blocked])), wanted)


def test_weights_that_are_not_finite_are_refused(folder: Path, tmp_path: Path) -> None:
    """The error names the layer, and no cache is left."""
    for path in folder.glob("*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    tensors = load_file(folder / "model.safetensors")
    tensors["model.decoder.layers.1.fc1.weight"][3, 4] = torch.nan
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(LoadError, match=r"decoder\.layers\.1\.fc1\.weight: .* not finite"):
        load_model(tmp_path, "int8")
    assert not caches(tmp_path)


def test_a_processor_without_exact_products_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for int8 where it cannot be, the model is left out with a sentence."""
    monkeypatch.setattr(models, "capability", lambda: Capability(0, False))
    with pytest.raises(LoadError, match="no exact int8 products"):
        load_model(folder, "int8")


def test_seven_bits_have_a_file_of_their_own(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Machines of both kinds on one volume do not take each other's weights."""
    exact = logits(load_model(folder, "fp32"))
    monkeypatch.setattr(models, "capability", lambda: Capability(7, False))
    seven = logits(load_model(folder, "int8", caches=[tmp_path]))
    assert snr_db(exact, seven) > 10
    monkeypatch.setattr(models, "capability", lambda: Capability(8, False))
    eight = logits(load_model(folder, "int8", caches=[tmp_path]))
    assert not torch.equal(eight, seven)
    assert len(caches(tmp_path)) == 2


@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8"])
def test_half_precision_checkpoints_load_at_every_precision(precision: Precision, folder: Path, tmp_path: Path) -> None:
    """A folder saved in 16 bits gives nearly the logits of the float32 one."""
    for path in folder.glob("*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    tensors = {name: tensor.half() for name, tensor in load_file(folder / "model.safetensors").items()}
    save_file(tensors, tmp_path / "model.safetensors")
    exact = run(load_model(folder, "fp32"))
    got = run(load_model(tmp_path, precision), exact.ids)
    assert snr_db(torch.cat(exact.logits), torch.cat(got.logits)) > (45 if precision == "fp32" else 18)


def test_the_key_names_the_arrangement(folder: Path) -> None:
    """The file's own words hold digest, layout and bits."""
    assert CacheKey("a", "b", 7).metadata.keys() == {"scheme", "digest", "layout", "bits"}
