"""Text into token ids and back, with each model's way of naming languages.

Special tokens are put around the text here, not by the tokenizer: its language is a setting of the whole object, and
several threads tokenise at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from transformers import AutoTokenizer

from service.engines.seq2seq.configuration import LoadError
from service.engines.seq2seq.spec import ModelSpec

# Where a model wants to be told its languages: M2M100, NLLB and mBART-50 read the source's token first and are made to
# write the target's; SMaLL-100, Marian and MADLAD read the target's first; mBART reads the source's last and starts
# from the target's; models of one direction are told nothing.
LanguageStyle = Literal["source_first", "target_first", "source_last", "none"]
_WRITTEN = ("{}", "__{}__", "<2{}>", ">>{}<<")


class Tokens:
    """The tokenizer of a folder.

    Args:
        folder: with the tokenizer's files.
        spec: of the model.
        codes: tag -> the language as the model writes it, bare (`fr`) or as its token (`__fr__`, `fra_Latn`).
        style: where languages go; None is what the kind of model usually wants.
        prefix: text put before every source, such as `summarize: `.

    Raises:
        LoadError: there is no usable tokenizer, it does not fit the model, or it has lost a language.
    """

    def __init__(
        self,
        folder: Path,
        spec: ModelSpec,
        codes: Mapping[str, str],
        style: LanguageStyle | None = None,
        prefix: str = "",
    ) -> None:
        self._lock = threading.Lock()
        self._spec = spec
        self._tokenizer = _open(folder)
        self._special = frozenset(self._tokenizer.all_special_ids)
        self._unknown: int | None = self._tokenizer.unk_token_id
        self._ids = {tag: self._language(tag, code) for tag, code in codes.items()} if style != "none" else {}
        self._style: LanguageStyle = style or _usual_style(spec, self._ids, folder)
        self._languages = frozenset(self._ids.values())
        highest = max((*self._ids.values(), len(self._tokenizer) - 1))
        if highest >= max(spec.source_vocab, spec.vocab) and self._style != "none":
            self._check_range()
        self._prefix = self._encode([prefix])[0] if prefix else []

    @property
    def overhead(self) -> int:
        """Tokens that stand around the text of a source."""
        return len(self._prefix) + 1 + (self._style != "none")

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text alone."""
        return [len(ids) for ids in self._encode(texts)] if texts else []

    def source(self, text: str, source: str, target: str) -> tuple[int, ...]:
        """Return the ids of a source text with everything the model wants around it; tags that it knows."""
        eos = self._spec.generation.eos[0]
        ids = [*self._prefix, *self._encode([text])[0]]
        if self._style == "source_first":
            return (self._ids[source], *ids, eos)
        if self._style == "target_first":
            return (self._ids[target], *ids, eos)
        return (*ids, eos, self._ids[source]) if self._style == "source_last" else (*ids, eos)

    def forced(self, target: str) -> int | None:
        """Return the token an output in this language is made to begin with, or None."""
        return self._ids[target] if self._style == "source_first" else None

    def start(self, target: str) -> int | None:
        """Return the token decoding starts from where it depends on the language, or None."""
        return self._ids[target] if self._style == "source_last" else None

    def unknown(self, ids: Sequence[int]) -> int:
        """Return how many of these tokens stand for something the vocabulary has not."""
        return 0 if self._unknown is None else sum(token == self._unknown for token in ids)

    def text(self, ids: Sequence[int]) -> str:
        """Return the text of an output, without special tokens."""
        dropped = self._special | self._languages
        kept = [token for token in ids if token not in dropped]
        with self._lock:
            return str(self._tokenizer.decode(kept, clean_up_tokenization_spaces=False)).strip()

    def _encode(self, texts: Sequence[str]) -> list[list[int]]:
        # Text is text: `</s>` in an article must not end it, `__fr__` must not change its language.
        with self._lock:
            found: list[list[int]] = self._tokenizer(
                list(texts), add_special_tokens=False, split_special_tokens=True, verbose=False
            )["input_ids"]
        inert = self._special - {self._unknown}
        return [[token for token in ids if token not in inert] for ids in found]

    def _language(self, tag: str, code: str) -> int:
        for pattern in _WRITTEN:
            token = pattern.format(code)
            found = self._tokenizer.convert_tokens_to_ids(token)
            if (
                isinstance(found, int)
                and found != self._unknown
                and self._tokenizer.convert_ids_to_tokens(found) == token
                and found < max(self._spec.source_vocab, self._spec.vocab)
            ):
                return found
        raise LoadError(f"the vocabulary has no token for the language {tag} (written {code} for this model)")

    def _check_range(self) -> None:
        if any(found >= self._spec.vocab for found in self._ids.values()):
            raise LoadError("the tokenizer has language tokens that the model has no embedding for")


def _open(folder: Path) -> Any:
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # a tokenizer may fail in as many ways as there are files
        raise LoadError(f"the folder has no usable tokenizer ({type(error).__name__})") from error


def _usual_style(spec: ModelSpec, ids: Mapping[str, int], folder: Path) -> LanguageStyle:
    if not ids:
        return "none"
    if spec.model_type == "m2m_100":
        return "source_first"
    if spec.model_type == "mbart":
        text = (
            (folder / "tokenizer_config.json").read_text("utf-8") if (folder / "tokenizer_config.json").exists() else ""
        )
        return "source_last" if '"MBartTokenizer' in text else "source_first"
    return "target_first"
