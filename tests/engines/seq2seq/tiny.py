"""Tiny models of every family with random weights, and `generate` of transformers as the reference for them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers as hf

from service.engines.seq2seq.model import Seq2SeqModel
from service.engines.seq2seq.policies import DecodeParams
from service.engines.seq2seq.runner import Budget, Runner

# The bar starts a thread that never ends.
hf.logging.disable_progress_bar()

VOCAB = 71
_BART = {
    "vocab_size": VOCAB,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 3,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 64,
    "max_position_embeddings": 96,
}
_T5 = {
    "vocab_size": VOCAB,
    "d_model": 32,
    "d_kv": 12,
    "d_ff": 48,
    "num_layers": 2,
    "num_heads": 3,
    "decoder_start_token_id": 0,
}
_T5 |= {"relative_attention_max_distance": 20, "relative_attention_num_buckets": 8}

# name -> (model class, configuration class, what differs)
FAMILIES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "m2m100": ("M2M100ForConditionalGeneration", "M2M100Config", _BART),
    "nllb": ("M2M100ForConditionalGeneration", "M2M100Config", {**_BART, "activation_function": "gelu"}),
    "mbart": ("MBartForConditionalGeneration", "MBartConfig", {**_BART, "decoder_start_token_id": 2}),
    "mbart50": (
        "MBartForConditionalGeneration",
        "MBartConfig",
        {**_BART, "scale_embedding": True, "activation_function": "relu", "decoder_start_token_id": 2},
    ),
    "marian": (
        "MarianMTModel",
        "MarianConfig",
        {
            **_BART,
            "pad_token_id": 70,
            "decoder_start_token_id": 70,
            "activation_function": "swish",
            "scale_embedding": True,
        },
    ),
    "marian-two-vocabularies": (
        "MarianMTModel",
        "MarianConfig",
        {
            **_BART,
            "pad_token_id": 70,
            "decoder_start_token_id": 70,
            "vocab_size": 80,
            "decoder_vocab_size": VOCAB,
            "share_encoder_decoder_embeddings": False,
            "tie_word_embeddings": False,
        },
    ),
    "bart": ("BartForConditionalGeneration", "BartConfig", _BART),
    "pegasus": ("PegasusForConditionalGeneration", "PegasusConfig", {**_BART, "scale_embedding": True}),
    "t5": ("T5ForConditionalGeneration", "T5Config", _T5),
    "flan-t5": (
        "T5ForConditionalGeneration",
        "T5Config",
        {**_T5, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
    ),
    "madlad": (
        "T5ForConditionalGeneration",
        "T5Config",
        {**_T5, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
    ),
    "mt5": ("MT5ForConditionalGeneration", "MT5Config", _T5),
    "umt5": ("UMT5ForConditionalGeneration", "UMT5Config", _T5),
}
FORCED_BOS = ("m2m100", "nllb", "mbart50")
UNTIED = ("flan-t5", "madlad", "mt5")


def make(name: str, seed: int = 0) -> Any:
    """A transformers model of a family, in float32, with weights wild enough that its outputs differ."""
    model_class, config_class, values = FAMILIES[name]
    torch.manual_seed(seed)
    model = getattr(hf, model_class)(getattr(hf, config_class)(**values)).eval()
    if name in UNTIED:
        model.lm_head.weight = torch.nn.Parameter(torch.empty(VOCAB, 32))
    with torch.no_grad():
        for key, tensor in model.named_parameters():
            if "embed_positions" in key and not tensor.requires_grad:
                continue
            centre = 1.0 if "norm" in key and key.endswith("weight") else 0.0
            tensor.normal_(centre, 0.35)
        if hasattr(model, "final_logits_bias"):
            model.final_logits_bias.normal_(0, 0.5)
    wishes = model.generation_config
    wishes.eos_token_id = [int(torch.tensor(wishes.eos_token_id).flatten()[0]), *range(11, 70, 6)]
    wishes.no_repeat_ngram_size = 2  # random models like to repeat themselves, which would hide errors
    if name in FORCED_BOS:
        wishes.forced_bos_token_id = 7
    if name.startswith("marian"):
        wishes.bad_words_ids = [[70]]
    return model


def save(model: Any, folder: Path) -> Path:
    """Write a checkpoint folder as transformers does."""
    model.save_pretrained(folder)
    return folder


def sources(count: int, seed: int, longest: int = 40) -> list[list[int]]:
    """Random sources of ragged lengths that end with token 2."""
    chooser = random.Random(seed)
    return [[*(chooser.randrange(5, 69) for _ in range(chooser.randint(0, longest - 1))), 2] for _ in range(count)]


def ours(
    model: Seq2SeqModel,
    rows: Sequence[Sequence[int]],
    params: DecodeParams | Sequence[DecodeParams],
    budget: Budget | None = None,
) -> list[tuple[int, ...]]:
    """The best tokens of each row, all of them in one runner."""
    runner = Runner(model, budget or Budget(rows=10**6))
    chosen = [params] * len(rows) if isinstance(params, DecodeParams) else params
    for key, (row, wish) in enumerate(zip(rows, chosen, strict=True)):
        runner.add(key, row, wish)
    found: dict[int, tuple[int, ...]] = {}
    while runner.busy:
        for done in runner.step():
            assert done.failed is None
            found[done.key] = done.hypotheses[0].tokens
    return [found[key] for key in range(len(rows))]


def theirs(model: Any, row: Sequence[int], **options: Any) -> tuple[int, ...]:
    """What `generate` writes for one row alone, without the start token."""
    ids = torch.tensor([row])
    with torch.no_grad():
        found = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), **options)
    return tuple(found[0].tolist()[1:])


def tied(model: Any, row: Sequence[int], one: Sequence[int], other: Sequence[int], margin: float = 1e-5) -> bool:
    """Whether two outputs part where the model's two best scores lie within `margin`."""
    at = next(i for i in range(min(len(one), len(other))) if one[i] != other[i])
    prefix = [model.generation_config.decoder_start_token_id, *one[:at]]
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([row]), decoder_input_ids=torch.tensor([prefix])).logits[0, -1]
    return abs(float(logits[one[at]] - logits[other[at]])) <= margin
