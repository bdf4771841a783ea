"""CTranslate2 on its default backend: forcing MKL is 30 times slower on AMD processors."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ctranslate2


class _Names:
    """A tokenizer as far as the converter asks: every id of the model's vocabulary has a name.

    The converter's M2M100 loader reads the language tokens from a field that transformers 5 does not fill, and then
    refuses; with a name for every row of the embedding nothing is missing, and folders need no tokenizer.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        tokens = [f"t{index}" for index in range(config["vocab_size"])]
        tokens[config.get("pad_token_id") or 0] = "<pad>"
        free = [index for index, name in enumerate(tokens[:8]) if name != "<pad>"]
        eos = config["eos_token_id"]
        free = [index for index in free if index != eos]
        tokens[eos], tokens[free[0]], tokens[free[1]] = "</s>", "<s>", "<unk>"
        self._tokens = tokens
        self.pad_token, self.eos_token, self.bos_token, self.unk_token = "<pad>", "</s>", "<s>", "<unk>"
        self.unk_token_id = free[1]
        self.special_tokens_map: dict[str, list[str]] = {}

    def get_vocab(self) -> dict[str, int]:
        """Names and ids."""
        return {name: index for index, name in enumerate(self._tokens)}

    def convert_ids_to_tokens(self, index: int) -> str:
        """The name of an id."""
        return self._tokens[index]


class Side:
    """See `worker.Side`."""

    def __init__(self, folder: Path, precision: str, threads: int) -> None:
        self._translator = ctranslate2.Translator(
            str(folder), device="cpu", compute_type=precision, inter_threads=1, intra_threads=threads
        )
        self._tokens = json.loads((folder / "names.json").read_text("utf-8"))

    @staticmethod
    def prepare(folder: Path, precision: str, cache: Path) -> Path:
        """Convert with the project's own converter, quantized."""
        made = cache / f"ctranslate2-{precision}"
        if (made / "names.json").is_file():
            return made
        from ctranslate2.converters import TransformersConverter

        config = json.loads((folder / "config.json").read_text("utf-8"))
        names = _Names(config)

        class Converter(TransformersConverter):
            def load_tokenizer(self, *_: Any, **__: Any) -> Any:
                return names

        shutil.rmtree(made, ignore_errors=True)
        Converter(str(folder)).convert(str(made), quantization=precision)
        (made / "names.json").write_text(json.dumps(names._tokens))
        return made

    def generate(self, sources: Sequence[Sequence[int]], beams: int, new_tokens: int) -> list[int]:
        """All sources as one batch."""
        found = self._translator.translate_batch(
            [[self._tokens[token] for token in source] for source in sources],
            beam_size=beams,
            min_decoding_length=new_tokens,
            max_decoding_length=new_tokens,
        )
        return [len(result.hypotheses[0]) for result in found]

    def details(self) -> dict[str, Any]:
        """Nothing more."""
        return {}
