"""Text into token ids and back, with each model's way of naming languages.

Special tokens are put around the text here, not by the tokenizer: its language is a setting of the whole object, and
several threads tokenise at a time.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from service.engines.seq2seq import vocabulary
from service.engines.seq2seq.configuration import LoadError
from service.engines.seq2seq.spec import ModelSpec

# Where a model wants to be told its languages: M2M100, NLLB and mBART-50 read the source's token first and are made to
# write the target's; NLLB's legacy order reads the source's behind the text; SMaLL-100, Marian and MADLAD read the
# target's first; mBART reads the source's last and starts from the target's; models of one direction are told nothing.
LanguageStyle = Literal["source_first", "source_behind", "target_first", "source_last", "none"]
_FORCING = ("source_first", "source_behind")
# What English summarizers learnt from: news whose punctuation stands apart, and Pegasus's line ends.
_SPACED = re.compile(r" +([.,?!])(?=\s|$)")
_LINE_END = " ?<n> ?"
_BYTES = re.compile(r"(?:<0x[0-9A-F]{2}>)+")


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
        self._tokenizer = vocabulary.open_tokenizer(folder, spec)
        self._unknown: int | None = self._tokenizer.unk_token_id
        self._ids = vocabulary.language_ids(self._tokenizer, codes) if style != "none" else {}
        self._style: LanguageStyle = style or _usual_style(spec, self._ids, self._tokenizer)
        known = self._tokenizer.get_vocab()
        steering = vocabulary.steering(self._tokenizer, known, self._ids.values())
        self._steering = frozenset(steering)
        self._dropped = self._steering | {self._unknown}
        own_end = self._tokenizer.eos_token_id
        self._eos: int = spec.generation.eos[0] if own_end is None else own_end
        self._before, self._after = vocabulary.around(self._tokenizer)
        if not self._after:
            self._after = (self._eos,)
        self._disarm = vocabulary.Disarmer((), False)
        swallowed = [text for index, text in steering.items() if index in self._raw([text])[0]]
        self._disarm = vocabulary.Disarmer(swallowed, hasattr(self._tokenizer, "remove_language_code"))
        self._leads = {tag: self._lead(index) for tag, index in self._ids.items()}
        self._prefix = prefix
        self._check_ranges(known)

    @property
    def overhead(self) -> int:
        """The most tokens that stand around the text of a source."""
        around = {
            "none": len(self._before) + len(self._after),
            "target_first": 1 + max(map(len, self._leads.values()), default=0),
        }
        prefix = len(self._raw([self._prefix])[0]) + 1 if self._prefix else 0
        return around.get(self._style, 2) + prefix

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text alone."""
        return [len(ids) for ids in self._encode(texts)] if texts else []

    def blank(self, text: str) -> bool:
        """Whether a text holds nothing the vocabulary knows: only blanks, or only characters unknown to it."""
        return not self.text(self._encode([text])[0])

    def source(self, text: str, source: str, target: str) -> tuple[int, ...]:
        """Return the ids of a source text with everything the model wants around it; tags that it knows."""
        # The prefix is part of the text, as the model was trained: where they meet, their letters may share a token.
        ids = self._encode([text], self._prefix)[0]
        if self._style == "source_first":
            return (self._ids[source], *ids, self._eos)
        if self._style == "target_first":
            return (*self._leads[target], *ids, self._eos)
        if self._style == "none":
            return (*self._before, *ids, *self._after)
        return (*ids, self._eos, self._ids[source])

    def forced(self, target: str) -> int | None:
        """Return the token an output in this language is made to begin with, or None."""
        return self._ids[target] if self._style in _FORCING else None

    def start(self, target: str) -> int | None:
        """Return the token decoding starts from where it depends on the language, or None."""
        return self._ids[target] if self._style == "source_last" else None

    def unknown(self, ids: Sequence[int]) -> int:
        """Return how many of these tokens stand for something the vocabulary has not."""
        return 0 if self._unknown is None else sum(token == self._unknown for token in ids)

    def text(self, ids: Sequence[int]) -> str:
        """Return the text of an output, without special tokens."""
        kept = [token for token in ids if token not in self._dropped]
        with self._lock:
            found = str(self._tokenizer.decode(kept, clean_up_tokenization_spaces=False))
        if "<0x" in found:
            found = _BYTES.sub(lambda match: _characters(match[0]), found)
        if self._spec.model_type == "pegasus":
            found = re.sub(_LINE_END, "\n", found)
        if self._spec.model_type in ("bart", "pegasus"):
            found = _SPACED.sub(r"\1", found)
        return found.strip()

    def _encode(self, texts: Sequence[str], prefix: str = "") -> list[list[int]]:
        # Text is text: `</s>` in an article must not end it, `__fr__` must not change its language.
        found = self._raw([prefix + self._disarm(text) for text in texts])
        return [[token for token in ids if token not in self._steering] for ids in found]

    def _raw(self, texts: Sequence[str]) -> list[list[int]]:
        with self._lock:
            found: list[list[int]] = self._tokenizer(
                list(texts),
                add_special_tokens=False,
                split_special_tokens=True,
                truncation=False,
                padding=False,
                verbose=False,
            )["input_ids"]
        return found

    def _lead(self, index: int) -> tuple[int, ...]:
        """What a language is where it is written as part of the text: its token, for T5 behind the mark of a blank."""
        written = tuple(self._raw([str(self._tokenizer.convert_ids_to_tokens(index))])[0])
        return written if index in written and self._unknown not in written else (index,)

    def _check_ranges(self, known: Mapping[str, int]) -> None:
        """Refuse what would look up an embedding that is not there; tokens that no text becomes may lie beyond."""
        text = (index for index in known.values() if index not in self._steering)
        around = (*self._before, *self._after) if self._style == "none" else ()
        if max((*text, *around, self._eos)) >= self._spec.source_vocab:
            raise LoadError("the tokenizer has tokens that the model has no embedding for; is it another model's?")
        highest = max(self._ids.values(), default=0)
        written = self._style in (*_FORCING, "source_last")
        if highest >= self._spec.source_vocab or (written and highest >= self._spec.vocab):
            raise LoadError("the tokenizer has language tokens that the model has no embedding for")


def _characters(bytes_written: str) -> str:
    return bytes.fromhex(bytes_written.replace("<0x", "").replace(">", "")).decode("utf-8", "replace").replace("\0", "")


def _usual_style(spec: ModelSpec, ids: Mapping[str, int], tokenizer: Any) -> LanguageStyle:
    if not ids:
        return "none"
    if spec.model_type == "m2m_100":
        return "source_behind" if getattr(tokenizer, "legacy_behaviour", False) else "source_first"
    if spec.model_type == "mbart":
        return "source_last" if type(tokenizer).__name__ == "MBartTokenizer" else "source_first"
    return "target_first"
