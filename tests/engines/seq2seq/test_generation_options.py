"""What a folder says of decoding: followed as `generate` follows it, refused, or left aside and said so."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as hf

from service.engines.seq2seq.configuration import LoadError
from service.engines.seq2seq.decoding import params_for
from service.engines.seq2seq.model import load_model
from service.engines.seq2seq.spec import read_spec
from tests.engines.seq2seq import tiny

Saved = Callable[[str], Path]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    """A tiny model of a family, written once."""
    return cache(lambda name: tiny.save(tiny.make(name), tmp_path_factory.mktemp(name)))


def compare(model: Any, folder: Path, **options: Any) -> None:
    """Every row of a few is what `generate` writes when it follows the folder alone."""
    own = load_model(folder)
    rows = tiny.sources(6, seed=11)
    found = tiny.ours(own, rows, params_for(own.spec.generation))
    for row, tokens in zip(rows, found, strict=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # transformers would rather be told a length
            wanted = tiny.theirs(model, row, **options)
        assert tokens == wanted or tiny.tied(model, row, tokens, wanted)


FOLLOWED: dict[str, dict[str, Any]] = {
    "suppress_tokens": {"suppress_tokens": list(range(3, 60, 2))},
    "begin_suppress_tokens": {"begin_suppress_tokens": list(range(20, 70))},
    "begin_suppress_behind_forced": {"begin_suppress_tokens": list(range(20, 70)), "forced_bos_token_id": 9},
    "bad_words": {"bad_words_ids": [[5], [6, 7], *([token] for token in range(30, 50))]},
    "nothing": {},
    "lengths": {"min_length": 9, "max_length": 14},
    "new_tokens_before_lengths": {"min_length": 2, "max_length": 5, "min_new_tokens": 7, "max_new_tokens": 11},
    "forced_end": {"forced_eos_token_id": 12, "max_length": 10},
    "one_end": {"eos_token_id": 2, "max_length": 18},
    "penalties": {"repetition_penalty": 1.7, "no_repeat_ngram_size": 3, "max_length": 18},
    "beams": {"num_beams": 4, "length_penalty": 0.4, "early_stopping": True, "max_length": 16},
    "beams_never": {"num_beams": 3, "length_penalty": -1.0, "early_stopping": "never", "max_length": 16},
    "beams_normalized": {"num_beams": 3, "renormalize_logits": True, "bad_words_ids": [[8], [9]], "max_length": 16},
    "another_start": {"decoder_start_token_id": 33, "max_length": 12},
}


@pytest.mark.parametrize("name", FOLLOWED)
def test_wishes_are_followed_as_generate_does(name: str, saved: Saved, tmp_path: Path) -> None:
    """Each option of `generation_config.json`, read from the folder and from nowhere else."""
    model = hf.M2M100ForConditionalGeneration.from_pretrained(saved("m2m100")).eval()
    wishes = model.generation_config
    wishes.forced_bos_token_id = None
    for key, value in FOLLOWED[name].items():
        setattr(wishes, key, value)
    tiny.save(model, tmp_path)
    compare(model, tmp_path)


@pytest.mark.parametrize("layers", [(1, 3), (3, 1)])
@pytest.mark.parametrize("name", ["T5", "MT5", "UMT5"])
def test_t5_may_have_fewer_layers_on_one_side(name: str, layers: tuple[int, int], tmp_path: Path) -> None:
    """`num_layers` is the encoder's, `num_decoder_layers` the decoder's."""
    torch.manual_seed(4)
    config = getattr(hf, f"{name}Config")(**{**tiny._T5, "num_layers": layers[0], "num_decoder_layers": layers[1]})
    model = getattr(hf, f"{name}ForConditionalGeneration")(config).eval()
    with torch.no_grad():
        for key, tensor in model.named_parameters():
            tensor.normal_(1.0 if "norm" in key else 0.0, 0.35)
    model.generation_config.max_length = 14
    tiny.save(model, tmp_path)
    spec = read_spec(tmp_path)
    assert (spec.encoder_layers, spec.decoder_layers) == layers
    # The cache of transformers counts the encoder's layers.
    compare(model, tmp_path, use_cache=False)


def with_wishes(saved: Saved, target: Path, **changes: Any) -> Path:
    """A folder whose wishes were changed by hand; only what `read_spec` reads."""
    source = saved("m2m100")
    (target / "config.json").write_text((source / "config.json").read_text())
    wishes = json.loads((source / "generation_config.json").read_text()) | changes
    (target / "generation_config.json").write_text(json.dumps(wishes))
    return target


@pytest.mark.parametrize(
    "wish",
    [
        {"num_beam_groups": 2, "num_beams": 4},
        {"diversity_penalty": 0.5},
        {"penalty_alpha": 0.6, "top_k": 4},
        {"encoder_no_repeat_ngram_size": 3},
        {"encoder_repetition_penalty": 1.2},
        {"guidance_scale": 1.5},
        {"constraints": ["x"]},
        {"force_words_ids": [[3]]},
        {"dola_layers": "high"},
        {"exponential_decay_length_penalty": [5, 1.1]},
        {"sequence_bias": [[[5], 1.0]]},
        {"watermarking_config": {"bias": 2.0}},
        {"stop_strings": ["."]},
    ],
    ids=lambda wish: next(iter(wish)),
)
def test_what_would_change_the_text_is_refused(wish: dict[str, Any], saved: Saved, tmp_path: Path) -> None:
    """A folder that relies on something this engine has not is refused by the name of the option."""
    with pytest.raises(LoadError, match=rf"generation_config.json: .*{next(iter(wish))}.* not supported"):
        read_spec(with_wishes(saved, tmp_path, **wish))


def test_options_at_rest_are_no_obstacle(saved: Saved, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Old folders list every option there was; one that does nothing is left aside without a word."""
    at_rest = {
        "num_beam_groups": 1,
        "diversity_penalty": 0.0,
        "penalty_alpha": None,
        "encoder_no_repeat_ngram_size": 0,
        "constraints": None,
        "exponential_decay_length_penalty": None,
        "guidance_scale": 1,
        "do_sample": False,
        "temperature": 1.0,
        "top_k": 50,
        "typical_p": 1.0,
        "num_assistant_tokens": 5,
        "prompt_lookup_num_tokens": 10,
        "use_cache": True,
        "output_scores": True,
        "max_time": 3.0,
    }
    with caplog.at_level(logging.INFO):
        plain = read_spec(saved("m2m100")).generation
        assert read_spec(with_wishes(saved, tmp_path, **at_rest)).generation == plain
    assert not caplog.records


def test_drawing_is_not_followed_and_said(saved: Saved, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The same request gives the same text, whatever a folder says of chance."""
    folder = with_wishes(saved, tmp_path, do_sample=True, temperature=0.7, top_k=5, top_p=0.9, typical_p=0.5)
    generation = read_spec(folder).generation
    assert not params_for(generation).do_sample
    (record,) = caplog.records
    assert "without chance" in record.getMessage()


def test_an_option_of_the_wrong_kind_is_named(saved: Saved, tmp_path: Path) -> None:
    """Broken values are an error of the folder, not of the first request."""
    with pytest.raises(LoadError, match="diversity_penalty is 'much'"):
        read_spec(with_wishes(saved, tmp_path, diversity_penalty="much"))
