"""How one row is decoded."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

EarlyStopping = bool | Literal["never"]


@dataclass(frozen=True, kw_only=True, eq=False)
class DecodeParams:
    """How one row is decoded; names and meanings are those of transformers' `GenerationConfig`.

    Make one per model and kind of request and share it: index tables are kept with the object, and rows that share it
    are masked together. Lengths count new tokens, so `max_length` and `min_length` of a checkpoint are one more than
    `max_new_tokens` and `min_new_tokens` here (the decoder start token).

    Attributes:
        beams: live hypotheses of beam search; 1 is greedy search or sampling.
        min_new_tokens: no end token before that many tokens.
        max_new_tokens: the row ends at that many tokens, end token included; at least 1.
        length_penalty: exponent of the length that divides the summed log probability; above 0 favours long outputs.
        early_stopping: when beam search ends: True at `beams` finished hypotheses, False when the best live one is
            worse than the worst finished one, "never" when it cannot become better any more.
        no_repeat_ngram_size: no n-gram of that many tokens occurs twice; 0 is off.
        repetition_penalty: factor above 0 by which tokens already written lose; 1 is off.
        bad_words: token sequences that are never completed.
        suppress: tokens never written.
        begin_suppress: tokens not written first (second when `forced_bos` is first).
        forced_bos: token that is written first, such as the target language.
        forced_eos: token that is written at `max_new_tokens`.
        num_return: how many finished hypotheses are wanted, at most `beams`.
        renormalize_logits: make log probabilities sum to one again after masking.
        eos: tokens that end a hypothesis; it may be empty.
        pad: padding token.
        start: decoder start token.
        do_sample: draw tokens instead of taking the best; only with one beam.
        temperature: divides the scores before drawing, above 0.
        top_k: draw among that many best tokens; 0 is off.
        top_p: draw among the best tokens that hold this share of the probability; 1 is off.
        typical_p: draw among the tokens of most typical surprise that hold this share; 1 is off.
        seed: of the row's own random numbers; None takes a fresh one.
    """

    beams: int = 1
    min_new_tokens: int = 0
    max_new_tokens: int = 256
    length_penalty: float = 1.0
    early_stopping: EarlyStopping = False
    no_repeat_ngram_size: int = 0
    repetition_penalty: float = 1.0
    bad_words: tuple[tuple[int, ...], ...] = ()
    suppress: tuple[int, ...] = ()
    begin_suppress: tuple[int, ...] = ()
    forced_bos: int | None = None
    forced_eos: int | None = None
    num_return: int = 1
    renormalize_logits: bool = False
    eos: tuple[int, ...] = ()
    pad: int
    start: int
    do_sample: bool = False
    temperature: float = 1.0
    top_k: int = 50
    top_p: float = 1.0
    typical_p: float = 1.0
    seed: int | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be decoded.

        Raises:
            ValueError: a value is out of its range, or two do not go together.
        """
        checks = {
            "beams must be at least 1": self.beams >= 1,
            "max_new_tokens must be at least 1": self.max_new_tokens >= 1,
            "min_new_tokens must not be negative": self.min_new_tokens >= 0,
            "num_return must be within 1 and beams": 1 <= self.num_return <= self.beams,
            "length_penalty must be finite": math.isfinite(self.length_penalty),
            "early_stopping must be true, false or 'never'": self.early_stopping in (True, False, "never"),
            "no_repeat_ngram_size must not be negative": self.no_repeat_ngram_size >= 0,
            "repetition_penalty must be above 0": self.repetition_penalty > 0,
            "bad_words must not hold an empty sequence": all(self.bad_words),
            "forced tokens must not be suppressed": not {self.forced_bos, self.forced_eos} & set(self.suppress),
            "do_sample needs one beam": not self.do_sample or self.beams == 1,
            "temperature must be above 0": self.temperature > 0,
            "top_k must not be negative": self.top_k >= 0,
            "top_p must be within 0 and 1": 0 <= self.top_p <= 1,
            "typical_p must be above 0 and at most 1": 0 < self.typical_p <= 1,
        }
        wrong = [complaint for complaint, holds in checks.items() if not holds]
        if wrong:
            raise ValueError("; ".join(wrong))

    @cached_property
    def plain(self) -> bool:
        """Whether scores are never changed, at any position."""
        return not (
            self.min_new_tokens
            or self.no_repeat_ngram_size
            or self.repetition_penalty != 1.0
            or self.bad_words
            or self.suppress
            or self.begin_suppress
            or self.forced_bos is not None
            or self.forced_eos is not None
            or self.renormalize_logits
        )

    @cached_property
    def eos_set(self) -> frozenset[int]:
        """The end tokens, for fast membership."""
        return frozenset(self.eos)

    @cached_property
    def bad_tokens(self) -> tuple[int, ...]:
        """Bad words of one token. An end token is not among them: it ends the row whatever the list says."""
        return tuple({word[0] for word in self.bad_words if len(word) == 1 and word[0] not in self.eos_set})

    @cached_property
    def bad_endings(self) -> Mapping[int, tuple[tuple[tuple[int, ...], int], ...]]:
        """Longer bad words by the last token of their prefix: (prefix, token that would complete it)."""
        found: defaultdict[int, list[tuple[tuple[int, ...], int]]] = defaultdict(list)
        for word in self.bad_words:
            if len(word) > 1:
                found[word[-2]].append((word[:-1], word[-1]))
        return {last: tuple(words) for last, words in found.items()}

    def banned(self, which: Literal["bad_tokens", "suppress", "begin_suppress"], device: torch.device) -> Tensor:
        """One of the fixed lists as an int64 tensor on a device, made once; empty when nothing is listed."""
        made = self._banned.get((which, device))
        if made is None:
            made = self._banned[which, device] = torch.tensor(getattr(self, which), dtype=torch.int64, device=device)
        return made

    @cached_property
    def _banned(self) -> dict[tuple[str, torch.device], Tensor]:
        return {}
