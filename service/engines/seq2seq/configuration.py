"""Typed reading of a checkpoint's JSON files, and what they want of decoding."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

log = logging.getLogger(__name__)

# Options of a folder that would change what is written and that this engine has not, with when they are in force. What
# is neither here, nor drawing, nor read below changes no token: caches, outputs asked for, assistants that only guess.
_NOT_HERE: Mapping[str, Callable[[float], bool]] = {
    "num_beam_groups": lambda value: value > 1,
    "diversity_penalty": lambda value: value != 0,
    "penalty_alpha": lambda value: value > 0,
    "encoder_no_repeat_ngram_size": lambda value: value > 0,
    "encoder_repetition_penalty": lambda value: value != 1,
    "guidance_scale": lambda value: value != 1,
}
# Twenty new tokens and the start token, where a folder says nothing.
_MAX_LENGTH = 21
_NOT_HERE_AT_ALL = (
    "constraints",
    "force_words_ids",
    "dola_layers",
    "exponential_decay_length_penalty",
    "sequence_bias",
    "watermarking_config",
    "stop_strings",
)


class LoadError(Exception):
    """A checkpoint folder cannot be used; the message is one sentence that says why."""


@dataclass(frozen=True, slots=True)
class GenerationDefaults:
    """What the folder wants of decoding where the caller says nothing.

    Lengths count decoder tokens and include the start token, as `max_length` does in transformers. `max_new_tokens` is
    None unless the folder sets it; it wins over `max_length`, and `min_new_tokens` over `min_length`.
    """

    start: int
    pad: int
    eos: tuple[int, ...]
    forced_bos: int | None = None
    forced_eos: int | None = None
    suppress: tuple[int, ...] = ()
    begin_suppress: tuple[int, ...] = ()
    bad_words: tuple[tuple[int, ...], ...] = ()
    max_length: int = _MAX_LENGTH
    max_new_tokens: int | None = None
    min_length: int = 0
    min_new_tokens: int = 0
    beams: int = 1
    length_penalty: float = 1.0
    early_stopping: bool | Literal["never"] = False
    no_repeat_ngram_size: int = 0
    repetition_penalty: float = 1.0
    renormalize_logits: bool = False


def read_json(path: Path, *, required: bool = True) -> dict[str, object]:
    """Return the object a JSON file holds; an empty one for a missing file that is not required.

    Raises:
        LoadError: the file is missing, unreadable, not JSON or no object.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if not required:
            return {}
        raise LoadError(f"the folder has no {path.name}") from None
    except (OSError, ValueError):
        raise LoadError(f"{path.name} cannot be read as JSON") from None
    if not isinstance(found, dict):
        raise LoadError(f"{path.name} holds no JSON object")
    return found


class Reader:
    """Typed access to a configuration; every complaint names the key."""

    def __init__(self, values: Mapping[str, object], name: str = "config.json") -> None:
        self.values = values
        self.name = name

    def whole(self, key: str) -> int:
        """Return a key that must be a whole number."""
        value = self.values.get(key)
        if isinstance(value, bool) or not isinstance(value, int):
            raise LoadError(f"{self.name}: {key} is {value!r}, not a whole number")
        return value

    def optional(self, key: str) -> int | None:
        """Return a key that may be a token id or nothing; a list of one counts as its element."""
        value = self.values.get(key)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        raise LoadError(f"{self.name}: {key} is {value!r}, not a token id")

    def number(self, key: str) -> float:
        """Return a key that must be a number."""
        value = self.values.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise LoadError(f"{self.name}: {key} is {value!r}, not a number")
        return float(value)

    def ids(self, key: str) -> tuple[int, ...]:
        """Return a key that may be one token id, several or none."""
        value = self.values.get(key)
        items = [] if value is None else value if isinstance(value, list) else [value]
        if any(isinstance(item, bool) or not isinstance(item, int) for item in items):
            raise LoadError(f"{self.name}: {key} is {value!r}, not token ids")
        return tuple(items)

    def words(self, key: str) -> tuple[tuple[int, ...], ...]:
        """Return a key that may be a list of token sequences."""
        value = self.values.get(key) or []
        if not isinstance(value, list) or any(
            not isinstance(word, list) or any(not isinstance(item, int) for item in word) for word in value
        ):
            raise LoadError(f"{self.name}: {key} is not a list of lists of token ids")
        return tuple(tuple(word) for word in value)


def read_generation(config: Reader, own: Mapping[str, object]) -> GenerationDefaults:
    """Return what the folder wants of decoding.

    A file of its own decides alone where there is one; old folders keep these values in `config.json`.

    Drawing (`do_sample` and what shapes it) is not followed, which is logged: the same request gives the same text.

    Args:
        config: of `config.json`, with the defaults of its model type.
        own: the contents of `generation_config.json`, or empty.
    Raises:
        LoadError: a value of the wrong kind, an option in force that would change the text and that this engine has
            not, or nothing that says how an output begins and ends.
    """
    values = {key: value for key, value in (own or config.values).items() if value is not None}
    for key in ("decoder_start_token_id", "bos_token_id", "eos_token_id", "pad_token_id"):
        values.setdefault(key, config.values.get(key))
    reader = Reader(values, "generation_config.json" if own else "config.json")
    _refuse(reader)
    if values.get("do_sample"):
        log.warning("%s wants tokens to be drawn; outputs are decoded without chance all the same", reader.name)
    pad = reader.optional("pad_token_id")
    start = reader.optional("decoder_start_token_id")
    start = reader.optional("bos_token_id") if start is None else start
    eos = reader.ids("eos_token_id")
    if start is None:
        raise LoadError(f"{reader.name}: no decoder_start_token_id says how an output begins")
    if not eos:
        raise LoadError(f"{reader.name}: no eos_token_id says how an output ends")
    early = values.get("early_stopping", False)
    return GenerationDefaults(
        start=start,
        pad=eos[0] if pad is None else pad,
        eos=eos,
        forced_bos=reader.optional("forced_bos_token_id"),
        forced_eos=reader.optional("forced_eos_token_id"),
        suppress=reader.ids("suppress_tokens"),
        begin_suppress=reader.ids("begin_suppress_tokens"),
        bad_words=reader.words("bad_words_ids"),
        max_length=reader.optional("max_length") or _MAX_LENGTH,
        max_new_tokens=reader.optional("max_new_tokens"),
        min_length=reader.optional("min_length") or 0,
        min_new_tokens=reader.optional("min_new_tokens") or 0,
        beams=reader.optional("num_beams") or 1,
        length_penalty=reader.number("length_penalty") if "length_penalty" in values else 1.0,
        early_stopping="never" if early == "never" else bool(early),
        no_repeat_ngram_size=reader.optional("no_repeat_ngram_size") or 0,
        repetition_penalty=reader.number("repetition_penalty") if "repetition_penalty" in values else 1.0,
        renormalize_logits=bool(values.get("renormalize_logits", False)),
    )


def _refuse(reader: Reader) -> None:
    """Refuse options without which the text would not be the one the folder's makers saw."""
    wanted = [key for key in _NOT_HERE_AT_ALL if reader.values.get(key)]
    wanted += [key for key, in_force in _NOT_HERE.items() if key in reader.values and in_force(reader.number(key))]
    if wanted:
        raise LoadError(f"{reader.name}: {', '.join(sorted(wanted))} would change the text and is not supported here")
