"""Checkpoint folders with random weights in the exact shapes of public models.

Source: the `config.json` files of facebook/m2m100_418M, facebook/nllb-200-distilled-600M, google/mt5-base,
Helsinki-NLP/opus-mt-en-de and facebook/bart-large. What those folders say of decoding (forced tokens, bad words,
n-grams) is left out, so that every side does the same work.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

_WIDE = {
    "d_model": 1024,
    "encoder_layers": 12,
    "decoder_layers": 12,
    "encoder_attention_heads": 16,
    "decoder_attention_heads": 16,
    "encoder_ffn_dim": 4096,
    "decoder_ffn_dim": 4096,
    "max_position_embeddings": 1024,
}
_M2M = {**_WIDE, "activation_function": "relu", "scale_embedding": True, "decoder_start_token_id": 2}
SHAPES: dict[str, tuple[str, dict[str, Any]]] = {
    "m2m100-418m": ("m2m_100", {**_M2M, "vocab_size": 128112}),
    "nllb-600m": ("m2m_100", {**_M2M, "vocab_size": 256206}),
    "mt5-base": (
        "mt5",
        {
            "vocab_size": 250112,
            "d_model": 768,
            "d_kv": 64,
            "d_ff": 2048,
            "num_layers": 12,
            "num_decoder_layers": 12,
            "num_heads": 12,
            "feed_forward_proj": "gated-gelu",
            "tie_word_embeddings": False,
            "decoder_start_token_id": 0,
        },
    ),
    "opus-mt": (
        "marian",
        {
            **_WIDE,
            "d_model": 512,
            "encoder_layers": 6,
            "decoder_layers": 6,
            "encoder_attention_heads": 8,
            "decoder_attention_heads": 8,
            "encoder_ffn_dim": 2048,
            "decoder_ffn_dim": 2048,
            "max_position_embeddings": 512,
            "activation_function": "swish",
            "scale_embedding": True,
            "vocab_size": 58101,
            "pad_token_id": 58100,
            "eos_token_id": 0,
            "decoder_start_token_id": 58100,
            "forced_eos_token_id": None,
        },
    ),
    "bart-large": (
        "bart",
        {
            **_WIDE,
            "activation_function": "gelu",
            "normalize_before": False,
            "normalize_embedding": True,
            "vocab_size": 50265,
            "decoder_start_token_id": 2,
            "forced_eos_token_id": None,
        },
    ),
}


def build(shape: str, cache: Path) -> Path:
    """Return a folder with random weights of a shape, made once (float32; m2m100-418m takes 1.9 GB)."""
    folder = cache / shape / "checkpoint"
    if (folder / "generation_config.json").is_file():  # written last
        return folder
    import torch
    import transformers

    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(0)
    kind, values = SHAPES[shape]
    config = transformers.AutoConfig.for_model(kind, **values)
    model = transformers.AutoModelForSeq2SeqLM.from_config(config, dtype=torch.float32)
    part = folder.with_name("checkpoint.part")
    model.save_pretrained(part)
    # Nothing of what the class would add by itself, such as bad words or a forced end.
    own = {key: getattr(config, f"{key}_token_id") for key in ("decoder_start", "eos", "pad")}
    (part / "generation_config.json").write_text(json.dumps({f"{key}_token_id": own[key] for key in own}))
    part.rename(folder)
    return folder


def decoder_weights(folder: Path) -> int:
    """Return the number of weights one decode step reads: decoder layers without the cross-attention's keys and values,
    and the head.
    """
    config = json.loads((folder / "config.json").read_text("utf-8"))
    width = config["d_model"]
    if "d_kv" in config:
        inner = config["num_heads"] * config["d_kv"]
        ffn = (3 if str(config.get("feed_forward_proj", "")).startswith("gated") else 2) * width * config["d_ff"]
        layers = config.get("num_decoder_layers") or config["num_layers"]
        return int(layers * (6 * width * inner + ffn) + width * config["vocab_size"])
    layer = 6 * width * width + 2 * width * config["decoder_ffn_dim"]
    return int(config["decoder_layers"] * layer + width * config["vocab_size"])
