"""Checkpoint folders: what they say is understood, and a bad one is refused with one clear sentence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from service.engines.seq2seq.configuration import LoadError
from service.engines.seq2seq.decoding import params_for
from service.engines.seq2seq.loader import load_tensors
from service.engines.seq2seq.model import load_model
from service.engines.seq2seq.spec import read_spec
from tests.engines.seq2seq import tiny

ROWS = tiny.sources(3, seed=8)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BART as transformers writes it."""
    return tiny.save(tiny.make("bart"), tmp_path_factory.mktemp("bart"))


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(saved, tmp_path / "model"))


def edit(path: Path, **changes: Any) -> None:
    """Change keys of a JSON file; None removes one."""
    values = json.loads(path.read_text("utf-8")) if path.exists() else {}
    values = {key: value for key, value in {**values, **changes}.items() if value is not None}
    path.write_text(json.dumps(values), "utf-8")


def written(folder: Path) -> list[tuple[int, ...]]:
    """What the model of a folder writes."""
    own = load_model(folder)
    return tiny.ours(own, ROWS, params_for(own.spec.generation, max_new_tokens=8))


def change_tensors(folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    """Rewrite the weights."""
    tensors = {name: tensor.clone() for name, tensor in load_file(folder / "model.safetensors").items()}
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


# ---- formats --------------------------------------------------------------------------------------------------------


def test_shards_and_pickles_hold_the_same_model(saved: Path, folder: Path) -> None:
    """One file, two shards with an index, and a PyTorch file give the same tokens."""
    wanted = written(saved)
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(tensors, folder / "pytorch_model.bin")
    assert written(folder) == wanted
    (folder / "pytorch_model.bin").unlink()
    names = sorted(tensors)
    table = {name: f"model-{index % 2}.safetensors" for index, name in enumerate(names)}
    for shard in set(table.values()):
        save_file({name: tensors[name] for name in names if table[name] == shard}, folder / shard)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": table}))
    assert written(folder) == wanted


@pytest.mark.parametrize("name", ["lm_head", "model.encoder.embed_tokens", "model.decoder.embed_tokens"])
def test_a_tied_weight_may_have_any_of_its_names(name: str, saved: Path, folder: Path) -> None:
    """The embedding is found under whichever name it was saved, and is held once."""

    def rename(tensors: dict[str, torch.Tensor]) -> None:
        tensors[f"{name}.weight"] = tensors.pop("model.shared.weight")

    change_tensors(folder, rename)
    assert written(folder) == written(saved)
    tensors = load_tensors(folder, read_spec(folder)).tensors
    assert tensors["lm_head.weight"] is tensors["encoder.embed_tokens.weight"]


def test_old_folders_keep_decoding_wishes_in_config(folder: Path) -> None:
    """Without `generation_config.json` the wishes of `config.json` hold, and the defaults of the model's kind."""
    (folder / "generation_config.json").unlink()
    edit(folder / "config.json", num_beams=4, max_length=60, min_length=5, no_repeat_ngram_size=3, eos_token_id=2)
    wishes = read_spec(folder).generation
    assert (wishes.beams, wishes.max_length, wishes.no_repeat_ngram_size, wishes.forced_eos) == (4, 60, 3, 2)
    params = params_for(wishes)
    assert (params.max_new_tokens, params.min_new_tokens, params.eos) == (59, 4, (2,))


@pytest.mark.parametrize(
    ("changes", "scale"),
    [
        ({}, 32**-0.5),
        ({"tie_word_embeddings": False}, 1.0),
        ({"tie_word_embeddings": True, "scale_decoder_outputs": False}, 1.0),
        ({"model_type": "mt5"}, 1.0),
        ({"model_type": "umt5"}, 32**-0.5),
    ],
)
def test_what_t5_scales_before_its_head(changes: dict[str, Any], scale: float, tmp_path: Path) -> None:
    """The first T5 and UMT5 scale, version 1.1 and mT5 do not, however the folder says it."""
    base = {**tiny._T5, "model_type": "t5", "eos_token_id": 1, "pad_token_id": 0}
    (tmp_path / "config.json").write_text(json.dumps({**base, **changes}))
    assert read_spec(tmp_path).head_scale == scale


# ---- refusals -------------------------------------------------------------------------------------------------------


class _Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("run at load",))


def _pickle(folder: Path, content: object) -> None:
    (folder / "model.safetensors").unlink()
    torch.save(content, folder / "pytorch_model.bin")


def _truncate(folder: Path, name: str) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[:-100])


def _truncated_pickle(folder: Path) -> None:
    _pickle(folder, load_file(folder / "model.safetensors"))
    _truncate(folder, "pytorch_model.bin")


def _shard_outside(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder.parent / "outside.safetensors")
    index = {"weight_map": {"a": "../outside.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


SPOILED: list[tuple[Callable[[Path], object], str]] = [
    (lambda f: (f / "config.json").unlink(), "has no config.json"),
    (lambda f: (f / "config.json").write_text("{"), "cannot be read as JSON"),
    (lambda f: (f / "config.json").write_text("[]"), "no JSON object"),
    (lambda f: edit(f / "config.json", model_type="llama"), "is of a 'llama' model"),
    (lambda f: edit(f / "config.json", d_model="32"), "d_model is '32'"),
    (lambda f: edit(f / "config.json", encoder_attention_heads=5), "divided among the attention heads"),
    (lambda f: edit(f / "config.json", decoder_layers=2), r"decoder\.layers\.2.*and \d+ more"),
    (lambda f: edit(f / "config.json", decoder_layers=4), r"lack decoder\.layers\.3"),
    (lambda f: edit(f / "config.json", activation_function="mish2"), "activation 'mish2'"),
    (lambda f: edit(f / "config.json", decoder_ffn_dim=60), r"fc1\.bias is 64, the configuration says 60"),
    (
        lambda f: edit(f / "generation_config.json", eos_token_id=None) or edit(f / "config.json", eos_token_id=999),
        "outside the vocabulary",
    ),
    (lambda f: edit(f / "generation_config.json", forced_bos_token_id="x"), "forced_bos_token_id is 'x'"),
    (lambda f: (f / "model.safetensors").unlink(), "neither model.safetensors nor pytorch_model.bin"),
    (lambda f: _truncate(f, "model.safetensors"), "model.safetensors is truncated"),
    (_truncated_pickle, "pytorch_model.bin is truncated"),
    (lambda f: _pickle(f, {"a": _Evil()}), "not safe to load"),
    (lambda f: _pickle(f, {"a": 1}), "no table of tensors"),
    (_shard_outside, "outside the folder"),
    (
        lambda f: change_tensors(
            f, lambda t: t.update({"model.shared.weight": t["model.shared.weight"].to(torch.int8)})
        ),
        "stored as torch.int8",
    ),
]


@pytest.mark.parametrize(("spoil", "reason"), SPOILED, ids=[reason for _, reason in SPOILED])
def test_a_bad_folder_is_refused(
    spoil: Callable[[Path], object], reason: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error is one sentence that names what is wrong, and nothing in the folder is executed."""
    spoil(folder)
    with pytest.raises(LoadError, match=reason) as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)
    assert "run at load" not in capsys.readouterr().out
