"""The comparison of engines: shapes are the public ones, sides do what is asked, pins are exact."""

from __future__ import annotations

import io
import json
from collections import defaultdict
from pathlib import Path

import pytest
import torch
import transformers

from bench import engine, environments
from bench.engines import shapes, side_precis, side_transformers, sides, worker

torch.set_num_threads(1)
transformers.utils.logging.disable_progress_bar()  # it leaves a thread behind

# Numbers of parameters of the public checkpoints; this release of transformers ties the head of mT5.
PARAMETERS = {
    "m2m100-418m": 483_905_536,
    "nllb-600m": 615_073_792,
    "mt5-base": 582_401_280 - 250_112 * 768,
    "bart-large": 406_291_456,
}
TINY = {
    "vocab_size": 300,
    "d_model": 16,
    "encoder_layers": 1,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 24,
    "decoder_start_token_id": 2,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny folder, built as the large ones are."""
    patch = pytest.MonkeyPatch()
    with patch.context() as inside:
        inside.setitem(shapes.SHAPES, "tiny", ("m2m_100", TINY))
        return shapes.build("tiny", tmp_path_factory.mktemp("cache"))


@pytest.mark.parametrize("shape", PARAMETERS)
def test_shapes_are_those_of_the_public_models(shape: str) -> None:
    """A model of a shape has exactly as many parameters as the checkpoint it stands for."""
    kind, values = shapes.SHAPES[shape]
    with torch.device("meta"):
        model = transformers.AutoModelForSeq2SeqLM.from_config(transformers.AutoConfig.for_model(kind, **values))
    assert sum(parameter.numel() for parameter in model.parameters()) == PARAMETERS[shape]


def test_weights_of_a_step_are_counted(folder: Path) -> None:
    """All matrices of the decoder but the keys and values of the source, and the head."""
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder)
    read = [
        parameter.numel()
        for name, parameter in model.model.decoder.named_parameters()
        if parameter.dim() == 2 and "embed" not in name and not name.endswith(("attn.k_proj.weight", "v_proj.weight"))
    ]
    own = 2 * 2 * TINY["d_model"] ** 2  # keys and values of what was written, of both layers
    assert shapes.decoder_weights(folder) == sum(read) + own + model.lm_head.weight.numel()


@pytest.mark.parametrize("kind", [side_precis.Side, side_transformers.Side])
@pytest.mark.parametrize("beams", [1, 2])
def test_sides_write_as_much_as_was_asked_for(folder: Path, kind: type[worker.Side], beams: int) -> None:
    """Every row gets exactly the number of new tokens, and the reply says how long that took."""
    side = kind(folder, "fp32", 1)
    asked = {"sources": engine.sources(300, 3, 6, 2), "beams": beams, "new_tokens": 5}
    replies = io.StringIO()
    worker.serve(side, [json.dumps(asked)], replies)
    answer = json.loads(replies.getvalue())
    assert answer["counts"] == [5, 5, 5]
    assert answer["seconds"] > 0 and answer["peak_mb"] > 0


def test_a_side_that_stops_early_ends_the_run() -> None:
    """Figures of a side that wrote fewer tokens are never printed."""

    class Lazy:
        name = "lazy int8"

        def ask(self, request: dict[str, object]) -> dict[str, object]:
            return {"counts": [4], "seconds": 1.0}

    with pytest.raises(SystemExit, match="lazy int8 wrote"):
        engine.call(Lazy(), [[5, 2]], 1, 5)  # type: ignore[arg-type]


def test_ratios_and_shares_are_those_of_the_rounds(capsys: pytest.CaptureFixture[str]) -> None:
    """Twice the tokens is a ratio of two, and a step of twice the limit's time is half of it."""

    class Done:
        load_s, rss_mb, peak_mb = 1.0, 2.0, 3.0

        def __init__(self, side: str) -> None:
            self.side, self.name = side, f"{side} int8"

    cell = engine.Cell(1, 1)
    rates = {("precis int8", cell): [80.0, 100.0, 90.0], ("other int8", cell): [40.0, 50.0, 45.0]}
    found = engine.Results(defaultdict(list, rates), defaultdict(list, {("precis int8", cell): [10.0, 12.0, 10.0]}))
    engine.report([Done("precis"), Done("other")], [cell], found, 5.0)  # type: ignore[list-item]
    out = capsys.readouterr().out
    assert "| precis int8 | 90.0 (80.0 to 100.0) |" in out
    assert "| other int8 | 2.00 |" in out
    assert "| precis int8, decode steps | 50 % |" in out


def test_pins_of_the_peers_are_exact() -> None:
    """Each environment is made of exact versions, and the engines that need one of their own have it."""
    groups = environments.groups()
    assert {"ctranslate2", "openvino"} <= set(sides.PEERS) & set(groups)
    assert all("==" in pin for pins in groups.values() for pin in pins)
