"""A tokenizer of M2M100's kind and size for weights that are random: its words mean nothing, its memory does."""

from __future__ import annotations

import json
import random
from pathlib import Path

from sentencepiece import sentencepiece_model_pb2 as proto

_LETTERS = "abcdefghijklmnopqrstuvwxyzабвгдежзиклмно"
_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")


def build(folder: Path, size: int) -> None:
    """Write the files of an `M2M100Tokenizer` with so many words into a folder."""
    draw = random.Random(0)
    pieces: dict[str, float] = dict.fromkeys(("▁", *_LETTERS), -30.0)
    while len(pieces) < size - len(_SPECIAL):
        pieces["▁" + "".join(draw.choices(_LETTERS, k=draw.randint(2, 10)))] = -8 - 12 * draw.random()
    model = proto.ModelProto()
    for name, kind in (("<unk>", 2), ("<s>", 3), ("</s>", 3)):
        model.pieces.add(piece=name, score=0.0, type=kind)
    for name, score in pieces.items():
        model.pieces.add(piece=name, score=score)
    model.trainer_spec.unk_id, model.trainer_spec.bos_id, model.trainer_spec.eos_id = 0, 1, 2
    model.normalizer_spec.add_dummy_prefix = True
    (folder / "sentencepiece.bpe.model").write_bytes(model.SerializeToString())
    names = [*_SPECIAL, *pieces]
    (folder / "vocab.json").write_text(json.dumps({name: index for index, name in enumerate(names)}), "utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "M2M100Tokenizer"}), "utf-8")
