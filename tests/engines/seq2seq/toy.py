"""A toy world to train in: three languages of one grammar, and models that learn it in seconds.

Word `n` of a language is `<letter>ord<n>`; a translation replaces each word by its number's word in the other language.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import torch
import transformers as hf
from tokenizers import Tokenizer, models, pre_tokenizers

hf.logging.disable_progress_bar()

WORDS = 8
LANGUAGES = {"en": "__en__", "fr": "__fr__", "de": "__de__"}
_LETTERS = {"en": "w", "fr": "m", "de": "t"}
_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", *LANGUAGES.values())
VOCABULARY = [*_SPECIAL, ".", *(f"{letter}ord{n}" for letter in _LETTERS.values() for n in range(WORDS))]
IDS = {token: index for index, token in enumerate(VOCABULARY)}


def say(language: str, numbers: list[int]) -> str:
    """The sentence of these words in a language."""
    return " ".join(f"{_LETTERS[language]}ord{number}" for number in numbers)


def tokenizer() -> Any:
    """A tokenizer that splits at blanks."""
    made = Tokenizer(models.WordLevel(IDS, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=made,
        bos_token="<s>",
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        additional_special_tokens=list(LANGUAGES.values()),
    )


def train_translator(folder: Path, steps: int = 300) -> float:
    """Train an M2M100 of two layers to translate among the languages; writes a folder, returns the last loss."""
    torch.manual_seed(0)
    chooser = random.Random(0)
    config = hf.M2M100Config(
        vocab_size=len(VOCABULARY),
        d_model=48,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=96,
        decoder_ffn_dim=96,
        max_position_embeddings=32,
        init_std=0.12,
        dropout=0.0,
        attention_dropout=0.0,
        encoder_layerdrop=0.0,
        decoder_layerdrop=0.0,
    )
    model = hf.M2M100ForConditionalGeneration(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=steps)
    loss = torch.tensor(0.0)
    for _ in range(steps):
        length = chooser.randint(1, 4)
        pairs = [_pair(chooser, length) for _ in range(32)]
        source, target = (torch.tensor(side) for side in zip(*pairs, strict=True))
        loss = model(input_ids=source, decoder_input_ids=target[:, :-1], labels=target[:, 1:].contiguous()).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rate.step()
    model.eval().save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return float(loss.detach())


def _pair(chooser: random.Random, length: int) -> tuple[list[int], list[int]]:
    one, other = chooser.sample(sorted(LANGUAGES), 2)
    numbers = [chooser.randrange(WORDS) for _ in range(length)]
    source, target = ([IDS[word] for word in say(tag, numbers).split()] for tag in (one, other))
    return [IDS[LANGUAGES[one]], *source, 2], [2, IDS[LANGUAGES[other]], *target, 2]
