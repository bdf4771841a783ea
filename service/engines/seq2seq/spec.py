"""What a checkpoint folder says of its model, as one frozen record.

Reads `config.json` and `generation_config.json` of an unmodified Hugging Face folder. Two skeletons cover the field:
BART (M2M100, NLLB, SMaLL-100, mBART, Marian, BART, Pegasus) and T5 (T5, Flan-T5, mT5, UMT5, MADLAD-400).
Source: the configuration classes of transformers 5.23, whose defaults fill what a folder leaves out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from service.engines.seq2seq.configuration import GenerationDefaults, LoadError, Reader, read_generation, read_json

Family = Literal["bart", "t5"]
Positions = Literal["learned", "sinusoidal", "table", "relative"]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Everything that decides which numbers a model computes.

    Attributes:
        family: which skeleton runs it.
        model_type: the folder's own word, for messages.
        vocab: rows of the decoder's embedding and of the head; `source_vocab` those of the encoder's.
        inner: width of all heads together; differs from `d_model` in some T5 models.
        positions: `learned` tables lie in the checkpoint, `sinusoidal` ones are M2M100's, `table` are Marian's and
            Pegasus's, `relative` is T5's bias.
        position_offset: added to a position before it is looked up.
        max_positions: longest sequence of the table; 0 when there is no limit of that kind.
        pre_norm: norms stand before their block (M2M100, mBART, Pegasus, T5) or after it (BART, Marian).
        embed_norm: a norm follows the embedding. `final_norm`: one follows the last layer.
        embed_scale: factor of the token embedding. `head_scale`: factor of what goes into the head.
        shared_relative_bias: the first layer's bias serves all layers; False in UMT5.
    """

    family: Family
    model_type: str
    vocab: int
    source_vocab: int
    d_model: int
    inner: int
    encoder_layers: int
    decoder_layers: int
    encoder_heads: int
    decoder_heads: int
    encoder_ffn: int
    decoder_ffn: int
    activation: str
    positions: Positions
    generation: GenerationDefaults
    position_offset: int = 0
    max_positions: int = 0
    pre_norm: bool = True
    embed_norm: bool = False
    final_norm: bool = True
    embed_scale: float = 1.0
    head_scale: float = 1.0
    norm_epsilon: float = 1e-5
    gated_ffn: bool = False
    relative_buckets: int = 0
    relative_max_distance: int = 0
    shared_relative_bias: bool = True
    share_embeddings: bool = True


_BART_DEFAULTS: dict[str, object] = {
    "max_position_embeddings": 1024,
    "encoder_layers": 12,
    "encoder_ffn_dim": 4096,
    "encoder_attention_heads": 16,
    "decoder_layers": 12,
    "decoder_ffn_dim": 4096,
    "decoder_attention_heads": 16,
    "d_model": 1024,
    "activation_function": "gelu",
    "scale_embedding": False,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "vocab_size": 50265,
}
_T5_DEFAULTS: dict[str, object] = {
    "d_model": 512,
    "d_kv": 64,
    "relative_attention_num_buckets": 32,
    "relative_attention_max_distance": 128,
    "layer_norm_epsilon": 1e-6,
    "pad_token_id": 0,
    "eos_token_id": 1,
}
_NEW_T5: dict[str, object] = {
    **_T5_DEFAULTS,
    "d_ff": 1024,
    "num_layers": 8,
    "num_heads": 6,
    "feed_forward_proj": "gated-gelu",
    "vocab_size": 250112,
    "decoder_start_token_id": 0,
}
_DEFAULTS: dict[str, dict[str, object]] = {
    "m2m_100": {
        **_BART_DEFAULTS,
        "vocab_size": 128112,
        "activation_function": "relu",
        "scale_embedding": True,
        "decoder_start_token_id": 2,
    },
    "mbart": {**_BART_DEFAULTS, "forced_eos_token_id": 2},
    "bart": {**_BART_DEFAULTS, "decoder_start_token_id": 2, "forced_eos_token_id": 2},
    "marian": {
        **_BART_DEFAULTS,
        "vocab_size": 58101,
        "decoder_start_token_id": 58100,
        "pad_token_id": 58100,
        "eos_token_id": 0,
        "bos_token_id": None,
        "forced_eos_token_id": 0,
    },
    "pegasus": {
        **_BART_DEFAULTS,
        "decoder_start_token_id": 0,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "forced_eos_token_id": 1,
    },
    "t5": {
        **_T5_DEFAULTS,
        "d_ff": 2048,
        "num_layers": 6,
        "num_heads": 8,
        "feed_forward_proj": "relu",
        "vocab_size": 32128,
    },
    "mt5": _NEW_T5,
    "umt5": _NEW_T5,
}
_POSITIONS: dict[str, Positions] = {"m2m_100": "sinusoidal", "marian": "table", "pegasus": "table"}
MODEL_TYPES = tuple(sorted(_DEFAULTS))


def read_spec(folder: Path) -> ModelSpec:
    """Return what a checkpoint folder says of its model.

    Args:
        folder: with `config.json` and, usually, `generation_config.json`.
    Raises:
        LoadError: a file is missing or broken, the architecture is another one, or a value makes no sense.
    """
    config = read_json(folder / "config.json")
    generation = read_json(folder / "generation_config.json", required=False)
    model_type = config.get("model_type")
    if not isinstance(model_type, str) or model_type not in _DEFAULTS:
        raise LoadError(f"config.json is of a {model_type!r} model; this engine runs {', '.join(MODEL_TYPES)}")
    merged = {**_DEFAULTS[model_type], **{key: value for key, value in config.items() if value is not None}}
    reader = Reader(merged)
    spec = _t5(model_type, reader, generation) if "d_kv" in merged else _bart(model_type, reader, generation)
    _check(spec)
    return spec


def _bart(model_type: str, config: Reader, generation: Mapping[str, object]) -> ModelSpec:
    d_model = config.whole("d_model")
    vocab = config.whole("vocab_size")
    shared = bool(config.values.get("share_encoder_decoder_embeddings", True))
    target_vocab = vocab if shared else config.optional("decoder_vocab_size") or vocab
    positions = _POSITIONS.get(model_type, "learned")
    pad = config.optional("pad_token_id") or 0
    # M2M100 counts from behind the pad token; learned tables have two rows that nothing uses.
    offset = {"sinusoidal": pad + 1, "table": 0}.get(positions, 2)
    return ModelSpec(
        family="bart",
        model_type=model_type,
        vocab=target_vocab,
        source_vocab=vocab,
        d_model=d_model,
        inner=d_model,
        encoder_layers=config.whole("encoder_layers"),
        decoder_layers=config.whole("decoder_layers"),
        encoder_heads=config.whole("encoder_attention_heads"),
        decoder_heads=config.whole("decoder_attention_heads"),
        encoder_ffn=config.whole("encoder_ffn_dim"),
        decoder_ffn=config.whole("decoder_ffn_dim"),
        activation=str(config.values["activation_function"]),
        positions=positions,
        position_offset=offset,
        max_positions=config.whole("max_position_embeddings"),
        pre_norm=model_type in ("m2m_100", "mbart", "pegasus"),
        embed_norm=model_type in ("bart", "mbart"),
        final_norm=model_type in ("m2m_100", "mbart", "pegasus"),
        embed_scale=math.sqrt(d_model) if config.values.get("scale_embedding") else 1.0,
        share_embeddings=shared,
        generation=read_generation(config, generation),
    )


def _t5(model_type: str, config: Reader, generation: Mapping[str, object]) -> ModelSpec:
    d_model, heads = config.whole("d_model"), config.whole("num_heads")
    layers = config.whole("num_layers")
    decoder_layers = config.optional("num_decoder_layers")
    gate, _, activation = str(config.values["feed_forward_proj"]).rpartition("-")
    if gate not in ("", "gated"):
        raise LoadError(f"config.json: feed_forward_proj {config.values['feed_forward_proj']!r} is not known")
    # T5 1.1 folders say "not tied" and mean: nothing is scaled before the head. Newer ones say so in its own key.
    scaled = config.values.get("scale_decoder_outputs", config.values.get("tie_word_embeddings") is not False)
    scaled = model_type == "umt5" or (model_type == "t5" and scaled)
    return ModelSpec(
        family="t5",
        model_type=model_type,
        vocab=config.whole("vocab_size"),
        source_vocab=config.whole("vocab_size"),
        d_model=d_model,
        inner=heads * config.whole("d_kv"),
        encoder_layers=layers,
        decoder_layers=layers if decoder_layers is None else decoder_layers,
        encoder_heads=heads,
        decoder_heads=heads,
        encoder_ffn=config.whole("d_ff"),
        decoder_ffn=config.whole("d_ff"),
        activation="gelu_new" if gate and activation == "gelu" else activation,
        positions="relative",
        norm_epsilon=config.number("layer_norm_epsilon"),
        head_scale=d_model**-0.5 if scaled else 1.0,
        gated_ffn=bool(gate),
        relative_buckets=config.whole("relative_attention_num_buckets"),
        relative_max_distance=config.whole("relative_attention_max_distance"),
        shared_relative_bias=model_type != "umt5",
        generation=read_generation(config, generation),
    )


def _check(spec: ModelSpec) -> None:
    for name in ("vocab", "d_model", "encoder_layers", "decoder_layers", "encoder_heads", "decoder_heads"):
        if getattr(spec, name) < 1:
            raise LoadError(f"config.json: {name} must be at least 1")
    if spec.inner % spec.encoder_heads or spec.inner % spec.decoder_heads:
        raise LoadError("config.json: the width cannot be divided among the attention heads")
    special = (spec.generation.start, spec.generation.pad, *spec.generation.eos, spec.generation.forced_bos or 0)
    if any(not 0 <= token < spec.vocab for token in special):
        raise LoadError("a special token of the configuration is outside the vocabulary")
