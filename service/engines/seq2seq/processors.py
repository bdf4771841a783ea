"""Scores as the logits processors of transformers leave them, for rows that differ in everything.

Source: transformers 5.23, `generation/utils.py` `_get_logits_processor` for the order, `generation/logits_process.py`
for what each processor does.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from service.engines.seq2seq.history import History
from service.engines.seq2seq.params import DecodeParams


def process(
    scores: Tensor,
    histories: Sequence[History | Sequence[int]],
    params: Sequence[DecodeParams],
    renormalize: Callable[[DecodeParams], bool] = lambda params: params.renormalize_logits,
) -> Tensor:
    """The scores with every row's own penalties, bans and forced tokens applied.

    Repetition penalty, repeated n-grams, bad words, minimum length, forced tokens, suppressed tokens, renormalization,
    in this order. A row's result does not depend on the other rows.

    Args:
        scores: [R, V] float32; logits of greedy and sampled rows, log probabilities of beam rows. Changed in place.
        histories: the R token sequences from the decoder start token on; a plain sequence is indexed at each call, a
            `History` is not.
        params: R of them; rows that share the object are masked together.
        renormalize: which rows get log probabilities that sum to one; those of `renormalize_logits` unless given.

    Returns:
        [R, V] float32, the tensor that came in.
    """
    rows = [row for row, chosen in enumerate(params) if not chosen.plain]
    if not rows:
        return scores
    known: dict[int, History] = {}
    for row in rows:
        tokens = histories[row]
        known[row] = tokens if isinstance(tokens, History) else History(tokens, params[row].no_repeat_ngram_size)
    _penalize(scores, [row for row in rows if params[row].repetition_penalty != 1.0], known, params)
    forced = {row: token for row in rows if (token := _forced(known[row], params[row])) is not None}
    free = [row for row in rows if row not in forced]
    _ban(scores, free, known, params)
    _ban_together(scores, free, params, "bad_tokens")
    for row, token in forced.items():
        scores[row].fill_(-math.inf)
        scores[row, token] = 0.0
    _ban_together(scores, rows, params, "suppress")
    _ban_together(scores, [row for row in rows if _begins(known[row], params[row])], params, "begin_suppress")
    return normalize(scores, [row for row in rows if renormalize(params[row])])


def normalize(scores: Tensor, rows: Sequence[int]) -> Tensor:
    """The scores with log probabilities in some rows.

    Args:
        scores: [R, V]; changed in place.
        rows: the rows to normalize, ascending.

    Returns:
        [R, V], the tensor that came in.
    """
    start = 0
    while start < len(rows):
        end = start + 1
        while end < len(rows) and rows[end] == rows[end - 1] + 1:
            end += 1
        part = scores[rows[start] : rows[end - 1] + 1]
        if part.device.type == "cpu":
            # A new tensor of 128 rows and 128 000 tokens costs four times the computation in fresh pages.
            torch.log_softmax(part, dim=-1, out=part)
        else:
            part.copy_(torch.log_softmax(part, dim=-1))
        start = end
    return scores


def _penalize(
    scores: Tensor, rows: Sequence[int], histories: dict[int, History], params: Sequence[DecodeParams]
) -> None:
    if not rows:
        return
    lengths = torch.tensor([len(histories[row]) for row in rows])
    # One buffer for all rows: a list of all tokens of all rows would be built in Python at each step.
    joined = bytearray(b"".join(histories[row].ids.tobytes() for row in rows))
    columns = torch.frombuffer(joined, dtype=torch.int64).to(scores.device)
    index = torch.tensor(rows).repeat_interleave(lengths).to(scores.device)
    factors = torch.tensor([params[row].repetition_penalty for row in rows], dtype=scores.dtype)
    factor = factors.repeat_interleave(lengths).to(scores.device)
    old = scores[index, columns]
    scores[index, columns] = torch.where(old < 0, old * factor, old / factor)


def _forced(history: History, params: DecodeParams) -> int | None:
    """The one token a row may write now. The end of the row outranks its beginning, as it is decided later."""
    if params.forced_eos is not None and len(history) == params.max_new_tokens:
        return params.forced_eos
    return params.forced_bos if len(history) == 1 else None


def _begins(history: History, params: DecodeParams) -> bool:
    return len(history) == (1 if params.forced_bos is None else 2)


def _ban(scores: Tensor, rows: Sequence[int], histories: dict[int, History], params: Sequence[DecodeParams]) -> None:
    """Ban what differs from row to row: few tokens each."""
    index: list[int] = []
    columns: list[int] = []
    for row in rows:
        chosen, history = params[row], histories[row]
        banned = list(history.repeats())
        if chosen.bad_endings:
            words = chosen.bad_endings.get(history.ids[-1], ())
            banned += [token for prefix, token in words if history.ends_with(prefix)]
        if len(history) <= chosen.min_new_tokens:
            banned += chosen.eos
        index += [row] * len(banned)
        columns += banned
    if index:
        at = torch.tensor((index, columns), device=scores.device)
        scores[at[0], at[1]] = -math.inf


def _ban_together(
    scores: Tensor,
    rows: Sequence[int],
    params: Sequence[DecodeParams],
    which: Literal["bad_tokens", "suppress", "begin_suppress"],
) -> None:
    """Ban lists that may be long but are the same for all rows that share their params."""
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for row in rows:
        if getattr(params[row], which):
            groups[id(params[row])].append(row)
    for group in groups.values():
        banned = params[group[0]].banned(which, scores.device)
        if len(group) == scores.shape[0]:
            scores.index_fill_(1, banned, -math.inf)
        else:
            scores[torch.tensor(group, device=scores.device).unsqueeze(1), banned] = -math.inf
