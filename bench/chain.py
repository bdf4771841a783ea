"""Checkpoints that cost what a real one costs and write what a benchmark wants: outputs of known lengths.

A model of random weights never ends, or repeats itself. Here the layers hold random weights too, but too small to
matter, and the head turns each token into its successor in a chain: the target language picks the chain, and with it
how many tokens come before the end. Every engine writes the same, so tokens can be counted and compared.
"""

from __future__ import annotations

import itertools
import json
import random
import shutil
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from service.models import rows, store
from service.models.store import FileEntry, Manifest

MODEL = "m2m100-418m"
"""The row of the list under which such a model is loaded, whatever its shape: its languages are M2M100's."""

SOURCE = "en"
SHAPES: Mapping[str, Mapping[str, int]] = {
    "m2m100-418m": {
        "vocab_size": 128112,
        "d_model": 1024,
        "encoder_layers": 12,
        "decoder_layers": 12,
        "encoder_attention_heads": 16,
        "decoder_attention_heads": 16,
        "encoder_ffn_dim": 4096,
        "decoder_ffn_dim": 4096,
        "max_position_embeddings": 1024,
    },
    "small": {
        "vocab_size": 32000,
        "d_model": 512,
        "encoder_layers": 6,
        "decoder_layers": 6,
        "encoder_attention_heads": 8,
        "decoder_attention_heads": 8,
        "encoder_ffn_dim": 2048,
        "decoder_ffn_dim": 2048,
        "max_position_embeddings": 1024,
    },
}
"""That of the model of this name, and one in the size of an OPUS-MT model."""

_PAD, _END = 1, 2
_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
# Two syllables make a word of four letters: with longer ones, a sentence of 400 would be cut in two. Half of
# these words make texts, the other half chains: no output repeats its source, or is much longer.
_SYLLABLES = [first + second for first in "bdfgklmnprstvz" for second in "aeiou"]
_TEXT_WORDS = len(_SYLLABLES) ** 2 // 2
_QUIET = 1e-3


@cache
def words(count: int) -> tuple[str, ...]:
    """Return distinct words, short ones first, without digits or signs that would make them more than words."""
    made = ("".join(parts) for length in (2, 3) for parts in itertools.product(_SYLLABLES, repeat=length))
    return tuple(itertools.islice(made, count))


def vocabulary(size: int) -> list[str]:
    """Return the tokens in order: special ones, languages, words."""
    languages = [f"__{code}__" for code in rows.get(MODEL).sources.values()]
    return [*_SPECIAL, *languages, *words(size - len(_SPECIAL) - len(languages))]


def text(draw: random.Random, tokens: int) -> str:
    """Return one sentence that is so many tokens for the model, its language and the end included."""
    return " ".join(draw.choices(words(_TEXT_WORDS), k=tokens - 2))


def build(folder: Path, shape: Mapping[str, Any], lengths: Mapping[str, int]) -> Path:
    """Return the folder of models, made once, that holds the checkpoint as a pull would have left it.

    Args:
        folder: where; it is made.
        shape: of the `M2M100Config`.
        lengths: target language -> tokens of every output in it, its language and the end included.
    """
    wanted = json.dumps({"shape": dict(shape), "lengths": dict(lengths), "made": 2}, sort_keys=True)
    stamp = folder / "made.json"
    if stamp.is_file() and stamp.read_text("utf-8") == wanted:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    part = folder / "part"
    part.mkdir(parents=True)
    _tokenizer(shape["vocab_size"]).save_pretrained(part)
    _weights(part, shape, lengths)
    files = (FileEntry(path.name, path.stat().st_size, "0" * 64) for path in sorted(part.iterdir()))
    manifest = Manifest(MODEL, "nobody/chain", "0" * 40, "MIT", "", "", "2026-01-01T00:00:00Z", tuple(files))
    store.publish(folder, part, manifest)
    stamp.write_text(wanted, "utf-8")
    return folder


def _tokenizer(size: int) -> Any:
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokens = vocabulary(size)
    made = Tokenizer(models.WordLevel({token: index for index, token in enumerate(tokens)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made,
        **dict(zip(("bos_token", "pad_token", "eos_token", "unk_token"), _SPECIAL, strict=True)),
        additional_special_tokens=[token for token in tokens if token.startswith("__")],
    )


def _weights(folder: Path, shape: Mapping[str, Any], lengths: Mapping[str, int]) -> None:
    import torch
    import transformers

    torch.manual_seed(0)
    config = transformers.M2M100Config(
        **shape, scale_embedding=True, decoder_start_token_id=_END, tie_word_embeddings=False
    )
    model = transformers.M2M100ForConditionalGeneration(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith(("fc2.weight", "out_proj.weight")):
                weight.mul_(_QUIET)
        embedding, head = model.model.decoder.embed_tokens.weight, model.lm_head.weight
        embedding.normal_(std=3 / config.d_model**0.5)
        head.normal_(std=1 / config.d_model**0.5)
        links = list(_links(shape["vocab_size"], lengths))
        head[[following for _, following in links]] = 0.0
        for token, following in links:  # chains meet at the end
            head[following] += embedding[token]
    model.save_pretrained(folder)
    own = {"decoder_start_token_id": _END, "eos_token_id": _END, "pad_token_id": _PAD, "bos_token_id": 0}
    (folder / "generation_config.json").write_text(json.dumps(own), "utf-8")


def _links(size: int, lengths: Mapping[str, int]) -> Iterator[tuple[int, int]]:
    tokens = vocabulary(size)
    at = tokens.index(words(_TEXT_WORDS + 1)[-1])
    for language, length in lengths.items():
        chain = [tokens.index(f"__{language}__"), *range(at, at + length - 2)]
        at += length
        yield from itertools.pairwise(chain)
        yield chain[-1], _END
